import type { EncodedChat } from '../../text/index.js'
import { DataError } from '../document.js'

/** A row of T slots with one or more dialogues, which must not see each other. All i32 [T]. */
export interface PackedRow {
  readonly ids: Int32Array
  /** The token that follows, where the assistant wrote it; -100 where there is nothing to learn. */
  readonly targets: Int32Array
  /** From 0 in every dialogue. */
  readonly positions: Int32Array
  /** 0, 1, ... for the dialogues of the row, -1 for padding. */
  readonly documents: Int32Array
  /** How many targets there are. */
  readonly trained: number
}

export interface Packing {
  readonly rows: readonly PackedRow[]
  /** What was left out or shortened and why, a sentence for each reason. */
  readonly problems: readonly string[]
  /** Dialogues in the rows; those among them that were cut; those left out. */
  readonly packed: number
  readonly cut: number
  readonly leftOut: number
}

/**
 * Puts dialogues into as few rows of `contextLength` as first-fit-decreasing finds. What follows the last token to learn is left away.
 * A dialogue that is too long loses its earliest turns, never its system message; it begins with the user then. It is left out where
 * its last exchange alone is too long, and so is one in which there is nothing to learn.
 *
 * @throws DataError where `contextLength` is not a whole number from 1 on
 */
export function packDialogues(
  encoded: readonly EncodedChat[],
  { contextLength }: { readonly contextLength: number },
): Packing {
  checkWhole('contextLength', contextLength)
  const fitting: Example[] = []
  const [empty, long, cut]: [number[], number[], number[]] = [[], [], []]
  for (const [index, chat] of encoded.entries()) {
    const whole = example(chat, 0, 0)
    if (!whole) empty.push(index)
    else if (whole.slots <= contextLength) fitting.push(whole)
    else {
      const shorter = shorten(chat, contextLength)
      if (shorter) {
        fitting.push(shorter)
        cut.push(index)
      } else long.push(index)
    }
  }
  const problems = [
    tell(empty, encoded.length, 'have nothing that the assistant said and were left out'),
    tell(long, encoded.length, `have a last exchange longer than ${contextLength} tokens and were left out`),
    tell(cut, encoded.length, `are longer than ${contextLength} tokens and lost their earliest turns`),
  ].filter((problem) => problem !== undefined)
  const rows = firstFitDecreasing(fitting, contextLength).map((row) => rowOf(row, contextLength))
  return { rows, problems, packed: fitting.length, cut: cut.length, leftOut: empty.length + long.length }
}

interface Example {
  readonly ids: Int32Array
  readonly mask: Uint8Array
  /** Tokens that are read; the last token is only a target. */
  readonly slots: number
}

/** The tokens before `kept` and those from `start` to the last one to learn; undefined where there is none of these. */
function example({ ids, mask }: EncodedChat, kept: number, start: number): Example | undefined {
  const end = mask.lastIndexOf(1) + 1
  // The very first token follows nothing.
  if (end <= Math.max(start, 1)) return undefined
  if (kept === start) return { ids: ids.subarray(0, end), mask: mask.subarray(0, end), slots: end - 1 }
  const join = <A extends Int32Array | Uint8Array>(joined: A, values: A): A => {
    joined.set(values.subarray(0, kept))
    joined.set(values.subarray(start, end), kept)
    return joined
  }
  const length = kept + end - start
  return {
    ids: join(new Int32Array(length), ids),
    mask: join(new Uint8Array(length), mask),
    slots: length - 1,
  }
}

/** The system message and as many of the last turns as fit, from one of the user on. */
function shorten(chat: EncodedChat, contextLength: number): Example | undefined {
  const { turns = [] } = chat
  const kept = turns.find(({ role }) => role !== 'system')?.start
  if (kept === undefined) return undefined
  for (const { role, start } of turns) {
    if (role !== 'user' || start <= kept) continue
    const shorter = example(chat, kept, start)
    if (shorter && shorter.slots <= contextLength) return shorter
  }
  return undefined
}

/** The longest first, each into the first row that has room; a tree over the rows' room finds that in O(log n). */
function firstFitDecreasing(examples: readonly Example[], contextLength: number): Example[][] {
  const order = [...examples].sort((a, b) => b.slots - a.slots)
  const leaves = 2 ** Math.ceil(Math.log2(Math.max(1, order.length)))
  const room = new Int32Array(2 * leaves).fill(contextLength)
  const rows: Example[][] = []
  for (const one of order) {
    let node = 1
    while (node < leaves) node = room[2 * node]! >= one.slots ? 2 * node : 2 * node + 1
    const row = node - leaves
    rows[row] ??= []
    rows[row].push(one)
    room[node]! -= one.slots
    for (node >>= 1; node >= 1; node >>= 1) room[node] = Math.max(room[2 * node]!, room[2 * node + 1]!)
  }
  return rows
}

function rowOf(examples: readonly Example[], T: number): PackedRow {
  const ids = new Int32Array(T)
  const targets = new Int32Array(T).fill(-100)
  const positions = new Int32Array(T)
  const documents = new Int32Array(T).fill(-1)
  let at = 0
  let trained = 0
  for (const [document, { ids: tokens, mask, slots }] of examples.entries()) {
    for (let t = 0; t < slots; t++, at++) {
      ids[at] = tokens[t]!
      positions[at] = t
      documents[at] = document
      if (!mask[t + 1]) continue
      targets[at] = tokens[t + 1]!
      trained++
    }
  }
  for (let t = 0; at < T; t++, at++) positions[at] = t
  return { ids, targets, positions, documents, trained }
}

function tell(indices: readonly number[], total: number, what: string): string | undefined {
  if (indices.length === 0) return undefined
  return `${indices.length} of ${total} dialogues ${what} (the first is number ${indices[0]! + 1})`
}

function checkWhole(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new DataError('data-option', `${name} must be a whole number from 1 on, not ${value}`)
}
