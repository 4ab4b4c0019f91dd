import { describe, expect, it } from 'vitest'
import { chartsOf } from './charts.js'
import { History } from './history.js'

const history = (...events: Record<string, unknown>[]) => {
  const made = new History()
  for (const [i, event] of events.entries())
    made.add({ time: 0, type: 'step', ...event, seq: i + 1 } as never)
  return made
}

describe('the history of a run', () => {
  it('makes a curve of every number, for each part', () => {
    const { curves } = {
      curves: history(
        { type: 'message', text: 'reading', part: 'base' },
        { step: 1, steps: 9, loss: 3, secondsLeft: 5 },
        { type: 'eval', step: 1, loss: 2.5 },
        { type: 'message', text: 'answering', part: 'sft' },
        { type: 'metrics', step: 1, metrics: { 'objective/kl': 0.1, loss: null } },
      ).curves(),
    }
    expect(curves).toEqual([
      { part: 'base', metric: 'loss', steps: [1], values: [3] },
      { part: 'base', metric: 'heldOut.loss', steps: [1], values: [2.5] },
      { part: 'sft', metric: 'objective/kl', steps: [1], values: [0.1] },
      { part: 'sft', metric: 'loss', steps: [1], values: [null] },
    ])
  })

  it('forgets steps that are done again after a stop, and events that come twice', () => {
    const made = history(
      { step: 1, loss: 3 },
      { step: 2, loss: 2 },
      { step: 3, loss: 1 },
      { step: 2, loss: 2.5 },
    )
    made.add({ seq: 2, time: 0, type: 'step', step: 9, loss: 9 })
    expect(made.curves()[0]).toMatchObject({ steps: [1, 2], values: [3, 2.5] })
  })

  it('keeps samples and what was said', () => {
    const made = history(
      { type: 'sample', step: 4, prompt: 'Q', text: 'A' },
      { type: 'end', error: { message: 'no' } },
    )
    expect(made.samples).toEqual([{ part: '', step: 4, prompt: 'Q', text: 'A' }])
    expect(made.notes).toMatchObject([{ kind: 'warning', text: 'no' }])
  })
})

describe('charts', () => {
  it('put numbers that belong together into one, the known ones first', () => {
    const curve = (metric: string) => ({ part: '', metric, steps: [1], values: [1] })
    const charts = chartsOf(['lr', 'zeta', 'objective/kl', 'heldOut.loss', 'loss'].map(curve))
    expect(charts.map(({ name, minor }) => [name, minor])).toEqual([
      ['loss', false],
      ['kl', false],
      ['lr', true],
      ['zeta', true],
    ])
    expect(charts[0]!.curves.map(({ metric }) => metric)).toEqual(['loss', 'heldOut.loss'])
  })
})
