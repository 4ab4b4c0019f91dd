import { expect, it } from 'vitest'
import { offsetsOf } from './fields.js'

const offsets = (text: string, tokens: readonly (string | number[])[]) =>
  offsetsOf(
    text,
    tokens.map((token) => ({ bytes: typeof token === 'string' ? [...Buffer.from(token)] : token })),
  )

it('tokens begin where they stand in the text, in the units of JavaScript', () => {
  expect(offsets('Lima is', ['Lima', ' is'])).toEqual([0, 4])
  expect(offsets('a😀b', ['a', '😀', 'b'])).toEqual([0, 1, 3])
})

it('what follows pieces of a character stands behind it', () => {
  const [a, b, c] = Buffer.from('利')
  expect(offsets('x利y', ['x', [a!], [b!], [c!], 'y'])).toEqual([0, 1, 2, 2, 2])
})

it('special tokens and a space that the text lost have no length', () => {
  expect(offsets('Lima is', ['<s>', ' Lima', ' is', '</s>'])).toEqual([0, 0, 4, 7])
})
