/** An engine without a model: it answers at once, in words that tests can foresee, and tells what it was asked. */
import { setTimeout as delay } from 'node:timers/promises'
import type {
  CallOptions,
  Engine,
  EngineModel,
  GenerationEvent,
  GenerationRequest,
  ModelSource,
  TokenLogprob,
} from '../../infer/engine/types.js'
import { InferError, type InferErrorCode } from '../../infer/errors.js'

export interface FakeEngineOptions {
  /** Milliseconds between tokens. */
  readonly delay?: number
  readonly contextLength?: number
}

export interface FakeEngine extends Engine {
  /** What was asked, oldest first. */
  readonly requests: GenerationRequest[]
  /** Requests that are being answered. */
  readonly running: Set<GenerationRequest>
  /** Requests that ended because their signal was aborted or their loop was left. */
  cancelled: number
  /** The next request fails with this. */
  failure: { readonly code: string; readonly message: string; readonly afterTokens?: number } | undefined
  /** What it says; default: the last message again. */
  reply: ((request: GenerationRequest) => string) | undefined
}

/** Each word with the space before it is a token; its id is made of its letters. */
const wordsOf = (text: string) => text.match(/\s*\S+|\s+$/g) ?? []
const idOf = (word: string) =>
  Array.from(word).reduce((sum, char) => (sum * 31 + char.codePointAt(0)!) % 50_000, 7)

export function createFakeEngine({
  delay: pause = 0,
  contextLength = 1000,
}: FakeEngineOptions = {}): FakeEngine {
  const models = new Map<string, EngineModel>()
  const words = new Map<number, string>()
  const tokenize = (text: string) =>
    wordsOf(text).map((word) => {
      words.set(idOf(word), word)
      return idOf(word)
    })
  const find = (id: string): EngineModel => {
    const model = models.get(id)
    if (!model) throw new InferError('infer/model-not-found' as InferErrorCode, `there is no model ${id}`)
    return model
  }
  const engine: FakeEngine = {
    requests: [],
    running: new Set(),
    cancelled: 0,
    failure: undefined,
    reply: undefined,
    models: () => [...models.values()],
    async add({ id, dir, quantization = 'none' }: ModelSource) {
      const model: EngineModel = {
        id,
        dir,
        kind: dir.includes('reward') ? 'reward' : 'decoder',
        state: 'ready',
        contextLength,
        vocabSize: 50_000,
        parameters: 1000,
        bytes: 4000,
        quantization,
        version: versionOf(dir),
        created: 1_700_000_000,
      }
      models.set(id, model)
      return model
    },
    async remove(id) {
      models.delete(id)
    },
    load: async (id) => find(id),
    unload: async () => {},
    async *generate(request, { signal }: CallOptions = {}) {
      find(request.model)
      engine.requests.push(request)
      engine.running.add(request)
      let ended = false
      try {
        for await (const event of answer(request, engine, contextLength)) {
          if (pause > 0 && event.type !== 'start') await delay(pause, undefined, { signal })
          signal?.throwIfAborted()
          if (event.type === 'end') ended = true
          yield event
        }
      } catch (error) {
        throw signal?.aborted ? signal.reason : error
      } finally {
        engine.running.delete(request)
        if (!ended) engine.cancelled++
      }
    },
    async embed({ model, inputs }) {
      find(model)
      const vectors = inputs.map((input) => Float32Array.of(0.6, 0.8, typeof input === 'string' ? 0 : 0.5))
      const count = (input: string | readonly number[]) =>
        typeof input === 'string' ? wordsOf(input).length : input.length
      return { vectors, tokens: inputs.reduce((sum, input) => sum + count(input), 0) }
    },
    async score({ dialogues }) {
      const scores = Float32Array.from(dialogues, (messages) => messages.at(-1)!.content.length)
      return { scores, tokens: scores.reduce((sum, length) => sum + length, 0) }
    },
    async tokenize(request) {
      find(request.model)
      const text =
        'text' in request ? request.text : request.messages.map(({ content }) => content).join('\n')
      return tokenize(text)
    },
    async detokenize({ ids }) {
      return ids.map((id) => words.get(id) ?? '?').join('')
    },
    async stats() {
      const busy = engine.running.size
      const zero = { queued: 0, promptTokens: 0, cachedTokens: 0, completionTokens: 0, requests: 0 }
      return { ...zero, slots: 16, busy, bytes: 4000, restarts: 0, models: [] }
    },
    close: async () => {},
  }
  return engine
}

