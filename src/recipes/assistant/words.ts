/** Small helpers of English: numbers as people say them, lists, sentences, phrases found in a text. */

/** Two significant digits, as a person would say it: 66,553,766 -> `67 million`, 780,971 -> `780,000`. */
export function spokenNumber(value: number): string {
  const rounded = roundTo2(value)
  if (rounded >= 1e9) return `${rounded / 1e9} billion`
  if (rounded >= 1e6) return `${rounded / 1e6} million`
  return rounded.toLocaleString('en-US')
}

/** The nearest number with two significant digits. */
export function roundTo2(value: number): number {
  return Number(value.toPrecision(2))
}

const SCALE: Readonly<Record<string, number>> = { thousand: 1e3, million: 1e6, billion: 1e9, trillion: 1e12 }
const DIGIT_WORDS = 'zero one two three four five six seven eight nine ten eleven twelve'.split(' ')

/** Every number that a text names, digits and small words alike, with where it stands. */
export function findNumbers(text: string): { value: number; index: number; length: number }[] {
  const found: { value: number; index: number; length: number }[] = []
  for (const match of text.matchAll(
    /(?<![\w.])(\d[\d,]*(?:\.\d+)?)(?:[ -](thousand|million|billion|trillion)\b)?/gi,
  )) {
    const digits = Number(match[1]!.replaceAll(',', ''))
    const value = digits * (SCALE[match[2]?.toLowerCase() ?? ''] ?? 1)
    found.push({ value: Number(value.toPrecision(12)), index: match.index, length: match[0].length })
  }
  for (const match of text.matchAll(/\b(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b/gi)) {
    const value = DIGIT_WORDS.indexOf(match[1]!.toLowerCase())
    found.push({ value, index: match.index, length: match[0].length })
  }
  return found.sort((a, b) => a.index - b.index)
}

/** `A`, `A and B`, `A, B and C`. */
export function joinList(items: readonly string[]): string {
  if (items.length < 2) return items.join('')
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}

export function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export function words(text: string): string[] {
  return text.match(/[\p{L}\p{N}][\p{L}\p{N}'.,-]*/gu) ?? []
}

export function sentences(text: string): string[] {
  return text
    .split(/(?<=[.!?])\s+|\n+/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '')
}

/** Lower case, without accents, with straight quotes and single spaces, so that phrases can be looked for. */
export function fold(text: string): string {
  const plain = PLAIN.test(text)
    ? text
    : text
        .normalize('NFD')
        .replace(/[\u0300-\u036f]/g, '')
        .replace(/[\u2018\u2019]/g, "'")
  return plain.replace(/\s\s+|[\t\n\v\f\r]/g, ' ').toLowerCase()
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII, which is most of the text
const PLAIN = /^[\x00-\x7f]*$/

/** A pattern for any of the phrases as whole words, the longest first; `undefined` where there are none. */
export function phrasePattern(phrases: readonly string[], flags = 'gi'): RegExp | undefined {
  const parts = [...new Set(phrases)]
    .filter((phrase) => phrase !== '')
    .sort((a, b) => b.length - a.length)
    .map((phrase) => phrase.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  if (parts.length === 0) return undefined
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${parts.join('|')})(?![\\p{L}\\p{N}])`, `${flags}u`)
}

const WORD = /[\p{L}\p{N}]/u

/**
 * Where phrases stand in a text as whole words, from left to right and without overlaps; where two begin at one place, the longer.
 * Compares as it is: fold both for a search without case and accents.
 */
export function findPhrases(text: string, phrases: readonly string[]): { phrase: string; index: number }[] {
  const found: { phrase: string; index: number }[] = []
  for (const phrase of new Set(phrases)) {
    if (phrase === '') continue
    for (let index = text.indexOf(phrase); index !== -1; index = text.indexOf(phrase, index + 1)) {
      const [before, after] = [text.charAt(index - 1), text.charAt(index + phrase.length)]
      if (!WORD.test(before) && !WORD.test(after)) found.push({ phrase, index })
    }
  }
  found.sort((a, b) => a.index - b.index || b.phrase.length - a.phrase.length)
  let end = 0
  return found.filter(({ phrase, index }) => {
    if (index < end) return false
    end = index + phrase.length
    return true
  })
}

/** Whether a text has one of the phrases as whole words, whatever its case and accents. */
export function mentions(text: string, phrases: readonly string[]): boolean {
  return findPhrases(fold(text), phrases.map(fold)).length > 0
}
