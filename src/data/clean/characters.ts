/** What each UTF-16 unit is to the rules: one lookup instead of a regular expression for every character. */

export const OTHER = 0
export const LETTER = 1
export const DIGIT = 2
export const SPACE = 3
export const NEWLINE = 4
/** A character that is a unit by itself, because its script sets no spaces between words: Han, kana. */
export const IDEOGRAPH = 5
export const KANA = 6
/** The second half of a surrogate pair. */
export const LOW_SURROGATE = 7
/** An apostrophe: inside a word it is no boundary. */
export const APOSTROPHE = 8

/** The class of each UTF-16 unit. Astral ideographs are known by their first half, other astral characters are `OTHER`. */
export const CLASS = new Uint8Array(0x10000)
/** Each unit in lower case, where that is one unit. */
export const LOWER = new Uint16Array(0x10000)

for (let code = 0; code < 0x10000; code++) {
  const char = String.fromCharCode(code)
  const lower = char.toLowerCase()
  LOWER[code] = lower.length === 1 ? lower.charCodeAt(0) : code
  CLASS[code] = classOf(code, char)
}

function classOf(code: number, char: string): number {
  if (code >= 0xdc00 && code <= 0xdfff) return LOW_SURROGATE
  // Ideographs of the supplementary planes: U+20000 to U+323AF.
  if (code >= 0xd840 && code <= 0xd888) return IDEOGRAPH
  if (code === 0x0a) return NEWLINE
  if (code === 0x27 || code === 0x2019) return APOSTROPHE
  if (/\p{Script=Han}/u.test(char) && /[\p{L}\p{N}]/u.test(char)) return IDEOGRAPH
  if (/[\p{Script=Hiragana}\p{Script=Katakana}ー]/u.test(char)) return KANA
  if (/[\p{L}\p{M}]/u.test(char)) return LETTER
  if (/\p{N}/u.test(char)) return DIGIT
  return /\s/.test(char) ? SPACE : OTHER
}

/** The length in code points. */
export function codePoints(text: string): number {
  let count = text.length
  for (let i = 0; i < text.length; i++) if (CLASS[text.charCodeAt(i)] === LOW_SURROGATE) count--
  return count
}

/** UTF-8 bytes and code points. */
export function sizeOf(text: string): { bytes: number; characters: number } {
  const bytes = Buffer.byteLength(text)
  return { bytes, characters: bytes === text.length ? bytes : codePoints(text) }
}

/** A cut at or before `at` that does not part a surrogate pair. */
export function safeCut(text: string, at: number): number {
  return at > 0 && at < text.length && CLASS[text.charCodeAt(at)] === LOW_SURROGATE ? at - 1 : at
}
