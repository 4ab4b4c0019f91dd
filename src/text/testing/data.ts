import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Folder of test data, or undefined; tests that need it are skipped without it. */
export const testData = process.env.ATHANOR_TEST_DATA

/** A file of the test data. */
export const dataFile = (...path: string[]): string => join(testData ?? '', ...path)

export const dataText = (...path: string[]): string => readFileSync(dataFile(...path), 'utf8')

interface Case {
  text: string
  ids: number[]
}

/** What other implementations make of awkward text; see `fixtures/make_fixtures.py`. */
export const reference: {
  gpt2: Case[]
  llama2c: Case[]
  training: { vocabSize: number; merges: number; first: string[]; sha256: string }
} = JSON.parse(readFileSync(new URL('../fixtures/tokenizer-reference.json', import.meta.url), 'utf8'))

/** Numbers in [0, 1) from a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const ranges = [
  [0x00, 0x7f],
  [0x20, 0x7e],
  [0x80, 0x24f],
  [0x300, 0x36f],
  [0x400, 0x4ff],
  [0x900, 0x97f],
  [0x2000, 0x206f],
  [0x3000, 0x30ff],
  [0x4e00, 0x9fa5],
  [0x1f300, 0x1f5ff],
] as const

/** Text of up to `length` characters from many scripts, white space and control characters among them. */
export function randomText(random: () => number, length: number): string {
  const chars = Array.from({ length: Math.floor(random() * length) }, () => {
    if (random() < 0.15) return [' ', '  ', '\n', '\t', '\r\n', "'s", '12'][Math.floor(random() * 7)]!
    const [low, high] = ranges[Math.floor(random() * ranges.length)]!
    return String.fromCodePoint(low + Math.floor(random() * (high - low + 1)))
  })
  return chars.join('')
}
