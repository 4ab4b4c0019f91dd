import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Document } from '../document.js'
import { findInvalidUtf8, unfinishedUtf8 } from '../utf8.js'
import { readTextFiles, type TextFileOptions } from './text-files.js'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-text-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

async function put(name: string, content: string | Uint8Array): Promise<string> {
  await mkdir(dirname(join(dir, name)), { recursive: true })
  await writeFile(join(dir, name), content)
  return join(dir, name)
}

async function read(paths: string[], options?: TextFileOptions): Promise<Document[]> {
  const documents: Document[] = []
  for await (const document of readTextFiles(paths, options)) documents.push(document)
  return documents
}

const texts = async (...paths: string[]) => (await read(paths)).map(({ text }) => text)

describe('readTextFiles', () => {
  it('reads a plain file as one document, exactly', async () => {
    const path = await put('a.txt', '  First line\n\nLast, no end 层 🜂')
    expect(await read([path])).toEqual([
      { id: 'a.txt', title: 'a.txt', text: '  First line\n\nLast, no end 层 🜂' },
    ])
  })

  it('names documents alike wherever the data lies, and apart', async () => {
    const ids = async (...paths: string[]) => (await read(paths)).map(({ id }) => id)
    const [first, second] = [await put('one/books/deep/a.txt', 'x'), await put('two/books/deep/a.txt', 'y')]
    expect(await ids(join(first, '../..'))).toEqual(['books/deep/a.txt'])
    expect(await ids(join(second, '../..'))).toEqual(['books/deep/a.txt'])
    expect(await ids(first, second)).toEqual([first, second])
  })

  it('drops a byte order mark and Windows line ends', async () => {
    expect(await texts(await put('a.md', '\ufeffone\r\ntwo\rthree\r\n\r'))).toEqual(['one\ntwo\rthree\n\r'])
    expect(await texts(await put('b.md', '！层'))).toEqual(['！层'])
  })

  it('splits at the end-of-text mark', async () => {
    const path = await put('a.txt', 'one\n<|endoftext|>\ntwo\n<|endoftext|>\n \n<|endoftext|>three')
    expect(await read([path])).toMatchObject([
      { id: 'a.txt', text: 'one' },
      { id: 'a.txt#2', text: 'two' },
      { id: 'a.txt#3', text: 'three' },
    ])
    expect(await read([path], { separator: '' })).toHaveLength(1)
  })

  it('reads over chunk borders: characters, line ends and marks', async () => {
    const text = `${'é🜂x\r\n'.repeat(300_000)}<|endoftext|>${'层层\r\n'.repeat(200_000)}`
    const documents = await texts(await put('a.txt', text))
    expect(documents.join('|').replaceAll('\n', '').length).toBe(4 * 300_000 + 1 + 2 * 200_000)
    expect(documents[0]).toBe('é🜂x\n'.repeat(300_000).trim())
  })

  it('cuts a very long document at a line end, losing nothing', async () => {
    const text = 'a line\n'.repeat(1000) + '🜂'.repeat(300)
    const documents = await read([await put('a.txt', text)], { maxDocumentLength: 101 })
    expect(documents.length).toBeGreaterThan(70)
    expect(documents.map((document) => document.text).join('')).toBe(text)
    for (const document of documents) expect(encodeURIComponent(document.text)).toBeTruthy()
  })

  it('reads JSON lines, by field', async () => {
    const path = await put('a.jsonl', '{"text":"one","n":1}\n\n{"text":""}\r\n{"n":2,"text":"two\\n"}')
    expect(await read([path])).toEqual([
      { id: 'a.jsonl:1', title: 'a.jsonl', text: 'one' },
      { id: 'a.jsonl:4', title: 'a.jsonl', text: 'two\n' },
    ])
    const other = await put('b.jsonl', '{"story":"x"}')
    expect((await read([other], { field: 'story' }))[0]!.text).toBe('x')
  })

  it('reads folders in the order of names, without hidden files, and each file once', async () => {
    await mkdir(join(dir, 'b'))
    await put('c.txt', 'c')
    await put('b/x.MD', 'x')
    await put('a.jsonl', '{"text":"a"}')
    await put('.hidden.txt', 'no')
    await put('table.csv', 'no')
    await symlink(dir, join(dir, 'b', 'loop')).catch(() => undefined)
    expect(await texts(dir, join(dir, 'c.txt'))).toEqual(['a', 'x', 'c'])
    expect(await texts(join(dir, 'table.csv'))).toEqual(['no'])
  })

  it.each([
    ['data-missing', /no file or folder .*none.txt/, () => join(dir, 'none.txt')],
    ['data-empty', /is empty/, () => put('empty.txt', '')],
    ['data-empty', /is empty/, () => put('blank.txt', ' \n\n')],
    ['data-empty', /is empty/, () => put('empty.jsonl', '\n')],
    ['data-empty', /no text files \(it is empty\)/, () => dir],
    ['data-empty', /it holds a.png/, () => put('a.png', 'x').then(() => dir)],
    [
      'data-not-text',
      /at byte 3 there is not UTF-8 \(byte 0xff\)/,
      () => put('a.txt', Uint8Array.of(97, 98, 10, 255)),
    ],
    [
      'data-not-text',
      /at byte 1 there is not UTF-8 \(byte 0xe5\)/,
      () => put('a.txt', Uint8Array.of(97, 0xe5, 0xb1)),
    ],
    ['data-not-text', /at byte 2 there is a zero byte/, () => put('a.txt', 'ab\0')],
    ['data-not-text', /UTF-16/, () => put('a.txt', Uint8Array.of(0xff, 0xfe, 97, 0))],
    ['data-not-text', /gzip/, () => put('a.txt', Uint8Array.of(0x1f, 0x8b, 8, 0))],
    ['data-malformed', /line 2: not valid JSON/, () => put('a.jsonl', '{"text":"x"}\n{"text":')],
    [
      'data-malformed',
      /line 1: no text in the field "text" \(it has body, n\)/,
      () => put('a.jsonl', '{"body":"x","n":1}'),
    ],
    ['data-malformed', /line 1: no text .* not an object/, () => put('a.jsonl', '5')],
  ])('says %s: %s', async (code, message, path) => {
    await expect(read([await path()])).rejects.toMatchObject({
      name: 'DataError',
      code,
      message: expect.stringMatching(message),
    })
  })

  it('counts byte offsets over chunks', async () => {
    const bytes = Buffer.concat([Buffer.from('é'.repeat(1_000_000)), Buffer.from([0xc0])])
    await expect(read([await put('a.txt', bytes)])).rejects.toThrow(/at byte 2000000 /)
  })

  it('says when nothing is named, and stops when asked to', async () => {
    await expect(read([])).rejects.toThrow(/no data files are named/)
    await expect(read([await put('a.txt', 'x')], { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
  })

  it.skipIf(!process.env.ATHANOR_TEST_DATA)('reads real books', async () => {
    const documents = await read([join(process.env.ATHANOR_TEST_DATA!, 'austen')])
    expect(documents.map(({ title }) => title)).toContain('emma.txt')
  })
})

describe('UTF-8', () => {
  it('agrees with the platform on every sequence of two bytes and many longer ones', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true })
    const isValid = (bytes: Uint8Array) => {
      try {
        decoder.decode(bytes)
        return true
      } catch {
        return false
      }
    }
    const edges = [
      0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5,
      0xff,
    ]
    for (const a of edges) {
      for (const b of edges) {
        for (const c of edges) {
          for (const d of edges) {
            const bytes = Uint8Array.of(a, b, c, d)
            const invalid = findInvalidUtf8(bytes)
            if (invalid < 0 !== isValid(bytes)) expect.fail(`${bytes}`)
            if (invalid >= 0 && !isValid(bytes.subarray(0, invalid))) expect.fail(`${bytes}`)
          }
        }
      }
    }
  })

  it('knows how much of a character is still to come', () => {
    const fire = new TextEncoder().encode('x🜂')
    expect([1, 2, 3, 4, 5].map((end) => unfinishedUtf8(fire.subarray(0, end)))).toEqual([0, 1, 2, 3, 0])
  })
})
