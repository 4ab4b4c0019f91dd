/** `athanor eval TASK…`: runs tasks on a model. */
import type { Command } from 'commander'
import type { EvaluateOptions, Judge, TaskResult } from '../eval/index.js'
import type { Context } from './context.js'
import { UsageError } from './errors.js'
import { grouped, printable, table } from './format.js'
import { interruptible } from './interrupt.js'
import { decimal, integer, seed, several, text, threads } from './numbers.js'
import { printResult } from './output.js'
import { createReporter } from './reporter.js'

interface Flags {
  readonly list?: boolean
  readonly model?: string
  readonly data?: readonly string[]
  readonly train?: readonly string[]
  readonly set?: readonly string[]
  readonly shots?: number
  readonly limit?: number
  readonly seed?: number
  readonly level?: number
  readonly chat?: boolean
  readonly batch?: number
  readonly execute?: string
  readonly judge?: string
  readonly judgeModel?: string
  readonly judgeCache?: string
  readonly against?: string
  readonly out?: string
  readonly threads?: number
  readonly device?: string
  readonly json?: boolean
}

/** Flags and action of `eval` itself, beside its verbs. */
export function addEvalTasks(verb: Command, context: Context): void {
  verb
    .argument('[task...]', 'tasks to run, one after the other; see --list')
    .option('--list', 'list the tasks')
    .option('--model <dir>', 'a run folder, or any folder with config.json and model.safetensors', text)
    .option('--data <file...>', "the tasks' examples; TASK=FILE for one task of several", several)
    .option('--train <file...>', 'where shots are drawn from (default: the other examples)', several)
    .option('--shots <k>', 'answered examples shown before each question (default: 0)', integer({ min: 0 }))
    .option('--limit <n>', 'measure at most n examples, drawn by the seed', integer({ min: 1 }))
    .option('--seed <n>', 'draws shots, examples and intervals (default: 0)', seed)
    .option('--level <p>', 'confidence of the intervals (default: 0.95)', decimal({ above: 0, below: 1 }))
    .option('--set <name=value...>', "a task's own settings", several)
    .option('--chat', 'ask in chat format (default: where the model was trained to)')
    .option('--no-chat', 'ask as plain text')
    .option('--batch <n>', 'answers that are generated together (default: 16)', integer({ min: 1 }))
    .option(
      '--execute <command>',
      "run the model's programs, such as 'python3': unsafe outside a container",
      text,
    )
    .option('--judge <url|reward:dir>', 'an OpenAI-compatible endpoint, or a reward model', text)
    .option('--judge-model <name>', 'the model that the endpoint is asked for', text)
    .option('--judge-cache <dir>', "keep the endpoint's answers here", text)
    .option('--against <dir>', 'the other model of a comparison', text)
    .option('--out <file>', 'save the results, with every answer, as JSON', text)
    .option('--threads <n>', 'CPU threads (default: all cores)', threads)
    .option('--device <name>', 'cpu, webgpu or cuda (default: cpu)', text)
    .option('--json', 'print tasks, metrics and intervals as JSON')
    .addHelpText(
      'after',
      `
Examples:
  athanor eval --list
  athanor eval squad --model runs/sft --data xquad.en.json --shots 2 --limit 200
  athanor eval blimp gsm8k --model runs/sft --data blimp=blimp.jsonl gsm8k=test.jsonl --out scores.json
`,
    )
    .action((names: string[], flags: Flags) => tasksVerb(verb, context, names, flags))
}

async function tasksVerb(
  verb: Command,
  context: Context,
  names: readonly string[],
  flags: Flags,
): Promise<void> {
  const { io, library } = context
  if (flags.list) return listVerb(context, flags)
  if (names.length === 0) {
    if (Object.keys(flags).length === 0) return verb.help({ error: true })
    throw new UsageError('eval', 'name at least one task; --list shows them')
  }
  const { model: dir, out, json } = flags
  if (dir === undefined) throw new UsageError('eval', 'give the model with --model DIR')
  const known = (await library.listTasks()).map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new UsageError('eval', `there is no task ${JSON.stringify(unknown)}; --list shows them`)
  const settings = settingsOf(flags)
  const dataOf = dataByTask(names, flags.data ?? [])
  const trainOf = dataByTask(names, flags.train ?? [])

  const reporter = createReporter(io, { json })
  const results: TaskResult[] = []
  try {
    const device = {
      ...(flags.threads === undefined ? {} : { threads: flags.threads }),
      ...(flags.device === undefined ? {} : { device: flags.device }),
    }
    const judge = await judgeOf(context, flags, device)
    const model = await library.loadModel(dir, device)
    const against =
      flags.against === undefined ? {} : { against: await library.loadModel(flags.against, device) }
    const options: Omit<EvaluateOptions, 'data' | 'train'> = {
      settings,
      ...picked(flags, ['shots', 'limit', 'seed', 'level', 'chat', 'batch']),
      ...against,
      ...(judge ? { judge } : {}),
    }
    await interruptible(
      io,
      {
        stopping: 'stopping',
        stopped: () =>
          results.length > 0 && out !== undefined
            ? `stopped; ${results.length} of ${names.length} tasks are in ${out}`
            : 'stopped',
      },
      async (signal) => {
        for (const name of names) {
          const result = await library.evaluate(model, name, {
            ...options,
            data: dataOf(name),
            train: trainOf(name),
            signal,
            onProgress: ({ done, total }) =>
              reporter.onEvent({ type: 'progress', label: name, unit: 'answers', done, total }),
          })
          results.push(result)
          // After each task: what is measured is kept, whatever happens to the next.
          if (out !== undefined) await library.saveResults(out, results)
          if (!json) reporter.print(textOf(result))
        }
      },
      { isWhole: () => results.length === names.length },
    )
    reporter.close()
    printResult(io, json, { results: results.map(({ rows: _, ...summary }) => summary) }, linesOf(results))
  } finally {
    reporter.close()
  }
}

