/** Rows of other text for PPO-ptx (Ouyang et al. 2022): what the policy should not forget. */
import { type Dialogue, packDialogues, readDialogues, readTextFiles } from '../../data/index.js'
import { Rng } from '../../rng.js'
import { NDArray } from '../../tensor/index.js'
import type { ChatFormat, EncodedChat, Tokenizer } from '../../text/index.js'
import { spelled } from '../dialogue-rows.js'
import { TrainError } from '../errors.js'
import type { OnEvent } from '../events.js'
import { SkipLog } from '../skips.js'
import type { TextBatch } from './learner.js'

interface Row {
  readonly ids: Int32Array
  readonly targets: Int32Array
  readonly positions: Int32Array
  readonly documents: Int32Array
}

export interface TextRowsOptions {
  /** Plain text: every token is learnt. */
  readonly text?: readonly string[] | undefined
  /** Dialogues: the assistant's tokens are learnt. */
  readonly dialogues?: readonly string[] | undefined
  readonly tokenizer: Tokenizer
  readonly chat: ChatFormat
  readonly contextLength: number
  readonly batchSize: number
  /** Share of plain text in a batch, where there are dialogues too. */
  readonly textShare: number
  readonly seed: number
  readonly maxSkipped: number
  readonly onEvent: OnEvent
}

/**
 * Batches by number of update, each row once before any of its kind comes again. There is far more plain text than dialogues as a
 * rule, so each kind has its share of a batch. @throws TrainError where there is no row
 */
export async function textRows(options: TextRowsOptions): Promise<(update: number) => TextBatch> {
  const [dialogues, plain] = [await dialogueRows(options), await plainRows(options)]
  if (dialogues.length + plain.length === 0) {
    throw new TrainError(
      'data',
      `the text for PPO-ptx has no row of ${options.contextLength} tokens to learn from; give more, or leave ptxCoefficient at 0`,
    )
  }
  const { batchSize: B, contextLength: T, textShare, seed } = options
  const root = Rng.seed(seed).fork('ptx')
  const texts = plain.length === 0 ? 0 : dialogues.length === 0 ? B : Math.round(textShare * B)
  const nextText = inTurn(plain, texts, root.fork('text'))
  const nextDialogues = inTurn(dialogues, B - texts, root.fork('dialogues'))
  return (update) => {
    const chosen = [...nextDialogues(update), ...nextText(update)]
    const stack = (name: keyof Row) => {
      const all = new Int32Array(B * T)
      chosen.forEach((row, i) => void all.set(row[name], i * T))
      return new NDArray('i32', [B, T], all)
    }
    return {
      ids: stack('ids'),
      targets: stack('targets'),
      positions: stack('positions'),
      documents: stack('documents'),
    }
  }
}

/** `count` rows by number of update, in a new order each time round. */
function inTurn(rows: readonly Row[], count: number, rng: Rng): (update: number) => Row[] {
  let epoch = -1
  let order: number[] = []
  return (update) =>
    Array.from({ length: count }, (_, i) => {
      const at = update * count + i
      const round = Math.floor(at / rows.length)
      // Tens of thousands of rows are not shuffled anew for each that is taken.
      if (round !== epoch) order = rng.fork(round).shuffle([...rows.keys()])
      epoch = round
      return rows[order[at % rows.length]!]!
    })
}

async function dialogueRows({ dialogues, chat, contextLength, maxSkipped, onEvent }: TextRowsOptions) {
  if (!dialogues?.length) return []
  const skips = new SkipLog(onEvent, maxSkipped)
  const encode = ({ messages }: Dialogue) => spelled(() => chat.encode(messages))
  const encoded: EncodedChat[] = []
  for await (const dialogue of readDialogues(dialogues, skips.options, encode)) encoded.push(dialogue)
  skips.finish()
  const { rows, problems } = packDialogues(encoded, { contextLength })
  for (const problem of problems) onEvent({ type: 'warning', text: problem })
  return rows as readonly Row[]
}

/** Documents one after the other, cut into rows; the tail that fills no row is left out. */
async function plainRows({ text, tokenizer, contextLength: T }: TextRowsOptions): Promise<Row[]> {
  if (!text?.length) return []
  const stream: number[] = []
  for await (const document of readTextFiles(text)) {
    for (const id of tokenizer.encode(document.text)) stream.push(id)
    if (tokenizer.eosId !== undefined) stream.push(tokenizer.eosId)
  }
  const positions = Int32Array.from({ length: T }, (_, t) => t)
  return Array.from({ length: Math.floor((stream.length - 1) / T) }, (_, i) => ({
    ids: Int32Array.from(stream.slice(i * T, (i + 1) * T)),
    targets: Int32Array.from(stream.slice(i * T + 1, (i + 1) * T + 1)),
    positions,
    documents: new Int32Array(T),
  }))
}
