/** One text under way: from logits to tokens, from tokens to what the client is told. */
import { randomUUID } from 'node:crypto'
import type { Rng } from '../../rng.js'
import { createDecoder, type StreamDecoder, type Tokenizer } from '../../text/portable.js'
import type { Constraint, ToolCallParser } from '../constrain/index.js'
import { InferError } from '../errors.js'
import { sample } from '../sampler.js'
import { createStopText, type StopText } from '../stop-text.js'
import type { Task } from './batch.js'
import { adjustLogits, type LogitRules, spelling, tokenLogprob } from './logits.js'
import type { CheckedRequest } from './request.js'
import type { FinishReason, GenerationEvent, PromptLogprob, TokenLogprob } from './types.js'

export interface AnswerParts {
  readonly request: CheckedRequest
  readonly promptTokens: readonly number[]
  readonly tokenizer: Tokenizer | undefined
  /** Tokens that end the answer. */
  readonly endIds: readonly number[]
  /** Whether the prompt is no more than the start of a document. */
  readonly onlyStart: boolean
  /** Prompt and answer together at most. */
  readonly capacity: number
  readonly rng: Rng
  readonly constraint: Constraint | undefined
  readonly toolCalls: ToolCallParser | undefined
  emit(event: GenerationEvent): void
  fail(error: unknown): void
}

/** A token whose text is not certain yet. */
interface Pending {
  /** Where its text begins among all of the answer's. */
  readonly start: number
  readonly logprob: TokenLogprob
}

export class Answer implements Task {
  readonly tokens: number[]
  readonly fairKey: string
  readonly exact: boolean
  readonly onPrompt: Task['onPrompt']
  readonly #parts: AnswerParts
  readonly #rules: LogitRules
  readonly #counts = new Map<number, number>()
  readonly #decoder: StreamDecoder | undefined
  readonly #stop: StopText
  readonly #maxTokens: number
  readonly #calls = new Map<number, { id: string; name: string }>()
  #cached = 0
  #drawn = 0
  /** Characters that were decoded, and that were told. */
  #decoded = 0
  #told = 0
  #pending: Pending[] = []
  #reason: FinishReason | undefined

