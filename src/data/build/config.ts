/** Everything that decides what a build makes. Two builds of the same settings and input are equal, byte for byte. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import {
  type CleaningConfig,
  mergeSettings,
  parseCleaning,
  parseSettings,
  presetNames,
} from '../clean/config.js'
import { DataError } from '../document.js'
import { parseSource, type SourceSpec, sourceSchema } from '../sources/index.js'

const size = z.number().int().positive()
const preset = z.enum(presetNames)
const settings = z.record(z.string(), z.unknown())

export const buildSchema = z.strictObject({
  sources: z
    .array(
      z.union([
        z.string().min(1),
        z.strictObject({
          /** A path, an address, `hf:owner/name`, or an object: see openSource. */
          from: sourceSchema,
          /** Passes over it (0.5: half of its documents; 2: each twice), or its share: see `mixture`. */
          weight: z.number().nonnegative().default(1),
          preset: preset.optional(),
          /** Cleaning settings of this source, over those of all. */
          cleaning: settings.default({}),
        }),
      ]),
    )
    .min(1),
  preset: preset.default('standard'),
  /** Over those of the preset. */
  cleaning: settings.default({}),
  mixture: z
    .strictObject({
      /** What weights mean: `passes` over a source, or `shares` of the bytes of the mixture. */
      weights: z.enum(['passes', 'shares']).default('passes'),
      /** For shares: the source that runs out first is seen so often. */
      maxPasses: z.number().positive().default(1),
    })
    .prefault({}),
  /** 'bpe:N', 'char', a folder with a tokenizer.json, or 'none' for documents without token shards. */
  tokenizer: z.string().min(1).default('bpe:4096'),
  /** A BPE tokenizer is trained on at most so much text, taken evenly from all of it. */
  tokenizerCharacters: size.default(50_000_000),
  /** Of the documents; below ten documents, of the end of the text. */
  heldOutFraction: z.number().gt(0).max(0.5).default(0.05),
  /** A shard of documents is closed when it holds so many bytes; work is never lost beyond that. */
  shardBytes: size.min(1 << 10).default(32 << 20),
  compress: z.boolean().default(false),
  /** Broken records of one source before it is given up. */
  maxSkipped: z.number().int().nonnegative().default(1000),
  seed: z.number().int().nonnegative().default(1337),
})

export type BuildInput = z.input<typeof buildSchema>

export interface BuildSource {
  readonly name: string
  readonly spec: SourceSpec
  readonly weight: number
  readonly cleaning: CleaningConfig
  readonly licence: string | undefined
}

export interface BuildConfig extends Omit<z.output<typeof buildSchema>, 'sources' | 'cleaning' | 'preset'> {
  readonly sources: readonly BuildSource[]
  /** What all sources share: duplicates and decontamination look across them. */
  readonly cleaning: CleaningConfig
}

/** Checks settings and fills in defaults. @throws DataError naming each wrong one */
export function parseBuild(input: unknown): BuildConfig {
  const { sources, preset, cleaning: overrides, ...rest } = parseSettings(buildSchema, input, 'build')
  const cleaning = parseCleaning(overrides, preset)
  const parsed = sources.map((entry): BuildSource => {
    const source = typeof entry === 'string' ? { from: entry, weight: 1, cleaning: {} } : entry
    const { name, spec } = parseSource(source.from)
    const own = parseCleaning(mergeSettings(overrides, source.cleaning), source.preset ?? preset)
    return {
      name,
      spec: source.from,
      weight: source.weight,
      licence: spec.licence,
      cleaning: {
        ...own,
        near: { ...cleaning.near, enabled: own.near.enabled },
        decontamination: cleaning.decontamination,
      },
    }
  })
  const names = parsed.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined)
    throw new DataError('data-option', `two sources are called ${twice}; leave one out, or name them apart`)
  if (parsed.every(({ weight }) => weight === 0))
    throw new DataError('data-option', 'every source has the weight 0; there is nothing to mix')
  return { ...rest, sources: parsed, cleaning }
}

/** SHA-256 of the settings: what is already there belongs to the same build or it does not. */
export function configHash(config: BuildConfig): string {
  return createHash('sha256').update(JSON.stringify(config)).digest('hex')
}
