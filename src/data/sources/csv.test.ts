import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collect, createFolder } from './testing/sources.js'

let folder: Awaited<ReturnType<typeof createFolder>>
beforeEach(async () => {
  folder = await createFolder()
})
afterEach(() => folder.remove())

describe('CSV', () => {
  it('reads quoted cells over lines, doubled quotes, and line ends of Windows', async () => {
    const path = await folder.put(
      'a.csv',
      '\ufefftitle,text\r\nA,"one, ""two""\r\nthree"\r\n"B",four\r\n\r\nC,""\r\n',
    )
    const { documents, skips } = await collect(path)
    expect(documents.map(({ title, text }) => [title, text])).toEqual([
      ['A', 'one, "two"\nthree'],
      ['B', 'four'],
    ])
    expect(skips).toMatchObject([{ where: 'line 6', code: 'empty' }])
  })

  it('finds out what stands between cells, or is told', async () => {
    const read = async (name: string, content: string, more = {}) =>
      (await collect({ path: await folder.put(name, content), ...more })).texts
    expect(await read('a.csv', 'id;text\n1;"x;y"\n')).toEqual(['x;y'])
    expect(await read('a.csv', 'id\ttext\n1\ta "quoted, word\n')).toEqual(['a "quoted, word'])
    expect(await read('a.tsv', 'text\tid\na,b,c\t1\n')).toEqual(['a,b,c'])
    expect(await read('a.csv', '1|x\n', { delimiter: '|', columns: ['id', 'text'] })).toEqual(['x'])
  })

  it('skips rows that are broken and goes on', async () => {
    const rows = ['1,a', '2', '3,"b"x', '4,c,d', '5,"never closed', '6,e', '7,f']
    const { texts, skips } = await collect(await folder.put('a.csv', `id,text\n${rows.join('\n')}\n`))
    expect(texts).toEqual(['a', 'e', 'f'])
    expect(skips.map(({ where, code }) => `${where} ${code}`)).toEqual([
      'line 3 malformed',
      'line 4 malformed',
      'line 5 malformed',
      'line 6 malformed',
    ])
    expect(skips[3]!.reason).toMatch(/never closed/)
  })

  it('gives up on a row that is too long, and reads on behind it', async () => {
    const path = await folder.put(
      'a.csv',
      `text\nshort\n${'x'.repeat(3_000_000)}\n"open\n${'y\n'.repeat(100)}last\n`,
    )
    const { texts, skips } = await collect({ path, maxRecordBytes: 50 })
    expect(texts[0]).toBe('short')
    expect(texts.at(-1)).toBe('last')
    expect(skips.map(({ where, code }) => `${where} ${code}`)).toEqual([
      'line 3 too-large',
      'line 4 too-large',
    ])
  })

  it('says which columns there are when none holds text', async () => {
    await expect(collect(await folder.put('a.csv', 'a,b\n1,2\n'))).rejects.toThrow(/columns are a, b/)
  })

  it('reads over chunk borders and goes on after a row', async () => {
    const cells = Array.from({ length: 4000 }, (_, i) => `${'long "cell"\n'.repeat(i % 90)}${i}`)
    const path = await folder.put(
      'a.csv',
      `text\n${cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join('\n')}`,
    )
    const { documents } = await collect(path)
    expect(documents.map(({ text }) => text)).toEqual(cells)
    expect((await collect(path, { after: documents[3000]!.position })).documents).toEqual(
      documents.slice(3001),
    )
  })
})
