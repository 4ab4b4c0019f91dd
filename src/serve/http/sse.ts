/** Server-sent events: what comes from an iterator as `data:` lines, with comments while nothing comes. */
import type { Context } from 'hono'

export interface EventStreamOptions {
  /** Milliseconds of silence until a comment keeps the connection open. */
  readonly ping: number
  /** The client left. */
  readonly onCancel: () => void
}

const encoder = new TextEncoder()
const silence = Symbol('silence')

/**
 * The response that streams `events`, each a text without line breaks. It takes the next one when the client has room for it, so that a
 * slow client never fills memory. When the client leaves, `onCancel` is called and the iterator is told to end.
 */
export function eventStream(
  c: Context,
  events: AsyncIterator<string>,
  { ping, onCancel }: EventStreamOptions,
): Response {
  let pending: Promise<IteratorResult<string>> | undefined
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        pending ??= events.next()
        const result = await orSilence(pending, ping)
        if (result === silence) return controller.enqueue(encoder.encode(': ping\n\n'))
        pending = undefined
        if (result.done) controller.close()
        else controller.enqueue(encoder.encode(`data: ${result.value}\n\n`))
      },
      cancel() {
        onCancel()
        pending?.catch(() => {})
        void Promise.resolve(events.return?.()).catch(() => {})
      },
    },
    { highWaterMark: 0 },
  )
  c.header('content-type', 'text/event-stream; charset=utf-8')
  c.header('cache-control', 'no-cache, no-transform')
  // nginx would collect the events otherwise.
  c.header('x-accel-buffering', 'no')
  return c.body(body)
}

/** What `promise` gives, or `silence` where it takes longer than `time` milliseconds. */
export async function orSilence<T>(promise: Promise<T>, time: number): Promise<T | typeof silence> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<typeof silence>((resolve) => {
    timer = setTimeout(() => resolve(silence), time)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * An iterator whose first item has been asked for: what goes wrong at once is thrown here, while the status of the response is still
 * open, and what takes longer than `time` milliseconds is left to the stream.
 */
export async function begun<T>(iterator: AsyncIterator<T>, time: number): Promise<AsyncIterator<T>> {
  let first: Promise<IteratorResult<T>> | undefined = iterator.next()
  await orSilence(first, time)
  return {
    next: () => {
      const next = first ?? iterator.next()
      first = undefined
      return next
    },
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
  }
}
