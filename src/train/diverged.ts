import type { RunDirectory } from '../hub/index.js'
import { TrainError } from './errors.js'

/** The error for a run whose numbers ceased to be finite. The state in memory is spoiled; the checkpoints on disk are not. */
export async function diverged(
  run: RunDirectory,
  {
    step,
    loss,
    gradNorm,
    last,
    lr,
  }: { step: number; loss: number; gradNorm: number; last: number | undefined; lr: number },
): Promise<TrainError> {
  await run.appendMetrics({ step, loss: String(loss), gradNorm: String(gradNorm), lr })
  const where = Number.isFinite(loss)
    ? `the gradient became ${gradNorm} while the loss was still ${loss.toFixed(4)}`
    : `the loss became ${loss}`
  const before = last === undefined ? '' : ` (the step before it was ${last.toFixed(4)})`
  const good = run.latest ? ` The checkpoint of step ${run.latest.step} in ${run.latest.dir} is intact.` : ''
  return new TrainError(
    'diverged',
    `the run diverged: at step ${step}, with a learning rate of ${lr.toPrecision(3)}, ${where}${before}.${good} Start again with a lower learning rate, a longer warm-up or stronger clipping.`,
  )
}
