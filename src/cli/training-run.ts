/** What the training verbs share: the reporter, Ctrl-C, and the words at the end. */
import type { OnEvent, PretrainResult } from '../train/index.js'
import { type Context, commandName, shellWord } from './context.js'
import { duration, grouped, short, table } from './format.js'
import { interruptible } from './interrupt.js'
import { createReporter } from './reporter.js'

interface Live {
  readonly signal: AbortSignal
  readonly onEvent: OnEvent
}

/**
 * Runs a training stage under the reporter and Ctrl-C.
 * @throws InterruptedError saying how to go on; whatever the stage throws
 */
export async function runTraining<R extends PretrainResult>(
  { io }: Context,
  { json }: { json: boolean | undefined },
  work: (live: Live) => Promise<R>,
): Promise<{ result: R; lines: string }> {
  const reporter = createReporter(io, { json })
  let checkpoint: string | undefined
  let prompt = ''
  const onEvent: OnEvent = (event) => {
    if (event.type === 'checkpoint') checkpoint = event.dir
    if (event.type === 'sample') prompt = event.prompt
    reporter.onEvent(event)
  }
  let stoppedAt: PretrainResult | undefined
  try {
    const result = await interruptible(
      io,
      {
        stopping: 'stopping after this step and saving',
        stopped: () => stoppedText(stoppedAt, checkpoint, commandName(io.env)),
      },
      async (signal) => {
        const outcome = await work({ signal, onEvent })
        stoppedAt = outcome
        return outcome
      },
      { isWhole: ({ finished }) => finished },
    )
    return { result, lines: summary(result, commandName(io.env), prompt || 'The') }
  } finally {
    reporter.close()
  }
}

function stoppedText(
  result: PretrainResult | undefined,
  checkpoint: string | undefined,
  command: string,
): string {
  if (result) {
    return `stopped at step ${grouped(result.step)}, saved in ${result.dir}; go on with\n  ${command} pretrain --resume ${shellWord(result.dir)}`
  }
  if (checkpoint === undefined) return 'stopped before the first checkpoint; run the same command again'
  return `stopped; the last checkpoint is ${checkpoint}`
}

function summary(result: PretrainResult, command: string, prompt: string): string {
  const { dir, step, parameters, tokens, seconds, loss, heldOut } = result
  const rows: [string, string][] = [
    ['model', `${short(parameters)} parameters, in ${dir}`],
    ['trained', `${grouped(step)} steps, ${short(tokens)} tokens, ${duration(seconds)}`],
  ]
  if (loss !== undefined) rows.push(['training loss', loss.toFixed(4)])
  if (heldOut) {
    const { loss, perplexity, bitsPerByte } = heldOut
    rows.push([
      'held-out',
      `loss ${loss.toFixed(4)}, perplexity ${short(perplexity)}, ${bitsPerByte.toFixed(4)} bits per byte`,
    ])
  }
  return `${table(rows)}\nLet it write:\n  ${command} generate --model ${shellWord(dir)} --prompt ${shellWord(prompt)}\n`
}
