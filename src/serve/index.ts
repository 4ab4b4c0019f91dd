/** Models over HTTP: OpenAI's API, the API of the studio, and the server below them. */
export { createApp } from './app.js'
export { ASSISTANT, type AssistantOptions, makeAssistant } from './assistant.js'
export { requireScope } from './auth.js'
export {
  type ConfigSources,
  readConfig,
  type ServeConfig,
  type ServeConfigInput,
  serveConfigSchema,
} from './config.js'
export { type Caller, type ContextParts, createContext, createRouter, type ServeContext } from './context.js'
export { ApiError, ServeError } from './errors.js'
export { type HttpServer, listen } from './http/server.js'
export { createLog } from './log.js'
export { type RunningServer, type StartOptions, startServer } from './start.js'
