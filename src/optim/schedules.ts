/**
 * Learning-rate schedules: pure functions from the index of an update (0, 1, ... steps - 1) to a factor for the learning
 * rate. The value at `steps` is the end point of the curve, reached just after the last update (so that no update is spent at
 * a rate of zero); it holds from there on.
 */
import { z } from 'zod'
import { parseOptions } from './config.js'
import { OptimError } from './errors.js'

export type Schedule = (step: number) => number

const count = z.int().min(0)
const factor = z.number().min(0)

/** Always 1. */
export function constant(): Schedule {
  return checked(() => 1)
}

const linearConfig = z.strictObject({ steps: count.min(1), from: factor.default(1), to: factor.default(0) })

/** A straight line between two factors. */
export function linear(options: z.input<typeof linearConfig>): Schedule {
  const { steps, from, to } = parseOptions('linear', linearConfig, options)
  return checked((step) => from + (to - from) * progress(step, 0, steps))
}

const cosineConfig = z.strictObject({ steps: count.min(1), floor: factor.max(1).default(0) })

/** Half a cosine from 1 to `floor` (Loshchilov & Hutter, "SGDR", 2017, one cycle). */
export function cosine(options: z.input<typeof cosineConfig>): Schedule {
  const { steps, floor } = parseOptions('cosine', cosineConfig, options)
  return checked((step) => floor + ((1 - floor) * (1 + Math.cos(Math.PI * progress(step, 0, steps)))) / 2)
}

const shapes = ['linear', '1-sqrt'] as const
const stableDecayConfig = z
  .strictObject({
    steps: count.min(1),
    decaySteps: count,
    shape: z.enum(shapes).default('linear'),
    floor: factor.max(1).default(0),
  })
  .refine(({ steps, decaySteps }) => decaySteps <= steps, {
    path: ['decaySteps'],
    error: 'the decay is longer than the whole schedule',
  })

/**
 * 1, then a decay to `floor` over the last `decaySteps`: linear, or 1 - sqrt(progress) (Haegele et al., "Scaling Laws and
 * Compute-Optimal Training Beyond Fixed Training Durations", 2024). With a warm-up before it this is WSD.
 */
export function stableDecay(options: z.input<typeof stableDecayConfig>): Schedule {
  const { steps, decaySteps, shape, floor } = parseOptions('stableDecay', stableDecayConfig, options)
  return checked((step) => {
    const done = progress(step, steps - decaySteps, steps)
    return floor + (1 - floor) * (1 - (shape === 'linear' ? done : Math.sqrt(done)))
  })
}

/**
 * A linear warm-up before a schedule, which then counts from its own zero: (step + 1) / (steps + 1) of what the schedule
 * starts with, so that the first update already moves and the first one after the warm-up is the first at the full rate.
 */
export function warmup(steps: number, then: Schedule): Schedule {
  parseOptions('warmup', count, steps)
  return checked((step) => (step < steps ? (then(0) * (step + 1)) / (steps + 1) : then(step - steps)))
}

const common = {
  /** Updates with a rising rate, of the total. */
  warmup: count.default(0),
  /** The last factor. */
  floor: factor.max(1).default(0),
}

/** A schedule as a run's configuration states it. */
export const scheduleConfig = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant'), warmup: count.default(0) }),
  z.strictObject({ kind: z.literal('linear'), ...common }),
  z.strictObject({ kind: z.literal('cosine'), ...common }),
  z.strictObject({
    kind: z.literal('wsd'),
    ...common,
    /** Updates of the decay, of the total. */
    decay: count,
    shape: z.enum(shapes).default('linear'),
  }),
])

export type ScheduleConfig = z.input<typeof scheduleConfig>

/**
 * The schedule that a configuration states, for a run of `steps` updates, warm-up included.
 * @throws OptimError when a field is wrong, or warm-up and decay do not fit into the run
 */
export function createSchedule(options: ScheduleConfig, steps: number): Schedule {
  parseOptions('the number of steps of a schedule', count.min(1), steps)
  const config = parseOptions('schedule', scheduleConfig, options)
  const rest = steps - config.warmup
  const needed = config.kind === 'wsd' ? config.decay : config.kind === 'constant' ? 0 : 1
  if (rest < needed) {
    throw new OptimError(
      'config',
      `schedule: a warm-up of ${config.warmup}${config.kind === 'wsd' ? ` and a decay of ${config.decay}` : ''} steps do not fit into a run of ${steps}; shorten them or train longer`,
    )
  }
  return warmup(config.warmup, afterWarmup(config, rest))
}

function afterWarmup(config: z.output<typeof scheduleConfig>, steps: number): Schedule {
  switch (config.kind) {
    case 'constant':
      return constant()
    case 'linear':
      return linear({ steps, to: config.floor })
    case 'cosine':
      return cosine({ steps, floor: config.floor })
    case 'wsd': {
      const { decay: decaySteps, shape, floor } = config
      return steps === 0 ? constant() : stableDecay({ steps, decaySteps, shape, floor })
    }
  }
}

/** How far `step` is between two others, in [0, 1]. */
function progress(step: number, start: number, end: number): number {
  return start === end ? Number(step >= end) : Math.min(1, Math.max(0, (step - start) / (end - start)))
}

function checked(schedule: Schedule): Schedule {
  return (step) => {
    if (!(Number.isInteger(step) && step >= 0)) {
      throw new OptimError('config', `a schedule was asked for step ${step}; steps are integers from 0`)
    }
    return schedule(step)
  }
}
