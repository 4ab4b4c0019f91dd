/** What a reward model learns from and is measured on. */
import { type Dialogue, type Ranking, readDialogues, readRankings } from '../data/index.js'
import { encodeForScore } from '../infer/index.js'
import {
  type ComparedPrompt,
  type ComparisonCounts,
  checkPreferences,
  comparePrompt,
  countComparisons,
  splitByPrompt,
} from './comparisons.js'
import { spelled } from './dialogue-rows.js'
import { TrainError } from './errors.js'
import type { OnEvent } from './events.js'
import type { RewardRecipe } from './reward-recipe.js'
import { SkipLog } from './skips.js'
import type { StageRun } from './stage.js'

export interface RewardData {
  /** Each has a comparison to learn from. */
  readonly train: readonly ComparedPrompt[]
  /** Prompts that are not in `train`. */
  readonly heldOut: readonly ComparedPrompt[]
  /** Rows whose scores get the mean 0. */
  readonly demonstrations: readonly Int32Array[]
  readonly counts: {
    readonly train: ComparisonCounts
    readonly heldOut: ComparisonCounts
    /** Records that could not be used. */
    readonly skipped: number
  }
}

/** @throws TrainError where there is nothing to learn; DataError */
export async function prepareRewardData(
  { chat, recipe, inputs, config }: StageRun<RewardRecipe>,
  onEvent: OnEvent,
  signal: AbortSignal | undefined,
): Promise<RewardData> {
  const T = Math.min(recipe.contextLength ?? config.contextLength, config.contextLength)
  if (!inputs.data?.length)
    throw new TrainError('recipe', 'reward needs rankings or pairs; give a file of them')
  const skips = new SkipLog(onEvent, recipe.maxSkipped)
  const progress = (label: string, done: number) => {
    signal?.throwIfAborted()
    if (done % 1000 === 0) onEvent({ type: 'progress', label, done, unit: 'prompts' })
  }
  const read = async (paths: readonly string[]) => {
    const prompts: ComparedPrompt[] = []
    const compared = (ranking: Ranking) => spelled(() => comparePrompt(ranking, chat, T))
    for await (const prompt of readRankings(paths, { ...skips.options, signal }, compared)) {
      prompts.push(prompt)
      progress('reading rankings', prompts.length)
    }
    return prompts
  }
  const all = await read(inputs.data)
  checkPreferences(all)
  const given = inputs.heldOut?.length ? await read(inputs.heldOut) : undefined
  const split = given
    ? { train: without(all, given, onEvent), heldOut: given }
    : splitByPrompt(all, recipe.heldOutFraction, recipe.splitSeed ?? recipe.seed)
  checkPreferences(split.train)
  const counts = { train: countComparisons(split.train), heldOut: countComparisons(split.heldOut) }
  for (const [what, { identical, cut, tooLong }] of Object.entries({
    training: counts.train,
    'held-out': counts.heldOut,
  })) {
    if (identical > 0)
      onEvent({ type: 'warning', text: `${identical} ${what} comparisons of identical answers are left out` })
    if (cut > tooLong)
      onEvent({
        type: 'warning',
        text: `${cut - tooLong} ${what} answers come without the beginning of their dialogue: the context holds ${T} tokens`,
      })
    if (tooLong > 0)
      onEvent({
        type: 'warning',
        text: `${tooLong} ${what} answers fill the ${T} tokens of the context: their prompts are not read, nor the beginnings of longer ones`,
      })
  }
  const usable = ({ tie }: { readonly tie: boolean }) => !tie || recipe.ties === 'half'
  const train = split.train.filter(({ comparisons }) => comparisons.some(usable))
  const demonstrations: Int32Array[] = []
  if (inputs.demonstrations?.length) {
    const encode = ({ messages }: Dialogue) =>
      messages.some(({ role }) => role === 'assistant')
        ? spelled(() => encodeForScore(chat, messages, T).ids)
        : undefined
    for await (const ids of readDialogues(inputs.demonstrations, { ...skips.options, signal }, encode)) {
      if (!ids) continue
      demonstrations.push(ids)
      progress('reading demonstrations', demonstrations.length)
    }
    if (demonstrations.length === 0)
      throw new TrainError('data', 'the demonstrations have no answer of the assistant to set the scores by')
  } else {
    demonstrations.push(...train.map(({ rows, best }) => rows[best]!))
  }
  skips.finish()
  return { train, heldOut: split.heldOut, demonstrations, counts: { ...counts, skipped: skips.count } }
}

/** Training prompts that are not among those to measure on. */
function without(
  prompts: readonly ComparedPrompt[],
  heldOut: readonly ComparedPrompt[],
  onEvent: OnEvent,
): ComparedPrompt[] {
  const keys = new Set(heldOut.map(({ key }) => key))
  const kept = prompts.filter(({ key }) => !keys.has(key))
  const shared = prompts.length - kept.length
  if (shared > 0)
    onEvent({
      type: 'warning',
      text: `${shared} prompts stand in the held-out file too and are not trained on`,
    })
  return kept
}
