/** From values to places on an axis, and the values worth a mark. */

export type ScaleKind = 'linear' | 'log' | 'sqrt'

export interface Scale {
  readonly low: number
  readonly high: number
  readonly ticks: readonly number[]
  /** Where a value lies: 0 at `low`, 1 at `high`, cut off outside. */
  at(value: number): number
}

/**
 * A scale over these values (and 0 where `zero`), widened to round numbers.
 * @param count marks to aim at
 */
export function createScale(
  values: readonly number[],
  {
    kind = 'linear',
    count = 5,
    zero = false,
    domain,
  }: {
    kind?: ScaleKind
    count?: number
    zero?: boolean
    domain?: readonly [number, number] | undefined
  } = {},
): Scale {
  let [min, max] = domain ?? extent(zero ? [0, ...values] : values)
  if (kind === 'log') return logScale(min, max)
  if (min === max) {
    const room = min === 0 ? 1 : Math.abs(min) / 10
    ;[min, max] = [min - room, max + room]
  }
  const step = roundStep((max - min) / count)
  const low = domain ? min : kind === 'sqrt' ? 0 : Math.floor(min / step + 1e-9) * step
  const high = domain || kind === 'sqrt' ? max : Math.ceil(max / step - 1e-9) * step
  const ticks: number[] = []
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    ticks.push(Number((i * step).toPrecision(12)))
  const bend = kind === 'sqrt' ? (value: number) => Math.sqrt(Math.max(0, value)) : (value: number) => value
  const at = (value: number) => clamp((bend(value) - bend(low)) / (bend(high) - bend(low)))
  return { low, high, ticks, at }
}

function logScale(min: number, max: number): Scale {
  const least = Math.floor(Math.log10(min) + 1e-9)
  const most = Math.max(least + 1, Math.ceil(Math.log10(max) - 1e-9))
  const every = Math.ceil((most - least) / 6)
  const ticks: number[] = []
  for (let power = least; power <= most; power += every) {
    // One or two decades alone would leave the axis almost bare.
    for (const digit of most - least <= 2 && power < most ? [1, 2, 5] : [1])
      ticks.push(Number(`${digit}e${power}`))
  }
  const at = (value: number) => clamp((Math.log10(value) - least) / (most - least))
  return { low: 10 ** least, high: 10 ** most, ticks, at }
}

/** The least and greatest; [0, 1] of nothing. */
export function extent(values: readonly number[]): [number, number] {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (value < min) min = value
    if (value > max) max = value
  }
  return min <= max ? [min, max] : [0, 1]
}

/** The next 1, 2 or 5 times a power of ten. */
function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step))
  return power * ([1, 2, 5].find((digit) => digit * power >= step * (1 - 1e-9)) ?? 10)
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share))
}
