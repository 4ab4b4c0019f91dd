/** What people say of answers: thumbs, better texts, scores, orders. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { FEEDBACK_KINDS, type FeedbackAnswer, type Message, type NewFeedback } from '../../store/index.js'
import type { ChatMessage } from '../../text/index.js'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { badRequest } from '../errors.js'
import { answers, reads } from '../routes.js'
import {
  accessOf,
  accessTo,
  answerSchema,
  feedbackSchema,
  idSchema,
  kindSchema,
  labelerSchema,
  nameSchema,
  pageOf,
  pageQuery,
  promptMessageSchema,
  reasonSchema,
  rubricSchema,
  timeSchema,
} from './record-schemas.js'

const tags = ['Feedback']

/** What was judged: a saved message (for rankings several), or prompt and answers themselves. */
const subject = {
  message: idSchema.optional().openapi({ description: 'A saved answer.' }),
  messages: z.array(idSchema).min(2).max(9).optional().openapi({ description: 'Saved answers to rank.' }),
  prompt: z.array(promptMessageSchema).min(1).max(1024).optional(),
  answers: z.array(answerSchema).min(1).max(9).optional(),
  reason: reasonSchema,
  labeler: labelerSchema.optional().openapi({ description: 'Who judged; default: the caller.' }),
}

const givenSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({
      ...subject,
      kind: z.literal('thumb'),
      value: z.union([z.literal(1), z.literal(-1)], { error: 'must be 1 or -1' }),
    }),
    z.strictObject({
      ...subject,
      kind: z.literal('ranking'),
      value: z.array(z.int().min(1).max(9)).min(2).max(9).openapi({
        description: 'A rank for each answer: 1 is best, ties are equal.',
      }),
    }),
    z.strictObject({ ...subject, kind: z.literal('correction'), value: z.string().min(1).max(1_000_000) }),
    z.strictObject({ ...subject, kind: z.literal('rubric'), value: rubricSchema }),
  ])
  .openapi('GivenFeedback')

const addRoute = createRoute({
  method: 'post',
  path: '/api/feedback',
  tags,
  summary: 'Judge an answer',
  description:
    'What the same person says again of the same message replaces what they said before. The answer is kept when it is confirmed.',
  request: { body: reads(givenSchema) },
  responses: answers(feedbackSchema, 'It is kept.'),
})

const listRoute = createRoute({
  method: 'get',
  path: '/api/feedback',
  tags,
  summary: 'Feedback, oldest first: everybody’s for admins, one’s own for others',
  request: {
    query: z.object({
      ...pageQuery,
      since: timeSchema.optional(),
      until: timeSchema.optional(),
      kind: kindSchema.optional(),
      message: idSchema.optional(),
      conversation: idSchema.optional(),
      model: nameSchema.optional().openapi({ description: 'Name or version of an answer’s model.' }),
      unused: z.stringbool().optional().openapi({ description: 'Only what no round has taken.' }),
      user: nameSchema.optional(),
    }),
  },
  responses: answers(pageOf(feedbackSchema), 'A page.'),
})

const statsRoute = createRoute({
  method: 'get',
  path: '/api/feedback/stats',
  tags,
  summary: 'How much feedback there is',
  responses: answers(
    z.object({
      total: z.int(),
      unused: z.int().openapi({ description: 'Not taken by a round yet.' }),
      users: z.int(),
      kinds: z.object(Object.fromEntries(FEEDBACK_KINDS.map((kind) => [kind, z.int()]))),
      thumbs: z.object({ up: z.int(), down: z.int() }),
      days: z.array(z.object({ day: z.string(), count: z.int() })).readonly(),
    }),
    'Counts.',
  ),
})

const removeRoute = createRoute({
  method: 'delete',
  path: '/api/feedback/{id}',
  tags,
  summary: 'Take back a judgement',
  request: { params: z.object({ id: idSchema }) },
  responses: answers(z.object({ deleted: z.boolean() }), 'It is gone.'),
})

export function feedbackRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const { store } = context
  const router = createRouter()
  router.use('/api/feedback', requireScope('feedback'))
  router.use('/api/feedback/*', requireScope('feedback'))

  router.openapi(addRoute, async (c) => {
    const { message, messages, prompt, answers: given, labeler, reason, ...judgement } = c.req.valid('json')
    const { user } = c.get('caller')
    const ids = messages ?? (message === undefined ? undefined : [message])
    if ((ids === undefined) === (prompt === undefined || given === undefined))
      throw badRequest('give the saved message, or both prompt and answers', 'message')
    const judged =
      ids === undefined ? { prompt: prompt!, answers: given! } : await savedAnswers(context, ids, accessOf(c))
    const [saved] = await store.feedback.add({
      ...judged,
      ...judgement,
      user,
      labeler: labeler ?? user,
      ...(reason ? { reason } : {}),
    } as NewFeedback)
    return c.json(saved!, 200)
  })

  router.openapi(listRoute, async (c) => {
    const { user, ...query } = c.req.valid('query')
    return c.json(await store.feedback.list(accessTo(c, user), query), 200)
  })

  router.openapi(statsRoute, async (c) => c.json(await store.feedback.stats(accessOf(c)), 200))

  router.openapi(removeRoute, async (c) => {
    await store.feedback.remove(c.req.valid('param').id, accessOf(c))
    return c.json({ deleted: true }, 200)
  })

  return router
}

/** Saved answers to the same question, with everything before them. @throws ApiError 400 where they are not */
async function savedAnswers(
  { store }: ServeContext,
  ids: readonly string[],
  access: Parameters<ServeContext['store']['messages']['get']>[1],
): Promise<Pick<NewFeedback, 'prompt' | 'answers' | 'message' | 'conversation'>> {
  const paths = await Promise.all(ids.map((id) => store.messages.path(id, access)))
  const judged = paths.map((path) => path.at(-1)!)
  const first = judged[0]!
  if (judged.some(({ role }) => role !== 'assistant'))
    throw badRequest('only what the assistant said can be judged', 'message')
  if (new Set(ids).size < ids.length || judged.some(({ parent }) => parent !== first.parent))
    throw badRequest('these are not different answers to the same message', 'messages')
  return {
    prompt: paths[0]!.slice(0, -1).map(toPrompt),
    answers: judged.map(
      ({ id, content, model, modelVersion }): FeedbackAnswer => ({
        text: content,
        message: id,
        ...(model === undefined ? {} : { model }),
        ...(modelVersion === undefined ? {} : { modelVersion }),
      }),
    ),
    conversation: first.conversation,
    ...(ids.length === 1 ? { message: first.id } : {}),
  }
}

function toPrompt({ role, content, name, toolCalls, toolCallId }: Message): ChatMessage {
  return {
    role,
    content,
    ...(name === undefined ? {} : { name }),
    ...(toolCalls === undefined ? {} : { toolCalls }),
    ...(toolCallId === undefined ? {} : { toolCallId }),
  }
}
