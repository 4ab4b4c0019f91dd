/**
 * GGUF, llama.cpp's file format (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), version 3, little-endian: typed
 * metadata, descriptions of tensors, and their data. Bytes in, objects out; the files are in gguf-file.ts.
 */
import { AthanorError } from '../errors.js'
import { elementCount } from './hub-tensor.js'

/** A file that breaks the format, or content that cannot be written in it: where, and which field. */
export class GgufError extends AthanorError {
  readonly file: string
  /** Bytes from the start of the file; undefined where there is no one place. */
  readonly offset: number | undefined
  readonly field: string

  constructor(file: string, offset: number | undefined, field: string, cause: string) {
    super('gguf-invalid', `${file}${offset === undefined ? '' : ` at byte ${offset}`}: ${field}: ${cause}`)
    this.file = file
    this.offset = offset
    this.field = field
  }
}

/** Types of tensors that are read and written: code in the file, bytes of a block, values in a block. */
export const GGUF_TENSOR_TYPES = {
  f32: { code: 0, bytes: 4, block: 1 },
  f16: { code: 1, bytes: 2, block: 1 },
  q4_0: { code: 2, bytes: 18, block: 32 },
  q8_0: { code: 8, bytes: 34, block: 32 },
} as const
export type GgufTensorType = keyof typeof GGUF_TENSOR_TYPES

type Numbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array

/** Types of metadata. */
const SCALARS = {
  u8: { code: 0, array: Uint8Array },
  i8: { code: 1, array: Int8Array },
  u16: { code: 2, array: Uint16Array },
  i16: { code: 3, array: Int16Array },
  u32: { code: 4, array: Uint32Array },
  i32: { code: 5, array: Int32Array },
  f32: { code: 6, array: Float32Array },
  bool: { code: 7, array: Uint8Array },
  u64: { code: 10, array: BigUint64Array },
  i64: { code: 11, array: BigInt64Array },
  f64: { code: 12, array: Float64Array },
} as const
const STRING = 8
const ARRAY = 9

export type GgufScalarType = keyof typeof SCALARS

export type GgufValue =
  | { readonly type: Exclude<GgufScalarType, 'u64' | 'i64' | 'bool'>; readonly value: number }
  | { readonly type: 'u64' | 'i64'; readonly value: bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  /** An array of numbers (of 0 and 1 for bool). */
  | { readonly type: 'array'; readonly of: GgufScalarType; readonly value: Numbers }

export interface GgufTensorEntry {
  readonly name: string
  readonly type: GgufTensorType
  /** Row-major, as everywhere here: the file has the sizes in the opposite order. */
  readonly shape: readonly number[]
  /** Where the bytes begin, counted from the start of the file. */
  readonly offset: number
  readonly byteLength: number
}

export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: ReadonlyMap<string, GgufTensorEntry>
}

/** Metadata and descriptions of tensors may take this much; those of the largest vocabularies take a tenth. */
export const MAX_GGUF_HEADER = 100_000_000
const MAX_KEY = 65_535
const DEFAULT_ALIGNMENT = 32

/** More of the file has to be there to go on. */
export class NeedMoreBytes extends Error {}

/** Reads fields one after the other, never beyond the file, the header's limit, or the bytes that are there. */
class Cursor {
  at = 0
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #limit: number
  readonly file: string

