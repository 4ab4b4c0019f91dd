/** Blind comparisons: two to nine answers to a prompt, whose models are told once they are ranked. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Comparison, NewFeedback } from '../../store/index.js'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { badRequest } from '../errors.js'
import { messageSchema } from '../openai/chat-schemas.js'
import { clientController } from '../openai/generation.js'
import { messagesOf } from '../openai/requests.js'
import { answers, reads } from '../routes.js'
import { answersOf, candidateFields, candidatesOf } from './candidates.js'
import { accessOf, idSchema, labelerSchema, reasonSchema, rubricSchema } from './record-schemas.js'

const tags = ['Feedback']
const params = z.object({ id: idSchema })

const comparisonSchema = z
  .object({
    id: z.string(),
    answers: z.array(
      z.object({
        slot: z.string().openapi({ description: 'A, B, C, …' }),
        text: z.string(),
        model: z.string().optional(),
        modelVersion: z.string().optional(),
        sampling: z.record(z.string(), z.unknown()).readonly().optional(),
      }),
    ),
    ranks: z.array(z.number()).readonly().optional(),
  })
  .openapi('Comparison', { description: 'Models and settings are there once it is ranked.' })

const askRoute = createRoute({
  method: 'post',
  path: '/api/compare',
  tags,
  summary: 'Answer a prompt several times, to be compared without names',
  request: {
    body: reads(z.strictObject({ messages: z.array(messageSchema).min(1), ...candidateFields })),
  },
  responses: answers(comparisonSchema, 'The answers, shuffled.'),
})

const getRoute = createRoute({
  method: 'get',
  path: '/api/compare/{id}',
  tags,
  summary: 'A comparison',
  request: { params },
  responses: answers(comparisonSchema, 'The answers.'),
})

const rankRoute = createRoute({
  method: 'post',
  path: '/api/compare/{id}/ranking',
  tags,
  summary: 'Rank the answers of a comparison, once',
  request: {
    params,
    body: reads(
      z.strictObject({
        ranks: z
          .array(z.int().min(1).max(9))
          .min(2)
          .max(9)
          .openapi({ description: 'A rank for each slot in order: 1 is best, ties are equal.' }),
        rubric: z
          .array(rubricSchema.nullable())
          .max(9)
          .optional()
          .openapi({ description: 'For each slot in order; null where nothing was said.' }),
        reason: reasonSchema,
        labeler: labelerSchema.optional(),
      }),
    ),
  },
  responses: answers(comparisonSchema, 'The answers with their models.'),
})

export function compareRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const { store } = context
  const router = createRouter()
  router.use('/api/compare', requireScope('chat'))
  router.use('/api/compare/*', requireScope('feedback'))

  router.openapi(askRoute, async (c) => {
    const { messages, ...fields } = c.req.valid('json')
    const candidates = candidatesOf(fields, 2)
    const prompt = messagesOf(messages, context.config.limits)
    await context.meter.admit(c.get('caller'))
    const { signal } = clientController(c)
    const written = await answersOf(context, c, prompt, candidates, signal)
    const { user } = c.get('caller')
    return c.json(shown(await store.comparisons.create({ user, prompt, answers: written })), 200)
  })

  router.openapi(getRoute, async (c) =>
    c.json(shown(await store.comparisons.get(c.req.valid('param').id, accessOf(c))), 200),
  )

  router.openapi(rankRoute, async (c) => {
    const { id } = c.req.valid('param')
    const { ranks, rubric, reason, labeler } = c.req.valid('json')
    const { user } = c.get('caller')
    const { prompt, answers: compared } = await store.comparisons.get(id, accessOf(c))
    if (rubric && rubric.length !== compared.length)
      throw badRequest(`rubric needs ${compared.length} values, one for each answer`, 'rubric')
    const feedback = rankingFeedback({
      prompt,
      answers: compared,
      ranks,
      rubric,
      common: { user, labeler: labeler ?? user, ...(reason ? { reason } : {}) },
    })
    const ranked = await store.comparisons.rank(id, ranks, feedback, accessOf(c))
    return c.json(shown(ranked.comparison), 200)
  })

  return router
}

function shown({ id, answers: all, ranks }: Comparison): z.infer<typeof comparisonSchema> {
  return {
    id,
    answers: all.map(({ text, model, modelVersion, sampling }, i) => ({
      slot: 'ABCDEFGHI'[i]!,
      text,
      // Whoever knows the name judges the name.
      ...(ranks === undefined ? {} : { model, modelVersion, sampling }),
    })),
    ...(ranks === undefined ? {} : { ranks }),
  }
}

interface RankedAnswers extends Pick<Comparison, 'prompt' | 'answers'> {
  readonly ranks: readonly number[]
  readonly rubric?: readonly (z.infer<typeof rubricSchema> | null)[] | undefined
  readonly common: Pick<NewFeedback, 'user' | 'labeler' | 'reason'>
}

/** An order as feedback, and a piece for each answer whose rubric was filled in. */
export function rankingFeedback({
  prompt,
  answers: all,
  ranks,
  rubric,
  common,
}: RankedAnswers): NewFeedback[] {
  const plain = all.map(({ text, model, modelVersion, message }) => ({
    text,
    ...(model === undefined ? {} : { model }),
    ...(modelVersion === undefined ? {} : { modelVersion }),
    ...(message === undefined ? {} : { message }),
  }))
  const rated = (rubric ?? []).flatMap((value, i): NewFeedback[] =>
    value === null || Object.values(value).every((score) => score === undefined)
      ? []
      : [{ ...common, prompt, kind: 'rubric', value, answers: [plain[i]!] }],
  )
  return [{ ...common, prompt, kind: 'ranking', value: ranks, answers: plain }, ...rated]
}
