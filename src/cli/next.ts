/** `athanor next`: a better version from what people said, promoted where it wins; `--demonstrate` shows it with simulated people. */
import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { AthanorError } from '../errors.js'
import type { Guard, RoundOutcome, RoundReport } from '../recipes/next/index.js'
import { roundPresets } from '../recipes/next/settings.js'
import { addVerb, type Context, commandName, shellWord } from './context.js'
import { addDatabase, type DatabaseFlags, withStore } from './database.js'
import { UsageError } from './errors.js'
import { table } from './format.js'
import { interruptible } from './interrupt.js'
import { integer, oneOf, seed, text, threads } from './numbers.js'
import { printResult } from './output.js'
import { createReporter } from './reporter.js'

interface Flags extends DatabaseFlags {
  readonly model?: string
  readonly name?: string
  readonly out?: string
  readonly replay?: string
  readonly preset?: string
  readonly settings?: string
  readonly seed?: number
  readonly threads?: number
  readonly abandon?: boolean
  readonly dryRun?: boolean
  readonly demonstrate?: boolean
  readonly rounds?: number
  readonly people?: number
  readonly turns?: number
}

export function addNext(program: Command, context: Context): void {
  const verb = addVerb(
    program,
    'next',
    'train the next version from what people said, and promote it where it is better',
    [
      'athanor next --model assistant --out runs/next-1 --replay runs/start',
      'athanor next --model assistant --dry-run',
      'athanor next --demonstrate --replay runs/start --out runs/demonstration',
    ],
  )
  addDatabase(verb)
    .option(
      '--model <name>',
      'name of the model in the database, or a model folder, which becomes a version',
      text,
    )
    .option('--name <name>', 'the name of a model given as a folder (default: the folder’s)', text)
    .option('--out <dir>', 'folder of the round; the same command goes on with one that was stopped', text)
    .option(
      '--replay <dir>',
      'folder of a speedrun: what is learnt again, and what the guards are measured on',
      text,
    )
    .option('--preset <name>', 'how large (default: tiny)', oneOf(Object.keys(roundPresets)))
    .option('--settings <file>', 'JSON with settings of cleaning, minimum and guards; see docs/loop.md', text)
    .option('--seed <n>', 'decides everything random (default: 1)', seed)
    .option('--threads <n>', 'CPU threads (default: all cores)', threads)
    .option('--abandon', 'give up a round of this model that was never finished')
    .option('--dry-run', 'say what there is to learn from, and change nothing')
    .addOption(
      new Option(
        '--demonstrate',
        'simulated people with a hidden taste use the assistant of --replay, over HTTP, for some rounds',
      ).helpGroup('Demonstration:'),
    )
    .addOption(
      new Option('--rounds <n>', 'rounds of it (default: 3)')
        .argParser(integer({ min: 1, max: 20 }))
        .helpGroup('Demonstration:'),
    )
    .addOption(
      new Option('--people <n>', 'how many people (default: 40)')
        .argParser(integer({ min: 3 }))
        .helpGroup('Demonstration:'),
    )
    .addOption(
      new Option('--turns <n>', 'questions of each in a round (default: 20)')
        .argParser(integer({ min: 1 }))
        .helpGroup('Demonstration:'),
    )
    .action((flags: Flags) =>
      flags.demonstrate ? demonstrateVerb(context, flags) : nextVerb(context, flags),
    )
}

async function nextVerb(context: Context, flags: Flags): Promise<void> {
  const { io, library } = context
  const { model, out, json, dryRun } = flags
  if (model === undefined)
    throw new UsageError(
      'next',
      'which model should learn? Give --model with its name in the database, or a folder',
    )
  if (out === undefined && !dryRun)
    throw new UsageError('next', 'where should the round be kept? Give --out DIR (or --dry-run to look only)')
  const settings = {
    ...(await readSettings(flags.settings)),
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
  }
  const next = await library.next()
  const reporter = createReporter(io, { json })
  const command = commandName(io.env)
  try {
    await withStore(context, flags, async (store) => {
      if (dryRun) {
        const preview = await next.previewRound({ store, model, settings })
        const { counts, missing } = preview
        return printResult(io, json, preview, `${countsText(counts)}${missingText(missing)}`)
      }
      const { seed: _, database: __, settings: ___, dryRun: ____, json: _____, ...given } = flags
      const result = await interruptible<RoundOutcome>(
        io,
        {
          stopping: 'stopping after this step and saving',
          stopped: () => `stopped; everything done so far is kept in ${out}. The same command goes on`,
        },
        (signal) =>
          next.nextRound({ ...given, model, out: out!, settings, store, signal, onEvent: reporter.onEvent }),
        { isWhole: ({ outcome }) => outcome !== 'stopped' },
      )
      reporter.close()
      printResult(io, json, result, outcomeText(result, command))
    })
  } finally {
    reporter.close()
  }
}