  constructor(bytes: Uint8Array, fileBytes: number, file: string) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#limit = Math.min(fileBytes, MAX_GGUF_HEADER)
    this.file = file
  }

  fail(field: string, cause: string, at = this.at): never {
    throw new GgufError(this.file, at, field, cause)
  }

  /** Bytes that the rest of the header may have at most. */
  get room(): number {
    return this.#limit - this.at
  }

  take(count: number, field: string): number {
    if (count > this.room) {
      const limited = this.#limit === MAX_GGUF_HEADER
      this.fail(
        field,
        `needs ${count} bytes and ${this.room} are left${limited ? ` of a header of at most ${MAX_GGUF_HEADER}` : ''}; the file is cut short or no GGUF file`,
      )
    }
    if (this.at + count > this.#bytes.byteLength) throw new NeedMoreBytes()
    const at = this.at
    this.at += count
    return at
  }

  u32(field: string): number {
    return this.#view.getUint32(this.take(4, field), true)
  }

  /** A 64-bit size that must be exact as a number. */
  size(field: string): number {
    const value = this.#view.getBigUint64(this.take(8, field), true)
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      this.fail(field, `${value} is too large to exist`, this.at - 8)
    return Number(value)
  }

  /** A count of things of at least `bytes` each, checked against the rest of the file before anything is allocated. */
  count(field: string, bytes: number): number {
    const at = this.at
    const count = this.size(field)
    if (count * bytes > this.room)
      this.fail(field, `claims ${count} entries, more than the rest of the file can hold`, at)
    return count
  }

  string(field: string, limit = Number.POSITIVE_INFINITY): string {
    const at = this.at
    const length = this.size(field)
    if (length > limit) this.fail(field, `is ${length} bytes long; at most ${limit}`, at)
    const start = this.take(length, field)
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
        this.#bytes.subarray(start, start + length),
      )
    } catch {
      this.fail(field, 'is not valid UTF-8', start)
    }
  }

  numbers(type: GgufScalarType, count: number, field: string): Numbers {
    const { array } = SCALARS[type]
    const start = this.take(count * array.BYTES_PER_ELEMENT, field)
    const bytes = this.#bytes.slice(start, start + count * array.BYTES_PER_ELEMENT)
    const out = new array(bytes.buffer)
    if (type === 'bool' && bytes.some((byte) => byte > 1)) this.fail(field, 'a bool must be 0 or 1', start)
    return out
  }
}

/**
 * Checks and reads everything before the data.
 *
 * @param bytes the file, or its beginning
 * @param fileBytes the size of the whole file
 * @throws GgufError for anything that breaks the format or that this reader does not know, with its place and field;
 *   NeedMoreBytes where `bytes` end too soon
 */
export function parseGgufHeader(bytes: Uint8Array, fileBytes: number, file: string): GgufHeader {
  const cursor = new Cursor(bytes, fileBytes, file)
  if (cursor.u32('magic') !== 0x46554747)
    cursor.fail('magic', 'is not "GGUF"; this is another kind of file', 0)
  const version = cursor.u32('version')
  if (version !== 2 && version !== 3)
    cursor.fail('version', `is ${version}; versions 2 and 3, little-endian, are read`, 4)
  const tensorCount = cursor.count('tensor count', 32)
  const metadataCount = cursor.count('metadata count', 13)
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < metadataCount; i++) {
    const at = cursor.at
    const key = cursor.string(`key ${i}`, MAX_KEY)
    if (key === '') cursor.fail(`key ${i}`, 'is empty', at)
    if (metadata.has(key)) cursor.fail(`key ${JSON.stringify(key)}`, 'is there twice', at)
    metadata.set(key, readValue(cursor, JSON.stringify(key)))
  }
  const infos = Array.from({ length: tensorCount }, (_, i) => readInfo(cursor, i))
  return { metadata, tensors: placeTensors(cursor, infos, alignmentOf(cursor, metadata), fileBytes) }
}

