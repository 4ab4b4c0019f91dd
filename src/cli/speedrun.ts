/** `athanor speedrun`: the whole road in one command. */
import type { Command } from 'commander'
import type { SpeedrunExam } from '../recipes/speedrun/report.js'
import type { SpeedrunOptions, SpeedrunResult } from '../recipes/speedrun/speedrun.js'
import { addVerb, type Context, commandName, shellWord } from './context.js'
import { duration, printable, table } from './format.js'
import { interruptible } from './interrupt.js'
import { seed, several, text, threads } from './numbers.js'
import { printResult } from './output.js'
import { createReporter } from './reporter.js'

interface Flags extends Pick<SpeedrunOptions, 'corpus' | 'seed' | 'threads' | 'ablations' | 'larger'> {
  readonly preset?: string
  readonly out: string
  readonly resume?: boolean
  readonly json?: boolean
  readonly listPresets?: boolean
}

export function addSpeedrun(program: Command, context: Context): void {
  addVerb(program, 'speedrun', 'from raw text to an aligned assistant and its report card, in one run', [
    'athanor speedrun --out runs/tiny',
    'athanor speedrun --preset small --corpus notes/ --out runs/small',
    'athanor speedrun --out runs/small --resume',
    'athanor speedrun --list-presets',
  ])
    .option('--preset <name>', 'how large: tiny, small or base (default: tiny)', text)
    .option('--corpus <path...>', 'text of your own, added to the pretraining text', several)
    .option('--ablations', 'PPO again with its details changed, for a table of what they are for')
    .option('--larger', 'a model five times as large with demonstrations only, to compare with')
    .option('--resume', 'go on with an interrupted run in --out')
    .option('--list-presets', 'show the presets and end')
    .option('--out <dir>', 'folder for everything the run makes', 'runs/speedrun')
    .option('--seed <n>', 'decides everything random', seed)
    .option('--threads <n>', 'CPU threads (default: all cores)', threads)
    .option('--json', 'print the result as JSON')
    .action(async ({ resume, listPresets, json, ...options }: Flags) => {
      if (listPresets) {
        const presets = await context.library.speedrunPresets()
        const lines = table(presets.map(({ name, summary }) => [name, summary] as const))
        return printResult(
          context.io,
          json,
          presets.map(({ name, summary }) => ({ name, summary })),
          lines,
        )
      }
      return runSpeedrun(context, { ...options, resume: resume ? 'must' : 'never' }, json)
    })
}

async function runSpeedrun({ io, library }: Context, options: SpeedrunOptions, json: boolean | undefined) {
  const reporter = createReporter(io, { json })
  const command = commandName(io.env)
  try {
    const result = await interruptible(
      io,
      {
        stopping: 'stopping after this step and saving',
        stopped: () =>
          `stopped; everything done so far is kept. Go on with\n  ${command} speedrun --out ${shellWord(options.out)} --resume`,
      },
      (signal) => library.speedrun({ ...options, signal, onEvent: reporter.onEvent }),
      { isWhole: ({ finished }) => finished },
    )
    reporter.close()
    printResult(io, json, result, summary(result, command))
  } finally {
    reporter.close()
  }
}

function summary({ model, report, exam, seconds }: SpeedrunResult, command: string): string {
  const rows: [string, string][] = []
  if (model !== undefined) rows.push(['assistant', model])
  if (report) rows.push(['report', report.html])
  rows.push(['time', duration(seconds)])
  const talk = model === undefined ? '' : `Talk to it:\n  ${command} chat --model ${shellWord(model)}\n`
  return `${exam ? examText(exam) : ''}${table(rows)}\n${talk}`
}

/** The exam as a table, and what the assistant said to a few of its questions. */
function examText({ stages, suites, preference, samples }: SpeedrunExam): string {
  const percent = (rate: number) => `${Math.round(100 * rate)} %`.padStart(6)
  const width = Math.max(...suites.map(({ suite }) => suite.length))
  const head = `${''.padEnd(width)}  ${stages.map((stage) => stage.padStart(6)).join('  ')}`
  const lines = suites.map(({ suite, rates }) => {
    const cells = rates.map((rate, i) => percent(rate).padStart(Math.max(6, stages[i]!.length)))
    return `${suite.padEnd(width)}  ${cells.join('  ')}`
  })
  const { wins, ties, losses, kl } = preference
  const spoken = samples.flatMap(({ prompt, answer }) => [
    ...prompt.map((text, i) => `${(prompt.length - i) % 2 === 1 ? '> ' : '  '}${printable(text)}`),
    `  ${printable(answer)}`,
    '',
  ])
  const verdict = `The gold judge prefers PPO to SFT ${wins} times, SFT to PPO ${losses} times, and neither ${ties} times${kl === undefined ? '' : `; KL ${kl.toFixed(2)}`}.`
  return [head, ...lines, '', verdict, '', ...spoken]
    .map((line) => `  ${line}`.trimEnd())
    .join('\n')
    .concat('\n')
}
