import { type FileHandle, open } from 'node:fs/promises'
import { readFully, toStorageError, writeFileAtomic, writeFully } from '../atomic.js'
import type { HubTensor } from './hub-tensor.js'
import {
  encodeHeader,
  PREFIX_BYTES,
  parseHeader,
  parseHeaderLength,
  SafetensorsError,
  type SafetensorsHeader,
  type TensorEntry,
  type TensorSpec,
  tensorBytes,
  tensorFromBytes,
} from './safetensors.js'

/** Named tensors that are read one at a time. Close it when done. */
export interface TensorReader {
  /** What to call the source in messages. */
  readonly source: string
  readonly entries: ReadonlyMap<string, TensorEntry>
  readonly metadata: ReadonlyMap<string, string>
  /** Reads exactly one tensor. @throws SafetensorsError when there is none of this name, or the file has changed */
  read(name: string): Promise<HubTensor>
  close(): Promise<void>
}

/**
 * Opens a safetensors file: reads and checks the header, leaves the tensors on disk.
 *
 * @throws SafetensorsError when the file breaks the format, StorageError when it cannot be opened
 */
export async function openSafetensors(path: string): Promise<TensorReader> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    throw toStorageError(error, 'open', path)
  }
  try {
    const header = await readHeader(handle, path)
    return {
      source: path,
      entries: header.entries,
      metadata: header.metadata,
      read: (name) => readTensor(handle, header, name, path),
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw toStorageError(error, 'read', path)
  }
}

async function readHeader(handle: FileHandle, path: string): Promise<SafetensorsHeader> {
  const { size } = await handle.stat()
  const prefix = new Uint8Array(PREFIX_BYTES)
  await readFully(handle, prefix, 0)
  const header = new Uint8Array(parseHeaderLength(prefix, size, path))
  await readFully(handle, header, PREFIX_BYTES)
  return parseHeader(header, size, path)
}

async function readTensor(
  handle: FileHandle,
  header: SafetensorsHeader,
  name: string,
  path: string,
): Promise<HubTensor> {
  const entry = header.entries.get(name)
  if (entry === undefined) throw new SafetensorsError(path, name, missing(header.entries, name))
  try {
    const bytes = new Uint8Array(entry.byteLength)
    const got = await readFully(handle, bytes, entry.offset)
    if (got < entry.byteLength) {
      throw new SafetensorsError(
        path,
        name,
        `only ${got} of ${entry.byteLength} bytes could be read; the file was cut while open`,
      )
    }
    return tensorFromBytes(entry, bytes)
  } catch (error) {
    if (error instanceof RangeError) {
      throw new SafetensorsError(
        path,
        name,
        `needs ${entry.byteLength} bytes of memory, more than is available`,
        { cause: error },
      )
    }
    throw toStorageError(error, 'read', path)
  }
}

function missing(entries: ReadonlyMap<string, TensorEntry>, name: string): string {
  const tail = name.split('.').slice(-2).join('.')
  const near = [...entries.keys()].filter((other) => other.endsWith(tail)).slice(0, 3)
  const hint = near.length > 0 ? ` (there is ${near.join(', ')})` : ''
  return `there is no such tensor among the ${entries.size} in the file${hint}`
}

/** A tensor to be written: whole, or loaded only when its turn comes, so that a large model never sits in memory twice. */
export type WritableTensor = HubTensor | (TensorSpec & { readonly load: () => Promise<HubTensor['data']> })

export type WritableTensors = ReadonlyMap<string, WritableTensor> | Readonly<Record<string, WritableTensor>>

/**
 * Writes a safetensors file, tensor by tensor, atomically (see `writeFileAtomic`).
 *
 * @throws SafetensorsError when a tensor does not fill its shape, StorageError when the disk refuses
 */
export async function writeSafetensors(
  path: string,
  tensors: WritableTensors,
  options: { metadata?: Readonly<Record<string, string>>; signal?: AbortSignal } = {},
): Promise<void> {
  const named = new Map(tensors instanceof Map ? tensors : Object.entries(tensors))
  // transformers refuses a file without the format note.
  const { header, order } = encodeHeader(named, Object.entries(options.metadata ?? { format: 'pt' }), path)
  await writeFileAtomic(path, async (handle) => {
    await writeFully(handle, header, 0)
    for (const entry of order) {
      options.signal?.throwIfAborted()
      const tensor = named.get(entry.name)!
      const data = 'load' in tensor ? await tensor.load() : tensor.data
      await writeFully(handle, tensorBytes(entry, { data }, path), entry.offset)
    }
  })
}
