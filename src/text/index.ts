/** Tokenizers: trained, loaded, saved, streamed. Browsers import `./portable.js`, which leaves out the file system. */
export * from './chat/index.js'
export { loadGpt2Files, loadTokenizer, readTexts, type SaveTokenizerOptions, saveTokenizer } from './files.js'
export * from './portable.js'
