import { AthanorError } from '../errors.js'
import { findDuplicateKey } from './duplicate-keys.js'
import { DTYPES, elementCount, type HubDtype, type HubTensor } from './hub-tensor.js'

/**
 * The safetensors format (https://github.com/huggingface/safetensors#format): 8 bytes of header length (little-endian),
 * a JSON header, then the tensors back to back. Bytes in, objects out; the files are in safetensors-file.ts.
 */

/** A file or tensor that breaks the format, or cannot be written in it. `file`, and `tensor` where there is one, say where. */
export class SafetensorsError extends AthanorError {
  readonly file: string
  readonly tensor: string | undefined

  constructor(file: string, tensor: string | undefined, cause: string, options?: ErrorOptions) {
    super(
      'safetensors-invalid',
      `${file}${tensor === undefined ? '' : `: tensor ${JSON.stringify(tensor)}`}: ${cause}`,
      options,
    )
    this.file = file
    this.tensor = tensor
  }
}

export interface TensorEntry {
  readonly name: string
  readonly dtype: HubDtype
  readonly shape: readonly number[]
  /** Where the bytes begin, counted from the start of the file. */
  readonly offset: number
  readonly byteLength: number
}

export interface SafetensorsHeader {
  /** In the order of their bytes. */
  readonly entries: ReadonlyMap<string, TensorEntry>
  readonly metadata: ReadonlyMap<string, string>
}

/** The reference implementation's limit. */
export const MAX_HEADER_BYTES = 100_000_000
export const PREFIX_BYTES = 8

const DTYPE_ORDER = Object.keys(DTYPES) as HubDtype[]

const DTYPE_BY_FILE_NAME = new Map<string, HubDtype>(DTYPE_ORDER.map((dtype) => [DTYPES[dtype].file, dtype]))

/** The header's length from the first eight bytes, checked against the file's size before anything is allocated. */
export function parseHeaderLength(prefix: Uint8Array, fileBytes: number, file: string): number {
  if (fileBytes < PREFIX_BYTES || prefix.byteLength < PREFIX_BYTES) {
    throw new SafetensorsError(
      file,
      undefined,
      `only ${fileBytes} bytes long, too short for a safetensors file; download it again`,
    )
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true)
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new SafetensorsError(
      file,
      undefined,
      `claims a header of ${length} bytes (the limit is ${MAX_HEADER_BYTES}); this is not a safetensors file`,
    )
  }
  if (PREFIX_BYTES + Number(length) > fileBytes) {
    throw new SafetensorsError(
      file,
      undefined,
      `claims a header of ${length} bytes but the file has only ${fileBytes}; it is cut short or not a safetensors file`,
    )
  }
  return Number(length)
}

/**
 * Checks and reads the JSON header.
 *
 * @param header the bytes after the length prefix
 * @param fileBytes the size of the whole file
 * @param file what to call the file in errors
 * @throws SafetensorsError for anything the specification forbids, named by file, tensor and cause
 */
export function parseHeader(header: Uint8Array, fileBytes: number, file: string): SafetensorsHeader {
  const fields = parseJsonObject(header, file)
  const dataStart = PREFIX_BYTES + header.byteLength
  const metadata = new Map<string, string>()
  const entries: TensorEntry[] = []
  for (const [name, value] of fields) {
    if (name === '__metadata__') readMetadata(value, metadata, file)
    else entries.push(readEntry(name, value, dataStart, file))
  }
  entries.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength)
  let end = dataStart
  for (const entry of entries) {
    if (entry.offset !== end) {
      const what =
        entry.offset < end
          ? 'overlaps the tensor before it'
          : `leaves a hole of ${entry.offset - end} bytes before it`
      throw new SafetensorsError(file, entry.name, `${what}, which the format forbids`)
    }
    end = entry.offset + entry.byteLength
    if (end > fileBytes) {
      throw new SafetensorsError(
        file,
        entry.name,
        `ends at byte ${end} but the file has only ${fileBytes}; it is cut short, download or copy it again`,
      )
    }
  }
  if (end !== fileBytes) {
    throw new SafetensorsError(
      file,
      undefined,
      `${fileBytes - end} bytes at the end belong to no tensor, which the format forbids`,
    )
  }
  return { entries: new Map(entries.map((entry) => [entry.name, entry])), metadata }
}

