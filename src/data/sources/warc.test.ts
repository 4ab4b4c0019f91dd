import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collect, createFolder, resumeEverywhere, warcRecord } from './testing/sources.js'

let folder: Awaited<ReturnType<typeof createFolder>>
beforeEach(async () => {
  folder = await createFolder()
})
afterEach(() => folder.remove())

const http = (headers: string, body: string | Uint8Array, status = '200 OK') =>
  Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n`), Buffer.from(body as string)])
const response = (url: string, block: Uint8Array, length?: number) =>
  warcRecord(
    'response',
    { 'WARC-Target-URI': url, 'Content-Type': 'application/http; msgtype=response' },
    block,
    length,
  )
const page = (text: string) => `<html><title>T ${text}</title><body><p>${text}</p></body></html>`
const html = 'Content-Type: text/html; charset=utf-8'

describe('WARC', () => {
  const records = [
    warcRecord('warcinfo', { 'Content-Type': 'application/warc-fields' }, 'software: x\r\n'),
    warcRecord('request', { 'WARC-Target-URI': 'http://a.b/' }, 'GET / HTTP/1.1\r\n\r\n'),
    response('http://a.b/', http(html, page('one é'))),
    response('http://a.b/2', http(`${html}\r\nContent-Encoding: gzip`, gzipSync(page('two')))),
    response('http://a.b/3', http(`${html}\r\nContent-Encoding: br`, brotliCompressSync(page('three')))),
    response(
      'http://a.b/4',
      http(`${html}\r\nTransfer-Encoding: chunked`, '5\r\n<p>fo\r\n6\r\nur</p>\r\n0\r\n\r\n'),
    ),
    response('http://a.b/5', http('Content-Type: image/png', 'x')),
    response('http://a.b/6', http(html, page('gone'), '404 Not Found')),
    response('http://a.b/7', http('Content-Type: text/html; charset=gbk', Buffer.from([0xc4, 0xe3]))),
    response('http://a.b/8', http(`${html}\r\nContent-Encoding: gzip`, page('already undone'))),
  ]

  it.each([
    ['plain', 'a.warc', Buffer.concat(records)],
    [
      'one gzip member for each record',
      'a.warc.gz',
      Buffer.concat(records.map((record) => gzipSync(record))),
    ],
  ])('reads pages, %s', async (_, name, bytes) => {
    const path = await folder.put(name, bytes)
    const { documents, skips } = await collect(path)
    expect(documents.map(({ url, text }) => `${url} ${text}`)).toEqual([
      'http://a.b/ one é',
      'http://a.b/2 two',
      'http://a.b/3 three',
      'http://a.b/4 four',
      'http://a.b/7 你',
      'http://a.b/8 already undone',
    ])
    expect(documents[0]).toMatchObject({ title: 'T one é' })
    expect(skips.map(({ code, reason }) => `${code} ${reason}`)).toEqual([
      'unsupported a page of the type image/png',
      'unsupported an answer with the HTTP status 404',
    ])
    const { whole, resumed } = await resumeEverywhere(path)
    resumed.forEach((rest, index) => {
      expect(rest).toEqual(whole.slice(index + 1))
    })
  })

  it('reads the text of WET files with its language', async () => {
    const headers = {
      'WARC-Target-URI': 'http://a.b/',
      'WARC-Identified-Content-Language': 'zho,eng',
      'Content-Type': 'text/plain',
    }
    const { documents } = await collect(
      await folder.put('a.warc.wet', warcRecord('conversion', headers, '标题\r\n正文')),
    )
    expect(documents).toMatchObject([
      { text: '标题\n正文', url: 'http://a.b/', title: 'http://a.b/', language: 'zho' },
    ])
  })

  it('finds the next record after a wrong length', async () => {
    const body = http(html, page('x'))
    const good = (n: number) => warcRecord('conversion', {}, `good ${n}`)
    const bytes = [
      good(1),
      warcRecord('conversion', {}, 'a length that is too small\nby much', 10),
      good(2),
      response('http://a.b/', body, body.length + 30),
      good(3),
      good(4),
      Buffer.from('WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: -5\r\n\r\nx\r\n\r\n'),
      good(5),
      Buffer.from('WARC/1.0\r\nno end'),
    ]
    const { texts, skips } = await collect(await folder.put('a.warc', Buffer.concat(bytes)))
    expect(texts).toEqual(expect.arrayContaining(['good 1', 'a length t', 'good 2', 'good 4', 'good 5']))
    expect(skips.length).toBeGreaterThanOrEqual(4)
    expect(new Set(skips.map(({ code }) => code))).toEqual(new Set(['malformed']))
  })

  it('says when the file ends too early, when a record is too large, and when a page unfolds without end', async () => {
    const bomb = gzipSync(Buffer.alloc(64 << 20, 97))
    const bytes = [
      response('http://a.b/', http(`${html}\r\nContent-Encoding: gzip`, bomb)),
      warcRecord('conversion', {}, 'x'.repeat(200_000)),
      warcRecord('conversion', {}, 'good'),
      warcRecord('conversion', {}, 'short', 5000),
    ]
    const path = await folder.put('a.warc', Buffer.concat(bytes))
    const { texts, skips } = await collect({ path, maxRecordBytes: 100_000 })
    expect(texts).toEqual(['good'])
    expect(skips.map(({ where, code, reason }) => `${where.split(',')[0]} ${code} ${reason}`)).toEqual([
      expect.stringMatching(/^record 1 too-large the page unfolds to more/),
      expect.stringMatching(/^record 2 too-large/),
      expect.stringMatching(/^record 4 malformed the file ends \d+ bytes before/),
    ])
  })

  it('survives bytes that are nothing', async () => {
    const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251))
    await expect(collect(await folder.put('a.warc', noise))).rejects.toThrow(/belong to no record/)
  })
})
