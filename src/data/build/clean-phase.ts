/** The first half of a build: every source through the cleaning stages and the search for duplicates, into document shards. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toStorageError, writeFileAtomic } from '../../atomic.js'
import { safeCut } from '../clean/characters.js'
import { addCounts, addSamples, addVolume, countReason, emptyStage, emptyVolume } from '../clean/counts.js'
import { buildEvaluationIndex, type EvaluationIndex } from '../clean/decontaminate.js'
import { DuplicateIndex } from '../clean/duplicate-index.js'
import { readEvaluationSet } from '../clean/evaluation-set.js'
import { builtinToxicWords } from '../clean/toxicity.js'
import { DataError } from '../document.js'
import { describeSkip, openSource } from '../sources/index.js'
import {
  type BatchDocument,
  type CleanBatch,
  type CleanedBatch,
  type CleanSetup,
  createBatchCleaner,
  type StoredDocument,
} from './batch.js'
import type { BuildConfig } from './config.js'
import { DocumentShardWriter, documentsFile } from './document-shards.js'
import type { OnBuildEvent } from './events.js'
import { inlinePool, mapOrdered, openPool } from './pool.js'
import { HAS_EXACT, HAS_NEAR, readRecords, recordLayout, recordsFile } from './records.js'
import { type BuildState, writeState } from './state.js'

export interface PhaseOptions {
  readonly dir: string
  readonly config: BuildConfig
  readonly state: BuildState
  readonly workers: number
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: OnBuildEvent | undefined
}

/** A batch is closed when it holds so many UTF-16 units or documents. */
const BATCH_UNITS = 1 << 19
const BATCH_DOCUMENTS = 1000
/** Progress is also committed after so much input when little of it is kept: the shard is closed early. */
const COMMIT_INPUT = 8
const SAMPLES_EACH = 3
const SKIPS_KEPT = 10

/** Cleans what `state` says is not done yet, and commits after every shard. */
export async function cleanSources(options: PhaseOptions): Promise<void> {
  const { config, workers, signal } = options
  const setup = await cleanSetup(config)
  const pool =
    workers === 0
      ? inlinePool(createBatchCleaner(setup))
      : openPool<CleanBatch, CleanedBatch>(workers, 'clean', setup)
  const collector = new Collector(options)
  try {
    await collector.restore()
    const batches = mapOrdered(readBatches(options), 2 * Math.max(1, workers), ({ source, documents }) =>
      pool.run({ source, documents }),
    )
    for await (const [input, output] of batches) {
      signal?.throwIfAborted()
      await collector.take(input, output)
    }
    await collector.finish()
  } finally {
    await pool.close()
    await collector.abandon()
  }
}

export async function cleanSetup(config: BuildConfig): Promise<CleanSetup> {
  const { decontamination, near } = config.cleaning
  let evaluation: EvaluationIndex | undefined
  if (decontamination.enabled && decontamination.paths.length > 0) {
    const sets: { name: string; entries: string[] }[] = []
    for (const path of decontamination.paths)
      sets.push({ name: path, entries: await readEvaluationSet(path) })
    evaluation = buildEvaluationIndex(sets, decontamination)
  }
  const sources: CleanSetup['sources'][number][] = []
  for (const { name, cleaning } of config.sources) {
    const { builtin, words, enabled } = cleaning.toxicity
    const lists = enabled ? await Promise.all(words.map(readWords)) : []
    sources.push({ name, cleaning, toxicWords: [...(builtin ? builtinToxicWords : []), ...lists.flat()] })
  }
  return { sources, evaluation, bands: near.bands }
}

async function readWords(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw toStorageError(error, 'read', path)
  })
  const words = text.split('\n').map((line) => line.trim())
  const found = words.filter((line) => line !== '' && !line.startsWith('#'))
  if (found.length === 0) throw new DataError('data-empty', `the word list ${path} has no words`)
  return found
}

/** A batch with what there is to remember once it is done with. */
interface InputBatch extends CleanBatch {
  readonly documents: BatchDocument[]
  readonly position: string | undefined
  readonly skips: string[]
  /** The source ends with this batch. */
  readonly last: boolean
}

/** The documents of all sources in batches that depend on the input and the cursor only. */
async function* readBatches({ config, state, signal }: PhaseOptions): AsyncGenerator<InputBatch> {
  // Small shards need small batches: a shard is only closed between two.
  const batchUnits = Math.min(BATCH_UNITS, config.shardBytes)
  for (let source = state.cursor.source; source < config.sources.length; source++) {
    const { spec } = config.sources[source]!
    const after = source === state.cursor.source ? state.cursor.position : undefined
    let documents: BatchDocument[] = []
    let skips: string[] = []
    let units = 0
    let position = after
    for await (const { id, title, text, url, licence, language, position: here } of openSource(spec, {
      ...(after === undefined ? {} : { after }),
      ...(signal ? { signal } : {}),
      maxSkipped: config.maxSkipped,
      onSkip: (skip) => skips.push(describeSkip(skip)),
    })) {
      documents.push({ id, title, text, url, licence, language })
      position = here
      units += text.length
      if (units < batchUnits && documents.length < BATCH_DOCUMENTS) continue
      yield { source, documents, position, skips, last: false }
      documents = []
      skips = []
      units = 0
    }
    yield { source, documents, position, skips, last: true }
  }
}

/** Takes cleaned batches in their order: drops duplicates, writes shards, keeps the counts. */
class Collector {
  readonly #options: PhaseOptions
  readonly #layout
  readonly #exact = new DuplicateIndex(1)
  readonly #near
  #shard: DocumentShardWriter | undefined
  #records: Int32Array[] = []
  #inputBytes = 0
  #readBytes: number

