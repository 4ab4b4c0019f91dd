/** The requests and answers of POST /v1/completions. */
import { z } from '@hono/zod-openapi'
import {
  finishReason,
  ignoredFields,
  orNull,
  refused,
  samplingFields,
  usageSchema,
} from './common-schemas.js'

const ids = z.array(z.int().min(0)).min(1)

export const completionRequestSchema = z
  .strictObject({
    ...samplingFields,
    prompt: z
      .union([z.string(), ids, z.array(z.string()).min(1).max(1024), z.array(ids).min(1).max(1024)], {
        error: 'must be a text, token ids, or a list of one of them',
      })
      .openapi({ description: 'Text or token ids to go on with, or a list of them.' }),
    max_tokens: z
      .int()
      .min(0)
      .nullish()
      .openapi({ description: 'Default 16. 0 with echo: the prompt and nothing else.' }),
    logprobs: z.int().min(0).max(20).nullish().openapi({
      description:
        'Log-probabilities of the tokens, with echo also of the prompt’s, and of so many alternatives.',
    }),
    echo: z.boolean().nullish().openapi({ description: 'Begin the answer with the prompt.' }),
    best_of: z.int().min(1).nullish(),
    response_format: refused('the text of a completion is free; chat completions take a response_format'),
    suffix: z
      .string()
      .max(0, 'text cannot be put in before a suffix: models here write from left to right')
      .nullish(),
    ...ignoredFields,
  })
  .openapi('CompletionRequest')
export type CompletionRequest = z.infer<typeof completionRequestSchema>

export const completionLogprobsSchema = z
  .object({
    tokens: z.array(z.string()),
    token_logprobs: z.array(z.number().nullable()),
    top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
    text_offset: z.array(z.int()),
  })
  .openapi('CompletionLogprobs')
export type CompletionLogprobs = z.infer<typeof completionLogprobsSchema>

export const completionSchema = z
  .object({
    id: z.string(),
    object: z.literal('text_completion'),
    created: z.int(),
    model: z.string(),
    system_fingerprint: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        text: z.string(),
        logprobs: orNull(completionLogprobsSchema),
        finish_reason: finishReason.nullable(),
      }),
    ),
    usage: orNull(usageSchema).optional(),
  })
  .openapi('Completion')
export type Completion = z.infer<typeof completionSchema>
