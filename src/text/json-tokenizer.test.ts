import { Tokenizer as NativeTokenizer } from 'tokenizers'
import { beforeAll, describe, expect, it } from 'vitest'
import { tokenizerFromJson } from './json-tokenizer.js'
import type { TokenizerJson } from './schema.js'
import { withSpecialTokens } from './special.js'
import { randomFrom, randomText } from './testing/data.js'
import type { Tokenizer } from './tokenizer.js'
import { trainBpe } from './train-bpe.js'

let bpe: Tokenizer
beforeAll(async () => {
  const random = randomFrom(1)
  const texts = Array.from({ length: 400 }, () => randomText(random, 200))
  bpe = await trainBpe([...texts, 'the cat sat on the mat. '.repeat(50)], { vocabSize: 600 })
})

/** The trained tokenizer with parts of its tokenizer.json replaced. */
const variant = (change: Partial<TokenizerJson>): TokenizerJson => ({ ...bpe.toJSON(), ...change })

describe('special tokens', () => {
  it('are text unless asked for', () => {
    const text = 'a<|endoftext|>b'
    expect([...bpe.encode(text)]).not.toContain(bpe.eosId)
    expect(bpe.decode(bpe.encode(text))).toBe(text)
    const ids = bpe.encode(text, { special: true })
    expect([...ids]).toEqual([...bpe.encode('a'), bpe.eosId, ...bpe.encode('b')])
    expect([bpe.decode(ids), bpe.decode(ids, { skipSpecial: true })]).toEqual([text, 'ab'])
  })

  it('can be added after training, behind the others', () => {
    const chat = withSpecialTokens(bpe, ['<|user|>', '<|endoftext|>', '<|user|>x'])
    expect([chat.vocabSize, chat.tokenToId('<|user|>'), chat.eosId]).toEqual([602, 600, 599])
    expect([...chat.encode('<|user|>x<|user|>', { special: true })]).toEqual([601, 600])
    expect(bpe.vocabSize).toBe(600)
  })

  it('cannot be made of ordinary tokens', () => {
    expect(() => withSpecialTokens(bpe, ['Ġthe'])).toThrow(/ordinary/)
  })

  it('that are added but not special are always read', () => {
    const json = variant({
      added_tokens: [{ ...bpe.toJSON().added_tokens[0]!, content: '<tool>', id: 600, special: false }],
    })
    expect([...tokenizerFromJson(json).encode('<tool>')]).toEqual([600])
  })
})

describe('encoding', () => {
  it('gives no ids for no text', () => {
    expect([bpe.encode('').length, bpe.decode([]), bpe.encodeBatch(['', 'a']).length]).toEqual([0, '', 2])
  })

  it('reads lone surrogates as U+FFFD', () => {
    expect(bpe.decode(bpe.encode('a\ud800b'))).toBe('a\ufffdb')
  })

  it.each(['a', '中', '.', ' ', '1', '\n', '😀'])(
    'takes time in proportion to ten megabytes of %j',
    (char) => {
      const text = char.repeat(1e7 / char.length)
      const start = performance.now()
      expect(bpe.encode(text).length).toBeGreaterThan(1e4)
      expect(performance.now() - start).toBeLessThan(60_000)
    },
    90_000,
  )

  const space = { type: 'Split', pattern: { String: ' ' }, behavior: 'Removed', invert: false }
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  it.each<[string, Partial<TokenizerJson>]>([
    ['a prefix space', { pre_tokenizer: { ...byteLevel, add_prefix_space: true } }],
    [
      'single digits',
      {
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel],
        },
      },
    ],
    [
      'spaces removed',
      { pre_tokenizer: { type: 'Sequence', pretokenizers: [space, { ...byteLevel, use_regex: false }] } },
    ],
    ['NFKC', { normalizer: { type: 'NFKC' } }],
    [
      'lower case',
      { normalizer: { type: 'Sequence', normalizers: [{ type: 'NFD' }, { type: 'Lowercase' }] } },
    ],
    ['replacement', { normalizer: { type: 'Replace', pattern: { Regex: '\\s+' }, content: '_$1' } }],
    ['stripping', { normalizer: { type: 'Strip', strip_left: true, strip_right: true } }],
  ])('with %s agrees with the native library', async (_, change) => {
    const json = variant(change)
    const ours = tokenizerFromJson(json)
    const native = NativeTokenizer.fromString(JSON.stringify(json))
    const random = randomFrom(17)
    for (let i = 0; i < 100; i++) {
      const text = randomText(random, 40)
      expect([...ours.encode(text)], JSON.stringify(text)).toEqual((await native.encode(text)).getIds())
    }
  })

  it.each(['always', 'first', 'never'])(
    'with Metaspace, prepending %s, agrees with the native library',
    async (prepend_scheme) => {
      const vocab = Object.fromEntries(
        ['<unk>', '▁', 'a', 'b', ' ', 'ab', '▁a', '▁ab', '▁▁'].map((token, id) => [token, id]),
      )
      const merges = [
        ['a', 'b'],
        ['▁', 'ab'],
        ['▁', 'a'],
        ['▁', '▁'],
      ]
      const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme, split: true }
      const json = {
        version: '1.0',
        added_tokens: [],
        pre_tokenizer: metaspace,
        decoder: metaspace,
        model: { type: 'BPE', vocab, merges, unk_token: '<unk>', fuse_unk: true },
      }
      const ours = tokenizerFromJson(json)
      const native = NativeTokenizer.fromString(JSON.stringify(json))
      for (const text of ['', ' ', 'ab', ' ab', 'ab  ab', 'a b xyz b', '▁a', 'ab ', '  x']) {
        expect([...ours.encode(text)], JSON.stringify(text)).toEqual((await native.encode(text)).getIds())
      }
    },
  )

  it('with ignore_merges takes a word that is a token whole', () => {
    const json = variant({ model: { ...bpe.toJSON().model, ignore_merges: true, merges: [] } })
    expect([...tokenizerFromJson(json).encode(' the')]).toEqual([bpe.tokenToId('Ġthe')])
  })
})

