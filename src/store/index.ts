/** What people said and what the server knows: conversations, feedback, keys, usage, models, documents. */
export { StoreError, type StoreReason } from './errors.js'
export { ID_PREFIXES, type IdPrefix, newId } from './ids.js'
export * from './types.js'
