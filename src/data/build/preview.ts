/** What cleaning would do to the first documents of some sources, without writing anything. */
import { createHash } from 'node:crypto'
import { cleaningStages } from '../clean/config.js'
import {
  addCounts,
  addSamples,
  addVolume,
  type CountsByStage,
  emptyVolume,
  type Sample,
  type Volume,
} from '../clean/counts.js'
import { describeSkip, openSource } from '../sources/index.js'
import { type BatchDocument, createBatchCleaner } from './batch.js'
import { cleanSetup } from './clean-phase.js'
import { parseBuild } from './config.js'
import { recordLayout } from './records.js'

export interface PreviewOptions {
  /** See `buildSchema`. */
  readonly config: unknown
  /** Documents of each source that are looked at. */
  readonly limit: number
  readonly signal?: AbortSignal
}

export interface Preview {
  readonly read: Volume
  readonly kept: Volume
  readonly languages: Readonly<Record<string, Volume>>
  readonly stages: readonly (NonNullable<CountsByStage['exact']> & { readonly stage: string })[]
  readonly samples: readonly Sample[]
  readonly skips: readonly string[]
  /** How often the same text came again, among the documents looked at. */
  readonly repeated: number
}

/** Stages that look across documents are left out, but for texts that are equal letter by letter. */
export async function previewData({ config: input, limit, signal }: PreviewOptions): Promise<Preview> {
  const config = parseBuild(input)
  const clean = createBatchCleaner(await cleanSetup(config))
  const layout = recordLayout(config.cleaning.near.bands)
  const counts: CountsByStage = {}
  const samples: Sample[] = []
  const languages: Record<string, Volume> = {}
  const skips: string[] = []
  const read = emptyVolume()
  const kept = emptyVolume()
  const seen = new Set<string>()
  let repeated = 0
  for (const [source, { spec }] of config.sources.entries()) {
    const documents: BatchDocument[] = []
    for await (const document of openSource(spec, {
      ...(signal ? { signal } : {}),
      maxSkipped: config.maxSkipped,
      onSkip: (skip) => skips.push(describeSkip(skip)),
    })) {
      documents.push(document)
      const digest = createHash('sha256').update(document.text).digest('base64')
      if (seen.has(digest)) repeated++
      seen.add(digest)
      if (documents.length >= limit) break
    }
    const output = clean({ source, documents })
    addCounts(counts, output.report.counts)
    addSamples(samples, output.report.samples, 3)
    addVolume(read, output.read)
    for (const [i, language] of output.languages.entries()) {
      const at = i * layout.words
      const volume = {
        documents: 1,
        bytes: output.records[at + layout.bytes]!,
        characters: output.records[at + layout.characters]!,
      }
      addVolume(kept, volume)
      languages[language] ??= emptyVolume()
      addVolume(languages[language], volume)
    }
  }
  const stages = cleaningStages.flatMap((stage) => {
    const found = counts[stage]
    return found === undefined ? [] : [{ stage, ...found }]
  })
  return { read, kept, languages, stages, samples, skips: skips.slice(0, 20), repeated }
}
