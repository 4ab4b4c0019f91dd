/** How a collection is cut, searched and put before a model. */
import { z } from '@hono/zod-openapi'

export const collectionSettingsSchema = z
  .strictObject({
    size: z.int().min(100).max(8_000).default(500).openapi({
      description: 'Characters of a passage at most; Chinese, Japanese and Korean ones count double.',
    }),
    overlap: z.int().min(0).max(2_000).default(100).openapi({
      description: 'Characters of whole sentences that the next passage repeats.',
    }),
    embedder: z.string().max(256).nullish().openapi({
      description:
        'The model whose embeddings order passages by meaning; null: words alone. Default: the model of new conversations.',
    }),
    vectorWeight: z.number().min(0).max(10).default(0.5).openapi({
      description: 'What a rank by meaning counts beside a rank by words.',
    }),
    floor: z.number().min(0).max(1).default(0.5).openapi({
      description:
        'The share of the question’s words, rare ones counting more, that a passage must have to count as found.',
    }),
    vectorFloor: z.number().min(-1).max(1).optional().openapi({
      description:
        'A cosine from which a passage counts as found whatever its words. Default: none; small models’ cosines mean little.',
    }),
    passages: z.int().min(1).max(20).optional().openapi({
      description: 'Passages in a prompt. Default: 1 in the form passage, else 4.',
    }),
    prompt: z.enum(['auto', 'passage', 'numbered']).default('auto').openapi({
      description:
        'passage: the form that Athanor’s assistant knows; numbered: passages with numbers and how to use them; auto: passage for models with a context below 2048 tokens.',
    }),
    template: z.string().max(20_000).optional().openapi({
      description: 'In place of these: text with the places {passages} and {message}.',
    }),
    nothing: z.string().min(1).max(2_000).optional().openapi({
      description: 'What is answered where nothing was found.',
    }),
  })
  .openapi('CollectionSettings')

export type CollectionSettings = z.output<typeof collectionSettingsSchema>

/** What a record says, with the defaults; fields that are no longer right fall back to them. */
export function settingsOf(settings: unknown): CollectionSettings {
  return collectionSettingsSchema.safeParse(settings ?? {}).data ?? collectionSettingsSchema.parse({})
}
