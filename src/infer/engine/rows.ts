/** Rows of cached keys and values that texts grow in, and the one program that reads prompts and adds tokens. */
import { cacheHeadDim, gptDecode, gptLogits, type LayerCache, type Params } from '../../models/index.js'
import {
  compile,
  dim,
  expandDims,
  gather,
  matmul,
  NDArray,
  reshape,
  type Tensor,
} from '../../tensor/index.js'
import { InferError } from '../errors.js'
import { cacheWindow, emptyCaches, type HostCache } from '../host-cache.js'
import type { LanguageModel } from '../language-model.js'
import { BUILT_IN_LIMIT, builtIn, weightBytes } from '../weights.js'

export interface RowsOptions {
  readonly rows: number
  /** Tokens that a row holds at most. */
  readonly capacity: number
  /** Whether the weights are built into the program; default for models below half a gigabyte. */
  readonly constants?: boolean
}

type Program = {
  (
    caches: readonly HostCache[],
    ids: NDArray,
    lengths: NDArray,
    total: NDArray,
    at: NDArray,
    counted: NDArray,
    params: Readonly<Record<string, NDArray>>,
  ): Promise<{ logits: NDArray; sums: NDArray; caches: HostCache[] }>
  dispose(): Promise<void>
}

/**
 * What the batch does with memory: per layer one array [rows, G, P, D], of which a step runs a window of rows [0, n), updated in
 * place.
 *
 * The same bits whatever else is in the batch: with whole weights built in, the runtime packs them once, and then computes each row
 * of a product alike for any number of rows. Only attention knows two ways, for one new position and for more; so `read` always has
 * two or more (a lone token is followed by a filler), and how a prompt is cut into pieces changes nothing either. Weights that
 * stay apart or are quantized are multiplied in another way for a single row; an exact `step` then runs two at least. Measured,
 * and tested in rows.test.ts.
 */
export class Rows {
  readonly capacity: number
  /** Bytes of keys and values of one token. */
  readonly tokenBytes: number
  readonly bytes: number
  readonly #model: LanguageModel
  readonly #program: Program
  readonly #params: Readonly<Record<string, NDArray>>
  readonly #caches: readonly HostCache[]
  readonly #lengths: number[]
  /** Whether a row alone gets the bits that it gets among others. */
  readonly #stable: boolean
  readonly #constants: boolean
  /** Positions of a row: one more than the capacity, for the filler. */
  readonly #positions: number

  private constructor(model: LanguageModel, program: Program, constants: boolean, options: RowsOptions) {
    const { config } = model
    this.#model = model
    this.#program = program
    this.#params = constants ? {} : model.params
    this.#constants = constants
    this.#stable = constants && Object.values(model.params).every(({ dtype }) => dtype === 'f32')
    this.capacity = options.capacity
    this.#positions = options.capacity + 1
    const rows = Math.max(options.rows, this.#stable ? 1 : 2)
    this.#lengths = new Array<number>(options.rows).fill(0)
    this.#caches = emptyCaches(config, rows, this.#positions)
    this.tokenBytes = 2 * 4 * config.nLayer * config.nKvHead * cacheHeadDim(config)
    this.bytes = rows * this.#positions * this.tokenBytes
  }

  /** @throws InferError `infer/options` for devices other than the CPU */
  static async create(model: LanguageModel, options: RowsOptions): Promise<Rows> {
    if (model.device.kind !== 'cpu')
      throw new InferError('infer/options', `serving needs the device cpu, not ${model.device.kind}`)
    const constants = options.constants ?? weightBytes(model.params) < BUILT_IN_LIMIT
    const program = await compileRows(model, options.capacity + 1, constants)
    return new Rows(model, program, constants, options)
  }

  get count(): number {
    return this.#lengths.length
  }

  /** Whether the weights are in the program, so that the model's own copy may be dropped. */
  get ownsWeights(): boolean {
    return this.#constants
  }

  length(row: number): number {
    return this.#lengths[row]!
  }

  /** Forgets a row's tokens from `length` on. */
  truncate(row: number, length = 0): void {
    this.#lengths[row] = Math.min(length, this.#lengths[row]!)
  }

  /**
   * Reads tokens into a row: the logits [V] after the last of them, or after each, and the sum [C] of their last hidden states.
   */
  async read(
    row: number,
    tokens: readonly number[],
    which: 'last' | 'each' = 'last',
  ): Promise<{ logits: Float32Array[]; sum: Float32Array }> {
    const start = this.#lengths[row]!
    const count = tokens.length
    if (count === 0 || start + count > this.capacity) {
      throw new InferError(
        'infer/context',
        `${count} tokens cannot be read into a row that holds ${start} of ${this.capacity}`,
      )
    }
    const T = Math.max(2, count)
    const ids = new Int32Array(T)
    ids.set(tokens)
    const counted = new Float32Array(T).fill(1, 0, count)
    const at = which === 'last' ? [count - 1] : Array.from({ length: count }, (_, i) => i)
    const { logits, sums } = await this.#program(
      cacheWindow(this.#caches, row, row + 1),
      new NDArray('i32', [1, T], ids),
      new NDArray('i32', [1], Int32Array.of(start + T)),
      NDArray.scalar(start + T, 'i32'),
      new NDArray('i32', [at.length], Int32Array.from(at)),
      new NDArray('f32', [1, T], counted),
      this.#params,
    )
    this.#lengths[row] = start + count
    return { logits: matrixRows(logits), sum: sums.data as Float32Array }
  }

  /**
   * Adds one token to each of these rows; logits [V] for each, views into one fresh array. The lower the rows, the faster.
   * @param exact whether the bits matter; else a single row may be a little faster
   */
  async step(tokens: ReadonlyMap<number, number>, exact = true): Promise<Map<number, Float32Array>> {
    const fewest = exact && !this.#stable ? 2 : 1
    const B = Math.max(fewest, ...[...tokens.keys()].map((row) => row + 1))
    const ids = new Int32Array(B)
    const lengths = new Int32Array(B)
    for (let row = 0; row < B; row++) {
      ids[row] = tokens.get(row) ?? 0
      // A row that rests gets a filler behind its end, where its next token goes.
      lengths[row] = (this.#lengths[row] ?? 0) + 1
    }
    const rows = [...tokens.keys()]
    const at = rows.length < fewest ? [...rows, rows[0]!] : rows
    const { logits } = await this.#program(
      cacheWindow(this.#caches, 0, B),
      new NDArray('i32', [B, 1], ids),
      new NDArray('i32', [B], lengths),
      NDArray.scalar(Math.max(...lengths), 'i32'),
      new NDArray('i32', [at.length], Int32Array.from(at)),
      new NDArray('f32', [B, 1], new Float32Array(B)),
      this.#params,
    )
    const after = matrixRows(logits)
    for (const row of rows) this.#lengths[row]!++
    return new Map(rows.map((row, i) => [row, after[i]!]))
  }

  /** Floats of the keys and values of `count` tokens. */
  floats(count: number): number {
    return (count * this.tokenBytes) / 4
  }

  /** Copies keys and values of the positions [start, start + count) of a row into `block`. */
  copyOut(row: number, start: number, count: number, block: Float32Array): void {
    this.#eachRun(row, start, count, (data, at, offset, length) =>
      block.set(data.subarray(at, at + length), offset),
    )
  }

  /** Puts a block back at the end of a row. */
  copyIn(row: number, count: number, block: Float32Array): void {
    this.#eachRun(row, this.#lengths[row]!, count, (data, at, offset, length) =>
      data.set(block.subarray(offset, offset + length), at),
    )
    this.#lengths[row]! += count
  }

