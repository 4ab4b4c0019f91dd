import { mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fromFloat32, type HubTensor, toFloat32 } from './hub-tensor.js'
import { encodeHeader, encodeSafetensors, parseSafetensors, SafetensorsError } from './safetensors.js'
import { openSafetensors, writeSafetensors } from './safetensors-file.js'
import { openShardedSafetensors, writeCheckpointTensors } from './sharded.js'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-safetensors-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

function file(header: string | object, dataBytes = 0, padded = true): Uint8Array {
  let json = typeof header === 'string' ? header : JSON.stringify(header)
  if (padded) while (Buffer.byteLength(json) % 8) json += ' '
  const out = Buffer.alloc(8 + Buffer.byteLength(json) + dataBytes)
  out.writeBigUInt64LE(BigInt(Buffer.byteLength(json)))
  out.write(json, 8)
  return new Uint8Array(out)
}

const f32 = (shape: unknown, begin: unknown, end: unknown) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
})

const zoo = new Map<string, HubTensor>([
  ['b.weight', { dtype: 'f32', shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, -0, Infinity) }],
  ['a.weight', { dtype: 'f32', shape: [1], data: Float32Array.of(7) }],
  ['half', fromFloat32('f16', [3], Float32Array.of(0.1, 65504, -1))],
  ['brain', fromFloat32('bf16', [1, 1], Float32Array.of(0.1))],
  ['double', { dtype: 'f64', shape: [], data: Float64Array.of(Math.PI) }],
  ['long', { dtype: 'i64', shape: [2], data: BigInt64Array.of(-5n, 2n ** 62n) }],
  ['int', { dtype: 'i32', shape: [2], data: Int32Array.of(-5, 2 ** 30) }],
  ['bytes', { dtype: 'u8', shape: [3], data: Uint8Array.of(1, 2, 255) }],
  ['tiny', { dtype: 'i8', shape: [1], data: Int8Array.of(-128) }],
  ['flags', { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) }],
  ['empty', { dtype: 'f32', shape: [0, 4], data: new Float32Array() }],
  ['__proto__', { dtype: 'u16', shape: [1], data: Uint16Array.of(9) }],
  ['constructor', { dtype: 'u32', shape: [1], data: Uint32Array.of(9) }],
  ['層.重み "x"', { dtype: 'i16', shape: [1], data: Int16Array.of(-9) }],
])

describe('round trips', () => {
  it('keeps every dtype, scalars, empty tensors and difficult names, in memory', () => {
    const { tensors, metadata } = parseSafetensors(encodeSafetensors(zoo, [['format', 'pt']]))
    expect(new Map([...tensors].sort())).toEqual(new Map([...zoo].sort()))
    expect(metadata).toEqual(new Map([['format', 'pt']]))
  })

  it('keeps them on disk, one tensor at a time', async () => {
    const path = join(dir, 'zoo.safetensors')
    await writeSafetensors(path, zoo, { metadata: { note: 'häh' } })
    const reader = await openSafetensors(path)
    for (const [name, tensor] of zoo) expect(await reader.read(name)).toEqual(tensor)
    expect(reader.metadata.get('note')).toBe('häh')
    await expect(reader.read('c.weight')).rejects.toThrow(/no such tensor among the 14/)
    await reader.close()
    expect(new Uint8Array(await readFile(path))).toEqual(encodeSafetensors(zoo, [['note', 'häh']]))
  })

  it('writes a view of a larger buffer, and a tensor that is loaded late', async () => {
    const path = join(dir, 'view.safetensors')
    const large = Float32Array.of(0, 1, 2, 3, 4)
    await writeSafetensors(path, {
      view: { dtype: 'f32', shape: [2], data: large.subarray(1, 3) },
      late: { dtype: 'f32', shape: [1], load: async () => large.subarray(4) },
    })
    const reader = await openSafetensors(path)
    expect([...toFloat32(await reader.read('view'))]).toEqual([1, 2])
    expect([...toFloat32(await reader.read('late'))]).toEqual([4])
    await reader.close()
  })

  it('aligns every tensor to its width', () => {
    const { order } = encodeHeader(zoo)
    for (const entry of order)
      expect(entry.offset % (zoo.get(entry.name)!.data.BYTES_PER_ELEMENT ?? 1)).toBe(0)
  })

  it('reads and writes byte for byte what the reference implementation writes', async () => {
    const original = new Uint8Array(
      await readFile(new URL('fixtures/reference.safetensors', import.meta.url)),
    )
    const { tensors, metadata } = parseSafetensors(original)
    const values = toFloat32(tensors.get('f32')!)
    expect(fromFloat32('f16', [2, 3], values)).toEqual(tensors.get('f16'))
    expect(fromFloat32('bf16', [2, 3], values)).toEqual(tensors.get('bf16'))
    expect(tensors.get('f64')).toEqual({ dtype: 'f64', shape: [], data: Float64Array.of(Math.PI) })
    expect(tensors.get('i64')!.data).toEqual(BigInt64Array.of(-(2n ** 62n), 5n))
    expect(tensors.get('bool')!.data).toEqual(Uint8Array.of(1, 0, 1))
    expect(encodeSafetensors(tensors, metadata)).toEqual(original)
  })

  it.skipIf(!process.env.ATHANOR_TEST_DATA)(
    'rewrites a published checkpoint without changing a value',
    async () => {
      const path = join(process.env.ATHANOR_TEST_DATA!, 'stories260k', 'model.safetensors')
      const original = new Uint8Array(await readFile(path))
      const { tensors, metadata } = parseSafetensors(original)
      expect(tensors.size).toBeGreaterThan(10)
      expect(parseSafetensors(encodeSafetensors(tensors, metadata)).tensors).toEqual(tensors)
    },
  )
})

