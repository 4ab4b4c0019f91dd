import { Parser } from 'htmlparser2'
import { DataError } from '../../document.js'

const MAX_LINKS = 5000

export interface PageLinks {
  readonly links: string[]
  /** The page asks not to be kept. */
  readonly noIndex: boolean
}

/** Where a page links to (http and https, each once, in order), and what its meta elements and the `X-Robots-Tag` ask for. */
export function findLinks(html: string, url: URL, robotsTag: string): PageLinks {
  let asked = robotsTag
  let base = url
  const found: string[] = []
  const parser = new Parser({
    onopentag(name, attributes) {
      if (name === 'meta' && attributes.name?.toLowerCase() === 'robots')
        asked += `,${attributes.content ?? ''}`
      // Only the first counts.
      if (name === 'base' && base === url) base = parseUrl(attributes.href ?? '', url) ?? url
      if ((name === 'a' || name === 'area') && attributes.href !== undefined && found.length < MAX_LINKS) {
        if (!/\bnofollow\b/i.test(attributes.rel ?? '')) found.push(attributes.href)
      }
    },
  })
  parser.end(html)
  const rules = asked.toLowerCase().split(/[\s,;:]+/)
  const isFollowed = !rules.includes('nofollow') && !rules.includes('none')
  const links = new Set<string>()
  for (const href of isFollowed ? found : []) {
    const target = parseUrl(href, base)
    if (target) links.add(target.href)
  }
  return { links: [...links], noIndex: rules.includes('noindex') || rules.includes('none') }
}

/** An address that can be crawled, without its fragment; undefined for any other. */
export function parseUrl(text: string, base?: URL): URL | undefined {
  if (!URL.canParse(text, base)) return undefined
  const url = new URL(text, base)
  if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return undefined
  url.hash = ''
  return url
}

/** Whether an address is within what may be crawled: hosts, `*.` subdomains of them, or beginnings of addresses. */
export function createAllowList(entries: readonly string[]): (url: URL) => boolean {
  const rules = entries.map((entry) => {
    if (/^https?:\/\//i.test(entry)) {
      const start = parseUrl(entry)?.href
      if (start === undefined) throw new DataError('data-option', `allow: ${entry} is not an address`)
      return (url: URL) => url.href.startsWith(start)
    }
    const host = entry.toLowerCase()
    if (host.startsWith('*.'))
      return (url: URL) => url.hostname.endsWith(host.slice(1)) || url.hostname === host.slice(2)
    return (url: URL) => url.host === host || url.hostname === host
  })
  return (url) => rules.some((rule) => rule(url))
}
