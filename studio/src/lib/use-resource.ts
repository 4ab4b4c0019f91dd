import { useCallback, useEffect, useRef, useState } from 'react'

export interface Resource<T> {
  readonly data: T | undefined
  readonly error: unknown
  readonly loading: boolean
  reload(): void
  /** Puts a value in place without asking. */
  set(next: T | ((old: T | undefined) => T | undefined)): void
}

interface State<T> {
  /** What `data` and `error` answer. */
  readonly key?: string
  readonly data?: T
  readonly error?: unknown
  readonly loading: boolean
}

/**
 * Loads something when `key` changes, and again on `reload()`; the answer to another question is never given. While it reloads
 * the old data stays. `undefined` as key loads nothing.
 */
export function useResource<T>(
  key: string | undefined,
  load: (signal: AbortSignal) => Promise<T>,
): Resource<T> {
  const [state, setState] = useState<State<T>>({ loading: key !== undefined })
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
        return { ...(key !== undefined && { key }), loading: false, ...(data !== undefined && { data }) }
      }),
    [key],
  )
  // In the first drawing with a new key, the state is still that of the old one.
  const { data, error, loading }: State<T> = state.key === key ? state : { loading: key !== undefined }
  return { data, error, loading, reload, set }
}
