/** A process of its own for everything that is measured, so that each has its own peak of memory: `worker.js ROLE JSON`. */
import { nodeDevice } from '../tensor/device/node.js'
import { type CaseName, caseOf } from './cases.js'
import { gemmWork } from './gemm.js'
import { answerRequests, peakMemory } from './protocol.js'
import { exportTraining, trainingWork } from './training.js'

interface Options {
  readonly threads: number
  readonly name: CaseName
  /** Where to export to. */
  readonly path: string
}

const baselineMemoryBytes = peakMemory()
const [role, json] = process.argv.slice(2)
const { threads, name, path } = JSON.parse(json ?? '{}') as Options
const device = nodeDevice('cpu', { threads })

if (role === 'export') {
  await exportTraining(caseOf(name), path)
} else {
  const { ready, work } = role === 'gemm' ? await gemmWork(device) : await trainingWork(caseOf(name), device)
  await answerRequests({ baselineMemoryBytes, ...ready }, work)
}
