/** Files changed at random, from fixed seeds: each is read, or refused with a typed error; nothing hangs. */
import { describe, expect, it } from 'vitest'
import { AthanorError } from '../errors.js'
import { Rng } from '../rng.js'
import {
  CHATML_TOKENS,
  createChatFormat,
  tokenizerFromJson,
  trainBpe,
  withSpecialTokens,
} from '../text/index.js'
import { encodeSafetensors, parseSafetensors } from './safetensors.js'

/** A mutant: bytes replaced, runs repeated, moved or removed, and pieces that break parsers put in. */
function mutate(bytes: Uint8Array, rng: Rng, reach = bytes.length): Uint8Array {
  let out = Uint8Array.from(bytes)
  for (let i = rng.integer(4); i >= 0; i--) {
    const at = rng.integer(Math.min(reach, out.length))
    const end = Math.min(out.length, at + 1 + rng.integer(16))
    const evil = new TextEncoder().encode(EVIL[rng.integer(EVIL.length)])
    const parts = [
      () => [out.subarray(0, at), Uint8Array.of(rng.integer(256)), out.subarray(at + 1)],
      () => [out.subarray(0, at), out.subarray(end)],
      () => [out.subarray(0, end), out.subarray(at)],
      () => [out.subarray(0, at), evil, out.subarray(end)],
      () => [out.subarray(0, Math.max(1, at))],
    ][rng.integer(5)]!()
    out = Uint8Array.from(parts.flatMap((part) => [...part]))
    if (out.length === 0) return out
  }
  return out
}

const EVIL = [
  '-1',
  '1e999',
  'null',
  '[]',
  '{}',
  '""',
  '9007199254740993',
  '\u0000',
  '\ud800',
  '__proto__',
  '{{',
  '%}',
  '(((',
  '[[',
  '\\',
]

function survives(round: number, read: () => unknown): void {
  try {
    read()
  } catch (error) {
    expect(error, `round ${round}: ${(error as Error)?.stack}`).toBeInstanceOf(AthanorError)
  }
}

describe('files changed at random', () => {
  it('safetensors', () => {
    const bytes = encodeSafetensors(
      new Map([
        ['a.weight', { dtype: 'f32', shape: [2, 3], data: new Float32Array(6) }],
        ['b', { dtype: 'i64', shape: [], data: new BigInt64Array(1) }],
      ]),
      [['format', 'pt']],
    )
    const rng = Rng.seed(1)
    for (let round = 0; round < 2000; round++) {
      const mutant = mutate(bytes, rng)
      survives(round, () => parseSafetensors(mutant, 'f'))
    }
  })

  it('tokenizer.json', async () => {
    const tokenizer = await trainBpe(['the cat sat on the mat, the cat ate'], { vocabSize: 259 })
    const bytes = new TextEncoder().encode(JSON.stringify(tokenizer.toJSON()))
    const rng = Rng.seed(2)
    let read = 0
    for (let round = 0; round < 400; round++) {
      const text = new TextDecoder().decode(mutate(bytes, rng))
      let json: unknown
      try {
        json = JSON.parse(text)
      } catch {
        continue
      }
      survives(round, () => {
        const mutant = tokenizerFromJson(json)
        mutant.decode(mutant.encode('the cat, 123 \n é'))
        read++
      })
    }
    expect(read).toBeGreaterThan(0)
  })

  it('chat templates', async () => {
    const trained = await trainBpe(['the cat sat on the mat'], { vocabSize: 259 })
    const tokenizer = withSpecialTokens(trained, CHATML_TOKENS)
    const template =
      "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}{{ '<|im_start|>system\\n<|im_end|>\\n' }}{% endif %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    const bytes = new TextEncoder().encode(template)
    const rng = Rng.seed(3)
    for (let round = 0; round < 400; round++) {
      const mutant = new TextDecoder().decode(mutate(bytes, rng))
      survives(round, () =>
        createChatFormat(tokenizer, { template: mutant }).encode([
          { role: 'user', content: 'hi' },
          { role: 'assistant', content: 'ho' },
        ]),
      )
    }
  })
})