  /** Moves a row's tokens to another one; the first is empty then. */
  move(from: number, to: number): void {
    const length = this.#lengths[from]!
    const apart = (to - from) * this.#caches[0]!.keys.shape.slice(1).reduce((a, b) => a * b, 1)
    this.#eachRun(from, 0, length, (data, at, _, size) => data.copyWithin(at + apart, at, at + size))
    this.#lengths[to] = length
    this.#lengths[from] = 0
  }

  async dispose(): Promise<void> {
    await this.#program.dispose()
  }

  get vocabSize(): number {
    return this.#model.config.vocabSize
  }

  /** The contiguous runs that some positions of a row are made of: where in the array, and where in a block. */
  #eachRun(
    row: number,
    start: number,
    count: number,
    visit: (data: Float32Array, at: number, offset: number, length: number) => void,
  ): void {
    const [, groups, positions, width] = this.#caches[0]!.keys.shape as [number, number, number, number]
    const length = count * width
    let offset = 0
    for (const { keys, values } of this.#caches) {
      for (const { data } of [keys, values]) {
        for (let g = 0; g < groups; g++) {
          visit(data as Float32Array, ((row * groups + g) * positions + start) * width, offset, length)
          offset += length
        }
      }
    }
  }
}

/** Views of the rows of a matrix. */
function matrixRows({ data, shape }: NDArray): Float32Array[] {
  const [count, width] = shape as [number, number]
  return Array.from({ length: count }, (_, i) => (data as Float32Array).subarray(i * width, (i + 1) * width))
}

async function compileRows(model: LanguageModel, positions: number, constants: boolean): Promise<Program> {
  const { config, params, device } = model
  const [B, T, n] = [dim('B'), dim('T'), dim('n')]
  const i32 = (shape: readonly unknown[]) => ({ shape, dtype: 'i32' as const })
  const cache = { shape: [B, config.nKvHead, positions, cacheHeadDim(config)], dtype: 'f32' as const }
  const embedded = constants ? builtIn(params) : undefined
  const step = (
    caches: readonly LayerCache[],
    ids: Tensor,
    lengths: Tensor,
    total: Tensor,
    at: Tensor,
    counted: Tensor,
    inputs: Params,
  ) => {
    const weights = embedded ?? inputs
    const { hidden, caches: next } = gptDecode(config, weights, ids, caches, lengths, total) // (B, T, C)
    const rows = gather(reshape(hidden, [-1, config.width]), at) // (n, C)
    const sums = reshape(matmul(expandDims(counted, 1), hidden), [-1, config.width]) // (B, C)
    return { logits: gptLogits(config, weights, rows), sums, caches: next }
  }
  const examples = [
    Array.from({ length: config.nLayer }, () => ({ keys: cache, values: cache })),
    i32([B, T]),
    i32([B]),
    i32([]),
    i32([n]),
    { shape: [B, T], dtype: 'f32' as const },
    embedded ? {} : params,
  ]
  const compiled: unknown = await compile(step as never, examples, { device, donate: [0] })
  return compiled as Program
}
