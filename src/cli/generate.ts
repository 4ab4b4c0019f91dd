/** `athanor generate`: let a model go on with a text. */
import type { Command } from 'commander'
import { addVerb, type Context } from './context.js'
import { UsageError } from './errors.js'
import { grouped, printable, short } from './format.js'
import { interruptible } from './interrupt.js'
import { decimal, integer, integerList, seed, several, text, threads } from './numbers.js'
import { printResult } from './output.js'

interface Flags {
  readonly model: string
  readonly prompt?: string
  readonly promptTokens?: number[]
  readonly maxTokens?: number
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  readonly stop?: string[]
  readonly seed?: number
  readonly threads?: number
  readonly device?: string
  readonly json?: boolean
}

export function addGenerate(program: Command, context: Context): void {
  addVerb(program, 'generate', 'let a model go on with a text', [
    "athanor generate --model runs/start/base --prompt 'The capital of France'",
    'athanor generate --model DIR --prompt-tokens 1 --max-tokens 200 --temperature 0 --json',
  ])
    .requiredOption(
      '--model <dir>',
      'a run folder, or any folder with config.json and model.safetensors',
      text,
    )
    .option('--prompt <text>', 'the text to go on with')
    .option('--prompt-tokens <ids>', 'the same as token ids: 1,2,3', integerList({ min: 0 }))
    .option('--max-tokens <n>', 'tokens to write at most', integer({ min: 1 }))
    .option('--temperature <t>', '0: always the likeliest token; higher: more daring', decimal({ min: 0 }))
    .option('--top-k <k>', 'choose among the k likeliest tokens', integer({ min: 1 }))
    .option(
      '--top-p <p>',
      'choose among the likeliest tokens that make up this probability',
      decimal({ above: 0, max: 1 }),
    )
    .option(
      '--min-p <p>',
      'leave out tokens less likely than this part of the likeliest',
      decimal({ min: 0, max: 1 }),
    )
    .option(
      '--repetition-penalty <r>',
      'above 1: tokens that were there become less likely',
      decimal({ above: 0 }),
    )
    .option('--stop <text...>', 'end before any of these', several)
    .option('--seed <n>', 'decides what is drawn', seed)
    .option('--threads <n>', 'CPU threads (default: all cores)', threads)
    .option('--device <name>', 'cpu, webgpu or cuda (default: cpu)', text)
    .option('--json', 'print the tokens, the text and the speed as JSON')
    .action((flags: Flags) => generateVerb(context, flags))
}

async function generateVerb(
  { io, library }: Context,
  { model: dir, prompt, promptTokens, threads, device, json, ...sampling }: Flags,
) {
  if ((prompt === undefined) === (promptTokens === undefined)) {
    throw new UsageError('generate', 'give either --prompt TEXT or --prompt-tokens IDS')
  }
  const model = await library.loadModel(dir, {
    ...(threads === undefined ? {} : { threads }),
    ...(device === undefined ? {} : { device }),
  })
  const stdout = io.stdout
  const show = stdout.isTTY ? printable : (piece: string) => piece
  let firstTokenAt: number | undefined
  const result = await interruptible(io, { stopping: 'stopping', stopped: () => 'stopped' }, (signal) =>
    library.generate(model, {
      prompt: prompt ?? promptTokens!,
      ...sampling,
      signal,
      onToken: (token, piece) => {
        firstTokenAt ??= io.now()
        if (!json) stdout.write(model.tokenizer ? show(piece) : `${token} `)
      },
    }),
  )
  const seconds = (io.now() - (firstTokenAt ?? io.now())) / 1000
  // The first token also waits for the prompt: the speed is that of those after it.
  const tokensPerSecond = seconds > 0 ? (result.tokens.length - 1) / seconds : 0
  const { tokens, text, promptTokens: prompted, finish } = result
  printResult(io, json, { tokens, text, promptTokens: prompted, finish, tokensPerSecond }, '\n')
  if (!json)
    io.stderr.write(`${grouped(tokens.length)} tokens, ${short(tokensPerSecond)} tokens/s, ${finish}\n`)
}
