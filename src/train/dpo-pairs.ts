/** Pairs as DPO compares them: the tokens of both answers, and how likely the reference finds these. */
import { type Pair, readPairs } from '../data/index.js'
import { encodeForScore, padTokens } from '../infer/index.js'
import { type GptConfig, gptLogProbs, type Params } from '../models/index.js'
import { type Device, jit, mul, NDArray, sum, type Tensor } from '../tensor/index.js'
import type { ChatFormat } from '../text/index.js'
import { promptKey, splitByPrompt } from './comparisons.js'
import { spelled } from './dialogue-rows.js'
import type { DpoRecipe } from './dpo-recipe.js'
import { TrainError } from './errors.js'
import type { OnEvent } from './events.js'
import { SkipLog } from './skips.js'
import type { StageRun } from './stage.js'
import type { Weights } from './training-step.js'

export interface TokenPair {
  /** The same for the same prompt. */
  readonly key: string
  /** Prompt and answer, chosen and rejected. */
  readonly rows: readonly [Int32Array, Int32Array]
  /** Tokens of each answer, at the end of its row. */
  readonly answers: readonly [number, number]
}

export interface PairData {
  readonly train: readonly TokenPair[]
  /** Pairs of prompts that are not in `train`. */
  readonly heldOut: readonly TokenPair[]
  /** Pairs that lost earlier turns; those with an answer that fills the context, left out; records that cannot be used. */
  readonly counts: { readonly cut: number; readonly tooLong: number; readonly skipped: number }
}

/** @throws TrainError where there is no pair to learn from; DataError */
export async function preparePairs(
  { chat, recipe, inputs, config }: StageRun<DpoRecipe>,
  onEvent: OnEvent,
  signal: AbortSignal | undefined,
): Promise<PairData> {
  const T = Math.min(recipe.contextLength ?? config.contextLength, config.contextLength)
  if (!inputs.data?.length) throw new TrainError('recipe', 'dpo needs pairs of answers; give a file of them')
  const skips = new SkipLog(onEvent, recipe.maxSkipped)
  let [done, cut, tooLong] = [0, 0, 0]
  const read = async (paths: readonly string[]) => {
    const pairs: TokenPair[] = []
    const encode = (pair: Pair) => spelled(() => encodePair(pair, chat, T))
    for await (const one of readPairs(paths, { ...skips.options, signal }, encode)) {
      if (!one) tooLong++
      else {
        if (one.cut) cut++
        pairs.push(one.pair)
      }
      if (++done % 1000 === 0) onEvent({ type: 'progress', label: 'reading pairs', done, unit: 'pairs' })
    }
    return pairs
  }
  const all = await read(inputs.data)
  const given = inputs.heldOut?.length ? await read(inputs.heldOut) : undefined
  skips.finish()
  const known = new Set(given?.map(({ key }) => key))
  const { train, heldOut } = given
    ? { train: all.filter(({ key }) => !known.has(key)), heldOut: given }
    : splitByPrompt(all, recipe.heldOutFraction, recipe.seed)
  if (tooLong > 0)
    onEvent({
      type: 'warning',
      text: `${tooLong} pairs are left out: an answer fills the ${T} tokens of the context`,
    })
  if (cut > 0)
    onEvent({
      type: 'warning',
      text: `${cut} pairs come without the beginning of their dialogue: the context holds ${T} tokens`,
    })
  if (train.length === 0) {
    throw new TrainError(
      'data',
      `there is no pair to learn from${tooLong > 0 ? `: in all ${tooLong} an answer is too long for the context of ${T} tokens` : ''}`,
    )
  }
  return { train, heldOut, counts: { cut, tooLong, skipped: skips.count } }
}