describe('hostile files', () => {
  const cases: [string, Uint8Array, RegExp, string?][] = [
    ['an empty file', new Uint8Array(0), /too short/],
    ['seven bytes', new Uint8Array(7), /too short/],
    ['a header longer than the file', file('{}').subarray(0, 12), /cut short/],
    ['a header of more than 100 MB', Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0), /limit is 100000000/],
    ['an absurd header length', new Uint8Array(16).fill(255), /18446744073709551615/],
    ['an empty header', new Uint8Array(8), /not valid JSON/],
    ['broken JSON', file('{"a":'), /not valid JSON/],
    ['a header that is not an object', file('[1]'), /not valid JSON/],
    ['leading white space', file(' {}'), /not valid JSON/],
    ['a byte order mark', file('\ufeff{}'), /not valid JSON/],
    [
      'invalid UTF-8',
      new Uint8Array(
        Buffer.concat([
          Buffer.from(file('{"ab":1}').subarray(0, 10)),
          Buffer.from([255, 255, 255, 255, 255, 255]),
        ]),
      ),
      /not valid JSON/,
    ],
    ['deep nesting', file('['.repeat(200_000)), /not valid JSON/],
    [
      'duplicate names',
      file(`{"a":${JSON.stringify(f32([1], 0, 4))},"\\u0061":${JSON.stringify(f32([1], 4, 8))}}`, 8),
      /key "a" twice/,
    ],
    [
      'duplicate fields',
      file('{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}', 4),
      /key "dtype" twice/,
    ],
    ['a description that is not an object', file({ a: 5 }), /must be an object/, 'a'],
    ['an unknown field', file({ a: { ...f32([1], 0, 4), extra: 1 } }, 4), /unknown field "extra"/, 'a'],
    [
      'an unknown dtype',
      file({ a: { dtype: 'F7', shape: [1], data_offsets: [0, 4] } }, 4),
      /unknown dtype "F7"/,
      'a',
    ],
    [
      'a dtype from the prototype',
      file({ a: { dtype: 'constructor', shape: [1], data_offsets: [0, 4] } }, 4),
      /unknown dtype/,
      'a',
    ],
    ['a fractional shape', file({ a: f32([0.5], 0, 2) }, 2), /whole numbers/, 'a'],
    ['a negative shape', file({ a: f32([-1], 0, 4) }, 4), /whole numbers/, 'a'],
    ['a shape that is text', file({ a: f32('1', 0, 4) }, 4), /whole numbers/, 'a'],
    ['a shape whose product overflows', file({ a: f32([2 ** 30, 2 ** 30], 0, 4) }, 4), /too large/, 'a'],
    [
      'a shape that overflows but for a zero',
      file({ a: f32([2 ** 52, 2 ** 52, 0], 0, 0) }),
      /too large/,
      'a',
    ],
    ['missing offsets', file({ a: { dtype: 'F32', shape: [1] } }, 4), /data_offsets must be/, 'a'],
    [
      'three offsets',
      file({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 8] } }, 4),
      /data_offsets must be/,
      'a',
    ],
    ['negative offsets', file({ a: f32([1], -4, 0) }, 4), /data_offsets must be/, 'a'],
    ['begin after end', file({ a: f32([1], 4, 0) }, 4), /begin \(4\) after they end/, 'a'],
    ['a size that does not match', file({ a: f32([2], 0, 4) }, 4), /needs 8 bytes/, 'a'],
    ['offsets beyond the file', file({ a: f32([2], 0, 8) }, 4), /cut short/, 'a'],
    ['overlapping tensors', file({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12), /overlaps/, 'b'],
    ['the same bytes twice', file({ a: f32([1], 0, 4), b: f32([1], 0, 4) }, 4), /overlaps/, 'b'],
    ['a hole', file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12), /hole of 4 bytes/, 'b'],
    ['a hole at the start', file({ a: f32([1], 4, 8) }, 8), /hole of 4 bytes/, 'a'],
    ['bytes at the end', file({ a: f32([1], 0, 4) }, 12), /8 bytes at the end/],
    ['metadata that is not text', file({ __metadata__: { n: 1 } }), /metadata "n" must be text/],
    ['metadata that is a list', file({ __metadata__: [] }), /__metadata__ must be an object/],
  ]
  it.each(cases)('refuses %s', async (_, bytes, message, tensor) => {
    const path = join(dir, 'bad.safetensors')
    await writeFile(path, bytes)
    const error = await openSafetensors(path).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(SafetensorsError)
    expect((error as SafetensorsError).message).toMatch(message)
    expect((error as SafetensorsError).message).toContain(path)
    expect((error as SafetensorsError).tensor).toBe(tensor)
    expect(() => parseSafetensors(bytes)).toThrow(message)
  })

  it('accepts a header without tensors, and odd padding', () => {
    expect(parseSafetensors(file('{}')).tensors.size).toBe(0)
    expect(parseSafetensors(file(JSON.stringify({ abc: f32([1], 0, 4) }), 4, false)).tensors.size).toBe(1)
  })

  it('survives every truncation and a flip of every header byte with a typed error or a valid result', () => {
    const bytes = encodeSafetensors(zoo)
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseSafetensors(bytes.subarray(0, length))).toThrow(SafetensorsError)
    }
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice()
      flipped[at]! ^= 1 << (at % 8)
      try {
        parseSafetensors(flipped)
      } catch (error) {
        expect(error).toBeInstanceOf(SafetensorsError)
      }
    }
  })

  it('notices a file that was cut while open', async () => {
    const path = join(dir, 'cut.safetensors')
    await writeSafetensors(path, { a: { dtype: 'f32', shape: [4], data: new Float32Array(4) } })
    const reader = await openSafetensors(path)
    await truncate(path, 80)
    await expect(reader.read('a')).rejects.toThrow(/cut while open/)
    await reader.close()
  })

  it('names a path that is missing or a folder', async () => {
    await expect(openSafetensors(join(dir, 'none'))).rejects.toMatchObject({ code: 'storage-not-found' })
    await expect(openSafetensors(dir)).rejects.toMatchObject({ code: 'storage-is-a-directory' })
  })

  it('refuses to write what the format cannot hold, and leaves nothing behind', async () => {
    const path = join(dir, 'out.safetensors')
    const one: HubTensor = { dtype: 'f32', shape: [2], data: new Float32Array(1) }
    await expect(writeSafetensors(path, { a: one })).rejects.toThrow(/holds 4 bytes but f32 \[2\] needs 8/)
    await expect(writeSafetensors(path, { __metadata__: one })).rejects.toThrow(/reserved/)
    await expect(openSafetensors(path)).rejects.toMatchObject({ code: 'storage-not-found' })
  })

  it('stops writing when asked to, and keeps the old file', async () => {
    const path = join(dir, 'model.safetensors')
    await writeSafetensors(path, { a: { dtype: 'f32', shape: [1], data: Float32Array.of(1) } })
    const abort = new AbortController()
    const late = (value: number) => ({
      dtype: 'f32' as const,
      shape: [1],
      load: async () => {
        abort.abort()
        return Float32Array.of(value)
      },
    })
    await expect(
      writeSafetensors(path, { a: late(2), b: late(3) }, { signal: abort.signal }),
    ).rejects.toThrow(/abort/i)
    const reader = await openSafetensors(path)
    expect((await reader.read('a')).data).toEqual(Float32Array.of(1))
    await reader.close()
  })

  it('explains a full disk', async () => {
    const full = await open('/dev/full', 'w').catch(() => undefined)
    if (full === undefined) return
    await full.close()
    const { toStorageError } = await import('../atomic.js')
    const error = await writeFile('/dev/full', 'x').catch((error) =>
      toStorageError(error, 'write', '/dev/full'),
    )
    expect(error).toMatchObject({ code: 'storage-full', message: expect.stringContaining('free some space') })
  })
})

