import { describe, expect, test } from 'vitest'
import { Analysis } from './analysis.js'
import { checkC4, cleanLines } from './c4.js'
import { checkChinese } from './chinese.js'
import { type CleaningInput, parseCleaning } from './config.js'
import { checkGopher } from './gopher.js'
import { RepetitionRules } from './repetition.js'
import { ToxicityRule } from './toxicity.js'

/** Sentences without a repeated 5-gram; word i of the vocabulary follows a fixed walk. */
const vocabulary =
  'river stone window garden letter summer bridge market winter candle forest island mirror harbour orchard engine'.split(
    ' ',
  )
function prose(words: number, seed = 1): string {
  let state = seed
  const out: string[] = []
  for (let i = 0; i < words; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    const word = i % 7 === 3 ? 'the' : i % 7 === 5 ? 'of' : vocabulary[(state >>> 16) % vocabulary.length]!
    out.push(i % 12 === 11 ? `${word}.` : word)
  }
  return `${out.join(' ')}.`
}
const scan = (text: string) => new Analysis().scan(text)
const settings = (input: CleaningInput = {}) => parseCleaning(input)

test('the analysis counts words, letters, sentences, symbols and units', () => {
  const a = scan("Don't stop... #now! 3.14 is π.\n你好，世界。 End")
  expect(a.words).toBe(8)
  expect(a.wordsWithLetter).toBe(7)
  expect(a.ideographs).toBe(4)
  expect(a.hashes).toBe(1)
  expect(a.ellipses).toBe(1)
  expect(a.sentences).toBe(4) // stop... now! … π. 。
  // dont stop now 3 14 is π 你 好 世 界 end
  expect(a.units).toBe(12)
  expect(a.unitCharacters).toBe(4 + 4 + 3 + 1 + 2 + 2 + 1 + 4 + 3)
})

test('units do not depend on case and punctuation, and astral ideographs differ', () => {
  const same = scan('The Cat, sat!')
  const other = scan('the cat sat')
  expect([...same.hash1.slice(0, 3)]).toEqual([...other.hash1.slice(0, 3)])
  const astral = scan('𠀀𠀁')
  expect(astral.units).toBe(2)
  expect(astral.hash1[0]).not.toBe(astral.hash1[1])
})

describe('C4', () => {
  const all = parseCleaning({}, 'web').c4
  const lines = (text: string, options = all) => cleanLines(text, options)

  test('keeps lines with terminal punctuation and five words, drops the others', () => {
    const { text, removed } = lines(
      'Home | About\nThis is a whole sentence here.\nShe said: "this one also stays."\nToo short.\nThis one trails off somewhere...\nIs this one a question too?',
    )
    expect(text.split('\n')).toEqual([
      'This is a whole sentence here.',
      'She said: "this one also stays."',
      'Is this one a question too?',
    ])
    expect(removed).toEqual({ 'line-without-terminal-punctuation': 2, 'short-line': 1 })
  })

  test('drops lines about Javascript and policies, and citation marks', () => {
    const { text, removed } = lines(
      'Please enable Javascript to see this page.\nThe fox jumps over dogs.[1]\nBy going on you accept our Privacy Policy today.',
    )
    expect(text).toBe('The fox jumps over dogs.')
    expect(removed).toEqual({ 'javascript-line': 1, 'policy-line': 1, 'citation-marks': 1 })
  })

  test.each([
    ['brace', 'function f() { return 1. } It is so. It was so. It will be so.'],
    ['lorem-ipsum', 'Lorem ipsum dolor sit amet. One. Two. Three.'],
    ['few-sentences', 'One sentence. And another.'],
    [undefined, 'One sentence. And another. And a third!'],
  ])('a page: %s', (reason, text) => {
    expect(checkC4(scan(text), all)?.reason).toBe(reason)
  })

  test('the standard preset leaves headings, verse and braces alone', () => {
    const text = '# Title\n\nROMEO:\nBut soft\n{ x }'
    expect(lines(text, settings().c4).text).toBe(text)
  })
})

describe('Gopher quality', () => {
  const { gopher } = settings()
  const check = (text: string, english = true) => checkGopher(scan(text), gopher, english)?.reason
  const words = (count: number, word: string) => Array(count).fill(word).join(' ')

  test('50 words are enough, 49 are not', () => {
    expect(check(prose(50))).toBeUndefined()
    expect(check(prose(49))).toBe('too-few-words')
  })
  test('100,000 words are allowed, one more is not', () => {
    const many = words(99_998, 'word')
    expect(check(`the of ${many}`)).toBeUndefined()
    expect(check(`the of ${many} word`)).toBe('too-many-words')
  })
  test('the mean word has 3 to 10 characters', () => {
    expect(check(`the of ${words(60, 'ab')}`)).toBe('mean-word-length')
    expect(check(`the of ${words(60, 'abcdefghijkl')}`)).toBe('mean-word-length')
    expect(check(`the of ${words(60, 'abcdef')}`)).toBeUndefined()
  })
  test('at most one # or ellipsis for ten words', () => {
    expect(check(`the of ${words(58, 'word')} #a #b #c #d #e #f #g`)).toBe('symbol-ratio')
    expect(check(`the of ${words(58, 'word')} #a #b #c`)).toBeUndefined()
    expect(check(`the of ${words(58, 'word...')}`)).toBe('symbol-ratio')
    expect(check(`the of ${words(58, 'word…')}`)).toBe('symbol-ratio')
  })
  test('80 % of words have a letter', () => {
    expect(check(`the of ${words(48, 'word')} ${words(20, '1234')}`)).toBe('words-without-letters')
    expect(check(`the of ${words(48, 'word')} ${words(10, '1234')}`)).toBeUndefined()
  })
  test('two English function words, in English only', () => {
    const text = words(60, 'chien')
    expect(check(`the ${text}`)).toBe('no-stop-words')
    expect(check(`The ${text} WITH`)).toBeUndefined()
    expect(check(text, false)).toBeUndefined()
  })
  test('not more than 90 % bulleted lines, 30 % that break off', () => {
    const line = prose(12)
    expect(check(Array(10).fill(`- ${line}`).join('\n'))).toBe('bullet-lines')
    expect(check([...Array(9).fill(`• ${line}`), line].join('\n'))).toBeUndefined()
    const broken = line.replace(/\.$/, '...')
    expect(check([...Array(4).fill(broken), ...Array(6).fill(line)].join('\n'))).toBe('ellipsis-lines')
    expect(check([...Array(3).fill(broken), ...Array(7).fill(line)].join('\n'))).toBeUndefined()
  })
})

