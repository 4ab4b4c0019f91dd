import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { ByteReader } from './byte-reader.js'
import { isZlibError } from './expansion.js'
import { decodeHtml, mainText } from './html.js'
import type { Input } from './input.js'
import type { Item, RawDocument, Skip, SkipCode } from './item.js'

const MAX_LINE = 1 << 16
const MAX_LINES = 1000
const MAX_PAGE = 8 << 20

interface Record {
  readonly type: string
  readonly headers: ReadonlyMap<string, string>
  readonly length: number
}

/**
 * The pages of a WARC file (ISO 28500): the text of `conversion` records (WET), the main text of `response` and `resource`
 * records that are HTML, and those that are plain text. Requests and metadata are no documents and are passed over. Where a
 * length is wrong, reading goes on at the next record that can be found.
 */
export async function* readWarc(
  input: Input,
  options: { readonly maxRecordBytes: number },
): AsyncGenerator<Item[]> {
  const [after = '0', start = '0'] = (input.after[0] ?? '').split('@')
  const reader = new ByteReader(input.open(Number(start)), Number(start))
  let number = Number(after)
  try {
    for (;;) {
      const found = await nextRecord(reader)
      if (found === undefined) return
      const where = `record ${number + 1}, byte ${found.start}`
      const skip = (code: SkipCode, reason: string): Skip => ({ file: input.path, where, code, reason })
      if (found.lost > 0) {
        const reason = `${found.lost} bytes before it belong to no record (a wrong length?)`
        yield [{ file: input.path, where, code: 'malformed', reason }]
      }
      if ('wrong' in found) {
        yield [skip('malformed', found.wrong)]
        continue
      }
      number++
      const { record } = found
      const isPage = ['response', 'resource', 'conversion'].includes(record.type)
      if (!isPage || record.length > options.maxRecordBytes) {
        const from = reader.offset
        await reader.skip(record.length)
        const missing = record.length - (reader.offset - from)
        if (missing > 0) yield [skip('malformed', `the file ends ${missing} bytes before the record does`)]
        else if (isPage) {
          const limit = options.maxRecordBytes
          yield [skip('too-large', `the record has more than ${limit} bytes (maxRecordBytes)`)]
        }
        continue
      }
      const block = await reader.read(record.length)
      if (block.length < record.length) {
        const missing = record.length - block.length
        yield [skip('malformed', `the file ends ${missing} bytes before the record does`)]
        continue
      }
      const page = readPage(record, block)
      if ('reason' in page) yield [skip(page.code, page.reason)]
      else {
        const url = record.headers.get('warc-target-uri')?.replace(/^<|>$/g, '')
        yield [
          {
            id: `${input.id}:${number}`,
            title: page.title || url || input.title,
            text: page.text,
            position: `${input.at}/${number}@${reader.offset}`,
            ...(url && { url }),
            ...(page.language && { language: page.language }),
          },
        ]
      }
    }
  } finally {
    await reader.close()
  }
}

/** The header of the next record; `lost` bytes before it were none. */
async function nextRecord(
  reader: ByteReader,
): Promise<
  ({ start: number; lost: number } & ({ readonly record: Record } | { readonly wrong: string })) | undefined
> {
  let lost = 0
  for (;;) {
    const start = reader.offset
    const line = await reader.line(MAX_LINE)
    if (!line) return lost > 0 ? { start, lost, wrong: 'there is no record after them' } : undefined
    // Two empty lines end a record.
    if (line.bytes.length === 0) continue
    // After a length that was too small the mark can stand behind other bytes; one that was too large has eaten it.
    if (!/^WARC\/[01]\.\d+$/.test(line.bytes.toString('latin1'))) {
      lost += reader.offset - start
      continue
    }
    const headers = await readHeaders(reader)
    if (typeof headers === 'string') return { start, lost, wrong: headers }
    const length = headers.get('content-length') ?? ''
    if (!/^\d{1,15}$/.test(length)) return { start, lost, wrong: 'the record has no true Content-Length' }
    const type = headers.get('warc-type')?.toLowerCase() ?? ''
    return { start, lost, record: { type, headers, length: Number(length) } }
  }
}

async function readHeaders(reader: ByteReader): Promise<Map<string, string> | string> {
  const headers = new Map<string, string>()
  for (let count = 0; count < MAX_LINES; count++) {
    const line = await reader.line(MAX_LINE)
    if (!line?.complete) return line ? 'a line of the header is too long' : 'the file ends in the header'
    if (line.bytes.length === 0) return headers
    addHeader(headers, line.bytes.toString('utf8'))
  }
  return 'the header has no end'
}

function addHeader(headers: Map<string, string>, line: string): void {
  const colon = line.indexOf(':')
  if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim())
}

type Page = Pick<RawDocument, 'title' | 'text' | 'language'> | { code: SkipCode; reason: string }

