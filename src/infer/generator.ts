/** Rows of tokens that grow, each with its keys and values cached: the engine under every way of generating. */
import { dim, NDArray } from '../tensor/index.js'
import { InferError } from './errors.js'
import { compilePrefill, compileStep, type Step } from './generator-programs.js'
import { cacheWindow, emptyCaches, type HostCache, putRow, putStart, rowsOf } from './host-cache.js'
import type { LanguageModel } from './language-model.js'
import { BUILT_IN_LIMIT, weightBytes } from './weights.js'

export interface GeneratorOptions {
  /** Rows. Default 1. */
  readonly batch?: number
  /** Tokens a row can hold, prompt included. Default and at most the model's context length. */
  readonly capacity?: number
  /**
   * 'input' feeds the parameters at each call: one copy in memory, and `model.params` may be replaced in between.
   * 'constant' builds them into programs: on the CPU into the one that decodes several rows, which is then about a third
   * faster (one row gains nothing), on a GPU into all, which then need not send them each time.
   * Default: constant where that helps and the model is below half a gigabyte on the CPU.
   */
  readonly weights?: 'input' | 'constant'
}

/** Prompts are read in pieces of these many tokens; the last piece is padded to one of them, or goes token by token. */
const PIECES = [256, 64, 16, 1] as const
/** Fresh prompts are read together in passes of about this many tokens, padding counted: the fewer, the less padding. */
const PREFILL_TOKENS = 1024

/**
 * A batch of rows that grow on their own: `prefill` reads prompts into several empty rows at once, `extend` a prompt (or more of a
 * conversation) into one row, `decode` adds one token to each of several rows; all return logits for the token after. Programs
 * are compiled once per model and shape.
 */
export class Generator {
  readonly capacity: number
  readonly #model: LanguageModel
  readonly #constant: boolean
  #lengths: number[]
  /** Per layer [batch, G, capacity, D]; a row's part of it is contiguous, so that one row can be run by itself. */
  #caches: HostCache[]
  #busy = false

