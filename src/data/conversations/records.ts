/** The objects of JSON Lines files and of JSON arrays, one after the other, with the line that each begins in. */
import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createGunzip } from 'node:zlib'
import { errorCode, toStorageError } from '../../atomic.js'
import { splitLines } from '../../lines.js'
import { DataError } from '../document.js'

/** A record that was passed over. */
export interface SkippedRecord {
  readonly file: string
  readonly line: number
  readonly reason: string
}

export interface RecordOptions {
  /** Told of every record that cannot be used. */
  readonly onSkip?: ((skipped: SkippedRecord) => void) | undefined
  /** So many may be passed over before it is an error. Default 1000, or 0 where nobody listens to `onSkip`. */
  readonly limit?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Why a record cannot be used; thrown by who makes something of it, and turned into a {@link SkippedRecord}. */
export class Unfit extends Error {}

interface Line {
  readonly line: number
  /** Undefined where the bytes are not UTF-8. */
  readonly text: string | undefined
}

const EXTENSIONS = /\.(json|jsonl|ndjson)(\.gz)?$/i
const MAX_RECORD_BYTES = 1 << 28

/**
 * What `parse` makes of the records of `paths` (files, or folders of them; gzip is seen by its first bytes).
 * @throws DataError `data-missing`, `data-unreadable`, `data-empty` where nothing usable is found, `data-malformed` past the limit
 */
export async function* readRecords<T>(
  paths: readonly string[],
  what: string,
  options: RecordOptions,
  parse: (record: Readonly<Record<string, unknown>>) => readonly T[],
): AsyncGenerator<T> {
  const { onSkip, limit = onSkip ? 1000 : 0, signal } = options
  if (paths.length === 0) throw new DataError('data-missing', `no files of ${what}s are named`)
  let found = 0
  let skipped = 0
  let first: SkippedRecord | undefined
  for (const file of await listFiles(paths)) {
    for await (const { line, text } of recordTexts(file, signal)) {
      let items: readonly T[]
      try {
        items = parse(objectIn(text))
      } catch (error) {
        if (!(error instanceof Unfit)) throw error
        const skip = { file, line, reason: error.message }
        first ??= skip
        onSkip?.(skip)
        if (++skipped > limit) throw tooMany(what, skip, limit)
        continue
      }
      found += items.length
      yield* items
    }
  }
  if (found > 0) return
  const why = first ? ` (${first.file}, line ${first.line}: ${first.reason})` : ''
  throw new DataError('data-empty', `there is no usable ${what} in ${paths.join(', ')}${why}`)
}

function tooMany(what: string, { file, line, reason }: SkippedRecord, limit: number): DataError {
  const allowed = limit === 0 ? '' : ` More than ${limit} such record${limit === 1 ? '' : 's'}.`
  return new DataError('data-malformed', `${file}, line ${line}: not a usable ${what}: ${reason}.${allowed}`)
}

function objectIn(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined) throw new Unfit('not UTF-8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Unfit(`not valid JSON (${(error as Error).message})`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new Unfit('not a JSON object')
}

async function listFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for (const path of paths) {
    try {
      if (!(await stat(path)).isDirectory()) files.push(path)
      else {
        const inside = (await readdir(path)).filter((name) => EXTENSIONS.test(name)).sort()
        if (inside.length === 0)
          throw new DataError('data-empty', `the folder ${path} has no .json, .jsonl or .gz files`)
        files.push(...inside.map((name) => join(path, name)))
      }
    } catch (error) {
      throw unreadable(path, error)
    }
  }
  return files
}

/** The JSON texts of a file: its lines, or the elements of the array that it is. */
async function* recordTexts(path: string, signal: AbortSignal | undefined): AsyncGenerator<Line> {
  let isArray: boolean | undefined
  const arrayLines: string[] = []
  const broken = new Set<number>()
  let number = 0
  for await (const bytes of readLines(path, signal)) {
    number++
    const valid = isUtf8(bytes)
    if (!valid && isArray !== true) {
      yield { line: number, text: undefined }
      continue
    }
    if (!valid) broken.add(number)
    const text = bytes.toString('utf8').replace(/^\ufeff/, '')
    if (isArray === undefined && text.trim() !== '') isArray = text.trimStart().startsWith('[')
    // Blank lines before the bracket count as well.
    if (isArray !== false) arrayLines.push(text)
    else if (text.trim() !== '') yield { line: number, text }
  }
  if (isArray) yield* elements(arrayLines.join('\n'), broken, path)
}

/** The elements of an array's text, by its brackets: so that a broken element does not cost the others. */
function* elements(text: string, broken: ReadonlySet<number>, path: string): Generator<Line> {
  let depth = 0
  let start = -1
  let line = 1
  let startLine = 1
  let inString = false
  const element = (end: number): Line => {
    for (let n = startLine; n <= line; n++) if (broken.has(n)) return { line: startLine, text: undefined }
    return { line: startLine, text: text.slice(start, end) }
  }
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (char === '\n') line++
    if (inString) {
      if (char === '\\') i++
      else if (char === '"' || char === '\n') inString = false
      continue
    }
    const isSeparator = depth === 1 && (char === ',' || char === ']')
    if (isSeparator) {
      if (start >= 0) yield element(i)
      start = -1
    } else if (depth >= 1 && start < 0 && char.trim() !== '') {
      start = i
      startLine = line
    }
    if (char === '"') inString = true
    else if (char === '[' || char === '{') depth++
    else if (char === ']' || char === '}') depth--
  }
  if (depth === 0) return
  if (start >= 0) yield element(text.length)
  else throw new DataError('data-malformed', `${path}: the array is never closed; fetch the file again`)
}

async function* readLines(path: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const tooLong = () =>
    new DataError(
      'data-malformed',
      `${path}: a line has more than ${MAX_RECORD_BYTES >> 20} MB; is it JSON Lines?`,
    )
  try {
    const lines = splitLines(await openBytes(path), { bytes: MAX_RECORD_BYTES, error: tooLong })
    for await (const { bytes } of lines) {
      signal?.throwIfAborted()
      yield bytes
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw unreadable(path, error)
  }
}

async function openBytes(path: string): Promise<AsyncIterable<Buffer>> {
  const opening = createReadStream(path, { end: 1 })
  const magic: Buffer[] = []
  for await (const chunk of opening) magic.push(chunk as Buffer)
  const isGzip = Buffer.concat(magic).toString('latin1') === '\x1f\x8b'
  const stream = createReadStream(path, { highWaterMark: 1 << 18 })
  if (!isGzip) return stream
  // An error of the file has to reach who reads what was unpacked.
  const unpacked = createGunzip()
  stream.on('error', (error) => unpacked.destroy(error))
  return stream.pipe(unpacked)
}

function unreadable(path: string, error: unknown): unknown {
  if (error instanceof DataError) return error
  const code = errorCode(error)
  if (code === 'ENOENT') {
    return new DataError('data-missing', `there is no file or folder ${path}; check the path`, {
      cause: error,
    })
  }
  if (typeof code === 'string' && code.startsWith('Z_')) {
    return new DataError(
      'data-malformed',
      `${path}: damaged gzip (${(error as Error).message}); fetch the file again`,
      { cause: error },
    )
  }
  const known = toStorageError(error, 'read', path)
  return known instanceof Error && code !== undefined
    ? new DataError('data-unreadable', known.message, { cause: error })
    : known
}
