/** GGUF files on disk. */
import { type FileHandle, open } from 'node:fs/promises'
import { readFully, toStorageError, writeFileAtomic, writeFully } from '../atomic.js'
import {
  align,
  encodeGgufHeader,
  GgufError,
  type GgufHeader,
  type GgufTensorSpec,
  type GgufValue,
  NeedMoreBytes,
  parseGgufHeader,
} from './gguf.js'
import { decodeGgufData, encodeGgufData } from './gguf-data.js'

export interface GgufFile extends GgufHeader {
  /** The values of one tensor. @throws GgufError where there is none of this name, or the file was cut meanwhile */
  read(name: string): Promise<Float32Array>
  close(): Promise<void>
}

const FIRST_READ = 1 << 16

/**
 * Opens a GGUF file: reads and checks metadata and descriptions, leaves the tensors on disk.
 * @throws GgufError when the file breaks the format, StorageError when it cannot be opened
 */
export async function openGguf(path: string): Promise<GgufFile> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    throw toStorageError(error, 'open', path)
  }
  try {
    const header = await readHeader(handle, path)
    return { ...header, read: (name) => readTensor(handle, header, name, path), close: () => handle.close() }
  } catch (error) {
    await handle.close()
    throw toStorageError(error, 'read', path)
  }
}

async function readHeader(handle: FileHandle, path: string): Promise<GgufHeader> {
  const { size } = await handle.stat()
  for (let length = FIRST_READ; ; length *= 4) {
    const bytes = new Uint8Array(Math.min(size, length))
    const got = await readFully(handle, bytes, 0)
    try {
      return parseGgufHeader(bytes.subarray(0, got), size, path)
    } catch (error) {
      if (!(error instanceof NeedMoreBytes)) throw error
      if (got < Math.min(size, length) || length >= size)
        throw new GgufError(path, got, 'header', 'ends here; the file was cut while open')
    }
  }
}

async function readTensor(
  handle: FileHandle,
  header: GgufHeader,
  name: string,
  path: string,
): Promise<Float32Array> {
  const field = `tensor ${JSON.stringify(name)}`
  const entry = header.tensors.get(name)
  if (!entry) throw new GgufError(path, undefined, field, 'there is no such tensor')
  try {
    const bytes = new Uint8Array(entry.byteLength)
    const got = await readFully(handle, bytes, entry.offset)
    if (got < entry.byteLength)
      throw new GgufError(path, entry.offset, field, `only ${got} of ${entry.byteLength} bytes could be read`)
    return decodeGgufData(entry.type, bytes)
  } catch (error) {
    if (error instanceof RangeError)
      throw new GgufError(path, entry.offset, field, `needs ${entry.byteLength} bytes of memory`)
    throw toStorageError(error, 'read', path)
  }
}

/** A tensor to be written; its values are asked for when its turn comes. */
export interface WritableGgufTensor extends GgufTensorSpec {
  load(): Float32Array | Promise<Float32Array>
}

/**
 * Writes a GGUF file tensor by tensor, atomically.
 * @throws GgufError when a tensor does not fill its shape or fit its type, StorageError when the disk refuses
 */
export async function writeGguf(
  path: string,
  metadata: Iterable<readonly [string, GgufValue]>,
  tensors: readonly WritableGgufTensor[],
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<{ bytes: number }> {
  const { header, tensors: entries, totalBytes } = encodeGgufHeader(metadata, tensors, path)
  await writeFileAtomic(path, async (handle) => {
    await writeFully(handle, header, 0)
    for (const [i, entry] of entries.entries()) {
      signal?.throwIfAborted()
      const columns = entry.shape.at(-1) ?? 1
      const bytes = encodeGgufData(entry.type, await tensors[i]!.load(), columns)
      if (bytes.length !== entry.byteLength) {
        throw new GgufError(
          path,
          undefined,
          `tensor ${entry.name}`,
          `has ${bytes.length} bytes and its shape needs ${entry.byteLength}`,
        )
      }
      // The data of the last tensor is filled up too, as llama.cpp writes it.
      const padded = new Uint8Array(align(bytes.length))
      padded.set(bytes)
      await writeFully(handle, padded, entry.offset)
    }
  })
  return { bytes: totalBytes }
}
