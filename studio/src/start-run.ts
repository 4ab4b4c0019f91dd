import { useEffect, useState } from 'react'
import { api } from './api/client.js'
import type { StartState } from './api/session.js'
import { useT } from './i18n/index.js'
import { shareDone } from './pages/train/progress.js'
import type { Run } from './pages/train/types.js'
import { partName } from './pages/train/words.js'

export interface StartProgress {
  /** What is being done, in words. */
  readonly part?: string
  /** Of the whole, 0 to 1. */
  readonly done?: number
}

/** How far the first training is; asked every two seconds while it works. */
export function useStartRun(start: StartState | undefined): StartProgress {
  const t = useT()
  const [run, setRun] = useState<Run>()
  const id = start?.state === 'running' ? start.run : undefined
  useEffect(() => {
    if (id === undefined) return
    const controller = new AbortController()
    const ask = () =>
      api
        .get<Run>(`api/runs/${encodeURIComponent(id)}`, { signal: controller.signal })
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
  const done = shareDone(run.progress)
  return { ...(part && { part: partName(part, t) }), ...(done !== undefined && { done }) }
}
