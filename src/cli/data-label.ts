/** `athanor data label …`: files that people fill in to judge answers, and what they said. */
import { access } from 'node:fs/promises'
import type { Command } from 'commander'
import { writeFileAtomic } from '../atomic.js'
import { DataError } from '../data/document.js'
import type { LabelAgreement, LabelSet, NominalAgreement } from '../data/labels/index.js'
// The kinds are known before anything is loaded, for the help.
import { LABEL_KINDS, type LabelKind } from '../data/labels/kinds.js'
import { addVerb, type Context } from './context.js'
import { CommandError, UsageError } from './errors.js'
import { grouped, table } from './format.js'
import { integer, oneOf, several, text } from './numbers.js'
import { printResult } from './output.js'

export function addDataLabel(data: Command, context: Context): void {
  const label = addVerb(data, 'label', 'let people judge answers, and use what they said')
  const add = (name: string, summary: string, examples: readonly string[]) =>
    addVerb(label, name, summary, examples).showHelpAfterError(
      `Run 'athanor data label ${name} --help' for the flags.`,
    )

  add('write', 'write files for labelers to fill in', [
    'athanor data label write --kind ranking --data answers.jsonl --labelers ann bob --out labels',
    'athanor data label write --kind rubric --data answers.jsonl --labelers a b c --overlap 2 --out labels',
  ])
    .requiredOption('--kind <kind>', `what is asked for: ${LABEL_KINDS.join(', ')}`, oneOf(LABEL_KINDS))
    .requiredOption('--data <file...>', 'JSON Lines with prompt and answers, or dialogues', several)
    .requiredOption('--out <dir>', 'folder for the files', text)
    .option('--labelers <name...>', 'who labels (default: labeler)', several)
    .option('--overlap <n>', 'labelers that see each item (default: all)', integer({ min: 1 }))
    .option('--seed <n>', 'decides shares, and the order of answers (default: 0)', integer({ min: 0 }))
    .option('--format <format>', 'csv for spreadsheets, jsonl for programs', oneOf(['csv', 'jsonl']), 'csv')
    .option('--json', 'print the result as JSON')
    .action((flags: WriteFlags) => writeVerb(context, flags))

  add('read', 'turn filled-in files into training data', [
    'athanor data label read --labels labels --as rankings --out rankings.jsonl',
    'athanor data label read --labels labels --as dialogues --merge --out corrected.jsonl',
    'athanor data label read --labels labels --as pairs --labeler ann --out ann.jsonl',
  ])
    .requiredOption('--labels <dir>', 'the folder that `write` made', text)
    .option('--files <file...>', 'filled-in files (default: those in the folder)', several)
    .requiredOption('--as <form>', `what to make of them: ${FORMS.join(', ')}`, oneOf(FORMS))
    .requiredOption('--out <file>', 'JSON Lines file to write', text)
    .option('--labeler <name>', 'only what this labeler said', text)
    .option('--merge', 'one label for each item: mean ranks, majorities')
    .option('--skip-broken', 'leave out what cannot be read instead of stopping')
    .option('--overwrite', 'replace a file that is there')
    .option('--json', 'print the result as JSON')
    .action((flags: ReadFlags) => readVerb(context, flags))

  add('agreement', 'tell how far labelers agree', [
    'athanor data label agreement --labels labels',
    'athanor data label agreement --labels labels --json',
  ])
    .requiredOption('--labels <dir>', 'the folder that `write` made', text)
    .option('--files <file...>', 'filled-in files (default: those in the folder)', several)
    .option('--skip-broken', 'leave out what cannot be read instead of stopping')
    .option('--json', 'print the numbers as JSON')
    .action((flags: AgreementFlags) => agreementVerb(context, flags))
}

const FORMS = ['rankings', 'pairs', 'dialogues'] as const

interface WriteFlags {
  readonly kind: LabelKind
  readonly data: string[]
  readonly out: string
  readonly labelers?: string[]
  readonly overlap?: number
  readonly seed?: number
  readonly format: 'csv' | 'jsonl'
  readonly json?: boolean
}

async function writeVerb(
  { io, library }: Context,
  { data, labelers = ['labeler'], json, ...options }: WriteFlags,
): Promise<void> {
  const { readLabelItems, writeLabelTasks } = await library.labels()
  let skipped = 0
  const onSkip = ({ file, line, reason }: { file: string; line: number; reason: string }) => {
    skipped++
    io.stderr.write(`${file}:${line} was passed over: ${reason}\n`)
  }
  const summary = await writeLabelTasks({ ...options, labelers, items: readLabelItems(data, { onSkip }) })
  const files = summary.files.map(({ path, items }) => [path, `${grouped(items)} items`] as const)
  printResult(
    io,
    json,
    { ...summary, skipped },
    `${grouped(summary.items)} items to label, in ${summary.dir}\n${table(files)}`,
  )
}

