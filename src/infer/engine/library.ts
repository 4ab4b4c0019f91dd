/** The models that are known: loaded when they are needed, let go when memory is needed for others, read again when their files change. */

import { createVocabulary, type Vocabulary } from '../constrain/index.js'
import { InferError } from '../errors.js'
import type { LanguageModel } from '../language-model.js'
import { type LoadModelOptions, loadModel } from '../load-model.js'
import { loadRewardModel, type RewardModel } from '../reward.js'
import { weightBytes } from '../weights.js'
import { Batch } from './batch.js'
import { fingerprintOf, inspectModel, type ModelFiles } from './model-files.js'
import { Rows } from './rows.js'
import type { EngineModel, ModelSource, ModelState, Quantization } from './types.js'

export interface LibrarySettings {
  readonly threads: number | undefined
  readonly memoryBudget: number
  readonly slots: number
  readonly prefixCacheBytes: number | undefined
  readonly contextLimit: number
  readonly prefillTokens: number
}

export interface LoadedDecoder {
  readonly kind: 'decoder'
  readonly model: LanguageModel
  readonly batch: Batch
  /** Bytes of its longest token. */
  readonly longestToken: number
  /** What constraints match against; made at the first call. */
  vocabulary(): Vocabulary
}

export interface LoadedReward {
  readonly kind: 'reward'
  readonly model: RewardModel
}

export type Loaded = (LoadedDecoder | LoadedReward) & {
  /** Memory, with what the cache may grow to. */
  readonly bytes: number
  readonly uses: Uses
}

/** Who uses something that must not go away meanwhile. */
class Uses {
  #count = 0
  #waiting: (() => void)[] = []

  get count(): number {
    return this.#count
  }

