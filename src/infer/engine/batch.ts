/** Continuous batching: texts come and go, and between two steps of those that run, pieces of waiting prompts are read. */
import { FairQueue } from './fair-queue.js'
import { PrefixTree } from './prefix-tree.js'
import type { Rows } from './rows.js'

/** A text under way, as the batch sees it. */
export interface Task {
  /** Prompt first, then what was drawn; the task appends to it. */
  readonly tokens: readonly number[]
  readonly fairKey: string
  /** Take only what was computed before in the same way, to give the same bits as without the cache. */
  readonly exact: boolean
  /** The prompt is read to its end and that is all (embeddings): nothing is taken from the cache. */
  readonly onRead?: (sum: Float32Array) => void
  /** Told the logits [V] after each token of the prompt, from position `from` on: nothing is taken from the cache. */
  readonly onPrompt?: ((from: number, logits: readonly Float32Array[]) => void) | undefined
  onStart(cachedTokens: number): void
  /** Draws a token from the logits [V] after the last one; undefined when the text is complete. */
  next(logits: Float32Array): number | undefined
  /** Called once, when it is complete. */
  onEnd(): void
  /** Called once, when it cannot be completed. */
  onError(error: unknown): void
}

interface Running {
  readonly task: Task
  row: number
  /** How many of its first tokens were all read as a prompt, in this or another text. */
  exact: number
  started: boolean
  /** Drawn, and not in the row yet. */
  token: number | undefined
}

export interface BatchOptions {
  /** Prompt tokens to read between two steps. */
  readonly prefillTokens: number
  /** Bytes for the keys and values of earlier texts. */
  readonly prefixBytes: number
}

const BLOCK_TOKENS = 16
/** Logits of so many tokens and vocabulary entries are held at once. */
const MOST_LOGITS = 2 ** 22

export class Batch {
  readonly rows: Rows
  readonly #prefillTokens: number
  readonly #tree: PrefixTree
  readonly #queue = new FairQueue<Task>()
  /** In the order of arrival. */
  readonly #running = new Map<Task, Running>()
  readonly #free: boolean[]
  #lastTick: Promise<void> = Promise.resolve()

