import { isUtf8 } from 'node:buffer'
import type { Dirent } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { errorCode, toStorageError } from '../atomic.js'
import { DataError, type Document } from './document.js'
import { findInvalidUtf8, unfinishedUtf8 } from './utf8.js'

export interface TextFileOptions {
  /** The field of a JSON line that holds the text. */
  readonly field?: string
  /** Where this stands in a plain text file, one document ends and the next begins. */
  readonly separator?: string
  /** A plain text longer than this (in UTF-16 units) is cut at a line end, so that memory stays bounded. */
  readonly maxDocumentLength?: number
  readonly signal?: AbortSignal
}

const PLAIN = ['.txt', '.text', '.md', '.markdown']
const LINES = ['.jsonl', '.ndjson']
const CHUNK_BYTES = 1 << 20
const BYTE_ORDER_MARK = Uint8Array.of(0xef, 0xbb, 0xbf)

/**
 * The documents of a user's files, one after the other, without holding more than one: a plain text (or Markdown) file is a
 * document, or several between separators; a JSON Lines file has one per line; a folder stands for all of these in it, in the
 * order of their names. Files are UTF-8; line ends become "\n". A file that is named is read as plain text whatever its
 * extension, unless it is JSON Lines.
 *
 * @throws DataError for what is missing, empty, not text (with the offset of the first wrong byte), or not readable
 */
export async function* readTextFiles(
  paths: readonly string[],
  options: TextFileOptions = {},
): AsyncGenerator<Document> {
  const { field = 'text', separator = '<|endoftext|>', maxDocumentLength = 1 << 24, signal } = options
  for (const path of await listTextFiles(paths)) {
    const isLines = LINES.includes(extname(path).toLowerCase())
    const documents = isLines
      ? readJsonLines(path, field, signal)
      : readPlainText(path, separator, maxDocumentLength, signal)
    let found = false
    for await (const document of documents) {
      found = true
      yield document
    }
    if (!found) throw new DataError('data-empty', `${path} is empty; remove it from the list or fill it`)
  }
}

/**
 * The files that `readTextFiles` would read: those named, and the text files within the folders named, each once.
 *
 * @throws DataError
 */
export async function listTextFiles(paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) throw new DataError('data-missing', 'no data files are named')
  const files = new Map<string, string>()
  for (const path of paths) {
    let isFolder: boolean
    try {
      isFolder = (await stat(path)).isDirectory()
    } catch (error) {
      throw unreadable(path, error)
    }
    for (const file of isFolder ? await listFolder(path) : [path]) files.set(resolve(file), file)
  }
  return [...files.values()]
}

async function listFolder(folder: string): Promise<string[]> {
  const found: string[] = []
  const others: string[] = []
  const visit = async (directory: string): Promise<void> => {
    let entries: Dirent[]
    try {
      entries = await readdir(directory, { withFileTypes: true })
    } catch (error) {
      throw unreadable(directory, error)
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of entries) {
      const path = join(directory, entry.name)
      if (entry.name.startsWith('.')) continue
      // Links to folders are not followed: they can lead in a circle.
      if (entry.isDirectory()) await visit(path)
      else if ([...PLAIN, ...LINES].includes(extname(entry.name).toLowerCase())) found.push(path)
      else others.push(entry.name)
    }
  }
  await visit(folder)
  if (found.length === 0) {
    const there =
      others.length > 0
        ? `it holds ${others.slice(0, 5).join(', ')}${others.length > 5 ? ', ...' : ''}`
        : 'it is empty'
    throw new DataError(
      'data-empty',
      `the folder ${folder} has no text files (${there}); it should hold ${[...PLAIN, ...LINES].join(', ')}`,
    )
  }
  return found
}

async function* readPlainText(
  path: string,
  separator: string,
  maxLength: number,
  signal?: AbortSignal,
): AsyncGenerator<Document> {
  const title = basename(path)
  let rest = ''
  let part = 0
  // The first document keeps the file's plain name; there is often no second.
  const document = (text: string): Document => ({ id: part++ === 0 ? path : `${path}#${part}`, title, text })
  for await (const chunk of readUtf8(path, signal)) {
    rest += chunk
    if (separator !== '') {
      const pieces = rest.split(separator)
      rest = pieces.pop()!
      for (const piece of pieces) if (piece.trim() !== '') yield document(piece.trim())
    }
    while (rest.length > maxLength) {
      const lineEnd = rest.lastIndexOf('\n', maxLength - 1)
      const cut = lineEnd > 0 ? lineEnd + 1 : beforeSurrogate(rest, maxLength)
      yield document(rest.slice(0, cut))
      rest = rest.slice(cut)
    }
  }
  if (rest.trim() !== '') yield document(part > 0 ? rest.trim() : rest)
}