async function listVerb({ io, library }: Context, { json }: Flags): Promise<void> {
  const tasks = (await library.listTasks()).map(({ name, kind, summary, data, primary }) => ({
    name,
    kind,
    summary,
    data,
    primary,
  }))
  const lines = tasks.map(({ name, summary, data }) => `${name}\n  ${summary}\n  data: ${data}\n`)
  printResult(io, json, { tasks }, lines.join(''))
}

function settingsOf({ set = [], execute }: Flags): Record<string, string> {
  const settings: Record<string, string> = execute === undefined ? {} : { execute }
  for (const pair of set) {
    const at = pair.indexOf('=')
    if (at < 1) throw new UsageError('eval', `--set takes NAME=VALUE, not ${JSON.stringify(pair)}`)
    const name = pair.slice(0, at)
    // Running programs is asked for by its own flag, so that nobody does it by accident.
    if (name === 'execute') throw new UsageError('eval', 'ask for programs to be run with --execute COMMAND')
    settings[name] = pair.slice(at + 1)
  }
  return settings
}

/** Files of each task: those given as TASK=FILE, or else those given for all. */
function dataByTask(names: readonly string[], files: readonly string[]): (name: string) => string[] {
  const own = new Map<string, string[]>()
  const all: string[] = []
  for (const file of files) {
    const name = names.find((candidate) => file.startsWith(`${candidate}=`))
    if (name === undefined) all.push(file)
    else own.set(name, [...(own.get(name) ?? []), file.slice(name.length + 1)])
  }
  return (name) => own.get(name) ?? all
}

async function judgeOf(
  { io, library }: Context,
  { judge, judgeModel, judgeCache }: Flags,
  device: { readonly threads?: number; readonly device?: string },
): Promise<Judge | undefined> {
  if (judge === undefined) return undefined
  if (judge.startsWith('reward:')) {
    const dir = judge.slice('reward:'.length)
    const model = await library.loadRewardModel(dir, device)
    return library.rewardJudge(dir, (dialogues) => library.scoreDialogues(model, dialogues, {}))
  }
  if (!/^https?:\/\//.test(judge)) throw new UsageError('eval', '--judge takes a URL or reward:DIR')
  if (judgeModel === undefined) throw new UsageError('eval', 'name the model of the judge with --judge-model')
  const apiKey = io.env.ATHANOR_JUDGE_KEY ?? io.env.OPENAI_API_KEY
  return library.openAiJudge({
    baseUrl: judge,
    model: judgeModel,
    ...(apiKey ? { apiKey } : {}),
    ...(judgeCache === undefined ? {} : { cacheDir: judgeCache }),
  })
}

function picked<T extends object, K extends keyof T>(from: T, names: readonly K[]): Partial<Pick<T, K>> {
  return Object.fromEntries(
    names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])),
  ) as Partial<Pick<T, K>>
}

/** What happened on the way to the numbers, for stderr. */
function textOf({ task, examples, available, seconds, skipped, truncated, notes }: TaskResult): string {
  const lines = [
    `${task}: ${grouped(examples)}${available > examples ? ` of ${grouped(available)}` : ''} examples in ${seconds.toFixed(1)} s`,
    ...skipped.first
      .slice(0, 3)
      .map(({ file, line, reason }) => `  left out: ${file}, line ${line}: ${reason}`),
    ...(skipped.count > 3 ? [`  left out: ${grouped(skipped.count)} in all`] : []),
    ...(truncated > 0
      ? [`  warning: ${grouped(truncated)} prompts lost their beginning: the context is too short`]
      : []),
    ...notes.map((note) => `  ${note}`),
  ]
  return printable(lines.join('\n'))
}

function linesOf(results: readonly TaskResult[]): string {
  return results
    .map(({ task, shots, chat, metrics, primary }) => {
      const rows = Object.entries(metrics).map(
        ([name, { value, low, high }]) =>
          [
            `${name}${name === primary ? ' *' : ''}`,
            `${value.toFixed(4)}  [${low.toFixed(4)}, ${high.toFixed(4)}]`,
          ] as const,
      )
      return `${task} (${shots} ${shots === 1 ? 'shot' : 'shots'}${chat ? ', chat' : ''})\n${table(rows)}`
    })
    .join('')
}