  constructor(model: LanguageModel, options: GeneratorOptions = {}) {
    const { config } = model
    const { batch = 1, capacity = config.contextLength, weights } = options
    if (!Number.isInteger(batch) || batch < 1)
      throw new InferError('infer/options', `batch must be a positive integer, not ${batch}`)
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > config.contextLength) {
      throw new InferError(
        'infer/options',
        `capacity must be between 1 and the model's context length ${config.contextLength}, not ${capacity}`,
      )
    }
    if (batch > 1 && model.device.kind === 'webgpu') {
      throw new InferError(
        'infer/options',
        `a batch of ${batch} rows needs the device cpu; on ${model.device.kind} use one generator per row`,
      )
    }
    this.#model = model
    this.capacity = capacity
    this.#lengths = new Array<number>(batch).fill(0)
    this.#caches = emptyCaches(config, batch, capacity)
    const onCpu = model.device.kind === 'cpu'
    const helps = onCpu ? batch > 1 && weightBytes(model.params) < BUILT_IN_LIMIT : true
    this.#constant = weights === undefined ? helps : weights === 'constant'
  }

  /** Rows. */
  get batch(): number {
    return this.#lengths.length
  }

  /** Tokens that each row holds. */
  get lengths(): readonly number[] {
    return this.#lengths
  }

  /** Forgets a row's tokens from `length` on. */
  truncate(row: number, length = 0): void {
    this.#checkRow(row)
    if (!Number.isInteger(length) || length < 0 || length > this.#lengths[row]!) {
      throw new InferError(
        'infer/generator',
        `row ${row} holds ${this.#lengths[row]} tokens and cannot be cut to ${length}`,
      )
    }
    this.#lengths[row] = length
  }

  /** Goes on with these different rows only, in this order: fewer rows take less time. */
  keep(rows: readonly number[]): void {
    for (const row of rows) this.#checkRow(row)
    if (rows.length === 0 || new Set(rows).size < rows.length)
      throw new InferError('infer/generator', `rows to keep are one or more different ones, not [${rows}]`)
    if (this.#busy)
      throw new InferError('infer/generator', 'a generator does one thing at a time; await the call before')
    if (rows.length === this.batch && rows.every((row, i) => row === i)) return
    const kept = (array: NDArray) => {
      const parts = rows.map((row) => rowsOf(array, row, row + 1).data as Float32Array)
      const all = new Float32Array(rows.length * parts[0]!.length)
      parts.forEach((part, i) => {
        all.set(part, i * part.length)
      })
      return new NDArray('f32', [rows.length, ...array.shape.slice(1)], all)
    }
    this.#caches = this.#caches.map(({ keys, values }) => ({ keys: kept(keys), values: kept(values) }))
    this.#lengths = rows.map((row) => this.#lengths[row]!)
  }

  /**
   * Reads more tokens into a row and returns the logits [V] after the last of them.
   * @throws InferError `infer/context` where they do not fit, `infer/prompt` for no tokens or ids outside the vocabulary
   */
  async extend(
    row: number,
    tokens: ArrayLike<number>,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<Float32Array> {
    this.#checkRow(row)
    this.#checkTokens(tokens)
    const start = this.#lengths[row]!
    if (tokens.length === 0) throw new InferError('infer/prompt', 'a row cannot be extended by no tokens')
    if (start + tokens.length > this.capacity) {
      throw new InferError(
        'infer/context',
        `${tokens.length} tokens do not fit in a row that holds ${start} of at most ${this.capacity}; shorten the prompt`,
      )
    }
    return this.#exclusive(async () => {
      let logits: Float32Array = new Float32Array(0)
      for (let done = 0; done < tokens.length; ) {
        options.signal?.throwIfAborted()
        const length = this.#lengths[row]!
        const piece = pieceFor(tokens.length - done, this.capacity - length)
        const taken = Math.min(piece, tokens.length - done)
        const ids = new Int32Array(piece)
        for (let i = 0; i < taken; i++) ids[i] = tokens[done + i]!
        // Padding is written behind the row's end, where the next tokens go.
        const result = await this.#run(
          await this.#step(1, piece),
          this.#rowCaches(row),
          ids,
          [length + piece],
          taken - 1,
        )
        this.#keepRow(row, result.caches)
        logits = result.logits
        this.#lengths[row] = length + taken
        done += taken
      }
      return logits
    })
  }

  /**
   * Reads a prompt into each row where `prompts` has one (undefined: the row is left alone), which must be empty. Prompts of any
   * lengths go through the model together, equal ones once. Returns logits [V] after the last token of each.
   * @throws InferError as `extend`; `infer/generator` where a row is not empty
   */
  async prefill(
    prompts: readonly (ArrayLike<number> | undefined)[],
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<(Float32Array | undefined)[]> {
    const { batch, capacity } = this
    if (prompts.length !== batch)
      throw new InferError('infer/generator', `prefill takes ${batch} prompts, not ${prompts.length}`)
    prompts.forEach((tokens, row) => {
      if (tokens === undefined) return
      this.#checkTokens(tokens)
      if (tokens.length === 0) throw new InferError('infer/prompt', `the prompt for row ${row} has no tokens`)
      if (this.#lengths[row] !== 0)
        throw new InferError('infer/generator', `row ${row} is not empty: truncate it before prefill`)
      if (tokens.length > capacity) {
        throw new InferError(
          'infer/context',
          `${tokens.length} tokens do not fit in a row that holds at most ${capacity}; shorten the prompt`,
        )
      }
    })
    const results = new Array<Float32Array | undefined>(batch).fill(undefined)
    if (this.#model.device.kind !== 'cpu') {
      for (const [row, tokens] of prompts.entries())
        if (tokens) results[row] = await this.extend(row, tokens, options)
      return results
    }
    return this.#exclusive(async () => {
      const run = await this.#model.program('prefill', () => compilePrefill(this.#model))
      for (const group of prefillGroups(prompts)) {
        options.signal?.throwIfAborted()
        const [n, longest] = [group.length, Math.max(...group.map(({ tokens }) => tokens.length))]
        const ids = new Int32Array(n * longest)
        group.forEach(({ tokens }, i) => {
          ids.set(tokens, i * longest)
        })
        const last = Int32Array.from(group, ({ tokens }, i) => i * longest + tokens.length - 1)
        const { logits, caches } = await run(
          new NDArray('i32', [n, longest], ids),
          new NDArray('i32', [n], last),
          this.#model.params,
        )
        const all = (await logits.read()) as Float32Array
        group.forEach(({ tokens, rows }, i) => {
          for (const row of rows) {
            caches.forEach(({ keys, values }, layer) => {
              putStart(this.#caches[layer]!.keys, row, keys, i, tokens.length)
              putStart(this.#caches[layer]!.values, row, values, i, tokens.length)
            })
            this.#lengths[row] = tokens.length
            results[row] = all.subarray((i * all.length) / n, ((i + 1) * all.length) / n)
          }
        })
      }
      return results
    })
  }

  /**
   * Adds one token to each row where `tokens` has one (undefined: the row rests). Returns logits [V] for each of them, undefined for the
   * others; they are views into one array that is fresh at each call.
   * @throws InferError `infer/context` where a row is full
   */
  async decode(tokens: readonly (number | undefined)[]): Promise<(Float32Array | undefined)[]> {
    const { batch, capacity } = this
    if (tokens.length !== batch)
      throw new InferError('infer/generator', `decode takes ${batch} tokens, not ${tokens.length}`)
    this.#checkTokens(tokens.filter((token) => token !== undefined))
    const full = tokens.findIndex((token, row) => token !== undefined && this.#lengths[row]! >= capacity)
    if (full >= 0) throw new InferError('infer/context', `row ${full} is full: it holds ${capacity} tokens`)
    return this.#exclusive(async () => {
      // A resting row writes behind its end (or over its last position when it is full and can only be cut).
      const lengths = this.#lengths.map((length) => Math.min(length + 1, capacity))
      const ids = Int32Array.from(tokens, (token) => token ?? 0)
      const { logits, caches } = await this.#run(await this.#step(batch, 1), this.#caches, ids, lengths, 0)
      this.#caches = caches
      const vocabulary = this.#model.config.vocabSize
      return tokens.map((token, row) => {
        if (token === undefined) return undefined
        this.#lengths[row] = this.#lengths[row]! + 1
        return logits.subarray(row * vocabulary, (row + 1) * vocabulary)
      })
    })
  }

  /** Frees device memory. Compiled programs belong to the model. */
  dispose(): void {
    for (const { keys, values } of this.#caches) {
      keys.dispose()
      values.dispose()
    }
  }

  async #run(
    step: Step,
    caches: readonly HostCache[],
    ids: Int32Array,
    lengths: readonly number[],
    at: number,
  ) {
    const batch = lengths.length
    const { logits, caches: next } = await step(
      caches,
      new NDArray('i32', [batch, ids.length / batch], ids),
      new NDArray('i32', [batch], Int32Array.from(lengths)),
      NDArray.scalar(Math.max(...lengths), 'i32'),
      NDArray.from([at], [1], 'i32'),
      this.#constantFor(batch) ? {} : this.#model.params,
    )
    return { logits: (await logits.read()) as Float32Array, caches: next }
  }

  #step(batch: number, tokens: number): Promise<Step> {
    const constant = this.#constantFor(batch)
    // Every program of a quantized model holds its weights: one program for all lengths.
    const length = this.#model.quantization === 'none' ? tokens : dim('tokens')
    return this.#model.program(`decode ${batch} ${length} ${this.capacity} ${constant}`, () =>
      compileStep(this.#model, batch, length, this.capacity, constant),
    )
  }

  #constantFor(rows: number): boolean {
    return this.#constant && (rows > 1 || this.#model.device.kind !== 'cpu')
  }

  #rowCaches(row: number): readonly HostCache[] {
    return this.batch === 1 ? this.#caches : cacheWindow(this.#caches, row, row + 1)
  }

  #keepRow(row: number, caches: HostCache[]): void {
    if (this.batch === 1) this.#caches = caches
    else putRow(this.#caches, row, caches)
  }

  #checkRow(row: number): void {
    if (!Number.isInteger(row) || row < 0 || row >= this.batch)
      throw new InferError('infer/generator', `there is no row ${row} among ${this.batch}`)
  }

  #checkTokens(tokens: ArrayLike<number>): void {
    checkTokens(tokens, this.#model.config.vocabSize)
  }

  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy)
      throw new InferError('infer/generator', 'a generator does one thing at a time; await the call before')
    this.#busy = true
    try {
      return await work()
    } finally {
      this.#busy = false
    }
  }
}

