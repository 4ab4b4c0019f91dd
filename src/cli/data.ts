/** `athanor data …`: build a data set out of sources, and look at one. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { toStorageError } from '../atomic.js'
import type { BuildResult, DataCard, Preview } from '../data/build/index.js'
import { addVerb, type Context, commandName, shellWord } from './context.js'
import { addDataLabel } from './data-label.js'
import { UsageError } from './errors.js'
import { bytes, grouped, printable, table } from './format.js'
import { interruptible } from './interrupt.js'
import { decimal, integer, oneOf, seed, several, text } from './numbers.js'
import { printResult } from './output.js'
import { createReporter } from './reporter.js'

const stageNames =
  'unicode, split, language, c4, gopher, chinese, repetition, pii, toxicity, decontamination, exact, near'

export function addData(program: Command, context: Context): void {
  const verb = addVerb(program, 'data', 'collect and clean text, and make token shards of it')
  const build = addVerb(verb, 'build', 'clean sources and write documents, token shards and a data card', [
    'athanor data build --data books/ notes.jsonl --out data/mine',
    'athanor data build --data pages.warc.gz --preset web --language en zh --out data/web',
    'athanor data build --config data.json --out data/mixed --decontaminate eval/*.jsonl',
    'athanor data build --data books/ --skip toxicity near --set gopher.minWords=20 --out data/books',
  ])
  addSettings(build)
    .requiredOption('--out <dir>', 'folder for the data set; the same command again goes on with it', text)
    .option('--tokenizer <kind>', 'bpe:N, char, a folder with tokenizer.json, or none', text)
    .option('--held-out-fraction <x>', 'part kept to measure on', decimal({ above: 0, max: 0.5 }))
    .option('--compress', 'gzip the documents')
    .option('--seed <n>', 'decides what is held out and mixed', seed)
    .option(
      '--workers <n>',
      'threads (default: all cores); the result is the same',
      integer({ min: 0, max: 256 }),
    )
    .option('--overwrite', 'replace a data set that is there')
    .option('--json', 'print the data card as JSON')
    .action((flags: BuildFlags) => buildVerb(context, flags))
  const inspect = addVerb(verb, 'inspect', 'look at a data set, or at what cleaning would do to sources', [
    'athanor data inspect data/mine',
    'athanor data inspect data/mine --verify',
    'athanor data inspect --data pages.warc.gz --preset web --limit 200',
  ])
  addSettings(inspect.argument('[dir]', 'a folder that data build has made'))
    .option('--limit <n>', 'documents of each source to look at', integer({ min: 1 }), 100)
    .option('--verify', 'read all files and compare their checksums')
    .option('--json', 'print the result as JSON')
    .action((dir: string | undefined, flags: InspectFlags) => inspectVerb(context, dir, flags))
  addDataLabel(verb, context)
}

/** The flags that say what is cleaned and how. */
function addSettings(command: Command): Command {
  return command
    .option('--data <source...>', 'files, folders, archives, https://…, hf:owner/name', several)
    .option('--config <file>', 'settings as JSON; flags win over it', text)
    .option(
      '--preset <name>',
      'web, standard or curated (default: standard)',
      oneOf(['web', 'standard', 'curated']),
    )
    .option('--language <code...>', 'keep only these languages', several)
    .option('--decontaminate <file...>', 'evaluation sets that must not be in it', several)
    .option('--skip <stage...>', `stages to leave out: ${stageNames}`, several)
    .option('--set <key=value...>', 'a setting of a stage, such as c4.minSentences=5', several)
}

interface SettingFlags {
  readonly data?: string[]
  readonly config?: string
  readonly preset?: string
  readonly language?: string[]
  readonly decontaminate?: string[]
  readonly skip?: string[]
  readonly set?: string[]
  readonly json?: boolean
}

interface BuildFlags extends SettingFlags {
  readonly out: string
  readonly tokenizer?: string
  readonly heldOutFraction?: number
  readonly compress?: boolean
  readonly seed?: number
  readonly workers?: number
  readonly overwrite?: boolean
}

interface InspectFlags extends SettingFlags {
  readonly limit: number
  readonly verify?: boolean
}

async function buildVerb(context: Context, flags: BuildFlags): Promise<void> {
  const { io, library } = context
  const { out, workers, overwrite, json } = flags
  const config = await settingsOf('data build', flags)
  for (const key of ['tokenizer', 'heldOutFraction', 'compress', 'seed'] as const) {
    if (flags[key] !== undefined) config[key] = flags[key]
  }
  const reporter = createReporter(io, { json })
  try {
    const result = await interruptible(
      io,
      {
        stopping: 'stopping; what is finished is kept',
        stopped: () => 'stopped; the same command goes on from here',
      },
      (signal) =>
        library.buildData({
          out,
          config,
          signal,
          onEvent: reporter.onEvent,
          ...(workers === undefined ? {} : { workers }),
          ...(overwrite === undefined ? {} : { overwrite }),
        }),
      { isWhole: () => true },
    )
    reporter.close()
    printResult(io, json, { dir: result.dir, ...result.card }, buildLines(result, commandName(io.env)))
  } finally {
    reporter.close()
  }
}

