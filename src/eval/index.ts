/** Measuring models. */
export { EvaluationError } from './errors.js'
export { type Perplexity, type PerplexityOptions, perplexity } from './perplexity.js'
