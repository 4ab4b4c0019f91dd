/** A process of its own for everything that is measured, so that each has its own peak of memory: `worker.js ROLE JSON`. */
import { nodeDevice } from '../tensor/device/node.js'
import { alignmentWork, exportAlignment } from './alignment.js'
import { type CaseName, caseOf } from './cases.js'
import { gemmWork } from './gemm.js'
import { generationWork } from './generation.js'
import type { RolloutWay } from './pieces.js'
import { ppoStepWork, rolloutWork } from './ppo.js'
import { answerRequests, peakMemory } from './protocol.js'
import { exportTraining, trainingWork } from './training.js'

interface Options {
  readonly threads: number
  readonly name: CaseName
  /** Rows to generate. */
  readonly batch: number
  /** How answers are written. */
  readonly way: RolloutWay
  /** Where to export to. */
  readonly path: string
}

const baselineMemoryBytes = peakMemory()
const [role, json] = process.argv.slice(2)
const { threads, name, batch, way, path } = JSON.parse(json ?? '{}') as Options
const device = nodeDevice('cpu', { threads })

function workOf(role: string | undefined) {
  if (role === 'gemm') return gemmWork(device)
  if (role === 'generation') return generationWork(caseOf(name), batch, device)
  if (role === 'ppo') return ppoStepWork(caseOf(name), device)
  if (role === 'rollout') return rolloutWork(caseOf(name), way, device)
  const chosen = caseOf(name)
  return chosen.task === 'pretrain' ? trainingWork(chosen, device) : alignmentWork(chosen, device)
}

if (role === 'export') {
  const chosen = caseOf(name)
  if (chosen.task === 'pretrain') await exportTraining(chosen, path)
  else await exportAlignment(chosen, path, device)
} else {
  const { ready, work } = await workOf(role)
  await answerRequests({ baselineMemoryBytes, ...ready }, work)
}
