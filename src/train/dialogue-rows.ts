/** Dialogues as rows of packed tokens, to be learnt. */
import { type Dialogue, type PackedRow, packDialogues, readDialogues, Unfit } from '../data/index.js'
import { Rng } from '../rng.js'
import { type ChatFormat, type EncodedChat, TokenizerError } from '../text/index.js'
import { TrainError } from './errors.js'
import type { OnEvent } from './events.js'
import { SkipLog } from './skips.js'

export interface DialogueRowsOptions {
  readonly data: readonly string[]
  /** Dialogues to measure on. Default: a part of the data. */
  readonly heldOut?: readonly string[] | undefined
  readonly chat: ChatFormat
  readonly contextLength: number
  readonly recipe: {
    readonly heldOutFraction: number
    readonly maxSkipped: number
    readonly seed: number
  }
  /** Whose tokens are learnt: the assistant's (default) or everybody's. */
  readonly learn?: 'assistant' | 'all'
  readonly onEvent: OnEvent
  readonly signal?: AbortSignal | undefined
}

export interface DialogueRows {
  readonly train: readonly PackedRow[]
  readonly heldOut: readonly PackedRow[]
}

/** Dialogues as rows, with what could not be used told once for each reason. @throws TrainError, DataError */
export async function prepareRows({
  chat,
  recipe,
  contextLength,
  learn = 'assistant',
  onEvent,
  signal,
  ...files
}: DialogueRowsOptions): Promise<DialogueRows> {
  const skips = new SkipLog(onEvent, recipe.maxSkipped)
  const encode = ({ messages, tools }: Dialogue) =>
    spelled(() => chat.encode(messages, tools ? { tools } : {}))
  const read = async (paths: readonly string[]) => {
    const encoded: EncodedChat[] = []
    for await (const dialogue of readDialogues(paths, { ...skips.options, signal }, encode)) {
      encoded.push(learn === 'all' ? { ...dialogue, mask: dialogue.mask.map(() => 1) } : dialogue)
      if (encoded.length % 1000 === 0)
        onEvent({ type: 'progress', label: 'reading dialogues', done: encoded.length, unit: 'dialogues' })
    }
    return encoded
  }
  const all = await read(files.data)
  const given = files.heldOut?.length ? await read(files.heldOut) : undefined
  skips.finish()
  const order = Rng.seed(recipe.seed)
    .fork('held-out')
    .shuffle([...all.keys()])
  const kept = new Set(given ? [] : order.slice(0, Math.floor(all.length * recipe.heldOutFraction)))
  const pack = (dialogues: readonly EncodedChat[]) => {
    const { rows, problems } = packDialogues(dialogues, { contextLength })
    for (const problem of problems) onEvent({ type: 'warning', text: problem })
    return rows
  }
  const train = pack(all.filter((_, i) => !kept.has(i)))
  if (train.length === 0) throw new TrainError('data', 'no dialogue has anything to learn from')
  return { train, heldOut: pack(given ?? all.filter((_, i) => kept.has(i))) }
}

/** What `encode` gives. @throws Unfit where the vocabulary cannot spell the text: a record less, not the end of a run */
export function spelled<T>(encode: () => T): T {
  try {
    return encode()
  } catch (error) {
    if (error instanceof TokenizerError && error.code === 'tokenizer_unknown_text')
      throw new Unfit(error.message)
    throw error
  }
}
