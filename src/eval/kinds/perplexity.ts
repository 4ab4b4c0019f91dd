import { EvaluationError } from '../errors.js'
import { logLikelihoods } from '../likelihood.js'
import { bootstrap, type Estimate } from '../metrics/interval.js'
import type { Measured } from '../result.js'
import type { PerplexityTask } from '../task.js'
import { idOf, type RunContext } from './context.js'

/** Loss, perplexity and bits per byte with intervals over documents; the same numbers as `perplexity` gives. */
export async function runPerplexity<E>(
  context: RunContext,
  task: PerplexityTask<E>,
  examples: readonly E[],
): Promise<Measured> {
  const { model } = context
  const { tokenizer, startId } = model
  if (!tokenizer) {
    throw new EvaluationError(
      'eval/options',
      'the model has no tokenizer, and texts cannot be read without one',
    )
  }
  const documents = examples.map((example, i) => {
    const text = task.text(example)
    const encoded = [...tokenizer.encode(text)]
    if (encoded.length === 0 || (startId === undefined && encoded.length === 1))
      throw new EvaluationError('eval/text', `text ${i} is too short to be measured; leave it out`)
    const ids = startId === undefined ? encoded : [startId, ...encoded]
    const first = startId === undefined ? tokenizer.idToBytes(ids[0]!) : new Uint8Array(0)
    const dropped = tokenizer.stripsLeadingSpace && first[0] === 32 ? 1 : 0
    return { ids, from: 1, bytes: Buffer.byteLength(text) - Math.max(0, first.length - dropped) }
  })
  const found = await logLikelihoods(model, documents, context)
  const sum = (indices: Int32Array, of: (i: number) => number) =>
    indices.reduce((total, i) => total + of(i), 0)
  const loss = (indices: Int32Array) =>
    -sum(indices, (i) => found[i]!.logLikelihood) / sum(indices, (i) => found[i]!.tokens)
  const bits = (indices: Int32Array) =>
    -sum(indices, (i) => found[i]!.logLikelihood) / Math.LN2 / sum(indices, (i) => documents[i]!.bytes)
  const estimate = (statistic: (indices: Int32Array) => number): Estimate =>
    bootstrap(examples.length, statistic, context.intervals)
  return {
    rows: found.map(({ logLikelihood, tokens }, i) => ({
      id: idOf(task, examples[i]!, i),
      scores: {
        loss: -logLikelihood / tokens,
        bitsPerByte: -logLikelihood / Math.LN2 / documents[i]!.bytes,
        tokens,
      },
    })),
    metrics: {
      bitsPerByte: estimate(bits),
      loss: estimate(loss),
      perplexity: estimate((indices) => Math.exp(loss(indices))),
    },
    truncated: 0,
  }
}
