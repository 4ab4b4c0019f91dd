/**
 * `npm run bench`: how fast this machine trains, against what its matrix products could give and, where it is installed,
 * against PyTorch. Results go to standard output, progress to standard error.
 *
 * This process only starts others, one for each thing it measures, and stays small: on Linux a new process begins with
 * its parent's peak of memory.
 */
import { availableParallelism } from 'node:os'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { AthanorError } from '../errors.js'
import { caseNames, generationNames } from './cases.js'
import { dataSizes, measureData } from './data.js'
import {
  type CaseMeasurement,
  efforts,
  type GenerationMeasurement,
  measureCase,
  measureGeneration,
  startGemm,
  takeTurn,
} from './measure.js'
import { measurePpo } from './measure-ppo.js'
import { measureServing } from './measure-serving.js'
import { findPyTorch } from './pytorch.js'
import { type BenchResult, report } from './report.js'
import { servingNames } from './serving.js'
import { printResult } from './table.js'

const sections = [...caseNames, 'generation', 'serving', 'ppo', 'data'] as const
type Section = (typeof sections)[number]

interface Options {
  readonly json?: boolean
  readonly quick?: boolean
  readonly large?: boolean
  readonly threads: number
  readonly only: readonly Section[]
  readonly pytorch: boolean
  readonly compile: boolean
}

const program = new Command('npm run bench --')
  .description(
    'Measures training in all stages (tokens/s, FLOP/s, memory, and PyTorch beside it where it is installed), generation, serving, steps of PPO and data cleaning.',
  )
  .option('--json', 'print the result as JSON')
  .option('--quick', 'few and short turns, no torch.compile: to see that everything works')
  .option('--large', 'clean a gigabyte of text as well: minutes, and as much of the disk')
  .option('--threads <n>', 'threads for each process', parseThreads, availableParallelism())
  .addOption(
    new Option('--only <names>', `with commas between: ${sections.join(', ')}`)
      .argParser(parseSections)
      .default(sections, 'all'),
  )
  .option('--no-pytorch', 'leave PyTorch out')
  .option('--no-compile', 'leave torch.compile out')

async function bench({ quick, threads, only, ...options }: Options): Promise<BenchResult> {
  const start = performance.now()
  const log = (message: string) =>
    process.stderr.write(`${((performance.now() - start) / 1000).toFixed(0).padStart(5)} s  ${message}\n`)
  const effort = quick ? efforts.quick : efforts.full
  const found = options.pytorch ? await findPyTorch(threads) : undefined
  const torch = found && 'version' in found ? found : undefined
  const settings = { threads, effort, torch, torchCompile: options.compile && !quick, log }

  log(`matrix products, ${threads} threads`)
  const gemm = await startGemm(threads)
  try {
    for (let i = 0; i < effort.rounds; i++) await takeTurn(gemm, effort.turn)
    const cases: CaseMeasurement[] = []
    for (const name of caseNames) {
      if (only.includes(name)) cases.push(await measureCase(name, gemm, settings))
    }
    const generation: GenerationMeasurement[] = []
    for (const name of only.includes('generation') ? generationNames : []) {
      generation.push(...(await measureGeneration(name, settings)))
    }
    const serving = only.includes('serving')
      ? await measureServing(quick ? ['small'] : servingNames, { threads, seconds: quick ? 2 : 10 }, log)
      : []
    const ppo = only.includes('ppo') ? { ppo: await measurePpo(settings) } : {}
    const size = quick ? 'quick' : options.large ? 'large' : 'full'
    const data = only.includes('data') ? await measureData(dataSizes[size], threads, log) : []
    return { ...report(threads, gemm, cases, generation, found), ...ppo, serving, data }
  } finally {
    await gemm.peer.stop()
  }
}

function parseThreads(text: string): number {
  const threads = Number(text)
  if (!/^\d+$/.test(text) || threads < 1 || threads > 1024) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 1024.')
  }
  return threads
}

function parseSections(text: string): readonly Section[] {
  return text.split(',').map((name) => {
    const known = sections.find((candidate) => candidate === name.trim())
    if (!known) throw new InvalidArgumentError(`'${name}' is none of ${sections.join(', ')}.`)
    return known
  })
}

// The others end, and what was written is removed, when this process exits.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
try {
  program.exitOverride().parse()
  const options = program.opts<Options>()
  const result = await bench(options)
  process.stdout.write(`${options.json ? JSON.stringify(result, null, 2) : printResult(result)}\n`)
} catch (error) {
  if (error instanceof AthanorError) console.error(`bench: ${error.message}`)
  else if (!(error instanceof CommanderError)) console.error(error)
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : 1
}
