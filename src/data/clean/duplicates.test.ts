import { describe, expect, test } from 'vitest'
import { Rng } from '../../rng.js'
import { Analysis } from './analysis.js'
import { parseCleaning } from './config.js'
import { buildEvaluationIndex, Decontamination } from './decontaminate.js'
import { DuplicateIndex } from './duplicate-index.js'
import { fingerprint } from './fingerprint.js'
import { bandProbability, MinHash } from './minhash.js'

const scan = (text: string) => new Analysis().scan(text)
const near = { shingle: 5, bands: 14, rows: 8 }

function words(rng: Rng, count: number): string[] {
  return Array.from({ length: count }, () => `w${rng.integer(100_000)}`)
}

/** Two texts of 800 shingles each whose sets of 5-grams overlap to about `similarity`. */
function pair(rng: Rng, similarity: number): [string, string] {
  const shared = Math.round((2 * 800 * similarity) / (1 + similarity))
  const common = words(rng, shared)
  return [
    [...common, ...words(rng, 800 - shared)].join(' '),
    [...common, ...words(rng, 800 - shared)].join(' '),
  ]
}

describe('MinHash', () => {
  test.each([0.5, 0.65, 0.75, 0.85])(
    'pairs of similarity %d meet as often as the S-curve says',
    (similarity) => {
      const hash = new MinHash(near)
      const rng = Rng.seed(Math.round(1000 * similarity))
      const trials = 120
      let met = 0
      for (let trial = 0; trial < trials; trial++) {
        const [a, b] = pair(rng, similarity).map((text) => hash.keys(scan(text))!) as [Int32Array, Int32Array]
        const index = new DuplicateIndex(near.bands)
        index.add(a)
        if (index.find(b) === 0) met++
      }
      const expected = bandProbability(similarity, near)
      const deviation = Math.sqrt((expected * (1 - expected)) / trials)
      expect(Math.abs(met / trials - expected)).toBeLessThan(3.5 * deviation + 0.02)
    },
  )

  test('the curve is FineWeb’s', () => {
    expect(bandProbability(0.75, near)).toBeCloseTo(0.772, 3)
    expect(bandProbability(0.5, near)).toBeLessThan(0.06)
    expect(bandProbability(0.9, near)).toBeGreaterThan(0.999)
  })

  test('unrelated documents do not meet, changed copies do', () => {
    const hash = new MinHash(near)
    const rng = Rng.seed(3)
    const index = new DuplicateIndex(near.bands)
    const originals = Array.from({ length: 400 }, () => words(rng, 200))
    let falseHits = 0
    for (const original of originals) {
      const keys = hash.keys(scan(original.join(' ')))!
      if (index.find(keys) >= 0) falseHits++
      index.add(keys)
    }
    expect(falseHits).toBe(0)
    let found = 0
    for (const [number, original] of originals.entries()) {
      const copy = [...original]
      copy[50] = 'changed'
      if (index.find(hash.keys(scan(copy.join(' ')))!) === number) found++
    }
    expect(found / originals.length).toBeGreaterThan(0.97)
  })

  test('Chinese is compared by characters', () => {
    const hash = new MinHash(near)
    const text =
      '庭院深深深几许，杨柳堆烟，帘幕无重数。玉勒雕鞍游冶处，楼高不见章台路。雨横风狂三月暮，门掩黄昏，无计留春住。泪眼问花花不语，乱红飞过秋千去。'
    const index = new DuplicateIndex(near.bands)
    index.add(hash.keys(scan(text))!)
    expect(index.find(hash.keys(scan(text.replace('，', ' ')))!)).toBe(0)
    expect(index.find(hash.keys(scan('昨夜雨疏风骤，浓睡不消残酒。试问卷帘人，却道海棠依旧。'))!)).toBe(-1)
    expect(hash.keys(scan('...'))).toBeUndefined()
  })
})

test('the index finds each of many documents again and nothing else', () => {
  const index = new DuplicateIndex(2)
  const rng = Rng.seed(1)
  const keys = Array.from({ length: 40_000 }, () => Int32Array.from({ length: 4 }, () => rng.uint32()))
  for (const [i, key] of keys.entries()) {
    if (i % 10 === 0) index.skip()
    else index.add(key)
  }
  for (const [i, key] of keys.entries()) expect(index.find(key)).toBe(i % 10 === 0 ? -1 : i)
  const half = Int32Array.of(...keys[1]!.subarray(0, 2), 7, 7)
  expect(index.find(half)).toBe(1)
})

test('texts that say the same have one fingerprint', () => {
  const key = (text: string) => fingerprint(scan(text)).join()
  expect(key('The cat sat.')).toBe(key('  the CAT\n\nsat!!'))
  expect(key('the cat sat')).not.toBe(key('the cat sat down'))
  expect(key('one two')).not.toBe(key('two one'))
  expect(key('你好世界')).not.toBe(key('世界你好'))
  expect(key('+++')).not.toBe(key('---'))
  expect(key('+++')).toBe(key('+++'))
})

describe('decontamination', () => {
  const { decontamination } = parseCleaning()
  const question = 'Natalia sold clips to forty eight of her friends in April and then half as many in May'
  const short = 'what is the capital city of northern atlantis'
  const chinese = '床前明月光，疑是地上霜。举头望明月，低头思故乡。'
  const rule = new Decontamination(
    buildEvaluationIndex(
      [{ name: 'test.jsonl', entries: [question, short, 'too short', chinese] }],
      decontamination,
    ),
  )
  const check = (text: string) => rule.check(scan(text))

  test('thirteen words in a row are too many, twelve are not', () => {
    const list = question.split(' ')
    expect(check(`Before. ${list.slice(0, 13).join(' ').toUpperCase()}! After.`)).toMatchObject({
      reason: 'in-evaluation-set',
      detail: 'shares 13 units in a row with test.jsonl',
    })
    expect(check(`Before. ${list.slice(0, 12).join(' ')} after`)).toBeUndefined()
  })
  test('short entries count whole, very short ones not at all', () => {
    expect(check(`Tell me: ${short}?`)).toBeDefined()
    expect(check('this is too short')).toBeUndefined()
  })
  test('Chinese by characters', () => {
    expect(check(`李白的诗：${chinese}很有名。`)).toBeDefined()
    expect(check('床前明月光，疑是地上霜。')).toBeUndefined()
  })
})