  constructor(options: PhaseOptions) {
    this.#options = options
    const { bands } = options.config.cleaning.near
    this.#layout = recordLayout(bands)
    this.#near = new DuplicateIndex(bands)
    this.#readBytes = options.state.sources.reduce((sum, { read }) => sum + read.bytes, 0)
  }

  /** Fills the indexes with what earlier runs kept. */
  async restore(): Promise<void> {
    const { dir, state } = this.#options
    for (const [shard, { documents }] of state.shards.entries()) {
      const records = await readRecords(dir, shard, documents, this.#layout)
      for (let at = 0; at < records.length; at += this.#layout.words) this.#remember(records, at)
    }
  }

  async take(input: InputBatch, output: CleanedBatch): Promise<void> {
    const { state, config, onEvent } = this.#options
    const source = state.sources[input.source]!
    addCounts(state.counts, output.report.counts)
    addSamples(state.samples, output.report.samples, SAMPLES_EACH)
    addVolume(source.read, output.read)
    for (const [licence, documents] of Object.entries(output.licences))
      source.licences[licence] = (source.licences[licence] ?? 0) + documents
    source.skipped += input.skips.length
    source.skips.push(...input.skips.slice(0, SKIPS_KEPT - source.skips.length))
    source.digest = createHash('sha256').update(source.digest).update(output.digest).digest('hex')

    const { words } = this.#layout
    for (let i = 0, start = 0; i < output.ends.length; start = output.ends[i++]!) {
      const line = output.lines.subarray(start, output.ends[i]!)
      if (this.#isDuplicate(line, output.records, i * words, source.name)) continue
      const volume = this.#volume(output.records, i * words)
      this.#remember(output.records, i * words)
      this.#records.push(output.records.slice(i * words, (i + 1) * words))
      addVolume(source.kept, volume)
      const language = output.languages[i]!
      state.languages[language] ??= emptyVolume()
      addVolume(state.languages[language], volume)
      await this.#writer().write(line)
    }
    state.cursor = {
      source: input.source,
      ...(input.position === undefined ? {} : { position: input.position }),
    }
    if (input.last) {
      source.finished = true
      state.cursor = { source: input.source + 1 }
    }
    this.#inputBytes += output.read.bytes
    this.#readBytes += output.read.bytes
    onEvent?.({ type: 'progress', label: 'cleaning', done: this.#readBytes, unit: 'bytes' })
    const full = (this.#shard?.bytes ?? 0) >= config.shardBytes
    if (full || this.#inputBytes >= COMMIT_INPUT * config.shardBytes) await this.#commit()
  }

  async finish(): Promise<void> {
    await this.#commit()
  }

  /** Throws away what was not committed. */
  async abandon(): Promise<void> {
    await this.#shard?.abandon()
  }

  async #commit(): Promise<void> {
    const { dir, state } = this.#options
    if (this.#shard !== undefined) {
      const records = Buffer.concat(
        this.#records.map(
          ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
        ),
      )
      await writeFileAtomic(recordsFile(dir, state.shards.length), records)
      state.shards.push(await this.#shard.finish())
      this.#shard = undefined
      this.#records = []
    }
    this.#inputBytes = 0
    await writeState(dir, state)
  }

  #writer(): DocumentShardWriter {
    const { dir, state, config } = this.#options
    this.#shard ??= new DocumentShardWriter(
      join(dir, documentsFile(state.shards.length, config.compress)),
      config.compress,
    )
    return this.#shard
  }

  #volume(records: Int32Array, at: number) {
    const { bytes, characters } = this.#layout
    return { documents: 1, bytes: records[at + bytes]!, characters: records[at + characters]! }
  }

  #remember(records: Int32Array, at: number): void {
    const flags = records[at + this.#layout.flags]!
    if ((flags & HAS_EXACT) !== 0) this.#exact.add(records, at)
    else this.#exact.skip()
    if ((flags & HAS_NEAR) !== 0) this.#near.add(records, at + this.#layout.near)
    else this.#near.skip()
  }

  #isDuplicate(line: Uint8Array, records: Int32Array, at: number, source: string): boolean {
    const flags = records[at + this.#layout.flags]!
    return (
      ((flags & HAS_EXACT) !== 0 &&
        this.#meets('exact', this.#exact.find(records, at), line, records, at, source)) ||
      ((flags & HAS_NEAR) !== 0 &&
        this.#meets('near', this.#near.find(records, at + this.#layout.near), line, records, at, source))
    )
  }

  /** Counts the stage; says whether the document is one that was there before. */
  #meets(
    stage: 'exact' | 'near',
    kept: number,
    line: Uint8Array,
    records: Int32Array,
    at: number,
    source: string,
  ): boolean {
    const { state } = this.#options
    const volume = this.#volume(records, at)
    const counts = state.counts[stage] ?? emptyStage()
    state.counts[stage] = counts
    addVolume(counts.in, volume)
    if (kept < 0) {
      addVolume(counts.out, volume)
      return false
    }
    const reason = stage === 'exact' ? 'duplicate' : 'near-duplicate'
    if ((counts.dropped[reason]?.documents ?? 0) < SAMPLES_EACH) {
      const { id, text } = JSON.parse(Buffer.from(line).toString()) as StoredDocument
      const excerpt = text.slice(0, safeCut(text, 160))
      const detail = `the same as document ${kept + 1} of those kept`
      state.samples.push({ stage, reason, action: 'dropped', source, id, detail, excerpt, keptNumber: kept })
    }
    countReason(counts.dropped, reason, volume.bytes)
    return true
  }
}
