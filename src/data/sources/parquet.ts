import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  type RowGroup,
} from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { randomAccess } from './expansion.js'
import { type FieldOptions, findTextFields, readRecord, wanted } from './fields.js'
import type { Input, RandomAccess } from './input.js'
import { FileFault, type Item } from './item.js'

/** What is decoded at a time, where the file allows. */
const WINDOW_BYTES = 64 << 20
/** Of the columns that are read. */
const MAX_GROUP_BYTES = 1 << 30

const codecs = {
  ...compressors,
  GZIP: (input: Uint8Array, length: number) => gunzipSync(input, { maxOutputLength: Math.max(1, length) }),
  BROTLI: (input: Uint8Array, length: number) =>
    brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) }),
}

export interface ParquetOptions extends FieldOptions {
  readonly maxRecordBytes: number
}

/** One document for each row. Only the columns that are needed are read. */
export async function* readParquet(input: Input, options: ParquetOptions): AsyncGenerator<Item[]> {
  const access = await randomAccess(input)
  try {
    yield* readRows(input, access, options)
  } catch (error) {
    if (error instanceof FileFault || !(error instanceof Error) || 'syscall' in error) throw error
    if (
      error.name === 'AbortError' ||
      ('code' in error && typeof error.code === 'string' && error.code.startsWith('data-'))
    )
      throw error
    throw new FileFault(input.path, '', 'malformed', `Parquet: ${error.message}`, { cause: error })
  } finally {
    await access.close()
  }
}

async function* readRows(
  input: Input,
  access: RandomAccess,
  options: ParquetOptions,
): AsyncGenerator<Item[]> {
  const file: AsyncBuffer = {
    byteLength: access.size,
    slice: async (start, end = access.size) => {
      const bytes = await access.read(start < 0 ? access.size + start : start, end)
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer
    },
  }
  const metadata = await parquetMetadataAsync(file)
  const there = topColumns(metadata)
  const text = findTextFields(there, options)
  if (!text) {
    const reason = `no column for ${wanted(options)} (it has ${there.slice(0, 8).join(', ')})`
    throw new FileFault(input.path, '', 'no-text', reason)
  }
  const { titleField, urlField, licenceField, languageField } = options
  const others = [titleField, urlField, licenceField, 'licence', languageField]
  const columns = [...new Set([...text, ...others.filter((name) => there.includes(name))])]
  const after = Number(input.after[0] ?? 0)
  let groupStart = 0
  for (const group of metadata.row_groups) {
    const groupEnd = groupStart + Number(group.num_rows)
    if (groupEnd > after) {
      const bytes = sizeOf(group, columns)
      const windowed = canWindow(group, columns)
      if (bytes > MAX_GROUP_BYTES && !windowed) {
        const where = `rows ${groupStart + 1} to ${groupEnd}`
        const reason = `the row group unfolds to ${bytes} bytes, more than can be held at once`
        yield [{ file: input.path, where, code: 'too-large', reason }]
      } else {
        const rows = groupEnd - groupStart
        const step = windowed ? Math.max(1, Math.floor((rows * WINDOW_BYTES) / Math.max(bytes, 1))) : rows
        for (let rowStart = Math.max(after, groupStart); rowStart < groupEnd; rowStart += step) {
          const rowEnd = Math.min(groupEnd, rowStart + step)
          const read = {
            file,
            metadata,
            columns,
            rowStart,
            rowEnd,
            compressors: codecs,
            useOffsetIndex: windowed,
          }
          const found = await parquetReadObjects(read)
          yield found.map((row, index) => itemOf(row, rowStart + index + 1, input, options))
        }
      }
    }
    groupStart = groupEnd
  }
}

function itemOf(row: unknown, number: number, input: Input, options: ParquetOptions): Item {
  const where = `row ${number}`
  const record = readRecord(row, options)
  if (typeof record === 'string') return { file: input.path, where, code: 'no-text', reason: record }
  if (record.text.trim() === '')
    return { file: input.path, where, code: 'empty', reason: 'the text is empty' }
  // UTF-16 units are at most as many as bytes.
  if (record.text.length > options.maxRecordBytes) {
    const reason = `the text has more than ${options.maxRecordBytes} bytes (maxRecordBytes)`
    return { file: input.path, where, code: 'too-large', reason }
  }
  return { title: input.title, ...record, id: `${input.id}:${number}`, position: `${input.at}/${number}` }
}

function topColumns(metadata: FileMetaData): string[] {
  const names =
    metadata.row_groups[0]?.columns.map(({ meta_data }) => meta_data?.path_in_schema[0] ?? '') ?? []
  return [...new Set(names)]
}

function chunksOf(group: RowGroup, columns: readonly string[]): RowGroup['columns'] {
  return group.columns.filter(({ meta_data }) => columns.includes(meta_data?.path_in_schema[0] ?? ''))
}

function sizeOf(group: RowGroup, columns: readonly string[]): number {
  return chunksOf(group, columns).reduce(
    (sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0),
    0,
  )
}

/** Whether the places of the pages are noted, so that some rows can be read without the others. */
function canWindow(group: RowGroup, columns: readonly string[]): boolean {
  return chunksOf(group, columns).every(({ offset_index_offset }) => offset_index_offset !== undefined)
}
