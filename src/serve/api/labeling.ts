/** The queue of answers that people are asked to judge. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { LabelTask, New } from '../../store/index.js'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { badRequest } from '../errors.js'
import { clientController } from '../openai/generation.js'
import { answers, reads } from '../routes.js'
import { audit } from './answers.js'
import { answersOf, candidateFields, candidatesOf } from './candidates.js'
import { agreementOf } from './label-agreement.js'
import { judgementFeedback } from './label-feedback.js'
import {
  accessOf,
  answerSchema,
  idSchema,
  kindSchema,
  labelerSchema,
  pageOf,
  pageQuery,
  promptMessageSchema,
  reasonSchema,
  rubricSchema,
} from './record-schemas.js'

const tags = ['Labeling']
const params = z.object({ id: idSchema })

const taskSchema = z
  .object({
    id: z.string(),
    kind: kindSchema,
    prompt: z.array(promptMessageSchema).readonly(),
    answers: z.array(answerSchema).readonly(),
    category: z.string().optional(),
    overlap: z.int().openapi({ description: 'How many people should judge it.' }),
    priority: z.int().openapi({ description: 'Higher comes first.' }),
    user: z.string().optional().openapi({ description: 'Whose prompt it is; for admins.' }),
    conversation: z.string().optional().openapi({ description: 'For admins.' }),
    created: z.number(),
  })
  .openapi('LabelTask')

const wanted = {
  category: z.string().trim().max(200).optional(),
  overlap: z.int().min(1).max(100).optional(),
  priority: z.int().min(-1000).max(1000).optional(),
}

const listRoute = createRoute({
  method: 'get',
  path: '/api/labeling/tasks',
  tags,
  summary: 'All tasks, oldest first',
  request: { query: z.object({ ...pageQuery, kind: kindSchema.optional() }) },
  responses: answers(pageOf(taskSchema), 'A page.'),
})

const addRoute = createRoute({
  method: 'post',
  path: '/api/labeling/tasks',
  tags,
  summary: 'Put answers into the queue',
  description:
    '`tasks` have their answers; `prompts` are answered now by `candidates` or `models`; `comparisons` are queued for others to rank.',
  request: {
    body: reads(
      z.strictObject({
        tasks: z
          .array(
            z.strictObject({
              ...wanted,
              kind: kindSchema,
              prompt: z.array(promptMessageSchema).min(1).max(1024),
              answers: z.array(answerSchema).min(1).max(9),
            }),
          )
          .max(1000)
          .optional(),
        prompts: z.array(z.string().trim().min(1).max(100_000)).max(50).optional(),
        ...candidateFields,
        comparisons: z.array(idSchema).max(1000).optional(),
        ...wanted,
      }),
    ),
  },
  responses: answers(z.object({ added: z.int(), ids: z.array(z.string()) }), 'They wait.'),
})

const removeRoute = createRoute({
  method: 'delete',
  path: '/api/labeling/tasks/{id}',
  tags,
  summary: 'Take a task out of the queue, with what was said of it there',
  request: { params },
  responses: answers(z.object({ deleted: z.boolean() }), 'It is gone.'),
})

const nextRoute = createRoute({
  method: 'get',
  path: '/api/labeling/next',
  tags,
  summary: 'The next task for a labeler',
  description: 'It is kept for them for half an hour. Who asked and who wrote the answers is not told.',
  request: { query: z.object({ labeler: labelerSchema.optional(), kind: kindSchema.optional() }) },
  responses: answers(
    z.object({ task: taskSchema.nullable() }),
    'The task; null where nothing is left for them.',
  ),
})

const judgeRoute = createRoute({
  method: 'post',
  path: '/api/labeling/tasks/{id}/answers',
  tags,
  summary: 'Judge a task',
  request: {
    params,
    body: reads(
      z.strictObject({
        labeler: labelerSchema.optional(),
        values: z
          .array(z.union([z.number(), z.string().max(1_000_000), rubricSchema, z.null()]))
          .min(1)
          .max(9)
          .openapi({
            description:
              'One for each answer: a rank, 1 or -1, the better text, or a rubric; null: nothing said.',
          }),
        rubric: z.array(rubricSchema.nullable()).max(9).optional(),
        reason: reasonSchema,
      }),
    ),
  },
  responses: answers(z.object({ id: z.string(), feedback: z.array(z.string()) }), 'It is kept.'),
})

const skipRoute = createRoute({
  method: 'post',
  path: '/api/labeling/tasks/{id}/skip',
  tags,
  summary: 'Leave a task to others',
  request: {
    params,
    body: reads(z.strictObject({ labeler: labelerSchema.optional(), reason: reasonSchema })),
  },
  responses: answers(z.object({ id: z.string() }), 'It will not come again for this labeler.'),
})

const progressRoute = createRoute({
  method: 'get',
  path: '/api/labeling/progress',
  tags,
  summary: 'How far the queue is, who did what, and how far people agree',
  responses: answers(
    z.object({
      tasks: z.int(),
      done: z.int(),
      labelers: z.array(z.object({ labeler: z.string(), judged: z.int(), skipped: z.int() })).readonly(),
      agreement: z.record(z.string(), z.number()).openapi({
        description:
          'By kind: of every two judgements of the same, how many are alike. Kinds nobody shared are not there.',
      }),
      statistics: z.record(z.string(), z.unknown()).openapi({
        description: 'By kind: Kendall’s tau-b, Cohen’s and Fleiss’ kappa, Krippendorff’s alpha.',
      }),
    }),
    'Progress.',
  ),
})

export function labelingRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const { store } = context
  const { labeling } = store
  const router = createRouter()
  router.use('/api/labeling/*', requireScope('feedback'))
  router.on(['GET', 'POST'], '/api/labeling/tasks', requireScope('admin'))
  router.on('DELETE', '/api/labeling/tasks/*', requireScope('admin'))

  router.openapi(listRoute, async (c) => c.json(await labeling.tasks(c.req.valid('query')), 200))

  router.openapi(addRoute, async (c) => {
    const {
      tasks = [],
      prompts = [],
      comparisons = [],
      candidates,
      models,
      count,
      ...common
    } = c.req.valid('json')
    const { user } = c.get('caller')
    const drafts: New<LabelTask, 'overlap' | 'priority'>[] = tasks.map((task) => ({
      ...common,
      ...task,
      user,
    }))
    if (prompts.length > 0) {
      const asked = candidatesOf({ candidates, models, count }, 1)
      const { signal } = clientController(c)
      for (const content of prompts) {
        await context.meter.admit(c.get('caller'))
        const prompt = [{ role: 'user' as const, content }]
        const written = await answersOf(context, c, prompt, asked, signal)
        drafts.push({
          ...common,
          user,
          prompt,
          kind: written.length > 1 ? 'ranking' : 'thumb',
          answers: written.map(({ text, model, modelVersion }) => ({ text, model, modelVersion })),
        })
      }
    }
    for (const id of comparisons) {
      const { prompt, answers: all, user: owner } = await store.comparisons.get(id, accessOf(c))
      drafts.push({
        ...common,
        user: owner,
        prompt,
        kind: 'ranking',
        answers: all.map(({ text, model, modelVersion }) => ({ text, model, modelVersion })),
      })
    }
    if (drafts.length === 0) throw badRequest('give tasks, prompts or comparisons', 'tasks')
    const added = await labeling.addTasks(...drafts)
    await audit(context, c, 'labeling.add', `${added.length} tasks`)
    return c.json({ added: added.length, ids: added.map(({ id }) => id) }, 200)
  })

  router.openapi(removeRoute, async (c) => {
    const { id } = c.req.valid('param')
    await labeling.removeTask(id)
    await audit(context, c, 'labeling.remove', id)
    return c.json({ deleted: true }, 200)
  })

  router.openapi(nextRoute, async (c) => {
    const { labeler = c.get('caller').user, kind } = c.req.valid('query')
    const task = await labeling.next(labeler, kind === undefined ? {} : { kind })
    return c.json({ task: task ? withoutNames(task) : null }, 200)
  })

  router.openapi(judgeRoute, async (c) => {
    const { user } = c.get('caller')
    const { labeler = user, values, rubric, reason } = c.req.valid('json')
    const task = await labeling.task(c.req.valid('param').id)
    const said = { labeler, user, ...(reason ? { reason } : {}) }
    const feedback = judgementFeedback(task, { values, rubric, common: said })
    const kept = await labeling.judge({ ...said, task: task.id, skipped: false, values }, feedback)
    return c.json({ id: kept.judgement.id, feedback: kept.feedback.map(({ id }) => id) }, 200)
  })

  router.openapi(skipRoute, async (c) => {
    const { user } = c.get('caller')
    const { labeler = user, reason } = c.req.valid('json')
    const task = c.req.valid('param').id
    const { judgement } = await labeling.judge(
      { task, labeler, user, skipped: true, ...(reason ? { reason } : {}) },
      [],
    )
    return c.json({ id: judgement.id }, 200)
  })

  router.openapi(progressRoute, async (c) => {
    const progress = await labeling.progress()
    const statistics = await agreementOf(labeling.judgements())
    const agreement = Object.fromEntries(
      Object.entries(statistics).flatMap(([kind, { alike }]) => (alike === undefined ? [] : [[kind, alike]])),
    )
    return c.json({ ...progress, agreement, statistics }, 200)
  })

  return router
}

const withoutNames = ({ user: _, conversation: __, answers: written, ...task }: LabelTask) => ({
  ...task,
  answers: written.map(({ text }) => ({ text })),
})
