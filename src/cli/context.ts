import type { Command } from 'commander'
import type { Io } from './io.js'
import type { Library } from './library.js'

/** What every verb is given. */
export interface Context {
  readonly io: Io
  readonly library: Library
}

/** Adds a verb, with its summary and examples; it inherits how the program writes and ends. */
export function addVerb(
  parent: Command,
  name: string,
  summary: string,
  examples: readonly string[] = [],
): Command {
  const path = [parent.name() === 'athanor' ? '' : `${parent.name()} `, name].join('')
  const verb = parent
    .command(name)
    .summary(summary)
    .description(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`)
    .showHelpAfterError(`Run 'athanor ${path} --help' for the flags.`)
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
  if (examples.length > 0) {
    verb.addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`)
  }
  return verb
}

/** How the user calls the command: `athanor`, or through npm in a clone. */
export function commandName(env: Io['env']): string {
  return env.npm_command === undefined ? 'athanor' : 'npx athanor'
}

/** A word as a shell reads it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./\\-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
