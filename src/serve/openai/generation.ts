/** One request's texts: asked of the engine, merged, counted, and ended when the client leaves. */
import type { Context } from 'hono'
import type { GenerationEvent, GenerationRequest, GenerationUsage } from '../../infer/engine/types.js'
import type { ServeContext, ServeEnv } from '../context.js'
import { ApiError } from '../errors.js'
import type { ResolvedModel } from '../live-models.js'
import { merge } from './merge.js'

/** The reason of signals of clients that have gone: there is nobody to tell. */
export class ClientLeft extends ApiError {
  constructor() {
    // As nginx writes it in its log.
    super(499 as ApiError['status'], 'the client left before the answer was whole', { code: 'client_left' })
  }
}

/** Counts the request among those of its key, and says in headers what is left. @throws ApiError 429 */
export async function admit({ meter }: ServeContext, c: Context<ServeEnv>): Promise<void> {
  for (const [name, value] of Object.entries(await meter.admit(c.get('caller')))) c.header(name, value)
}

/** Aborted when the client closes the connection, or with it. */
export function clientController(c: Context<ServeEnv>): AbortController {
  const controller = new AbortController()
  const leave = () => controller.abort(new ClientLeft())
  const { signal } = c.req.raw
  if (signal.aborted) leave()
  else signal.addEventListener('abort', leave, { once: true })
  return controller
}

export interface Work {
  readonly model: ResolvedModel
  readonly requests: readonly GenerationRequest[]
  /** So many requests share a prompt, which is counted once. */
  readonly perPrompt: number
  readonly signal: AbortSignal
}

/**
 * Generates, and writes down what was used however it ends. What a cancelled text used, the engine does not say: its pieces are counted.
 */
export async function* generate(
  context: ServeContext,
  c: Context<ServeEnv>,
  { model, requests, perPrompt, signal }: Work,
): AsyncGenerator<readonly [index: number, event: GenerationEvent], void, undefined> {
  const { engine, metrics, meter, clock } = context
  const began = clock.now()
  const used = requests.map(() => ({ promptTokens: 0, cachedTokens: 0, completionTokens: 0 }))
  let [first, ended, failed] = [true, 0, false]
  try {
    for await (const item of merge(requests.map((request) => engine.generate(request, { signal })))) {
      const [index, event] = item
      const counts = used[index]!
      if (event.type === 'start') {
        counts.promptTokens = event.promptTokens
        counts.cachedTokens = event.cachedTokens
      } else if (event.type === 'end') {
        Object.assign(counts, event.usage)
        ended++
      } else if (event.type !== 'prompt') {
        counts.completionTokens++
        if (first) metrics.firstToken.observe({ model: model.name }, (clock.now() - began) / 1000)
        first = false
      }
      yield item
    }
  } catch (error) {
    failed = !signal.aborted
    throw error
  } finally {
    if (ended < requests.length && !failed) metrics.cancelled.inc()
    const total = totalOf(used, perPrompt)
    const { name, version } = model
    for (const [kind, count] of Object.entries(total)) {
      metrics.tokens.inc({ model: name, kind: kind.replace('Tokens', '') }, count)
    }
    Object.assign(c.get('facts'), { model: `${name}@${version}`, ...total })
    await meter.settle(c.get('caller'), {
      model: name,
      modelVersion: version,
      ...total,
      ...(failed ? { errors: 1 } : {}),
    })
  }
}

function totalOf(used: readonly GenerationUsage[], perPrompt: number): GenerationUsage {
  const total = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 }
  for (const [index, counts] of used.entries()) {
    total.completionTokens += counts.completionTokens
    if (index % perPrompt > 0) continue
    total.promptTokens += counts.promptTokens
    total.cachedTokens += counts.cachedTokens
  }
  return total
}
