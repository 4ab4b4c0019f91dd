import { AthanorError } from '../errors.js'

/**
 * A token shard: a header of 128 bytes, then the ids, all little-endian.
 *
 *     0   "ATHSHARD"     8   version 1 (u32)         12  bytes per id: 2 or 4 (u32)
 *     16  count (u64)    24  vocabulary size (u32)   28  separator id, or 0xffffffff (u32)
 *     32  documents (u64)    40  SHA-256 of the ids (32 bytes)    72  zeros
 */

/** A token shard that is damaged, or was made for something else. */
export class ShardError extends AthanorError {
  readonly file: string

  constructor(file: string, cause: string, options?: ErrorOptions) {
    super('shard-invalid', `${file}: ${cause}`, options)
    this.file = file
  }
}

export interface ShardHeader {
  /** uint16 where the vocabulary allows it, else uint32. */
  readonly bytesPerToken: 2 | 4
  readonly count: number
  readonly vocabSize: number
  /** The id between documents, if there is one. */
  readonly separator: number | undefined
  readonly documents: number
  /** SHA-256 of the ids, in hexadecimal. */
  readonly sha256: string
}

export const SHARD_HEADER_BYTES = 128
const MAGIC = 'ATHSHARD'
const VERSION = 1
const NO_SEPARATOR = 0xffffffff
/** Token ids are int32 from here on. */
const MAX_VOCAB = 2 ** 31

export function bytesPerTokenFor(vocabSize: number): 2 | 4 {
  return vocabSize <= 2 ** 16 ? 2 : 4
}

/** @throws ShardError when the numbers cannot be those of a shard */
export function encodeShardHeader(header: ShardHeader): Uint8Array {
  const bytes = new Uint8Array(SHARD_HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  bytes.set(new TextEncoder().encode(MAGIC))
  view.setUint32(8, VERSION, true)
  view.setUint32(12, header.bytesPerToken, true)
  view.setBigUint64(16, BigInt(header.count), true)
  view.setUint32(24, header.vocabSize, true)
  view.setUint32(28, header.separator ?? NO_SEPARATOR, true)
  view.setBigUint64(32, BigInt(header.documents), true)
  for (let i = 0; i < 32; i++) bytes[40 + i] = Number.parseInt(header.sha256.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

/**
 * @param fileBytes the size of the whole file, which must agree with the header
 * @throws ShardError naming the file and what is wrong with it
 */
export function parseShardHeader(bytes: Uint8Array, fileBytes: number, file: string): ShardHeader {
  if (bytes.byteLength < SHARD_HEADER_BYTES || fileBytes < SHARD_HEADER_BYTES) {
    throw new ShardError(file, `only ${fileBytes} bytes long, too short for a token shard`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, SHARD_HEADER_BYTES)
  if (String.fromCharCode(...bytes.subarray(0, 8)) !== MAGIC) {
    throw new ShardError(file, 'not a token shard (it does not begin with ATHSHARD); prepare the data again')
  }
  const version = view.getUint32(8, true)
  if (version !== VERSION) {
    throw new ShardError(
      file,
      `is a shard of version ${version}, this program reads ${VERSION}; prepare the data again`,
    )
  }
  const bytesPerToken = view.getUint32(12, true)
  if (bytesPerToken !== 2 && bytesPerToken !== 4)
    throw new ShardError(file, `claims ${bytesPerToken} bytes per token, not 2 or 4`)
  const vocabSize = view.getUint32(24, true)
  if (vocabSize < 1 || vocabSize > MAX_VOCAB)
    throw new ShardError(file, `claims a vocabulary of ${vocabSize}`)
  const count = view.getBigUint64(16, true)
  const expected = BigInt(SHARD_HEADER_BYTES) + count * BigInt(bytesPerToken)
  if (expected !== BigInt(fileBytes)) {
    throw new ShardError(
      file,
      `should be ${expected} bytes long for its ${count} tokens but is ${fileBytes}; copy or prepare it again`,
    )
  }
  const separator = view.getUint32(28, true)
  if (separator !== NO_SEPARATOR && separator >= vocabSize) {
    throw new ShardError(file, `its separator ${separator} lies outside its vocabulary of ${vocabSize}`)
  }
  const documents = view.getBigUint64(32, true)
  if (documents > count + 1n) throw new ShardError(file, `claims ${documents} documents in ${count} tokens`)
  const sha256 = Array.from(bytes.subarray(40, 72), (byte) => byte.toString(16).padStart(2, '0')).join('')
  return {
    bytesPerToken,
    count: Number(count),
    vocabSize,
    separator: separator === NO_SEPARATOR ? undefined : separator,
    documents: Number(documents),
    sha256,
  }
}
