/** The engine's outside: what other threads hold in their hands. */
import { z } from 'zod'
import { InferError } from '../errors.js'
import { type Connect, type EnginePort, threadPort } from './port.js'
import { type CallName, type Calls, errorFrom, type FromEngine } from './protocol.js'
import { checkRequest, messagesSchema, parsed, toolsSchema } from './request.js'
import type {
  CallOptions,
  DetokenizeRequest,
  Embeddings,
  EmbedRequest,
  Engine,
  EngineModel,
  EngineOptions,
  EngineStats,
  GenerationEvent,
  GenerationRequest,
  ModelSource,
  ScoreRequest,
  Scores,
  TokenizeRequest,
} from './types.js'

const count = z.number().int()
const sourceSchema = z.object({
  id: z.string().min(1).max(200),
  dir: z.string().min(1),
  quantization: z.enum(['none', 'q8', 'q4']).optional(),
})
const optionsSchema = z.object({
  threads: count.min(1).optional(),
  memoryBudget: z.number().positive().optional(),
  slots: count.min(1).max(1024).optional(),
  maxQueue: count.min(0).optional(),
  prefixCacheBytes: z.number().min(0).optional(),
  contextLimit: count.min(2).optional(),
  prefillTokens: count.min(1).optional(),
  models: z.array(sourceSchema).optional(),
})
const ids = z.array(count.min(0))
const embedSchema = z.object({
  model: z.string(),
  inputs: z.array(z.union([z.string(), ids])).max(4096),
  overflow: z.enum(['error', 'truncate']).optional(),
})
const scoreSchema = z.object({ model: z.string(), dialogues: z.array(messagesSchema).max(4096) })
const tokenizeSchema = z.union([
  z.strictObject({ model: z.string(), text: z.string() }),
  z.strictObject({ model: z.string(), messages: messagesSchema, tools: toolsSchema.optional() }),
])
const detokenizeSchema = z.object({ model: z.string(), ids })

/** A call or a generation whose end has not come. */
interface Open {
  readonly onEvent?: (event: GenerationEvent) => void
  onResult?: (value: unknown) => void
  onError(error: unknown): void
}

/** Starts again after it ended by itself, but not for ever: this often within a minute. */
const RESTARTS_PER_MINUTE = 5

/**
 * Starts an engine in a worker thread. When that thread ends by itself, what was under way fails with `infer/engine`, and another
 * one takes its place, with the same models.
 *
 * @param connect how the engine's inside is reached; for tests
 * @throws InferError `infer/options`; what is wrong with a model's folder
 */
export async function startEngine(
  options: EngineOptions = {},
  connect: Connect = threadPort,
): Promise<Engine> {
  const client = new EngineClient(
    parsed(optionsSchema, options, 'these options cannot be used') as EngineOptions,
    connect,
  )
  await client.start()
  return client
}

class EngineClient implements Engine {
  readonly #options: EngineOptions
  readonly #connect: Connect
  readonly #sources = new Map<string, ModelSource>()
  readonly #open = new Map<number, Open>()
  #port: EnginePort
  #models: readonly EngineModel[] = []
  #next = 0
  #ended: number[] = []
  #restarts = 0
  /** Why there is no engine any more. */
  #gone: InferError | undefined
  #closing: Promise<void> | undefined
  /** The models of an engine that was started again are there. */
  #ready: Promise<unknown> = Promise.resolve()

  constructor(options: EngineOptions, connect: Connect) {
    this.#options = options
    this.#connect = connect
    for (const source of options.models ?? []) this.#sources.set(source.id, source)
    this.#port = this.#newPort()
  }

  async start(): Promise<void> {
    try {
      await this.#call('start', this.#options)
    } catch (error) {
      await this.#port.close()
      throw error
    }
  }

