import { describe, expect, it } from 'vitest'
import { DOCUMENT_LIMITS, readDocument } from './document.js'
import { cutPassages } from './passages.js'
import { joinLines } from './pdf.js'
import { askedTerms, termsOf } from './terms.js'
import { makePdf } from './testing/pdf.js'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('readDocument', () => {
  it('reads plain text, Markdown and HTML', async () => {
    expect(await readDocument(bytes('\ufeffOne.\r\nTwo.\u0007\n'), { name: 'a/notes.txt' })).toMatchObject({
      kind: 'text',
      text: 'One.\nTwo.',
      title: 'a/notes',
    })
    expect(await readDocument(bytes('# Ib\n\nText.'), { name: 'ib.md' })).toMatchObject({
      kind: 'markdown',
      title: 'Ib',
    })
    const page = '<title>Ib</title><script>alert(1)</script><p>There is <b>a land</b> &amp; a sea.</p>'
    expect(await readDocument(bytes(page), { name: 'x', mime: 'text/html; charset=utf-8' })).toMatchObject({
      kind: 'html',
      title: 'Ib',
      text: 'There is a land & a sea.',
    })
  })

  it('reads the encodings that Chinese files have', async () => {
    const gb = Uint8Array.of(0xd6, 0xd0, 0xce, 0xc4)
    expect((await readDocument(gb, { name: 'a.txt' })).text).toBe('中文')
    const utf16 = Uint8Array.of(0xff, 0xfe, 0x2d, 0x4e, 0x87, 0x65)
    expect((await readDocument(utf16, { name: 'a.txt' })).text).toBe('中文')
  })

  it('reads PDF', async () => {
    const pdf = makePdf([['The capital of Melkovia is', 'Parma (on the sea).'], ['Second page.']])
    expect(await readDocument(pdf, { name: 'x.bin' })).toMatchObject({
      kind: 'pdf',
      title: 'Report',
      text: 'The capital of Melkovia is Parma (on the sea).\n\nSecond page.',
    })
  })

  it.each([
    ['a picture', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0), 'a.png', 415, /convert/],
    ['zero bytes', Uint8Array.of(65, 0, 66), 'a.txt', 400, /zero bytes/],
    ['no encoding', Uint8Array.of(0x41, 0xff, 0xff), 'a.txt', 400, /neither UTF-8/],
    ['nothing', bytes(' \n '), 'a.txt', 400, /no text/],
    ['a false PDF', bytes('%PDF-1.7 nothing of it'), 'a.pdf', 400, /could not be read as a PDF/],
    ['a PDF of pictures', makePdf([[]]), 'a.pdf', 400, /scanned/],
    ['what only says it is a PDF', bytes('hello'), 'a.pdf', 415, /convert/],
    ['tags in each other', bytes('<div>'.repeat(600_000)), 'a.html', 400, /elements|no text/],
  ])('refuses %s', async (_, content, name, status, message) => {
    await expect(readDocument(content, { name })).rejects.toMatchObject({
      status,
      message: expect.stringMatching(message),
    })
  })

  it('keeps to the limits', async () => {
    const limits = { ...DOCUMENT_LIMITS, bytes: 3_000, characters: 100, pages: 2 }
    const read = (content: Uint8Array, name = 'a.txt') => readDocument(content, { name, limits })
    await expect(read(bytes('a'.repeat(3_001)))).rejects.toMatchObject({ status: 413 })
    await expect(read(bytes('a'.repeat(101)))).rejects.toMatchObject({ status: 413 })
    await expect(read(makePdf([['a'], ['b'], ['c']]), 'a.pdf')).rejects.toThrow(/3 pages/)
    const slow = { ...DOCUMENT_LIMITS, seconds: 0.001 }
    await expect(readDocument(makePdf([['a']]), { name: 'a.pdf', limits: slow })).rejects.toThrow(
      /took more than/,
    )
  })

  it('joins the lines of a page to paragraphs', () => {
    expect(joinLines('The long\nsen-\ntence ends.\nA new one\n\n\nand 中文\n的一行')).toBe(
      'The long sentence ends.\nA new one\n\nand 中文的一行',
    )
  })
})

describe('cutPassages', () => {
  const sentence = (i: number) => `This is sentence number ${i} of them.`
  const text = Array.from({ length: 12 }, (_, i) => sentence(i)).join(' ')

  it('cuts between sentences and repeats the last ones', () => {
    const cuts = cutPassages(text, 'text', { size: 120, overlap: 40 })
    for (const { text: words, start, end } of cuts) {
      expect(words).toBe(text.slice(start, end))
      expect(words.length).toBeLessThanOrEqual(125)
      expect(words).toMatch(/^This .*them\.$/)
    }
    for (const [i, { start }] of cuts.entries()) if (i > 0) expect(start).toBeLessThan(cuts[i - 1]!.end)
    for (let i = 0; i < 12; i++)
      expect(cuts.some(({ text: words }) => words.includes(sentence(i)))).toBe(true)
  })

  it('keeps Chinese sentences whole and counts their characters double', () => {
    const cuts = cutPassages('春天来了。花都开了。夏天很热。秋天很凉。', 'text', { size: 24, overlap: 0 })
    expect(cuts.map((cut) => cut.text)).toEqual(['春天来了。花都开了。', '夏天很热。秋天很凉。'])
  })

  it('keeps sections of Markdown apart, with their headings', () => {
    const cuts = cutPassages('Before.\n# A\nOne.\n## B ##\nTwo.\n```\n# code\n```\n# C\n', 'markdown', {
      size: 200,
      overlap: 50,
    })
    expect(cuts.map(({ heading, text: words }) => [heading, words])).toEqual([
      [undefined, 'Before.'],
      ['A', 'One.'],
      ['A › B', 'Two.\n```\n# code\n```'],
    ])
  })

  it('cuts what has no sentences, and ends', () => {
    for (const long of ['x'.repeat(5_000), 'ab '.repeat(2_000), '😀'.repeat(1_000), '\n\n \n\n']) {
      const cuts = cutPassages(long, 'text', { size: 100, overlap: 100 })
      expect(
        cuts
          .map((cut) => cut.text)
          .join('')
          .replace(/\s/g, ''),
      ).toBe(long.replace(/\s/g, ''))
      for (const cut of cuts) expect(encodeURIComponent(cut.text)).toBeTruthy()
    }
    const start = process.cpuUsage().user
    cutPassages('word '.repeat(400_000), 'text', { size: 500, overlap: 100 })
    expect(process.cpuUsage().user - start).toBeLessThan(20e6)
  })
})

describe('termsOf', () => {
  it('folds case, forms and plurals', () => {
    expect(termsOf('The Countries’ cities, ＡＢＣ and buses: x1')).toEqual([
      'the',
      'country',
      'city',
      'abc',
      'and',
      'buse',
      'x1',
    ])
    expect(termsOf('法国的首都是巴黎')).toEqual(['法国', '的', '首都', '是', '巴黎'])
  })

  it('knows what a question is about', () => {
    expect(askedTerms('What is the capital of Melkovia?')).toEqual(['capital', 'melkovia'])
    expect(askedTerms('法国的首都是哪里？')).toEqual(['法国', '首都'])
    expect(askedTerms('What is it?')).toEqual(['what', 'is', 'it'])
  })
})
