/** The engine's inside: answers messages, and keeps every batch going while there is something to do. Runs in any thread. */
import { randomInt } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { totalmem } from 'node:os'
import { Rng } from '../../rng.js'
import {
  type Constraint,
  compileJsonSchema,
  createConstraint,
  createToolCallParser,
  type Grammar,
  jsonObjectGrammar,
  toolGrammar,
} from '../constrain/index.js'
import { InferError } from '../errors.js'
import type { LanguageModel } from '../language-model.js'
import { encodeForScore, scoreTokens } from '../reward.js'
import { Answer } from './answer.js'
import type { Task } from './batch.js'
import { endIdsOf, Library, type Loaded, type LoadedDecoder } from './library.js'
import { chatOf, promptTokens } from './prompt.js'
import { type CallName, type Calls, errorData, type FromEngine, type ToEngine } from './protocol.js'
import type { CheckedRequest } from './request.js'
import type {
  DetokenizeRequest,
  Embeddings,
  EmbedRequest,
  EngineOptions,
  GenerationEvent,
  ScoreRequest,
  Scores,
  TokenizeRequest,
} from './types.js'

interface Counts {
  requests: number
  promptTokens: number
  cachedTokens: number
  completionTokens: number
}

/** Grammars that are kept compiled. */
const GRAMMARS = 64

export class EngineCore {
  readonly #send: (message: FromEngine) => void
  readonly #cancels = new Map<number, () => void>()
  readonly #counts = new Map<string, Counts>()
  readonly #grammars = new Map<string, Grammar>()
  /** Generations that are under way or wait, by model. */
  readonly #open = new Map<string, number>()
  #library: Library
  #maxQueue = 256
  #slots = 16
  #events: (readonly [number, GenerationEvent])[] = []
  #closing = false
  #isRunning = false
  #whenDone: (() => void)[] = []

  constructor(send: (message: FromEngine) => void) {
    this.#send = send
    this.#library = this.#openLibrary({})
  }

  /** Takes a message in; answers follow by `send`. */
  receive(message: ToEngine): void {
    if (message.type === 'cancel') this.#cancels.get(message.id)?.()
    else if (message.type === 'generate') void this.#generate(message.id, message.request)
    else void this.#answer(message.id, message.name, message.argument)
  }

