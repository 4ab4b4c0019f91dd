/** The address of the page lives behind the `#`, so the server has one page to serve and a reload stays where it was. */
import { useSyncExternalStore } from 'react'

export interface Route {
  /** The first part of the path: which page. */
  readonly page: string
  /** What follows it, decoded: `#/chat/conv_1` has `['conv_1']`. */
  readonly path: readonly string[]
  readonly query: URLSearchParams
}

/** Reads a hash such as `#/chat/conv_1?find=bread`; what cannot be decoded is taken as it stands. */
export function parseHash(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const [page = '', ...rest] = path.split('/').filter(Boolean).map(decode)
  return { page, path: rest, query: new URLSearchParams(query) }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The hash of a page: `href('chat', id)`; every part is encoded. */
export function href(...parts: readonly string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`
}

/** Goes to a page; `replace` leaves no step to go back to. */
export function navigate(to: string, { replace = false } = {}): void {
  if (to === location.hash) return
  if (!replace) {
    location.hash = to
    return
  }
  history.replaceState(null, '', to)
  window.dispatchEvent(new HashChangeEvent('hashchange'))
}

let last: { readonly hash: string; readonly route: Route } | undefined

function current(): Route {
  if (last?.hash !== location.hash) last = { hash: location.hash, route: parseHash(location.hash) }
  return last.route
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener)
  return () => window.removeEventListener('hashchange', listener)
}

export function useRoute(): Route {
  return useSyncExternalStore(subscribe, current)
}