/** Reads a whole file held in memory (a browser's download, say). The tensors are copies. */
export function parseSafetensors(
  bytes: Uint8Array,
  file = 'safetensors data',
): { tensors: Map<string, HubTensor>; metadata: ReadonlyMap<string, string> } {
  const headerBytes = parseHeaderLength(bytes.subarray(0, PREFIX_BYTES), bytes.byteLength, file)
  const header = parseHeader(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + headerBytes), bytes.byteLength, file)
  const tensors = new Map<string, HubTensor>()
  for (const entry of header.entries.values()) {
    tensors.set(
      entry.name,
      tensorFromBytes(entry, bytes.slice(entry.offset, entry.offset + entry.byteLength)),
    )
  }
  return { tensors, metadata: header.metadata }
}

/** A tensor over bytes that it then owns. */
export function tensorFromBytes(entry: TensorEntry, bytes: Uint8Array): HubTensor {
  const aligned = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice()
  return {
    dtype: entry.dtype,
    shape: entry.shape,
    data: DTYPES[entry.dtype].view(aligned.buffer as ArrayBuffer),
  }
}

export interface TensorSpec {
  readonly dtype: HubDtype
  readonly shape: readonly number[]
}

/**
 * Lays tensors out as the reference implementation does (widest type first, then by name, so that every tensor is
 * aligned) and encodes length prefix and header.
 */
export function encodeHeader(
  specs: Iterable<readonly [string, TensorSpec]>,
  metadata: Iterable<readonly [string, string]> = [],
  file = 'safetensors data',
): { header: Uint8Array; order: TensorEntry[]; totalBytes: number } {
  const rank = (spec: TensorSpec) => DTYPE_ORDER.indexOf(spec.dtype)
  const sorted = [...specs].sort(
    ([nameA, a], [nameB, b]) => rank(a) - rank(b) || (nameA < nameB ? -1 : nameA > nameB ? 1 : 0),
  )
  const fields: string[] = []
  const notes = [...metadata]
  if (notes.length > 0) {
    for (const [key, value] of notes) {
      if (typeof value !== 'string')
        throw new SafetensorsError(file, undefined, `metadata ${JSON.stringify(key)} must be text`)
    }
    fields.push(
      `"__metadata__":{${notes.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`,
    )
  }
  const placed: { name: string; spec: TensorSpec; start: number; byteLength: number }[] = []
  const seen = new Set<string>()
  let end = 0
  for (const [name, spec] of sorted) {
    if (name === '__metadata__') throw new SafetensorsError(file, name, 'this name is reserved by the format')
    if (seen.has(name)) throw new SafetensorsError(file, name, 'this name is given twice')
    seen.add(name)
    const byteLength = checkedElements(spec.shape, file, name) * DTYPES[spec.dtype].bytes
    placed.push({ name, spec, start: end, byteLength })
    const offsets = [end, end + byteLength]
    const entry = { dtype: DTYPES[spec.dtype].file, shape: spec.shape, data_offsets: offsets }
    fields.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`)
    end += byteLength
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`)
  const padded = Math.ceil(json.byteLength / 8) * 8
  if (padded > MAX_HEADER_BYTES)
    throw new SafetensorsError(
      file,
      undefined,
      `the header would need ${padded} bytes, more than the format allows`,
    )
  const header = new Uint8Array(PREFIX_BYTES + padded).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true)
  header.set(json, PREFIX_BYTES)
  const order = placed.map(({ name, spec, start, byteLength }) => ({
    name,
    dtype: spec.dtype,
    shape: spec.shape,
    offset: header.byteLength + start,
    byteLength,
  }))
  return { header, order, totalBytes: header.byteLength + end }
}

