import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { basename, relative, resolve, sep } from 'node:path'
import { DataError } from '../document.js'
import { Expansion } from './expansion.js'
import { EXTENSIONS, formatOf } from './formats.js'
import { openFile } from './input.js'
import type { Item } from './item.js'
import { type ListedFile, listFiles } from './list-files.js'
import { readInput } from './read-input.js'
import type { FilesSpec } from './spec.js'

export interface ReadOptions {
  readonly after?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * The documents of files, folders and archives, in the order of their names.
 *
 * @throws DataError when a path is missing, or the position to go on after belongs to other files
 */
export async function* readFiles(spec: FilesSpec, { after, signal }: ReadOptions): AsyncGenerator<Item[]> {
  const others: string[] = []
  const files = await listFiles(
    [spec.path].flat(),
    (name) => formatOf(name) !== undefined,
    { what: 'files that can be read', extensions: EXTENSIONS },
    (path) => others.push(path),
  )
  const ids = nameFiles(files)
  const sizes = await Promise.all(
    files.map(({ path }) =>
      stat(path).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  const fingerprint = fingerprintOf(spec, ids, sizes)
  const [from, first = '0', ...rest] = after?.split('/') ?? [fingerprint]
  if (from !== fingerprint) {
    throw new DataError(
      'data-option',
      'the position to go on after belongs to other files, or they have changed since; begin at the start',
    )
  }
  if (after === undefined && others.length > 0) {
    yield others.map((file) => ({
      file,
      where: '',
      code: 'unsupported',
      reason: 'not of a kind that can be read',
    }))
  }
  for (let index = Number(first); index < files.length; index++) {
    signal?.throwIfAborted()
    const { path, folder } = files[index]!
    const place = {
      id: ids[index]!,
      at: `${fingerprint}/${index}`,
      after: index === Number(first) ? rest : [],
    }
    const context = { spec, expansion: new Expansion(spec.limits, sizes[index]!), depth: 0, signal }
    yield* readInput(openFile(path, place, signal), context, folder === undefined)
  }
}

/**
 * Names that do not depend on where the files lie: from the folder that was named on, or the file's own. Where that would not
 * tell two files apart, all of them go by their paths.
 */
function nameFiles(files: readonly ListedFile[]): string[] {
  const names = files.map(({ path, folder }) =>
    folder === undefined
      ? basename(path)
      : [basename(resolve(folder)), ...relative(folder, path).split(sep)]
          .filter((part) => part !== '')
          .join('/'),
  )
  return new Set(names).size === names.length ? names : files.map(({ path }) => path)
}

/** Changes when a position would no longer mean the same document. */
function fingerprintOf(spec: FilesSpec, ids: readonly string[], sizes: readonly number[]): string {
  const { name: _, licence: __, language: ___, path: ____, ...reading } = spec
  return createHash('sha256')
    .update(JSON.stringify([reading, ids, sizes]))
    .digest('hex')
    .slice(0, 12)
}
