/** `athanor score`: what a reward model thinks of answers. */
import type { Command } from 'commander'
import type { ChatMessage } from '../text/index.js'
import { SkipLog } from '../train/skips.js'
import { addVerb, type Context } from './context.js'
import { UsageError } from './errors.js'
import { grouped, printable, table } from './format.js'
import { interruptible } from './interrupt.js'
import { several, text, threads } from './numbers.js'
import { printResult } from './output.js'
import { createReporter } from './reporter.js'

interface Flags {
  readonly model: string
  readonly data?: string[]
  readonly prompt?: string
  readonly answer?: string[]
  readonly threads?: number
  readonly device?: string
  readonly json?: boolean
}

/** So many broken records are passed over before it is an error. */
const MAX_SKIPPED = 1000

export function addScore(program: Command, context: Context): void {
  addVerb(program, 'score', 'score answers with a reward model', [
    'athanor score --model runs/reward --prompt "What is the capital of Peru?" --answer Lima --answer "No idea."',
    'athanor score --model runs/reward --data dialogues.jsonl --json',
  ])
    .requiredOption('--model <dir>', 'a reward model: the run folder of athanor reward', text)
    .option('--data <file...>', 'dialogues, each scored at its last answer', several)
    .option('--prompt <text>', 'what the user says', text)
    .option('--answer <text...>', 'what the assistant answers; several are compared', several)
    .option('--threads <n>', 'CPU threads (default: all cores)', threads)
    .option('--device <name>', 'cpu, webgpu or cuda (default: cpu)', text)
    .option('--json', 'print the scores as JSON')
    .action((flags: Flags) => scoreVerb(context, flags))
}

async function scoreVerb({ io, library }: Context, flags: Flags): Promise<void> {
  const { model: dir, data, prompt, answer, threads, device, json } = flags
  if ((data === undefined) === (prompt === undefined))
    throw new UsageError('score', 'what should be scored? Give --data FILE..., or --prompt and --answer')
  if ((prompt === undefined) !== (answer === undefined))
    throw new UsageError('score', '--prompt and --answer go together')
  const reporter = createReporter(io, { json })
  try {
    const model = await library.loadRewardModel(dir, {
      ...(threads === undefined ? {} : { threads }),
      ...(device === undefined ? {} : { device }),
    })
    const work = async (signal: AbortSignal) => {
      const dialogues: (readonly ChatMessage[])[] = (answer ?? []).map((content) => [
        { role: 'user', content: prompt! },
        { role: 'assistant', content },
      ])
      if (data) {
        const skips = new SkipLog(reporter.onEvent, MAX_SKIPPED)
        for await (const { messages } of library.readDialogues(data, { ...skips.options, signal }))
          dialogues.push(messages)
        skips.finish()
      }
      const scores = await library.scoreDialogues(model, dialogues, {
        signal,
        onProgress: (progress) =>
          reporter.onEvent({ type: 'progress', label: 'scoring', unit: 'dialogues', ...progress }),
      })
      return dialogues.map((messages, i) => ({
        score: scores[i]!,
        answer: messages.findLast(({ role }) => role === 'assistant')!.content,
      }))
    }
    const results = await interruptible(
      io,
      { stopping: 'stopping', stopped: () => 'stopped; nothing was scored' },
      work,
    )
    reporter.close()
    const mean = results.reduce((sum, { score }) => sum + score, 0) / results.length
    const lines = table([
      ...results.map(({ score, answer }) => [score.toFixed(3).padStart(8), oneLine(answer)] as const),
      ...(results.length > 1
        ? [[mean.toFixed(3).padStart(8), `mean of ${grouped(results.length)}`] as const]
        : []),
    ])
    printResult(io, json, { scores: results.map(({ score }) => score), mean }, lines)
  } finally {
    reporter.close()
  }
}

function oneLine(answer: string): string {
  const line = printable(answer).replace(/\s+/g, ' ')
  return line.length > 60 ? `${line.slice(0, 59)}…` : line
}
