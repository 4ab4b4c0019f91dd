/** `athanor start`: the main job. The whole road from a corpus to a model that writes, in minutes. */
import type { Command } from 'commander'
import { addVerb, type Context, commandName } from './context.js'
import { decimal, seed, several, threads } from './numbers.js'
import { printResult } from './output.js'
import { runTraining } from './training-run.js'

interface Flags {
  readonly data?: string[]
  readonly out: string
  readonly minutes?: number
  readonly seed?: number
  readonly threads?: number
  readonly json?: boolean
}

export function addStart(program: Command, context: Context): void {
  addVerb(
    program,
    'start',
    'train a small GPT on the World Factbook, or on your own text, and show what it writes',
    ['athanor start', 'athanor start --data my.txt --minutes 5'],
  )
    .option('--data <file...>', 'text files, JSON Lines or folders (default: the World Factbook)', several)
    .option('--out <dir>', 'folder for the run', 'runs/start')
    .option('--minutes <n>', 'time to train for, about', decimal({ above: 0 }))
    .option('--seed <n>', 'decides everything random', seed)
    .option('--threads <n>', 'CPU threads (default: all cores)', threads)
    .option('--json', 'print the result as JSON')
    .action(async ({ json, ...options }: Flags) => {
      const { result, lines } = await runTraining(context, { json }, (live) =>
        context.library.start({ ...options, ...live }),
      )
      printResult(
        context.io,
        json,
        result,
        `${lines}${nextSteps(options.data !== undefined, commandName(context.io.env))}`,
      )
    })
}

/** Where to go from a first model, as shell commands. */
function nextSteps(ownData: boolean, command: string): string {
  const data = ownData ? '' : `Train on your own text:\n  ${command} start --data my.txt\n`
  return `${data}Train for longer, for a better model:\n  ${command} start --minutes 60\n`
}
