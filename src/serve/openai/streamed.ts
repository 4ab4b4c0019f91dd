/** An answer as a stream of events: an error while the status is open is an HTTP error, a later one an event. */
import type { Context } from 'hono'
import type { ServeContext, ServeEnv } from '../context.js'
import { toApiError } from '../errors.js'
import { begun, eventStream } from '../http/sse.js'
import { ClientLeft } from './generation.js'

/** Milliseconds that a request may wait for its place before the stream is opened without it. */
const OPEN_AFTER = 2000

export async function streamed(
  context: ServeContext,
  c: Context<ServeEnv>,
  events: AsyncIterator<unknown>,
  controller: AbortController,
): Promise<Response> {
  const opened = await begun(events, OPEN_AFTER)
  return eventStream(c, lines(c, opened), {
    ping: context.config.pingSeconds * 1000,
    onCancel: () => controller.abort(new ClientLeft()),
  })
}

/** Events as JSON, and the end that OpenAI's clients wait for. */
function lines(c: Context<ServeEnv>, events: AsyncIterator<unknown>): AsyncIterator<string> {
  let ended = false
  return {
    async next() {
      if (ended) return { done: true, value: undefined }
      try {
        const { done, value } = await events.next()
        if (!done) return { done: false, value: JSON.stringify(value) }
        ended = true
        return { done: false, value: '[DONE]' }
      } catch (error) {
        ended = true
        const known = toApiError(error, c.get('asked'))
        if (!(known instanceof ClientLeft)) c.get('log').error({ err: error }, 'the stream broke off')
        return { done: false, value: JSON.stringify(known) }
      }
    },
    async return() {
      await events.return?.()
      return { done: true, value: undefined }
    },
  }
}
