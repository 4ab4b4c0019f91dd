/** Random answers within a constraint, and what tests need for them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Rng } from '../../../rng.js'
import {
  importLlama2cTokenizer,
  parseGpt2Files,
  type Tokenizer,
  trainCharTokenizer,
} from '../../../text/index.js'
import { createConstraint } from '../constraint.js'
import type { Grammar, Vocabulary } from '../types.js'
import { createVocabulary, vocabularyOf } from '../vocabulary.js'

/** Every byte, and the pieces of JSON that make life hard: across structure, half characters, quotes in the middle. */
export function smallVocabulary(): Vocabulary {
  const encoder = new TextEncoder()
  const pieces = [
    ...[
      '{"',
      '"}',
      '":',
      '": ',
      '", "',
      ',"',
      '},{',
      '}]',
      '[]',
      '{}',
      '""',
      '\\"',
      '\\u',
      '\\ud83d',
      '\\ude00',
      'tru',
    ],
    ...[
      'true',
      'false',
      'null',
      'e,',
      '1,',
      '10',
      '123',
      '0.',
      '-1',
      '.5',
      ' the',
      'a"',
      'ab',
      'name',
      '</tool',
      '<tool_call>',
    ],
    ...['{"name": "', '"arguments"', '_call>', '\n{', '}\n', '中文', '中"', 'é', '😀'],
  ].map((text) => encoder.encode(text))
  const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte))
  const halves = [Uint8Array.of(0x61, 0xe4, 0xb8), Uint8Array.of(0xad, 0x22), Uint8Array.of(0xf0, 0x9f)]
  return vocabularyOf([...bytes, ...pieces, ...halves, undefined], [256 + pieces.length + halves.length])
}

/** Real tokenizers, where the data is. */
export function realVocabularies(): [string, Vocabulary][] {
  const data = process.env.ATHANOR_TEST_DATA
  const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('')
  const chars = createVocabulary(trainCharTokenizer(`${ascii}\n中文é`, { specialTokens: ['<|end|>'] }), {
    endIds: [98 + 1],
  })
  if (!data) return [['characters', chars]]
  const gpt2 = parseGpt2Files(
    readFileSync(join(data, 'gpt2-bpe/encoder.json'), 'utf8'),
    readFileSync(join(data, 'gpt2-bpe/vocab.bpe'), 'utf8'),
  )
  const stories = importLlama2cTokenizer(readFileSync(join(data, 'stories260k/tok512.bin')))
  const of = (tokenizer: Tokenizer) => createVocabulary(tokenizer)
  return [
    ['characters', chars],
    ['GPT-2', of(gpt2)],
    ['llama2.c', of(stories)],
  ]
}

export interface Walk {
  readonly text: string
  readonly bytes: Uint8Array
  readonly tokens: readonly number[]
  /** It ended by itself (or could): not for want of tokens. */
  readonly ended: boolean
}

/**
 * Draws allowed tokens at random until the text ends. `hurry` is the chance of an end token where one is allowed.
 * @param budget tokens at most; the constraint is told
 */
export function walk(grammar: Grammar, vocabulary: Vocabulary, rng: Rng, budget: number, hurry = 0.5): Walk {
  const constraint = createConstraint(grammar, vocabulary)
  const tokens: number[] = []
  const bytes: number[] = []
  for (let left = budget; left > 0 && !constraint.done; left--) {
    if (constraint.canEnd && rng.uniform() < hurry) break
    const allowed = tokensOf(constraint.allowed(left)).filter((id) => !vocabulary.endIds.includes(id))
    if (allowed.length === 0) {
      if (constraint.canEnd) break
      throw new Error(
        `nothing is allowed after ${JSON.stringify(new TextDecoder().decode(Uint8Array.from(bytes)))}`,
      )
    }
    const token = allowed[rng.integer(allowed.length)]!
    constraint.accept(token)
    tokens.push(token)
    bytes.push(...vocabulary.bytes(token)!)
  }
  const all = Uint8Array.from(bytes)
  return { text: new TextDecoder().decode(all), bytes: all, tokens, ended: constraint.canEnd }
}

export function tokensOf(bits: Uint32Array): number[] {
  const out: number[] = []
  for (let word = 0; word < bits.length; word++) {
    for (let rest = bits[word]!; rest !== 0; rest &= rest - 1)
      out.push(word * 32 + (31 - Math.clz32(rest & -rest)))
  }
  return out
}
