/** How far a run is. */
import type { RunProgress } from './types.js'

/** How much is done, 0 to 1; undefined where nobody knows. Each part of a run with parts counts the same. */
export function shareDone({ parts, step, steps, preparing }: RunProgress): number | undefined {
  const inside =
    step !== undefined && steps
      ? step / steps
      : preparing?.total
        ? preparing.done / preparing.total
        : undefined
  if (!parts || parts.length === 0) return inside && Math.min(1, inside)
  const done = parts.filter(({ state }) => state === 'done').length
  const isBetween = !parts.some(({ state }) => state === 'running')
  return Math.min(1, (done + (isBetween ? 0 : Math.min(1, inside ?? 0))) / parts.length)
}
