import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { trainCharTokenizer } from './char.js'
import { loadGpt2Files, loadTokenizer, readTexts, saveTokenizer } from './files.js'
import { trainBpe } from './train-bpe.js'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-text-'))
})
afterEach(() => rm(dir, { recursive: true }))

const put = (name: string, content: string | Uint8Array) => writeFile(join(dir, name), content)

describe('tokenizers on disk', () => {
  it('come back as they were saved, and nothing else is left behind', async () => {
    const tokenizer = trainCharTokenizer('hello\n', { specialTokens: ['<|bos|>'] })
    await saveTokenizer(tokenizer, join(dir, 'run'), { modelMaxLength: 256 })
    const loaded = await loadTokenizer(join(dir, 'run'))
    expect(loaded.toJSON()).toEqual(tokenizer.toJSON())
    expect([loaded.bosId, loaded.eosId]).toEqual([tokenizer.bosId, tokenizer.eosId])
    expect((await readdir(join(dir, 'run'))).sort()).toEqual(['tokenizer.json', 'tokenizer_config.json'])
  })

  it('keep what else tokenizer_config.json says', async () => {
    await put('tokenizer_config.json', '{"chat_template":"x","bos_token":"old"}')
    await saveTokenizer(trainCharTokenizer('ab'), dir, { modelMaxLength: 8 })
    expect(JSON.parse(await readFile(join(dir, 'tokenizer_config.json'), 'utf8'))).toMatchObject({
      chat_template: 'x',
      bos_token: null,
      model_max_length: 8,
    })
  })

  it('take their start and end from tokenizer_config.json, as text or as objects', async () => {
    await saveTokenizer(trainCharTokenizer('ab', { specialTokens: ['<1>', '<2>'] }), dir)
    await put('tokenizer_config.json', '{"bos_token":"<1>","eos_token":{"content":"<2>","lstrip":false}}')
    const tokenizer = await loadTokenizer(dir)
    expect([tokenizer.bosId, tokenizer.eosId]).toEqual([2, 3])
  })

  it('refuse an end token that the vocabulary lacks', async () => {
    await saveTokenizer(trainCharTokenizer('ab'), dir)
    await put('tokenizer_config.json', '{"eos_token":"<end>"}')
    await expect(loadTokenizer(dir)).rejects.toThrow(/no token "<end>"/)
  })

  it("may be GPT-2's two files", async () => {
    await put('vocab.json', '{"a":0,"b":1,"ab":2,"<|endoftext|>":3}')
    await put('merges.txt', '#version: 0.2\na b\n')
    for (const load of [loadTokenizer, loadGpt2Files]) {
      const tokenizer = await load(dir)
      expect([[...tokenizer.encode('aba')], tokenizer.eosId]).toEqual([[2, 0], 3])
      expect(() => tokenizer.encode('abc')).toThrow(/cannot spell U\+0063/)
    }
  })

  it('are missed by name', async () => {
    await expect(loadTokenizer(dir)).rejects.toMatchObject({ code: 'tokenizer_not_found' })
    await expect(loadGpt2Files(dir)).rejects.toMatchObject({ code: 'tokenizer_not_found' })
  })

  it.each([
    ['', 'tokenizer_invalid'],
    ['{"model":', 'tokenizer_invalid'],
    ['[1]', 'tokenizer_invalid'],
    [Uint8Array.of(0x7b, 0xff), 'text_not_utf8'],
  ])('refuse %j with the name of the file', async (content, code) => {
    await put('tokenizer.json', content)
    await expect(loadTokenizer(dir)).rejects.toMatchObject({
      code,
      message: expect.stringContaining('tokenizer.json'),
    })
  })
})

describe('texts of files', () => {
  const collect = async (paths: string[], pieceBytes?: number) => {
    const pieces: string[] = []
    for await (const piece of readTexts(paths, pieceBytes)) pieces.push(piece)
    return pieces
  }
  const text = 'First line, 中文。\nsecond 😀 line.\n\n  third\n \nlast\n'.repeat(5)

  it.each([1, 2, 3, 7, 64, 1000])('come whole in blocks of %d bytes', async (pieceBytes) => {
    await put('a.txt', text)
    expect((await collect([join(dir, 'a.txt')], pieceBytes)).join('')).toBe(text)
  })

  it('train the same tokenizer in any blocks', async () => {
    await put('a.txt', text)
    const train = (pieceBytes: number) =>
      trainBpe(readTexts([join(dir, 'a.txt')], pieceBytes), { vocabSize: 290 })
    expect((await train(16)).toJSON()).toEqual((await train(1 << 20)).toJSON())
  })

  it.each([1, 2, 5, 1000])('name the byte that is not UTF-8, in blocks of %d bytes', async (pieceBytes) => {
    await put('bad.txt', Uint8Array.of(0x61, 0xe4, 0xb8, 0xad, 0x62, 0xe4, 0x62))
    await expect(collect([join(dir, 'bad.txt')], pieceBytes)).rejects.toThrow(/bad\.txt.*byte 5/)
  })

  it('name a file that ends inside a character', async () => {
    await put('cut.txt', Uint8Array.of(0x61, 0xe4, 0xb8))
    await expect(collect([join(dir, 'cut.txt')])).rejects.toThrow(/cut\.txt.*byte 1/)
  })

  it('drop a byte order mark', async () => {
    await put('bom.txt', '\ufeffabc')
    expect((await collect([join(dir, 'bom.txt')], 1)).join('')).toBe('abc')
  })

  it('name a file that is not there', async () => {
    await expect(collect([join(dir, 'none.txt')])).rejects.toThrow(/cannot read .*none\.txt/)
  })

  it('are none for an empty file', async () => {
    await put('empty.txt', '')
    expect(await collect([join(dir, 'empty.txt')])).toEqual([])
  })
})
