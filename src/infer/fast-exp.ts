/** Powers of e are computed once, so far apart. */
const STEPS = 64
/** Below this a weight is lost beside that of the likeliest token, which is 1. */
const LOWEST = -40
const TABLE = Float64Array.from({ length: -LOWEST * STEPS + 1 }, (_, i) => Math.exp(-i / STEPS))

/**
 * e^x for x <= 0, within 1e-12 of its size, and 0 below -40: a power from the table times the series of what is left. A draw needs
 * one for every token of the vocabulary, and this takes half the time of `Math.exp` or less.
 */
export function fastExp(x: number): number {
  if (!(x >= LOWEST)) return 0
  const at = (0.5 - x * STEPS) | 0
  const r = x + at / STEPS
  return TABLE[at]! * (1 + r * (1 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24)))))
}