async function inspectVerb(context: Context, dir: string | undefined, flags: InspectFlags): Promise<void> {
  const { io, library } = context
  const { json, verify, limit } = flags
  if (dir !== undefined) {
    const wrong = Object.entries({ data: flags.data, config: flags.config }).find(
      ([, value]) => value !== undefined,
    )
    if (wrong) throw new UsageError('data inspect', `give a folder or --${wrong[0]}, not both`)
    const card = await library.readDataCard(dir)
    if (verify) {
      await interruptible(
        io,
        { stopping: 'stopping', stopped: () => 'stopped before all files were read' },
        (signal) => library.verifyData(dir, signal),
        { isWhole: () => true },
      )
    }
    const lines = `${cardLines(card)}${verify ? 'All checksums agree.\n' : ''}`
    return printResult(io, json, { dir, ...card }, lines)
  }
  if (verify) throw new UsageError('data inspect', '--verify needs the folder of a data set')
  const config = await settingsOf('data inspect', flags)
  const preview = await interruptible(
    io,
    { stopping: 'stopping', stopped: () => 'stopped' },
    (signal) => library.previewData({ config, limit, signal }),
    { isWhole: () => true },
  )
  printResult(io, json, preview, previewLines(preview))
}

/** The settings of a file, with those of the flags over them. */
async function settingsOf(verb: string, flags: SettingFlags): Promise<Record<string, unknown>> {
  const config = flags.config === undefined ? {} : await readConfig(flags.config)
  if (flags.data !== undefined) config.sources = flags.data
  if (config.sources === undefined)
    throw new UsageError(verb, 'what should it read? Give --data SOURCE... or --config FILE with "sources"')
  if (flags.preset !== undefined) config.preset = flags.preset
  const assign = (path: string, value: unknown) => setPath(config, ['cleaning', ...path.split('.')], value)
  if (flags.language !== undefined) assign('language.keep', flags.language)
  if (flags.decontaminate !== undefined) assign('decontamination.paths', flags.decontaminate)
  for (const stage of flags.skip ?? []) {
    if (!stageNames.split(', ').includes(stage))
      throw new UsageError(verb, `--skip: '${stage}' is none of ${stageNames}`)
    assign(`${stage}.enabled`, false)
  }
  for (const setting of flags.set ?? []) {
    const [, path, value] = /^([\w.]+)=(.*)$/s.exec(setting) ?? []
    if (path === undefined)
      throw new UsageError(
        verb,
        `--set takes STAGE.SETTING=VALUE, such as gopher.minWords=20, not '${setting}'`,
      )
    assign(path, parseValue(value!))
  }
  return config
}

async function readConfig(path: string): Promise<Record<string, unknown>> {
  const source = await readFile(path, 'utf8').catch((error) => {
    throw toStorageError(error, 'read', path)
  })
  try {
    const value: unknown = JSON.parse(source)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch (error) {
    throw new UsageError('data build', `${path} is not JSON: ${(error as Error).message}`)
  }
  throw new UsageError('data build', `${path} does not hold a JSON object with settings`)
}

/** Numbers, true, false and JSON lists as what they are; anything else as text. */
function parseValue(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

function setPath(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path
  if (rest.length === 0) {
    target[key!] = value
    return
  }
  const inner = target[key!]
  const next = typeof inner === 'object' && inner !== null ? { ...inner } : {}
  target[key!] = next
  setPath(next as Record<string, unknown>, rest, value)
}

function buildLines({ dir, card, wasDone }: BuildResult, command: string): string {
  const next = card.corpus
    ? `Train on it:\n  ${command} pretrain --data ${shellWord(dir)} --out runs/mine\n`
    : `The documents are in ${join(dir, 'documents')}.\n`
  return `${wasDone ? 'It was all there already.\n' : ''}${cardLines(card)}The data card is ${join(dir, 'data-card.md')}.\n${next}`
}

function cardLines(card: DataCard): string {
  const { sources, kept, train, heldOut, corpus } = card
  const read = sources.reduce((sum, source) => sum + source.read.documents, 0)
  const readBytes = sources.reduce((sum, source) => sum + source.read.bytes, 0)
  const rows: [string, string][] = [
    ['read', amount({ documents: read, bytes: readBytes })],
    ['kept', amount(kept)],
    ['training', amount(train) + (corpus ? `, ${grouped(corpus.trainTokens)} tokens` : '')],
    ['held out', amount(heldOut) + (corpus ? `, ${grouped(corpus.heldOutTokens)} tokens` : '')],
  ]
  const skipped = sources.reduce((sum, source) => sum + source.skipped, 0)
  if (skipped > 0) rows.push(['left out', `${grouped(skipped)} records that gave no document`])
  return `${table(rows)}${reasonLines(card.stages)}`
}

function previewLines({ read, kept, languages, stages, samples, skips, repeated }: Preview): string {
  const rows: [string, string][] = [
    ['read', amount(read)],
    ['kept', amount(kept)],
    ...Object.entries(languages).map(([code, volume]): [string, string] => [`  ${code}`, amount(volume)]),
    ['repeated', `${grouped(repeated)} documents`],
  ]
  const examples = samples.map(
    ({ stage, reason, action, id, detail, excerpt }) =>
      `  ${stage} ${reason} (${action}): ${id}: ${detail}\n    ${printable(excerpt.replace(/\s+/g, ' ').slice(0, 100))}\n`,
  )
  return `${table(rows)}${reasonLines(stages)}${examples.join('')}${skips.map((skip) => `left out: ${skip}\n`).join('')}`
}

function reasonLines(stages: DataCard['stages']): string {
  const rows = stages.flatMap(({ stage, dropped, changes }) => [
    ...Object.entries(dropped).map(
      ([reason, { documents }]) => [`${stage}: ${reason}`, `${grouped(documents)} dropped`] as const,
    ),
    ...Object.entries(changes).map(
      ([reason, { documents }]) => [`${stage}: ${reason}`, `${grouped(documents)} changed`] as const,
    ),
  ])
  return rows.length === 0 ? '' : table(rows)
}

function amount(volume: { readonly documents: number; readonly bytes: number }): string {
  return `${grouped(volume.documents)} documents, ${bytes(volume.bytes)}`
}
