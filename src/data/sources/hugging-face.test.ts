import { randomBytes } from 'node:crypto'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { collect, type Handler, serve } from './testing/sources.js'

const file = (from: number, count: number) => {
  const rows = Array.from({ length: count }, (_, i) => from + i)
  return Buffer.from(
    parquetWriteBuffer({
      columnData: [
        { name: 'text', data: rows.map((i) => `row ${i}`), type: 'STRING' },
        { name: 'huge', data: rows.map(() => randomBytes(40_000).toString('hex')), type: 'STRING' },
      ],
      rowGroupSize: 10,
    }),
  )
}
const files: Record<string, Buffer> = { '/files/0.parquet': file(0, 25), '/files/1.parquet': file(25, 5) }

let server: Awaited<ReturnType<typeof serve>>
let tokens: (string | undefined)[]
let sent: number
let failures: number
beforeEach(async () => {
  tokens = []
  sent = 0
  failures = 0
  const handler: Handler = (request, response) => {
    tokens.push(request.headers.authorization)
    if (failures-- > 0) return void response.writeHead(502).end()
    const json = (value: unknown) =>
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value))
    const path = request.url!
    if (path === '/api/datasets/owner/name') {
      json({ id: 'owner/name', sha: 'abc', cardData: { license: 'cc-by-4.0', language: ['zh'] } })
    } else if (path === '/api/datasets/owner/name/parquet') {
      const urls = Object.keys(files).map((name) => `${server.url}${name}`)
      json({ default: { train: urls, test: urls.slice(1) }, other: { train: urls.slice(1) } })
    } else if (path === '/api/datasets/owner/gated') response.writeHead(401).end()
    else if (path === '/api/datasets/owner/odd') json([1])
    else if (path.startsWith('/files/')) {
      // As on the hub, the bytes are behind a redirect.
      response.writeHead(302, { Location: `/cdn${path}` }).end()
    } else if (path.startsWith('/cdn')) {
      const bytes = files[path.slice(4)]!
      const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range!)!.map(Number)
      const part = bytes.subarray(start, end! + 1)
      sent += part.length
      const range = `bytes ${start}-${start! + part.length - 1}/${bytes.length}`
      response.writeHead(206, { 'Content-Range': range, 'Content-Length': part.length }).end(part)
    } else response.writeHead(404).end()
  }
  server = await serve(handler)
  vi.stubEnv('HF_ENDPOINT', server.url)
  vi.stubEnv('HF_TOKEN', '')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await server.close()
})

describe('a data set of the Hugging Face hub', () => {
  it('is read by name, only the columns with text, with its licence and language', async () => {
    const { documents } = await collect('hf:owner/name')
    expect(documents.map(({ text }) => text)).toEqual(Array.from({ length: 30 }, (_, i) => `row ${i}`))
    expect(documents[26]).toMatchObject({
      id: 'owner/name/default/train/1:2',
      source: 'owner/name',
      licence: 'cc-by-4.0',
      language: 'zh',
    })
    expect(sent).toBeLessThan(0.5 * Object.values(files).reduce((sum, { length }) => sum + length, 0))
    for (const at of [3, 24, 27]) {
      const rest = await collect('hf:owner/name', { after: documents[at]!.position })
      expect(rest.documents).toEqual(documents.slice(at + 1))
    }
  })

  it('has configurations and splits', async () => {
    expect((await collect('hf:owner/name/test')).documents).toHaveLength(5)
    expect((await collect('hf:owner/name:other/train')).documents).toHaveLength(5)
    await expect(collect('hf:owner/name:none')).rejects.toThrow(
      /no configuration none; it has default, other/,
    )
    await expect(collect('hf:owner/name/dev')).rejects.toThrow(/no split dev; it has train, test/)
  })

  it('sends the token of the environment', async () => {
    await collect('hf:owner/name/test')
    expect(new Set(tokens)).toEqual(new Set([undefined]))
    vi.stubEnv('HF_TOKEN', 'hf_secret')
    await collect({ hf: 'owner/name', split: 'test', baseUrl: server.url })
    expect(tokens.at(-1)).toBe('Bearer hf_secret')
  })

  it('tries again when the network falters, and ends when it stays away', async () => {
    failures = 2
    expect((await collect('hf:owner/name/test')).documents).toHaveLength(5)
    await expect(collect('hf:owner/missing')).rejects.toMatchObject({ code: 'data-missing' })
    await expect(collect('hf:owner/gated')).rejects.toThrow(/gated, private or not there .* HF_TOKEN/)
    await expect(collect('hf:owner/odd')).rejects.toThrow(/as the Hugging Face hub does/)
    failures = 100
    await expect(collect('hf:owner/name')).rejects.toThrow(/cannot be reached \(status 502\)/)
  })

  it('stops when asked to', async () => {
    await expect(collect('hf:owner/name', { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
  })
})