describe('sharded checkpoints', () => {
  it('splits by size and reads back as one', async () => {
    const files = await writeCheckpointTensors(dir, zoo, { maxShardBytes: 30 })
    expect(files.length).toBeGreaterThan(2)
    expect(files.at(-1)).toBe('model.safetensors.index.json')
    const reader = await openShardedSafetensors(join(dir, 'model.safetensors.index.json'))
    for (const [name, tensor] of zoo) expect(await reader.read(name)).toEqual(tensor)
    await reader.close()
  })

  it.each([
    ['leaves the folder', { weight_map: { a: '../../etc/model.safetensors' } }, /may not point outside/],
    ['is absolute', { weight_map: { a: '/etc/model.safetensors' } }, /may not point outside/],
    ['uses a drive', { weight_map: { a: 'c:model.safetensors' } }, /may not point outside/],
    ['is no text', { weight_map: { a: 5 } }, /not a plain/],
    ['has no map', {}, /no "weight_map"/],
    ['has an empty map', { weight_map: {} }, /empty/],
    ['names a missing shard', { weight_map: { a: 'model-1.safetensors' } }, /model-1.safetensors/],
    ['names a tensor its shard lacks', { weight_map: { z: 'real.safetensors' } }, /but it is not/],
  ])('refuses an index that %s', async (_, index, message) => {
    await writeSafetensors(join(dir, 'real.safetensors'), {
      a: { dtype: 'u8', shape: [1], data: Uint8Array.of(1) },
    })
    await writeFile(join(dir, 'model.safetensors.index.json'), JSON.stringify(index))
    await expect(openShardedSafetensors(join(dir, 'model.safetensors.index.json'))).rejects.toThrow(message)
  })
})
