import { chmod, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSource, parseSource } from './index.js'
import { collect, createFolder, resumeEverywhere, tar, warcRecord, zip } from './testing/sources.js'

let folder: Awaited<ReturnType<typeof createFolder>>
beforeEach(async () => {
  folder = await createFolder()
})
afterEach(() => folder.remove())

describe('parseSource', () => {
  it.each([
    ['corpus', 'files', 'corpus'],
    ['https://example.org/a', 'crawl', 'https://example.org/a'],
    ['hf:owner/name', 'huggingFace', 'owner/name'],
    [{ path: ['a', 'b'], name: 'mine' }, 'files', 'mine'],
  ] as const)('takes %j for %s', (spec, kind, name) => {
    expect(parseSource(spec as string)).toMatchObject({ kind, name })
  })

  it('reads the parts of a data set', () => {
    const { spec } = parseSource('hf:allenai/c4:zh/validation')
    expect(spec).toMatchObject({ hf: 'allenai/c4', config: 'zh', split: 'validation' })
    expect(parseSource('hf:roneneldan/TinyStories').spec).toMatchObject({ split: 'train' })
  })

  it.each([
    [{ path: 'a', depth: 3 }, /depth/],
    [{ crawl: 'https://a.b', maxPages: 0 }, /maxPages/],
    [{ path: 'a', limits: { ratio: -1 } }, /limits.ratio/],
    ['hf:nothing', /hf:owner\/name/],
    [{ hf: 'a/b/c' }, /owner\/name/],
    [{}, /path/],
    [null, /a source is/],
  ])('refuses %j', (spec, message) => {
    expect(() => parseSource(spec as never)).toThrow(message)
  })
})

