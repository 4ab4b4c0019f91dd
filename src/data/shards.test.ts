import { mkdtemp, open, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createBatches } from './batches.js'
import { encodeShardHeader, parseShardHeader, SHARD_HEADER_BYTES, ShardError } from './shard-format.js'
import { openShards, type TokenShards, writeShards } from './shards.js'

let root: string
let dir: string
let shards: TokenShards | undefined
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'athanor-shards-'))
  dir = join(root, 'tokens')
})
afterEach(async () => {
  shards?.close()
  shards = undefined
  await rm(root, { recursive: true, force: true })
})

function all(source: TokenShards): number[] {
  const target = new Int32Array(source.length)
  source.read(0, source.length, target, 0)
  return [...target]
}

async function* stream(documents: number[][]) {
  yield* documents
}

async function patch(file: string, position: number, bytes: number[]): Promise<void> {
  const handle = await open(join(dir, file), 'r+')
  await handle.write(Uint8Array.from(bytes), 0, bytes.length, position)
  await handle.close()
}

describe('writeShards and openShards', () => {
  it('keep the documents with a separator after each, over several shards', async () => {
    const documents = [[1, 2, 3], [], [4], [5, 6, 7, 8, 9, 10, 11]]
    const summary = await writeShards(dir, stream(documents), {
      vocabSize: 100,
      separator: 0,
      maxTokensPerShard: 4,
    })
    const row = [1, 2, 3, 0, 0, 4, 0, 5, 6, 7, 8, 9, 10, 11, 0]
    expect(summary).toEqual({
      files: ['tokens-00000.bin', 'tokens-00001.bin', 'tokens-00002.bin', 'tokens-00003.bin'],
      tokens: row.length,
      documents: 4,
      bytesPerToken: 2,
    })
    shards = openShards(dir)
    expect(shards).toMatchObject({ length: row.length, vocabSize: 100, separator: 0, documents: 4 })
    expect(all(shards)).toEqual(row)
    for (let start = 0; start < row.length; start++) {
      for (let length = 0; start + length <= row.length; length++) {
        const target = new Int32Array(length + 1).fill(-1)
        shards.read(start, length, target, 1)
        expect([...target]).toEqual([-1, ...row.slice(start, start + length)])
      }
    }
    await shards.verify()
  })

  it('use 32 bits where the vocabulary needs them', async () => {
    const ids = Uint32Array.of(0, 65535, 65536, 2 ** 31 - 1)
    expect((await writeShards(dir, [ids], { vocabSize: 2 ** 31 })).bytesPerToken).toBe(4)
    shards = openShards(dir)
    expect(all(shards)).toEqual([...ids])
    shards.close()
    expect((await writeShards(dir, [[65535]], { vocabSize: 65536 })).bytesPerToken).toBe(2)
  })

  it('hold documents larger than any buffer', async () => {
    const ids = Uint16Array.from({ length: 300_001 }, (_, i) => (i * 7919) % 50257)
    await writeShards(dir, [ids], { vocabSize: 50257, maxTokensPerShard: 140_000 })
    shards = openShards(dir)
    expect(all(shards)).toEqual([...ids])
    await shards.verify()
  })

  it('feed batches', async () => {
    const ids = Int32Array.from({ length: 1000 }, (_, i) => i)
    await writeShards(dir, [ids], { vocabSize: 1000, maxTokensPerShard: 33 })
    shards = openShards(dir)
    const { inputs, targets } = createBatches({
      tokens: shards,
      batchSize: 4,
      contextLength: 50,
      seed: 1,
      order: 'shuffle',
    }).batches(2)
    inputs.forEach((id, i) => {
      expect(targets[i]).toBe(id + 1)
    })
  })

  it('leave the old folder when the documents fail', async () => {
    await writeShards(dir, [[1]], { vocabSize: 10 })
    async function* failing() {
      yield [2, 3]
      throw new Error('source broke')
    }
    await expect(writeShards(dir, failing(), { vocabSize: 10 })).rejects.toThrow('source broke')
    await expect(writeShards(dir, stream([[2], [10]]), { vocabSize: 10 })).rejects.toThrow(
      /document 1 has the token 10, outside the vocabulary of 10/,
    )
    await expect(writeShards(dir, [[2]], { vocabSize: 10, signal: AbortSignal.abort() })).rejects.toThrow(
      /abort/i,
    )
    await expect(writeShards(dir, [], { vocabSize: 10 })).rejects.toThrow(/no tokens/)
    shards = openShards(dir)
    expect(all(shards)).toEqual([1])
    expect(await readdir(root)).toEqual(['tokens'])
  })
})

