/** Data sets and files of the workspace, as the studio shows them. */
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createGunzip } from 'node:zlib'
import { toStorageError } from '../../atomic.js'
import { type DataCard, readCard } from '../../data/build/index.js'
import { splitLines } from '../../lines.js'
import { objectOf, readJson } from '../runs/folders.js'
import type { Workspace } from '../runs/index.js'

export interface DataSet {
  readonly id: string
  readonly path: string
  /** Built by `athanor data build`, or written by a recipe. */
  readonly kind: 'built' | 'recipe'
  readonly title: string
  readonly documents: number
}

export interface DropReason {
  readonly stage: string
  readonly reason: string
  readonly documents: number
  readonly bytes: number
}

export interface Volume {
  readonly documents: number
  readonly characters: number
  readonly bytes: number
}

export interface DataSetCard extends DataSet {
  readonly about?: string
  readonly source?: string
  /** Where people were simulated, how. */
  readonly simulated?: string
  readonly seed?: number
  readonly tokens?: number
  readonly kept?: Volume
  readonly train?: Volume
  readonly heldOut?: Volume
  readonly languages?: Readonly<Record<string, Volume>>
  readonly sources: readonly {
    readonly name: string
    readonly licence?: string
    readonly licences: Readonly<Record<string, number>>
    readonly read: Volume
    readonly kept: Volume
    readonly skipped: number
    readonly skips: readonly string[]
  }[]
  readonly dropped: readonly DropReason[]
  readonly changed: readonly DropReason[]
  readonly files: readonly { readonly path: string; readonly about: string; readonly records: number }[]
}

/** Ids are paths that fit into one segment of an address. */
export const idOfPath = (path: string): string => Buffer.from(path, 'utf8').toString('base64url')
export const pathOfId = (id: string): string => Buffer.from(id, 'base64url').toString('utf8')

const MAX_DEPTH = 4
const MAX_SETS = 500

/** Folders with a data card. */
export async function listDataSets({ roots }: Workspace): Promise<DataSet[]> {
  const found: DataSet[] = []
  for (const [name, root] of Object.entries(roots)) await search(root, name, 0, found)
  return found
}

async function search(dir: string, shown: string, depth: number, found: DataSet[]): Promise<void> {
  if (depth > MAX_DEPTH || found.length >= MAX_SETS) return
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => [])
  if (entries.some(({ name }) => name === 'data-card.json')) {
    const set = await describeSet(dir, shown)
    if (set) found.push(set)
    return
  }
  const skipped = new Set(['checkpoints', 'node_modules', 'answers'])
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const { name } = entry
    if (entry.isDirectory() && !name.startsWith('.') && !skipped.has(name))
      await search(join(dir, name), `${shown}/${name}`, depth + 1, found)
  }
}

async function describeSet(dir: string, path: string): Promise<DataSet | undefined> {
  const card = await readJson(join(dir, 'data-card.json'))
  if (!card) return undefined
  const title = path.split('/').slice(1).join('/') || path
  const base = { id: idOfPath(path), path, title }
  if (card.version === 1 && Array.isArray(card.stages))
    return { ...base, kind: 'built', documents: Number(objectOf(card.kept).documents ?? 0) }
  const files = Object.values(objectOf(card.files)).map((file) => Number(objectOf(file).records ?? 0))
  return { ...base, kind: 'recipe', documents: files.reduce((sum, records) => sum + records, 0) }
}

/** @throws BuildError where the card is damaged */
export async function readDataSet(dir: string, path: string): Promise<DataSetCard | undefined> {
  const set = await describeSet(dir, path)
  if (!set) return undefined
  if (set.kind === 'built') return builtCard(set, await readCard(dir))
  const card = (await readJson(join(dir, 'data-card.json')))!
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  const files = Object.entries(objectOf(card.files)).map(([name, file]) => {
    const { about, records } = objectOf(file)
    return { path: `${path}/${name}`, about: text(about) ?? '', records: Number(records ?? 0) }
  })
  return {
    ...set,
    ...optional({ about: text(card.about), source: text(card.source), simulated: text(card.simulated) }),
    ...(typeof card.seed === 'number' ? { seed: card.seed } : {}),
    sources: [],
    dropped: [],
    changed: [],
    files,
  }
}

