import { randomBytes } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { errorCode, toStorageError } from '../../atomic.js'
import { type Input, nested, openRandom, type RandomAccess } from './input.js'
import { FileFault } from './item.js'
import type { FilesSpec } from './spec.js'

const FREE_BYTES = 64 << 20

/** Too much has come out of one file: nothing more of it is read, whatever it lies in. */
export class ExpansionFault extends FileFault {
  constructor(path: string, reason: string) {
    super(path, '', 'unsafe', reason)
  }
}

/**
 * What one file (with all that is packed in it, at every depth) has unfolded to. Counting against the size of that one file
 * also catches bombs whose entries overlap, or that are archives in archives.
 */
export class Expansion {
  readonly #limits: FilesSpec['limits']
  readonly #packed: number
  #bytes = 0
  #entries = 0

  constructor(limits: FilesSpec['limits'], packed: number) {
    this.#limits = limits
    this.#packed = packed
  }

  /** @throws ExpansionFault */
  addBytes(path: string, count: number): void {
    const { bytes, ratio } = this.#limits
    this.#bytes += count
    if (this.#bytes > bytes) {
      throw new ExpansionFault(path, `it unfolds to more than ${bytes} bytes (limits.bytes)`)
    }
    if (this.#bytes > FREE_BYTES && this.#bytes > ratio * this.#packed) {
      throw new ExpansionFault(path, `it unfolds to more than ${ratio} times its size (limits.ratio)`)
    }
  }

  /** @throws ExpansionFault */
  addEntry(path: string): void {
    const { entries } = this.#limits
    if (++this.#entries > entries) {
      throw new ExpansionFault(path, `it has more than ${entries} entries (limits.entries)`)
    }
  }

  /** @throws FileFault */
  checkDepth(path: string, depth: number): void {
    if (depth <= this.#limits.depth) return
    const reason = `archives lie more than ${this.#limits.depth} deep in one another (limits.depth)`
    throw new FileFault(path, '', 'unsafe', reason)
  }
}

/** What a gzip file holds; several members one after the other are one content. */
export function gunzip(input: Input, name: string, expansion: Expansion): Input {
  return nested(input, name, '0', () => unzip(input, expansion))
}

async function* unzip(input: Input, expansion: Expansion): AsyncGenerator<Buffer> {
  const packed = Readable.from(input.open(), { objectMode: true, highWaterMark: 1 })
  const unpacked = createGunzip({ chunkSize: 1 << 18 })
  packed.on('error', (error) => unpacked.destroy(error))
  packed.pipe(unpacked)
  let length = 0
  try {
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      expansion.addBytes(input.path, chunk.length)
      length += chunk.length
      yield chunk
    }
  } catch (error) {
    if (!isZlibError(error)) throw error
    throw new FileFault(input.path, `unpacked byte ${length}`, 'malformed', `gzip: ${error.message}`, {
      cause: error,
    })
  } finally {
    packed.destroy()
    unpacked.destroy()
  }
}

export function isZlibError(error: unknown): error is Error {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^Z_|^ERR_/.test(error.code)
  )
}

/** Random access to any input; what is packed goes through a temporary file, which vanishes when it is closed. */
export async function randomAccess(input: Input): Promise<RandomAccess> {
  if (input.random) return input.random()
  const path = join(tmpdir(), `athanor-${randomBytes(8).toString('hex')}.tmp`)
  try {
    const handle = await open(path, 'wx', 0o600).catch((error: unknown) => {
      throw toStorageError(error, 'create', path)
    })
    try {
      for await (const chunk of input.open()) {
        await handle.writeFile(chunk).catch((error: unknown) => {
          throw errorCode(error) === undefined ? error : toStorageError(error, 'write', path)
        })
      }
    } finally {
      await handle.close()
    }
    const access = await openRandom(path)
    return {
      ...access,
      close: async () => {
        await access.close()
        await rm(path, { force: true })
      },
    }
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
}