async function demonstrateVerb({ io, library }: Context, flags: Flags): Promise<void> {
  const { replay, out, json } = flags
  if (replay === undefined)
    throw new UsageError('next', 'who should learn? Give --replay with the folder of a finished speedrun')
  if (out === undefined)
    throw new UsageError('next', 'where should the demonstration be kept? Give --out DIR')
  const { demonstrate } = await library.demonstration()
  const reporter = createReporter(io, { json })
  try {
    const result = await interruptible(
      io,
      { stopping: 'stopping', stopped: () => `stopped; the same command goes on with what is in ${out}` },
      (signal) =>
        demonstrate({
          start: replay,
          out,
          signal,
          onEvent: reporter.onEvent,
          ...(flags.rounds === undefined ? {} : { rounds: flags.rounds }),
          ...(flags.people === undefined ? {} : { people: flags.people }),
          ...(flags.turns === undefined ? {} : { turns: flags.turns }),
          ...(flags.seed === undefined ? {} : { seed: flags.seed }),
          ...(flags.threads === undefined ? {} : { threads: flags.threads }),
          ...(flags.preset === undefined ? {} : { preset: flags.preset }),
        }),
      { isWhole: () => true },
    )
    reporter.close()
    printResult(io, json, result, result.markdown)
  } finally {
    reporter.close()
  }
}

async function readSettings(file: string | undefined): Promise<Record<string, unknown>> {
  if (file === undefined) return {}
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
  } catch (error) {
    throw new AthanorError(
      'cli/settings',
      `the settings in ${file} cannot be read: ${(error as Error).message}`,
    )
  }
}

type Counts = Extract<RoundOutcome, { outcome: 'too-little' }>['counts']
type Missing = Extract<RoundOutcome, { outcome: 'too-little' }>['missing']

function countsText({
  feedback,
  people,
  kinds,
  comparisons,
  dropped,
  reasons,
  heldOutPrompts,
}: Counts): string {
  const named = Object.entries(kinds).filter(([, n]) => n > 0)
  const left = Object.entries(reasons).map(([reason, n]) => `${reason} ${n}`)
  return `${table([
    ['feedback since the last round', `${feedback} by ${people} people`],
    ...named.map(([kind, n]) => [kind, `${n}`] as [string, string]),
    ['left out', `${dropped}${left.length > 0 ? ` (${left.join(', ')})` : ''}`],
    ['comparisons to learn from', `${comparisons}`],
    ['questions to measure on', `${heldOutPrompts}`],
  ])}\n`
}

function missingText(missing: Missing): string {
  if (missing.length === 0) return 'That is enough for a round.\n'
  const list = missing.map(({ what, have, need }) => `${have} ${what} where ${need} are needed`)
  return `That is too little for a round yet: ${list.join(', ')}. Nothing was used up; come back when people have said more.\n`
}

function outcomeText(result: RoundOutcome, command: string): string {
  if (result.outcome === 'stopped') return ''
  if (result.outcome === 'too-little') return `${countsText(result.counts)}${missingText(result.missing)}`
  const { report, dir, candidate } = result
  return `${table(rowsOf(report))}\n${
    report.promoted
      ? `Version ${report.to} is live.`
      : `Version ${report.to} is kept, and ${report.from} stays live:`
  } ${report.reasons.join('; ')}\n\n  ${shellWord(`${dir}/round.md`)}\n  ${command} chat --model ${shellWord(candidate)}\n`
}

function rowsOf({ preference, leaning, guards, counts, kl }: RoundReport): [string, string][] {
  const interval = ({ value, low, high }: RoundReport['preference']) =>
    `${(100 * value).toFixed(1)} % [${(100 * low).toFixed(1)}, ${(100 * high).toFixed(1)}]`
  const show = ({ name, candidate, live, holds }: Guard) =>
    `${name === 'perplexity' ? `${candidate.toFixed(2)} (live ${live.toFixed(2)})` : `${(100 * candidate).toFixed(1)} % (live ${(100 * live).toFixed(1)} %)`}${holds ? '' : '  broken'}`
  return [
    ['feedback', `${counts.feedback} by ${counts.people} people; left out ${counts.dropped}`],
    ['preferred to the live version', interval(preference)],
    ['leans to the better answer', interval(leaning)],
    ['distance', `${kl.toFixed(2)} nats per answer`],
    ...guards.map((guard) => [guard.name, show(guard)] as [string, string]),
  ]
}