function encodePair(
  { prompt, chosen, rejected }: { prompt: Parameters<typeof promptKey>[0]; chosen: string; rejected: string },
  chat: ChatFormat,
  contextLength: number,
): { pair: TokenPair; cut: boolean } | undefined {
  const encode = (content: string) =>
    encodeForScore(chat, [...prompt, { role: 'assistant', content }], contextLength)
  const [good, bad] = [encode(chosen), encode(rejected)]
  // The first token of a row follows nothing, so an answer that fills its row cannot be compared.
  if (good.answer >= good.ids.length || bad.answer >= bad.ids.length) return undefined
  const pair: TokenPair = {
    key: promptKey(prompt),
    rows: [good.ids, bad.ids],
    answers: [good.answer, bad.answer],
  }
  return { pair, cut: good.cut || bad.cut }
}

/** ids i32 [2B, T], first the chosen, then the rejected; mask f32 [2B, T - 1] is 1 where the answer is predicted. */
export type PairTokens = { readonly ids: NDArray; readonly mask: NDArray }

/** Pairs as one batch; those that are missing to `count` have an empty mask. */
export function pairTokens(
  pairs: readonly TokenPair[],
  count: number,
  padTo: (longest: number) => number,
): PairTokens {
  const longest = Math.max(...pairs.flatMap(({ rows }) => rows.map(({ length }) => length)))
  const T = padTo(longest)
  const side = (i: 0 | 1) => [
    ...pairs.map(({ rows }) => rows[i]),
    ...Array.from({ length: count - pairs.length }, () => Int32Array.of(0)),
  ]
  const { ids } = padTokens([...side(0), ...side(1)], 2 * count, T)
  const mask = new Float32Array(2 * count * (T - 1))
  for (const [n, { rows, answers }] of pairs.entries()) {
    for (const i of [0, 1] as const) {
      const end = (n + i * count) * (T - 1) + rows[i].length - 1
      mask.fill(1, end - answers[i], end)
    }
  }
  return { ids, mask: new NDArray('f32', [2 * count, T - 1], mask) }
}

/** Sums of log p over the answers' tokens: [2B]. */
export function answerLogProbs(
  config: GptConfig,
  params: Params,
  { ids, mask }: { readonly ids: Tensor; readonly mask: Tensor },
  options: { readonly dropoutKey?: Tensor } = {},
): Tensor {
  return sum(mul(gptLogProbs(config, params, ids, options), mask), 1)
}

/** The reference's log-probabilities of all pairs: f32 [n] each. */
export type ReferenceLogProbs = { readonly chosen: NDArray; readonly rejected: NDArray }

export async function referenceLogProbs(
  config: GptConfig,
  params: Weights,
  pairs: readonly TokenPair[],
  {
    device,
    batchSize,
    padTo,
    onEvent,
    signal,
  }: {
    readonly device: Device
    readonly batchSize: number
    readonly padTo: (longest: number) => number
    readonly onEvent: OnEvent
    readonly signal: AbortSignal | undefined
  },
): Promise<ReferenceLogProbs> {
  const program = jit<[Weights, PairTokens], Tensor>((p, batch) => answerLogProbs(config, p, batch), {
    device,
  })
  const [chosen, rejected] = [new Float32Array(pairs.length), new Float32Array(pairs.length)]
  const longest = ({ rows }: TokenPair) => Math.max(rows[0].length, rows[1].length)
  const order = [...pairs.keys()].sort((a, b) => longest(pairs[b]!) - longest(pairs[a]!))
  try {
    for (let at = 0; at < order.length; at += batchSize) {
      signal?.throwIfAborted()
      const taken = order.slice(at, at + batchSize)
      const batch = pairTokens(
        taken.map((i) => pairs[i]!),
        batchSize,
        padTo,
      )
      const values = await (await program(params, batch)).numbers()
      for (const [i, pair] of taken.entries()) {
        chosen[pair] = values[i]!
        rejected[pair] = values[batchSize + i]!
      }
      const done = at + taken.length
      onEvent({
        type: 'progress',
        label: 'reading with the reference',
        done,
        total: pairs.length,
        unit: 'pairs',
      })
    }
  } finally {
    await program.dispose()
  }
  const vector = (values: Float32Array) => new NDArray('f32', [values.length], values)
  return { chosen: vector(chosen), rejected: vector(rejected) }
}
