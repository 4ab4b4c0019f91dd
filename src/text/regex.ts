import { TokenizerError } from './errors.js'

/**
 * Translates the regular expressions of `tokenizer.json` files (Oniguruma's dialect, as the Rust library reads them)
 * into JavaScript's, flags `gu`.
 *
 * What differs: `\s` is Unicode White_Space (JavaScript's also has U+FEFF and lacks U+0085); `\w` and `\d` are Unicode;
 * `(?i:...)` is newer than the oldest Node we run on, so letters are spelt out; `\A`, `\z` and `\h` have other names.
 *
 * @throws TokenizerError `tokenizer_unsupported` for possessive quantifiers, class intersections and other syntax that
 *   JavaScript cannot express
 */
export function translateRegex(source: string, name: string): RegExp {
  const unsupported = (what: string, cause?: unknown) =>
    new TokenizerError('tokenizer_unsupported', `${name}: the pattern ${source} uses ${what}.`, { cause })
  let out = ''
  let inClass = false
  const groups: boolean[] = [] // for every open group: is it case-insensitive?
  let ignoreCase = false
  for (let i = 0; i < source.length; i++) {
    const rest = source.slice(i, i + 4)
    const char = source[i]!
    if (char === '\\') {
      const next = source[++i]
      if (next === undefined) throw unsupported('a lone backslash')
      if (next === 'p' || next === 'P') {
        const property = /^\{(\^?)([^}]+)\}/.exec(source.slice(i + 1))
        if (!property) throw unsupported(`\\${next} without a property in braces`)
        i += property[0].length
        const negated = (next === 'P') !== (property[1] === '^')
        out += `\\${negated ? 'P' : 'p'}{${propertyName(property[2]!)}}`
      } else out += escapeFor(next, inClass)
    } else if (inClass) {
      if (char === ']') inClass = false
      if (char === '[' || rest.startsWith('&&')) throw unsupported('a nested or intersected character class')
      if (ignoreCase && /^[a-zA-Z]-[a-zA-Z]/.test(rest))
        throw unsupported('a range of letters in either case')
      out += ignoreCase && /[a-zA-Z]/.test(char) ? bothCases(char, false) : char
    } else if (char === '[') {
      inClass = true
      out += char
    } else if (rest === '(?i:') {
      groups.push(ignoreCase)
      ignoreCase = true
      out += '(?:'
      i += 3
    } else if (rest === '(?i)') {
      ignoreCase = true
      i += 3
    } else if (char === '(') {
      const head = /^\((?:\?[:=!]|\?<[=!]|(?!\?))/.exec(rest)?.[0]
      if (!head) throw unsupported('a kind of group that is not known here')
      groups.push(ignoreCase)
      out += head
      i += head.length - 1
    } else if (char === ')') {
      ignoreCase = groups.pop() ?? false
      out += char
    } else if (/[?*+{]/.test(char)) {
      const quantifier = /^(?:[?*+]|\{\d*,?\d*\})/.exec(source.slice(i))?.[0]
      if (quantifier === undefined) throw unsupported('a lone brace')
      i += quantifier.length - 1
      out += quantifier
      if (source[i + 1] === '+') throw unsupported('a possessive quantifier')
    } else out += ignoreCase && /[a-zA-Z]/.test(char) ? bothCases(char, true) : char
  }
  try {
    return new RegExp(out, 'gu')
  } catch (cause) {
    throw unsupported(`syntax that JavaScript does not have (${(cause as Error).message})`, cause)
  }
}

/** A pattern that matches `text` itself. */
export const literalRegex = (text: string): RegExp => new RegExp(escapeRegex(text), 'gu')

/** `text` with everything that means something in a regular expression escaped. */
export const escapeRegex = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

/** Both cases of an ASCII letter, with the two non-ASCII characters that fold to one (long s and the Kelvin sign). */
function bothCases(letter: string, bracket: boolean): string {
  const lower = letter.toLowerCase()
  const cases = lower + lower.toUpperCase() + (lower === 's' ? '\u017f' : lower === 'k' ? '\u212a' : '')
  return bracket ? `[${cases}]` : cases
}

function propertyName(name: string): string {
  const bare = name.replace(/[\s_-]/g, '').toLowerCase()
  const scripts = [
    'Han',
    'Hiragana',
    'Katakana',
    'Hangul',
    'Latin',
    'Cyrillic',
    'Greek',
    'Arabic',
    'Thai',
    'Hebrew',
  ]
  const script = scripts.find((s) => s.toLowerCase() === bare)
  return script ? `Script=${script}` : name
}

function escapeFor(letter: string, inClass: boolean): string {
  switch (letter) {
    case 's':
      return '\\p{White_Space}'
    case 'S':
      return '\\P{White_Space}'
    case 'd':
      return '\\p{Nd}'
    case 'D':
      return '\\P{Nd}'
    case 'w':
      return inClass ? '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}' : '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]'
    case 'h':
      return inClass ? '0-9a-fA-F' : '[0-9a-fA-F]'
    case 'A':
      return '(?<![\\s\\S])'
    case 'z':
      return '(?![\\s\\S])'
  }
  // In `u` mode only syntax characters may be escaped for no reason.
  return /[a-zA-Z0-9^$\\.*+?()[\]{}|/-]/.test(letter)
    ? letter === '-' && !inClass
      ? '-'
      : `\\${letter}`
    : letter
}