  constructor(rows: Rows, { prefillTokens, prefixBytes }: BatchOptions) {
    this.rows = rows
    // Two tokens at least, for two prompts.
    this.#prefillTokens = Math.max(4, prefillTokens)
    this.#tree = new PrefixTree({
      blockTokens: BLOCK_TOKENS,
      blockFloats: rows.floats(BLOCK_TOKENS),
      budget: prefixBytes,
    })
    this.#free = new Array<boolean>(rows.count).fill(true)
  }

  get queued(): number {
    return this.#queue.size
  }

  get running(): number {
    return this.#running.size
  }

  get isBusy(): boolean {
    return this.running + this.queued > 0
  }

  get bytes(): number {
    return this.rows.bytes + this.#tree.bytes
  }

  submit(task: Task): void {
    this.#queue.push(task.fairKey, task)
  }

  /** Takes a task out, wherever it is; none of its methods is called any more. Its row is free at once. */
  cancel(task: Task): void {
    if (this.#queue.remove(task.fairKey, task)) return
    const running = this.#running.get(task)
    if (running) this.#release(running)
  }

  /** Ends every task. */
  fail(error: unknown): void {
    const tasks = [...this.#queue, ...this.#running.keys()]
    for (const task of tasks) {
      this.cancel(task)
      task.onError(error)
    }
  }

  /** Frees memory, once a tick that is under way has ended. Nothing may be submitted any more. */
  async dispose(): Promise<void> {
    await this.#lastTick
    await this.rows.dispose()
  }

  /** Reads some of the waiting prompts, then adds a token to every text that runs. One at a time. */
  tick(): Promise<void> {
    this.#lastTick = this.#tick()
    return this.#lastTick
  }

  async #tick(): Promise<void> {
    this.#admit()
    try {
      await this.#readPrompts()
      await this.#step()
    } catch (error) {
      this.fail(error)
    }
  }

  #admit(): void {
    for (let row = this.#free.indexOf(true); row >= 0; row = this.#free.indexOf(true)) {
      const task = this.#queue.take()
      if (!task) return
      this.#free[row] = false
      this.rows.truncate(row)
      this.#running.set(task, { task, row, exact: 0, started: false, token: undefined })
    }
  }

  /** The oldest prompt gets half of the budget at least, so that it comes to its end; the shortest come before the others. */
  async #readPrompts(): Promise<void> {
    const [oldest, ...others] = [...this.#running.values()].filter(({ token }) => token === undefined)
    if (!oldest) return
    let budget = this.#prefillTokens
    const left = ({ task, row }: Running) => task.tokens.length - this.rows.length(row)
    others.sort((a, b) => left(a) - left(b))
    if (others.length > 0) budget -= await this.#read(oldest, budget >> 1)
    for (const running of others) budget -= await this.#read(running, budget)
    await this.#read(oldest, budget)
  }

  /** Reads up to `most` more tokens of a prompt; how many it were. */
  async #read(running: Running, most: number): Promise<number> {
    const { task, row } = running
    const isReading = () => this.#running.has(task) && running.token === undefined
    if (most < 2 || !isReading()) return 0
    if (!running.started) this.#start(running)
    const from = this.rows.length(row)
    const left = task.tokens.length - from
    const held = Math.max(4, Math.floor(MOST_LOGITS / this.rows.vocabSize))
    const limit = task.onPrompt ? Math.min(most, held) : most
    const count = left - limit === 1 && this.#fills(task) ? limit - 1 : Math.min(left, limit)
    const piece = task.tokens.slice(from, from + count)
    const { logits, sum } = await this.rows.read(row, piece, task.onPrompt ? 'each' : 'last')
    // It may have been cancelled meanwhile.
    if (!isReading()) return piece.length
    if (running.exact === from) running.exact = from + piece.length
    task.onRead?.(sum)
    task.onPrompt?.(from, logits)
    // At once, so that others with the same beginning need not wait for its end.
    if (!task.onRead) this.#remember(running)
    if (from + piece.length === task.tokens.length) this.#draw(running, logits.at(-1)!)
    return piece.length
  }

  /** Takes over what is known of the prompt; its last tokens are always read, for their logits. */
  #start(running: Running): void {
    const { task, row } = running
    running.started = true
    const limit = task.tokens.length - (this.#fills(task) ? 2 : 1)
    const blocks = task.onRead || task.onPrompt ? [] : this.#tree.match(task.tokens, limit, task.exact)
    for (const { data } of blocks) this.rows.copyIn(row, BLOCK_TOKENS, data)
    const inexact = blocks.findIndex(({ exact }) => !exact)
    running.exact = BLOCK_TOKENS * (inexact < 0 ? blocks.length : inexact)
    task.onStart(this.rows.length(row))
  }

  /** Whether a prompt fills its row: a lone last token would be followed by a filler, for which there is no place. */
  #fills({ tokens }: Task): boolean {
    return tokens.length >= this.rows.capacity
  }

  async #step(): Promise<void> {
    const decoding = [...this.#running.values()].filter(({ token }) => token !== undefined)
    if (decoding.length === 0) return
    this.#compact(decoding)
    const exact = decoding.some(({ task }) => task.exact)
    const logits = await this.rows.step(new Map(decoding.map(({ row, token }) => [row, token!])), exact)
    for (const running of decoding)
      if (this.#running.has(running.task)) this.#draw(running, logits.get(running.row)!)
  }

  /** Texts far up move down to free rows when half of the rows below them rest. */
  #compact(decoding: readonly Running[]): void {
    const byRow = decoding.toSorted((a, b) => b.row - a.row)
    if (2 * decoding.length > byRow[0]!.row + 1) return
    for (const running of byRow) {
      const to = this.#free.indexOf(true)
      if (to < 0 || to > running.row) return
      this.rows.move(running.row, to)
      this.#free[running.row] = true
      this.#free[to] = false
      running.row = to
    }
  }

  #draw(running: Running, logits: Float32Array): void {
    const { task } = running
    try {
      running.token = task.next(logits)
    } catch (error) {
      this.#release(running)
      task.onError(error)
      return
    }
    if (running.token !== undefined || !this.#running.has(task)) return
    this.#release(running)
    task.onEnd()
  }

  #release(running: Running): void {
    if (!running.task.onRead) this.#remember(running)
    this.#running.delete(running.task)
    this.#free[running.row] = true
    this.rows.truncate(running.row)
  }

  #remember({ task, row, exact }: Running): void {
    this.#tree.insert(task.tokens, this.rows.length(row), exact, (start, data) =>
      this.rows.copyOut(row, start, BLOCK_TOKENS, data),
    )
  }
}
