import { readdir, readFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { toStorageError } from '../../atomic.js'
import { DataError } from '../document.js'
import { active, parseCsv } from './csv.js'
import type { LabelItem } from './items.js'
import { columnsOf, type Label, type LabelKind, type LabelValue, readValue } from './kinds.js'
import { readTask } from './tasks.js'

export interface LabelProblem {
  readonly file: string
  readonly line: number
  readonly reason: string
}

export interface LabelSet {
  readonly kind: LabelKind
  readonly items: ReadonlyMap<string, LabelItem>
  /** In the order of the items. */
  readonly labels: readonly Label[]
  /** Everything that cannot be read; the labels are those of the other rows. */
  readonly problems: readonly LabelProblem[]
  /** Items that a labeler has not begun. */
  readonly open: number
}

/** One answer's cells, wherever they stood. */
interface Row {
  readonly line: number
  readonly item: string
  readonly answer: string
  readonly labeler: string
  readonly cells: Readonly<Record<string, string>>
}

/**
 * Reads what people filled in: the files of the tasks' folder, or those named. Texts are never read back: they stand in `items.jsonl`,
 * so that an answer changed by accident changes nothing.
 * @throws DataError where the folder or a file cannot be read, or nobody has filled in anything
 */
export async function readLabels(
  dir: string,
  options: { readonly files?: readonly string[] | undefined; readonly labeler?: string | undefined } = {},
): Promise<LabelSet> {
  const { kind, items } = await readTask(dir)
  const files = options.files ?? (await filesIn(dir))
  const problems: LabelProblem[] = []
  const groups = new Map<string, { file: string; rows: Row[] }>()
  for (const file of files) {
    const fail = (line: number, reason: string) => void problems.push({ file, line, reason })
    for (const row of await rowsOf(file, kind, fail)) {
      if (options.labeler !== undefined && row.labeler !== options.labeler) continue
      if (!items.has(row.item)) {
        fail(row.line, `there is no item ${JSON.stringify(row.item)} in ${join(dir, 'items.jsonl')}`)
        continue
      }
      const key = JSON.stringify([row.labeler, row.item])
      const group = groups.get(key) ?? { file, rows: [] }
      groups.set(key, group)
      group.rows.push(row)
    }
  }
  const labels: Label[] = []
  let open = 0
  for (const { file, rows } of groups.values()) {
    const item = items.get(rows[0]!.item)!
    const label = labelOf(kind, item, rows, (line, reason) => void problems.push({ file, line, reason }))
    if (label === 'open') open++
    else if (label) labels.push(label)
  }
  if (labels.length === 0 && problems.length === 0) {
    const whose = options.labeler === undefined ? 'nobody has' : `${options.labeler} has not`
    throw new DataError('data-empty', `${whose} filled in anything yet in ${files.join(', ') || dir}`)
  }
  const place = new Map([...items.keys()].map((id, index) => [id, index]))
  labels.sort((a, b) => place.get(a.item)! - place.get(b.item)! || (a.labeler < b.labeler ? -1 : 1))
  return { kind, items, labels, problems, open }
}

function labelOf(
  kind: LabelKind,
  item: LabelItem,
  rows: readonly Row[],
  fail: (line: number, reason: string) => void,
): Label | 'open' | undefined {
  const values: (LabelValue | undefined)[] = item.answers.map(() => undefined)
  const seen = new Set<number>()
  let isWrong = false
  for (const { line, answer, cells } of rows) {
    const index = Number(answer) - 1
    const read = !(index in values)
      ? { wrong: `there is no answer ${JSON.stringify(answer)}; the item has ${values.length}` }
      : seen.has(index)
        ? { wrong: `answer ${answer} of the item stands there twice for one labeler` }
        : readValue(kind, cells, item.answers.length)
    if ('wrong' in read) {
      fail(line, `item ${item.id}: ${read.wrong}`)
      isWrong = true
      continue
    }
    seen.add(index)
    values[index] = read.value
  }
  if (isWrong) return undefined
  const missing = values.indexOf(undefined)
  if (values.every((value) => value === undefined)) return 'open'
  if (kind === 'ranking' && missing >= 0) {
    fail(rows[0]!.line, `item ${item.id}: answer ${missing + 1} has no rank, and others have`)
    return undefined
  }
  return { item: item.id, labeler: rows[0]!.labeler, values: kind === 'ranking' ? dense(values) : values }
}

/** Ranks without gaps: 1, 1, 3 becomes 1, 1, 2. */
function dense(ranks: readonly unknown[]): number[] {
  const places = [...new Set(ranks as number[])].sort((a, b) => a - b)
  return (ranks as number[]).map((rank) => places.indexOf(rank) + 1)
}

async function filesIn(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((error) => {
    throw toStorageError(error, 'read', dir)
  })
  return names
    .filter((name) => /\.(csv|jsonl)$/.test(name) && name !== 'items.jsonl')
    .sort()
    .map((name) => join(dir, name))
}

async function rowsOf(
  file: string,
  kind: LabelKind,
  fail: (line: number, reason: string) => void,
): Promise<Row[]> {
  const bytes = await readFile(file).catch((error) => {
    throw toStorageError(error, 'read', file)
  })
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new DataError('data-not-text', `${file} is not UTF-8; save it as "CSV UTF-8"`)
  }
  const nameless = basename(file, extname(file))
  return extname(file) === '.jsonl' ? jsonRows(text, nameless, fail) : csvRows(text, kind, nameless, fail)
}

function csvRows(
  text: string,
  kind: LabelKind,
  nameless: string,
  fail: (line: number, reason: string) => void,
): Row[] {
  const { columns, rows, problems } = parseCsv(text)
  for (const { line, reason } of problems) fail(line, reason)
  const missing = ['item', 'answer', ...columnsOf(kind)].filter((name) => !columns.includes(name))
  if (missing.length > 0) {
    fail(1, `the column ${missing.join(', ')} is missing; the columns are ${columns.join(', ') || 'none'}`)
    return []
  }
  return rows.map(({ line, cells }) => ({
    line,
    item: active(cells.item!.trim()),
    answer: cells.answer!.trim(),
    labeler: cells.labeler?.trim() || nameless,
    cells,
  }))
}

function jsonRows(text: string, nameless: string, fail: (line: number, reason: string) => void): Row[] {
  return text.split('\n').flatMap((source, index): Row[] => {
    if (source.trim() === '') return []
    const line = index + 1
    let value: { item?: unknown; labeler?: unknown; answers?: unknown } | null
    try {
      value = JSON.parse(source)
    } catch (error) {
      fail(line, `not valid JSON (${(error as Error).message})`)
      return []
    }
    const { item, labeler, answers } = value ?? {}
    if ((typeof item !== 'string' && typeof item !== 'number') || !Array.isArray(answers)) {
      fail(line, 'it has no "item" or no list of "answers"')
      return []
    }
    return answers.map((answer: unknown) => {
      const fields = typeof answer === 'object' && answer !== null ? Object.entries(answer) : []
      const cells = Object.fromEntries(
        fields.map(([name, field]) => [name, field === null ? '' : String(field)]),
      )
      const who = typeof labeler === 'string' && labeler.trim() !== '' ? labeler.trim() : nameless
      return { line, item: String(item), answer: cells.answer ?? '', labeler: who, cells }
    })
  })
}
