/** Files that people bring, as text: plain text, Markdown, HTML, PDF. */
import { mainText } from '../../data/sources/html.js'
import { ApiError } from '../errors.js'
import { type PdfLimits, readPdf } from './pdf.js'

export type DocumentKind = 'text' | 'markdown' | 'html' | 'pdf'

export interface ReadDocument {
  readonly kind: DocumentKind
  readonly mime: string
  readonly title: string
  readonly text: string
}

export interface DocumentLimits extends PdfLimits {
  /** Of the file. */
  readonly bytes: number
  /** Of its text. */
  readonly characters: number
}

export const DOCUMENT_LIMITS: DocumentLimits = {
  bytes: 20 << 20,
  characters: 2_000_000,
  pages: 1_000,
  seconds: 30,
  memoryMegabytes: 512,
}

const MIME: Readonly<Record<DocumentKind, string>> = {
  text: 'text/plain',
  markdown: 'text/markdown',
  html: 'text/html',
  pdf: 'application/pdf',
}

const EXTENSIONS: Readonly<Record<string, DocumentKind>> = {
  txt: 'text',
  text: 'text',
  log: 'text',
  csv: 'text',
  md: 'markdown',
  markdown: 'markdown',
  html: 'html',
  htm: 'html',
  xhtml: 'html',
  pdf: 'pdf',
}

/** @throws ApiError 400 where it cannot be read or has no text, 413 where it is too large, 415 for other kinds of files */
export async function readDocument(
  bytes: Uint8Array,
  { name, mime = '', limits = DOCUMENT_LIMITS }: { name: string; mime?: string; limits?: DocumentLimits },
): Promise<ReadDocument> {
  const called = JSON.stringify(name.slice(0, 200))
  if (bytes.length > limits.bytes) {
    throw new ApiError(413, `${called} has ${bytes.length} bytes; a document has at most ${limits.bytes}`, {
      code: 'document_too_large',
    })
  }
  const kind = kindOf(bytes, name, mime)
  if (kind === undefined) {
    throw new ApiError(415, `${called} is no text, Markdown, HTML or PDF; convert it to one of these`, {
      code: 'unsupported_document',
    })
  }
  const { title, text } =
    kind === 'pdf' ? await readPdf(bytes, called, limits) : readText(bytes, kind, called)
  // Other systems' line ends, and control characters that no text needs.
  const clean = text
    .replace(/\r\n?/g, '\n')
    .replace(/(?![\t\n\f])\p{Cc}/gu, '')
    .trim()
  if (clean.length > limits.characters) {
    throw new ApiError(
      413,
      `${called} has ${clean.length} characters; a document has at most ${limits.characters}: divide it`,
      {
        code: 'document_too_large',
      },
    )
  }
  if (clean === '') {
    const hint = kind === 'pdf' ? '; a scanned one must be recognized (OCR) first' : ''
    throw new ApiError(400, `there is no text in ${called}${hint}`, { code: 'empty_document' })
  }
  const found = title.replace(/\s+/g, ' ').trim().slice(0, 300)
  return {
    kind,
    mime: MIME[kind],
    title: found || name.replace(/\.[A-Za-z0-9]{1,9}$/, '').slice(0, 300),
    text: clean,
  }
}

function kindOf(bytes: Uint8Array, name: string, mime: string): DocumentKind | undefined {
  // A PDF may have a little rubbish in front.
  if (Buffer.from(bytes.subarray(0, 1024)).includes('%PDF-')) return 'pdf'
  const extension = /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase() ?? ''
  const named = Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension] : undefined
  if (named === 'pdf') return undefined
  if (named) return named
  const [type] = mime.toLowerCase().split(';')
  const byMime = (Object.keys(MIME) as DocumentKind[]).find((kind) => MIME[kind] === type?.trim())
  return byMime === 'pdf' ? undefined : byMime
}

function readText(bytes: Uint8Array, kind: DocumentKind, called: string): { title: string; text: string } {
  const text = decode(bytes, called)
  if (kind === 'html') {
    try {
      return mainText(text)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new ApiError(400, `${called} has more elements than a page for people has`, {
        code: 'invalid_document',
        cause: error,
      })
    }
  }
  const heading = kind === 'markdown' ? /^#{1,2} +(.+?)#*\s*$/m.exec(text.slice(0, 5_000))?.[1] : undefined
  return { title: heading ?? '', text }
}

/** UTF-8, UTF-16 with its mark, or GB 18030, which most Chinese files of old are in. */
function decode(bytes: Uint8Array, called: string): string {
  const utf16 =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? 'utf-16le'
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? 'utf-16be'
        : undefined
  if (!utf16 && bytes.includes(0))
    throw new ApiError(400, `${called} is no text: it has zero bytes`, { code: 'invalid_document' })
  for (const encoding of utf16 ? [utf16] : ['utf-8', 'gb18030']) {
    try {
      return new TextDecoder(encoding, { fatal: true }).decode(bytes)
    } catch {
      // the next one
    }
  }
  throw new ApiError(400, `${called} is neither UTF-8 nor GB 18030; save it as UTF-8`, {
    code: 'invalid_document',
  })
}