function readValue(cursor: Cursor, key: string): GgufValue {
  const at = cursor.at
  const code = cursor.u32(`${key}: type`)
  if (code === STRING) return { type: 'string', value: cursor.string(key) }
  if (code === ARRAY) {
    const of = cursor.u32(`${key}: type of elements`)
    if (of === STRING) {
      const count = cursor.count(`${key}: length`, 8)
      const value: string[] = []
      for (let i = 0; i < count; i++) value.push(cursor.string(`${key}[${i}]`))
      return { type: 'strings', value }
    }
    const type = scalarType(of) ?? cursor.fail(key, `has elements of type ${of}, which is not read`, at)
    const count = cursor.count(`${key}: length`, SCALARS[type].array.BYTES_PER_ELEMENT)
    return { type: 'array', of: type, value: cursor.numbers(type, count, key) }
  }
  const type = scalarType(code) ?? cursor.fail(key, `has the unknown type ${code}`, at)
  const value = cursor.numbers(type, 1, key)[0]!
  if (type === 'u64' || type === 'i64') return { type, value: value as bigint }
  if (type === 'bool') return { type, value: value === 1 }
  return { type, value: value as number }
}

function scalarType(code: number): GgufScalarType | undefined {
  return (Object.keys(SCALARS) as GgufScalarType[]).find((type) => SCALARS[type].code === code)
}

interface TensorInfo extends Omit<GgufTensorEntry, 'offset'> {
  /** From the start of the data. */
  readonly start: number
  /** Where its description stands. */
  readonly at: number
}

function readInfo(cursor: Cursor, index: number): TensorInfo {
  const at = cursor.at
  const name = cursor.string(`name of tensor ${index}`, MAX_KEY)
  const field = `tensor ${JSON.stringify(name)}`
  const rank = cursor.u32(`${field}: axes`)
  if (rank > 4) cursor.fail(field, `has ${rank} axes; at most 4`, at)
  const sizes = Array.from({ length: rank }, () => cursor.size(`${field}: shape`))
  const code = cursor.u32(`${field}: type`)
  const start = cursor.size(`${field}: offset`)
  const type = (Object.keys(GGUF_TENSOR_TYPES) as GgufTensorType[]).find(
    (each) => GGUF_TENSOR_TYPES[each].code === code,
  )
  if (!type) {
    const known = Object.keys(GGUF_TENSOR_TYPES).join(', ')
    cursor.fail(field, `has the type ${code}; ${known} are read: convert the file to one of them`, at)
  }
  const { bytes, block } = GGUF_TENSOR_TYPES[type]
  const shape = sizes.toReversed()
  const elements = elementCount(shape)
  if (sizes.includes(0) || elements * 4 > Number.MAX_SAFE_INTEGER)
    cursor.fail(field, `has the impossible shape [${shape.join(', ')}]`, at)
  if ((sizes[0] ?? 1) % block !== 0)
    cursor.fail(field, `has rows of ${sizes[0] ?? 1} values, and ${type} comes in blocks of ${block}`, at)
  return { name, type, shape, byteLength: (elements / block) * bytes, start, at }
}

function alignmentOf(cursor: Cursor, metadata: ReadonlyMap<string, GgufValue>): number {
  const stated = metadata.get('general.alignment')
  if (!stated) return DEFAULT_ALIGNMENT
  const { type, value } = stated
  if (type !== 'u32' || value < 8 || value > 2 ** 20 || (value & (value - 1)) !== 0)
    cursor.fail('"general.alignment"', 'must be a u32 that is a power of two, from 8 on')
  return value
}

function placeTensors(
  cursor: Cursor,
  infos: readonly TensorInfo[],
  alignment: number,
  fileBytes: number,
): Map<string, GgufTensorEntry> {
  const data = align(cursor.at, alignment)
  const tensors = new Map<string, GgufTensorEntry>()
  for (const { start, at, ...info } of infos) {
    const field = `tensor ${JSON.stringify(info.name)}`
    const end = data + start + info.byteLength
    if (tensors.has(info.name)) cursor.fail(field, 'is there twice', at)
    if (start % alignment !== 0) cursor.fail(field, `begins at ${start}, no multiple of ${alignment}`, at)
    if (end > fileBytes)
      cursor.fail(field, `ends at byte ${end} and the file has ${fileBytes}; it is cut short`, at)
    tensors.set(info.name, { ...info, offset: data + start })
  }
  let [last, end] = ['', 0]
  for (const { name, offset, byteLength } of [...tensors.values()].sort((a, b) => a.offset - b.offset)) {
    if (offset < end)
      cursor.fail(`tensor ${JSON.stringify(name)}`, `overlaps ${JSON.stringify(last)}`, offset)
    ;[last, end] = [name, offset + byteLength]
  }
  return tensors
}