describe('hostile shards', () => {
  const cases: [string, () => Promise<unknown>, RegExp][] = [
    [
      'another kind of file',
      () => writeFile(join(dir, 'tokens-00000.bin'), 'x'.repeat(500)),
      /not a token shard/,
    ],
    ['an empty file', () => truncate(join(dir, 'tokens-00000.bin'), 0), /too short/],
    [
      'a cut file',
      () => truncate(join(dir, 'tokens-00001.bin'), 130),
      /tokens-00001.bin: should be 134 bytes long/,
    ],
    ['a later version', () => patch('tokens-00000.bin', 8, [9]), /version 9/],
    ['a strange width', () => patch('tokens-00000.bin', 12, [3]), /3 bytes per token/],
    [
      'an absurd count',
      () => patch('tokens-00000.bin', 16, [255, 255, 255, 255, 255, 255, 255, 255]),
      /18446744073709551615 tokens/,
    ],
    ['no vocabulary', () => patch('tokens-00000.bin', 24, [0, 0]), /vocabulary of 0/],
    ['another vocabulary', () => patch('tokens-00001.bin', 24, [99]), /another vocabulary/],
    ['a separator outside', () => patch('tokens-00000.bin', 28, [200]), /separator 200/],
    ['too many documents', () => patch('tokens-00000.bin', 32, [50]), /50 documents in 3 tokens/],
    [
      'a missing shard',
      () => rename(join(dir, 'tokens-00001.bin'), join(dir, 'tokens-00002.bin')),
      /tokens-00001.bin is missing/,
    ],
    [
      'no shards',
      () => Promise.all([rm(join(dir, 'tokens-00000.bin')), rm(join(dir, 'tokens-00001.bin'))]),
      /holds no token shards/,
    ],
  ]
  it.each(cases)('refuse %s', async (_, damage, message) => {
    await writeShards(
      dir,
      [
        [1, 2, 3],
        [4, 5],
      ],
      { vocabSize: 100, separator: 0, maxTokensPerShard: 3 },
    ).then(async () => {
      // Two shards: [1, 2, 3] and [0, 4, 5]; the last separator makes a third.
      await rm(join(dir, 'tokens-00002.bin'))
    })
    await damage()
    const opening = () => openShards(dir).close()
    expect(opening).toThrow(ShardError)
    expect(opening).toThrow(message)
  })

  it('notice an id outside the vocabulary when it is read, and any changed byte when verified', async () => {
    await writeShards(dir, [[1, 2, 3]], { vocabSize: 100 })
    await patch('tokens-00000.bin', SHARD_HEADER_BYTES + 2, [200])
    shards = openShards(dir)
    expect(() => all(shards!)).toThrow(/token 1 is 200, outside its vocabulary of 100/)
    await patch('tokens-00000.bin', SHARD_HEADER_BYTES + 2, [3])
    await expect(shards.verify()).rejects.toThrow(/SHA-256 differs/)
  })

  it('notice a file cut while open, and reads out of range', async () => {
    await writeShards(dir, [[1, 2, 3]], { vocabSize: 100 })
    shards = openShards(dir)
    expect(() => shards!.read(2, 2, new Int32Array(2), 0)).toThrow(/cannot read tokens 2 to 4 of 3/)
    await truncate(join(dir, 'tokens-00000.bin'), SHARD_HEADER_BYTES)
    expect(() => all(shards!)).toThrow(/cut short while open/)
  })

  it('name a folder that is missing', () => {
    expect(() => openShards(join(root, 'none'))).toThrow(/no such file or folder/)
  })

  it('read back their own header', async () => {
    await writeShards(dir, [[1, 2, 3]], { vocabSize: 100 })
    const bytes = new Uint8Array(await readFile(join(dir, 'tokens-00000.bin')))
    const header = parseShardHeader(bytes, bytes.length, 'x')
    expect(encodeShardHeader(header)).toEqual(bytes.slice(0, SHARD_HEADER_BYTES))
    expect(header.separator).toBeUndefined()
  })
})
