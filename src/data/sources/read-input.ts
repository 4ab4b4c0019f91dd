import { readCsv } from './csv.js'
import { type Expansion, ExpansionFault, gunzip } from './expansion.js'
import { climbsOut, formatOf, isHidden, SNIFF_BYTES, sniff, unpackedName } from './formats.js'
import { type Input, peek, readAll, transcode } from './input.js'
import { FileFault, type Item, type Skip, type SkipCode } from './item.js'
import { readJsonArray } from './json-array.js'
import { readJsonLines } from './json-lines.js'
import { readParquet } from './parquet.js'
import { readPlainText } from './plain-text.js'
import type { FilesSpec, Format } from './spec.js'
import { readTar } from './tar.js'
import { readBody, readWarc } from './warc.js'
import { readZip } from './zip.js'

export interface ReadContext {
  readonly spec: FilesSpec
  /** What the file that is being read has unfolded to. */
  readonly expansion: Expansion
  /** How many archives and compressed files this lies in. */
  readonly depth: number
  readonly signal?: AbortSignal | undefined
}

/**
 * The documents of one input, with what was skipped, in its order. A fault that ends the input is the last skip; what other
 * inputs hold is not touched by it.
 *
 * @param isNamed whether a person named this very file: then what has no known kind is taken for plain text
 */
export async function* readInput(
  input: Input,
  context: ReadContext,
  isNamed: boolean,
): AsyncGenerator<Item[]> {
  try {
    const known = (context.depth === 0 && context.spec.format) || formatOf(input.title)
    if (known) yield* readFormat(input, known, context, isNamed)
    else yield* readUnknown(input, context, isNamed)
  } catch (error) {
    if (!(error instanceof FileFault) || (error instanceof ExpansionFault && context.depth > 0)) throw error
    yield [error.skip]
  }
}

/** By its first bytes. */
async function* readUnknown(input: Input, context: ReadContext, isNamed: boolean): AsyncGenerator<Item[]> {
  const opened = await peek(input, SNIFF_BYTES)
  try {
    const format = sniff(opened.head) ?? (isNamed ? textFormat(input, opened.head) : undefined)
    if (format) yield* readFormat(opened.input, format, context, isNamed)
    else yield [skip(input, 'unsupported', 'not of a kind that can be read')]
  } finally {
    await opened.close()
  }
}

function textFormat(input: Input, head: Buffer): Format {
  if (!/\.json$/i.test(input.title)) return 'text'
  const [, first] = /^(?:\xef\xbb\xbf)?\s*([[{])/.exec(head.toString('latin1')) ?? []
  if (first === undefined)
    throw new FileFault(input.path, '', 'unsupported', 'it is neither a JSON array nor JSON Lines')
  return first === '[' ? 'json' : 'jsonl'
}

function readFormat(
  input: Input,
  format: Format,
  context: ReadContext,
  isNamed: boolean,
): AsyncGenerator<Item[]> {
  const { spec } = context
  const decoded = () => (spec.encoding === undefined ? input : transcode(input, spec.encoding))
  switch (format) {
    case 'text':
      return readPlainText(decoded(), spec)
    case 'json':
      return readJsonArray(decoded(), spec)
    case 'jsonl':
      return readJsonLines(decoded(), spec)
    case 'csv': {
      const delimiter = spec.delimiter ?? (/\.tsv$/i.test(input.title) ? '\t' : undefined)
      return readCsv(decoded(), { ...spec, delimiter })
    }
    case 'html':
      return readHtml(input, spec)
    case 'parquet':
      return readParquet(input, spec)
    case 'warc':
      return readWarc(input, spec)
    case 'gzip':
      context.expansion.checkDepth(input.path, context.depth + 1)
      return readInput(
        gunzip(input, unpackedName(input.title), context.expansion),
        { ...context, depth: context.depth + 1 },
        isNamed,
      )
    case 'zip':
      return readArchive(readZip(input), input, context)
    case 'tar':
      return readArchive(readTar(input), input, context)
  }
}

async function* readHtml(input: Input, spec: FilesSpec): AsyncGenerator<Item[]> {
  if (input.after.length > 0) return
  const bytes = await readAll(input, spec.maxRecordBytes)
  const page = readBody(bytes, `text/html${spec.encoding === undefined ? '' : `; charset=${spec.encoding}`}`)
  if ('reason' in page) yield [skip(input, page.code, page.reason)]
  else {
    const { text, language } = page
    const title = page.title || input.title
    yield [{ id: input.id, title, text, position: `${input.at}/1`, ...(language && { language }) }]
  }
}

interface ArchiveEntry {
  readonly name: string
  readonly kind: 'file' | 'folder' | 'link' | 'encrypted' | 'other'
  readonly index: number
  readonly input: Input
}

async function* readArchive(
  entries: AsyncIterable<ArchiveEntry>,
  archive: Input,
  context: ReadContext,
): AsyncGenerator<Item[]> {
  const { expansion, depth, signal } = context
  expansion.checkDepth(archive.path, depth + 1)
  const first = Number(archive.after[0] ?? 0)
  for await (const { name, kind, index, input } of entries) {
    signal?.throwIfAborted()
    expansion.addEntry(archive.path)
    if (index < first || kind === 'folder') continue
    if (climbsOut(name)) yield [skip(input, 'unsafe', 'its path leads out of the archive')]
    else if (kind === 'link') yield [skip(input, 'unsupported', 'a link within an archive is not followed')]
    else if (kind === 'encrypted') yield [skip(input, 'unreadable', 'it is encrypted')]
    else if (kind === 'other') yield [skip(input, 'unsupported', 'packed in a way that is not supported')]
    else if (!isHidden(name))
      yield* readInput(limited(input, expansion), { ...context, depth: depth + 1 }, false)
  }
}

/** What an entry unfolds to is counted, and a bomb ends the whole archive: it throws through the entry's own reader. */
function limited(input: Input, expansion: Expansion): Input {
  return {
    ...input,
    open: async function* (from = 0) {
      for await (const chunk of input.open(from)) {
        expansion.addBytes(input.path, chunk.length)
        yield chunk
      }
    },
  }
}

function skip(input: Input, code: SkipCode, reason: string): Skip {
  return { file: input.path, where: '', code, reason }
}
