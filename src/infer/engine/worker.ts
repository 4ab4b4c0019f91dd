/** The thread that the engine works in. */
import { parentPort } from 'node:worker_threads'
import { EngineCore } from './core.js'
import type { FromEngine, ToEngine } from './protocol.js'

const port = parentPort!
const core = new EngineCore((message: FromEngine) => port.postMessage(message))
port.on('message', (message: ToEngine) => core.receive(message))
