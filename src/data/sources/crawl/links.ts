import { parseHTML } from 'linkedom'
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
  const links = new Set<string>()
  const { document } = parseHTML(html)
  for (const meta of document.querySelectorAll('meta[name]')) {
    if (meta.getAttribute('name')?.toLowerCase() === 'robots')
      asked += `,${meta.getAttribute('content') ?? ''}`
  }
  const rules = asked.toLowerCase().split(/[\s,;:]+/)
  if (!rules.includes('nofollow') && !rules.includes('none')) {
    const base = parseUrl(document.querySelector('base[href]')?.getAttribute('href') ?? '', url) ?? url
    for (const link of document.querySelectorAll('a[href], area[href]')) {
      if (links.size >= MAX_LINKS) break
      if (/\bnofollow\b/i.test(link.getAttribute('rel') ?? '')) continue
      const target = parseUrl(link.getAttribute('href') ?? '', base)
      if (target) links.add(target.href)
    }
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
