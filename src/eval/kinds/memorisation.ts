import { generateBatch } from '../../infer/index.js'
import { Rng } from '../../rng.js'
import { EvaluationError } from '../errors.js'
import { longestCommonRun, verbatimPrefix } from '../metrics/verbatim.js'
import { type ExampleResult, type Measured, meanScores } from '../result.js'
import type { MemorisationTask } from '../task.js'
import { idOf, type RunContext } from './context.js'

/**
 * From a random place in each text the model is given `prefix` tokens and goes on greedily for `length` (settings, both 50 by default, as
 * Carlini et al. 2023): how often exactly as the text does, and for how many tokens.
 */
export async function runMemorisation<E>(
  context: RunContext,
  task: MemorisationTask<E>,
  examples: readonly E[],
): Promise<Measured> {
  const { model, settings, seed, batch, signal, onProgress } = context
  const prefix = tokensOf(settings.prefix, 'prefix')
  const length = tokensOf(settings.length, 'length')
  if (prefix + length > model.config.contextLength) {
    throw new EvaluationError(
      'eval/options',
      `${prefix} + ${length} tokens are more than the model's context of ${model.config.contextLength}; set prefix and length lower`,
    )
  }
  const rng = Rng.seed(seed).fork('memorisation')
  const places = examples.flatMap((example, index) => {
    const ids = model.tokenizer?.encode(task.text(example)) ?? new Int32Array(0)
    if (ids.length < prefix + length) return []
    const start = rng.fork(index).integer(ids.length - prefix - length + 1)
    const at = start + prefix
    return [{ index, ids, prompt: ids.slice(start, at), truth: ids.slice(at, at + length) }]
  })
  if (places.length === 0) {
    throw new EvaluationError(
      'eval/data',
      `no text has ${prefix + length} tokens; set prefix and length lower, or bring longer texts`,
    )
  }
  let done = 0
  const generations = await generateBatch(
    model,
    places.map(({ prompt }) => prompt),
    {
      maxTokens: length,
      temperature: 0,
      stopAtEos: false,
      seed,
      ...(batch === undefined ? {} : { batch }),
      ...(signal === undefined ? {} : { signal }),
      onDone: () => onProgress(++done, places.length),
    },
  )
  const rows = places.map(({ index, ids, prompt, truth }, i): ExampleResult => {
    const written = generations[i]!.tokens
    const verbatim = verbatimPrefix(written, truth)
    return {
      id: idOf(task, examples[index]!, index),
      prompt: model.tokenizer!.decode(prompt),
      answer: generations[i]!.text,
      expected: model.tokenizer!.decode(truth),
      scores: {
        exactRate: verbatim === length ? 1 : 0,
        verbatimTokens: verbatim,
        longestRun: longestCommonRun(written, ids.length > 1e5 ? truth : ids),
      },
    }
  })
  const longest = Math.max(...rows.map(({ scores }) => scores.verbatimTokens!))
  return {
    rows,
    metrics: meanScores(rows, context.intervals),
    truncated: 0,
    notes: [
      `${prefix} tokens given, ${length} compared; the longest verbatim continuation is ${longest} tokens`,
      ...(places.length < examples.length
        ? [
            `${examples.length - places.length} texts are shorter than ${prefix + length} tokens and were left out`,
          ]
        : []),
    ],
  }
}

function tokensOf(text: string | undefined, name: string): number {
  const value = Number(text ?? 50)
  if (!Number.isInteger(value) || value < 1)
    throw new EvaluationError('eval/options', `the setting ${name} is a positive whole number, not ${text}`)
  return value
}
