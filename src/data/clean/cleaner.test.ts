import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { Cleaner } from './cleaner.js'
import { type CleaningInput, type CleaningPreset, parseCleaning } from './config.js'
import { readEvaluationSet } from './evaluation-set.js'
import { identifyLanguage } from './language.js'
import { splitText } from './split.js'
import { builtinToxicWords } from './toxicity.js'

const cleaner = (input: CleaningInput = {}, preset?: CleaningPreset) =>
  new Cleaner(parseCleaning(input, preset), { toxicWords: builtinToxicWords })

const english =
  'The harbour lay quiet in the early light, and the boats that have come in with the tide were tied to the wall. ' +
  'A woman sold bread and fish from a cart. Two children ran to the end of the pier, where an old man mended nets. ' +
  'Nobody spoke of the storm, though the roof of the church had lost its tiles and the bell hung at an angle.'

describe('languages', () => {
  test.each([
    ['en', english],
    [
      'de',
      'Der Hafen lag ruhig im frühen Licht, und die Boote waren an der Mauer festgemacht. Niemand sprach vom Sturm.',
    ],
    [
      'fr',
      'Le port était calme dans la lumière du matin et personne ne parlait de la tempête de la nuit dernière.',
    ],
    ['zh', '港口在清晨的阳光下一片宁静，没有人谈起昨夜的风暴。'],
    ['ja', '港は朝の光の中で静かで、誰も昨夜の嵐の話をしなかった。'],
    ['ru', 'Гавань была тиха в утреннем свете, и никто не говорил о буре, которая прошла ночью.'],
    ['und', '12345 67 + 8 = ?'],
    ['zh', '我们用 Python 写代码，然后用 pytest 测试它们是否正确。'],
  ])('%s', (language, text) => expect(identifyLanguage(text)).toBe(language))

  test('only a sample of a long text is looked at', () => {
    const start = performance.now()
    expect(identifyLanguage(english.repeat(100_000))).toBe('en')
    expect(performance.now() - start).toBeLessThan(2000)
  })
})

test('languages that are not wanted go, with their reason', () => {
  const c = cleaner({ language: { keep: ['zh'] } })
  expect(c.clean({ id: 'a', text: english })).toEqual([])
  expect(c.clean({ id: 'b', text: '港口在清晨的阳光下一片宁静，没有人谈起昨夜的风暴。' })).toHaveLength(1)
  expect(c.report.counts.language!.dropped).toEqual({
    'language-en': { documents: 1, amount: Buffer.byteLength(english) },
  })
})

test('counts at every stage add up, and examples hold no personal data', () => {
  const c = cleaner()
  const dirty = `${english} Write to jane@example.org.\u200b`
  const texts = [english, dirty, 'Too short.', 'x '.repeat(200).trim(), '\u0000']
  const kept = texts.flatMap((text, i) => c.clean({ id: String(i), text }))
  expect(kept.map(({ id }) => id)).toEqual(['0', '1'])
  expect(kept[1]!.text).toBe(`${english} Write to [EMAIL].`)
  const { counts, samples } = c.report
  for (const stage of Object.values(counts)) {
    const dropped = Object.values(stage.dropped)
    expect(stage.in.documents - stage.out.documents).toBe(
      dropped.reduce((sum, { documents }) => sum + documents, 0),
    )
  }
  expect(counts.unicode!.in.documents).toBe(5)
  expect(counts.toxicity!.out).toEqual({
    documents: 2,
    bytes: kept.reduce((sum, { bytes }) => sum + bytes, 0),
    characters: kept.reduce((sum, { characters }) => sum + characters, 0),
  })
  expect(counts.pii!.changes).toEqual({ email: { documents: 1, amount: 1 } })
  expect(JSON.stringify(samples)).not.toContain('jane@')
  expect(samples.map(({ stage, reason }) => `${stage}/${reason}`)).toEqual([
    'unicode/repaired',
    'pii/email',
    'c4/few-sentences',
    'c4/few-sentences',
    'unicode/empty',
  ])
})

test('cleaning what was cleaned changes nothing', () => {
  for (const preset of ['web', 'standard', 'curated'] as const) {
    const text = `Menu\n\n${english}\n\nCall 415-555-2671.  \nThe caf\u00c3\u00a9 was closed on that day.`
    const once = cleaner({}, preset).clean({ id: 'a', text })
    expect(once).toHaveLength(1)
    const again = cleaner({}, preset).clean({ id: 'a', text: once[0]!.text })
    expect(again[0]!.text).toBe(once[0]!.text)
  }
})

