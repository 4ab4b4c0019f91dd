/** A run and its history, live: what happened so far, and then what happens. */
import { useEffect, useRef, useState } from 'react'
import { events } from '../../api/client.js'
import { History } from './history.js'
import { isAtRest, type Run, type RunEvent } from './types.js'

export interface LiveRun {
  readonly run: Run | undefined
  readonly history: History
  readonly error: unknown
  /** Puts an answer of the server in place at once. */
  setRun(run: Run): void
}

const delay = (milliseconds: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })

/** Follows a run. The connection is made anew when it breaks, from the last event on; `turn` begins once more. */
export function useRun(id: string): LiveRun {
  const [run, setRun] = useState<Run>()
  const [error, setError] = useState<unknown>()
  const [, draw] = useState(0)
  const history = useRef(new History())
  const wake = useRef(() => {})

  useEffect(() => {
    const controller = new AbortController()
    const { signal } = controller
    const own = new History()
    history.current = own
    let due: ReturnType<typeof setTimeout> | undefined
    // Hundreds of events of a run that is done come at once: drawn together.
    const redraw = () => {
      due ??= setTimeout(() => {
        due = undefined
        draw((n) => n + 1)
      }, 120)
    }
    const take = (data: string): Run | undefined => {
      const event = JSON.parse(data) as RunEvent & { readonly run?: Run }
      if (event.type === 'run') return event.run
      own.add(event)
      redraw()
      return undefined
    }
    const follow = async () => {
      for (let failures = 0; !signal.aborted; ) {
        let last: Run | undefined
        try {
          const path = `api/runs/${encodeURIComponent(id)}/events`
          for await (const { data } of events(path, { signal, query: { after: own.seq } })) {
            const news = take(data)
            if (!news) continue
            last = news
            setRun(news)
            setError(undefined)
          }
          failures = 0
        } catch (failure) {
          if (signal.aborted) return
          failures++
          setError(failure)
          if (failures > 5) return
        }
        // At rest until somebody asks for more.
        if (last && isAtRest(last.state)) {
          await new Promise<void>((resolve) => {
            wake.current = resolve
            signal.addEventListener('abort', () => resolve(), { once: true })
          })
        } else await delay(Math.min(500 * 2 ** failures, 8000), signal)
      }
    }
    void follow()
    return () => {
      controller.abort()
      clearTimeout(due)
    }
  }, [id])

  return {
    run,
    history: history.current,
    error,
    setRun: (next) => {
      setRun(next)
      if (!isAtRest(next.state)) wake.current()
    },
  }
}
