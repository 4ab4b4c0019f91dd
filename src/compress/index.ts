export { ExportError } from './errors.js'
export { type ExportedGguf, type ExportGgufOptions, exportGguf, ggufTypes } from './export-gguf.js'
export { ggufTokenizer } from './gguf-tokenizer.js'