describe('Gopher repetition', () => {
  const rules = new RepetitionRules(settings().repetition)
  const check = (text: string) => rules.check(scan(text), { unitsPerWord: 1 })?.reason
  const distinct = (count: number, words = 12, seed = 100) =>
    Array.from({ length: count }, (_, i) => prose(words, seed + i))

  test('prose passes', () => expect(check(prose(400))).toBeUndefined())
  test('more than 30 % duplicate lines', () => {
    expect(check([...distinct(6, 30), 'a', 'a', 'a', 'a', 'a'].join('\n'))).toBe('duplicate-lines')
    expect(check([...distinct(8, 30), 'a', 'a', 'a'].join('\n'))).toBeUndefined()
  })
  test('more than 20 % of characters in duplicate lines', () => {
    const [one, ...others] = distinct(9, 20)
    expect(check([one, one, one, one, ...others].join('\n'))).toBe('duplicate-line-characters')
  })
  test('more than 30 % duplicate paragraphs', () => {
    const verses = Array.from({ length: 6 }, (_, i) => distinct(8, 12, 1000 * (i + 1)).join('\n'))
    const again = Array(5).fill('x\ny')
    expect(check([...verses, ...again].join('\n\n'))).toBe('duplicate-paragraphs')
    expect(check([...verses, ...again.slice(0, 3)].join('\n\n'))).not.toBe('duplicate-paragraphs')
  })
  test('a 2-gram that makes up more than a fifth', () => {
    const text = prose(60).split(' ')
    expect(
      check(text.flatMap((word, i) => (i % 4 === 0 ? [word, 'hot', 'sale'] : [word])).join(' ')),
    ).toMatch(/^top-[234]-gram/)
  })
  test('much in repeated 5-grams, and not when it stands there once', () => {
    const passage = prose(60, 5)
    expect(check(`${prose(150, 9)} ${passage} ${passage}`)).toMatch(/^duplicate-\d+-grams/)
    expect(check(`${prose(150, 9)} ${passage}`)).toBeUndefined()
  })
})

describe('Chinese', () => {
  const { chinese, repetition } = settings()
  const check = (text: string) => checkChinese(scan(text), chinese)?.reason
  const poem =
    '如梦令\n李清照\n昨夜雨疏风骤，浓睡不消残酒。\n试问卷帘人，却道海棠依旧。\n知否，知否？应是绿肥红瘦。'

  test('a poem with its title and author passes', () => {
    expect(check(poem)).toBeUndefined()
    expect(new RepetitionRules(repetition).check(scan(poem), { unitsPerWord: 2 })).toBeUndefined()
  })
  test.each([
    ['too-few-characters', '你好。'],
    [
      'little-script',
      `参见 https://example.org/a/very/long/address/that/goes/on 和下面的说明文字吧。${'x'.repeat(40)}`,
    ],
    ['no-sentences', '首页\n新闻\n体育\n财经\n娱乐\n科技\n汽车\n房产\n教育\n健康'],
  ])('%s', (reason, text) => expect(check(text)).toBe(reason))
  test('a text that says one thing only is refused', () => {
    const rules = new RepetitionRules(repetition)
    const scope = { unitsPerWord: 2 } as const
    expect(rules.check(scan('买一送一，'.repeat(40)), scope)?.reason).toMatch(/gram/)
    expect(rules.check(scan('哈'.repeat(30)), scope)?.reason).toMatch(/gram/)
  })
})

test('words of the list are found whole, in any case, and as phrases; one mention is not enough', () => {
  const options = settings().toxicity
  const rule = new ToxicityRule(options, ['badword', 'worse phrase', '坏词'])
  const check = (text: string) => rule.check(scan(text))?.reason
  expect(check(`${prose(300)} Badword and WORSE, phrase`)).toBe('listed-words')
  expect(check(`${prose(300)} badword`)).toBeUndefined()
  expect(check('badword here')).toBe('listed-words')
  expect(check(`${prose(50)} badwords worsephrase`)).toBeUndefined()
  expect(check('这是坏词。')).toBe('listed-words')
})