describe('openSource', () => {
  it('reads a folder of many kinds in the order of names, with origin', async () => {
    await folder.put('a.txt', 'one<|endoftext|>two')
    await folder.put(
      'b.jsonl',
      '{"content":"three","title":"T","url":"https://x.y/","license":"cc0","language":"fr"}\n',
    )
    await folder.put('c.csv', 'id,body\n1,four\n')
    await folder.put('d.html', '<title>Page</title><html lang=de><p>five</p>')
    await folder.put('e.jsonl.gz', gzipSync('{"text":"six"}\n'))
    await folder.put('f.zip', zip([{ name: 'in/g.md', content: 'seven' }]))
    await folder.put('h.tgz', gzipSync(tar([{ name: 'i.txt', content: 'eight' }])))
    await folder.put('j.wet', warcRecord('conversion', { 'WARC-Target-URI': 'http://n.o/' }, 'nine'))
    await folder.put('.hidden/z.txt', 'no')
    await folder.put('sub/k.txt', 'ten')
    await folder.put('z.png', 'no')
    await symlink(folder.dir, join(folder.dir, 'loop'))
    const spec = { path: folder.dir, name: 'mine', licence: 'mit', language: 'en' }
    const { documents, skips } = await collect(spec)
    const base = folder.dir.split('/').at(-1)
    expect(documents.map(({ text }) => text)).toEqual([
      'one',
      'two',
      'three',
      'four',
      'five',
      'six',
      'seven',
      'eight',
      'nine',
      'ten',
    ])
    expect(documents.map(({ id }) => id.replace(`${base}/`, ''))).toEqual([
      'a.txt',
      'a.txt#2',
      'b.jsonl:1',
      'c.csv:1',
      'd.html',
      'e.jsonl.gz!/e.jsonl:1',
      'f.zip!/in/g.md',
      'h.tgz!/h.tar!/i.txt',
      'j.wet:1',
      'sub/k.txt',
    ])
    expect(documents[0]).toMatchObject({ source: 'mine', licence: 'mit', language: 'en', title: 'a.txt' })
    expect(documents[2]).toMatchObject({ title: 'T', url: 'https://x.y/', licence: 'cc0', language: 'fr' })
    expect(documents[4]).toMatchObject({ title: 'Page', language: 'de' })
    expect(documents[8]).toMatchObject({ url: 'http://n.o/' })
    expect(skips.map(({ file, code }) => [file.split('/').at(-1), code])).toEqual([
      ['loop', 'unsupported'],
      ['z.png', 'unsupported'],
    ])
    const { whole, resumed } = await resumeEverywhere(spec)
    resumed.forEach((rest, index) => {
      expect(rest).toEqual(whole.slice(index + 1))
    })
  })

  it('gives the same ids wherever the files lie', async () => {
    const one = await folder.put('x/corpus/a.txt', 'a')
    await folder.put('y/corpus/a.txt', 'a')
    const ids = async (path: string | string[]) => (await collect({ path })).documents.map(({ id }) => id)
    expect(await ids(join(folder.dir, 'x/corpus'))).toEqual(['corpus/a.txt'])
    expect(await ids(join(folder.dir, 'y/corpus/'))).toEqual(['corpus/a.txt'])
    expect(new Set(await ids([one, join(folder.dir, 'y/corpus/a.txt')])).size).toBe(2)
  })

  it('skips broken lines, counts them with their place, and goes on', async () => {
    const bad = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d, 10])
    const lines = [
      '{"text":"a"}\n',
      '{"text":\n',
      '\n',
      '{"other":1}\n',
      '[1]\n',
      '{"text":" "}\n',
      '{"text":"b"}',
    ]
    const path = await folder.put(
      'a.jsonl',
      Buffer.concat([Buffer.from(lines[0]!), bad, Buffer.from(lines.slice(1).join(''))]),
    )
    const { texts, skips } = await collect(path)
    expect(texts).toEqual(['a', 'b'])
    expect(skips.map(({ where, code }) => `${where} ${code}`)).toEqual([
      'line 2 not-text',
      'line 3 malformed',
      'line 5 no-text',
      'line 6 no-text',
      'line 7 empty',
    ])
    expect(skips[2]!.reason).toMatch(/text, content, body; .* \(it has other\)/)
  })

  it('tells of a skip just where it stands between documents', async () => {
    const path = await folder.put('a.jsonl', '{"text":"a"}\n{\n{"text":"b"}\n{\n')
    const events: string[] = []
    for await (const { text } of openSource(path, { onSkip: ({ where }) => events.push(where) }))
      events.push(text)
    expect(events).toEqual(['a', 'line 2', 'b', 'line 4'])
  })

  it('ends when there are too many faults, but not for what is empty or unknown', async () => {
    const path = await folder.put('a.jsonl', `${'{"text":""}\n'.repeat(20)}{"text":"a"}\n${'{\n'.repeat(4)}`)
    expect((await collect(path, { maxSkipped: 4 })).skips).toHaveLength(24)
    await expect(collect(path, { maxSkipped: 3 })).rejects.toMatchObject({
      code: 'data-malformed',
      message: expect.stringMatching(/more than 3 faults, the last in .*a.jsonl, line 25/),
    })
  })

  it('skips a line that is too long without holding it, also over chunks', async () => {
    const long = (length: number) => `{"text":"${'x'.repeat(length)}"}\n`
    const text = `${long(10)}${long(3_000_000)}${long(20)}${long(200)}${long(30)}${long(5_000_000).trim()}`
    const path = await folder.put('a.jsonl', text)
    const { texts, skips } = await collect({ path, maxRecordBytes: 100 })
    expect(texts.map((found) => found.length)).toEqual([10, 20, 30])
    expect(skips.map(({ where, code }) => `${where} ${code}`)).toEqual([
      'line 2 too-large',
      'line 4 too-large',
      'line 6 too-large',
    ])
  })

  it('reads lines over chunk borders, and goes on within the file', async () => {
    const records = Array.from({ length: 9000 }, (_, i) => `{"text":"${i} ${'层é'.repeat(i % 97)}"}`)
    const path = await folder.put('a.jsonl', `\ufeff${records.join('\r\n')}`)
    const { documents } = await collect(path)
    expect(documents.map(({ text }) => `{"text":"${text}"}`)).toEqual(records)
    const middle = documents[5000]!
    const rest = (await collect(path, { after: middle.position })).documents
    expect(rest).toEqual(documents.slice(5001))
    await folder.put('a.jsonl.gz', gzipSync(`${records.join('\n')}\n`))
    const packed = (await collect(join(folder.dir, 'a.jsonl.gz'))).documents
    const after = (await collect(join(folder.dir, 'a.jsonl.gz'), { after: packed[8000]!.position })).documents
    expect(after).toEqual(packed.slice(8001))
  })

  it('joins several fields, and says which there are when one is missing', async () => {
    const path = await folder.put('a.jsonl', '{"q":"why?","a":"so","extra":""}\n{"q":"x"}\n')
    const { texts, skips } = await collect({ path, field: ['q', 'extra', 'a'] })
    expect(texts).toEqual(['why?\n\nso'])
    expect(skips[0]!.reason).toMatch(/"q", "extra", "a" \(it has q\)/)
  })

  it('skips what is not text and reads the other files', async () => {
    await folder.put('a.txt', Uint8Array.of(97, 98, 0xff))
    await folder.put('b.txt', 'b')
    await folder.put('c.txt', 'c\0')
    await folder.put('d.jsonl', Uint8Array.of(0xff, 0xfe, 97, 0))
    const { texts, skips } = await collect(folder.dir)
    expect(texts).toEqual(['b'])
    expect(skips.map(({ where, reason }) => `${where}: ${reason}`)).toEqual([
      expect.stringMatching(/^byte 2: not UTF-8 \(byte 0xff\)/),
      expect.stringMatching(/^byte 1: a zero byte/),
      expect.stringMatching(/UTF-16/),
    ])
  })

  it('reads other encodings when told of them', async () => {
    const gbk = Uint8Array.of(0xc4, 0xe3, 0xba, 0xc3)
    const path = await folder.put('a.txt', gbk)
    expect((await collect({ path, encoding: 'gbk' })).texts).toEqual(['你好'])
    await folder.put('a.txt', Buffer.from('\ufeffhé', 'utf16le'))
    expect((await collect({ path, encoding: 'utf-16le' })).texts).toEqual(['hé'])
    const lines = await folder.put(
      'b.jsonl',
      Buffer.concat([Buffer.from('{"text":"'), gbk, Buffer.from('"}\n')]),
    )
    expect((await collect({ path: lines, encoding: 'gbk' })).texts).toEqual(['你好'])
    await expect(collect({ path: lines, encoding: 'shift_jis', format: 'text' })).resolves.toBeTruthy()
    await expect(collect({ path: lines, encoding: 'klingon' })).rejects.toThrow(/klingon/)
  })

  it('recognises files without a telling name by what is in them', async () => {
    const named = async (content: string | Uint8Array) => {
      const { documents } = await collect(await folder.put('download', content))
      return documents.map(({ text }) => text)
    }
    expect(await named('plain')).toEqual(['plain'])
    expect(await named('<!DOCTYPE html><p>page')).toEqual(['page'])
    expect(await named(gzipSync('packed'))).toEqual(['packed'])
    expect(await named(zip([{ name: 'a.txt', content: 'zip' }]))).toEqual(['zip'])
    expect(await named(tar([{ name: 'b', content: '<html><p>tar' }]))).toEqual(['tar'])
    expect(await named(warcRecord('conversion', {}, 'warc'))).toEqual(['warc'])
    const json = await folder.put('a.json', '{"text":"line"}\n')
    expect((await collect(json)).texts).toEqual(['line'])
    const array = await folder.put('b.json', '[\n  {"text":"element"}\n]\n')
    expect((await collect(array)).texts).toEqual(['element'])
    await expect(collect(await folder.put('c.json', '1'))).rejects.toThrow(
      /neither a JSON array nor JSON Lines/,
    )
  })

  it('refuses a position of other files', async () => {
    const path = await folder.put('a.txt', 'one<|endoftext|>two')
    const { documents } = await collect(path)
    await folder.put('a.txt', 'one<|endoftext|>two!')
    await expect(collect(path, { after: documents[0]!.position })).rejects.toThrow(/belongs to other files/)
  })

  it('says when there is nothing, and why', async () => {
    await expect(collect(join(folder.dir, 'none'))).rejects.toMatchObject({ code: 'data-missing' })
    await expect(collect(await folder.put('a.txt', ''))).rejects.toMatchObject({ code: 'data-empty' })
    await expect(collect(await folder.put('a.jsonl', '{'))).rejects.toThrow(
      /gave no document; .*line 1: not valid JSON/,
    )
  })

  it('stops when asked to', async () => {
    const path = await folder.put('a.txt', 'x')
    await expect(collect(path, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
  })

  it.skipIf(process.getuid?.() === 0)('skips a file that may not be read', async () => {
    await chmod(await folder.put('a.txt', 'a'), 0)
    await folder.put('b.txt', 'b')
    const { texts, skips } = await collect(folder.dir)
    expect(texts).toEqual(['b'])
    expect(skips[0]).toMatchObject({ code: 'unreadable' })
  })

  it.skipIf(!process.env.ATHANOR_TEST_DATA)('reads real collections', async () => {
    const data = process.env.ATHANOR_TEST_DATA!
    const csv = await collect({
      path: join(data, 'truthfulqa/TruthfulQA.csv'),
      field: ['Question', 'Best Answer'],
    })
    expect(csv.skips).toEqual([])
    expect(csv.documents).toHaveLength(817)
    const gz = await collect({
      path: join(data, 'hh-rlhf-harmless/harmless-base-test.jsonl.gz'),
      field: 'chosen',
    })
    expect(gz.skips).toEqual([])
    expect(gz.documents.length).toBeGreaterThan(2000)
    const chinese = await collect({
      path: join(data, 'tatoeba-en-zh/cmn.txt'),
      format: 'csv',
      delimiter: '\t',
      columns: ['en', 'text', 'by'],
    })
    expect(chinese.skips).toEqual([])
    expect(chinese.documents.length).toBeGreaterThan(25_000)
  })
})
