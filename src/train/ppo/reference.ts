/** What PPO and GRPO share of a stage: the frozen policy that the run started from, and the watch over its numbers. */
import { createHash } from 'node:crypto'
import { loadModel } from '../../infer/index.js'
import { withChatTokens } from '../chat-tokens.js'
import { diverged } from '../diverged.js'
import { TrainError } from '../errors.js'
import type { StageOptions, StageRun } from '../stage.js'
import type { Weights } from '../training-step.js'

/** What the policy is held near to: the model that the run began with. A new run shares its arrays. */
export async function referenceWeights(stage: StageRun<unknown>, options: StageOptions): Promise<Weights> {
  if (stage.extra === undefined) return stage.model.params
  const { params } = withChatTokens(await loadModel(stage.start, machineOf(options)))
  return params
}

/** @throws TrainError where a run that goes on finds other weights than those it began with */
export function sameReference({ start }: StageRun<unknown>, saved: string, reference: Weights): void {
  if (saved === fingerprint(reference)) return
  throw new TrainError(
    'resume',
    `${start} no longer holds the weights that this run started from and is held near to; put them back, or start again`,
  )
}

/** SHA-256 over names and elements. */
export function fingerprint(params: Weights): string {
  const hash = createHash('sha256')
  for (const [name, { data }] of Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return hash.digest('hex')
}

/** @throws TrainError where a step's numbers are not finite; the line of metrics says which */
export async function requireFinite(
  { run }: StageRun<unknown>,
  step: number,
  metrics: Readonly<Record<string, number>>,
  lr: number,
): Promise<void> {
  if (Object.values(metrics).every(Number.isFinite)) return
  throw await diverged(run, {
    step,
    loss: metrics['loss/policy'] ?? metrics['loss/value'] ?? Number.NaN,
    gradNorm: metrics['policy/grad_norm'] ?? metrics['val/grad_norm'] ?? Number.NaN,
    last: undefined,
    lr,
  })
}

export function machineOf({ device, threads }: StageOptions): { device?: string; threads?: number } {
  return { ...(device === undefined ? {} : { device }), ...(threads === undefined ? {} : { threads }) }
}
