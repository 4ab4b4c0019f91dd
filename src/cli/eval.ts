/** `athanor eval …`: measure a model. */
import type { Command } from 'commander'
import { addVerb, type Context } from './context.js'
import { addEvalTasks } from './eval-tasks.js'
import { grouped, table } from './format.js'
import { interruptible } from './interrupt.js'
import { integer, several, text, threads } from './numbers.js'
import { printResult } from './output.js'
import { createReporter } from './reporter.js'

interface Flags {
  readonly model: string
  readonly data: string[]
  readonly contextLength?: number
  readonly stride?: number
  readonly threads?: number
  readonly device?: string
  readonly json?: boolean
}

export function addEval(program: Command, context: Context): void {
  const verb = addVerb(program, 'eval', 'measure a model')
  addEvalTasks(verb, context)
  addVerb(verb, 'perplexity', 'measure how well a model predicts a text', [
    'athanor eval perplexity --model runs/start/base --data held-out.txt',
    'athanor eval perplexity --model runs/start/base --data held-out.txt --json',
  ])
    .requiredOption(
      '--model <dir>',
      'a run folder, or any folder with config.json and model.safetensors',
      text,
    )
    .requiredOption('--data <file...>', 'text files, JSON Lines or folders', several)
    .option('--context-length <n>', "tokens seen at once (default: the model's)", integer({ min: 1 }))
    .option('--stride <n>', 'new tokens in each window (default: half the context)', integer({ min: 1 }))
    .option('--threads <n>', 'CPU threads (default: all cores)', threads)
    .option('--device <name>', 'cpu, webgpu or cuda (default: cpu)', text)
    .option('--json', 'print loss, perplexity, bitsPerByte, tokens and bytes as JSON')
    .action((flags: Flags) => perplexityVerb(context, flags))
}

async function perplexityVerb(
  { io, library }: Context,
  { model: dir, data, threads, device, json, ...windows }: Flags,
): Promise<void> {
  const reporter = createReporter(io, { json })
  try {
    const model = await library.loadModel(dir, {
      ...(threads === undefined ? {} : { threads }),
      ...(device === undefined ? {} : { device }),
    })
    const result = await interruptible(
      io,
      { stopping: 'stopping', stopped: () => 'stopped; nothing was measured' },
      (signal) =>
        library.perplexity(model, textsOf(library.readTextFiles(data, { signal })), {
          ...windows,
          signal,
          onProgress: (progress) =>
            reporter.onEvent({ type: 'progress', label: 'measuring', unit: 'tokens', ...progress }),
        }),
    )
    reporter.close()
    const { loss, perplexity, bitsPerByte, tokens, bytes } = result
    const lines = table([
      ['loss', `${loss.toFixed(4)} nats per token`],
      ['perplexity', perplexity.toFixed(3)],
      ['bits per byte', bitsPerByte.toFixed(4)],
      ['tokens', grouped(tokens)],
      ['bytes', grouped(bytes)],
    ])
    printResult(io, json, { loss, perplexity, bitsPerByte, tokens, bytes }, lines)
  } finally {
    reporter.close()
  }
}

async function* textsOf(documents: AsyncIterable<{ readonly text: string }>): AsyncGenerator<string> {
  for await (const { text } of documents) yield text
}
