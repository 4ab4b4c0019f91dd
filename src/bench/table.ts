/** The result for people. */
import { PARITY_TOLERANCE } from './cases.js'
import type { LlamaServerPoint } from './llama-server.js'
import type { PpoResult } from './measure-ppo.js'
import type { ServingComparison } from './measure-serving.js'
import { PIECES } from './pieces.js'
import type { BenchResult, TorchCaseResult, TorchResult } from './report.js'
import { ANSWER_TOKENS, PROMPT_TOKENS, SERVING_SLOTS, type ServingPoint } from './serving.js'

export function printResult(result: BenchResult): string {
  const { gemmPeak, gemmBest, threads, training, generation, pytorch } = result
  const blocks = [
    `fp32 matrix product, 1024^3, ${threads} threads: ${giga(gemmPeak)} GFLOP/s (best ${giga(gemmBest)})`,
  ]
  const [slowest, fastest] = result.gemmRange
  if (fastest > 1.2 * slowest) {
    blocks.push(
      `The machine was busy, or throttled: turns of it gave ${giga(slowest)} to ${giga(fastest)} GFLOP/s. Do not trust these numbers.`,
    )
  }
  const rows = Object.entries(training)
  if (rows.length > 0) {
    const header = [
      'training',
      'params',
      'tokens/s',
      'ms/step',
      'GFLOP/s',
      'of peak',
      'memory',
      'compile',
      'first step',
    ]
    const lines = rows.map(([name, r]) => [
      name,
      millions(r.parameters),
      integer(r.tokensPerSecond),
      milliseconds(r.stepSeconds),
      giga(r.flopsPerSecond),
      `${r.ratioToGemmPeak.toFixed(2)} (${r.ratioToGemmInRound.toFixed(2)})`,
      megabytes(r.peakMemoryBytes),
      `${r.compileSeconds.toFixed(2)} s`,
      `${(r.firstStepSeconds / r.stepSeconds).toFixed(1)} x`,
    ])
    blocks.push(
      align([header, ...lines]),
      [
        'GFLOP/s: 6 N D + 12 L C T D over the whole step; N: parameters without learned positions, a tied head once.',
        'of peak: against the product above (in brackets: against the products of the same rounds).',
        `memory: highest resident size of the process; the runtime alone takes ${megabytes(result.baselineMemoryBytes)}.`,
      ].join('\n'),
    )
  }
  const generated = Object.entries(generation)
  if (generated.length > 0) {
    const header = ['generation, tokens/s', ...Object.keys(generated[0]![1]).map(batchTitle)]
    const lines = generated.map(([name, batches]) => [
      name,
      ...Object.values(batches).map((r) => integer(r.tokensPerSecond)),
    ])
    blocks.push(align([header, ...lines]))
  }
  if (result.serving && result.serving.length > 0) blocks.push(...servingBlocks(result.serving))
  if (result.ppo) blocks.push(...ppoBlocks(result.ppo))
  if (result.data !== undefined && result.data.length > 0) {
    const header = ['data', 'documents', 'kept', 'MB/s', 'seconds', 'CPU seconds', 'memory']
    const lines = result.data.map((r) => [
      `${(r.inputBytes / 1e6).toFixed(0)} MB, ${r.mode}`,
      integer(r.documents),
      integer(r.kept),
      (r.bytesPerSecond / 1e6).toFixed(1),
      r.seconds.toFixed(1),
      r.cpuSeconds.toFixed(1),
      megabytes(r.peakMemoryBytes),
    ])
    blocks.push(align([header, ...lines]))
  }
  if (pytorch && 'missing' in pytorch) blocks.push(`PyTorch: not measured: ${pytorch.missing}`)
  if (pytorch && 'training' in pytorch) {
    const cases = Object.entries(pytorch.training)
    const header = ['PyTorch', 'AdamW', 'tokens/s', 'ms/step', 'memory', 'we are', 'by round', 'our memory']
    const lines = cases.flatMap(([name, r]) => [
      torchRow(name, r.adamw, r.eager),
      ...(r.compiled && 'speedup' in r.compiled ? [torchRow(`${name}, compiled`, r.adamw, r.compiled)] : []),
    ])
    blocks.push(
      `PyTorch ${pytorch.version}, the same threads, weights and batches; alone it takes ${megabytes(pytorch.baselineMemoryBytes ?? 0)}\n${align([header, ...lines])}`,
      cases.map(([name, r]) => parityLine(name, r)).join('\n'),
    )
  }
  return blocks.join('\n\n')
}

