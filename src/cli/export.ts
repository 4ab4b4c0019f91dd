/** `athanor export`: a model as a file for other programs. */
import type { Command } from 'commander'
import { addVerb, type Context } from './context.js'
import { UsageError } from './errors.js'
import { interruptible } from './interrupt.js'
import { text } from './numbers.js'
import { printResult } from './output.js'

interface Flags {
  readonly model: string
  readonly out: string
  readonly type: string
  readonly json?: boolean
}

const types = ['f32', 'f16', 'q8_0', 'q4_0'] as const

export function addExport(program: Command, context: Context): void {
  addVerb(program, 'export', 'write a model as a GGUF file, for llama.cpp and what is built on it', [
    'athanor export --model runs/start/base --out model.gguf',
    'athanor export --model DIR --out model.gguf --type q8_0',
  ])
    .requiredOption(
      '--model <dir>',
      'a run folder, or any folder with config.json and model.safetensors',
      text,
    )
    .requiredOption('--out <file>', 'where to write it', text)
    .option('--type <type>', `how matrices are kept: ${types.join(', ')}`, 'f16')
    .option('--json', 'print what was written as JSON')
    .action((flags: Flags) => exportVerb(context, flags))
}

async function exportVerb({ io, library }: Context, { model, out, type, json }: Flags) {
  const known = types.find((each) => each === type)
  if (!known) throw new UsageError('export', `--type is one of ${types.join(', ')}, not ${type}`)
  const result = await interruptible(
    io,
    { stopping: 'stopping', stopped: () => 'stopped; nothing was written' },
    (signal) => library.exportGguf({ model, out, type: known, signal }),
  )
  const kept =
    result.kept.length > 0
      ? `\n${result.kept.length} tensors stay in f16: their rows are no multiple of 32`
      : ''
  printResult(
    io,
    json,
    result,
    `${result.path}: ${result.architecture}, ${result.type}, ${result.tensors} tensors, ${(result.bytes / 1e6).toFixed(1)} MB${kept}`,
  )
}
