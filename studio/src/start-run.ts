import { useEffect, useState } from 'react'
import { api } from './api/client.js'
import type { StartState } from './api/session.js'
import { useT } from './i18n/index.js'
import { partName } from './pages/train/words.js'

interface StartRun {
  readonly progress: {
    readonly parts?: readonly { readonly state: 'waiting' | 'running' | 'done' }[]
    readonly part?: string
    readonly step?: number
    readonly steps?: number
  }
}

export interface StartProgress {
  /** What is being done, in words. */
  readonly part?: string
  /** Of the whole, 0 to 1. */
  readonly done?: number
}

/** How far the first training is; asked every two seconds while it works. */
export function useStartRun(start: StartState | undefined): StartProgress {
  const t = useT()
  const [run, setRun] = useState<StartRun>()
  const id = start?.state === 'running' ? start.run : undefined
  useEffect(() => {
    if (id === undefined) return
    const controller = new AbortController()
    const ask = () =>
      api
        .get<StartRun>(`api/runs/${encodeURIComponent(id)}`, { signal: controller.signal })
        .then(setRun)
        // Who may not see runs, sees that something goes on.
        .catch(() => {})
    void ask()
    const timer = setInterval(ask, 2_000)
    return () => {
      clearInterval(timer)
      controller.abort()
    }
  }, [id])
  if (id === undefined || !run) return {}
  const { part } = run.progress
  const done = doneOf(run)
  return { ...(part && { part: partName(part, t) }), ...(done !== undefined && { done }) }
}

/** Each part of the run counts the same. */
function doneOf({ progress: { parts, step, steps } }: StartRun): number | undefined {
  const within = step !== undefined && steps ? Math.min(1, step / steps) : 0
  if (!parts || parts.length === 0) return steps ? within : undefined
  const done = parts.filter(({ state }) => state === 'done').length
  return Math.min(1, (done + (parts.some(({ state }) => state === 'running') ? within : 0)) / parts.length)
}
