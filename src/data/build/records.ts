/**
 * What is remembered of every document that was kept, in whole words beside its shard: keys to tell duplicates by, its source and its
 * size. 32-bit little-endian words: exact key (2), near keys (2 a band), source, bytes, characters, flags.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toStorageError } from '../../atomic.js'
import { BuildError } from './errors.js'

export const HAS_EXACT = 1
export const HAS_NEAR = 2

export interface RecordLayout {
  readonly words: number
  readonly near: number
  readonly source: number
  readonly bytes: number
  readonly characters: number
  readonly flags: number
}

export function recordLayout(bands: number): RecordLayout {
  const source = 2 + 2 * bands
  return { words: source + 4, near: 2, source, bytes: source + 1, characters: source + 2, flags: source + 3 }
}

export function recordsFile(directory: string, shard: number): string {
  return join(directory, '.work', `records-${String(shard).padStart(5, '0')}.bin`)
}

/** The records of a shard. @throws BuildError where there are not as many as documents */
export async function readRecords(
  directory: string,
  shard: number,
  documents: number,
  layout: RecordLayout,
): Promise<Int32Array> {
  const path = recordsFile(directory, shard)
  const bytes = await readFile(path).catch((error) => {
    throw toStorageError(error, 'read', path)
  })
  if (bytes.length !== 4 * documents * layout.words)
    throw new BuildError('build-damaged', `${path} does not belong to its shard; build again with overwrite`)
  return new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}
