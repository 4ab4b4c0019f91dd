/** From documents to a tokenizer and two sets of token shards: one to train on, one held out. */
import { join } from 'node:path'
import { makeDirectory, writeFileAtomic } from '../atomic.js'
import { type Document, openShards, splitHeldOut, type TokenShards, writeShards } from '../data/index.js'
import {
  CHATML_TOKENS,
  encodeUtf8,
  loadTokenizer,
  saveTokenizer,
  type Tokenizer,
  trainBpe,
  trainCharTokenizer,
} from '../text/index.js'
import { TrainError } from './errors.js'
import type { OnEvent } from './events.js'

/** A corpus that can be read again from its beginning. */
export type DocumentSource = () => AsyncIterable<Document> | Iterable<Document>

export interface CorpusOptions {
  readonly source: DocumentSource
  /** 'char', 'bpe:N', or a folder with a tokenizer.json. */
  readonly tokenizer: string
  readonly heldOut: 'auto' | 'documents' | 'tail'
  readonly heldOutFraction: number
  readonly seed: number
  /** Where `train/`, `heldout/` and the tokenizer go. */
  readonly dir: string
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: OnEvent | undefined
}

export interface Corpus {
  readonly tokenizer: Tokenizer
  readonly train: TokenShards
  readonly heldOut: TokenShards
  /** UTF-8 bytes of the held-out text, for bits per byte. */
  readonly heldOutBytes: number
}

/** What `corpus.json` records. */
interface CorpusSummary {
  readonly documents: number
  readonly heldOutDocuments: number
  readonly trainBytes: number
  readonly heldOutBytes: number
  readonly trainTokens: number
  readonly heldOutTokens: number
  readonly vocabSize: number
}

/**
 * Reads the corpus (twice or three times, streaming), trains or loads the tokenizer on the training part, and writes shards.
 * @throws DataError, TokenizerError, TrainError when there is too little to hold anything out
 */
export async function prepareCorpus(
  options: CorpusOptions,
): Promise<Corpus & { readonly summary: CorpusSummary }> {
  const { dir, signal } = options
  await makeDirectory(dir)
  const part = await splitCorpus(options)
  const tokenizer = await makeTokenizer(options, part)
  await saveTokenizer(tokenizer, dir)

  const bytes = { train: 0, heldOut: 0 }
  const encode = async function* (which: 'train' | 'heldOut') {
    let read = 0
    for await (const text of part(which)) {
      signal?.throwIfAborted()
      bytes[which] += encodeUtf8(text).length
      yield tokenizer.encode(text)
      read += text.length
      options.onEvent?.({
        type: 'progress',
        label: `encoding the ${which === 'train' ? 'training' : 'held-out'} text`,
        done: read,
        unit: 'characters',
      })
    }
  }
  const shardOptions = {
    vocabSize: tokenizer.vocabSize,
    ...(tokenizer.eosId === undefined ? {} : { separator: tokenizer.eosId }),
    ...(signal ? { signal } : {}),
  }
  const train = await writeShards(join(dir, 'train'), encode('train'), shardOptions)
  const heldOut = await writeShards(join(dir, 'heldout'), encode('heldOut'), shardOptions)
  const summary: CorpusSummary = {
    documents: train.documents,
    heldOutDocuments: heldOut.documents,
    trainBytes: bytes.train,
    heldOutBytes: bytes.heldOut,
    trainTokens: train.tokens,
    heldOutTokens: heldOut.tokens,
    vocabSize: tokenizer.vocabSize,
  }
  await writeFileAtomic(join(dir, 'corpus.json'), `${JSON.stringify(summary, null, 2)}\n`)
  return {
    tokenizer,
    train: openShards(join(dir, 'train')),
    heldOut: openShards(join(dir, 'heldout')),
    heldOutBytes: bytes.heldOut,
    summary,
  }
}

/** The texts of each part of the corpus, as often as they are asked for. */
type Part = (which: 'train' | 'heldOut') => AsyncGenerator<string>

async function splitCorpus({ source, heldOut, heldOutFraction, seed, signal }: CorpusOptions): Promise<Part> {
  const lengths: { id: string; length: number }[] = []
  for await (const { id, text } of source()) {
    signal?.throwIfAborted()
    lengths.push({ id, length: text.length })
  }
  const total = lengths.reduce((sum, { length }) => sum + length, 0)
  if (total < 2)
    throw new TrainError('data', `the data has ${total} characters; there is nothing to train on`)
  const byDocument = heldOut === 'documents' || (heldOut === 'auto' && lengths.length >= 10)
  if (byDocument) {
    if (lengths.length < 2)
      throw new TrainError('data', 'holding out documents needs two of them; use the end of the text instead')
    const kept = new Set(
      splitHeldOut(lengths, { fraction: heldOutFraction, seed }).heldOut.map(({ id }) => id),
    )
    return async function* (which) {
      for await (const { id, text } of source()) if (kept.has(id) === (which === 'heldOut')) yield text
    }
  }
  const boundary = Math.floor(total * (1 - heldOutFraction))
  return async function* (which) {
    let start = 0
    for await (const { text } of source()) {
      const cut = safeCut(text, boundary - start)
      const piece = which === 'train' ? text.slice(0, cut) : text.slice(cut)
      start += text.length
      if (piece !== '') yield piece
    }
  }
}

/** The cut within [0, length] that does not part a surrogate pair. */
function safeCut(text: string, at: number): number {
  const cut = Math.min(text.length, Math.max(0, at))
  const code = text.charCodeAt(cut)
  return cut > 0 && code >= 0xdc00 && code <= 0xdfff ? cut - 1 : cut
}

async function makeTokenizer(options: CorpusOptions, part: Part): Promise<Tokenizer> {
  const { tokenizer: spec, signal, onEvent, source } = options
  if (spec === 'char') {
    const texts: string[] = []
    for await (const { text } of source()) texts.push([...new Set(text)].join(''))
    return trainCharTokenizer(texts)
  }
  if (!spec.startsWith('bpe:')) return loadTokenizer(spec)
  const vocabSize = Number(spec.slice(4))
  if (!Number.isInteger(vocabSize)) {
    throw new TrainError(
      'recipe',
      `the tokenizer '${spec}' is none of 'char', 'bpe:N' with a whole number N, or a folder`,
    )
  }
  onEvent?.({ type: 'message', text: `training a byte-level BPE tokenizer of ${vocabSize} tokens` })
  // The chat's tokens are there from the beginning, so that fine-tuning need not grow the vocabulary.
  const specialTokens = ['<|endoftext|>', ...CHATML_TOKENS]
  return trainBpe(part('train'), { vocabSize, specialTokens, ...(signal ? { signal } : {}) })
}

/** The corpus that an earlier run prepared. @throws ShardError, TokenizerError when it is damaged or gone */
export async function openCorpus(dir: string, heldOutBytes: number): Promise<Corpus> {
  return {
    tokenizer: await loadTokenizer(dir),
    train: openShards(join(dir, 'train')),
    heldOut: openShards(join(dir, 'heldout')),
    heldOutBytes,
  }
}