  #openLibrary(options: EngineOptions): Library {
    const { slots = 16, contextLimit = 8192, prefillTokens = 256 } = options
    const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)
    const settings = {
      threads: options.threads,
      memoryBudget: options.memoryBudget ?? memory / 2,
      slots,
      prefixCacheBytes: options.prefixCacheBytes,
      contextLimit,
      prefillTokens,
    }
    const library: Library = new Library(settings, () =>
      this.#send({ type: 'models', models: library.models() }),
    )
    return library
  }

  async #answer(id: number, name: CallName, argument: unknown): Promise<void> {
    const controller = new AbortController()
    // Each text to embed listens to it.
    setMaxListeners(0, controller.signal)
    this.#cancels.set(id, () =>
      controller.abort(new InferError('infer/cancelled', 'the request was cancelled')),
    )
    try {
      const value = await this.#call(name, argument as never, controller.signal)
      this.#send({ type: 'result', id, value })
    } catch (error) {
      this.#send({ type: 'error', id, error: errorData(error) })
    } finally {
      this.#cancels.delete(id)
    }
  }

  #call<K extends CallName>(name: K, argument: Calls[K][0], signal: AbortSignal): Promise<unknown> {
    const calls: { [K in CallName]: (argument: Calls[K][0]) => Promise<Calls[K][1]> } = {
      start: (options) => this.#start(options),
      add: (source) => this.#library.add(source),
      remove: async (id) => {
        await this.#library.remove(id)
        this.#counts.delete(id)
        return undefined
      },
      load: (id) => this.#library.load(id),
      unload: async (id) => {
        await this.#library.unload(id)
        return undefined
      },
      embed: (request) => this.#embed(request, signal),
      score: (request) => this.#score(request, signal),
      tokenize: (request) => this.#tokenize(request),
      detokenize: (request) => this.#detokenize(request),
      stats: async () => this.#stats(),
      close: (options) => this.#close(options),
    }
    return calls[name](argument)
  }

  async #start(options: EngineOptions): Promise<undefined> {
    this.#library = this.#openLibrary(options)
    this.#maxQueue = options.maxQueue ?? 256
    this.#slots = options.slots ?? 16
    for (const source of options.models ?? []) await this.#library.add(source)
    return undefined
  }

  async #generate(id: number, request: CheckedRequest): Promise<void> {
    let cancelled = false
    this.#cancels.set(id, () => {
      cancelled = true
    })
    const { model: name } = request
    let release = () => {}
    let isCounted = false
    const end = (error?: unknown) => {
      if (!this.#cancels.delete(id)) return
      this.#flush()
      if (isCounted) this.#count(name, -1)
      release()
      if (error !== undefined) this.#send({ type: 'error', id, error: errorData(error) })
      this.#settle()
    }
    try {
      this.#checkRoom()
      this.#count(name, 1)
      isCounted = true
      const use = await this.#library.use(name)
      release = use.release
      if (cancelled) return end()
      const decoder = asDecoder(use.loaded, name)
      const answer = this.#answerTo(decoder, request, {
        emit: (event) => this.#tell(id, name, event, end),
        fail: end,
      })
      decoder.batch.submit(answer)
      this.#cancels.set(id, () => {
        decoder.batch.cancel(answer)
        end()
      })
      this.#run()
    } catch (error) {
      end(error)
    }
  }

  #count(name: string, change: number): void {
    const count = (this.#open.get(name) ?? 0) + change
    // Names come from outside: those that nobody uses are forgotten.
    if (count > 0) this.#open.set(name, count)
    else this.#open.delete(name)
  }

  /** @throws InferError `infer/engine`, `infer/queue-full` */
  #checkRoom(): void {
    if (this.#closing)
      throw new InferError('infer/engine', 'the engine is being closed and takes no new requests')
    const open = [...this.#open.values()]
    const waiting = open.reduce((sum, count) => sum + count, 0) - this.#slots * Math.max(1, open.length)
    if (waiting < this.#maxQueue) return
    throw new InferError(
      'infer/queue-full',
      `${waiting} requests are waiting already, which is the limit; try again in a moment`,
    )
  }

  #tell(id: number, name: string, event: GenerationEvent, end: () => void): void {
    this.#events.push([id, event])
    if (event.type !== 'end') return
    const counts = this.#countsOf(name)
    counts.requests++
    counts.promptTokens += event.usage.promptTokens
    counts.cachedTokens += event.usage.cachedTokens
    counts.completionTokens += event.usage.completionTokens
    end()
  }

  #answerTo(
    decoder: LoadedDecoder,
    request: CheckedRequest,
    hooks: { emit(event: GenerationEvent): void; fail(error: unknown): void },
  ): Answer {
    const { model } = decoder
    const { prompt, seed, overflow, maxTokens, logitBias = {} } = request
    checkBias(logitBias, model.config.vocabSize)
    const capacity = decoder.batch.rows.capacity
    const limits = { capacity, maxTokens, overflow, longestToken: decoder.longestToken }
    const isChat = 'messages' in prompt
    const told = isChat && request.toolChoice === 'none' ? { messages: prompt.messages } : prompt
    const ids = promptTokens(model, told as never, limits)
    const { constraint, callsTools } = this.#constraintFor(decoder, request)
    return new Answer({
      request,
      promptTokens: ids,
      tokenizer: model.tokenizer,
      endIds: isChat ? endIdsOf(model) : model.eosIds,
      onlyStart: ids.length === 1 && ids[0] === model.startId,
      capacity,
      // Seeds below zero, which other servers take, stand at the far end.
      rng: Rng.seed(seed === undefined ? randomInt(2 ** 47) : seed < 0 ? 2 ** 53 + seed : seed).fork(0),
      constraint,
      toolCalls: callsTools ? createToolCallParser() : undefined,
      ...hooks,
    })
  }

  #constraintFor(
    { vocabulary }: LoadedDecoder,
    { format, toolChoice, parallelToolCalls: parallel, prompt }: CheckedRequest,
  ): { constraint: Constraint | undefined; callsTools: boolean } {
    const tools = 'messages' in prompt ? (prompt.tools ?? []) : []
    const callsTools = tools.length > 0 && toolChoice !== 'none'
    if (typeof toolChoice !== 'string' || toolChoice === 'required') {
      if (tools.length === 0)
        throw new InferError('infer/schema', 'tool_choice asks for a call, and the request has no tools')
    }
    const grammar = callsTools
      ? format.type === 'text' || toolChoice !== 'auto'
        ? this.#grammar(['tools', tools, toolChoice, parallel], () =>
            toolGrammar(tools, toolChoice, { parallel }),
          )
        : undefined
      : undefined
    const form =
      grammar ??
      (format.type === 'text'
        ? undefined
        : format.type === 'json_object'
          ? this.#grammar(['json'], jsonObjectGrammar)
          : this.#grammar(['schema', format.schema], () => compileJsonSchema(format.schema)))
    return { constraint: form && createConstraint(form, vocabulary()), callsTools: grammar !== undefined }
  }

  #grammar(key: unknown, compile: () => Grammar): Grammar {
    const name = JSON.stringify(key)
    const grammar = this.#grammars.get(name) ?? compile()
    this.#grammars.delete(name)
    this.#grammars.set(name, grammar)
    const [oldest] = this.#grammars.keys()
    if (this.#grammars.size > GRAMMARS) this.#grammars.delete(oldest!)
    return grammar
  }

  async #embed(
    { model: name, inputs, overflow = 'error' }: EmbedRequest,
    signal: AbortSignal,
  ): Promise<Embeddings> {
    this.#checkRoom()
    const { loaded, release } = await this.#library.use(name)
    try {
      const decoder = asDecoder(loaded, name)
      const { model, batch, longestToken } = decoder
      const limits = { capacity: batch.rows.capacity, maxTokens: 1, overflow, longestToken }
      const rows = inputs.map((input) =>
        promptTokens(model, typeof input === 'string' ? { text: input } : { ids: input }, limits),
      )
      const vectors = await Promise.all(rows.map((ids) => this.#embedding(decoder, ids, signal)))
      const tokens = rows.reduce((sum, { length }) => sum + length, 0)
      const counts = this.#countsOf(name)
      counts.requests++
      counts.promptTokens += tokens
      return { vectors, tokens }
    } finally {
      release()
    }
  }

  /** The mean of the last hidden states, of length 1. */
  #embedding(
    { batch }: LoadedDecoder,
    tokens: readonly number[],
    signal: AbortSignal,
  ): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      let total: Float64Array | undefined
      const task: Task = {
        tokens,
        fairKey: '',
        exact: true,
        onRead: (sum) => {
          total ??= new Float64Array(sum.length)
          for (let i = 0; i < sum.length; i++) total[i]! += sum[i]!
        },
        onStart: () => {},
        next: () => undefined,
        onEnd: () => {
          const length = Math.hypot(...total!)
          resolve(Float32Array.from(total!, (value) => (length > 0 ? value / length : 0)))
        },
        onError: reject,
      }
      if (signal.aborted) return reject(signal.reason)
      signal.addEventListener(
        'abort',
        () => {
          batch.cancel(task)
          reject(signal.reason)
        },
        { once: true },
      )
      batch.submit(task)
      this.#run()
    })
  }

  async #score({ model: name, dialogues }: ScoreRequest, signal: AbortSignal): Promise<Scores> {
    this.#checkRoom()
    const { loaded, release } = await this.#library.use(name)
    try {
      if (loaded.kind !== 'reward') {
        throw new InferError(
          'infer/model-not-found',
          `${JSON.stringify(name)} is not a reward model, so it gives no scores; choose one that 'athanor reward' made`,
        )
      }
      const { model } = loaded
      const rows = dialogues.map(
        (messages) => encodeForScore(model.chat, messages, model.config.contextLength).ids,
      )
      const scores = await scoreTokens(model, rows, { signal })
      const tokens = rows.reduce((sum, { length }) => sum + length, 0)
      const counts = this.#countsOf(name)
      counts.requests++
      counts.promptTokens += tokens
      return { scores, tokens }
    } finally {
      release()
    }
  }

  async #tokenize(request: TokenizeRequest): Promise<number[]> {
    const { loaded, release } = await this.#library.use(request.model)
    try {
      const { model } = loaded
      if (!('text' in request)) {
        const { messages, tools = [] } = request
        const options = { addGenerationPrompt: true, ...(tools.length > 0 ? { tools } : {}) }
        return [...chatOf(model).encode(messages, options).ids]
      }
      return [...tokenizerOf(model).encode(request.text)]
    } finally {
      release()
    }
  }

  async #detokenize({ model: name, ids }: DetokenizeRequest): Promise<string> {
    const { loaded, release } = await this.#library.use(name)
    try {
      return tokenizerOf(loaded.model).decode(ids)
    } finally {
      release()
    }
  }

  #stats(): Calls['stats'][1] {
    const decoders = new Map(this.#library.decoders())
    const models = this.#library.entryStats().map(({ id, state, bytes }) => {
      const batch = decoders.get(id)?.batch
      return {
        id,
        state,
        bytes,
        slots: batch?.rows.count ?? 0,
        busy: batch?.running ?? 0,
        queued: batch?.queued ?? 0,
        ...this.#countsOf(id),
      }
    })
    const sum = (key: Exclude<keyof (typeof models)[number], 'id' | 'state'>) =>
      models.reduce((total, model) => total + model[key], 0)
    return {
      slots: sum('slots'),
      busy: sum('busy'),
      queued: sum('queued'),
      bytes: sum('bytes'),
      requests: sum('requests'),
      promptTokens: sum('promptTokens'),
      cachedTokens: sum('cachedTokens'),
      completionTokens: sum('completionTokens'),
      models,
    }
  }

  async #close({ drain = false }: { readonly drain?: boolean }): Promise<undefined> {
    this.#closing = true
    if (!drain) for (const cancel of [...this.#cancels.values()]) cancel()
    await new Promise<void>((resolve) => {
      this.#whenDone.push(resolve)
      this.#settle()
    })
    await this.#library.close()
    return undefined
  }

  /** Tells those who wait for the end of all work. */
  #settle(): void {
    if (this.#open.size === 0) for (const done of this.#whenDone.splice(0)) done()
  }

  /** One tick of each batch in turn, as long as one has work. */
  #run(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    void this.#loop()
  }

  async #loop(): Promise<void> {
    for (;;) {
      // Messages that came meanwhile are looked at between two steps.
      await new Promise((resolve) => setImmediate(resolve))
      const busy = this.#library.batches().filter(({ isBusy }) => isBusy)
      if (busy.length === 0) break
      for (const batch of busy) {
        await batch.tick()
        this.#flush()
      }
    }
    this.#isRunning = false
  }

  #flush(): void {
    if (this.#events.length === 0) return
    this.#send({ type: 'events', events: this.#events })
    this.#events = []
  }

  #countsOf(name: string): Counts {
    let counts = this.#counts.get(name)
    if (!counts) {
      counts = { requests: 0, promptTokens: 0, cachedTokens: 0, completionTokens: 0 }
      this.#counts.set(name, counts)
    }
    return counts
  }
}

function asDecoder(loaded: Loaded, name: string): LoadedDecoder & Loaded {
  if (loaded.kind === 'decoder') return loaded
  throw new InferError(
    'infer/model-not-found',
    `${JSON.stringify(name)} is a reward model: it scores answers and writes none; choose a language model`,
  )
}

function tokenizerOf(model: LanguageModel) {
  if (model.tokenizer) return model.tokenizer
  throw new InferError('infer/tokenizer', `${model.dir || 'this model'} has no tokenizer; give token ids`)
}

/** @throws InferError `infer/options` */
function checkBias(bias: Readonly<Record<string, number>>, vocabSize: number): void {
  const unknown = Object.keys(bias).find((id) => Number(id) >= vocabSize)
  if (unknown !== undefined)
    throw new InferError(
      'infer/options',
      `logitBias names the token ${unknown}; the model's ids go from 0 to ${vocabSize - 1}`,
    )
}