/** What the fake finds in a folder: tests swap its files by another name. */
export const versionOf = (dir: string): string =>
  Array.from({ length: 16 }, (_, i) => (idOf(`${dir} ${i}`) % 16).toString(16)).join('')

async function* answer(
  request: GenerationRequest,
  engine: FakeEngine,
  contextLength: number,
): AsyncGenerator<GenerationEvent> {
  const { prompt, maxTokens = 1000, echo, stop = [] } = request
  const asked =
    'messages' in prompt
      ? prompt.messages.at(-1)!.content
      : 'text' in prompt
        ? prompt.text
        : prompt.ids.map((id) => `<${id}>`).join(' ')
  const promptTokens = wordsOf(
    'messages' in prompt ? prompt.messages.map(({ content }) => content).join(' ') : asked,
  ).length
  const { failure } = engine
  engine.failure = undefined
  if (failure && failure.afterTokens === undefined)
    throw new InferError(failure.code as InferErrorCode, failure.message)
  if (promptTokens > contextLength && request.overflow !== 'truncate') {
    throw new InferError(
      'infer/context',
      `the prompt has ${promptTokens} tokens, the context ${contextLength}`,
    )
  }
  yield { type: 'start', promptTokens, cachedTokens: 1 }
  if (echo && request.logprobs !== undefined) {
    const first = { token: '<s>', id: 0, bytes: [...Buffer.from('<s>')], logprob: null, top: [] }
    const logprobs = logprobsOf(asked, request).logprobs!.map((one) => ({
      ...one,
      logprob: -1,
      top: one.top.map((each) => ({ ...each, logprob: -1 })),
    }))
    yield { type: 'prompt', text: asked, logprobs: [first, ...logprobs] }
  } else if (echo) yield { type: 'text', text: asked }
  const usage = (completionTokens: number) => ({ promptTokens, cachedTokens: 1, completionTokens })
  const tools = 'messages' in prompt ? prompt.tools : undefined
  const { toolChoice = 'auto' } = request
  const call = tools && toolChoice !== 'none' && (toolChoice !== 'auto' || asked.includes('weather'))
  if (call && !('messages' in prompt && prompt.messages.at(-1)!.role === 'tool')) {
    const name =
      typeof toolChoice === 'object'
        ? toolChoice.name
        : (tools[0] as { function: { name: string } }).function.name
    for (const index of asked.includes('twice') && request.parallelToolCalls !== false ? [0, 1] : [0]) {
      const piece = { type: 'toolCall', index, id: `call_${index + 1}`, name } as const
      for (const text of ['', '{"city"', ':"Lima"}']) yield { ...piece, arguments: text }
    }
    return yield { type: 'end', reason: 'toolCalls', usage: usage(5) }
  }
  const said =
    request.format && request.format.type !== 'text'
      ? '{ "city": "Lima", "population": 10092000 }'
      : (engine.reply?.(request) ?? `You said: ${asked}`)
  const end = stop.map((each) => said.indexOf(each)).filter((at) => at >= 0)
  const words = wordsOf(end.length > 0 ? said.slice(0, Math.min(...end)) : said)
  let written = 0
  for (const text of words) {
    if (written === maxTokens) return yield { type: 'end', reason: 'length', usage: usage(written) }
    if (failure?.afterTokens === written)
      throw new InferError(failure.code as InferErrorCode, failure.message)
    written++
    yield { type: 'text', text, ...logprobsOf(text, request) }
  }
  yield { type: 'end', reason: 'stop', usage: usage(written) }
}

function logprobsOf(text: string, { logprobs }: GenerationRequest): { logprobs?: TokenLogprob[] } {
  if (logprobs === undefined) return {}
  return {
    logprobs: wordsOf(text).map((token) => {
      const one = { token, id: idOf(token), bytes: [...Buffer.from(token)], logprob: -0.5 }
      const other = { token: ' other', id: 1, bytes: [...Buffer.from(' other')], logprob: -2 }
      return { ...one, top: [one, other].slice(0, logprobs) }
    }),
  }
}