function servingBlocks(results: readonly ServingComparison[]): string[] {
  const isCompared = results.some(({ llamaServer }) => llamaServer)
  const beside = ['llama.cpp', 'ours / theirs', 'its first token']
  const header = ['serving', 'clients', 'tokens/s', 'per CPU s', 'first token', '95 %', 'slowest client']
  const lines = results.flatMap(({ model, quantization, points, llamaServer }) =>
    points.map((point, i) => [
      quantization === 'none' ? model : `${model}, ${quantization}`,
      `${point.clients}`,
      integer(point.tokensPerSecond),
      integer(point.tokensPerCpuSecond),
      `${milliseconds(point.firstTokenSeconds.median)} ms`,
      `${milliseconds(point.firstTokenSeconds.p95)} ms`,
      `${point.slowestToFastest.toFixed(2)} x`,
      ...besideCells(point, llamaServer?.[i]),
    ]),
  )
  const summary = results.map(
    (r) =>
      `${r.model}: ${millions(r.parameters)} parameters, 16 clients get ${r.gain.toFixed(1)} x the tokens of one (${r.cpuGain.toFixed(1)} x per CPU second); a slot takes ${(r.slotBytes / 2 ** 20).toFixed(1)} MB, the process ${megabytes(r.peakMemoryBytes)}; loaded in ${r.loadSeconds.toFixed(2)} s`,
  )
  return [
    align([isCompared ? [...header, ...beside] : header, ...lines]),
    `${PROMPT_TOKENS} new tokens of prompt and ${ANSWER_TOKENS} of answer, ${SERVING_SLOTS} slots.\n${summary.join('\n')}`,
  ]
}

function besideCells(ours: ServingPoint, theirs: LlamaServerPoint | undefined): string[] {
  if (!theirs) return []
  const ratio = ours.tokensPerSecond / theirs.tokensPerSecond
  const wait = milliseconds(theirs.firstTokenSeconds.median)
  return [integer(theirs.tokensPerSecond), `${ratio.toFixed(2)} x`, `${wait} ms`]
}

function ppoBlocks({ rollouts, ...step }: PpoResult): string[] {
  const { batched, single, plain } = rollouts.tokensPerSecond
  const seconds = (value: number) => value.toFixed(2)
  return [
    align([
      [`PPO step, ${step.episodes} episodes`, 'seconds', ...PIECES, 'first step', 'memory'],
      [
        '',
        seconds(step.stepSeconds),
        ...PIECES.map((piece) => seconds(step.parts[piece])),
        seconds(step.firstStepSeconds),
        megabytes(step.peakMemoryBytes),
      ],
    ]),
    align([
      ['answers, tokens/s', 'batch, cache', 'cache only', 'neither', 'batch and cache are'],
      [
        '',
        integer(batched),
        integer(single),
        integer(plain),
        `${rollouts.overSingle.toFixed(1)} x, ${rollouts.overPlain.toFixed(1)} x`,
      ],
    ]),
  ]
}

function torchRow(name: string, adamw: string, r: TorchResult): string[] {
  return [
    name,
    adamw,
    integer(r.tokensPerSecond),
    milliseconds(r.stepSeconds),
    megabytes(r.peakMemoryBytes),
    `${r.speedup.toFixed(2)} x`,
    r.speedups.map((ratio) => ratio.toFixed(2)).join(' '),
    `${r.memoryRatio.toFixed(2)} x`,
  ]
}

function parityLine(name: string, { parity, compiled }: TorchCaseResult): string {
  const losses = (values: readonly number[]) => values.map((loss) => loss.toFixed(5)).join(' ')
  const verdict = parity.agrees ? 'agree' : 'DIFFER'
  const line = `${name}: first losses ${losses(parity.ours)}, PyTorch's ${losses(parity.pytorch)}: they ${verdict} (largest difference ${parity.difference.toExponential(1)}, allowed ${PARITY_TOLERANCE})`
  return compiled && 'error' in compiled ? `${line}\n${name}: torch.compile: ${compiled.error}` : line
}

/** Columns side by side; the first to the left, numbers to the right. */
export function align(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const batchTitle = (key: string) => key.replace('batch', 'batch ')
const integer = (value: number) => Math.round(value).toLocaleString('en-US')
const giga = (value: number) => (value / 1e9).toFixed(0)
const millions = (value: number) => `${(value / 1e6).toFixed(value < 1e7 ? 2 : 1)} M`
const milliseconds = (seconds: number) => (1000 * seconds).toFixed(seconds < 0.1 ? 2 : 0)
const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MB`
