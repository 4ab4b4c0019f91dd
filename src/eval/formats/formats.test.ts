import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { parseCsv } from './csv.js'
import { readRows } from './records.js'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-rows-'))
})
afterAll(() => rm(dir, { recursive: true }))

const file = async (name: string, content: string | Uint8Array) => {
  await writeFile(join(dir, name), content)
  return join(dir, name)
}
const schema = z.looseObject({ text: z.string() })

describe('rows of files', () => {
  it('keep going over broken lines, which are counted with their numbers', async () => {
    const path = await file('a.jsonl', '{"text":"one"}\nnot json\n\n{"txt":"two"}\r\n[1]\n{"text":"three"}')
    const { rows, skipped } = await readRows(path, schema)
    expect(rows.map(({ text }) => text)).toEqual(['one', 'three'])
    expect(skipped.map(({ line }) => line)).toEqual([2, 4, 5])
    expect(skipped[0]!.reason).toContain('not JSON')
    expect(skipped[1]!.reason).toMatch(/no "text" \(it has txt/)
  })

  it('may be gzipped, an array, or columns', async () => {
    const gz = await file('b.jsonl.gz', gzipSync('{"text":"漢"}\n'))
    expect((await readRows(gz, schema)).rows).toEqual([{ text: '漢' }])
    const json = await file('c.json', '[{"text":"x"},{"text":"y"}]')
    expect((await readRows(json, schema)).rows).toHaveLength(2)
    const csv = await file('d.csv', '\ufefftext,n\r\n"a, ""b""\nc",1\r\nplain\r\nd,2')
    const { rows, skipped } = await readRows(csv, schema)
    expect(rows).toEqual([
      { text: 'a, "b"\nc', n: '1' },
      { text: 'd', n: '2' },
    ])
    expect(skipped).toEqual([{ file: csv, line: 4, reason: '1 fields, and the header has 2' }])
  })

  it.each([
    ['empty.jsonl', '', /holds no examples/],
    ['empty.csv', 'text,n\n', /holds no examples/],
    ['wrong.csv', 'body,n\nx,1\n', /all 1 were left out.*line 2: there is no "text" \(it has body, n/],
    ['bad.json', '[{"text":', /is not JSON/],
    ['what.xml', '<x/>', /has to be \.jsonl/],
    ['latin.jsonl', Uint8Array.of(0x7b, 0xe9, 0x7d), /not UTF-8/],
    ['broken.jsonl.gz', 'no gzip', /cannot be unpacked/],
  ])('%s is refused with the reason', async (name, content, message) => {
    await expect(readRows(await file(name, content), schema)).rejects.toThrow(message)
  })

  it('end where too much is broken, too long or missing', async () => {
    const path = await file('e.jsonl', 'x\n'.repeat(5))
    await expect(readRows(path, schema, { maxSkipped: 3 })).rejects.toThrow(
      /more than 3 broken lines.*line 1/,
    )
    const bomb = await file('f.jsonl.gz', gzipSync(Buffer.alloc(1 << 22, 32)))
    await expect(readRows(bomb, schema, { maxLength: 1 << 20 })).rejects.toThrow(/more than 1048576/)
    await expect(readRows(join(dir, 'none.csv'), schema)).rejects.toMatchObject({ code: 'storage-not-found' })
  })
})

describe('CSV', () => {
  it('goes on behind a broken row', () => {
    const rows = [...parseCsv('a,b\n"x" y,1\nc,"never\nd,e\n')]
    expect(rows).toEqual([
      { line: 1, fields: ['a', 'b'] },
      { line: 2, fields: [], broken: 'text stands behind a closing quote' },
      { line: 3, fields: [], broken: 'a quote is never closed' },
      { line: 4, fields: ['d', 'e'] },
    ])
  })

  it('keeps empty fields and counts lines within quotes', () => {
    expect([...parseCsv('a,,\n\n"1\n2",x,\ny')]).toEqual([
      { line: 1, fields: ['a', '', ''] },
      { line: 3, fields: ['1\n2', 'x', ''] },
      { line: 5, fields: ['y'] },
    ])
  })
})
