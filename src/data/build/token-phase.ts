/** The second half of a build: a tokenizer, and the mixture of clean documents in token shards, as training reads them. */
import { copyFile, link, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory, writeDirectoryAtomic, writeFileAtomic } from '../../atomic.js'
import {
  CHATML_TOKENS,
  loadTokenizer,
  saveTokenizer,
  type Tokenizer,
  trainBpe,
  trainCharTokenizer,
} from '../../text/index.js'
import { DataError } from '../document.js'
import type { PhaseOptions } from './clean-phase.js'
import { readDocuments } from './document-shards.js'
import { createShardEncoder, type EncodeCounts, type EncodeJob } from './encode.js'
import { CUT, HELD_OUT, type Mixture, SKIP } from './mixture.js'
import { inlinePool, mapOrdered, openPool } from './pool.js'

/** What `corpus.json` records: the same as that of a training run. */
export interface CorpusSummary {
  readonly documents: number
  readonly heldOutDocuments: number
  readonly trainBytes: number
  readonly heldOutBytes: number
  readonly trainTokens: number
  readonly heldOutTokens: number
  readonly vocabSize: number
}

export async function writeTokens(options: PhaseOptions, mixture: Mixture): Promise<CorpusSummary> {
  const { dir, signal, workers } = options
  const tokenizer = await prepareTokenizer(options, mixture)
  const setup = { tokenizer: dir }
  const pool =
    workers === 0
      ? inlinePool(await createShardEncoder(setup))
      : openPool<EncodeJob, EncodeCounts>(workers, 'encode', setup)
  const sums = {
    documents: 0,
    heldOutDocuments: 0,
    trainBytes: 0,
    heldOutBytes: 0,
    trainTokens: 0,
    heldOutTokens: 0,
  }
  const jobs: string[] = []
  try {
    const encoded = mapOrdered(encodeJobs(options, mixture), 2 * Math.max(1, workers), async (job) => {
      return (await countsOf(job.out)) ?? (await pool.run(job))
    })
    for await (const [{ out }, counts] of encoded) {
      signal?.throwIfAborted()
      jobs.push(out)
      sums.documents += counts.documents
      sums.heldOutDocuments += counts.heldOutDocuments
      sums.trainBytes += counts.bytes
      sums.heldOutBytes += counts.heldOutBytes
      sums.trainTokens += counts.tokens
      sums.heldOutTokens += counts.heldOutTokens
      options.onEvent?.({
        type: 'progress',
        label: 'encoding',
        done: sums.trainBytes + sums.heldOutBytes,
        total: mixture.train.bytes + mixture.heldOut.bytes,
        unit: 'bytes',
      })
    }
  } finally {
    await pool.close()
  }
  for (const part of ['train', 'heldout'])
    await gather(
      jobs.map((job) => join(job, part)),
      join(dir, part),
    )
  const summary = { ...sums, vocabSize: tokenizer.vocabSize }
  await writeFileAtomic(join(dir, 'corpus.json'), `${JSON.stringify(summary, null, 2)}\n`)
  return summary
}

async function* encodeJobs({ dir, state }: PhaseOptions, mixture: Mixture): AsyncGenerator<EncodeJob> {
  for (let round = 0; round < mixture.rounds; round++) {
    for (const [shard, { file }] of state.shards.entries()) {
      const { actions, cut } = await mixture.plan(round, shard)
      if (actions.every((action) => action === SKIP)) continue
      const name = `${String(round).padStart(3, '0')}-${String(shard).padStart(5, '0')}`
      yield { documents: join(dir, file), actions, cut, out: join(dir, '.work', 'tokens', name) }
    }
  }
}

/** What an earlier run has encoded already; the folder appears whole or not at all. */
async function countsOf(out: string): Promise<EncodeCounts | undefined> {
  const text = await readFile(join(out, 'counts.json'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as EncodeCounts)
}

/** The token files of many folders as those of one, without copying where the file system has links. */
async function gather(parts: readonly string[], target: string): Promise<void> {
  await writeDirectoryAtomic(target, async (folder) => {
    let count = 0
    for (const part of parts) {
      for (const name of (await readdir(part).catch(() => [])).sort()) {
        const to = join(folder, `tokens-${String(count++).padStart(5, '0')}.bin`)
        await link(join(part, name), to).catch(() => copyFile(join(part, name), to))
      }
    }
  })
}

async function prepareTokenizer(options: PhaseOptions, mixture: Mixture): Promise<Tokenizer> {
  const { dir, config, signal, onEvent } = options
  const done = join(dir, '.work', 'tokenizer')
  await makeDirectory(join(dir, '.work'))
  if ((await readFile(done, 'utf8').catch(() => '')) === config.tokenizer) return loadTokenizer(dir)
  const tokenizer = await makeTokenizer()
  await saveTokenizer(tokenizer, dir)
  await writeFileAtomic(done, config.tokenizer)
  return tokenizer

  async function makeTokenizer(): Promise<Tokenizer> {
    const { tokenizer: spec, tokenizerCharacters } = config
    if (spec === 'char') {
      const characters = new Set<string>()
      for await (const { text } of texts(true)) for (const character of text) characters.add(character)
      return trainCharTokenizer([[...characters].sort().join('')])
    }
    if (!spec.startsWith('bpe:')) return loadTokenizer(spec)
    const vocabSize = Number(spec.slice(4))
    if (!Number.isInteger(vocabSize))
      throw new DataError('data-option', `the tokenizer '${spec}' is none of bpe:N, char, none, or a folder`)
    onEvent?.({ type: 'message', text: `training a byte-level BPE tokenizer of ${vocabSize} tokens` })
    const sample = async function* () {
      // Every k-th document, so that all sources and places have their part.
      const each = Math.max(1, Math.ceil(mixture.train.characters / tokenizerCharacters))
      let count = 0
      for await (const { text } of texts(false)) if (count++ % each === 0) yield text
    }
    const specialTokens = ['<|endoftext|>', ...CHATML_TOKENS]
    return trainBpe(sample(), { vocabSize, specialTokens, ...(signal ? { signal } : {}) })
  }

  /** The documents of the first round; held-out ones only on demand: a character that cannot be spelt cannot be measured. */
  async function* texts(withHeldOut: boolean): AsyncGenerator<{ readonly text: string }> {
    for (const [shard, { file }] of options.state.shards.entries()) {
      const { actions, cut } = await mixture.plan(0, shard)
      let index = 0
      for await (const { text } of readDocuments(join(dir, file), signal)) {
        const action = actions[index++]
        if (action === SKIP || (action === HELD_OUT && !withHeldOut)) continue
        yield { text: action === CUT && !withHeldOut ? [...text].slice(0, cut).join('') : text }
      }
    }
  }
}
