/** `athanor best-of`: the best of several answers to each prompt, as data for `sft`. */
import type { Command } from 'commander'
import { addVerb, type Context } from './context.js'
import { UsageError } from './errors.js'
import { duration, grouped, table } from './format.js'
import { interruptible } from './interrupt.js'
import { decimal, integer, seed, several, text, threads } from './numbers.js'
import { printResult } from './output.js'
import { createReporter } from './reporter.js'

interface Flags {
  readonly model: string
  readonly data: string[]
  readonly out: string
  readonly rewardModel?: string
  readonly reward?: string[]
  readonly threads?: number
  readonly device?: string
  readonly json?: boolean
}

/** Flags that are settings of the library's function, under the same names. */
const settings = ['n', 'temperature', 'topP', 'maxTokens', 'minScore', 'rows', 'maxSkipped', 'seed'] as const

export function addBestOf(program: Command, context: Context): void {
  addVerb(program, 'best-of', 'answer each prompt several times and keep the best answers as dialogues', [
    'athanor best-of --model runs/sft --reward-model runs/reward --data prompts.jsonl --n 8 --out best.jsonl',
    'athanor best-of --model runs/sft --reward exact --min-score 1 --data questions.jsonl --n 16 --out right.jsonl',
    'athanor sft --model runs/sft --data best.jsonl --out runs/best',
  ])
    .requiredOption('--model <dir>', 'the model that answers', text)
    .requiredOption('--data <file...>', 'prompts: dialogues that wait for an answer', several)
    .requiredOption('--out <file>', 'file of dialogues to write; it must not be there yet', text)
    .option('--reward-model <dir>', 'a reward model that scores the answers', text)
    .option(
      '--reward <name...>',
      'or rewards by name: exact, contains, numeric, regex[=PATTERN], length=WORDS, format=json|tags',
      several,
    )
    .option('--n <n>', 'answers to each prompt (default: 8)', integer({ min: 1 }))
    .option('--temperature <x>', 'at which they are drawn (default: 1)', decimal({ above: 0, max: 5 }))
    .option('--top-p <x>', 'likeliest part that is drawn from (default: 1)', decimal({ above: 0, max: 1 }))
    .option('--max-tokens <n>', 'tokens of an answer at most (default: 256)', integer({ min: 1 }))
    .option('--min-score <x>', 'leave prompts out whose best answer scores less', decimal())
    .option('--rows <n>', 'answers that are written together (default: 32)', integer({ min: 1 }))
    .option('--max-skipped <n>', 'broken lines that are passed over (default: 1000)', integer({ min: 0 }))
    .option('--seed <n>', 'decides everything random (default: 1337)', seed)
    .option('--threads <n>', 'CPU threads (default: all cores)', threads)
    .option('--device <name>', 'cpu, webgpu or cuda (default: cpu)', text)
    .option('--json', 'print the result as JSON')
    .action((flags: Flags) => bestOfVerb(context, flags))
}

async function bestOfVerb({ io, library }: Context, flags: Flags): Promise<void> {
  const { model, data, out, rewardModel, reward: rewards, threads, device, json } = flags
  if ((rewardModel === undefined) === (rewards === undefined))
    throw new UsageError('best-of', 'what should score the answers? Give --reward-model DIR or --reward NAME')
  const given = flags as unknown as Readonly<Record<string, unknown>>
  const overrides = Object.fromEntries(
    settings.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  )
  const reporter = createReporter(io, { json })
  try {
    const { onEvent } = reporter
    const result = await interruptible(
      io,
      {
        stopping: 'stopping',
        stopped: () => 'stopped; run the same command again to go on with the answers drawn so far',
      },
      (signal) =>
        library.bestOf({
          model,
          data,
          out,
          rewardModel,
          rewards,
          overrides,
          threads,
          device,
          signal,
          onEvent,
        }),
      { isWhole: () => true },
    )
    reporter.close()
    const { kept, prompts, unfinished, belowMinimum, meanScore, meanBest, klBound, seconds } = result
    const lines = table([
      ['kept', `${grouped(kept)} of ${grouped(prompts)} prompts, in ${result.file}`],
      ...(unfinished > 0
        ? [['cut off', `${grouped(unfinished)} prompts without a whole answer`] as const]
        : []),
      ...(belowMinimum > 0 ? [['too low', `${grouped(belowMinimum)} prompts`] as const] : []),
      ...(meanScore === undefined || meanBest === undefined
        ? []
        : [['score', `${meanBest.toFixed(3)} on average; ${meanScore.toFixed(3)} of all answers`] as const]),
      ['distance', `KL of at most ${klBound.toFixed(3)} nats from the model`],
      ['time', duration(seconds)],
    ])
    printResult(io, json, result, lines)
  } finally {
    reporter.close()
  }
}
