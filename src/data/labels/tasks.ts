import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errorCode, makeDirectory, toStorageError, writeFileAtomic } from '../../atomic.js'
import { Rng } from '../../rng.js'
import { DataError } from '../document.js'
import { inert, writeCsv } from './csv.js'
import { type LabelItem, readLabelItems } from './items.js'
import { columnsOf, LABEL_KINDS, type LabelKind } from './kinds.js'

export interface WriteTasksOptions {
  readonly kind: LabelKind
  readonly items: AsyncIterable<LabelItem> | Iterable<LabelItem>
  readonly out: string
  /** Who labels. Names become file names. */
  readonly labelers: readonly string[]
  /** How many labelers see each item. Default: all. */
  readonly overlap?: number
  /** Decides who sees what, and the order of the answers. */
  readonly seed?: number
  /** 'csv' opens in a spreadsheet; 'jsonl' is for programs. */
  readonly format?: 'csv' | 'jsonl'
}

export interface TasksSummary {
  readonly dir: string
  readonly kind: LabelKind
  readonly items: number
  readonly files: readonly { readonly path: string; readonly labeler: string; readonly items: number }[]
}

const taskSchema = z.object({ kind: z.enum(LABEL_KINDS) })

/**
 * Writes a folder of tasks: `task.json`, `items.jsonl` (the texts as they are), and a file for each labeler to fill in, with a row
 * for each answer. Every labeler sees the answers in an order of their own, so that places do not make the ranks.
 *
 * @throws DataError `data-empty` without items, `data-option`, or where tasks are there already (people may have filled them in)
 */
export async function writeLabelTasks(options: WriteTasksOptions): Promise<TasksSummary> {
  const { kind, out, labelers, overlap = labelers.length, seed = 0, format = 'csv' } = options
  checkLabelers(labelers, overlap)
  const items: LabelItem[] = []
  for await (const item of options.items) {
    if (kind === 'ranking' && item.answers.length < 2) {
      throw new DataError(
        'data-option',
        `item ${JSON.stringify(item.id)} has one answer; ranking needs two or more, thumbs or the rubric take one`,
      )
    }
    items.push(item)
  }
  if (items.length === 0) throw new DataError('data-empty', 'there is nothing to label')
  await makeDirectory(out)
  await refuseExisting(join(out, 'task.json'))
  await writeFileAtomic(join(out, 'items.jsonl'), jsonLines(items))
  const rng = Rng.seed(seed)
  const shares = assignShares(items.length, labelers.length, overlap, rng)
  const files = await Promise.all(
    labelers.map(async (labeler, n) => {
      const share = shares[n]!.map((index) => items[index]!)
      const path = join(out, `${labeler}.${format}`)
      const order = ({ id, answers }: LabelItem) =>
        rng
          .fork(labeler)
          .fork(id)
          .shuffle([...answers.keys()])
      await writeFileAtomic(
        path,
        format === 'csv' ? asCsv(kind, share, labeler, order) : asJson(kind, share, labeler),
      )
      return { path, labeler, items: share.length }
    }),
  )
  // Last: a folder with it is whole.
  await writeFileAtomic(
    join(out, 'task.json'),
    `${JSON.stringify({ kind, labelers, overlap, seed }, null, 2)}\n`,
  )
  return { dir: out, kind, items: items.length, files }
}

/** Which items each labeler sees: every item `overlap` of them, everyone about as many. */
export function assignShares(items: number, labelers: number, overlap: number, rng: Rng): number[][] {
  const shares: number[][] = Array.from({ length: labelers }, () => [])
  const order = rng.fork('shares').shuffle([...Array(items).keys()])
  for (const [place, item] of order.entries()) {
    for (let k = 0; k < overlap; k++) shares[(place * overlap + k) % labelers]!.push(item)
  }
  return shares.map((share) => share.sort((a, b) => a - b))
}

/** The kind and the items of a folder of tasks. @throws DataError where it is none */
export async function readTask(dir: string): Promise<{ kind: LabelKind; items: Map<string, LabelItem> }> {
  const path = join(dir, 'task.json')
  let json: unknown
  try {
    json = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if (errorCode(error) === 'ENOENT')
      throw new DataError('data-missing', `${dir} is no folder of label tasks: it has no task.json`)
    if (error instanceof SyntaxError) throw new DataError('data-malformed', `${path} is not JSON`)
    throw toStorageError(error, 'read', path)
  }
  const task = taskSchema.safeParse(json)
  if (!task.success)
    throw new DataError('data-malformed', `${path} does not say what kind of labels these are`)
  const items = new Map<string, LabelItem>()
  for await (const item of readLabelItems([join(dir, 'items.jsonl')])) items.set(item.id, item)
  return { kind: task.data.kind, items }
}

function asCsv(
  kind: LabelKind,
  items: readonly LabelItem[],
  labeler: string,
  order: (item: LabelItem) => number[],
): string {
  const filled = columnsOf(kind)
  const rows = items.flatMap((item) => {
    const { id, prompt, answers } = item
    const asked = prompt
      .map(({ role, content }) => (prompt.length === 1 ? content : `${role}: ${content}`))
      .join('\n\n')
    return order(item).map((index) => [
      inert(id),
      String(index + 1),
      inert(asked),
      inert(answers[index]!),
      ...filled.map(() => ''),
      '',
      labeler,
    ])
  })
  return writeCsv(['item', 'answer', 'prompt', 'text', ...filled, 'comment', 'labeler'], rows)
}

function asJson(kind: LabelKind, items: readonly LabelItem[], labeler: string): string {
  const fields = Object.fromEntries(columnsOf(kind).map((name) => [name, null]))
  return jsonLines(
    items.map(({ id, prompt, answers }) => ({
      item: id,
      labeler,
      prompt,
      answers: answers.map((text, index) => ({ answer: index + 1, text, ...fields })),
    })),
  )
}

const jsonLines = (values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('')

function checkLabelers(labelers: readonly string[], overlap: number): void {
  const wrong = labelers.find(
    (name, i) => !/^[\p{L}\p{N}][\p{L}\p{N}_. -]*$/u.test(name) || labelers.indexOf(name) !== i,
  )
  if (
    labelers.length === 0 ||
    wrong !== undefined ||
    ['items', 'task'].some((name) => labelers.includes(name))
  ) {
    throw new DataError(
      'data-option',
      `labelers need names of letters and digits, each once, and not "items" or "task"${wrong === undefined ? '' : `; not ${JSON.stringify(wrong)}`}`,
    )
  }
  if (!Number.isInteger(overlap) || overlap < 1 || overlap > labelers.length) {
    throw new DataError(
      'data-option',
      `${overlap} of ${labelers.length} labelers cannot see each item; choose from 1 to ${labelers.length}`,
    )
  }
}

async function refuseExisting(path: string): Promise<void> {
  try {
    await readFile(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw toStorageError(error, 'read', path)
  }
  throw new DataError(
    'data-option',
    `${path} is there already, and people may have filled in its files; choose another folder`,
  )
}
