import { describe, expect, it } from 'vitest'
import { OptimError } from './errors.js'
import { constant, cosine, createSchedule, linear, stableDecay, warmup } from './schedules.js'

describe('cosine', () => {
  it('starts at one, is half way in the middle and ends at the floor', () => {
    const schedule = cosine({ steps: 10, floor: 0.1 })
    expect(schedule(0)).toBe(1)
    expect(schedule(5)).toBeCloseTo(0.55, 12)
    expect(schedule(9)).toBeGreaterThan(0.1)
    expect(schedule(10)).toBeCloseTo(0.1, 12)
    expect(schedule(1000)).toBeCloseTo(0.1, 12)
  })
})

describe('linear', () => {
  it('goes straight from one factor to another', () => {
    const schedule = linear({ steps: 4, from: 1, to: 0.2 })
    expect([0, 1, 2, 3, 4, 5].map(schedule)).toEqual(
      [1, 0.8, 0.6, 0.4, 0.2, 0.2].map((x) => expect.closeTo(x, 12)),
    )
  })
})

describe('stableDecay', () => {
  it('holds, then decays in a straight line', () => {
    const schedule = stableDecay({ steps: 10, decaySteps: 4 })
    expect([0, 5, 6, 7, 8, 9, 10, 11].map(schedule)).toEqual([1, 1, 1, 0.75, 0.5, 0.25, 0, 0])
  })

  it('holds, then decays as 1 - sqrt', () => {
    const schedule = stableDecay({ steps: 10, decaySteps: 4, shape: '1-sqrt', floor: 0.2 })
    expect(schedule(6)).toBe(1)
    expect(schedule(7)).toBeCloseTo(0.6, 12)
    expect(schedule(10)).toBeCloseTo(0.2, 12)
  })

  it('can go without a decay', () => {
    expect(stableDecay({ steps: 10, decaySteps: 0 })(9)).toBe(1)
  })
})

describe('warmup', () => {
  it('rises to the schedule, which then counts from its own zero', () => {
    const schedule = warmup(4, linear({ steps: 2 }))
    expect([0, 1, 2, 3, 4, 5, 6].map(schedule)).toEqual(
      [0.2, 0.4, 0.6, 0.8, 1, 0.5, 0].map((x) => expect.closeTo(x, 12)),
    )
  })

  it('of no steps changes nothing', () => {
    expect(warmup(0, constant())(0)).toBe(1)
  })
})

describe('createSchedule', () => {
  it('fits warm-up and decay into the whole run', () => {
    const schedule = createSchedule({ kind: 'wsd', warmup: 2, decay: 2, floor: 0.5 }, 8)
    expect([0, 1, 2, 5, 6, 7, 8].map(schedule)).toEqual(
      [1 / 3, 2 / 3, 1, 1, 1, 0.75, 0.5].map((x) => expect.closeTo(x, 12)),
    )
    expect(createSchedule({ kind: 'cosine', warmup: 5, floor: 0.1 }, 50)(50)).toBeCloseTo(0.1, 12)
    expect(createSchedule({ kind: 'linear' }, 1)(0)).toBe(1)
    expect(createSchedule({ kind: 'constant', warmup: 1 }, 1)(0)).toBe(0.5)
    expect(createSchedule({ kind: 'wsd', warmup: 8, decay: 0 }, 8)(7)).toBeCloseTo(8 / 9, 12)
  })

  it('never leaves [0, 1] and never rises after the warm-up', () => {
    for (const kind of ['linear', 'cosine', 'wsd'] as const) {
      const extra = kind === 'wsd' ? { decay: 30, shape: '1-sqrt' as const } : {}
      const schedule = createSchedule({ kind, warmup: 10, floor: 0.05, ...extra } as never, 100)
      const values = Array.from({ length: 120 }, (_, step) => schedule(step))
      expect(values.every((value) => value >= 0.05 && value <= 1)).toBe(true)
      for (let i = 11; i < 120; i++) expect(values[i]!).toBeLessThanOrEqual(values[i - 1]!)
    }
  })

  it('says what does not fit', () => {
    expect(() => createSchedule({ kind: 'wsd', warmup: 6, decay: 5 }, 10)).toThrow(
      /a warm-up of 6 and a decay of 5 steps do not fit into a run of 10/,
    )
    expect(() => createSchedule({ kind: 'cosine', warmup: 10 }, 10)).toThrow(/do not fit/)
    expect(() => createSchedule({ kind: 'cosine', floor: 2 }, 10)).toThrow(/schedule: 'floor'/)
    expect(() => createSchedule({ kind: 'step' } as never, 10)).toThrow(OptimError)
    expect(() => createSchedule({ kind: 'constant' }, 0)).toThrow(/number of steps/)
    expect(() => stableDecay({ steps: 4, decaySteps: 5 })).toThrow(/'decaySteps': the decay is longer/)
    expect(() => cosine({ steps: 0 })).toThrow(/cosine: 'steps'/)
  })

  it('refuses steps that are not counts', () => {
    for (const step of [-1, 0.5, Number.NaN]) expect(() => constant()(step)).toThrow(/integers from 0/)
  })
})
