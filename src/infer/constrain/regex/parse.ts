/**
 * Regular expressions as JSON schemas have them (ECMA-262, flag u), as far as they are regular and small: characters, classes,
 * groups, alternatives, quantifiers, ^ and $. Look-around, back references, \b and \p{…} are refused.
 */
import { type CharSet, charSet, complement, DIGIT, LINE_END, pairs, SPACE, union, WORD } from './char-set.js'

export type Regex =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'sequence'; readonly parts: readonly Regex[] }
  | { readonly kind: 'choice'; readonly options: readonly Regex[] }
  | { readonly kind: 'repeat'; readonly part: Regex; readonly min: number; readonly max: number }

/** What is wrong with a pattern; the compiler adds where it stands. */
export class RegexProblem extends Error {}

const MAX_REPEAT = 1_000
const MAX_GROUPS = 100

/** @throws RegexProblem */
export function parseRegex(source: string): Regex {
  const parser = new Parser(source)
  return parser.parse()
}

class Parser {
  readonly #chars: readonly string[]
  #at = 0
  #depth = 0

  constructor(source: string) {
    this.#chars = [...source]
  }

  parse(): Regex {
    const regex = this.#alternatives()
    if (this.#at < this.#chars.length) throw this.#problem('")" without "("')
    return regex
  }

  #alternatives(): Regex {
    const options = [this.#sequence()]
    while (this.#take('|')) options.push(this.#sequence())
    return options.length === 1 ? options[0]! : { kind: 'choice', options }
  }

  #sequence(): Regex {
    const parts: Regex[] = []
    for (let char = this.#peek(); char !== undefined && char !== '|' && char !== ')'; char = this.#peek()) {
      parts.push(this.#quantified(this.#atom()))
    }
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
  }

  #quantified(part: Regex): Regex {
    const bounds = this.#quantifier()
    if (!bounds) return part
    if (part.kind === 'start' || part.kind === 'end') throw this.#problem('nothing to repeat')
    this.#take('?') // a lazy one matches the same texts
    if (this.#quantifier()) throw this.#problem('two quantifiers in a row')
    return { kind: 'repeat', part, ...bounds }
  }

  #quantifier(): { min: number; max: number } | undefined {
    if (this.#take('*')) return { min: 0, max: Number.POSITIVE_INFINITY }
    if (this.#take('+')) return { min: 1, max: Number.POSITIVE_INFINITY }
    if (this.#take('?')) return { min: 0, max: 1 }
    if (!this.#take('{')) return undefined
    const min = this.#number()
    const max = !this.#take(',') ? min : this.#peek() === '}' ? Number.POSITIVE_INFINITY : this.#number()
    if (!this.#take('}')) throw this.#problem('"{" without "}"; write \\{ for the sign')
    if (max < min) throw this.#problem('a quantifier whose end is before its start')
    if (min > MAX_REPEAT || (max > MAX_REPEAT && max < Number.POSITIVE_INFINITY)) {
      throw this.#problem(`a quantifier beyond ${MAX_REPEAT}`)
    }
    return { min, max }
  }

  #number(): number {
    let digits = ''
    for (let char = this.#peek(); char !== undefined && /[0-9]/.test(char); char = this.#peek()) {
      digits += char
      this.#at++
    }
    if (digits === '') throw this.#problem('"{" without a number; write \\{ for the sign')
    return Number(digits)
  }

  #atom(): Regex {
    const char = this.#chars[this.#at++]!
    if (char === '(') return this.#group()
    if (char === '[') return { kind: 'set', set: this.#class() }
    if (char === '.') return { kind: 'set', set: complement(LINE_END) }
    if (char === '^') return { kind: 'start' }
    if (char === '$') return { kind: 'end' }
    if (char === '\\') return { kind: 'set', set: this.#escape(false) }
    if ('*+?{'.includes(char)) throw this.#problem('nothing to repeat')
    if (char === ']' || char === '}') throw this.#problem(`a lone "${char}"; write \\${char}`)
    return { kind: 'set', set: this.#single(char.codePointAt(0)!) }
  }

  #group(): Regex {
    if (++this.#depth > MAX_GROUPS) throw this.#problem(`more than ${MAX_GROUPS} groups within each other`)
    if (this.#take('?')) {
      if (this.#take('<') && this.#peek() !== '=' && this.#peek() !== '!') {
        while (this.#peek() !== undefined && this.#peek() !== '>') this.#at++
        if (!this.#take('>')) throw this.#problem('a group name without ">"')
      } else if (!this.#take(':')) throw this.#problem('look-around or flags, which are not supported')
    }
    const inside = this.#alternatives()
    if (!this.#take(')')) throw this.#problem('"(" without ")"')
    this.#depth--
    return inside
  }

  #class(): CharSet {
    const negated = this.#take('^')
    const parts: CharSet[] = []
    while (!this.#take(']')) {
      const low = this.#classAtom()
      if (this.#peek() === '-' && this.#chars[this.#at + 1] !== ']') {
        this.#at++
        const high = this.#classAtom()
        const [from, to] = [only(low), only(high)]
        if (from === undefined || to === undefined) throw this.#problem('a range between classes')
        if (to < from) throw this.#problem('a range whose end is before its start')
        parts.push(charSet([[from, to]]))
      } else parts.push(low)
    }
    const set = union(...parts)
    return negated ? complement(set) : set
  }

  #classAtom(): CharSet {
    const char = this.#chars[this.#at++]
    if (char === undefined) throw this.#problem('"[" without "]"')
    return char === '\\' ? this.#escape(true) : this.#single(char.codePointAt(0)!)
  }

  #escape(inClass: boolean): CharSet {
    const char = this.#chars[this.#at++]
    if (char === undefined) throw this.#problem('"\\" at the end')
    const named: Record<string, CharSet> = { d: DIGIT, w: WORD, s: SPACE }
    const set = Object.hasOwn(named, char.toLowerCase()) ? named[char.toLowerCase()] : undefined
    if (set) return char === char.toLowerCase() ? set : complement(set)
    const control: Record<string, number> = { n: 10, r: 13, t: 9, f: 12, v: 11 }
    if (Object.hasOwn(control, char)) return this.#single(control[char]!)
    if (char === 'b' && inClass) return this.#single(8)
    if (char === '0' && !/[0-9]/.test(this.#peek() ?? '')) return this.#single(0)
    if (char === 'x') return this.#single(this.#hex(2))
    if (char === 'u') return this.#single(this.#unicode())
    if (char === 'c' && /[A-Za-z]/.test(this.#peek() ?? '')) {
      return this.#single(this.#chars[this.#at++]!.codePointAt(0)! % 32)
    }
    if (/[0-9kbBpP]/.test(char)) throw this.#problem(`\\${char}, which is not supported`)
    if (/[A-Za-z]/.test(char)) throw this.#problem(`\\${char}, which has no meaning`)
    return this.#single(char.codePointAt(0)!)
  }

  #unicode(): number {
    if (this.#take('{')) {
      let digits = ''
      while (this.#peek() !== undefined && this.#peek() !== '}') digits += this.#chars[this.#at++]!
      this.#at++
      const code = Number.parseInt(digits, 16)
      if (!/^[0-9A-Fa-f]{1,8}$/.test(digits) || code > 0x10ffff)
        throw this.#problem('\\u{…} with no character')
      return code
    }
    const unit = this.#hex(4)
    if (unit < 0xd800 || unit > 0xdbff || this.#peek() !== '\\' || this.#chars[this.#at + 1] !== 'u')
      return unit
    this.#at += 2
    const low = this.#hex(4)
    if (low < 0xdc00 || low > 0xdfff) throw this.#problem('a lone surrogate')
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
  }

  #hex(length: number): number {
    const digits = this.#chars.slice(this.#at, this.#at + length).join('')
    if (digits.length !== length || !/^[0-9A-Fa-f]+$/.test(digits))
      throw this.#problem(`an escape that needs ${length} hexadecimal digits`)
    this.#at += length
    return Number.parseInt(digits, 16)
  }

  #single(codePoint: number): CharSet {
    if (codePoint >= 0xd800 && codePoint <= 0xdfff) throw this.#problem('a lone surrogate')
    return [codePoint, codePoint]
  }

  #peek(): string | undefined {
    return this.#chars[this.#at]
  }

  #take(char: string): boolean {
    if (this.#chars[this.#at] !== char) return false
    this.#at++
    return true
  }

  #problem(what: string): RegexProblem {
    return new RegexProblem(`${what} (at character ${Math.min(this.#at, this.#chars.length)})`)
  }
}

function only(set: CharSet): number | undefined {
  const [range] = pairs(set)
  return set.length === 2 && range![0] === range![1] ? range![0] : undefined
}
