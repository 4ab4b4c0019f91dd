/** Answers that are always of a wanted form: JSON, JSON of a schema, calls of tools. Pure: nothing here knows a model. */
export { createConstraint } from './constraint.js'
export { compileJsonSchema, jsonObjectGrammar } from './schema/compile.js'
export { createToolCallParser, parseToolCalls, type ToolCallParser } from './tool-calls.js'
export { type ToolDescription, toolGrammar } from './tools.js'
export {
  type Constraint,
  DEFAULT_SCHEMA_LIMITS,
  type Grammar,
  type SchemaLimits,
  type ToolCallEvent,
  type ToolChoice,
  type Vocabulary,
} from './types.js'
export { createVocabulary, type VocabularyOptions } from './vocabulary.js'
