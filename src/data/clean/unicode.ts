/** Text as it was meant: encodings undone twice, invisible characters, broken halves, composition, white space. */
import { wellFormed } from '../../text/unicode.js'
import { CLASS, LETTER } from './characters.js'

export interface UnicodeOptions {
  /** UTF-8 that was read as Windows-1252 is read again (`â€™` becomes `’`). */
  readonly mojibake: boolean
  readonly normalize: 'NFC' | 'NFKC' | 'none'
  /** Unusual spaces, spaces at line ends, more than one empty line. */
  readonly whitespace: boolean
}

/** The bytes 0x80 to 0x9f of Windows-1252; undefined ones stand for themselves, as browsers read them. */
const WINDOWS_1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ'

const byteOfChar = new Map<number, number>()
for (let byte = 0xa0; byte <= 0xff; byte++) byteOfChar.set(byte, byte)
for (let i = 0; i < 32; i++) {
  byteOfChar.set(0x80 + i, 0x80 + i)
  byteOfChar.set(WINDOWS_1252.charCodeAt(i), 0x80 + i)
}

const CONTINUATION = `[\\x80-\\xbf${WINDOWS_1252}]`
const PAIR = `[\\xc2-\\xdf]${CONTINUATION}`
const TRIPLE = `[\\xe0-\\xef]${CONTINUATION}{2}`
const QUAD = `[\\xf0-\\xf4]${CONTINUATION}{3}`
/**
 * What is most likely UTF-8 read as Windows-1252. One pair alone is believed only after Â and Ã, where Latin letters and
 * signs end up; `É»` and the like are also plain French. Three in a row for other two-byte letters, such as Cyrillic.
 */
const MOJIBAKE = new RegExp(
  `(?:${TRIPLE}|${QUAD}|[\\xc2\\xc3]${CONTINUATION}|(?:${PAIR}){3,})(?:${PAIR}|${TRIPLE}|${QUAD})*`,
  'g',
)
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads UTF-8 that was taken for Windows-1252 as UTF-8 again, also where it happened twice. What does not decode is left alone. */
export function repairMojibake(text: string): string {
  let repaired = text
  for (let round = 0; round < 3; round++) {
    const next = repaired.replace(MOJIBAKE, (run) => {
      const bytes = Uint8Array.from(run, (char) => byteOfChar.get(char.charCodeAt(0)) ?? 0x3f)
      try {
        return strictUtf8.decode(bytes)
      } catch {
        return run
      }
    })
    if (next === repaired) break
    repaired = next
  }
  return repaired
}

// Everything that any step below may change; most texts have none of it and are returned as they are.
const SUSPICIOUS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: combining characters, one by one
  /[\x00-\x08\x0b-\x1f\x7f-\xa0\xad\xc2-\xf4\u0300-\u036f\u0591-\u0e7f\u1100-\u11ff\u180e\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2126-\u212b\u2329\u232a\u2adc\u3000\u3099\u309a\ud800-\udfff\uf900-\ufaff\ufb1d-\ufb4f\ufe00-\ufe0f\ufeff\ufff0-\ufffb]|[ \t]\n|\n\n\n|[ \t]$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g
const C1_CONTROLS = /[\x80-\x9f]/g
/** Byte order marks, zero-width and direction characters, soft hyphens, interlinear marks. Joiners are looked at one by one. */
const INVISIBLE = /[\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb]/g
const JOINER = /[\u200c\u200d]/g

/** Repairs a text; the same again changes nothing. */
export function repairUnicode(text: string, options: UnicodeOptions): string {
  const needsForms = options.normalize === 'NFKC'
  if (!needsForms && !SUSPICIOUS.test(text)) return text
  let out = options.mojibake ? repairMojibake(text) : text
  out = wellFormed(out).replace(/\r\n?|[\u2028\u2029\x85]/g, '\n')
  // C1 controls are not text; they are what Windows-1252 keeps quotes and dashes in.
  out = out.replace(C1_CONTROLS, (char) => {
    const meant = WINDOWS_1252[char.charCodeAt(0) - 0x80]!
    return meant >= '\x80' && meant <= '\x9f' ? '' : meant
  })
  out = out.replace(CONTROLS, '').replace(INVISIBLE, '')
  out = out.replace(JOINER, (char, at: number, whole: string) => (joins(whole, at) ? char : ''))
  if (options.normalize !== 'none') out = out.normalize(options.normalize)
  return options.whitespace ? tidyWhitespace(out) : out
}

/** Joiners mean something within Indic and Arabic words and between emoji, and nothing elsewhere. */
function joins(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1)
  if (before >= 0xd800 || (before >= 0x2190 && before < 0x2c00)) return at + 1 < text.length
  return before >= 0x590 && before < 0x1100 && CLASS[before] === LETTER
}

function tidyWhitespace(text: string): string {
  return text
    .replace(/[\xa0\u1680\u2000-\u200a\u202f\u205f]/g, ' ')
    .replace(/[ \t\u3000]+(?=\n|$)/g, '')
    .replace(/(^|\n)\u3000+/g, '$1')
    .replace(/\n{3,}/g, '\n\n')
}

/** How much of a text is lost for good: replacement characters, and what GBK makes of them. */
export function undecodableFraction(text: string): number {
  if (text.length === 0) return 0
  let lost = 0
  for (let at = text.indexOf('\ufffd'); at >= 0; at = text.indexOf('\ufffd', at + 1)) lost++
  for (let at = text.indexOf('锟斤拷'); at >= 0; at = text.indexOf('锟斤拷', at + 3)) lost += 3
  return lost / text.length
}
