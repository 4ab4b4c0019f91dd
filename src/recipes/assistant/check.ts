import { z } from 'zod'
import { DataError } from '../../data/index.js'

const strings = z.array(z.string())

/**
 * What a judge must know to judge an answer, and all it must know: it looks up nothing. Written beside every prompt as its
 * `check`.
 */
export const checkSchema = z.object({
  kind: z.enum([
    'fact',
    'choice',
    'list',
    'social',
    'correction',
    'premise',
    'unknown',
    'refuse',
    'passage',
    'absent',
  ]),
  /** Names of what the question is about. */
  subject: strings.default([]),
  /** Forms of the right answer. */
  accept: strings.default([]),
  /** The right number, where the answer is one. */
  number: z.number().optional(),
  /** Values that the answer must not assert: the false premise, the wrong answer before, what memory says against a passage. */
  wrong: strings.default([]),
  /** Further true things about the subject that may be said. */
  also: strings.default([]),
  /** Words in lower case that would be another answer (currencies). */
  rivals: strings.default([]),
  /** Names that belong into a list, and how many of them are asked for. */
  members: strings.default([]),
  need: z.number().int().optional(),
  /** In a comparison: the one that is not the answer, and whether the larger or the smaller was asked for. */
  loser: strings.default([]),
  relation: z.enum(['more', 'less']).optional(),
  /** In small talk: one of each list must be said. */
  markers: z.array(strings).default([]),
  /** After a dispute: whether the assistant had been wrong. */
  admit: z.boolean().optional(),
  /** How many words a good answer takes. */
  words: z.number().default(8),
})

/** A check as it is written: what is empty may be left out. */
export type Check = z.input<typeof checkSchema>
export type FullCheck = z.output<typeof checkSchema>

/** @throws DataError when the value is no check */
export function parseCheck(value: unknown): FullCheck {
  const parsed = checkSchema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new DataError(
    'data-malformed',
    `the prompt has no check that the judge understands (${z.prettifyError(parsed.error)}); judge prompts that were written with their "check"`,
  )
}
