/** A folder's files as a tar stream (POSIX.1-1988 ustar; sizes beyond 8 GiB in GNU's base-256 form). */
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { StorageError, toStorageError } from '../../atomic.js'

export interface TarFile {
  readonly path: string
  /** In the archive: at most 100 bytes of ASCII. */
  readonly name: string
}

const BLOCK = 512

/**
 * The bytes of the archive, file by file. A file that changes its length on the way ends the stream with an error, so that nobody
 * takes half a model for a whole one.
 * @throws StorageError
 */
export async function* tarStream(files: readonly TarFile[]): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    let handle: FileHandle
    try {
      handle = await open(file.path, 'r')
    } catch (error) {
      throw toStorageError(error, 'read', file.path)
    }
    try {
      const { size, mtimeMs } = await handle.stat()
      yield header(file.name, size, Math.floor(mtimeMs / 1000))
      let sent = 0
      if (size > 0) {
        const stream = createReadStream('', {
          fd: handle,
          autoClose: false,
          end: size - 1,
          highWaterMark: 1 << 20,
        })
        for await (const chunk of stream as AsyncIterable<Buffer>) {
          sent += chunk.length
          yield chunk
        }
      }
      if (sent !== size)
        throw new StorageError(
          'failed',
          file.path,
          `${file.path} changed while it was read; ask for it again`,
        )
      const rest = size % BLOCK
      if (rest > 0) yield new Uint8Array(BLOCK - rest)
    } finally {
      await handle.close()
    }
  }
  yield new Uint8Array(2 * BLOCK)
}

function header(name: string, size: number, seconds: number): Uint8Array {
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, at: number, width: number) =>
    block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1')
  block.write(name, 0, 100, 'latin1')
  octal(0o644, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  if (size < 8 ** 11) octal(size, 124, 12)
  else {
    block.writeBigUInt64BE(BigInt(size), 128)
    block[124] = 0x80
  }
  octal(seconds, 136, 12)
  block.write('        ', 148, 'latin1')
  block.write('0', 156, 'latin1')
  block.write('ustar\0', 257, 'latin1')
  block.write('00', 263, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}