  models(): EngineModel[] {
    return [...this.#models]
  }

  async add(source: ModelSource): Promise<EngineModel> {
    const checked = parsed(sourceSchema, source, 'this model cannot be added') as ModelSource
    const model = await this.#call('add', checked)
    this.#sources.set(checked.id, checked)
    return model
  }

  async remove(id: string): Promise<void> {
    await this.#call('remove', id)
    this.#sources.delete(id)
  }

  load(id: string): Promise<EngineModel> {
    return this.#call('load', id)
  }

  async unload(id: string): Promise<void> {
    await this.#call('unload', id)
  }

  async *generate(request: GenerationRequest, { signal }: CallOptions = {}): AsyncGenerator<GenerationEvent> {
    const checked = checkRequest(request)
    signal?.throwIfAborted()
    await this.#ready
    this.#checkGone()
    const events: GenerationEvent[] = []
    let failure: { readonly error: unknown } | undefined
    let wake = () => {}
    const id = this.#next++
    const abort = () => {
      failure ??= { error: signal!.reason }
      wake()
    }
    this.#open.set(id, {
      onEvent: (event) => {
        events.push(event)
        wake()
      },
      onError: (error) => {
        failure ??= { error }
        wake()
      },
    })
    signal?.addEventListener('abort', abort, { once: true })
    let isOver = false
    try {
      this.#port.post({ type: 'generate', id, request: checked })
      while (!isOver) {
        // What was aborted says nothing more; what failed says first what came before.
        if (signal?.aborted) throw signal.reason
        const event = events.shift()
        if (event) {
          isOver = event.type === 'end'
          yield event
        } else if (failure) {
          isOver = true
          throw failure.error
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    } finally {
      signal?.removeEventListener('abort', abort)
      const wasOpen = this.#open.delete(id)
      if (!isOver && wasOpen && !this.#gone) this.#port.post({ type: 'cancel', id })
    }
  }

  embed(request: EmbedRequest, options: CallOptions = {}): Promise<Embeddings> {
    return this.#checked('embed', embedSchema, request, options)
  }

  score(request: ScoreRequest, options: CallOptions = {}): Promise<Scores> {
    return this.#checked('score', scoreSchema, request, options)
  }

  tokenize(request: TokenizeRequest): Promise<number[]> {
    return this.#checked('tokenize', tokenizeSchema, request)
  }

  detokenize(request: DetokenizeRequest): Promise<string> {
    return this.#checked('detokenize', detokenizeSchema, request)
  }

  async stats(): Promise<EngineStats> {
    return { ...(await this.#call('stats', undefined)), restarts: this.#restarts }
  }

  close(options: { readonly drain?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  async #close({ drain = false }: { readonly drain?: boolean }): Promise<void> {
    if (!this.#gone) {
      const closed = new InferError('infer/cancelled', 'the engine was closed')
      if (!drain)
        for (const [id, { onEvent, onError }] of this.#open) {
          if (!onEvent) continue
          this.#open.delete(id)
          onError(closed)
        }
      await this.#call('close', { drain }).catch(() => undefined)
      this.#gone = new InferError('infer/engine', 'the engine is closed')
      this.#failAll(this.#gone)
    }
    await this.#port.close()
  }

  async #checked<K extends CallName>(
    name: K,
    schema: z.ZodType,
    request: Calls[K][0],
    options: CallOptions = {},
  ): Promise<Calls[K][1]> {
    const checked = parsed(schema, request, 'this request cannot be answered') as Calls[K][0]
    return this.#call(name, checked, options)
  }

  async #call<K extends CallName>(
    name: K,
    argument: Calls[K][0],
    { signal }: CallOptions = {},
  ): Promise<Calls[K][1]> {
    signal?.throwIfAborted()
    if (name !== 'start' && name !== 'close') await this.#ready
    this.#checkGone()
    const id = this.#next++
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#open.delete(id)
        this.#port.post({ type: 'cancel', id })
        reject(signal!.reason)
      }
      const settled = () => {
        signal?.removeEventListener('abort', abort)
        this.#open.delete(id)
      }
      this.#open.set(id, {
        onResult: (value) => {
          settled()
          resolve(value as Calls[K][1])
        },
        onError: (error) => {
          settled()
          reject(error)
        },
      })
      signal?.addEventListener('abort', abort, { once: true })
      this.#port.post({ type: 'call', id, name, argument })
    })
  }

  #newPort(): EnginePort {
    return this.#connect({
      onMessage: (message) => this.#receive(message),
      onEnd: (reason) => this.#restart(reason),
    })
  }

  #receive(message: FromEngine): void {
    if (message.type === 'models') this.#models = message.models
    else if (message.type === 'events') {
      for (const [id, event] of message.events) {
        this.#open.get(id)?.onEvent?.(event)
        if (event.type === 'end') this.#open.delete(id)
      }
    } else if (message.type === 'result') this.#open.get(message.id)?.onResult?.(message.value)
    else {
      const open = this.#open.get(message.id)
      this.#open.delete(message.id)
      open?.onError(errorFrom(message.error))
    }
  }

  /** The engine ended by itself: what it was doing is lost, and another one takes its place. */
  #restart(reason: string): void {
    if (this.#gone || this.#closing) {
      this.#failAll(new InferError('infer/engine', 'the engine is closed'))
      return
    }
    const now = Date.now()
    this.#ended = [...this.#ended.filter((time) => now - time < 60_000), now]
    const what = `the engine ended unexpectedly (${reason})`
    if (this.#ended.length > RESTARTS_PER_MINUTE) {
      this.#gone = new InferError(
        'infer/engine',
        `${what}, for the ${this.#ended.length}th time within a minute; restart the server, and look at what the last requests had in common`,
      )
      this.#models = this.#models.map((model) => ({ ...model, state: 'failed', error: what }))
      this.#failAll(this.#gone)
      return
    }
    this.#restarts++
    this.#failAll(new InferError('infer/engine', `${what} and is started again; send the request once more`))
    this.#port = this.#newPort()
    const sources = [...this.#sources.values()]
    this.#ready = this.#call('start', { ...this.#options, models: [] })
      .then(async () => {
        for (const source of sources) {
          // A folder that has gone meanwhile must not take the others with it.
          const id = this.#next++
          await new Promise<void>((resolve) => {
            this.#open.set(id, { onResult: () => resolve(), onError: () => resolve() })
            this.#port.post({ type: 'call', id, name: 'add', argument: source })
          })
          this.#open.delete(id)
        }
      })
      .catch(() => undefined)
  }

  #failAll(error: InferError): void {
    const open = [...this.#open.values()]
    this.#open.clear()
    for (const { onError } of open) onError(error)
  }

  #checkGone(): void {
    if (this.#gone) throw this.#gone
  }
}
