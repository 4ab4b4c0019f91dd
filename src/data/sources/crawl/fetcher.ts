import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeHtml } from '../html.js'
import type { RawDocument, SkipCode } from '../item.js'
import type { CrawlSpec } from '../spec.js'
import { readBody } from '../warc.js'
import { AddressPolicy, AddressRefused, type Resolve } from './address.js'
import { createAllowList, findLinks, parseUrl } from './links.js'
import { get, type Response, TooLarge } from './request.js'
import { fetchRobots, type Robots } from './robots.js'

/** What came of one address: what it led to, its links, and its text or the reason why there is none. */
export interface Page {
  /** Where redirects have led. */
  readonly url: string
  readonly links: readonly string[]
  readonly document?: Pick<RawDocument, 'title' | 'text' | 'language'>
  readonly skip?: { readonly code: SkipCode; readonly reason: string }
}

const MAX_REDIRECTS = 5
/** A host that asks for a longer wait is left alone. */
const MAX_WAIT = 120_000

/** Fetches pages one at a time from each host, as its robots.txt and the crawl's delay want it. */
export class Fetcher {
  readonly #spec: CrawlSpec
  readonly #policy: AddressPolicy
  readonly #allowed: (url: URL) => boolean
  readonly #signal: AbortSignal
  readonly #robots = new Map<string, Promise<Robots>>()
  /** When a host may be asked again, and what waits for that. */
  readonly #turns = new Map<string, { free: number; last: Promise<void> }>()

  constructor(spec: CrawlSpec, allow: readonly string[], signal: AbortSignal, resolve?: Resolve) {
    this.#spec = spec
    this.#policy = new AddressPolicy(spec.allowPrivate, resolve)
    this.#allowed = createAllowList(allow)
    this.#signal = signal
  }

  allows(url: URL): boolean {
    return this.#allowed(url)
  }

