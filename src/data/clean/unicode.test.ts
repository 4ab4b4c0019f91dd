import { describe, expect, test } from 'vitest'
import { repairMojibake, repairUnicode, undecodableFraction } from './unicode.js'

const options = { mojibake: true, normalize: 'NFC', whitespace: true } as const
const repair = (text: string) => repairUnicode(text, options)

/** What a reader sees who takes UTF-8 for Windows-1252. */
function misread(text: string): string {
  return new TextDecoder('windows-1252').decode(new TextEncoder().encode(text))
}

describe('mojibake', () => {
  test.each(['It’s “good” — really…', 'naïve café, déjà vu, 5 £', 'Привет мир', '你好，世界', '😀 fine'])(
    '%s, read as Windows-1252 once or twice, comes back',
    (text) => {
      expect(repairMojibake(misread(text))).toBe(text)
      expect(repairMojibake(misread(misread(text)))).toBe(text)
    },
  )

  test.each([
    '« CAFÉ »',
    'CAFÉ» et «THÉ',
    'São Paulo',
    'Ünüversite',
    '10 £ and 20 €',
    'Ça va? Où ça?',
    'NÃO',
    'Âge',
  ])('%s is right as it is', (text) => expect(repairMojibake(text)).toBe(text))
})

test.each([
  ['a byte order mark and zero-width characters', '\ufeffze\u200bro\u2060 wi\u00addth', 'zero width'],
  ['control characters', 'a\x00b\x08c\x7fd\te', 'abcd\te'],
  ['line ends of all systems', 'a\r\nb\rc\u2028d\u0085e', 'a\nb\nc\nd\ne'],
  ['lone surrogates', 'a\ud800b\udc00c', 'a\ufffdb\ufffdc'],
  ['decomposed letters', 'e\u0301le\u0300ve', 'élève'],
  ['Windows quotes as C1 controls', '\x93quoted\x94 \x96 it\x92s', '“quoted” – it’s'],
  ['unusual spaces', 'a\xa0b\u2003c\u202fd', 'a b c d'],
  ['spaces at line ends and many empty lines', 'a  \t\n\n\n\nb ', 'a\n\nb'],
  ['ideographic indentation', '　　第一段。\n　　第二段。', '第一段。\n第二段。'],
  ['direction marks', '\u202ehidden\u202c', 'hidden'],
])('%s are repaired', (_, text, repaired) => {
  expect(repair(text)).toBe(repaired)
  expect(repair(repaired)).toBe(repaired)
})

test('joiners stay where they mean something and go where they do not', () => {
  for (const text of ['👩‍🚀', 'می‌خواهم', 'क्‍ष']) expect(repair(text)).toBe(text)
  expect(repair('wo\u200drd \u200ctext')).toBe('word text')
})

test('plain text, code and Chinese stay as they are', () => {
  for (const text of [
    'Plain text.\n\nTwo paragraphs.\n',
    'def f(x):\n    return x  # yes',
    '知否，知否？应是绿肥红瘦。',
  ])
    expect(repair(text)).toBe(text)
})

test('what is lost is measured', () => {
  expect(undecodableFraction('ab\ufffd\ufffd')).toBe(0.5)
  expect(undecodableFraction('锟斤拷a')).toBe(0.75)
  expect(undecodableFraction('')).toBe(0)
})
