import robotsParser from 'robots-parser'
import { AddressRefused } from './address.js'
import { get, type RequestOptions } from './request.js'

export interface Robots {
  allows(url: URL): boolean
  /** Milliseconds between two requests, where the file asks for that. */
  readonly delay: number
}

// Its types name a default export within the module, which is itself the function.
const parseRobots = robotsParser as unknown as typeof robotsParser.default

/** What RFC 9309 wants to be read at least. */
const MAX_BYTES = 500 << 10
const MAX_REDIRECTS = 5

/**
 * The rules of a host (RFC 9309): none when there is no file, all closed when the file cannot be reached.
 *
 * @throws AddressRefused
 */
export async function fetchRobots(
  origin: string,
  options: Omit<RequestOptions, 'accepts' | 'maxBytes' | 'truncate'>,
): Promise<Robots> {
  const product = options.userAgent.split('/')[0]!
  const file = new URL('/robots.txt', origin)
  let url = file
  try {
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const response = await get(url, {
        ...options,
        maxBytes: MAX_BYTES,
        truncate: true,
        accepts: (status) => status >= 200 && status < 300,
      })
      if (response.body) {
        // The rules count for the host that was asked, even when another one keeps its file.
        const rules = parseRobots(file.href, response.body.toString('utf8').replace(/^\ufeff/, ''))
        const delay = (rules.getCrawlDelay(product) ?? 0) * 1000
        return {
          allows: (page) => rules.isAllowed(page.href, product) !== false,
          delay: Number.isFinite(delay) && delay > 0 ? delay : 0,
        }
      }
      const { location } = response.headers
      if (response.status >= 300 && response.status < 400 && location !== undefined) {
        url = new URL(location, url)
        if (!/^https?:$/.test(url.protocol)) return OPEN
      } else return response.status >= 500 || response.status === 429 ? CLOSED : OPEN
    }
    return OPEN
  } catch (error) {
    options.signal.throwIfAborted()
    if (error instanceof AddressRefused) throw error
    return CLOSED
  }
}

const OPEN: Robots = { allows: () => true, delay: 0 }
const CLOSED: Robots = { allows: () => false, delay: 0 }