/** A generator of `batch` rows over a model; see `Generator`. @throws InferError `infer/options` */
export function createGenerator(model: LanguageModel, options: GeneratorOptions = {}): Generator {
  return new Generator(model, options)
}

/** @throws InferError `infer/prompt` naming the first id outside the vocabulary */
export function checkTokens(tokens: ArrayLike<number>, vocabSize: number): void {
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!
    if (!Number.isInteger(token) || token < 0 || token >= vocabSize) {
      throw new InferError(
        'infer/prompt',
        `token ${i} is ${token}; the model's ids go from 0 to ${vocabSize - 1}`,
      )
    }
  }
}

/** The longest piece that the tokens at least half fill, and that fits. */
function pieceFor(tokens: number, room: number): number {
  return PIECES.find((piece) => piece <= room && (piece <= tokens || piece < 2 * tokens)) ?? 1
}

/** The different prompts with the rows they go to, of similar lengths together. */
function prefillGroups(
  prompts: readonly (ArrayLike<number> | undefined)[],
): { tokens: number[]; rows: number[] }[][] {
  const distinct = new Map<string, { tokens: number[]; rows: number[] }>()
  prompts.forEach((prompt, row) => {
    if (!prompt) return
    const tokens = Array.from(prompt)
    const key = tokens.join()
    const known = distinct.get(key)
    if (known) known.rows.push(row)
    else distinct.set(key, { tokens, rows: [row] })
  })
  const groups: { tokens: number[]; rows: number[] }[][] = []
  for (const each of [...distinct.values()].sort((a, b) => a.tokens.length - b.tokens.length)) {
    const group = groups.at(-1)
    if (group && (group.length + 1) * each.tokens.length <= PREFILL_TOKENS) group.push(each)
    else groups.push([each])
  }
  return groups
}
