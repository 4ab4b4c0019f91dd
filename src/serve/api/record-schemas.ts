/** The records of the store as the API shows them. */
import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { type Access, FEEDBACK_KINDS } from '../../store/index.js'
import type { ServeEnv } from '../context.js'
import { badRequest } from '../errors.js'

export const idSchema = z.string().min(1).max(100)
export const nameSchema = z.string().trim().min(1).max(200)
export const kindSchema = z.enum(FEEDBACK_KINDS)

/** A page is asked for as `?limit=50&cursor=…`; the answer's `next` is the cursor of what follows. */
export const pageQuery = {
  cursor: z.string().max(400).optional(),
  limit: z.coerce.number().int().min(1).max(1000).optional(),
}

export const pageOf = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item).readonly(), next: z.string().optional() })

/** Milliseconds since 1970, or a date as ISO 8601 writes it. */
export const timeSchema = z
  .string()
  .max(40)
  .transform((text, context) => {
    const time = /^\d+$/.test(text) ? Number(text) : Date.parse(text)
    if (Number.isSafeInteger(time)) return time
    context.addIssue({ code: 'custom', message: 'write milliseconds since 1970, or a date as 2026-01-31' })
    return z.NEVER
  })

const object = z.record(z.string(), z.unknown()).readonly()

export const promptMessageSchema = z.object({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string(),
  name: z.string().optional(),
  toolCalls: z
    .array(z.object({ id: z.string().optional(), name: z.string(), arguments: object }))
    .readonly()
    .optional(),
  toolCallId: z.string().optional(),
})

export const answerSchema = z.object({
  text: z.string(),
  model: z.string().optional(),
  modelVersion: z.string().optional(),
  message: z.string().optional(),
})

const score = z.number().min(0).max(1).optional()
export const rubricSchema = z
  .object({ quality: score, safety: score, groundedness: score })
  .openapi('Rubric', { description: 'Each from 0 (bad) to 1 (good).' })

export const conversationSchema = z
  .object({
    id: z.string(),
    user: z.string(),
    title: z.string(),
    model: z.string().optional(),
    preset: z.string().optional(),
    collection: z.string().optional(),
    settings: object.optional(),
    created: z.number(),
    updated: z.number(),
  })
  .openapi('Conversation')

export const messageSchema = promptMessageSchema
  .extend({
    id: z.string(),
    conversation: z.string(),
    user: z.string(),
    parent: z.string().optional(),
    model: z.string().optional(),
    modelVersion: z.string().optional(),
    sampling: object.optional(),
    usage: z
      .object({
        promptTokens: z.number(),
        cachedTokens: z.number().optional(),
        completionTokens: z.number(),
      })
      .optional(),
    citations: z
      .array(
        z.object({
          document: z.string(),
          passage: z.string().optional(),
          title: z.string().optional(),
          text: z.string().optional(),
          score: z.number().optional(),
        }),
      )
      .readonly()
      .optional(),
    finish: z.string().optional(),
    created: z.number(),
  })
  .openapi('SavedMessage')

export const feedbackSchema = z
  .object({
    id: z.string(),
    kind: kindSchema,
    user: z.string(),
    labeler: z.string(),
    conversation: z.string().optional(),
    message: z.string().optional(),
    prompt: z.array(promptMessageSchema).readonly(),
    answers: z.array(answerSchema).readonly(),
    value: z.union([z.number(), z.string(), z.array(z.number()).readonly(), rubricSchema]),
    reason: z.string().optional(),
    comparison: z.string().optional(),
    task: z.string().optional(),
    round: z.string().optional(),
    created: z.number(),
  })
  .openapi('Feedback')

/** Everybody's for an admin, one's own for others. */
export function accessOf(c: Context<ServeEnv>): Access {
  const { user, scopes } = c.get('caller')
  return scopes.includes('admin') ? 'anyone' : { user }
}

/** As `accessOf`, or those of the `user` that is asked for. @throws ApiError 400 where that is not the caller's to ask */
export function accessTo(c: Context<ServeEnv>, user: string | undefined): Access {
  const access = accessOf(c)
  if (user === undefined || (access !== 'anyone' && access.user === user)) return access
  if (access !== 'anyone') throw badRequest('only an admin may ask for what is others’', 'user')
  return { user }
}

/** What a person wrote beside a judgement. */
export const reasonSchema = z.string().trim().max(10_000).optional()
export const labelerSchema = z.string().trim().min(1).max(100)
