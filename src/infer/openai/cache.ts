/** Texts by key in a folder: one small file each, written whole or not at all. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, makeDirectory, toStorageError, writeFileAtomic } from '../../atomic.js'

export interface DiskCache {
  get(key: unknown): Promise<string | undefined>
  set(key: unknown, value: string): Promise<void>
}

/** A cache in `dir`, made when first written to. An entry that cannot be read as one counts as absent. @throws StorageError */
export function createDiskCache(dir: string): DiskCache {
  const fileOf = (key: unknown) => {
    const name = createHash('sha256').update(JSON.stringify(key)).digest('hex')
    return join(dir, `${name}.json`)
  }
  return {
    async get(key) {
      const file = fileOf(key)
      let text: string
      try {
        text = await readFile(file, 'utf8')
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return undefined
        throw toStorageError(error, 'read', file)
      }
      try {
        const { value } = JSON.parse(text) as { value?: unknown }
        return typeof value === 'string' ? value : undefined
      } catch {
        return undefined
      }
    },
    async set(key, value) {
      await makeDirectory(dir)
      await writeFileAtomic(fileOf(key), `${JSON.stringify({ key, value })}\n`)
    },
  }
}
