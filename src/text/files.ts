/** Tokenizers and text on disk. Everything else in this folder is free of Node. */
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errorCode, makeDirectory, toStorageError, writeFileAtomic } from '../atomic.js'
import { TokenizerError } from './errors.js'
import { parseGpt2Files } from './gpt2.js'
import { tokenizerFromJson } from './json-tokenizer.js'
import type { Tokenizer } from './tokenizer.js'
import { decodeUtf8, incompleteTail, invalidUtf8Offset, notUtf8 } from './unicode.js'

const tokenName = z.union([
  z.string(),
  z.looseObject({ content: z.string() }).transform((token) => token.content),
])
const namesSchema = z.looseObject({ bos_token: tokenName.nullish(), eos_token: tokenName.nullish() })

/**
 * The tokenizer of a model directory: `tokenizer.json`, with the start and end tokens that `tokenizer_config.json` or
 * `special_tokens_map.json` name; or else GPT-2's two files.
 *
 * @throws TokenizerError `tokenizer_not_found`, `tokenizer_invalid`, `tokenizer_unsupported`
 */
export async function loadTokenizer(dir: string): Promise<Tokenizer> {
  const path = join(dir, 'tokenizer.json')
  const text = await readIfThere(path)
  if (text === undefined) {
    const gpt2 = await gpt2Paths(dir)
    if (gpt2) return await readGpt2(gpt2)
    throw new TokenizerError(
      'tokenizer_not_found',
      `No tokenizer in ${dir}: it has neither tokenizer.json nor GPT-2's vocab.json and merges.txt. Train one, or fetch the model's.`,
    )
  }
  const names = {
    ...(await readNames(join(dir, 'special_tokens_map.json'))),
    ...(await readNames(join(dir, 'tokenizer_config.json'))),
  }
  return tokenizerFromJson(parseJson(text, path), { name: path, ...names })
}

export interface SaveTokenizerOptions {
  /** The longest text the model reads, in tokens; written to `tokenizer_config.json`. */
  modelMaxLength?: number
  /** More of `tokenizer_config.json`, such as `chat_template`. */
  config?: Record<string, unknown>
}

/**
 * Writes `tokenizer.json` and `tokenizer_config.json` to `dir`, creating it. Each file appears whole or not at all.
 * Keys of an existing `tokenizer_config.json` that are not named here stay.
 */
export async function saveTokenizer(
  tokenizer: Tokenizer,
  dir: string,
  options: SaveTokenizerOptions = {},
): Promise<void> {
  await makeDirectory(dir)
  const configPath = join(dir, 'tokenizer_config.json')
  const old = await readIfThere(configPath)
  const kept = old === undefined ? {} : z.looseObject({}).parse(parseJson(old, configPath))
  const nameOf = (id: number | undefined) => (id === undefined ? null : tokenizer.idToToken(id))
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    clean_up_tokenization_spaces: false,
    ...kept,
    bos_token: nameOf(tokenizer.bosId),
    eos_token: nameOf(tokenizer.eosId),
    ...(options.modelMaxLength === undefined ? {} : { model_max_length: options.modelMaxLength }),
    ...options.config,
  }
  await writeFileAtomic(join(dir, 'tokenizer.json'), `${JSON.stringify(tokenizer.toJSON(), null, 2)}\n`)
  await writeFileAtomic(configPath, `${JSON.stringify(config, null, 2)}\n`)
}

/**
 * GPT-2's tokenizer from a directory with `encoder.json` or `vocab.json`, and `vocab.bpe` or `merges.txt`.
 * @throws TokenizerError `tokenizer_not_found`, `tokenizer_invalid`
 */
export async function loadGpt2Files(dir: string): Promise<Tokenizer> {
  const paths = await gpt2Paths(dir)
  if (paths) return await readGpt2(paths)
  throw new TokenizerError(
    'tokenizer_not_found',
    `${dir} lacks GPT-2's files: encoder.json (or vocab.json) and vocab.bpe (or merges.txt).`,
  )
}

/**
 * The text of files, in pieces of a few megabytes that are cut where no pre-tokenizer would join the two sides.
 * Feeds `trainBpe` without holding a corpus in memory.
 *
 * @throws TokenizerError `text_not_utf8` naming the file and the byte; StorageError where a file cannot be read
 */
export async function* readTexts(paths: Iterable<string>, pieceBytes = 1 << 22): AsyncGenerator<string> {
  for (const path of paths) {
    const file = await open(path).catch((error) => {
      throw toStorageError(error, 'read', path)
    })
    try {
      let text = ''
      let tail = new Uint8Array(0)
      let base = 0 // offset in the file of the tail's first byte
      for (;;) {
        const block = new Uint8Array(tail.length + pieceBytes)
        block.set(tail)
        const { bytesRead } = await file.read(block, tail.length, pieceBytes)
        const bytes = block.subarray(0, tail.length + bytesRead)
        const complete = bytes.length - (bytesRead === 0 ? 0 : incompleteTail(bytes))
        const bad = invalidUtf8Offset(bytes.subarray(0, complete))
        if (bad >= 0) throw notUtf8(path, bad, bytes, base)
        text += new TextDecoder('utf-8', { ignoreBOM: base > 0 }).decode(bytes.subarray(0, complete))
        tail = bytes.slice(complete)
        base += complete
        if (bytesRead === 0) break
        const cut = safeCut(text)
        if (cut > 0) yield text.slice(0, cut)
        text = text.slice(cut)
      }
      if (text !== '') yield text
    } finally {
      await file.close()
    }
  }
}

/** The last place after a single line break between two characters that are not white space, or 0. */
function safeCut(text: string): number {
  for (let at = text.lastIndexOf('\n'); at > 0; at = text.lastIndexOf('\n', at - 1)) {
    if (/\P{White_Space}/u.test(text[at - 1]!) && /\P{White_Space}/u.test(text[at + 1] ?? ' ')) return at + 1
  }
  return 0
}

async function gpt2Paths(dir: string): Promise<[vocab: string, merges: string] | undefined> {
  const pairs = [
    ['vocab.json', 'merges.txt'],
    ['encoder.json', 'vocab.bpe'],
  ] as const
  for (const [vocab, merges] of pairs) {
    if ((await exists(join(dir, vocab))) && (await exists(join(dir, merges))))
      return [join(dir, vocab), join(dir, merges)]
  }
  return undefined
}

async function readGpt2([vocab, merges]: [string, string]): Promise<Tokenizer> {
  return parseGpt2Files(decodeUtf8(await readFile(vocab), vocab), decodeUtf8(await readFile(merges), merges))
}

async function exists(path: string): Promise<boolean> {
  const file = await open(path).catch(() => undefined)
  await file?.close()
  return file !== undefined
}

async function readIfThere(path: string): Promise<string | undefined> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw toStorageError(error, 'read', path)
  }
  return decodeUtf8(bytes, path)
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new TokenizerError(
      'tokenizer_invalid',
      `${path} is not JSON: ${(cause as Error).message}. Fetch the file again.`,
      { cause },
    )
  }
}

async function readNames(path: string): Promise<{ bosToken?: string; eosToken?: string }> {
  const text = await readIfThere(path)
  if (text === undefined) return {}
  const parsed = namesSchema.safeParse(parseJson(text, path))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new TokenizerError('tokenizer_invalid', `${path}: ${issue?.path.join('.')}: ${issue?.message}.`)
  }
  const { bos_token, eos_token } = parsed.data
  return { ...(bos_token ? { bosToken: bos_token } : {}), ...(eos_token ? { eosToken: eos_token } : {}) }
}