  /** Never throws but when it is aborted. */
  async fetch(start: string): Promise<Page> {
    let url = new URL(start)
    const without = (code: SkipCode, reason: string): Page => ({
      url: url.href,
      links: [],
      skip: { code, reason },
    })
    try {
      for (let redirects = 0; ; redirects++) {
        // A redirect is a new request: all that is asked of the first one is asked of it too.
        if (!this.#allowed(url)) return without('refused', `${url.href} is not on the allow-list`)
        const robots = await this.#robotsOf(url)
        if (!robots.allows(url)) return without('refused', 'robots.txt does not allow it, or cannot be read')
        const response = await this.#request(url, robots)
        const { status, headers, body } = response
        if (status >= 300 && status < 400 && headers.location !== undefined) {
          const next = parseUrl(headers.location, url)
          if (!next) return without('refused', `it leads to ${headers.location.slice(0, 200)}`)
          if (redirects === MAX_REDIRECTS)
            return without('unreadable', `more than ${MAX_REDIRECTS} redirects`)
          url = next
        } else if (status !== 200) return without('unreadable', `the host answers with status ${status}`)
        else if (!body) return without('unsupported', `a page of the type ${typeOf(headers) || 'nothing'}`)
        else return pageOf(url, headers, body, this.#spec)
      }
    } catch (error) {
      this.#signal.throwIfAborted()
      if (error instanceof AddressRefused) return without('refused', error.message)
      if (error instanceof TooLarge) return without('too-large', error.message)
      // The crawl itself has not been aborted, so what was is this one request.
      const isLate = /^(Timeout|Abort)Error$/.test((error as Error).name)
      const message = isLate ? `no answer within ${this.#spec.timeout} ms` : causeOf(error)
      return without('unreadable', message)
    }
  }

  #robotsOf(url: URL): Promise<Robots> {
    const known = this.#robots.get(url.origin)
    if (known) return known
    const { userAgent, timeout } = this.#spec
    const robots = fetchRobots(url.origin, { policy: this.#policy, signal: this.#signal, userAgent, timeout })
    robots.catch(() => undefined)
    this.#robots.set(url.origin, robots)
    return robots
  }

  async #request(url: URL, robots: Robots): Promise<Response> {
    const { userAgent, timeout, maxBytes, contentTypes } = this.#spec
    const options = {
      policy: this.#policy,
      signal: this.#signal,
      userAgent,
      timeout,
      maxBytes,
      accepts: (status: number, headers: IncomingHttpHeaders) =>
        status === 200 && contentTypes.includes(typeOf(headers)),
    }
    const delay = Math.max(this.#spec.delay, robots.delay)
    if (delay > MAX_WAIT)
      throw new AddressRefused(`robots.txt asks for ${delay / 1000} s between two requests`)
    for (let attempt = 0; ; attempt++) {
      let failure: unknown
      const response = await this.#inTurn(url.host, delay, () =>
        get(url, options).catch((error: unknown) => {
          failure = error
          return undefined
        }),
      )
      this.#signal.throwIfAborted()
      const busy = response?.status === 429 || response?.status === 503
      const passing = busy || (failure !== undefined && isPassing(failure))
      if (!passing || attempt === 1) {
        if (!response) throw failure
        return response
      }
      const wait = Number(response?.headers['retry-after'] ?? 0) * 1000
      if (!(wait <= MAX_WAIT)) return response!
      this.#postpone(url.host, wait)
    }
  }

  /** Lets one at a time through to a host, with a delay between the end of one request and the beginning of the next. */
  async #inTurn<T>(host: string, delay: number, action: () => Promise<T>): Promise<T> {
    const turn = this.#turns.get(host) ?? { free: 0, last: Promise.resolve() }
    this.#turns.set(host, turn)
    const before = turn.last
    let done = (): void => undefined
    turn.last = new Promise((resolve) => {
      done = resolve
    })
    try {
      await before
      const wait = turn.free - Date.now()
      if (wait > 0) await sleep(wait, undefined, { signal: this.#signal })
      this.#signal.throwIfAborted()
      return await action()
    } finally {
      turn.free = Math.max(turn.free, Date.now() + delay)
      done()
    }
  }

  #postpone(host: string, wait: number): void {
    const turn = this.#turns.get(host)
    if (turn) turn.free = Math.max(turn.free, Date.now() + wait)
  }
}

function pageOf(url: URL, headers: IncomingHttpHeaders, body: Buffer, spec: CrawlSpec): Page {
  const contentType = headers['content-type'] ?? ''
  const robotsTag = String(headers['x-robots-tag'] ?? '')
  const isHtml = /html/i.test(typeOf(headers))
  const type =
    isHtml || /^\s*text\/(plain|markdown)/i.test(contentType) ? contentType : `text/plain;${contentType}`
  const found = readBody(body, spec.contentTypes.includes(typeOf(headers)) ? type : contentType)
  let links: readonly string[] = []
  let noIndex = /\b(noindex|none)\b/i.test(robotsTag)
  // A page that breaks the parser has been told above.
  if (isHtml && !('reason' in found && found.code === 'malformed')) {
    const seen = findLinks(decodeHtml(body, contentType), url, robotsTag)
    links = seen.links
    noIndex = seen.noIndex
  }
  if (noIndex)
    return { url: url.href, links, skip: { code: 'refused', reason: 'the page asks not to be indexed' } }
  if ('reason' in found) return { url: url.href, links, skip: { code: found.code, reason: found.reason } }
  return { url: url.href, links, document: { ...found, title: found.title || url.href } }
}

function typeOf(headers: IncomingHttpHeaders): string {
  return (headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
}

/** A network that may work again in a moment. */
function isPassing(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return (
    typeof code === 'string' && /^(ECONNRESET|ETIMEDOUT|EPIPE|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH)$/.test(code)
  )
}

function causeOf(error: unknown): string {
  // A connection that fails on several addresses has no message of its own.
  const inner = error instanceof AggregateError ? error.errors[0] : error
  return inner instanceof Error ? inner.message : String(inner)
}
