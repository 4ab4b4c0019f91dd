import { brotliCompressSync, gzipSync } from 'node:zlib'
import { compressors } from 'hyparquet-compressors'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collect, createFolder, zip } from './testing/sources.js'

let folder: Awaited<ReturnType<typeof createFolder>>
beforeEach(async () => {
  folder = await createFolder()
})
afterEach(() => folder.remove())

const texts = Array.from({ length: 250 }, (_, i) =>
  i === 7 ? null : i === 8 ? '' : `row ${i} ${'层é'.repeat(i % 9)}`,
)
const columnData = [
  { name: 'id', data: texts.map((_, i) => i), type: 'INT32' as const },
  { name: 'content', data: texts, type: 'STRING' as const, nullable: true },
  { name: 'url', data: texts.map((_, i) => `https://a.b/${i}`), type: 'STRING' as const },
]
const zstdless = {
  GZIP: (bytes: Uint8Array) => gzipSync(bytes),
  BROTLI: (bytes: Uint8Array) => brotliCompressSync(bytes),
}

describe('Parquet', () => {
  it.each(['SNAPPY', 'GZIP', 'BROTLI', 'UNCOMPRESSED'] as const)(
    'reads rows packed with %s',
    async (codec) => {
      const buffer = parquetWriteBuffer({ columnData, codec, compressors: zstdless, rowGroupSize: 100 })
      const path = await folder.put('a.parquet', Buffer.from(buffer))
      const { documents, skips } = await collect(path)
      expect(documents.map(({ text }) => text)).toEqual(texts.filter((text) => text))
      expect(documents[100]).toMatchObject({ id: 'a.parquet:103', url: 'https://a.b/102' })
      expect(skips.map(({ where, code }) => `${where} ${code}`)).toEqual(['row 8 no-text', 'row 9 empty'])
      for (const at of [0, 97, 98, 247]) {
        const rest = await collect(path, { after: documents[at]!.position })
        expect(rest.documents).toEqual(documents.slice(at + 1))
      }
    },
  )

  it('reads one within an archive', async () => {
    const buffer = Buffer.from(parquetWriteBuffer({ columnData }))
    expect(
      (await collect(await folder.put('a.zip', zip([{ name: 'b.parquet', content: buffer }])))).documents,
    ).toHaveLength(248)
    expect((await collect(await folder.put('b.parquet.gz', gzipSync(buffer)))).documents).toHaveLength(248)
  })

  it('has the codecs of the field', () => {
    expect(Object.keys(compressors)).toEqual(expect.arrayContaining(['ZSTD', 'LZ4_RAW', 'SNAPPY']))
  })

  it('says which columns there are, and when the file is damaged', async () => {
    const other = Buffer.from(parquetWriteBuffer({ columnData: columnData.slice(0, 1) }))
    await expect(collect(await folder.put('a.parquet', other))).rejects.toThrow(/no column .*\(it has id\)/)
    const whole = Buffer.from(parquetWriteBuffer({ columnData }))
    await expect(collect(await folder.put('a.parquet', whole.subarray(0, 900)))).rejects.toThrow(/Parquet: /)
    const wrong = Buffer.from(whole)
    wrong.fill(0xff, 1200, 1900)
    const damaged = await collect(await folder.put('a.parquet', wrong)).catch(String)
    expect(damaged).toBeTruthy()
    await expect(collect(await folder.put('a.parquet', ''))).rejects.toThrow(/Parquet: /)
  })
})
