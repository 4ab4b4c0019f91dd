import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collect, createFolder, resumeEverywhere } from './testing/sources.js'

let folder: Awaited<ReturnType<typeof createFolder>>
beforeEach(async () => {
  folder = await createFolder()
})
afterEach(() => folder.remove())

describe('a JSON array', () => {
  it('gives a document for each element, whatever is written in it', async () => {
    const texts = ['a, ] } [ { "b', '\\"\\', '中\u2028文 😀', '"', '[1, {"x": 2}]\n']
    const rows = texts.map((text, i) => ({ text, tags: [i, { deep: ['}', ']'] }], id: null }))
    const path = await folder.put('a.json', `\ufeff \n${JSON.stringify(rows, undefined, 2)}\n`)
    const { documents, skips } = await collect(path)
    expect(documents.map(({ text }) => text)).toEqual(texts)
    expect(documents.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5].map((n) => `a.json:${n}`))
    expect(skips).toEqual([])
  })

  it('joins named fields', async () => {
    const rows = [{ instruction: '写诗', input: '', output: '床前明月光' }]
    const path = await folder.put('a.json', JSON.stringify(rows))
    const field = ['instruction', 'input', 'output']
    expect((await collect({ path, field })).texts).toEqual(['写诗\n\n床前明月光'])
  })

  it('passes over elements that cannot be used', async () => {
    const bad = Buffer.concat([Buffer.from('{"text":"'), Buffer.of(0xff), Buffer.from('"}')])
    const parts = [
      '[1, {"text":"a"}, {"text":}, {"text":" "}, ',
      bad,
      ', {"text":"b"}, "c", {], {"text":"d"}]',
    ]
    const path = await folder.put('a.json', Buffer.concat(parts.map((part) => Buffer.from(part))))
    const { texts, skips } = await collect(path)
    expect(texts).toEqual(['a', 'b', 'd'])
    expect(skips.map(({ where, code }) => `${where} ${code}`)).toEqual([
      'element 1 no-text',
      'element 3 malformed',
      'element 4 empty',
      'element 5 not-text',
      'element 7 no-text',
      'element 8 malformed',
    ])
  })

  it('keeps no element that is too long', async () => {
    const rows = [{ text: 'x'.repeat(3 << 20) }, { text: 'short' }]
    const path = await folder.put('a.json', JSON.stringify(rows))
    const { texts, skips } = await collect({ path, maxRecordBytes: 1000 })
    expect(texts).toEqual(['short'])
    expect(skips).toMatchObject([{ where: 'element 1', code: 'too-large' }])
  })

  it('reads over chunk borders, and goes on after any element', async () => {
    const rows = Array.from({ length: 9000 }, (_, i) => ({ text: `${i} ${'层é"'.repeat(1 + (i % 97))}` }))
    const path = await folder.put('a.json', JSON.stringify(rows))
    const { documents } = await collect(path)
    expect(documents.map(({ text }) => ({ text }))).toEqual(rows)
    expect((await collect(path, { after: documents[5000]!.position })).documents).toEqual(
      documents.slice(5001),
    )
    await folder.put('b.json.gz', gzipSync(JSON.stringify(rows.slice(0, 20))))
    const packed = (await collect(join(folder.dir, 'b.json.gz'))).documents
    expect(packed.map(({ text }) => ({ text }))).toEqual(rows.slice(0, 20))
    const small = await folder.put('c.json', '[{"text":"a"},1,{"text":"b"} , {"text":"c"}]')
    const { whole, resumed } = await resumeEverywhere(small)
    expect(resumed).toEqual(whole.map((_, i) => whole.slice(i + 1)))
  })

  it.each([
    ['[{"text":"a"},', /ends within the array/],
    ['[{"text":"a"}] x', /byte 15.*more after the end/],
    ['[{"text":"a"}, }]', /byte 15.*never opened/],
  ])('says what is wrong with %j', async (source, message) => {
    const path = await folder.put('a.json', source)
    const { skips } = await collect(path)
    expect(skips.map(({ where, reason }) => `${where}: ${reason}`).join()).toMatch(message)
  })
})
