import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { errorCode, toStorageError } from '../../atomic.js'
import { DataError } from '../document.js'

export interface ListedFile {
  readonly path: string
  /** The folder that was named, or undefined for a file that was. */
  readonly folder?: string
}

/**
 * The files that paths stand for, each once: those named, and those within the folders named that `accepts` takes, in the order
 * of their names. Hidden ones are left out.
 *
 * @throws DataError for what is missing or cannot be read, and for a folder that has nothing of the kind
 */
export async function listFiles(
  paths: readonly string[],
  accepts: (name: string) => boolean,
  kinds: { readonly what: string; readonly extensions: readonly string[] },
  onOther?: (path: string) => void,
): Promise<ListedFile[]> {
  if (paths.length === 0) throw new DataError('data-missing', 'no data files are named')
  const files = new Map<string, ListedFile>()
  for (const path of paths) {
    let isFolder: boolean
    try {
      isFolder = (await stat(path)).isDirectory()
    } catch (error) {
      throw unreadable(path, error)
    }
    if (!isFolder) files.set(resolve(path), { path })
    else {
      for (const file of await listFolder(path, accepts, kinds, onOther)) {
        files.set(resolve(file), { path: file, folder: path })
      }
    }
  }
  return [...files.values()]
}

async function listFolder(
  folder: string,
  accepts: (name: string) => boolean,
  kinds: { readonly what: string; readonly extensions: readonly string[] },
  onOther?: (path: string) => void,
): Promise<string[]> {
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
      else if (accepts(entry.name)) found.push(path)
      else {
        others.push(entry.name)
        onOther?.(path)
      }
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
      `the folder ${folder} has no ${kinds.what} (${there}); it should hold ${kinds.extensions.join(', ')}`,
    )
  }
  return found
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
