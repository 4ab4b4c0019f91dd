import { createHash } from 'node:crypto'
import { DataError } from '../../document.js'
import type { ReadOptions } from '../files.js'
import type { Item } from '../item.js'
import type { CrawlSpec } from '../spec.js'
import type { Resolve } from './address.js'
import { Fetcher, type Page } from './fetcher.js'
import { parseUrl } from './links.js'
import { CrawlLog } from './log.js'

/** How many pages are fetched ahead of the one that is given next; one host still sees one request at a time. */
const AHEAD = 4

interface Target {
  readonly url: string
  readonly depth: number
}

/**
 * The pages of a crawl, breadth first, in the order in which their links were found: several hosts are asked at once, but what
 * they answer is given in that order.
 *
 * @throws DataError for a beginning that is no address, and for a position without a state file
 */
export async function* readCrawl(
  spec: CrawlSpec,
  { after, signal }: ReadOptions,
  resolve?: Resolve,
): AsyncGenerator<Item[]> {
  const seeds = [spec.crawl].flat().map((text) => {
    const url = parseUrl(text)
    if (!url) throw new DataError('data-option', `${text} is not an http or https address`)
    return url
  })
  const allow = spec.allow ?? seeds.map(({ host }) => host)
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([seeds.map(({ href }) => href), allow, spec.depth, spec.contentTypes]))
    .digest('hex')
    .slice(0, 12)
  const [from, done = '0'] = after?.split('/') ?? [fingerprint]
  if (from !== fingerprint)
    throw new DataError(
      'data-option',
      'the position to go on after belongs to another crawl; begin at the start',
    )
  if (after !== undefined && spec.state === undefined) {
    throw new DataError('data-option', 'only a crawl with a state file ("state") can be gone on with')
  }

  const stop = new AbortController()
  const fetcher = new Fetcher(
    spec,
    allow,
    signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
    resolve,
  )
  const log = spec.state === undefined ? undefined : await CrawlLog.open(spec.state, fingerprint, signal)
  const seen = new Set<string>()
  const queue: Target[] = []
  const ahead: Promise<Page>[] = []
  // What is found beyond the limit would never be asked for.
  const enqueue = (url: string, depth: number): void => {
    if (seen.has(url) || seen.size >= spec.maxPages) return
    seen.add(url)
    queue.push({ url, depth })
  }
  for (const { href } of seeds) enqueue(href, 0)

  try {
    let isReplay = log !== undefined
    for (let number = 1; queue.length > 0; number++) {
      signal?.throwIfAborted()
      const logged = isReplay ? await log!.next() : undefined
      isReplay &&= logged !== undefined
      if (logged && logged.asked !== queue[0]!.url) {
        throw new DataError(
          'data-malformed',
          `${spec.state} does not fit its own links; remove it to crawl anew`,
        )
      }
      while (!isReplay && ahead.length < Math.min(AHEAD, queue.length)) {
        const page = fetcher.fetch(queue[ahead.length]!.url)
        page.catch(() => undefined)
        ahead.push(page)
      }
      const page = logged ?? (await ahead.shift()!)
      const target = queue.shift()!
      if (!logged) await log?.append({ asked: target.url, ...page })
      if (target.depth < spec.depth) {
        for (const link of page.links) {
          if (fetcher.allows(new URL(link))) enqueue(link, target.depth + 1)
        }
      }
      const isKnown = page.url !== target.url && seen.has(page.url)
      if (number > Number(done)) yield [itemOf(target, page, isKnown, `${fingerprint}/${number}`)]
      seen.add(page.url)
    }
  } finally {
    stop.abort()
    await Promise.allSettled(ahead)
    await log?.close()
  }
}

function itemOf(target: Target, page: Page, isKnown: boolean, position: string): Item {
  const file = target.url
  if (isKnown)
    return {
      file,
      where: '',
      code: 'unsupported',
      reason: `it leads to ${page.url}, which is crawled already`,
    }
  if (page.document) return { id: page.url, url: page.url, position, ...page.document }
  const { code, reason } = page.skip ?? { code: 'empty', reason: 'the page has no text' }
  return { file, where: '', code, reason }
}
