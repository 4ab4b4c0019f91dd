/** Measures one case; everything takes turns, because the speed of a machine drifts. */
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CaseName, caseOf, PARITY_STEPS } from './cases.js'
import { BenchError, Peer, runWorker } from './peer.js'
import type { Request } from './protocol.js'
import { fastestAdamW, type PyTorch, startPyTorch } from './pytorch.js'

export interface Effort {
  readonly rounds: number
  /** Length of each turn. */
  readonly turn: Request
}

export const efforts = {
  full: { rounds: 5, turn: { seconds: 2, count: 3 } },
  quick: { rounds: 2, turn: { seconds: 0.3, count: 1 } },
} as const satisfies Record<string, Effort>

export interface Settings {
  readonly threads: number
  readonly effort: Effort
  readonly torch: PyTorch | undefined
  readonly torchCompile: boolean
  readonly log: (message: string) => void
}

/** Something that takes turns. */
export interface Measurement {
  readonly peer: Peer
  /** Seconds of each steady repetition, by turn. */
  readonly turns: number[][]
}

export interface TrainingMeasurement extends Measurement {
  readonly firstStepSeconds: number
  /** The losses of the first steps. */
  readonly losses: readonly number[]
}

export interface CaseMeasurement {
  readonly name: CaseName
  readonly ours: TrainingMeasurement
  /** The turns of the matrix products in the same rounds. */
  readonly gemmTurns: readonly number[][]
  readonly torch?: TorchMeasurement
}

export interface TorchMeasurement {
  /** Which implementation of AdamW was the fastest. */
  readonly optimizer: string
  readonly eager: TrainingMeasurement
  /** Through torch.compile; or why that did not work; or nothing if it was not asked for. */
  readonly compiled?: TrainingMeasurement | { readonly error: string }
}

export async function startGemm(threads: number): Promise<Measurement> {
  return { peer: await Peer.ours('matrix products', 'gemm', { threads }), turns: [] }
}

export async function takeTurn({ peer, turns }: Measurement, { seconds, count }: Request): Promise<void> {
  turns.push(await peer.steady({ seconds, count }))
}

/** Our steps and PyTorch's in turn, with the matrix products between. Ends every process that it starts. */
export async function measureCase(
  name: CaseName,
  gemm: Measurement,
  settings: Settings,
): Promise<CaseMeasurement> {
  const { threads, effort, log } = settings
  const started: TrainingMeasurement[] = []
  const begin = async (start: Promise<Peer>): Promise<TrainingMeasurement> => {
    const peer = await start
    try {
      const { seconds, losses } = await peer.run({ seconds: 0, count: PARITY_STEPS })
      const measurement = { peer, firstStepSeconds: seconds[0]!, losses: losses ?? [], turns: [] }
      started.push(measurement)
      return measurement
    } catch (error) {
      await peer.stop()
      throw error
    }
  }
  try {
    log(`${name}: compiling`)
    const ours = await begin(Peer.ours(`training, ${name}`, 'training', { threads, name }))
    const torch = await beginTorch(name, settings, begin)
    for (let round = 1; round <= effort.rounds; round++) {
      log(`${name}: round ${round} of ${effort.rounds}`)
      await takeTurn(gemm, effort.turn)
      for (const measurement of started) await takeTurn(measurement, effort.turn)
    }
    return { name, ours, gemmTurns: gemm.turns.slice(-effort.rounds), ...(torch ? { torch } : {}) }
  } finally {
    await Promise.all(started.map(({ peer }) => peer.stop()))
  }
}

async function beginTorch(
  name: CaseName,
  { threads, torch, torchCompile, log }: Settings,
  begin: (start: Promise<Peer>) => Promise<TrainingMeasurement>,
): Promise<TorchMeasurement | undefined> {
  if (!torch) return undefined
  const chosen = caseOf(name)
  const folder = await mkdtemp(join(tmpdir(), 'athanor-bench-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  try {
    const path = join(folder, 'weights.safetensors')
    await runWorker(`the export of ${name}`, 'export', { threads, name, path })
    log(`${name}: starting PyTorch ${torch.version}`)
    const optimizer = await fastestAdamW(torch, chosen, path)
    const eager = await begin(startPyTorch(torch, chosen, path, optimizer, false))
    if (!torchCompile) return { optimizer, eager }
    log(`${name}: starting PyTorch ${torch.version}, compiled`)
    const compiled = await begin(startPyTorch(torch, chosen, path, optimizer, true)).catch((error) => {
      if (!(error instanceof BenchError)) throw error
      return { error: error.message }
    })
    return { optimizer, eager, compiled }
  } finally {
    process.off('exit', remove)
    remove()
  }
}

export interface GenerationMeasurement {
  readonly name: CaseName
  readonly batch: number
  readonly measurement: Measurement
}

/** Rows generated at once. */
const batches = [1, 16] as const

/** Generation with few and with many rows, in turn. */
export async function measureGeneration(
  name: CaseName,
  { threads, effort, log }: Settings,
): Promise<GenerationMeasurement[]> {
  log(`generation, ${name}`)
  const started: GenerationMeasurement[] = []
  try {
    for (const batch of batches) {
      const peer = await Peer.ours(`generation, ${name}`, 'generation', { threads, name, batch })
      started.push({ name, batch, measurement: { peer, turns: [] } })
    }
    const turn = { seconds: effort.turn.seconds / 2, count: effort.turn.count }
    for (let round = 0; round < effort.rounds; round++) {
      for (const { measurement } of started) await takeTurn(measurement, turn)
    }
    return started
  } finally {
    await Promise.all(started.map(({ measurement }) => measurement.peer.stop()))
  }
}
