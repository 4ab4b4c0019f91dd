/** What the endpoints' requests and answers have in common. */
import { z } from '@hono/zod-openapi'

export const modelName = z
  .string()
  .min(1)
  .max(256)
  .openapi({ description: 'A model’s name, or name@version.', example: 'ppo' })

const stopString = z.string().min(1).max(1024)

const MAX_N = 128

/** Fields of chat and completion requests. Null is as good as leaving a field out, as OpenAI has it. */
export const samplingFields = {
  model: modelName,
  stream: z.boolean().nullish(),
  stream_options: z
    .object({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish(),
  n: z.int().min(1).max(MAX_N).nullish().openapi({ description: 'Answers. Default 1.' }),
  temperature: z
    .number()
    .min(0)
    .max(2)
    .nullish()
    .openapi({ description: '0 always takes the likeliest token. Default 1.' }),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().min(-1).nullish().openapi({ description: 'Among the k likeliest tokens. 0 or -1: all.' }),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().gt(0).max(10).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: z
    .record(z.string().regex(/^\d{1,10}$/, 'must be the id of a token'), z.number().min(-100).max(100))
    .nullish()
    .openapi({ description: 'Added to the logits of tokens, by id.' }),
  seed: z
    .int()
    // n answers have the seeds from here on.
    .max(Number.MAX_SAFE_INTEGER - MAX_N)
    .nullish()
    .openapi({ description: 'The same seed gives the same answer, whatever else is in the batch.' }),
  stop: z.union([stopString, z.array(stopString).max(128)]).nullish(),
  user: z.string().max(256).nullish().openapi({ description: 'The end user, where one key serves several.' }),
  overflow: z.enum(['error', 'truncate']).nullish().openapi({
    description: 'A prompt that does not fit is refused, or loses its oldest turns. Default: error.',
  }),
}

/** Fields of OpenAI's that change nothing here: clients send them on their own. */
export const ignoredFields = {
  metadata: z.record(z.string(), z.unknown()).nullish(),
  service_tier: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_retention: z.string().nullish(),
  reasoning_effort: z.string().nullish(),
  verbosity: z.string().nullish(),
}

/** The schema or null. `nullable` would describe a named schema as one that null never fits. */
export const orNull = <S extends z.ZodType>(schema: S) => z.union([schema, z.null()])

/** A field of OpenAI's that would change the answer and that is not there: told so, rather than passed over. */
export const refused = (why: string) =>
  z
    .unknown()
    .refine((value) => value === undefined || value === null, why)
    .optional()
    .openapi({ description: `Not supported: ${why}.` })

export const usageSchema = z
  .object({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    prompt_tokens_details: z
      .object({ cached_tokens: z.int() })
      .openapi({ description: 'How many tokens of the prompt were not computed again.' }),
  })
  .openapi('Usage')
export type Usage = z.infer<typeof usageSchema>

export const finishReason = z.enum(['stop', 'length', 'tool_calls'])
export type ApiFinish = z.infer<typeof finishReason>
