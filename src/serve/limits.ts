/** What a key may use, and the book of what was used. */
import type { KeyLimits, Store } from '../store/index.js'
import type { Caller, Clock } from './context.js'
import { ApiError } from './errors.js'

/** A bucket that fills steadily up to what a minute allows. */
interface Bucket {
  level: number
  at: number
}

const MINUTE = 60_000
const DAY = 86_400_000
/** Buckets kept; a full one says as much as none. */
const MAX_BUCKETS = 10_000

/** What a caller with limits is told. */
export const RATE_LIMIT_HEADERS = ['requests', 'tokens'].flatMap((kind) => [
  `x-ratelimit-limit-${kind}`,
  `x-ratelimit-remaining-${kind}`,
])

export interface Used {
  readonly model: string
  readonly modelVersion: string
  readonly promptTokens?: number
  readonly cachedTokens?: number
  readonly completionTokens?: number
  readonly errors?: number
}

/**
 * Limits of keys: requests and tokens in a minute as token buckets in this process (several servers on one database count each for
 * themselves), tokens in a day (UTC) from the store. A request is let in while something is left; what it takes beyond counts for the next.
 */
export class Meter {
  readonly #usage: Store['usage']
  readonly #clock: Clock
  readonly #defaults: KeyLimits
  readonly #buckets = new Map<string, Bucket>()

  constructor(store: Pick<Store, 'usage'>, clock: Clock, requestsPerMinute?: number) {
    this.#usage = store.usage
    this.#clock = clock
    this.#defaults = requestsPerMinute === undefined ? {} : { requestsPerMinute }
  }

  /** Counts a request. @returns headers that say what is left @throws ApiError 429, with the seconds to wait in Retry-After */
  async admit({ key, limits }: Caller): Promise<Record<string, string>> {
    if (key === undefined) return {}
    const { requestsPerMinute, tokensPerMinute, tokensPerDay } = { ...this.#defaults, ...limits }
    const now = this.#clock.now()
    if (tokensPerDay !== undefined && (await this.#usage.tokens(key, day(now))) >= tokensPerDay) {
      throw tooMany(
        `this key’s ${tokensPerDay} tokens of today are used up`,
        'insufficient_quota',
        DAY - (now % DAY),
      )
    }
    const headers: Record<string, string> = {}
    if (tokensPerMinute !== undefined) {
      const bucket = this.#bucket(`tokens ${key}`, tokensPerMinute, now)
      if (bucket.level <= 0) {
        const wait = ((1 - bucket.level) / tokensPerMinute) * MINUTE
        throw tooMany(`this key may use ${tokensPerMinute} tokens a minute`, 'rate_limit_exceeded', wait)
      }
      headers['x-ratelimit-limit-tokens'] = String(tokensPerMinute)
      headers['x-ratelimit-remaining-tokens'] = String(Math.floor(bucket.level))
    }
    if (requestsPerMinute !== undefined) {
      const bucket = this.#bucket(`requests ${key}`, requestsPerMinute, now)
      if (bucket.level < 1) {
        const wait = ((1 - bucket.level) / requestsPerMinute) * MINUTE
        throw tooMany(`this key may send ${requestsPerMinute} requests a minute`, 'rate_limit_exceeded', wait)
      }
      bucket.level--
      headers['x-ratelimit-limit-requests'] = String(requestsPerMinute)
      headers['x-ratelimit-remaining-requests'] = String(Math.floor(bucket.level))
    }
    return headers
  }

  /** Writes down what a request used. */
  async settle({ key, user, limits }: Caller, used: Used): Promise<void> {
    const { promptTokens = 0, completionTokens = 0 } = used
    const now = this.#clock.now()
    if (key !== undefined && limits?.tokensPerMinute !== undefined) {
      const bucket = this.#bucket(`tokens ${key}`, limits.tokensPerMinute, now)
      bucket.level -= promptTokens + completionTokens
    }
    await this.#usage.add({ ...used, user, key: key ?? '', day: day(now), requests: 1 })
  }

  #bucket(name: string, capacity: number, now: number): Bucket {
    const bucket = this.#buckets.get(name) ?? { level: capacity, at: now }
    bucket.level = Math.min(capacity, bucket.level + (Math.max(0, now - bucket.at) / MINUTE) * capacity)
    bucket.at = now
    // Last used last, so that the first ones can go.
    this.#buckets.delete(name)
    this.#buckets.set(name, bucket)
    if (this.#buckets.size > MAX_BUCKETS) this.#buckets.delete(this.#buckets.keys().next().value!)
    return bucket
  }
}

const day = (now: number) => new Date(now).toISOString().slice(0, 10)

const tooMany = (message: string, code: string, wait: number) => {
  const seconds = Math.max(1, Math.ceil(wait / 1000))
  return new ApiError(429, `${message}; try again in ${seconds} s`, {
    code,
    headers: { 'retry-after': String(seconds) },
  })
}
