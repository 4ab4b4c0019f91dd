/** A verb for a training stage: its flags are those of every stage, the files it reads, and one for each setting of its recipe. */
import { type Command, Option } from 'commander'
import { z } from 'zod'
import { AthanorError } from '../errors.js'
import type { StageOptions, StageResult } from '../train/stage.js'
import { addVerb, type Context, commandName, shellWord } from './context.js'
import { UsageError } from './errors.js'
import { duration, grouped, short, table } from './format.js'
import { interruptible } from './interrupt.js'
import { decimal, integer, oneOf, several, text, threads } from './numbers.js'
import { printResult } from './output.js'
import { createReporter } from './reporter.js'

/** A file or folder flag: its value goes to the stage under `key`. */
export interface InputFlag {
  readonly key: string
  /** As commander spells it: `--data <file...>` for several. */
  readonly flag: string
  readonly help: string
  readonly required?: boolean
}

export interface StageVerb<R extends StageResult> {
  readonly name: string
  readonly summary: string
  readonly examples: readonly string[]
  readonly inputs: readonly InputFlag[]
  /** The recipe's schema: every field is a flag, `learningRate` as --learning-rate. Keep it in a file that imports zod only. */
  readonly schema: z.ZodObject
  /** The stage's function; `options` holds what `StageOptions` says, the inputs by key, and `overrides`. */
  readonly work: (options: StageOptions & Readonly<Record<string, unknown>>) => Promise<R>
  /** Rows of the summary, after model and time. */
  readonly rows?: (result: R) => readonly (readonly [string, string])[]
  /** Flags beside those, already parsed, which go to the stage as they are. */
  readonly more?: readonly Option[]
}

/** What may change when a run goes on; everything else is part of what the run is. */
const changeable = new Set(['resume', 'threads', 'device', 'json'])

export function addStageVerb<R extends StageResult>(
  program: Command,
  context: Context,
  stage: StageVerb<R>,
): void {
  const { name, summary, examples, inputs, schema } = stage
  const verb = addVerb(program, name, summary, examples).option(
    '--model <dir>',
    'the model to start from: a run folder or any model folder',
    text,
  )
  for (const { flag, help } of inputs) {
    const option = new Option(flag, help)
    verb.addOption(flag.includes('...') ? option.argParser(several) : option.argParser(text))
  }
  verb
    .option('--out <dir>', 'folder for the run; it must not hold one yet', text)
    .option('--resume <dir>', 'go on with the run in this folder from its newest checkpoint', text)
    .option('--threads <n>', 'CPU threads (default: all cores)', threads)
    .option('--device <name>', 'cpu, webgpu or cuda (default: cpu)', text)
    .option('--json', 'print the result as JSON')
  for (const option of stage.more ?? []) verb.addOption(option)
  const settings = settingFlags(schema)
  for (const { option } of settings) verb.addOption(option)
  verb.action((flags: Record<string, unknown>) => stageVerb(context, stage, verb, flags, settings))
}

