import { basename, extname, join, relative, resolve, sep } from 'node:path'
import { DataError, type Document } from '../document.js'
import { openFile } from './input.js'
import { FileFault, isSkip, type Skip } from './item.js'
import { readJsonLines } from './json-lines.js'
import { type ListedFile, listFiles } from './list-files.js'
import { readPlainText } from './plain-text.js'

export interface TextFileOptions {
  /** The field of a JSON line that holds the text. */
  readonly field?: string
  /** Where this stands in a plain text file, one document ends and the next begins. */
  readonly separator?: string
  /** A plain text longer than this (in UTF-16 units) is cut at a line end, so that memory stays bounded. */
  readonly maxDocumentLength?: number
  readonly signal?: AbortSignal
}

const LINES = ['.jsonl', '.ndjson']
const EXTENSIONS = ['.txt', '.text', '.md', '.markdown', ...LINES]

/**
 * The documents of a user's files, one after the other, without holding more than one: a plain text (or Markdown) file is a
 * document, or several between separators; a JSON Lines file has one per line; a folder stands for all of these in it, in the
 * order of their names. Files are UTF-8; line ends become "\n". A file that is named is read as plain text whatever its
 * extension, unless it is JSON Lines. The strict and simple way to a corpus: the first fault ends it (`openSource` counts
 * faults and goes on, and reads many more kinds).
 *
 * @throws DataError for what is missing, empty, not text (with the offset of the first wrong byte), or not readable
 */
export async function* readTextFiles(
  paths: readonly string[],
  options: TextFileOptions = {},
): AsyncGenerator<Document> {
  const { field = 'text', separator = '<|endoftext|>', maxDocumentLength = 1 << 24, signal } = options
  const fields = { titleField: '', urlField: '', licenceField: '', languageField: '' }
  const files = await listed(paths)
  const names = files.map(nameOf)
  for (const [index, { path }] of files.entries()) {
    // Where the data lies must not decide what is held out of it; two files of one name are told apart by their paths.
    const name = names.indexOf(names[index]!) === names.lastIndexOf(names[index]!) ? names[index]! : path
    const input = openFile(path, { id: path, at: '', after: [] }, signal)
    const batches = LINES.includes(extname(path).toLowerCase())
      ? readJsonLines(input, { ...fields, field, maxRecordBytes: Number.POSITIVE_INFINITY })
      : readPlainText(input, { separator, maxDocumentLength })
    let found = false
    try {
      for await (const items of batches) {
        for (const item of items) {
          if (!isSkip(item)) {
            found = true
            yield { id: name + item.id.slice(path.length), title: item.title, text: item.text }
          } else if (item.code !== 'empty') throw faultError(item)
        }
      }
    } catch (error) {
      throw error instanceof FileFault ? faultError(error.skip, error) : error
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
  return (await listed(paths)).map(({ path }) => path)
}

function listed(paths: readonly string[]): Promise<ListedFile[]> {
  const accepts = (name: string) => EXTENSIONS.includes(extname(name).toLowerCase())
  return listFiles(paths, accepts, { what: 'text files', extensions: EXTENSIONS })
}

/** The name of a file, or its way from the folder that was named, that folder's name in front: `/`s everywhere. */
function nameOf({ path, folder }: ListedFile): string {
  const name = folder === undefined ? basename(path) : join(basename(resolve(folder)), relative(folder, path))
  return name.split(sep).join('/')
}

function faultError({ file, where, code, reason }: Skip, cause?: FileFault): DataError {
  const options = cause && { cause }
  if (code === 'unreadable') return new DataError('data-unreadable', reason, options)
  if (code !== 'not-text') return new DataError('data-malformed', `${file}, ${where}: ${reason}`, options)
  const message = where.startsWith('byte')
    ? `${file}: at ${where} there is ${reason}`
    : `${file}${where && `, ${where}`}: ${reason}`
  return new DataError('data-not-text', message, options)
}