function builtCard(set: DataSet, card: DataCard): DataSetCard {
  const reasons = (kind: 'dropped' | 'changes') =>
    card.stages
      .flatMap(({ stage, ...counts }) =>
        Object.entries(counts[kind]).map(([reason, { documents, amount }]) => ({
          stage,
          reason,
          documents,
          bytes: amount,
        })),
      )
      .sort((a, b) => b.documents - a.documents)
  const tokens = card.tokens.reduce((sum, shard) => sum + shard.tokens, 0)
  return {
    ...set,
    ...(tokens > 0 ? { tokens } : {}),
    kept: card.kept,
    train: card.train,
    heldOut: card.heldOut,
    languages: card.languages,
    sources: card.sources.map(({ name, licence, licences, read, kept, skipped, skips }) => ({
      name,
      ...(licence === undefined ? {} : { licence }),
      licences,
      read,
      kept,
      skipped,
      skips: skips.slice(0, 20),
    })),
    dropped: reasons('dropped'),
    changed: reasons('changes'),
    files: card.documents.map(({ file, documents }) => ({
      path: `${set.path}/${file}`,
      about: 'clean documents',
      records: documents,
    })),
  }
}

export interface DataSample {
  /** Its number in the file, from 0. */
  readonly index: number
  readonly text?: string
  readonly title?: string
  readonly messages?: readonly { readonly role: string; readonly content: string }[]
  /** A record of another form, as JSON. */
  readonly json?: string
}

const MAX_TEXT = 4000
const MAX_SCAN = 32 << 20

/**
 * Some records of a file, from the `offset`th on: of JSON Lines the lines, of text its paragraphs. No more than 32 MB are read for it.
 * @throws StorageError
 */
export async function readSamples(path: string, offset: number, limit: number): Promise<DataSample[]> {
  const samples: DataSample[] = []
  const isJson = /\.jsonl(\.gz)?$/i.test(path)
  let index = 0
  for await (const text of isJson ? linesOf(path) : paragraphsOf(path)) {
    if (index++ < offset) continue
    samples.push(isJson ? sampleOf(index - 1, text) : { index: index - 1, text: cut(text) })
    if (samples.length >= limit) break
  }
  return samples
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const file = createReadStream(path, { highWaterMark: 1 << 18 })
  const stream = path.endsWith('.gz') ? file.pipe(createGunzip()) : file
  file.on('error', (error) => stream.destroy(error))
  try {
    for await (const { bytes } of splitLines(limited(stream))) yield bytes.toString('utf8')
  } catch (error) {
    throw toStorageError(error, 'read', path)
  } finally {
    file.destroy()
  }
}

async function* limited(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let total = 0
  for await (const chunk of stream) {
    yield chunk
    total += chunk.length
    if (total > MAX_SCAN) return
  }
}

async function* paragraphsOf(path: string): AsyncGenerator<string> {
  let lines: string[] = []
  for await (const line of linesOf(path)) {
    if (line.trim() !== '') lines.push(line)
    else if (lines.length > 0) {
      yield lines.join('\n')
      lines = []
    }
    if (lines.length >= 100) {
      yield lines.join('\n')
      lines = []
    }
  }
  if (lines.length > 0) yield lines.join('\n')
}

function sampleOf(index: number, line: string): DataSample {
  let record: Record<string, unknown>
  try {
    record = objectOf(JSON.parse(line))
  } catch {
    return { index, text: cut(line) }
  }
  const { text, title } = record
  const messages = record.messages ?? record.prompt ?? record.conversations
  if (Array.isArray(messages)) {
    const turns = messages.slice(0, 50).map((message) => {
      const { role, from, content, value } = objectOf(message)
      return { role: String(role ?? from ?? ''), content: cut(String(content ?? value ?? '')) }
    })
    if (record.chosen === undefined && record.answers === undefined) return { index, messages: turns }
  }
  if (typeof text === 'string')
    return { index, text: cut(text), ...(typeof title === 'string' ? { title: title.slice(0, 300) } : {}) }
  return { index, json: cut(JSON.stringify(record, null, 2)) }
}

const cut = (text: string) => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text)

function optional<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never
}
