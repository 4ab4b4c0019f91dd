/** Cleaning a batch of documents: what a worker does, and the main thread where there are no workers. */
import { createHash } from 'node:crypto'
import { sizeOf } from '../clean/characters.js'
import { Cleaner, type CleaningReport } from '../clean/cleaner.js'
import type { CleaningConfig } from '../clean/config.js'
import type { EvaluationIndex } from '../clean/decontaminate.js'
import { HAS_EXACT, HAS_NEAR, recordLayout } from './records.js'

/** A line of a document shard. */
export interface StoredDocument {
  readonly id: string
  readonly title: string
  readonly source: string
  readonly language: string
  readonly licence?: string
  readonly url?: string
  readonly text: string
}

export interface CleanSetup {
  readonly sources: readonly {
    readonly name: string
    readonly cleaning: CleaningConfig
    readonly toxicWords: readonly string[]
  }[]
  readonly evaluation: EvaluationIndex | undefined
  readonly bands: number
}

export interface BatchDocument {
  readonly id: string
  readonly title: string
  readonly text: string
  readonly language?: string | undefined
  readonly licence?: string | undefined
  readonly url?: string | undefined
}

export interface CleanBatch {
  readonly source: number
  readonly documents: readonly BatchDocument[]
}

export interface CleanedBatch {
  /** JSON lines of what is left, UTF-8. */
  readonly lines: Uint8Array<ArrayBuffer>
  /** Where each line ends. */
  readonly ends: Uint32Array<ArrayBuffer>
  /** `recordLayout(bands).words` words for each line. */
  readonly records: Int32Array<ArrayBuffer>
  readonly languages: readonly string[]
  readonly report: CleaningReport
  readonly read: { readonly documents: number; readonly characters: number; readonly bytes: number }
  /** Licences that documents state, with their number. */
  readonly licences: Readonly<Record<string, number>>
  /** SHA-256 of the ids and texts as they were read. */
  readonly digest: string
}

/** A function that cleans batches; it keeps buffers, so it is for one thread. */
export function createBatchCleaner(setup: CleanSetup): (batch: CleanBatch) => CleanedBatch {
  const cleaners = setup.sources.map(
    ({ name, cleaning, toxicWords }) =>
      new Cleaner(cleaning, { toxicWords, evaluation: setup.evaluation }, name),
  )
  const layout = recordLayout(setup.bands)
  return ({ source, documents }) => {
    const cleaner = cleaners[source]!
    const sourceName = setup.sources[source]!.name
    cleaner.report = { counts: {}, samples: [] }
    const hash = createHash('sha256')
    const lines: string[] = []
    const records: Int32Array[] = []
    const languages: string[] = []
    const licences: Record<string, number> = {}
    const read = { documents: documents.length, characters: 0, bytes: 0 }
    for (const document of documents) {
      const { bytes: size, characters: length } = sizeOf(document.text)
      read.bytes += size
      read.characters += length
      hash.update(document.id).update('\0').update(document.text).update('\0')
      if (document.licence !== undefined) licences[document.licence] = (licences[document.licence] ?? 0) + 1
      for (const { text, id, language, bytes, characters, exactKey, nearKeys } of cleaner.clean(document)) {
        const stored: StoredDocument = {
          id,
          title: document.title,
          source: sourceName,
          language,
          ...(document.licence === undefined ? {} : { licence: document.licence }),
          ...(document.url === undefined ? {} : { url: document.url }),
          text,
        }
        lines.push(JSON.stringify(stored))
        languages.push(language)
        const record = new Int32Array(layout.words)
        if (exactKey) record.set(exactKey)
        if (nearKeys) record.set(nearKeys, layout.near)
        record[layout.source] = source
        record[layout.bytes] = bytes
        record[layout.characters] = characters
        record[layout.flags] = (exactKey ? HAS_EXACT : 0) | (nearKeys ? HAS_NEAR : 0)
        records.push(record)
      }
    }
    const joined = new Int32Array(records.length * layout.words)
    for (const [i, record] of records.entries()) joined.set(record, i * layout.words)
    const ends = new Uint32Array(lines.length)
    const encoded = Buffer.from(lines.length === 0 ? '' : `${lines.join('\n')}\n`)
    let at = 0
    for (let i = 0; i < lines.length; i++) {
      at = encoded.indexOf(10, at) + 1
      ends[i] = at
    }
    return {
      lines: Uint8Array.from(encoded),
      ends,
      records: joined,
      languages,
      report: cleaner.report,
      read,
      licences,
      digest: hash.digest('hex'),
    }
  }
}