describe('decoding', () => {
  it.each([-1, 600, 1.5, Number.NaN, 2 ** 31])('refuses the id %d', (id) => {
    expect(() => bpe.decode([id])).toThrow(expect.objectContaining({ code: 'tokenizer_unknown_id' }))
  })

  it('writes U+FFFD for half a character', () => {
    expect(bpe.decode([bpe.tokenToId('ä')!])).toBe('\ufffd')
  })

  it('gives the bytes of one token', () => {
    expect([...bpe.idToBytes(bpe.tokenToId('Ġthe')!)]).toEqual([32, 116, 104, 101])
  })
})

describe('tokenizer.json', () => {
  it('survives the way out and in', () => {
    const again = tokenizerFromJson(JSON.parse(JSON.stringify(bpe)))
    expect(again.toJSON()).toEqual(bpe.toJSON())
    expect(again.encode('the cat')).toEqual(bpe.encode('the cat'))
  })

  const withModel = (model: object) => ({
    model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: [], ...model },
  })
  const added = { id: 3, content: '<x>', special: true }
  it.each<[string, unknown, string]>([
    ['nothing', null, 'not a tokenizer.json'],
    ['an array', [], 'not a tokenizer.json'],
    ['no model', {}, 'model'],
    ['a list as vocabulary', withModel({ vocab: ['a'] }), 'model.vocab'],
    ['an empty vocabulary', withModel({ vocab: {} }), 'empty'],
    ['an id that is text', withModel({ vocab: { a: '0' } }), '"a" has the id "0"'],
    ['a negative id', withModel({ vocab: { a: -1 } }), 'id -1'],
    ['an absurd id', withModel({ vocab: { a: 1e15 } }), 'ids are 0 to'],
    ['an id used twice', withModel({ vocab: { a: 0, b: 0 } }), 'share the id 0'],
    ['merges that are text', withModel({ merges: 'a b' }), 'model.merges'],
    ['a merge of three', withModel({ merges: ['a b a'] }), 'model.merges[0]'],
    ['a merge of unknown tokens', withModel({ merges: [['a', 'a']] }), '"aa"'],
    [
      'an added token without text',
      { ...withModel({}), added_tokens: [{ ...added, content: '' }] },
      'added_tokens.0.content',
    ],
    [
      'an added token with the id of another',
      { ...withModel({}), added_tokens: [{ ...added, id: 0 }] },
      'contradicts',
    ],
    ['a Sequence without parts', { ...withModel({}), normalizer: { type: 'Sequence' } }, '"normalizers"'],
    [
      'a Split without pattern',
      { ...withModel({}), pre_tokenizer: { type: 'Split', behavior: 'Isolated' } },
      '"pattern"',
    ],
  ])('refuses %s', (_, json, message) => {
    const attempt = () => tokenizerFromJson(json)
    expect(attempt).toThrow(expect.objectContaining({ code: 'tokenizer_invalid' }))
    expect(attempt).toThrow(message)
  })

  it.each<[string, unknown]>([
    ['WordPiece', withModel({ type: 'WordPiece' })],
    ['dropout', withModel({ dropout: 0.1 })],
    ['word suffixes', withModel({ end_of_word_suffix: '</w>' })],
    ['BertNormalizer', { ...withModel({}), normalizer: { type: 'BertNormalizer' } }],
    ['Punctuation', { ...withModel({}), pre_tokenizer: { type: 'Punctuation' } }],
    ['CTC', { ...withModel({}), decoder: { type: 'CTC' } }],
  ])('says that %s is not supported', (_, json) => {
    expect(() => tokenizerFromJson(json)).toThrow(expect.objectContaining({ code: 'tokenizer_unsupported' }))
  })

  it('may have a token named like a property of objects', () => {
    const tokenizer = tokenizerFromJson(JSON.parse('{"model":{"vocab":{"__proto__":1,"a":0},"merges":[]}}'))
    expect([tokenizer.tokenToId('__proto__'), tokenizer.tokenToId('toString')]).toEqual([1, undefined])
  })
})
