import { appendFile, readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Item, isSkip } from '../item.js'
import { parseSource, type SourceSpec } from '../spec.js'
import { collect, createFolder, type Handler, serve } from '../testing/sources.js'
import { readCrawl } from './crawl.js'

let folder: Awaited<ReturnType<typeof createFolder>>
const servers: Awaited<ReturnType<typeof serve>>[] = []
beforeEach(async () => {
  folder = await createFolder()
})
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
  await folder.remove()
})

type Answer = string | { status?: number; headers?: Record<string, string>; body?: string | Uint8Array }

/** Pages by path; what is not there is answered with 404. */
async function site(pages: Record<string, Answer | (() => Answer)>, host?: string) {
  const handler: Handler = (request, response) => {
    const page = pages[request.url!]
    const answer = typeof page === 'function' ? page() : (page ?? { status: 404 })
    const { status = 200, headers = {}, body = '' } = typeof answer === 'string' ? { body: answer } : answer
    response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', ...headers }).end(body)
  }
  const server = await serve(handler, host)
  servers.push(server)
  return server
}
const page = (text: string, ...links: string[]) =>
  `<title>${text}</title><p>${text}</p>${links.map((link) => `<a href="${link}">x</a>`).join('')}`
const quick = { delay: 0, allowPrivate: ['127.0.0.1'] }

