/** The text of a PDF, read in a thread of its own that can be ended: a PDF is a program of sorts. */
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { ApiError } from '../errors.js'

export interface PdfLimits {
  readonly pages: number
  readonly seconds: number
  /** Of the thread's heap. */
  readonly memoryMegabytes: number
  readonly characters: number
}

/** As text, so that it runs the same from sources and from the build. */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads')
const { bytes, unpdf, pages, characters } = workerData
const { pathToFileURL } = require('node:url')
async function read() {
  const { getDocumentProxy } = await import(pathToFileURL(unpdf).href)
  const pdf = await getDocumentProxy(bytes, {
    isEvalSupported: false, disableFontFace: true, useSystemFonts: false, maxImageSize: 0, verbosity: 0,
  })
  if (pdf.numPages > pages) return { problem: 'pages', count: pdf.numPages }
  const { info } = await pdf.getMetadata().catch(() => ({ info: {} }))
  let text = ''
  for (let number = 1; number <= pdf.numPages; number++) {
    const page = await pdf.getPage(number)
    const { items } = await page.getTextContent()
    for (const item of items) text += (item.str ?? '') + (item.hasEOL ? '\\n' : '')
    text += '\\n\\n'
    if (text.length > characters * 2) return { problem: 'characters' }
    page.cleanup()
  }
  return { title: typeof info?.Title === 'string' ? info.Title : '', text }
}
read().then(
  (result) => parentPort.postMessage(result),
  (error) => parentPort.postMessage({ problem: error?.name === 'PasswordException' ? 'password' : 'broken', message: String(error?.message ?? error).slice(0, 200) }),
)
`

interface Result {
  readonly problem?: 'pages' | 'characters' | 'password' | 'broken'
  readonly message?: string
  readonly count?: number
  readonly title?: string
  readonly text?: string
}

/** @throws ApiError 400 where it is broken, locked, or takes more time, memory or pages than it may */
export async function readPdf(
  bytes: Uint8Array,
  called: string,
  limits: PdfLimits,
): Promise<{ title: string; text: string }> {
  const invalid = (what: string, code = 'invalid_document') =>
    new ApiError(400, `${called} ${what}`, { code })
  const result = await inThread(bytes, limits).catch((error: unknown) => {
    throw invalid(`could not be read as a PDF: ${error instanceof Error ? error.message : String(error)}`)
  })
  switch (result.problem) {
    case undefined:
      return { title: result.title ?? '', text: joinLines(result.text ?? '') }
    case 'pages':
      throw invalid(
        `has ${result.count} pages; a document has at most ${limits.pages}: divide it`,
        'document_too_large',
      )
    case 'characters':
      throw invalid('has more text than a document may have: divide it', 'document_too_large')
    case 'password':
      throw invalid('is locked with a password; unlock it first')
    case 'broken':
      throw invalid(`could not be read as a PDF: ${result.message}`)
  }
}

function inThread(
  bytes: Uint8Array,
  { pages, characters, seconds, memoryMegabytes }: PdfLimits,
): Promise<Result> {
  const copy = Uint8Array.from(bytes)
  const unpdf = createRequire(import.meta.url)
    .resolve('unpdf')
    .replace(/\.cjs$/, '.mjs')
  const worker = new Worker(THREAD, {
    eval: true,
    execArgv: [],
    env: {},
    stdout: true,
    stderr: true,
    workerData: { bytes: copy, unpdf, pages, characters },
    transferList: [copy.buffer],
    resourceLimits: { maxOldGenerationSizeMb: memoryMegabytes },
  })
  return new Promise<Result>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`it took more than ${seconds} seconds`)), seconds * 1000)
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the reader ended')))
    worker.once('exit', () => clearTimeout(timer))
  }).finally(() => worker.terminate())
}

/** Lines of a page back into paragraphs: a line that ends in the middle of a sentence goes on in the next. */
export function joinLines(text: string): string {
  const lines = text.split('\n').map((line) => line.trim())
  let out = ''
  for (const [i, line] of lines.entries()) {
    const next = lines[i + 1] ?? ''
    if (line === '') {
      if (!out.endsWith('\n\n') && out !== '') out = `${out.trimEnd()}\n\n`
      continue
    }
    out += line
    if (next === '' || /[.!?:。！？：]["”’)）]?$/.test(line)) out += '\n'
    else if (/\p{L}-$/u.test(line) && /^\p{Ll}/u.test(next)) out = out.slice(0, -1)
    else if (!/\p{Script=Han}$/u.test(line) || !/^[\p{Script=Han}，。；：、]/u.test(next)) out += ' '
  }
  return out.trim()
}
