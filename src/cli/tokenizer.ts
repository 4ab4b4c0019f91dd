/** `athanor tokenizer …`: train a tokenizer, and use one. */
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { toStorageError } from '../atomic.js'
import { decodeUtf8 } from '../text/index.js'
import { addVerb, type Context } from './context.js'
import { CommandError, UsageError } from './errors.js'
import { grouped, printable } from './format.js'
import { interruptible } from './interrupt.js'
import { integer, integerList, several, text } from './numbers.js'
import { printResult } from './output.js'
import { createReporter } from './reporter.js'

export function addTokenizer(program: Command, context: Context): void {
  const verb = addVerb(program, 'tokenizer', 'train a tokenizer, turn text into tokens and tokens into text')
  addVerb(verb, 'train', 'train a tokenizer on text', [
    'athanor tokenizer train --data corpus.txt --vocab-size 4096 --out tokenizers/mine',
    'athanor tokenizer train --data corpus.txt --char --out tokenizers/chars',
  ])
    .requiredOption('--data <file...>', 'text files, JSON Lines or folders', several)
    .option('--vocab-size <n>', 'byte-level BPE with this many tokens', integer({ min: 257 }))
    .option('--char', 'one token for each character instead')
    .requiredOption('--out <dir>', 'folder for tokenizer.json', text)
    .option('--overwrite', 'replace a tokenizer that is there')
    .option('--json', 'print the result as JSON')
    .action((flags: TrainFlags) => trainVerb(context, flags))
  addVerb(verb, 'encode', 'turn text into token ids', [
    "athanor tokenizer encode --tokenizer runs/start/base --text 'Hello, world'",
    'athanor tokenizer encode --tokenizer runs/start/base --file a.txt --json',
    'echo hello | athanor tokenizer encode --tokenizer runs/start/base',
  ])
    .requiredOption('--tokenizer <dir>', 'a folder with tokenizer.json, such as a run folder', text)
    .option('--text <text>', 'the text')
    .option('--file <file>', 'a file with the text (default: standard input)', text)
    .option('--json', 'print { "tokens": [...] }')
    .action((flags: EncodeFlags) => encodeVerb(context, flags))
  addVerb(verb, 'decode', 'turn token ids into text', [
    'athanor tokenizer decode --tokenizer runs/start/base --tokens 72,101,108',
    "athanor tokenizer encode --tokenizer runs/start/base --text 'Hello' | athanor tokenizer decode --tokenizer runs/start/base",
  ])
    .requiredOption('--tokenizer <dir>', 'a folder with tokenizer.json, such as a run folder', text)
    .option('--tokens <ids>', 'the ids: 1,2,3 (default: standard input)', integerList({ min: 0 }))
    .option('--json', 'print { "text": "..." }')
    .action((flags: DecodeFlags) => decodeVerb(context, flags))
}

interface TrainFlags {
  readonly data: string[]
  readonly vocabSize?: number
  readonly char?: boolean
  readonly out: string
  readonly overwrite?: boolean
  readonly json?: boolean
}

async function trainVerb(
  { io, library }: Context,
  { data, vocabSize, char = false, out, overwrite, json }: TrainFlags,
): Promise<void> {
  if ((vocabSize === undefined) !== char)
    throw new UsageError('tokenizer train', 'give either --vocab-size N or --char')
  if (!overwrite && (await isThere(join(out, 'tokenizer.json')))) {
    throw new CommandError(
      'exists',
      `${out} already holds a tokenizer, and a model may depend on it; choose another folder, or replace it with --overwrite`,
    )
  }
  const reporter = createReporter(io, { json })
  try {
    const vocabulary = await interruptible(
      io,
      { stopping: 'stopping', stopped: () => 'stopped; no tokenizer was written' },
      async (signal) => {
        const texts = textsOf(library.readTextFiles(data, { signal }))
        const tokenizer = char
          ? await library.trainCharTokenizer(await charactersOf(texts))
          : await library.trainBpe(texts, {
              vocabSize: vocabSize!,
              signal,
              onProgress: ({ stage, ...progress }) => {
                const [label, unit] = stage === 'count' ? ['counting', 'words'] : ['merging', 'merges']
                reporter.onEvent({ type: 'progress', label: label!, unit: unit!, ...progress })
              },
            })
        await library.saveTokenizer(tokenizer, out)
        return tokenizer.vocabSize
      },
      { isWhole: () => true },
    )
    reporter.close()
    printResult(
      io,
      json,
      { dir: out, vocabSize: vocabulary },
      `A tokenizer of ${grouped(vocabulary)} tokens, in ${out}`,
    )
  } finally {
    reporter.close()
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

async function* textsOf(documents: AsyncIterable<{ readonly text: string }>): AsyncGenerator<string> {
  for await (const { text } of documents) yield text
}

async function charactersOf(texts: AsyncIterable<string>): Promise<Set<string>> {
  const characters = new Set<string>()
  for await (const piece of texts) for (const character of piece) characters.add(character)
  return characters
}

interface EncodeFlags {
  readonly tokenizer: string
  readonly text?: string
  readonly file?: string
  readonly json?: boolean
}

async function encodeVerb(
  { io, library }: Context,
  { tokenizer: dir, text, file, json }: EncodeFlags,
): Promise<void> {
  if (text !== undefined && file !== undefined)
    throw new UsageError('tokenizer encode', 'give --text or --file, not both')
  const tokenizer = await library.loadTokenizer(dir)
  const source =
    text ??
    (file === undefined ? decodeUtf8(await readStdin(io.stdin), 'standard input') : await readText(file))
  const tokens = [...tokenizer.encode(source)]
  printResult(io, json, { tokens }, tokens.join(','))
}

interface DecodeFlags {
  readonly tokenizer: string
  readonly tokens?: number[]
  readonly json?: boolean
}

async function decodeVerb(
  { io, library }: Context,
  { tokenizer: dir, tokens, json }: DecodeFlags,
): Promise<void> {
  const tokenizer = await library.loadTokenizer(dir)
  const text = tokenizer.decode(tokens ?? idsOf(decodeUtf8(await readStdin(io.stdin), 'standard input')))
  printResult(io, json, { text }, io.stdout.isTTY ? printable(text) : text)
}

function idsOf(input: string): number[] {
  try {
    return integerList({ min: 0 })(input)
  } catch (error) {
    throw new UsageError(
      'tokenizer decode',
      `standard input does not hold token ids: ${(error as Error).message}`,
    )
  }
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path).catch((error) => {
    throw toStorageError(error, 'read', path)
  })
  return decodeUtf8(bytes, path)
}

async function readStdin(stdin: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stdin) chunks.push(chunk)
  return Buffer.concat(chunks)
}