  constructor(parts: AnswerParts) {
    const { request, promptTokens, tokenizer, capacity } = parts
    this.#parts = parts
    this.tokens = [...promptTokens]
    this.fairKey = request.fairKey
    // Whoever names a seed, or takes the likeliest token, expects the same text again.
    this.exact = request.seed !== undefined || request.temperature === 0
    this.#rules = {
      repetitionPenalty: request.repetitionPenalty,
      presencePenalty: request.presencePenalty,
      frequencyPenalty: request.frequencyPenalty,
      bias: Object.entries(request.logitBias ?? {}).map(([id, value]) => [Number(id), value] as const),
    }
    this.onPrompt = this.#promptReader()
    this.#maxTokens = Math.min(request.maxTokens ?? capacity, capacity - promptTokens.length + 1)
    this.#decoder = tokenizer && createDecoder(tokenizer, { continuation: !parts.onlyStart })
    this.#stop = createStopText(request.stop)
    if (!tokenizer && request.stop.length > 0)
      throw new InferError('infer/options', 'stop strings need a tokenizer, and this model has none')
  }

  onStart(cachedTokens: number): void {
    const { promptTokens, request, tokenizer, emit } = this.#parts
    this.#cached = cachedTokens
    emit({ type: 'start', promptTokens: promptTokens.length, cachedTokens })
    if (!request.echo || !tokenizer || this.onPrompt) return
    emit({ type: 'text', text: tokenizer.decode(promptTokens, { skipSpecial: true }) })
  }

  /** Gathers the log-probabilities of the prompt while it is read, where they are asked for. */
  #promptReader(): Task['onPrompt'] {
    const { promptTokens, request, tokenizer, emit } = this.#parts
    const { echo, logprobs: count } = request
    if (!echo || count === undefined || !tokenizer) return undefined
    const first = promptTokens[0]!
    const found: PromptLogprob[] = [{ id: first, ...spelling(first, tokenizer), logprob: null, top: [] }]
    return (from, logits) => {
      logits.forEach((all, i) => {
        const token = promptTokens[from + i + 1]
        if (token === undefined) return
        found.push(tokenLogprob(all.subarray(0, tokenizer.vocabSize), token, count, tokenizer))
      })
      if (from + logits.length < promptTokens.length) return
      emit({
        type: 'prompt',
        text: tokenizer.decode(promptTokens, { skipSpecial: true }),
        logprobs: found,
      })
    }
  }

  next(all: Float32Array): number | undefined {
    const { request, tokenizer, endIds, constraint, rng } = this.#parts
    if (this.#maxTokens === 0) {
      this.#reason = 'length'
      return undefined
    }
    // Rows that only fill the embedding up to a round size are no tokens.
    const logits = tokenizer ? all.subarray(0, tokenizer.vocabSize) : all
    const left = this.#maxTokens - this.#drawn
    const scores = adjustLogits(logits, this.#rules, this.tokens, this.#counts, constraint?.allowed(left))
    const token = sample(scores, samplingOf(request), rng)
    const logprob =
      request.logprobs === undefined ? undefined : tokenLogprob(logits, token, request.logprobs, tokenizer)
    this.tokens.push(token)
    this.#drawn++
    this.#counts.set(token, (this.#counts.get(token) ?? 0) + 1)
    const ends = (request.stopAtEos || constraint !== undefined) && endIds.includes(token)
    if (!ends) constraint?.accept(token)
    const text = ends ? '' : (this.#decoder?.push(token) ?? '')
    if (logprob && !ends) this.#pending.push({ start: this.#decoded, logprob })
    this.#decoded += text.length
    const certain = this.#stop.push(text)
    if (this.#stop.stopped || ends || constraint?.done) this.#reason = 'stop'
    else if (this.#drawn >= this.#maxTokens) this.#reason = 'length'
    if (!this.#reason) {
      this.#tell(certain, false)
      return token
    }
    this.#tell(certain + this.#stop.push(this.#decoder?.flush() ?? '') + this.#stop.flush(), true)
    return undefined
  }

  onEnd(): void {
    const { promptTokens, emit } = this.#parts
    const isCall = this.#reason === 'stop' && this.#calls.size > 0
    const { found } = this.#stop
    emit({
      type: 'end',
      reason: isCall ? 'toolCalls' : (this.#reason ?? 'length'),
      usage: {
        promptTokens: promptTokens.length,
        cachedTokens: this.#cached,
        completionTokens: this.#drawn,
      },
      ...(found === undefined ? {} : { stopString: found }),
    })
  }

  onError(error: unknown): void {
    this.#parts.fail(error)
  }

  /** Tells the client what became certain, with the tokens that begin in it. */
  #tell(text: string, isLast: boolean): void {
    const { toolCalls, emit } = this.#parts
    this.#told += text.length
    const isTold = ({ start }: Pending) => start < this.#told || (isLast && !this.#stop.stopped)
    const count = this.#pending.findIndex((each) => !isTold(each))
    const told = this.#pending.splice(0, count < 0 ? this.#pending.length : count)
    const logprobs = told.length > 0 ? { logprobs: told.map(({ logprob }) => logprob) } : {}
    if (!toolCalls) {
      if (text !== '' || told.length > 0) emit({ type: 'text', text, ...logprobs })
      return
    }
    const events = [...toolCalls.push(text), ...(isLast ? toolCalls.flush() : [])]
    for (const event of events) {
      if (event.type === 'text') emit({ ...event, ...logprobs })
      else {
        const call = this.#calls.get(event.index) ?? {
          id: `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`,
          name: event.name ?? '',
        }
        this.#calls.set(event.index, call)
        emit({ type: 'toolCall', index: event.index, ...call, arguments: event.arguments })
      }
    }
  }
}

function samplingOf({ temperature, topP, topK, minP }: CheckedRequest) {
  return {
    temperature,
    repetitionPenalty: 1,
    ...(topK === undefined ? {} : { topK }),
    // Zero means the likeliest token, which is always kept.
    ...(topP === undefined ? {} : { topP: Math.max(topP, 1e-9) }),
    ...(minP === undefined ? {} : { minP }),
  }
}
