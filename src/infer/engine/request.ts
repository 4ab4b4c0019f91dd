/** A request, checked once. */
import { z } from 'zod'
import { InferError } from '../errors.js'
import type { GenerationRequest } from './types.js'

const messageSchema = z.object({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string(),
  name: z.string().optional(),
  toolCalls: z
    .array(
      z.object({
        id: z.string().optional(),
        name: z.string(),
        arguments: z.record(z.string(), z.unknown()),
      }),
    )
    .optional(),
  toolCallId: z.string().optional(),
})

export const messagesSchema = z.array(messageSchema)
export const toolsSchema = z.array(z.record(z.string(), z.unknown()))
const idsSchema = z.array(z.number().int().min(0))

export const generationSchema = z.object({
  model: z.string(),
  prompt: z.union([
    z.strictObject({ messages: messagesSchema, tools: toolsSchema.optional() }),
    z.strictObject({ text: z.string() }),
    z.strictObject({ ids: idsSchema }),
  ]),
  maxTokens: z.number().int().min(0).optional(),
  temperature: z.number().min(0).max(100).default(1),
  topP: z.number().min(0).max(1).optional(),
  topK: z.number().int().min(1).optional(),
  minP: z.number().min(0).max(1).optional(),
  repetitionPenalty: z.number().positive().max(100).default(1),
  presencePenalty: z.number().min(-100).max(100).default(0),
  frequencyPenalty: z.number().min(-100).max(100).default(0),
  logitBias: z.record(z.string().regex(/^\d+$/), z.number().min(-100).max(100)).optional(),
  seed: z.number().int().optional(),
  stop: z.array(z.string().min(1)).max(64).default([]),
  logprobs: z.number().int().min(0).max(20).optional(),
  format: z
    .discriminatedUnion('type', [
      z.object({ type: z.literal('text') }),
      z.object({ type: z.literal('json_object') }),
      z.object({ type: z.literal('json_schema'), schema: z.unknown(), strict: z.boolean().optional() }),
    ])
    .default({ type: 'text' }),
  parallelToolCalls: z.boolean().default(true),
  toolChoice: z.union([z.enum(['auto', 'none', 'required']), z.object({ name: z.string() })]).default('auto'),
  overflow: z.enum(['error', 'truncate']).default('error'),
  echo: z.boolean().default(false),
  stopAtEos: z.boolean().default(true),
  fairKey: z.string().default(''),
})

export type CheckedRequest = z.output<typeof generationSchema>

/** @throws InferError `infer/options` naming each wrong field */
export function checkRequest(request: GenerationRequest): CheckedRequest {
  return parsed(generationSchema, request, 'this request cannot be answered')
}

/** @throws InferError `infer/options` naming each wrong field */
export function parsed<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const problems = result.error.issues.slice(0, 5).map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new InferError('infer/options', `${what}: ${problems.join('; ')}`)
}
