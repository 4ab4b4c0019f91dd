import { basename, resolve } from 'node:path'
import { z } from 'zod'
import { DataError, type Document } from '../document.js'

/** A document with its origin: what a data card and a licence check need to know of it. */
export interface SourceDocument extends Document {
  /** The name of the source that it came from. */
  readonly source: string
  readonly url?: string
  readonly licence?: string
  /** As the source states it (`en`, `zh-CN`, ...); nobody has checked it. */
  readonly language?: string
  /** Give this as `after` to `openSource`, and it goes on with the document that follows. */
  readonly position: string
}

export const FORMATS = [
  'text',
  'html',
  'json',
  'jsonl',
  'csv',
  'parquet',
  'warc',
  'zip',
  'tar',
  'gzip',
] as const
export type Format = (typeof FORMATS)[number]

const names = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)])
const positive = z.number().int().positive()

const common = {
  /** How the data card calls it; the last part of the path, the first address or the data set's name unless given. */
  name: z.string().min(1).optional(),
  /** For documents that do not state one themselves. */
  licence: z.string().min(1).optional(),
  language: z.string().min(1).optional(),
}

const table = {
  /** The field or column that holds the text; several are joined by an empty line. Else the first of text, content, body. */
  field: names.optional(),
  titleField: z.string().min(1).default('title'),
  urlField: z.string().min(1).default('url'),
  licenceField: z.string().min(1).default('license'),
  languageField: z.string().min(1).default('language'),
  /** A longer record (a line, a row, a page) is skipped; bytes. */
  maxRecordBytes: positive.default(32 << 20),
}

const files = z.strictObject({
  ...common,
  ...table,
  /** Files, folders and archives; a folder stands for all in it of a kind that can be read. */
  path: names,
  /** Reads all named files as this, whatever their names say. */
  format: z.enum(FORMATS).optional(),
  /** Of text, HTML, CSV and JSON Lines: any label of the Encoding Standard, such as `gbk` or `windows-1252`. */
  encoding: z.string().optional(),
  /** Where this stands in a plain text file, one document ends and the next begins. */
  separator: z.string().default('<|endoftext|>'),
  /** A plain text longer than this (in UTF-16 units) is cut at a line end, so that memory stays bounded. */
  maxDocumentLength: positive.default(1 << 24),
  /** Between the cells of a CSV file; found out from the first line unless given. */
  delimiter: z.string().length(1).optional(),
  /** Names of the columns of a CSV file without a header. */
  columns: z.array(z.string()).min(1).optional(),
  /** Whether a double quote has a meaning in CSV; by default yes, but not between tabs. */
  quotes: z.boolean().optional(),
  /** What archives and compressed files may unfold to, for each file that is named or found in a folder. */
  limits: z
    .strictObject({
      /** Unpacked bytes for each packed one. The first 64 MiB are free. */
      ratio: z.number().positive().default(250),
      bytes: positive.default(256 * 2 ** 30),
      entries: positive.default(1_000_000),
      /** Archives within archives. */
      depth: positive.default(4),
    })
    .prefault({}),
})

const crawl = z.strictObject({
  ...common,
  /** Where to begin. */
  crawl: names,
  /** How many links away from the beginning. */
  depth: z.number().int().nonnegative().default(2),
  /** How many pages are asked for at most, the failing ones too. */
  maxPages: positive.default(100),
  /** Hosts (`example.org`, `*.example.org`) or beginnings of addresses (`https://example.org/docs/`); the hosts of the beginning unless given. */
  allow: z.array(z.string().min(1)).min(1).optional(),
  /** Milliseconds between two requests to a host; robots.txt can ask for more. */
  delay: z.number().nonnegative().default(1000),
  contentTypes: z
    .array(z.string().min(1))
    .min(1)
    .default(['text/html', 'application/xhtml+xml', 'text/plain', 'text/markdown']),
  /** Of one page, unpacked. */
  maxBytes: positive.default(4 << 20),
  /** Milliseconds for one request. */
  timeout: positive.default(30_000),
  userAgent: z
    .string()
    .regex(/^[A-Za-z_-]+(\/|$)/, 'must begin with a name of letters, as robots.txt files address it')
    .default('Athanor/0.1 (crawler for language model training data)'),
  /** Private, loopback and link-local addresses are refused: `true` allows them all, a list only these (`127.0.0.1`, `10.1.0.0/16`). */
  allowPrivate: z.union([z.boolean(), z.array(z.string().min(1))]).default(false),
  /** A file that keeps the pages; a crawl that was interrupted goes on from it. */
  state: z.string().min(1).optional(),
})

