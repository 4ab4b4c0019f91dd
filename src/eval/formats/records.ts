/** Examples from files: JSON Lines, JSON and CSV, plain or gzipped, with what could not be read counted and named. */
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import type { z } from 'zod'
import { errorCode, toStorageError } from '../../atomic.js'
import { EvaluationError } from '../errors.js'
import { parseCsv } from './csv.js'

/** A line (or element, or row) that was left out. */
export interface Skipped {
  readonly file: string
  /** Counted from 1; of a JSON file, the element. */
  readonly line: number
  readonly reason: string
}

export interface RowsOptions {
  readonly signal?: AbortSignal | undefined
  /** More broken lines than these end the reading with an error. Default 1000. */
  readonly maxSkipped?: number
  /** Characters of a file, unpacked, at most. Default 2^29. */
  readonly maxLength?: number
}

export interface Rows<T> {
  readonly rows: T[]
  readonly skipped: Skipped[]
}

/** What a file says, before anybody knows whether it fits. */
interface RawRecord {
  readonly line: number
  readonly value?: unknown
  /** Why there is no value. */
  readonly broken?: string
}

/**
 * The rows of a file that fit a schema. `.jsonl` and `.ndjson` have one JSON value a line, `.json` an array of them, `.csv` and `.tsv`
 * a row of column names first; each may end in `.gz`.
 *
 * @throws EvaluationError `eval/data` where nothing fits or too much is broken, StorageError
 */
export async function readRows<T>(
  file: string,
  schema: z.ZodType<T>,
  options: RowsOptions = {},
): Promise<Rows<T>> {
  const { maxSkipped = 1000 } = options
  const rows: T[] = []
  const skipped: Skipped[] = []
  for (const { line, value, broken } of recordsOf(file, await readText(file, options))) {
    const parsed = broken === undefined ? schema.safeParse(value) : undefined
    if (parsed?.success) rows.push(parsed.data)
    else skipped.push({ file, line, reason: broken ?? mismatch(parsed!.error!, value) })
    if (skipped.length > maxSkipped) throw tooMany(file, skipped)
  }
  if (rows.length === 0) throw nothing(file, skipped)
  return { rows, skipped }
}

/**
 * The text of a file, unpacked where its name ends in `.gz`.
 * @throws EvaluationError `eval/data` for what is no UTF-8 or too large, StorageError
 */
export async function readText(
  file: string,
  { signal, maxLength = 2 ** 29 }: RowsOptions = {},
): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  const source = createReadStream(file, { signal })
  const stream = file.toLowerCase().endsWith('.gz') ? source.pipe(createGunzip()) : source
  source.on('error', (error) => stream.destroy(error))
  try {
    for await (const chunk of stream) {
      text += decoder.decode(chunk as Buffer, { stream: true })
      if (text.length > maxLength) {
        throw new EvaluationError('eval/data', `${file} holds more than ${maxLength} characters; split it`)
      }
    }
    return text + decoder.decode()
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof TypeError) {
      throw new EvaluationError('eval/data', `${file} is not UTF-8 text; save it as UTF-8`, { cause: error })
    }
    if (errorCode(error)?.startsWith('Z_')) {
      throw new EvaluationError('eval/data', `${file} cannot be unpacked: ${(error as Error).message}`, {
        cause: error,
      })
    }
    throw toStorageError(error, 'read', file)
  } finally {
    source.destroy()
  }
}

function recordsOf(file: string, text: string): Iterable<RawRecord> {
  const name = file.toLowerCase().replace(/\.gz$/, '')
  if (name.endsWith('.csv')) return csvRecords(text, ',')
  if (name.endsWith('.tsv')) return csvRecords(text, '\t')
  if (name.endsWith('.json')) return jsonRecords(file, text)
  if (/\.(jsonl|ndjson)$/.test(name)) return lineRecords(text)
  throw new EvaluationError('eval/data', `${file} has to be .jsonl, .json, .csv or .tsv (each also with .gz)`)
}

function* lineRecords(text: string): Generator<RawRecord> {
  for (const [i, source] of text.split('\n').entries()) {
    if (source.trim() === '') continue
    try {
      yield { line: i + 1, value: JSON.parse(source) }
    } catch (error) {
      yield { line: i + 1, broken: `not JSON (${(error as Error).message.slice(0, 120)})` }
    }
  }
}

function* jsonRecords(file: string, text: string): Generator<RawRecord> {
  const value = parseJson(file, text)
  const list: unknown[] = Array.isArray(value) ? value : [value]
  for (const [i, item] of list.entries()) yield { line: i + 1, value: item }
}

/** @throws EvaluationError `eval/data` */
export function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new EvaluationError(
      'eval/data',
      `${file} is not JSON (${(error as Error).message.slice(0, 120)})`,
      {
        cause: error,
      },
    )
  }
}

function* csvRecords(text: string, delimiter: string): Generator<RawRecord> {
  let names: readonly string[] | undefined
  for (const { line, fields, broken } of parseCsv(text, delimiter)) {
    if (broken !== undefined) yield { line, broken }
    else if (names === undefined) names = fields.map((name) => name.trim())
    else if (fields.length !== names.length)
      yield { line, broken: `${fields.length} fields, and the header has ${names.length}` }
    else yield { line, value: Object.fromEntries(names.map((name, i) => [name, fields[i]!])) }
  }
}

function mismatch(error: z.ZodError, value: unknown): string {
  const [issue] = error.issues
  const where = issue!.path.join('.')
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  const has = isObject
    ? `it has ${Object.keys(value).slice(0, 8).join(', ') || 'nothing'}`
    : 'it is no object'
  const missing = issue!.path.length === 1 && isObject && !(issue!.path[0]! in value)
  if (missing) return `there is no "${where}" (${has})`
  return `${where === '' ? '' : `"${where}": `}${issue!.message} (${has})`
}

function nothing(file: string, skipped: readonly Skipped[]): EvaluationError {
  const [first] = skipped
  return new EvaluationError(
    'eval/data',
    first === undefined
      ? `${file} holds no examples`
      : `${file} has no usable example: all ${skipped.length} were left out; the first, line ${first.line}: ${first.reason}`,
  )
}

function tooMany(file: string, skipped: readonly Skipped[]): EvaluationError {
  const first = skipped[0]!
  return new EvaluationError(
    'eval/data',
    `${file} has more than ${skipped.length - 1} broken lines; the first, line ${first.line}: ${first.reason}`,
  )
}