  /** @returns what ends this use */
  enter(onLeave: () => void): () => void {
    this.#count++
    let left = false
    return () => {
      if (left) return
      left = true
      onLeave()
      if (--this.#count === 0) for (const wake of this.#waiting.splice(0)) wake()
    }
  }

  /** When nobody uses it. */
  async idle(): Promise<void> {
    while (this.#count > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}

interface Entry {
  readonly source: ModelSource
  files: ModelFiles
  state: ModelState
  error: string | undefined
  loaded: Loaded | undefined
  loading: Promise<Loaded> | undefined
  lastUsed: number
  checked: number
}

/** Milliseconds that a request waits for the memory of models that are answering others. */
const IDLE_PATIENCE = 30_000

/** Milliseconds for which a model's files are taken to be what they were. */
const CHECK_INTERVAL = 1000

export class Library {
  readonly #settings: LibrarySettings
  readonly #onChange: () => void
  readonly #entries = new Map<string, Entry>()
  /** Of files that were changed meanwhile, until their last request is answered. */
  readonly #retiring = new Set<Loaded>()
  /** Models are loaded one after the other, so that each sees the memory that is left. */
  #lastLoad: Promise<unknown> = Promise.resolve()

  /** @param onChange called whenever `models()` has changed */
  constructor(settings: LibrarySettings, onChange: () => void) {
    this.#settings = settings
    this.#onChange = onChange
  }

  models(): EngineModel[] {
    return [...this.#entries.values()].map(toModel)
  }

  /** The decoders in memory. */
  decoders(): (readonly [id: string, loaded: LoadedDecoder])[] {
    return [...this.#entries].flatMap(([id, { loaded }]) =>
      loaded?.kind === 'decoder' ? [[id, loaded] as const] : [],
    )
  }

  /** All that may have work, those included whose files were changed meanwhile. */
  batches(): Batch[] {
    const entries = [...this.#entries.values()].map(({ loaded }) => loaded)
    return [...entries, ...this.#retiring].flatMap((loaded) =>
      loaded?.kind === 'decoder' ? [loaded.batch] : [],
    )
  }

  /** @throws InferError `infer/options` where the name is taken; what `inspectModel` throws */
  async add(source: ModelSource): Promise<EngineModel> {
    const known = this.#entries.get(source.id)
    if (known) {
      const isSame =
        known.source.dir === source.dir && quantizationOf(known.source) === quantizationOf(source)
      if (isSame) return toModel(known)
      throw new InferError(
        'infer/options',
        `there is a model ${JSON.stringify(source.id)} already, from ${known.source.dir}; remove it first, or choose another name`,
      )
    }
    const files = await inspectModel(source.dir)
    const entry: Entry = {
      source,
      files,
      state: 'idle',
      error: undefined,
      loaded: undefined,
      loading: undefined,
      lastUsed: 0,
      checked: Date.now(),
    }
    this.#entries.set(source.id, entry)
    this.#onChange()
    return toModel(entry)
  }

  /** Ends what the model is doing and forgets it. */
  async remove(id: string): Promise<void> {
    const entry = this.#entry(id)
    this.#entries.delete(id)
    if (entry.loaded?.kind === 'decoder') {
      entry.loaded.batch.fail(
        new InferError('infer/cancelled', `the model ${JSON.stringify(id)} was removed from the server`),
      )
    }
    await entry.loading?.catch(() => undefined)
    await entry.loaded?.uses.idle()
    await this.#free(entry)
    this.#onChange()
  }

  async load(id: string): Promise<EngineModel> {
    const { release } = await this.use(id)
    release()
    return toModel(this.#entry(id))
  }

  /** Frees its memory once the requests that use it are done. */
  async unload(id: string): Promise<void> {
    const entry = this.#entry(id)
    await entry.loading?.catch(() => undefined)
    await entry.loaded?.uses.idle()
    await this.#free(entry)
    this.#onChange()
  }

  /** Of all models, loaded or not. */
  entryStats(): { id: string; state: ModelState; bytes: number }[] {
    return [...this.#entries].map(([id, { state, loaded }]) => ({ id, state, bytes: bytesOf(loaded) }))
  }

  /**
   * The model, loaded, until `release` is called.
   * @throws InferError `infer/model-not-found`, `infer/model`, `infer/memory`
   */
  async use(id: string): Promise<{ loaded: Loaded; release(): void }> {
    const entry = this.#entry(id)
    await this.#check(entry)
    for (;;) {
      const loaded = entry.loaded ?? (await this.#load(entry))
      if (this.#entries.get(id) !== entry) this.#entry(id)
      // It may have been evicted while this waited.
      if (entry.loaded !== loaded) continue
      const release = loaded.uses.enter(() => {
        entry.lastUsed = performance.now()
      })
      return { loaded, release }
    }
  }

  async close(): Promise<void> {
    for (const id of [...this.#entries.keys()]) await this.remove(id)
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id)
    if (entry) return entry
    const names = [...this.#entries.keys()]
    const known = names.length === 0 ? 'there are none' : `there are ${names.slice(0, 20).join(', ')}`
    throw new InferError(
      'infer/model-not-found',
      `there is no model ${JSON.stringify(id.slice(0, 200))}; ${known}`,
    )
  }

  /** Looks whether the files are still those that were loaded; if not, the next to come get what is there now. */
  async #check(entry: Entry): Promise<void> {
    if (entry.loading || Date.now() - entry.checked < CHECK_INTERVAL) return
    entry.checked = Date.now()
    let files: ModelFiles
    try {
      if ((await fingerprintOf(entry.source.dir)) === entry.files.fingerprint) return
      files = await inspectModel(entry.source.dir)
    } catch (error) {
      // What is in memory is whole and stays; without it there is nothing to answer with.
      if (entry.loaded) return
      throw this.#failed(entry, error)
    }
    const isSame = files.version === entry.files.version
    entry.files = files
    if (entry.state === 'failed') entry.state = 'idle'
    if (!isSame && entry.loaded) {
      const stale = entry.loaded
      entry.loaded = undefined
      entry.state = 'idle'
      // Those that are being answered are answered by the model that they asked.
      this.#retiring.add(stale)
      void stale.uses.idle().then(() => {
        this.#retiring.delete(stale)
        return dispose(stale)
      })
    }
    this.#onChange()
  }

  #load(entry: Entry): Promise<Loaded> {
    if (entry.loading) return entry.loading
    const turn = this.#lastLoad.then(() => this.#loadNow(entry))
    entry.loading = turn
    this.#lastLoad = turn.catch(() => undefined)
    return turn
  }

  async #loadNow(entry: Entry): Promise<Loaded> {
    entry.state = 'loading'
    entry.error = undefined
    this.#onChange()
    try {
      let loaded = await this.#read(entry)
      // A swap in the middle would mix two models.
      if ((await fingerprintOf(entry.source.dir)) !== entry.files.fingerprint) {
        await dispose(loaded)
        entry.files = await inspectModel(entry.source.dir)
        loaded = await this.#read(entry)
        if ((await fingerprintOf(entry.source.dir)) !== entry.files.fingerprint) {
          await dispose(loaded)
          throw new InferError(
            'infer/model',
            'its files keep changing while they are read; try again when they are whole',
          )
        }
      }
      entry.loaded = loaded
      entry.state = 'ready'
      entry.lastUsed = performance.now()
      return loaded
    } catch (error) {
      throw this.#failed(entry, error)
    } finally {
      entry.loading = undefined
      this.#onChange()
    }
  }

  #failed(entry: Entry, error: unknown): InferError {
    const reason = error instanceof Error ? error.message : String(error)
    if (error instanceof InferError && error.code === 'infer/memory') {
      entry.state = 'idle'
      return error
    }
    entry.state = 'failed'
    entry.error = reason
    this.#onChange()
    return new InferError(
      'infer/model',
      `the model ${JSON.stringify(entry.source.id)} cannot be loaded: ${reason}`,
      { cause: error },
    )
  }

  async #read(entry: Entry): Promise<Loaded> {
    const { source, files } = entry
    const { threads } = this.#settings
    const quantization = quantizationOf(source)
    const weights = files.parameters * BYTES[quantization]
    await this.#makeRoom(weights, entry)
    const options: LoadModelOptions = {
      quantization,
      ...(threads === undefined ? {} : { threads }),
    }
    if (files.kind === 'reward') {
      const model = await loadRewardModel(source.dir, options)
      const bytes = weightBytes(model.params)
      await this.#makeRoom(bytes, entry)
      return { kind: 'reward', model, bytes, uses: new Uses() }
    }
    const model = await loadModel(source.dir, options)
    const bytes = weightBytes(model.params)
    try {
      const { slots, contextLimit, prefillTokens, prefixCacheBytes } = this.#settings
      const capacity = Math.min(model.config.contextLength, contextLimit)
      const rows = await Rows.create(model, { rows: slots, capacity })
      const prefixBytes = prefixCacheBytes ?? rows.bytes
      const total = bytes + rows.bytes + prefixBytes
      await this.#makeRoom(total, entry)
      // The program has its own.
      if (rows.ownsWeights) model.params = {}
      const batch = new Batch(rows, { prefillTokens, prefixBytes })
      return { kind: 'decoder', model, batch, bytes: total, uses: new Uses(), ...spellings(model) }
    } catch (error) {
      await model.dispose()
      throw error
    }
  }

  /**
   * Lets go of idle models, the longest idle first, until `bytes` more fit; waits for one to become idle where all are answering.
   * @throws InferError `infer/memory`
   */
  async #makeRoom(bytes: number, wanted: Entry): Promise<void> {
    const { memoryBudget } = this.#settings
    const patience = AbortSignal.timeout(IDLE_PATIENCE)
    for (;;) {
      const loaded = [...this.#entries.values()].filter((entry) => entry !== wanted && entry.loaded)
      const used = loaded.reduce((sum, entry) => sum + bytesOf(entry.loaded), 0)
      if (used + bytes <= memoryBudget) return
      const [idle] = loaded
        .filter((entry) => entry.loaded?.uses.count === 0)
        .sort((a, b) => a.lastUsed - b.lastUsed)
      if (!idle && bytes <= memoryBudget && !patience.aborted) {
        await Promise.race([...loaded.map((entry) => entry.loaded?.uses.idle()), aborted(patience)])
        continue
      }
      if (!idle) {
        const others = loaded.length > 0 ? `, of which ${megabytes(used)} are in use by other models` : ''
        throw new InferError(
          'infer/memory',
          `the model ${JSON.stringify(wanted.source.id)} needs ${megabytes(bytes)} of memory and models may take ${megabytes(memoryBudget)}${others}; try again later, raise the memory budget, load it with quantization, or give it fewer slots`,
        )
      }
      await this.#free(idle)
    }
  }

  async #free(entry: Entry): Promise<void> {
    const { loaded } = entry
    entry.loaded = undefined
    entry.state = entry.state === 'failed' ? 'failed' : 'idle'
    if (loaded) await dispose(loaded)
    this.#onChange()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Bytes of a parameter in memory. */
const BYTES: Readonly<Record<Quantization, number>> = { none: 4, q8: 1.2, q4: 0.7 }

function spellings(model: LanguageModel): Pick<LoadedDecoder, 'longestToken' | 'vocabulary'> {
  const { tokenizer, eosIds } = model
  let longestToken = 1
  for (let id = 0; tokenizer && id < tokenizer.vocabSize; id++)
    if (tokenizer.idToToken(id) !== undefined)
      longestToken = Math.max(longestToken, tokenizer.idToBytes(id).length)
  let known: Vocabulary | undefined
  const vocabulary = () => {
    if (!tokenizer)
      throw new InferError(
        'infer/tokenizer',
        'answers of a wanted form need a tokenizer, and this model has none',
      )
    known ??= createVocabulary(tokenizer, { endIds: endIdsOf(model, eosIds) })
    return known
  }
  return { longestToken, vocabulary }
}

/** Tokens that end an answer: those of documents and those of turns. */
export function endIdsOf(model: LanguageModel, eosIds: readonly number[] = model.eosIds): number[] {
  return [...new Set([...eosIds, ...(model.chat?.stopIds ?? [])])]
}

async function dispose(loaded: Loaded): Promise<void> {
  if (loaded.kind === 'decoder') await loaded.batch.dispose()
  await loaded.model.dispose()
}

function bytesOf(loaded: Loaded | undefined): number {
  return loaded?.bytes ?? 0
}

function quantizationOf({ quantization = 'none' }: ModelSource): Quantization {
  return quantization
}

function toModel({ source, files, state, error, loaded }: Entry): EngineModel {
  const { kind, version, created, contextLength, vocabSize, parameters } = files
  return {
    id: source.id,
    dir: source.dir,
    kind,
    state,
    ...(error === undefined ? {} : { error }),
    contextLength,
    vocabSize,
    parameters,
    ...(loaded ? { bytes: loaded.bytes } : {}),
    quantization: quantizationOf(source),
    version,
    created,
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`
}
