/** The settings of all cleaning stages: defaults, presets, and the one place where they are checked. */
import { z } from 'zod'
import { DataError } from '../document.js'
import { piiKinds } from './pii.js'

const count = z.number().int().nonnegative()
const size = z.number().int().positive()
const fraction = z.number().min(0).max(1)
const on = z.boolean().default(true)

export const cleaningSchema = z.strictObject({
  unicode: z
    .strictObject({
      enabled: on,
      mojibake: on,
      normalize: z.enum(['NFC', 'NFKC', 'none']).default('NFC'),
      whitespace: on,
      /** A document with more than this part of it lost (U+FFFD) is dropped. */
      maxUndecodable: fraction.default(0.05),
    })
    .prefault({}),
  /** Cuts what is longer, a book, at a paragraph. */
  split: z.strictObject({ enabled: on, maxCharacters: size.min(1000).default(100_000) }).prefault({}),
  language: z
    .strictObject({
      enabled: on,
      /** Codes such as en and zh ('und': no sign of any); empty keeps all and only names them. */
      keep: z.array(z.string().min(2)).default([]),
      sampleCharacters: size.default(1000),
    })
    .prefault({}),
  c4: z
    .strictObject({
      enabled: on,
      /** Lines must end in . ! ? or a quotation mark. Takes headings, lists, verses and code with it. */
      terminalPunctuation: z.boolean().default(false),
      /** Words that a line must have; 0 for any. C4 has 5. */
      minWordsPerLine: count.default(0),
      minSentences: count.default(3),
      loremIpsum: on,
      braces: z.boolean().default(false),
      javascript: on,
      policies: on,
      citations: z.boolean().default(false),
    })
    .prefault({}),
  gopher: z
    .strictObject({
      enabled: on,
      minWords: count.default(50),
      maxWords: size.default(100_000),
      minMeanWordLength: z.number().min(0).default(3),
      maxMeanWordLength: z.number().positive().default(10),
      maxSymbolRatio: z.number().min(0).default(0.1),
      maxBulletLines: fraction.default(0.9),
      maxEllipsisLines: fraction.default(0.3),
      minWordsWithLetter: fraction.default(0.8),
      /** For English only. */
      minStopWords: count.max(8).default(2),
    })
    .prefault({}),
  /** In place of the rules above for Chinese and Japanese. */
  chinese: z
    .strictObject({
      enabled: on,
      minCharacters: count.default(10),
      maxCharacters: size.default(200_000),
      /** Of what is not white space. */
      minScriptFraction: fraction.default(0.4),
      minPunctuatedLines: fraction.default(0.5),
    })
    .prefault({}),
  repetition: z
    .strictObject({
      enabled: on,
      maxDuplicateLines: fraction.default(0.3),
      maxDuplicateParagraphs: fraction.default(0.3),
      maxDuplicateLineCharacters: fraction.default(0.2),
      maxDuplicateParagraphCharacters: fraction.default(0.2),
      /** Of the commonest 2-, 3- and 4-gram. */
      maxTopGrams: z.tuple([fraction, fraction, fraction]).default([0.2, 0.18, 0.16]),
      /** Of repeated 5- to 10-grams. */
      maxDuplicateGrams: z
        .tuple([fraction, fraction, fraction, fraction, fraction, fraction])
        .default([0.15, 0.14, 0.13, 0.12, 0.11, 0.1]),
    })
    .prefault({}),
  pii: z.strictObject({ enabled: on, kinds: z.array(z.enum(piiKinds)).default([...piiKinds]) }).prefault({}),
  toxicity: z
    .strictObject({
      enabled: on,
      /** So many different words of the list, or ... */
      minDistinct: size.default(2),
      /** ... more than this part of all words, and the document is dropped. */
      maxFraction: fraction.default(0.01),
      /** The list that ships with the program. */
      builtin: on,
      /** Files with a word or phrase a line. */
      words: z.array(z.string().min(1)).default([]),
    })
    .prefault({}),
  decontamination: z
    .strictObject({
      enabled: on,
      /** Evaluation sets: .jsonl, .json, .csv, .tsv, .txt, also with .gz. */
      paths: z.array(z.string().min(1)).default([]),
      /** Words in a row that a document may not share with them. */
      words: size.min(2).default(13),
      /** The same for Chinese. */
      chineseCharacters: size.min(2).default(20),
      /** Shorter entries with at least so many words count whole. */
      minWords: size.default(8),
    })
    .prefault({}),
  exact: z.strictObject({ enabled: on }).prefault({}),
  near: z
    .strictObject({
      enabled: on,
      /** Words, or Chinese characters, of a shingle. */
      shingle: size.max(64).default(5),
      bands: size.max(64).default(14),
      rows: size.max(64).default(8),
    })
    .prefault({}),
})

export type CleaningConfig = z.output<typeof cleaningSchema>
export type CleaningInput = z.input<typeof cleaningSchema>

/** The stages, in the order in which a document goes through them. */
export const cleaningStages = [
  'unicode',
  'split',
  'language',
  'c4',
  'gopher',
  'chinese',
  'repetition',
  'pii',
  'toxicity',
  'decontamination',
  'exact',
  'near',
] as const satisfies readonly (keyof CleaningConfig)[]
export type CleaningStage = (typeof cleaningStages)[number]

const off = { enabled: false }

/**
 * - `web`: C4 and Gopher to the letter, for pages off the web.
 * - `standard`: the same without what takes single lines away or forbids braces, so that headings, verse and code survive.
 * - `curated`: repair, personal data and duplicates only, for texts that somebody has chosen.
 */
export const cleaningPresets = {
  web: { c4: { terminalPunctuation: true, minWordsPerLine: 5, braces: true, citations: true } },
  standard: {},
  curated: { c4: off, gopher: off, chinese: off, repetition: off, toxicity: off },
} as const satisfies Record<string, CleaningInput>

export type CleaningPreset = keyof typeof cleaningPresets
export const presetNames = Object.keys(cleaningPresets) as CleaningPreset[]

/** A preset with the caller's values over it. @throws DataError naming each wrong setting */
export function parseCleaning(input: unknown = {}, preset: CleaningPreset = 'standard'): CleaningConfig {
  return parseSettings(cleaningSchema, mergeSettings(cleaningPresets[preset], input), 'cleaning')
}

/** Later values over earlier ones, object by object; lists are replaced. */
export function mergeSettings(base: unknown, over: unknown): unknown {
  if (over === undefined) return base
  if (!isObject(base) || !isObject(over)) return over
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) merged[key] = mergeSettings(merged[key], value)
  return merged
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @throws DataError `data-option` with the path of each wrong value */
export function parseSettings<S extends z.ZodType>(schema: S, input: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'they'}: ${message}`)
  throw new DataError('data-option', `the ${what} settings are wrong: ${problems.join('; ')}`)
}