describe('a crawl', () => {
  it('goes breadth first, to its depth, each page once, in the order of links', async () => {
    const { url, asked } = await site({
      '/': page('root', '/b', 'a#part', '/a', 'mailto:x@y.z', 'https://elsewhere.example/', '/'),
      '/a': page('a', '/c', '/b'),
      '/b': page('b', '/d'),
      '/c': page('c', '/e'),
      '/d': page('d'),
      '/e': page('e'),
    })
    const spec = { crawl: `${url}/`, depth: 2, ...quick }
    const { documents } = await collect(spec)
    expect(documents.map(({ title }) => title)).toEqual(['root', 'b', 'a', 'd', 'c'])
    expect(documents[1]).toMatchObject({ id: `${url}/b`, url: `${url}/b`, text: 'b', source: `${url}/` })
    expect(asked.sort()).toEqual(['/', '/a', '/b', '/c', '/d', '/robots.txt'])
    expect((await collect(spec)).documents).toEqual(documents)
    expect((await collect({ ...spec, maxPages: 3 })).documents).toEqual(documents.slice(0, 3))
  })

  it('obeys robots.txt, its delay, and what pages ask for', async () => {
    const { url, asked, times } = await site({
      '/robots.txt':
        'User-agent: *\nDisallow: /\n\nUser-agent: athanor\nDisallow: /private\nAllow: /private/ok\nCrawl-delay: 0.2\n',
      '/': page('root', '/private', '/private/ok', '/noindex', '/nofollow', '/header'),
      '/private': page('private'),
      '/private/ok': page('ok'),
      '/noindex': `<meta name="robots" content="noindex">${page('noindex', '/found')}`,
      '/nofollow': `<meta name="ROBOTS" content="NOFOLLOW">${page('nofollow', '/lost')}<a rel="nofollow" href="/lost2">`,
      '/header': { headers: { 'X-Robots-Tag': 'noindex' }, body: page('header') },
      '/found': page('found'),
    })
    const { texts, skips } = await collect({ crawl: url, ...quick })
    expect(texts.map((text) => text.split('\n')[0])).toEqual(['root', 'ok', 'nofollow', 'found'])
    expect(asked).not.toContain('/private')
    expect(asked).not.toContain('/lost')
    expect(skips.map(({ file, code }) => `${file.replace(url, '')} ${code}`)).toEqual([
      '/private refused',
      '/noindex refused',
      '/header refused',
    ])
    const gaps = times.slice(2).map((time, i) => time - times[i + 1]!)
    expect(Math.min(...gaps)).toBeGreaterThan(190)
  })

  it('stays out when robots.txt cannot be had', async () => {
    const { url, asked } = await site({ '/robots.txt': { status: 503 }, '/': page('root') })
    await expect(collect({ crawl: url, ...quick })).rejects.toThrow(/robots.txt does not allow it/)
    expect(asked).toEqual(['/robots.txt'])
  })

  it('refuses private addresses, also behind names, redirects and robots.txt', async () => {
    const { url, asked } = await site({ '/': page('root') })
    for (const address of [
      url,
      url.replace('127.0.0.1', 'localhost'),
      url.replace('127.0.0.1', '0x7f.1'),
      url.replace('127.0.0.1', '[::ffff:127.0.0.1]'),
    ]) {
      await expect(collect({ crawl: address, delay: 0 })).rejects.toThrow(/not a public address/)
    }
    expect(asked).toEqual([])

    const inner = await site({ '/': page('secret'), '/robots.txt': '' }, '127.0.0.2')
    const outer = await site({
      '/': page('root', '/away', '/odd', '/list'),
      '/away': { status: 302, headers: { Location: `${inner.url}/` } },
      '/odd': { status: 302, headers: { Location: 'file:///etc/passwd' } },
      '/list': { status: 302, headers: { Location: 'http://elsewhere.example/' } },
    })
    const allow = [new URL(outer.url).host, '127.0.0.2']
    const { texts, skips } = await collect({ crawl: outer.url, allow, ...quick })
    expect(texts).toEqual(['root'])
    expect(skips.map(({ code, reason }) => `${code}: ${reason}`)).toEqual([
      expect.stringMatching(/^refused: 127.0.0.2 is not a public address/),
      expect.stringMatching(/^refused: it leads to file:/),
      expect.stringMatching(/^refused: http:\/\/elsewhere.example\/ is not on the allow-list/),
    ])
    expect(inner.asked).toEqual([])
  })

  it('connects to the address that was checked, whatever the name resolves to later', async () => {
    const good = await site({ '/': page('good', '/2'), '/2': page('two') })
    const { port } = new URL(good.url)
    let asked = 0
    // The second answer leads to an address that is not allowed.
    const resolve = async () => [{ address: asked++ === 0 ? '127.0.0.1' : '127.0.0.2', family: 4 }]
    const { spec } = parseSource({ crawl: `http://rebinding.example:${port}/`, ...quick } as SourceSpec)
    const items: Item[] = []
    for await (const batch of readCrawl(spec as Parameters<typeof readCrawl>[0], {}, resolve))
      items.push(...batch)
    // robots.txt was fetched from the first; the page itself was refused.
    expect(good.asked).toEqual(['/robots.txt'])
    expect(items).toMatchObject([
      { code: 'refused', reason: expect.stringMatching(/\(127.0.0.2\) is not a public/) },
    ])
    expect(items.every(isSkip)).toBe(true)
  })

  it('follows redirects, gives their end once, and ends circles', async () => {
    const { url } = await site({
      '/': page('root', '/old', '/new', '/circle'),
      '/old': { status: 301, headers: { Location: '/new' } },
      '/new': page('new'),
      '/circle': { status: 302, headers: { Location: '/circle' } },
    })
    const { texts, skips } = await collect({ crawl: url, ...quick })
    expect(texts).toEqual(['root', 'new'])
    expect(skips.map(({ code, reason }) => `${code}: ${reason}`)).toEqual([
      expect.stringMatching(/^unsupported: it leads to .*\/new, which is crawled already/),
      expect.stringMatching(/^unreadable: more than 5 redirects/),
    ])
  })

  it('takes only the wanted types and sizes, packed or not, and says what failed', async () => {
    let busy = 0
    const { url } = await site({
      '/': page('root', '/png', '/big', '/bomb', '/gz', '/txt', '/404', '/busy', '/slow'),
      '/png': { headers: { 'Content-Type': 'image/png' }, body: 'x' },
      '/big': page('x'.repeat(200_000)),
      '/bomb': { headers: { 'Content-Encoding': 'gzip' }, body: gzipSync(Buffer.alloc(50 << 20, 97)) },
      '/gz': { headers: { 'Content-Encoding': 'gzip' }, body: gzipSync(page('packed')) },
      '/txt': { headers: { 'Content-Type': 'text/plain' }, body: 'plain <b>text' },
      '/busy': () => (busy++ === 0 ? { status: 503, headers: { 'Retry-After': '0' } } : page('later')),
    })
    const { texts, skips } = await collect({ crawl: url, maxBytes: 100_000, ...quick })
    expect(texts).toEqual(['root', 'packed', 'plain <b>text', 'later'])
    expect(skips.map(({ file, code }) => `${file.replace(url, '')} ${code}`)).toEqual([
      '/png unsupported',
      '/big too-large',
      '/bomb too-large',
      '/404 unreadable',
      '/slow unreadable',
    ])
  })

  it('gives up on a host that does not answer', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/robots.txt') response.writeHead(404).end()
    })
    servers.push(server)
    const start = performance.now()
    await expect(collect({ crawl: server.url, timeout: 300, ...quick })).rejects.toThrow(
      /no answer within 300 ms/,
    )
    expect(performance.now() - start).toBeLessThan(5000)
    const { port } = new URL(server.url)
    await server.close()
    await expect(collect({ crawl: `http://127.0.0.1:${port}/`, ...quick })).rejects.toThrow(
      /robots.txt|ECONNREFUSED/,
    )
  })

  it('keeps its pages and goes on where it was interrupted, with the same result', async () => {
    const pages: Record<string, Answer> = {
      '/': page('root', ...Array.from({ length: 12 }, (_, i) => `/${i}`)),
    }
    for (let i = 0; i < 12; i++) pages[`/${i}`] = page(`page ${i}`, `/${i + 12}`)
    for (let i = 12; i < 24; i++) pages[`/${i}`] = page(`page ${i}`)
    const { url, asked } = await site(pages)
    const spec = { crawl: `${url}/`, ...quick }
    const whole = (await collect(spec)).documents
    expect(whole).toHaveLength(25)

    const state = join(folder.dir, 'crawl.jsonl')
    const kept = { ...spec, state }
    const stop = new AbortController()
    let count = 0
    asked.length = 0
    const interrupted = collect(kept, { signal: stop.signal, onSkip: () => undefined }).catch(String)
    while (asked.length < 10) await new Promise((done) => setTimeout(done, 5))
    stop.abort()
    expect(await interrupted).toMatch(/abort/i)
    // As when the machine stops within a line.
    const size = (await readFile(state)).length
    await truncate(state, size - 7)
    count = (await readFile(state, 'utf8')).trim().split('\n').length - 2
    asked.length = 0
    const { documents } = await collect(kept)
    expect(documents).toEqual(whole)
    expect(asked.filter((path) => path !== '/robots.txt')).toHaveLength(25 - count)

    asked.length = 0
    const after = await collect(kept, { after: documents[20]!.position })
    expect(after.documents).toEqual(whole.slice(21))
    expect(asked).toEqual([])
    await expect(collect(spec, { after: documents[20]!.position })).rejects.toThrow(/state file/)
    await expect(collect({ ...kept, depth: 1 })).rejects.toThrow(/not the state of this crawl/)
    await appendFile(state, '{"asked":')
    expect((await collect(kept)).documents).toEqual(whole)
  })

  it('refuses what is no address', async () => {
    await expect(collect({ crawl: 'ftp://a.b/' })).rejects.toThrow(/not an http or https address/)
    await expect(collect({ crawl: 'http://user:secret@a.b/' })).rejects.toThrow(/not an http/)
  })
})
