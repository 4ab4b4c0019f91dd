/** Reads evaluation sets, whatever their form, as entries of text: every string in them. */
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { errorCode, toStorageError } from '../../atomic.js'
import { DataError } from '../document.js'

/**
 * The entries of a file: the strings of JSON values, the cells of CSV, the paragraphs of plain text. Also with `.gz`.
 * @throws DataError where there is no such file, or it is not what its name says
 */
export async function readEvaluationSet(path: string): Promise<string[]> {
  const text = await readText(path)
  const name = path.replace(/\.gz$/i, '').toLowerCase()
  const entries: string[] = []
  if (/\.(?:jsonl|ndjson)$/.test(name)) {
    for (const [index, line] of text.split('\n').entries()) {
      if (line.trim() !== '') collectStrings(parseJson(line, `${path}, line ${index + 1}`), entries)
    }
  } else if (name.endsWith('.json')) collectStrings(parseJson(text, path), entries)
  else if (/\.[ct]sv$/.test(name)) entries.push(...cells(text, name.endsWith('.tsv') ? '\t' : ','))
  else entries.push(...text.split(/\n\s*\n/))
  const found = entries.filter((entry) => entry.trim() !== '')
  if (found.length === 0)
    throw new DataError('data-empty', `the evaluation set ${path} has no text in it; check the path`)
  return found
}

async function readText(path: string): Promise<string> {
  try {
    const bytes = await readFile(path)
    const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? await promisify(gunzip)(bytes) : bytes
    return new TextDecoder('utf-8', { fatal: true }).decode(plain).replaceAll('\r\n', '\n')
  } catch (error) {
    if (errorCode(error) === 'ENOENT')
      throw new DataError('data-missing', `there is no evaluation set ${path}; check the path`, {
        cause: error,
      })
    const known = toStorageError(error, 'read', path)
    if (known !== error) throw known
    const message = error instanceof Error ? error.message : String(error)
    throw new DataError('data-not-text', `the evaluation set ${path} is not UTF-8 text: ${message}`, {
      cause: error,
    })
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new DataError('data-malformed', `${where}: not valid JSON (${message})`, { cause: error })
  }
}

function collectStrings(value: unknown, into: string[]): void {
  if (typeof value === 'string') into.push(value)
  else if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(value)) collectStrings(inner, into)
}

/** The cells of all rows (RFC 4180: quoted cells may hold separators, line ends and doubled quotes). */
function* cells(text: string, separator: ',' | '\t'): Generator<string> {
  const cell =
    separator === ','
      ? /(?:"((?:[^"]|"")*)"|([^,\n]*))(?:,|\n|$)/gy
      : /(?:"((?:[^"]|"")*)"|([^\t\n]*))(?:\t|\n|$)/gy
  for (
    let match = cell.exec(text);
    match !== null && cell.lastIndex <= text.length;
    match = cell.exec(text)
  ) {
    yield match[1]?.replaceAll('""', '"') ?? match[2] ?? ''
    if (cell.lastIndex >= text.length) return
  }
}
