import { describe, expect, it } from 'vitest'
import { Rng } from '../../../rng.js'
import { accepts, allBut, dfaOf, intersection, lengthDfa } from './dfa.js'
import { parseRegex } from './parse.js'

const dfa = (source: string) => dfaOf(parseRegex(source), 2_000)

/** Every text of up to `length` of these characters. */
function texts(alphabet: string, length: number): string[] {
  const chars = [...alphabet]
  let last = ['']
  const all = ['']
  for (let i = 0; i < length; i++) {
    last = last.flatMap((text) => chars.map((char) => text + char))
    all.push(...last)
  }
  return all
}

describe('dfaOf', () => {
  it.each([
    'a',
    '^a',
    'a$',
    '^a$',
    '^(a|bb)*$',
    '^a{2,3}$',
    '^a{2}b?$',
    '^a{1,}$',
    'a|^b',
    '^(?:ab|a)(?<x>b|bb)$',
    '^[ab]+?b$',
    '^[^a]*$',
    '^.\\n.$',
    '(^a|b$)',
    '^$',
    '',
    'a$|^$',
    '^\\w\\W$',
    '^(a*)*b$',
    '(a^b|ba)',
    '^\\x61\\u0062$',
    '^\\u{1F600}$',
    '^[\\ud83d\\ude00b]$',
    '^[a-b\\n]{2}$',
    '^\\S\\s\\S$',
    '^[]$|a',
    '^[^]$',
  ])('finds what RegExp finds: %s', (source) => {
    const automaton = dfa(source)
    const regex = new RegExp(source, 'u')
    for (const text of texts('ab\n😀', 4)) {
      if (accepts(automaton, text) !== regex.test(text))
        expect({ text, found: !regex.test(text) }).toEqual({ text, found: regex.test(text) })
    }
  })

  it('finds what RegExp finds in random expressions', () => {
    const rng = Rng.seed(3)
    const make = (depth: number): string => {
      const kind = rng.integer(depth > 0 ? 7 : 2)
      if (kind === 0) return 'ab.'[rng.integer(3)]!
      if (kind === 1) return ['[ab]', '[^b]', '\\w', 'b'][rng.integer(4)]!
      if (kind === 2) return `(${make(depth - 1)}|${make(depth - 1)})`
      if (kind === 3) return `(?:${make(depth - 1)})${['*', '+', '?', '{2}', '{0,2}'][rng.integer(5)]}`
      if (kind === 4) return `(^${make(depth - 1)}|${make(depth - 1)}$)`
      return make(depth - 1) + make(depth - 1)
    }
    const all = texts('abc', 5)
    for (let round = 0; round < 60; round++) {
      const source = make(4)
      const regex = new RegExp(source, 'u')
      const automaton = (() => {
        try {
          return dfa(source)
        } catch {
          return undefined // nothing matches
        }
      })()
      for (const text of all) {
        const found = automaton ? accepts(automaton, text) : false
        if (found !== regex.test(text))
          expect({ source, text, found }).toEqual({ source, text, found: !found })
      }
    }
  })

  it('combines languages', () => {
    const both = intersection(dfa('^(ab)*$'), lengthDfa(2, 4, 100), 100)
    expect(texts('ab', 6).filter((text) => accepts(both, text))).toEqual(['ab', 'abab'])
    const others = allBut(['a', 'ab', ''])
    expect(texts('ab', 2).filter((text) => !accepts(others, text))).toEqual(['', 'a', 'ab'])
  })
})
