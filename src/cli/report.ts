/** `athanor report`: the report card of a run, or of a folder of runs. */
import type { Command } from 'commander'
import type { ReportData } from '../eval/report/index.js'
import { addVerb, type Context } from './context.js'
import { duration, grouped, printable, table } from './format.js'
import { text } from './numbers.js'
import { printResult } from './output.js'

export function addReport(program: Command, context: Context): void {
  addVerb(program, 'report', 'make the report card of a run, or of a folder of runs', [
    'athanor report runs/start',
    'athanor report runs --json',
  ])
    .argument('<dir>', 'a run folder, a folder of run folders, or one with a report.json', text)
    .option('--json', 'print the report and where it lies as JSON')
    .action((dir: string, flags: { readonly json?: boolean }) => reportVerb(context, dir, flags.json))
}

async function reportVerb({ io, library }: Context, dir: string, json: boolean | undefined): Promise<void> {
  const { report, files } = await library.report(dir)
  printResult(
    io,
    json,
    { files, report },
    table([...summary(report), ['page', files.html], ['markdown', files.markdown], ['data', files.json]]),
  )
}

function summary({ title, stages, scores, notes }: ReportData): (readonly [string, string])[] {
  const bars = (scores?.rows ?? []).flatMap(({ bar }) => (bar ? [bar] : []))
  const seconds = stages.reduce((sum, stage) => sum + (stage.seconds ?? 0), 0)
  return [
    ['report', printable(title)],
    ...(stages.length > 0 ? [['stages', stages.map(({ name }) => printable(name)).join(', ')] as const] : []),
    ...(seconds > 0 ? [['wall clock', duration(seconds)] as const] : []),
    ...(bars.length > 0
      ? [
          [
            'targets met',
            `${grouped(bars.filter(({ met }) => met).length)} of ${grouped(bars.length)}`,
          ] as const,
        ]
      : []),
    ...notes.filter(({ kind }) => kind === 'miss').map(({ text }) => ['missed', printable(text)] as const),
  ]
}
