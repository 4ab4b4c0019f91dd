/** From times to the result that `--json` prints. */
import { type CaseName, PARITY_TOLERANCE } from './cases.js'
import type { DataResult } from './data.js'
import type {
  CaseMeasurement,
  GenerationMeasurement,
  Measurement,
  TorchMeasurement,
  TrainingMeasurement,
} from './measure.js'
import type { PpoResult } from './measure-ppo.js'
import type { ServingComparison } from './measure-serving.js'
import type { PyTorch } from './pytorch.js'
import { median, pairwise } from './statistics.js'

export interface TrainingResult {
  readonly tokensPerSecond: number
  /** (6 N D + 12 L C T D) over the whole step: batch, copies, forward, backward, clip, optimizer. */
  readonly flopsPerSecond: number
  readonly ratioToGemmPeak: number
  /** The same against the products measured in the same rounds: median of the ratios of each round. */
  readonly ratioToGemmInRound: number
  /** Highest resident memory of a process that does nothing else. */
  readonly peakMemoryBytes: number
  readonly compileSeconds: number
  readonly firstStepSeconds: number
  readonly stepSeconds: number
  /** N: all but learned positions, a tied head once. */
  readonly parameters: number
}

export interface GenerationResult {
  readonly tokensPerSecond: number
  readonly peakMemoryBytes: number
}

export interface TorchResult {
  readonly tokensPerSecond: number
  readonly flopsPerSecond: number
  readonly peakMemoryBytes: number
  readonly firstStepSeconds: number
  readonly stepSeconds: number
  /** Our speed over PyTorch's, round by round, and their median. */
  readonly speedups: readonly number[]
  readonly speedup: number
  /** Our peak memory over PyTorch's. */
  readonly memoryRatio: number
}

export interface TorchCaseResult {
  readonly adamw: string
  readonly eager: TorchResult
  readonly compiled?: TorchResult | { readonly error: string }
  /** The same weights and batches: losses of the first steps. */
  readonly parity: {
    readonly ours: readonly number[]
    readonly pytorch: readonly number[]
    readonly difference: number
    readonly agrees: boolean
  }
}

export interface BenchResult {
  /** Cleaning of synthetic text, by size and mode. */
  readonly data?: readonly DataResult[]
  /** Clients of the engine, by model. */
  readonly serving?: readonly ServingComparison[]
  /** FLOP/s of fp32 products of 1024 x 1024 matrices: median of all turns' medians. */
  readonly gemmPeak: number
  /** The fastest single call. */
  readonly gemmBest: number
  /** Slowest and fastest turn: far apart where the machine had other things to do. */
  readonly gemmRange: readonly [number, number]
  readonly threads: number
  /** Resident memory with the runtime loaded and nothing done. */
  readonly baselineMemoryBytes: number
  readonly training: Partial<Record<CaseName, TrainingResult>>
  readonly ppo?: PpoResult
  /** By model, then `batch1` and `batch16`. */
  readonly generation: Partial<Record<CaseName, Record<string, GenerationResult>>>
  readonly pytorch?:
    | {
        readonly version: string
        readonly baselineMemoryBytes?: number
        readonly training: Partial<Record<CaseName, TorchCaseResult>>
      }
    | { readonly missing: string }
}

export function report(
  threads: number,
  gemm: Measurement,
  cases: readonly CaseMeasurement[],
  generation: readonly GenerationMeasurement[],
  torch: PyTorch | { readonly missing: string } | undefined,
): BenchResult {
  const work = gemm.peer.ready.flops!
  const turns = gemm.turns.map((turn) => work / median(turn))
  const gemmPeak = median(turns)
  const training = cases.map((measured) => [measured.name, trainingResult(measured, work, gemmPeak)] as const)
  return {
    gemmPeak,
    gemmBest: work / Math.min(...gemm.turns.flat()),
    gemmRange: [Math.min(...turns), Math.max(...turns)],
    threads,
    baselineMemoryBytes: gemm.peer.ready.baselineMemoryBytes,
    training: Object.fromEntries(training),
    generation: generationSection(generation),
    ...(torch ? { pytorch: 'missing' in torch ? torch : torchSection(torch, cases) } : {}),
  }
}

function trainingResult(
  { ours, gemmTurns }: CaseMeasurement,
  gemmWork: number,
  gemmPeak: number,
): TrainingResult {
  const { peer, firstStepSeconds, turns } = ours
  const { flops, tokens, parameters, compileSeconds } = peer.ready
  const stepSeconds = median(turns.flat())
  const flopsPerSecond = flops! / stepSeconds
  const products = gemmTurns.map((turn) => gemmWork / median(turn))
  const steps = turns.map((turn) => flops! / median(turn))
  return {
    tokensPerSecond: tokens! / stepSeconds,
    flopsPerSecond,
    ratioToGemmPeak: flopsPerSecond / gemmPeak,
    ratioToGemmInRound: median(pairwise(steps, products)),
    peakMemoryBytes: peer.peakMemoryBytes,
    compileSeconds: compileSeconds!,
    firstStepSeconds,
    stepSeconds,
    parameters: parameters!,
  }
}

function generationSection(measured: readonly GenerationMeasurement[]): BenchResult['generation'] {
  const section: Partial<Record<CaseName, Record<string, GenerationResult>>> = {}
  for (const { name, batch, measurement } of measured) {
    const { peer, turns } = measurement
    const tokensPerSecond = batch / median(turns.flat())
    section[name] = {
      ...section[name],
      [`batch${batch}`]: { tokensPerSecond, peakMemoryBytes: peer.peakMemoryBytes },
    }
  }
  return section
}

function torchSection({ version }: PyTorch, cases: readonly CaseMeasurement[]) {
  const measured = cases.flatMap(({ name, ours, torch }) => (torch ? [{ name, ours, torch }] : []))
  const baseline = measured[0]?.torch.eager.peer.ready.baselineMemoryBytes
  const results = measured.map(({ name, ours, torch }) => [name, torchCase(ours, torch)] as const)
  return {
    version,
    ...(baseline === undefined ? {} : { baselineMemoryBytes: baseline }),
    training: Object.fromEntries(results),
  }
}

function torchCase(ours: TrainingMeasurement, torch: TorchMeasurement): TorchCaseResult {
  const { eager, compiled, optimizer } = torch
  const difference = Math.max(...ours.losses.map((loss, step) => Math.abs(loss - eager.losses[step]!)))
  return {
    adamw: optimizer,
    eager: torchResult(ours, eager),
    ...(compiled ? { compiled: 'error' in compiled ? compiled : torchResult(ours, compiled) } : {}),
    parity: {
      ours: ours.losses,
      pytorch: eager.losses,
      difference,
      agrees: difference <= PARITY_TOLERANCE,
    },
  }
}

function torchResult(ours: TrainingMeasurement, theirs: TrainingMeasurement): TorchResult {
  const { flops, tokens } = ours.peer.ready
  const stepSeconds = median(theirs.turns.flat())
  const speedups = pairwise(theirs.turns.map(median), ours.turns.map(median))
  return {
    tokensPerSecond: tokens! / stepSeconds,
    flopsPerSecond: flops! / stepSeconds,
    peakMemoryBytes: theirs.peer.peakMemoryBytes,
    firstStepSeconds: theirs.firstStepSeconds,
    stepSeconds,
    speedups,
    speedup: median(speedups),
    memoryRatio: ours.peer.peakMemoryBytes / theirs.peer.peakMemoryBytes,
  }
}
