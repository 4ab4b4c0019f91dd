/** A process of its own for everything that is measured, so that each has its own peak of memory: `worker.js ROLE JSON`. */
import { nodeDevice } from '../tensor/device/node.js'
import { type CaseName, caseOf } from './cases.js'
import { gemmWork } from './gemm.js'
import { generationWork } from './generation.js'
import { answerRequests, peakMemory } from './protocol.js'
import { exportTraining, trainingWork } from './training.js'

interface Options {
  readonly threads: number
  readonly name: CaseName
  /** Rows to generate. */
  readonly batch: number
  /** Where to export to. */
  readonly path: string
}

const baselineMemoryBytes = peakMemory()
const [role, json] = process.argv.slice(2)
const { threads, name, batch, path } = JSON.parse(json ?? '{}') as Options
const device = nodeDevice('cpu', { threads })

function workOf(role: string | undefined) {
  if (role === 'gemm') return gemmWork(device)
  if (role === 'generation') return generationWork(caseOf(name), batch, device)
  return trainingWork(caseOf(name), device)
}

if (role === 'export') {
  await exportTraining(caseOf(name), path)
} else {
  const { ready, work } = await workOf(role)
  await answerRequests({ baselineMemoryBytes, ...ready }, work)
}
