/** Models behind OpenAI-compatible endpoints: the client, and a cache so that nothing is paid twice. */
export { createDiskCache, type DiskCache } from './cache.js'
export { type ChatReply, type ChatUsage, completeChat, type EndpointOptions } from './endpoint.js'
export { EndpointError, type EndpointErrorKind } from './errors.js'
export { inParallel } from './parallel.js'