export function align(offset: number, alignment = DEFAULT_ALIGNMENT): number {
  return Math.ceil(offset / alignment) * alignment
}

export interface GgufTensorSpec {
  readonly name: string
  readonly type: GgufTensorType
  readonly shape: readonly number[]
}

/** Everything before the data, and where each tensor's data goes. @throws GgufError for what the format cannot hold */
export function encodeGgufHeader(
  metadata: Iterable<readonly [string, GgufValue]>,
  specs: readonly GgufTensorSpec[],
  file = 'GGUF data',
): { header: Uint8Array; tensors: GgufTensorEntry[]; totalBytes: number } {
  const entries = [...metadata]
  const parts: Uint8Array[] = []
  const u32 = (value: number) => parts.push(new Uint8Array(Uint32Array.of(value).buffer))
  const u64 = (value: number) => parts.push(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer))
  const string = (value: string) => {
    const bytes = new TextEncoder().encode(value)
    u64(bytes.length)
    parts.push(bytes)
  }
  u32(0x46554747)
  u32(3)
  u64(specs.length)
  u64(entries.length)
  for (const [key, value] of entries) {
    string(key)
    writeValue(value, { u32, u64, string, raw: (bytes) => parts.push(bytes) })
  }
  const placed: (Omit<GgufTensorEntry, 'offset'> & { start: number })[] = []
  let start = 0
  for (const { name, type, shape } of specs) {
    const { code, bytes, block } = GGUF_TENSOR_TYPES[type]
    if ((shape.at(-1) ?? 1) % block !== 0 || shape.length > 4 || shape.includes(0))
      throw new GgufError(
        file,
        undefined,
        `tensor ${name}`,
        `${type} cannot hold the shape [${shape.join(', ')}]`,
      )
    string(name)
    u32(shape.length)
    for (const size of shape.toReversed()) u64(size)
    u32(code)
    u64(start)
    const byteLength = (elementCount(shape) / block) * bytes
    placed.push({ name, type, shape, byteLength, start })
    start = align(start + byteLength)
  }
  const length = parts.reduce((total, part) => total + part.length, 0)
  if (length > MAX_GGUF_HEADER) throw new GgufError(file, undefined, 'metadata', `would need ${length} bytes`)
  const header = new Uint8Array(align(length))
  let at = 0
  for (const part of parts) {
    header.set(part, at)
    at += part.length
  }
  const tensors = placed.map(({ start: from, ...entry }) => ({ ...entry, offset: header.length + from }))
  return { header, tensors, totalBytes: header.length + start }
}

interface Output {
  u32(value: number): void
  u64(value: number): void
  string(value: string): void
  raw(bytes: Uint8Array): void
}

function writeValue(entry: GgufValue, out: Output): void {
  if (entry.type === 'string') {
    out.u32(STRING)
    out.string(entry.value)
    return
  }
  if (entry.type === 'strings') {
    out.u32(ARRAY)
    out.u32(STRING)
    out.u64(entry.value.length)
    for (const value of entry.value) out.string(value)
    return
  }
  if (entry.type === 'array') {
    out.u32(ARRAY)
    out.u32(SCALARS[entry.of].code)
    out.u64(entry.value.length)
    const { buffer, byteOffset, byteLength } = entry.value
    out.raw(new Uint8Array(buffer, byteOffset, byteLength))
    return
  }
  const { code, array } = SCALARS[entry.type]
  out.u32(code)
  const value = typeof entry.value === 'boolean' ? Number(entry.value) : entry.value
  out.raw(new Uint8Array((array as unknown as { of(x: number | bigint): Numbers }).of(value).buffer))
}