interface ReadFlags extends AgreementFlags {
  readonly as: (typeof FORMS)[number]
  readonly out: string
  readonly labeler?: string
  readonly merge?: boolean
  readonly overwrite?: boolean
}

async function readVerb(context: Context, flags: ReadFlags): Promise<void> {
  const { io, library } = context
  if (flags.merge && flags.labeler !== undefined)
    throw new UsageError('data label read', 'give --merge or --labeler, not both')
  if (!flags.overwrite && (await isThere(flags.out))) {
    throw new CommandError('exists', `${flags.out} is there already; choose another name, or --overwrite`)
  }
  const { labelsToDialogues, labelsToPairs, labelsToRankings, mergeLabels } = await library.labels()
  const set = await readSet(context, flags)
  const used = flags.merge ? mergeLabels(set) : set
  const make = { rankings: labelsToRankings, pairs: labelsToPairs, dialogues: labelsToDialogues }[flags.as]
  const records: readonly object[] = make(used)
  if (records.length === 0) {
    throw new DataError(
      'data-empty',
      `no ${flags.as} follow from these labels (${set.kind}); try another --as`,
    )
  }
  await writeFileAtomic(flags.out, records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  const result = {
    out: flags.out,
    [flags.as]: records.length,
    labels: set.labels.length,
    open: set.open,
    broken: set.problems.length,
  }
  printResult(
    io,
    flags.json,
    result,
    `${grouped(records.length)} ${flags.as} from ${grouped(set.labels.length)} labels, in ${flags.out}` +
      (set.open > 0 ? `; ${grouped(set.open)} not filled in yet` : ''),
  )
}

interface AgreementFlags {
  readonly labels: string
  readonly files?: string[]
  readonly skipBroken?: boolean
  readonly json?: boolean
}

async function agreementVerb(context: Context, flags: AgreementFlags): Promise<void> {
  const { labelAgreement } = await context.library.labels()
  const agreement = labelAgreement(await readSet(context, flags))
  printResult(context.io, flags.json, agreement, agreementLines(agreement))
}

/** What people said; every row that cannot be read is told, and ends the command unless --skip-broken is given. */
async function readSet(
  { io, library }: Context,
  { labels, files, skipBroken, labeler }: AgreementFlags & { readonly labeler?: string },
): Promise<LabelSet> {
  const { readLabels } = await library.labels()
  const set = await readLabels(labels, { files, labeler })
  for (const { file, line, reason } of set.problems) io.stderr.write(`${file}:${line} ${reason}\n`)
  const count = set.problems.length
  if (count > 0 && !skipBroken) {
    throw new DataError(
      'data-malformed',
      `${grouped(count)} ${count === 1 ? 'row' : 'rows'} cannot be read; put them right, or leave them out with --skip-broken`,
    )
  }
  return set
}

function agreementLines({ kind, labelers, labels, shared, ranks, questions = {} }: LabelAgreement): string {
  const head: [string, string][] = [
    ['labels', `${grouped(labels)} (${kind}) by ${labelers.join(', ')}`],
    ['judged by several', `${grouped(shared)} items`],
  ]
  if (shared === 0) return `${table(head)}No item was judged by two people, so nothing can be compared.\n`
  const number = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(3))
  const percent = (value: number | undefined) =>
    value === undefined || Number.isNaN(value) ? '-' : `${(100 * value).toFixed(1)} %`
  if (ranks) {
    head.push(
      ['alike', `${percent(ranks.agreement)} of ${grouped(ranks.comparisons)} comparisons without a tie`],
      ['alike, with ties', `${percent(ranks.withTies)} of ${grouped(ranks.allComparisons)}`],
      ["Kendall's tau-b", number(ranks.kendallTau)],
      ["Krippendorff's alpha", number(ranks.krippendorffAlpha)],
    )
  }
  const nominal = ({ answers, agreement, cohenKappa, fleissKappa, krippendorffAlpha }: NominalAgreement) =>
    `${percent(agreement)} of ${grouped(answers)} answers; kappa ${number(cohenKappa ?? fleissKappa)}, alpha ${number(krippendorffAlpha)}`
  for (const [name, one] of Object.entries(questions)) head.push([name, nominal(one)])
  return table(head)
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