/** A whole file in memory; `writeSafetensors` streams to disk instead. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, HubTensor>,
  metadata: Iterable<readonly [string, string]> = [],
): Uint8Array {
  const { header, order, totalBytes } = encodeHeader(tensors, metadata)
  const out = new Uint8Array(totalBytes)
  out.set(header)
  for (const entry of order)
    out.set(tensorBytes(entry, tensors.get(entry.name)!, 'safetensors data'), entry.offset)
  return out
}

/** The tensor's bytes, without a copy, after a check that they fill its shape. */
export function tensorBytes(entry: TensorEntry, tensor: Pick<HubTensor, 'data'>, file: string): Uint8Array {
  const { data } = tensor
  if (data.byteLength !== entry.byteLength) {
    throw new SafetensorsError(
      file,
      entry.name,
      `holds ${data.byteLength} bytes but ${entry.dtype} [${entry.shape.join(', ')}] needs ${entry.byteLength}`,
    )
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

function parseJsonObject(header: Uint8Array, file: string): [string, unknown][] {
  let value: unknown
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header)
    if (!text.startsWith('{')) throw new SyntaxError('it does not begin with "{"')
    value = JSON.parse(text)
  } catch (error) {
    throw new SafetensorsError(file, undefined, `its header is not valid JSON: ${(error as Error).message}`, {
      cause: error,
    })
  }
  const duplicate = findDuplicateKey(text)
  if (duplicate !== undefined) {
    throw new SafetensorsError(
      file,
      undefined,
      `its header has the key ${JSON.stringify(duplicate)} twice, which the format forbids`,
    )
  }
  return Object.entries(value as object)
}

function readMetadata(value: unknown, metadata: Map<string, string>, file: string): void {
  if (!isObject(value)) throw new SafetensorsError(file, undefined, '__metadata__ must be an object of texts')
  for (const [key, note] of Object.entries(value)) {
    if (typeof note !== 'string') {
      throw new SafetensorsError(
        file,
        undefined,
        `metadata ${JSON.stringify(key)} must be text, not ${JSON.stringify(note)}`,
      )
    }
    metadata.set(key, note)
  }
}

function readEntry(name: string, value: unknown, dataStart: number, file: string): TensorEntry {
  const fail = (cause: string) => new SafetensorsError(file, name, cause)
  if (!isObject(value)) throw fail('its description must be an object')
  const unknown = Object.keys(value).find((key) => !['dtype', 'shape', 'data_offsets'].includes(key))
  if (unknown !== undefined) throw fail(`unknown field ${JSON.stringify(unknown)}`)
  const { dtype: dtypeName, shape, data_offsets: offsets } = value
  const dtype = typeof dtypeName === 'string' ? DTYPE_BY_FILE_NAME.get(dtypeName) : undefined
  if (dtype === undefined) {
    throw fail(
      `unknown dtype ${JSON.stringify(dtypeName)}; this reader knows ${[...DTYPE_BY_FILE_NAME.keys()].join(', ')}`,
    )
  }
  const elements = checkedElements(shape, file, name)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    throw fail(`data_offsets must be two whole numbers [begin, end], not ${JSON.stringify(offsets)}`)
  }
  const [begin, end] = offsets as [number, number]
  if (begin > end) throw fail(`data_offsets begin (${begin}) after they end (${end})`)
  const needed = elements * DTYPES[dtype].bytes
  if (end - begin !== needed) {
    throw fail(
      `${dtypeName} [${(shape as number[]).join(', ')}] needs ${needed} bytes but data_offsets give ${end - begin}`,
    )
  }
  return { name, dtype, shape: shape as number[], offset: dataStart + begin, byteLength: needed }
}

function checkedElements(shape: unknown, file: string, name: string): number {
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    throw new SafetensorsError(
      file,
      name,
      `shape must be a list of whole numbers from 0 on, not ${JSON.stringify(shape)}`,
    )
  }
  // Without zeros, so that [2^52, 2^52, 0] is refused as the reference implementation refuses it.
  const product = elementCount(shape.filter((size) => size > 0))
  if (product * 8 > Number.MAX_SAFE_INTEGER) {
    throw new SafetensorsError(file, name, `shape [${shape.join(', ')}] is too large to exist`)
  }
  return elementCount(shape)
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
