import { describe, expect, it } from 'vitest'
import { Rng } from '../rng.js'
import { createStopText } from './stop-text.js'

function run(pieces: readonly string[], stops: readonly string[]) {
  const text = createStopText(stops)
  const shown = pieces.map((piece) => text.push(piece))
  return { shown, rest: text.flush(), stopped: text.stopped }
}

describe('stop strings', () => {
  it('are found across pieces, and nothing of them is shown', () => {
    expect(run(['Hello\n', 'Us', 'er: more'], ['\nUser:'])).toEqual({
      shown: ['Hello', '', ''],
      rest: '',
      stopped: true,
    })
  })

  it('hold back only what may be their beginning', () => {
    expect(run(['a\n', '\nb', '\n'], ['\n\n\n'])).toEqual({
      shown: ['a', '\n\nb', ''],
      rest: '\n',
      stopped: false,
    })
    expect(run(['abc'], [])).toEqual({ shown: ['abc'], rest: '', stopped: false })
  })

  it('end the text at the first of several', () => {
    expect(run(['one END two STOP'], ['STOP', 'END'])).toEqual({ shown: ['one '], rest: '', stopped: true })
  })

  it('cut as a search in the whole text does, however it is cut into pieces', () => {
    const rng = Rng.seed(2)
    for (let round = 0; round < 500; round++) {
      const letters = (count: number) => Array.from({ length: count }, () => 'ab'[rng.integer(2)]).join('')
      const stops = [letters(1 + rng.integer(4)), letters(2 + rng.integer(4))]
      const pieces = Array.from({ length: 8 }, () => letters(rng.integer(4)))
      const whole = pieces.join('')
      const found = stops.map((stop) => whole.indexOf(stop)).filter((at) => at >= 0)
      const { shown, rest, stopped } = run(pieces, stops)
      expect(stopped).toBe(found.length > 0)
      // A stop string that is complete earlier may begin later than one that is not yet complete.
      if (!stopped) expect(shown.join('') + rest).toBe(whole)
      else expect(stops.some((stop) => whole.startsWith(shown.join('') + stop))).toBe(true)
    }
  })
})
