import { EvaluationError } from '../errors.js'

/**
 * The probability that at least one of k samples passes, estimated without bias from n samples of which c passed:
 * 1 - C(n-c, k) / C(n, k) (Chen et al. 2021).
 *
 * @throws EvaluationError `eval/options` unless 0 <= c <= n and 1 <= k <= n
 */
export function passAtK(n: number, c: number, k: number): number {
  if (!(c >= 0 && c <= n && k >= 1 && k <= n)) {
    throw new EvaluationError(
      'eval/options',
      `pass@${k} cannot be estimated from ${n} samples of which ${c} passed`,
    )
  }
  let none = 1
  for (let i = n - c + 1; i <= n; i++) none *= Math.max(0, 1 - k / i)
  return 1 - none
}
