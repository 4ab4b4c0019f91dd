import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Rng } from '../rng.js'
import { dequantize, quantize } from '../tensor/index.js'
import { encodeGgufHeader, GgufError, type GgufValue, parseGgufHeader } from './gguf.js'
import { decodeGgufData, encodeGgufData } from './gguf-data.js'
import { openGguf, writeGguf } from './gguf-file.js'

const metadata: [string, GgufValue][] = [
  ['general.architecture', { type: 'string', value: 'llama' }],
  ['a.bool', { type: 'bool', value: true }],
  ['a.u64', { type: 'u64', value: 2n ** 60n }],
  ['a.f32', { type: 'f32', value: 0.5 }],
  ['a.i8', { type: 'i8', value: -3 }],
  ['tokens', { type: 'strings', value: ['', 'Ġthe', '好'] }],
  ['types', { type: 'array', of: 'i32', value: Int32Array.of(1, -2, 3) }],
]
const types = ['f32', 'f16', 'q8_0', 'q4_0'] as const
const values = new Float32Array(4 * 64)
Rng.seed(3).fillNormal(values, 0, 1)
const tensors = types.map((type) => ({ name: `t.${type}`, type, shape: [4, 64], load: () => values }))

let dir: string
let file: Uint8Array
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-gguf-'))
  await writeGguf(join(dir, 'a.gguf'), metadata, tensors)
  file = await readFile(join(dir, 'a.gguf'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

describe('a GGUF file', () => {
  it('gives back the metadata, the shapes and the values', async () => {
    const gguf = await openGguf(join(dir, 'a.gguf'))
    expect([...gguf.metadata]).toEqual(metadata)
    for (const { name, type } of tensors) {
      expect(gguf.tensors.get(name)).toMatchObject({ type, shape: [4, 64] })
      expect(gguf.tensors.get(name)!.offset % 32).toBe(0)
      const read = await gguf.read(name)
      const error = Math.max(...read.map((x, i) => Math.abs(x - values[i]!)))
      expect(error).toBeLessThan({ f32: 1e-9, f16: 2e-3, q8_0: 0.02, q4_0: 0.5 }[type])
    }
    await expect(gguf.read('none')).rejects.toThrow(GgufError)
    await gguf.close()
  })

  it.each([
    ['q8_0', 8],
    ['q4_0', 4],
  ] as const)('has in %s the numbers that a model quantized at load has', (type, bits) => {
    const decoded = decodeGgufData(type, encodeGgufData(type, values, 64))
    expect(decoded).toEqual(dequantize(quantize(values, 4, 64, bits)))
  })

  it('lays a block out as ggml does', () => {
    const block = Float32Array.from({ length: 32 }, (_, i) => i - 16)
    const four = encodeGgufData('q4_0', block, 32)
    // The largest value, -16, is the level 0 (-8 and the scale 2); elements 0 and 16 share the first byte.
    expect([...four.subarray(0, 3)]).toEqual([0x00, 0x40, 0x80])
    const eight = encodeGgufData('q8_0', block, 32)
    expect(new Int8Array(eight.buffer, 2, 2)).toEqual(Int8Array.of(-127, -119))
  })

  it('is refused by name and place where it is broken', () => {
    const patched = (offset: number, bytes: readonly number[]) => {
      const copy = Uint8Array.from(file)
      copy.set(bytes, offset)
      return copy
    }
    const read = (bytes: Uint8Array) => parseGgufHeader(bytes, bytes.length, 'f.gguf')
    expect(() => read(patched(0, [1]))).toThrow(/byte 0: magic/)
    expect(() => read(patched(4, [9]))).toThrow(/byte 4: version/)
    expect(() => read(patched(8, [255, 255, 255, 255]))).toThrow(/tensor count: claims/)
    expect(() => read(patched(23, [255]))).toThrow(/metadata count/)
    expect(() => read(file.slice(0, file.length - 100))).toThrow(/"t.q4_0": ends at byte/)
    expect(() => read(file.slice(0, 60))).toThrow(/claims 4 entries/)
    expect(() => read(file.slice(0, 300))).toThrow(/cut short/)
    expect(() => read(patched(24, [255, 255, 255, 255, 255]))).toThrow(/key 0: is/)
  })

  it('does not hold what its types cannot', () => {
    expect(() => encodeGgufHeader([], [{ name: 'x', type: 'q8_0', shape: [2, 40] }])).toThrow(/cannot hold/)
  })
})

describe('a GGUF file with bytes changed at random', () => {
  it('is read or refused with a GgufError, and takes no memory that it does not have', async () => {
    const rng = Rng.seed(20)
    const header = encodeGgufHeader(metadata, tensors).header.length
    for (let round = 0; round < 3000; round++) {
      let bytes = Uint8Array.from(file)
      for (let i = rng.integer(6); i >= 0; i--) {
        const at = rng.integer(header)
        const kind = rng.integer(4)
        if (kind === 0) bytes[at] = rng.integer(256)
        else if (kind === 1) bytes.fill(255, at, at + rng.integer(9))
        else if (kind === 2) bytes.fill(0, at, at + rng.integer(9))
        else bytes = bytes.slice(0, Math.max(1, bytes.length - rng.integer(bytes.length)))
      }
      try {
        const { tensors: found } = parseGgufHeader(bytes, bytes.length, 'f.gguf')
        for (const { type, offset, byteLength } of found.values())
          decodeGgufData(type, bytes.subarray(offset, offset + byteLength))
      } catch (error) {
        expect(error, `round ${round}`).toBeInstanceOf(GgufError)
      }
    }
  })

  it('is read in pieces from disk to the same end', async () => {
    const long: [string, GgufValue][] = [['x', { type: 'string', value: 'y'.repeat(300_000) }]]
    const path = join(dir, 'long.gguf')
    await writeGguf(path, long, tensors.slice(0, 1))
    const gguf = await openGguf(path)
    expect(gguf.metadata.size).toBe(1)
    await gguf.close()
    await writeFile(path, (await readFile(path)).subarray(0, 200_000))
    await expect(openGguf(path)).rejects.toThrow(/cut short/)
  })
})
