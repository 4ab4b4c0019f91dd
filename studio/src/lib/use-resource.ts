import { useCallback, useEffect, useRef, useState } from 'react'

export interface Resource<T> {
  readonly data: T | undefined
  readonly error: unknown
  readonly loading: boolean
  reload(): void
  /** Puts a value in place without asking. */
  set(next: T | ((old: T | undefined) => T | undefined)): void
}

/**
 * Loads something when `key` changes, and again on `reload()`; the answer to an older question is dropped. While it reloads
 * the old data stays. `undefined` as key loads nothing.
 */
export function useResource<T>(
  key: string | undefined,
  load: (signal: AbortSignal) => Promise<T>,
): Resource<T> {
  const [state, setState] = useState<{ key?: string; data?: T; error?: unknown; loading: boolean }>({
    loading: key !== undefined,
  })
  const [turn, setTurn] = useState(0)
  const latest = useRef(load)
  latest.current = load
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new turn asks again
  useEffect(() => {
    if (key === undefined) {
      setState({ loading: false })
      return
    }
    const controller = new AbortController()
    setState((old) => (old.key === key ? { ...old, loading: true } : { key, loading: true }))
    latest
      .current(controller.signal)
      .then((data) => !controller.signal.aborted && setState({ key, data, loading: false }))
      .catch((error: unknown) => {
        if (!controller.signal.aborted) setState((old) => ({ ...old, key, error, loading: false }))
      })
    return () => controller.abort()
  }, [key, turn])
  const reload = useCallback(() => setTurn((n) => n + 1), [])
  const set = useCallback(
    (next: T | ((old: T | undefined) => T | undefined)) =>
      setState((old) => {
        const data =
          typeof next === 'function' ? (next as (old: T | undefined) => T | undefined)(old.data) : next
        return { key: key ?? '', loading: false, ...(data === undefined ? {} : { data }) }
      }),
    [key],
  )
  return { data: state.data, error: state.error, loading: state.loading, reload, set }
}
