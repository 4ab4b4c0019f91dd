import { describe, expect, it } from 'vitest'
import { perplexity, surprise, tokensOf, visible } from './tokens.js'

describe('the tokens of a completion', () => {
  it('come with their alternatives, the likeliest first', () => {
    const logprobs = {
      tokens: [' a', '\n'],
      token_logprobs: [-1, null],
      top_logprobs: [{ ' b': -2, ' a': -1 }, null],
    }
    expect(tokensOf({ choices: [{ text: ' a\n', logprobs }] })).toEqual([
      {
        text: ' a',
        logprob: -1,
        top: [
          { text: ' a', logprob: -1 },
          { text: ' b', logprob: -2 },
        ],
      },
      { text: '\n', logprob: undefined, top: [] },
    ])
  })

  it('are the text where there are no probabilities', () => {
    expect(tokensOf({ choices: [{ text: 'x', logprobs: null }] })).toEqual([
      { text: 'x', logprob: undefined, top: [] },
    ])
    expect(tokensOf({ choices: [{ text: '', logprobs: null, finish_reason: 'stop' }] })).toEqual([])
    expect(tokensOf({ choices: [] })).toEqual([])
  })

  it('surprise by steps', () => {
    expect([0.9, 0.6, 0.3, 0.1, 0.01].map((p) => surprise(Math.log(p)))).toEqual([0, 1, 2, 3, 4])
    expect(surprise(-9999)).toBe(4)
  })

  it('have a perplexity', () => {
    const half = { text: 'x', logprob: Math.log(0.5), top: [] }
    expect(perplexity([half, half, { text: 'y', logprob: undefined, top: [] }])).toBeCloseTo(2)
    expect(perplexity([])).toBeUndefined()
  })

  it('can be seen', () => {
    expect(visible(' a\n\t')).toBe('·a⏎⇥')
    expect(visible('')).toBe('∅')
  })
})