async function stageVerb<R extends StageResult>(
  { io }: Context,
  stage: StageVerb<R>,
  verb: Command,
  flags: Readonly<Record<string, unknown>>,
  settings: readonly SettingFlag[],
): Promise<void> {
  const { name, inputs } = stage
  const json = flags.json === true
  const machine = Object.fromEntries(
    ['threads', 'device'].flatMap((key) => (flags[key] === undefined ? [] : [[key, flags[key]] as const])),
  )
  const chosen = (options: readonly { readonly key: string; readonly attribute: string }[]) =>
    Object.fromEntries(
      options.flatMap(({ key, attribute }) =>
        flags[attribute] === undefined ? [] : [[key, flags[attribute]] as const],
      ),
    )
  let options: Record<string, unknown>
  if (flags.resume !== undefined) {
    const fixed = verb.options.filter(
      (option) =>
        verb.getOptionValueSource(option.attributeName()) === 'cli' &&
        !changeable.has(option.attributeName()),
    )
    if (fixed.length > 0) {
      throw new UsageError(
        name,
        `${fixed.map(({ long }) => long).join(' and ')} cannot change when a run goes on with --resume; only --threads and --device can`,
      )
    }
    options = { out: flags.resume, resume: 'must' }
  } else {
    if (flags.model === undefined)
      throw new UsageError(name, 'which model should it start from? Give --model DIR')
    const files = inputs.map(({ key, flag }) => ({ key, attribute: new Option(flag).attributeName() }))
    for (const [i, { required, flag, help }] of inputs.entries()) {
      if (required && flags[files[i]!.attribute] === undefined)
        throw new UsageError(name, `${flag.split(' ')[0]} is missing: ${help}`)
    }
    if (flags.out === undefined)
      throw new UsageError(name, 'where should the run be kept? Give --out DIR (or --resume DIR)')
    options = {
      model: flags.model,
      out: flags.out,
      ...chosen(files),
      ...chosen(
        (stage.more ?? []).map((option) => ({
          key: option.attributeName(),
          attribute: option.attributeName(),
        })),
      ),
      overrides: chosen(settings.map(({ key, option }) => ({ key, attribute: option.attributeName() }))),
    }
  }
  const reporter = createReporter(io, { json })
  let checkpoint: string | undefined
  let outcome: R | undefined
  try {
    const result = await interruptible(
      io,
      {
        stopping: 'stopping after this step and saving',
        stopped: () => stoppedText(name, outcome, checkpoint, commandName(io.env)),
      },
      async (signal) => {
        const onEvent: StageOptions['onEvent'] = (event) => {
          if (event.type === 'checkpoint') checkpoint = event.dir
          reporter.onEvent(event)
        }
        outcome = await asFlags([...inputFlags(inputs), ...settings], () =>
          stage.work({ ...options, ...machine, signal, onEvent } as never),
        )
        return outcome
      },
      { isWhole: ({ finished }) => finished },
    )
    reporter.close()
    const rows = [
      ['model', `${short(result.parameters)} parameters, in ${result.dir}`],
      ['trained', `${grouped(result.step)} steps, ${duration(result.seconds)}`],
      ...(stage.rows?.(result) ?? []),
    ] as const
    printResult(io, json, result, table(rows))
  } finally {
    reporter.close()
  }
}

const inputFlags = (inputs: readonly InputFlag[]): SettingFlag[] =>
  inputs.map(({ key, flag }) => ({ key, option: new Option(flag) }))

/**
 * Does the work; where it finds fault with a setting, the setting is called by its flag. Only names of two words are replaced, and
 * not within paths: `seed` may be any word.
 */
async function asFlags<T>(settings: readonly SettingFlag[], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof AthanorError) || !['train/recipe', 'train/data'].includes(error.code)) throw error
    const flags = new Map(settings.map(({ key, option }) => [key, option.long]))
    const name = /(?<![\w./\\-])[a-z]+[A-Z]\w*(?![\w/\\-]|\.\w)/g
    const message = error.message.replace(name, (key) => flags.get(key) ?? key)
    throw new AthanorError(error.code, message, { cause: error })
  }
}

function stoppedText(
  name: string,
  result: StageResult | undefined,
  checkpoint: string | undefined,
  command: string,
): string {
  if (result) {
    return `stopped at step ${grouped(result.step)}, saved in ${result.dir}; go on with\n  ${command} ${name} --resume ${shellWord(result.dir)}`
  }
  if (checkpoint === undefined) return 'stopped before the first checkpoint; run the same command again'
  return `stopped; the last checkpoint is ${checkpoint}`
}

interface SettingFlag {
  readonly key: string
  readonly option: Option
}

/** What `z.toJSONSchema` says of one field. */
interface FieldSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
}

/** A flag for every field of a recipe's schema. */
function settingFlags(schema: z.ZodObject): SettingFlag[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' }) as {
    properties?: Record<string, FieldSchema>
  }
  return Object.entries(properties).map(([key, field]) => {
    const long = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    const initial =
      field.default === undefined || field.type === 'boolean' ? '' : ` (default: ${String(field.default)})`
    const help = `${field.description ?? ''}${initial}`
    return { key, option: optionOf(long, help, field).helpGroup('Settings:') }
  })
}

function optionOf(long: string, help: string, field: FieldSchema): Option {
  const { type, minimum: min, maximum: max, exclusiveMinimum: above, exclusiveMaximum: below } = field
  const bounds = { min, max, above, below }
  const range = Object.fromEntries(Object.entries(bounds).filter(([, bound]) => bound !== undefined))
  if (field.enum) return new Option(`${long} <name>`, help).argParser(oneOf(field.enum))
  switch (type) {
    case 'integer':
      return new Option(`${long} <n>`, help).argParser(integer(range))
    case 'number':
      return new Option(`${long} <x>`, help).argParser(decimal(range))
    case 'boolean':
      // A switch that is on by default is turned off, and the other way round.
      return new Option(field.default === true ? long.replace('--', '--no-') : long, help)
    default:
      return new Option(`${long} <text>`, help).argParser(text)
  }
}