test('long texts are cut at paragraphs, and nothing is lost', () => {
  const paragraphs = Array.from({ length: 500 }, (_, i) => `Paragraph ${i}. ${english}`)
  const pieces = splitText(paragraphs.join('\n\n'), 10_000)
  expect(pieces.join('\n\n')).toBe(paragraphs.join('\n\n'))
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(10_000)
  const emoji = splitText('😀'.repeat(3000), 1001)
  expect(emoji.join('')).toBe('😀'.repeat(3000))
  expect(emoji.every((piece) => !/[\ud800-\udbff]$/.test(piece))).toBe(true)
})

test.each([
  ['one word without end', 'a'.repeat(3_000_000)],
  ['one character', '哈'.repeat(1_000_000)],
  ['line ends', '\n'.repeat(3_000_000)],
  ['spaces', ' '.repeat(3_000_000)],
  ['spaces before letters', `${' '.repeat(1_000_000)}a\n`.repeat(3)],
  ['broken surrogates', '\ud800'.repeat(1_000_000)],
  ['bullets', '- \n'.repeat(500_000)],
  ['tags', '{{{'.repeat(500_000)],
  ['mojibake', 'â€'.repeat(500_000)],
])('%s: cleaned in bounded time', (_, text) => {
  const start = performance.now()
  cleaner({}, 'web').clean({ id: 'a', text })
  expect(performance.now() - start).toBeLessThan(8000)
})

test('wrong settings are refused by name', () => {
  expect(() => parseCleaning({ gopher: { minWords: -1 }, other: {} })).toThrow(/gopher\.minWords.*other/s)
})

describe('evaluation sets', () => {
  let folder = ''
  afterAll(() => rm(folder, { recursive: true, force: true }))
  test('JSON Lines, JSON, CSV, text and gzip give their strings', async () => {
    folder = await mkdtemp(join(tmpdir(), 'athanor-eval-'))
    const put = async (name: string, content: string | Uint8Array) => {
      await writeFile(join(folder, name), content)
      return readEvaluationSet(join(folder, name))
    }
    expect(await put('a.jsonl', '{"q":"one","a":["two"],"n":3}\n\n{"q":"three"}\n')).toEqual([
      'one',
      'two',
      'three',
    ])
    expect(await put('a.json', '[{"q":"one"},"two"]')).toEqual(['one', 'two'])
    expect(await put('a.csv', 'q,a\r\n"one, ""quoted""\nline",two\n')).toEqual([
      'q',
      'a',
      'one, "quoted"\nline',
      'two',
    ])
    expect(await put('a.txt', 'one\nstill one\n\ntwo')).toEqual(['one\nstill one', 'two'])
    expect(await put('a.jsonl.gz', gzipSync('{"q":"one"}\n'))).toEqual(['one'])
    await expect(put('b.jsonl', '{"q"\n')).rejects.toThrow(/line 1: not valid JSON/)
    await expect(put('c.jsonl', '\n')).rejects.toThrow(/no text/)
    await expect(readEvaluationSet(join(folder, 'none.csv'))).rejects.toThrow(/no evaluation set/)
  })
})

describe.skipIf(!process.env.ATHANOR_TEST_DATA)('real texts', () => {
  const read = (path: string) => readFileSync(join(process.env.ATHANOR_TEST_DATA!, path), 'utf8')

  test.each(['zh-poetry/song-ci-simplified.txt', 'zh-poetry/classics-mixed.txt'])(
    '%s: every Chinese character stays',
    (path) => {
      const text = read(path)
      const kept = cleaner().clean({ id: path, text })
      const han = (of: string) => of.match(/\p{Script=Han}/gu)!.length
      expect(kept.reduce((sum, part) => sum + han(part.text), 0)).toBe(han(text))
      expect(kept.every(({ language }) => language === 'zh')).toBe(true)
    },
  )
  test('single poems stay but for fragments', () => {
    const poems = read('zh-poetry/song-ci-simplified.txt')
      .split(/\n\n+/)
      .filter((poem) => poem.length > 20)
    const c = cleaner()
    const kept = poems.filter((text, i) => c.clean({ id: String(i), text }).length === 1).length
    expect(kept / poems.length).toBeGreaterThan(0.998)
  })
  test('Chinese encyclopedia paragraphs and English novels stay', () => {
    const { data } = JSON.parse(read('xquad/xquad.zh.json')) as {
      data: { paragraphs: { context: string }[] }[]
    }
    const contexts = data.flatMap(({ paragraphs }) => paragraphs.map(({ context }) => context))
    const c = cleaner()
    const kept = contexts.filter((text, i) => c.clean({ id: String(i), text }).length === 1)
    expect(kept.length / contexts.length).toBeGreaterThan(0.98)
    const emma = read('austen/emma.txt')
    const parts = cleaner().clean({ id: 'emma', text: emma })
    expect(parts.reduce((sum, { text }) => sum + text.length, 0) / emma.length).toBeGreaterThan(0.999)
  })
})