/** Never between the halves of a surrogate pair. */
function beforeSurrogate(text: string, cut: number): number {
  const code = text.charCodeAt(cut)
  return cut > 1 && code >= 0xdc00 && code <= 0xdfff ? cut - 1 : cut
}

async function* readJsonLines(path: string, field: string, signal?: AbortSignal): AsyncGenerator<Document> {
  const title = basename(path)
  let rest = ''
  let lineNumber = 0
  const parse = (line: string): Document | undefined => {
    lineNumber++
    if (line.trim() === '') return undefined
    const text = textOfLine(line, field, `${path}, line ${lineNumber}`)
    return text.trim() === '' ? undefined : { id: `${path}:${lineNumber}`, title, text }
  }
  for await (const chunk of readUtf8(path, signal)) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      const document = parse(line)
      if (document) yield document
    }
  }
  const last = parse(rest)
  if (last) yield last
}

function textOfLine(line: string, field: string, where: string): string {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw new DataError('data-malformed', `${where}: not valid JSON (${(error as Error).message})`, {
      cause: error,
    })
  }
  const text =
    typeof value === 'object' && value !== null && Object.hasOwn(value, field)
      ? (value as Record<string, unknown>)[field]
      : undefined
  if (typeof text === 'string') return text
  const keys =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value).slice(0, 8) : []
  const there = keys.length > 0 ? `it has ${keys.join(', ')}` : 'it is not an object with fields'
  throw new DataError('data-malformed', `${where}: no text in the field "${field}" (${there})`)
}

/** A file's text in pieces, without a byte order mark, with "\n" at line ends. */
async function* readUtf8(path: string, signal?: AbortSignal): AsyncGenerator<string> {
  let carried = Buffer.alloc(0)
  /** Where `carried` begins in the file. */
  let offset = 0
  let pendingReturn = false
  for await (const chunk of readChunks(path, signal)) {
    const bytes = Buffer.concat([carried, chunk])
    if (offset === 0) refuseOtherEncodings(bytes, path)
    const whole = bytes.subarray(0, bytes.length - unfinishedUtf8(bytes))
    checkText(whole, path, offset)
    const mark = offset === 0 && whole.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0
    let text: string = (pendingReturn ? '\r' : '') + whole.toString('utf8', mark)
    // The "\n" of a "\r\n" may stand in the next chunk.
    pendingReturn = text.endsWith('\r')
    if (pendingReturn) text = text.slice(0, -1)
    carried = bytes.subarray(whole.length)
    offset += whole.length
    yield text.replaceAll('\r\n', '\n')
  }
  if (carried.length > 0) throw notText(path, offset, carried[0]!)
  if (pendingReturn) yield '\r'
}

async function* readChunks(path: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  try {
    const handle = await open(path, 'r')
    try {
      for (;;) {
        signal?.throwIfAborted()
        const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
        const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES)
        if (bytesRead === 0) return
        yield chunk.subarray(0, bytesRead)
      }
    } finally {
      await handle.close()
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw unreadable(path, error)
  }
}

function checkText(bytes: Buffer, path: string, offset: number): void {
  const invalid = isUtf8(bytes) ? -1 : findInvalidUtf8(bytes)
  if (invalid >= 0) throw notText(path, offset + invalid, bytes[invalid]!)
  const nul = bytes.indexOf(0)
  if (nul >= 0) throw notText(path, offset + nul, 0)
}

function refuseOtherEncodings(bytes: Buffer, path: string): void {
  const mark = bytes.subarray(0, 2).toString('latin1')
  if (mark === '\xff\xfe' || mark === '\xfe\xff') {
    throw new DataError('data-not-text', `${path} is UTF-16 text; save it as UTF-8`)
  }
  if (mark === '\x1f\x8b')
    throw new DataError('data-not-text', `${path} is compressed (gzip); unpack it first`)
}

function notText(path: string, offset: number, byte: number): DataError {
  const hex = `0x${byte.toString(16).padStart(2, '0')}`
  const what = byte === 0 ? 'a zero byte, which text never has' : `not UTF-8 (byte ${hex})`
  return new DataError(
    'data-not-text',
    `${path}: at byte ${offset} there is ${what}; is it a text file? If so, save it as UTF-8`,
  )
}

function unreadable(path: string, error: unknown): unknown {
  if (errorCode(error) === 'ENOENT')
    return new DataError('data-missing', `there is no file or folder ${path}; check the path`, {
      cause: error,
    })
  const known = toStorageError(error, 'read', path)
  return known instanceof DataError || !(known instanceof Error) || errorCode(error) === undefined
    ? known
    : new DataError('data-unreadable', known.message, { cause: error })
}