const huggingFace = z.strictObject({
  ...common,
  ...table,
  /** `owner/name` on the hub. */
  hf: z.string().regex(/^[\w.-]+(\/[\w.-]+)?$/, 'must be owner/name'),
  /** The configuration; the only one, or `default`, unless given. */
  config: z.string().min(1).optional(),
  /** `train` unless given. */
  split: z.string().min(1).default('train'),
  /** Of the hub; the environment variable HF_ENDPOINT, or huggingface.co, unless given. */
  baseUrl: z.url().optional(),
})

export type FilesSpec = z.output<typeof files>
export type CrawlSpec = z.output<typeof crawl>
export type HuggingFaceSpec = z.output<typeof huggingFace>
export type ParsedSource =
  | { readonly kind: 'files'; readonly name: string; readonly spec: FilesSpec }
  | { readonly kind: 'crawl'; readonly name: string; readonly spec: CrawlSpec }
  | { readonly kind: 'huggingFace'; readonly name: string; readonly spec: HuggingFaceSpec }

/** What a user writes in a recipe: a path, an address, `hf:owner/name[:config][/split]`, or an object. */
export type SourceSpec = string | z.input<typeof files> | z.input<typeof crawl> | z.input<typeof huggingFace>

/** For recipes that hold sources: accepts what `openSource` accepts. */
export const sourceSchema: z.ZodType<SourceSpec, SourceSpec> = z.union([
  z.string().min(1),
  files,
  crawl,
  huggingFace,
]) as unknown as z.ZodType<SourceSpec, SourceSpec>

/**
 * Checks a source and fills in its defaults.
 *
 * @throws DataError `data-option`
 */
export function parseSource(spec: SourceSpec): ParsedSource {
  const value = typeof spec === 'string' ? fromString(spec) : spec
  if (typeof value !== 'object' || value === null) {
    throw new DataError('data-option', 'a source is a path, an address, hf:owner/name, or an object')
  }
  if ('crawl' in value) {
    const checked = check(crawl, value)
    return { kind: 'crawl', name: checked.name ?? [checked.crawl].flat()[0]!, spec: checked }
  }
  if ('hf' in value) {
    const checked = check(huggingFace, value)
    return { kind: 'huggingFace', name: checked.name ?? checked.hf, spec: checked }
  }
  const checked = check(files, value)
  // Not the whole path: a data card should not tell where on a disk its files lay.
  return { kind: 'files', name: checked.name ?? basename(resolve([checked.path].flat()[0]!)), spec: checked }
}

function fromString(spec: string): unknown {
  if (/^https?:\/\//i.test(spec)) return { crawl: spec }
  if (!spec.startsWith('hf:')) return { path: spec }
  // hf:owner/name[:config][/split]; a name on the hub has one slash, so a second one begins the split.
  const parts = /^hf:([^:/]+\/[^:/]+)(?::([^:/]+))?(?:\/([^:/]+))?$/.exec(spec)
  if (!parts) throw new DataError('data-option', `${spec} is not of the form hf:owner/name[:config][/split]`)
  return {
    hf: parts[1],
    ...(parts[2] !== undefined && { config: parts[2] }),
    ...(parts[3] !== undefined && { split: parts[3] }),
  }
}

function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const what = result.error.issues
    .map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message))
    .join('; ')
  throw new DataError('data-option', `this source cannot be used: ${what}`, { cause: result.error })
}
