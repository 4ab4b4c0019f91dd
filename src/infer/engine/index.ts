/** Models behind one door: continuous batching in a thread of its own. */
export { startEngine } from './client.js'
export { type Connect, type EnginePort, localPort, type PortHandlers, threadPort } from './port.js'
export type * from './types.js'