function readPage(record: Record, block: Buffer): Page {
  const language = record.headers.get('warc-identified-content-language')?.split(',')[0]?.trim()
  if (record.type === 'conversion') {
    return readBody(block, record.headers.get('content-type') ?? 'text/plain', language)
  }
  const recordType = record.headers.get('content-type') ?? ''
  if (record.type === 'resource') return readBody(block, recordType, language)
  if (!/^application\/http/i.test(recordType)) {
    return { code: 'unsupported', reason: `a response that is ${recordType || 'of no type'}, not HTTP` }
  }
  const end = headerEnd(block)
  if (!end) return { code: 'malformed', reason: 'the HTTP header of the response has no end' }
  const [status = '', ...lines] = block.toString('latin1', 0, end.at).split(/\r?\n/)
  const headers = new Map<string, string>()
  for (const line of lines) addHeader(headers, line)
  const code = / (\d{3})/.exec(status)?.[1]
  if (code !== '200')
    return { code: 'unsupported', reason: `an answer with the HTTP status ${code ?? 'missing'}` }
  const contentType = headers.get('content-type') ?? ''
  if (!isReadable(contentType)) return unsupported(contentType)
  let body: Buffer | undefined = block.subarray(end.next)
  if (/chunked/i.test(headers.get('transfer-encoding') ?? '')) body = unchunk(body)
  const unpacked = unpackBody(body, headers.get('content-encoding') ?? '')
  return 'reason' in unpacked ? unpacked : readBody(unpacked.body, contentType, language)
}

function headerEnd(block: Buffer): { at: number; next: number } | undefined {
  const windows = block.indexOf('\r\n\r\n')
  const plain = block.indexOf('\n\n')
  if (windows >= 0 && (plain < 0 || windows < plain)) return { at: windows, next: windows + 4 }
  return plain >= 0 ? { at: plain, next: plain + 2 } : undefined
}

/** Some crawlers note the header of an encoding that they have already undone: then the bytes are taken as they are. */
function unpackBody(body: Buffer, encoding: string): { body: Buffer } | { code: SkipCode; reason: string } {
  const name = encoding.trim().toLowerCase()
  const options = { maxOutputLength: MAX_PAGE }
  try {
    if (/^(x-)?gzip$/.test(name) && body.readUInt16BE() === 0x1f8b) return { body: gunzipSync(body, options) }
    if (name === 'deflate' && (body[0]! & 0x0f) === 8) return { body: inflateSync(body, options) }
    if (name === 'br') return { body: brotliDecompressSync(body, options) }
  } catch (error) {
    if (isZlibError(error) && error.message.includes('larger than'))
      return { code: 'too-large', reason: `the page unfolds to more than ${MAX_PAGE} bytes` }
    if (name !== 'br')
      return { code: 'malformed', reason: `the page is not ${name}: ${(error as Error).message}` }
  }
  return { body }
}

/** Chunked transfer coding (RFC 9112, section 7.1); bytes that are not in it are taken as they are. */
function unchunk(body: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf(10, at)
    const size =
      end < 0 ? undefined : /^([0-9a-f]{1,8})\s*(;.*)?$/i.exec(body.toString('latin1', at, end).trim())
    if (!size) return parts.length === 0 ? body : Buffer.concat(parts)
    const length = Number.parseInt(size[1]!, 16)
    if (length === 0) break
    parts.push(body.subarray(end + 1, end + 1 + length))
    at = end + 1 + length
    while (at < body.length && (body[at] === 13 || body[at] === 10)) at++
  }
  return Buffer.concat(parts)
}

function isReadable(contentType: string): boolean {
  return /^\s*(text\/(html|plain|markdown)|application\/xhtml\+xml)/i.test(contentType)
}

function unsupported(contentType: string): { code: SkipCode; reason: string } {
  return { code: 'unsupported', reason: `a page of the type ${contentType || 'nothing'}` }
}

/** The text of a page by its content type. */
export function readBody(body: Uint8Array, contentType: string, language?: string): Page {
  if (!isReadable(contentType)) return unsupported(contentType)
  if (/^\s*text\/(plain|markdown)/i.test(contentType)) {
    const text = decodeHtml(body, contentType.includes('charset') ? contentType : 'charset=utf-8')
    return checkPage({ title: '', text: text.replaceAll('\r\n', '\n'), ...(language && { language }) })
  }
  if (body.length > MAX_PAGE) return { code: 'too-large', reason: `the page has more than ${MAX_PAGE} bytes` }
  try {
    const page = mainText(decodeHtml(body, contentType))
    const stated = language || page.language
    return checkPage({ title: page.title, text: page.text, ...(stated && { language: stated }) })
  } catch (error) {
    // A page that is built to exhaust the stack, or breaks the parser, is a page that cannot be read.
    return { code: 'malformed', reason: `the page cannot be read: ${(error as Error).message}` }
  }
}

function checkPage(page: Exclude<Page, { reason: string }>): Page {
  if (page.text.trim() === '') return { code: 'empty', reason: 'the page has no text' }
  if (page.text.includes('\0')) return { code: 'not-text', reason: 'it has zero bytes, which text never has' }
  return page
}
