/** The command line: its verbs, and how it ends. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addBestOf } from './best-of.js'
import { addChat } from './chat.js'
import type { Context } from './context.js'
import { addData } from './data.js'
import { addDistill } from './distill.js'
import { addDpo } from './dpo.js'
import { reportError } from './errors.js'
import { addEval } from './eval.js'
import { writeEnd } from './event-file.js'
import { addExport } from './export.js'
import { addFeedback } from './feedback.js'
import { addGenerate } from './generate.js'
import { addGrpo } from './grpo.js'
import type { Io } from './io.js'
import { addKeys } from './keys.js'
import { type Library, library } from './library.js'
import { addNext } from './next.js'
import { addPpo } from './ppo.js'
import { addPretrain } from './pretrain.js'
import { addReport } from './report.js'
import { addReward } from './reward.js'
import { addScore } from './score.js'
import { addServe } from './serve.js'
import { addSft } from './sft.js'
import { addSpeedrun } from './speedrun.js'
import { addStart } from './start.js'
import { addTokenizer } from './tokenizer.js'

/** Runs a command, `argv` without the program's name, and returns the exit code. Never throws. */
export async function run(argv: readonly string[], io: Io, functions: Library = library): Promise<number> {
  try {
    const program = createProgram({ io, library: functions })
    await program.parseAsync(withoutHelpOfNothing(program, argv), { from: 'user' })
    writeEnd(io, 0)
    return 0
  } catch (error) {
    const code = reportError(error, io)
    writeEnd(io, code, error)
    return code
  }
}

function createProgram(context: Context): Command {
  const { io } = context
  const program = new Command('athanor')
    .description(
      'From raw text to a model people talk to: train, evaluate and run language models on the machine you have.',
    )
    .version(version(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [verb]', 'show the help of a verb')
    .showHelpAfterError("Run 'athanor --help' for the verbs.")
    .addHelpText('after', "\nRun 'athanor <verb> --help' for flags and examples. Start with 'athanor start'.")
    // What stands behind a verb is the verb's: `eval --data x` and `eval perplexity --data x` are two flags.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(oneLine(text)),
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
  addStart(program, context)
  addSpeedrun(program, context)
  addNext(program, context)
  addPretrain(program, context)
  addSft(program, context)
  addReward(program, context)
  addDpo(program, context)
  addScore(program, context)
  addPpo(program, context)
  addGrpo(program, context)
  addDistill(program, context)
  addBestOf(program, context)
  addGenerate(program, context)
  addExport(program, context)
  addChat(program, context)
  addEval(program, context)
  addReport(program, context)
  addServe(program, context)
  addKeys(program, context)
  addFeedback(program, context)
  addTokenizer(program, context)
  addData(program, context)
  return program
}

/**
 * The words without a wish for help where they name no verb: commander would show the help of what it knows, as if nothing were
 * wrong, and so it says that it does not know the verb.
 */
function withoutHelpOfNothing(program: Command, argv: readonly string[]): readonly string[] {
  let command = program
  for (const word of argv) {
    if (word.startsWith('-') || command.commands.length === 0) return argv
    const verb = command.commands.find((each) => each.name() === word || each.aliases().includes(word))
    if (!verb) {
      const isHelp = command === program && word === 'help'
      return isHelp ? argv : argv.filter((each) => each !== '--help' && each !== '-h')
    }
    command = verb
  }
  return argv
}

/** Commander's "error: …\n(Did you mean …?)" as our own errors look. */
function oneLine(text: string): string {
  const [problem, ...hints] = text.trim().split('\n')
  return `athanor: ${[problem!.replace(/^error: /, ''), ...hints].join(' ')}\n`
}

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}
