/** `athanor pretrain`: train a model on text from the beginning, or go on with a run. */
import type { Command } from 'commander'
import { addVerb, type Context } from './context.js'
import { UsageError } from './errors.js'
import { table } from './format.js'
import { integer, several, text, threads } from './numbers.js'
import { printResult } from './output.js'
import { addDerivedFlags, addMainFlags, recipeOverrides } from './recipe-flags.js'
import { runTraining } from './training-run.js'

interface Flags {
  readonly data?: string[]
  readonly model?: string
  readonly preset?: string
  readonly depth?: number
  readonly out?: string
  readonly resume?: string
  readonly steps?: number
  readonly threads?: number
  readonly device?: string
  readonly json?: boolean
  readonly listPresets?: boolean
}

/** What may change when a run goes on; everything else is part of what the run is. */
const resumeFlags = ['--resume', '--steps', '--threads', '--device', '--json']

export function addPretrain(program: Command, context: Context): void {
  const verb = addVerb(program, 'pretrain', 'train a model on text from the beginning, or go on with a run', [
    'athanor pretrain --data corpus.txt --out runs/mine --preset nanogpt-char-cpu',
    'athanor pretrain --data books/ --out runs/books --depth 6 --tokenizer bpe:8192 --learning-rate 2e-3',
    'athanor pretrain --resume runs/books',
    'athanor pretrain --model runs/books --data more/ --out runs/more --steps 500',
    'athanor pretrain --list-presets',
  ])
    .option('--data <file...>', 'text files, JSON Lines or folders', several)
    .option('--out <dir>', 'folder for the run; it must not hold one yet', text)
    .option('--resume <dir>', 'go on with the run in this folder from its newest checkpoint', text)
    .option('--model <dir>', 'go on from this model in a new run (mid-training on other data)', text)
    .option('--preset <name>', 'a named recipe (default: start)', text)
    .option(
      '--depth <n>',
      'the one dial: layers, from which everything else follows',
      integer({ min: 1, max: 128 }),
    )
  addMainFlags(verb)
  verb
    .option('--threads <n>', 'CPU threads (default: all cores)', threads)
    .option('--device <name>', 'cpu, webgpu or cuda (default: cpu)', text)
    .option('--json', 'print the result as JSON')
    .option('--list-presets', 'show the presets and end')
  addDerivedFlags(verb)
  verb.action((options: Flags) => pretrainVerb(context, options, givenFlags(verb)))
}

async function pretrainVerb(context: Context, options: Flags, given: readonly string[]): Promise<void> {
  const { io, library } = context
  const { data, model, preset, depth, out, resume, steps, json } = options
  if (options.listPresets) {
    const presets = await library.presets()
    const lines = table(presets.map(({ name, summary }) => [name, summary] as const))
    return printResult(io, json, presets, lines)
  }
  const machine = { ...pick(options, 'threads'), ...pick(options, 'device') }
  if (resume !== undefined) {
    const fixed = given.filter((flag) => !resumeFlags.includes(flag))
    if (fixed.length > 0) {
      throw new UsageError(
        'pretrain',
        `${fixed.join(' and ')} cannot change when a run goes on with --resume; only ${resumeFlags.slice(1, 4).join(', ')} can`,
      )
    }
    const { result, lines } = await runTraining(context, { json }, (live) =>
      library.resumePretrain(resume, { ...machine, ...live, ...(steps === undefined ? {} : { steps }) }),
    )
    return printResult(io, json, result, lines)
  }
  if (out === undefined)
    throw new UsageError('pretrain', 'where should the run be kept? Give --out DIR (or --resume DIR)')
  if (data === undefined) throw new UsageError('pretrain', 'what should it learn from? Give --data FILE...')
  if (preset !== undefined && depth !== undefined)
    throw new UsageError('pretrain', '--preset and --depth each decide everything: give one of them')
  const { result, lines } = await runTraining(context, { json }, (live) =>
    library.pretrain({
      out,
      data,
      ...(model === undefined ? {} : { model }),
      ...(preset === undefined ? {} : { preset }),
      ...(depth === undefined ? {} : { depth }),
      overrides: recipeOverrides({ ...options }),
      ...machine,
      ...live,
    }),
  )
  printResult(io, json, result, lines)
}

/** The flags that stand on the command line, as they are spelled there. */
function givenFlags(verb: Command): string[] {
  const given = verb.options.filter((option) => verb.getOptionValueSource(option.attributeName()) === 'cli')
  return [...new Set(given.filter(({ negate }) => !negate).map(({ long }) => long!))]
}

function pick<T extends object, K extends keyof T>(from: T, key: K): Partial<Pick<T, K>> {
  return (from[key] === undefined ? {} : { [key]: from[key] }) as Partial<Pick<T, K>>
}
