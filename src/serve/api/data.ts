/** Data of the workspace: sets with their cards, what was dropped and why, samples, preference pairs, what people said. */
import { stat } from 'node:fs/promises'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { readCard } from '../../data/build/index.js'
import { type Ranking, readRankings } from '../../data/index.js'
import type { Feedback, Store } from '../../store/index.js'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { badRequest, notFound } from '../errors.js'
import { answers } from '../routes.js'
import type { Workspace } from '../runs/index.js'
import { runsOf } from './answers.js'
import { idOfPath, listDataSets, pathOfId, readDataSet, readSamples } from './data-sets.js'

const volume = z.object({ documents: z.number(), characters: z.number(), bytes: z.number() })
const setSchema = z
  .object({
    id: z.string(),
    path: z.string(),
    kind: z.enum(['built', 'recipe']),
    title: z.string(),
    documents: z.number(),
  })
  .openapi('DataSet')
const reasonSchema = z.object({
  stage: z.string(),
  reason: z.string(),
  documents: z.number(),
  bytes: z.number(),
})
const cardSchema = setSchema
  .extend({
    about: z.string().optional(),
    source: z.string().optional(),
    simulated: z.string().optional(),
    seed: z.number().optional(),
    tokens: z.number().optional(),
    kept: volume.optional(),
    train: volume.optional(),
    heldOut: volume.optional(),
    languages: z.record(z.string(), volume).optional(),
    sources: z
      .array(
        z.object({
          name: z.string(),
          licence: z.string().optional(),
          licences: z.record(z.string(), z.number()),
          read: volume,
          kept: volume,
          skipped: z.number(),
          skips: z.array(z.string()).readonly(),
        }),
      )
      .readonly(),
    dropped: z.array(reasonSchema).readonly(),
    changed: z.array(reasonSchema).readonly(),
    files: z.array(z.object({ path: z.string(), about: z.string(), records: z.number() })).readonly(),
  })
  .openapi('DataCard')

const messages = z.array(z.object({ role: z.string(), content: z.string() }))
const sampleSchema = z.object({
  index: z.int(),
  text: z.string().optional(),
  title: z.string().optional(),
  messages: messages.readonly().optional(),
  json: z.string().optional(),
})
const pairSchema = z.object({
  prompt: messages,
  answers: z.array(z.object({ text: z.string(), rank: z.number() })),
  labeler: z.string().optional(),
  created: z.number().optional(),
})

const id = z.string().min(1).max(2000)
const pageQuery = {
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(100).default(20),
}
const tags = ['Data']

const listRoute = createRoute({
  method: 'get',
  path: '/api/data',
  tags,
  summary: 'Data sets, files and what people said',
  responses: answers(
    z.object({
      sets: z.array(setSchema),
      files: z.array(z.object({ id: z.string(), path: z.string(), bytes: z.number() })),
      feedback: z.object({
        total: z.number(),
        unused: z.number(),
        users: z.number(),
        kinds: z.record(z.string(), z.number()),
        thumbs: z.object({ up: z.number(), down: z.number() }),
        days: z.array(z.object({ day: z.string(), count: z.number() })),
      }),
    }),
    'What there is.',
  ),
})

const pairsRoute = createRoute({
  method: 'get',
  path: '/api/data/pairs',
  tags,
  summary: 'Preferences: of a file of the workspace, or of people who ranked answers here',
  request: {
    query: z.object({
      path: z.string().optional().openapi({ description: 'Of a file. Default: feedback.' }),
      ...pageQuery,
    }),
  },
  responses: answers(
    z.object({ items: z.array(pairSchema), next: z.int().optional() }),
    'Prompts with answers; rank 1 is best.',
  ),
})

const cardRoute = createRoute({
  method: 'get',
  path: '/api/data/{id}',
  tags,
  summary: 'The card of a data set',
  request: { params: z.object({ id }) },
  responses: answers(cardSchema, 'The card.'),
})

const droppedRoute = createRoute({
  method: 'get',
  path: '/api/data/{id}/dropped',
  tags,
  summary: 'Examples of what cleaning dropped or changed',
  request: {
    params: z.object({ id }),
    query: z.object({
      reason: z.string().max(200).optional(),
      stage: z.string().max(200).optional(),
      action: z.enum(['dropped', 'changed']).default('dropped'),
    }),
  },
  responses: answers(
    z.object({
      items: z.array(
        z.object({
          stage: z.string(),
          reason: z.string(),
          action: z.enum(['dropped', 'changed']),
          source: z.string(),
          id: z.string(),
          detail: z.string(),
          excerpt: z.string(),
        }),
      ),
    }),
    'A few for each reason.',
  ),
})

const samplesRoute = createRoute({
  method: 'get',
  path: '/api/data/{id}/samples',
  tags,
  summary: 'Records of a file, or of the first file of a data set',
  request: {
    params: z.object({ id }),
    query: z.object({ file: z.string().max(1000).optional(), ...pageQuery }),
  },
  responses: answers(
    z.object({ path: z.string(), items: z.array(sampleSchema), next: z.int().optional() }),
    'Long texts are cut.',
  ),
})

export function dataRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const router = createRouter()
  for (const path of ['/api/data', '/api/data/*']) router.use(path, requireScope('admin'))
  const workspace = () => runsOf(context).workspace

  router.openapi(listRoute, async (c) => {
    const [sets, { files }, feedback] = await Promise.all([
      listDataSets(workspace()),
      workspace().list(),
      context.store.feedback.stats('anyone'),
    ])
    return c.json(
      {
        sets,
        files: files.map((file) => ({ ...file, id: idOfPath(file.path) })),
        feedback: { ...feedback, days: [...feedback.days] },
      },
      200,
    )
  })

  router.openapi(pairsRoute, async (c) => {
    const { path, offset, limit } = c.req.valid('query')
    const items =
      path === undefined
        ? await rankedByPeople(context.store, offset, limit)
        : await rankedInFile(await workspace().resolve(path, 'path'), path, offset, limit)
    return c.json({ items, ...(items.length === limit ? { next: offset + limit } : {}) }, 200)
  })

  router.openapi(cardRoute, async (c) => {
    const { dir, path } = await folderOf(workspace(), c.req.valid('param').id)
    const card = await readDataSet(dir, path)
    if (!card) throw notFound(`${path} has no data card`, 'id', 'data_not_found')
    return c.json(card, 200)
  })

  router.openapi(droppedRoute, async (c) => {
    const { dir, path } = await folderOf(workspace(), c.req.valid('param').id)
    const { reason, stage, action } = c.req.valid('query')
    const set = await readDataSet(dir, path)
    if (!set) throw notFound(`${path} has no data card`, 'id', 'data_not_found')
    if (set.kind !== 'built') return c.json({ items: [] }, 200)
    const { samples } = await readCard(dir)
    const items = samples.filter(
      (sample) =>
        sample.action === action &&
        (reason === undefined || sample.reason === reason) &&
        (stage === undefined || sample.stage === stage),
    )
    return c.json({ items: items.slice(0, 200).map(({ keptNumber: _, ...sample }) => sample) }, 200)
  })

  router.openapi(samplesRoute, async (c) => {
    const { file, offset, limit } = c.req.valid('query')
    const { dir, path } = await folderOf(workspace(), c.req.valid('param').id)
    let shown = path
    let target = dir
    const set = await readDataSet(dir, path)
    if (set) {
      shown = file ?? set.files[0]?.path ?? ''
      if (!set.files.some((each) => each.path === shown))
        throw badRequest(`${path} has no file ${JSON.stringify(shown)}`, 'file')
      target = await workspace().resolve(shown, 'file')
    }
    if (!(await stat(target)).isFile()) throw notFound(`${shown} is no file`, 'id', 'data_not_found')
    const items = await readSamples(target, offset, limit)
    return c.json({ path: shown, items, ...(items.length === limit ? { next: offset + limit } : {}) }, 200)
  })
  return router
}

async function folderOf(workspace: Workspace, id: string): Promise<{ dir: string; path: string }> {
  const path = pathOfId(id)
  return { dir: await workspace.resolve(path, 'id'), path }
}

async function rankedInFile(file: string, shown: string, offset: number, limit: number) {
  const items: z.infer<typeof pairSchema>[] = []
  let index = 0
  try {
    for await (const ranking of readRankings([file], { limit: 1000 })) {
      if (index++ < offset) continue
      items.push(ofRanking(ranking))
      if (items.length >= limit) break
    }
  } catch (error) {
    const why = error instanceof Error ? error.message.replaceAll(file, shown) : String(error)
    throw badRequest(`no preferences can be read there: ${why}`, 'path', 'no_preferences')
  }
  return items
}

const textOf = (content: unknown): string =>
  typeof content === 'string' ? content : JSON.stringify(content ?? '')

function ofRanking({ prompt, answers, ranks, labeler }: Ranking): z.infer<typeof pairSchema> {
  return {
    prompt: prompt.map(({ role, content }) => ({ role, content: textOf(content) })),
    answers: answers.map((text, i) => ({ text, rank: ranks[i]! })),
    ...(labeler === undefined ? {} : { labeler }),
  }
}

/** Rankings of answers, newest last as they came. */
async function rankedByPeople(store: Store, offset: number, limit: number) {
  const items: z.infer<typeof pairSchema>[] = []
  let index = 0
  for await (const feedback of store.feedback.each('anyone', { kind: 'ranking' })) {
    if (index++ < offset) continue
    items.push(ofFeedback(feedback))
    if (items.length >= limit) break
  }
  return items
}

function ofFeedback({ prompt, answers, value, labeler, created }: Feedback): z.infer<typeof pairSchema> {
  const ranks = Array.isArray(value) ? (value as number[]) : []
  return {
    prompt: prompt.map(({ role, content }) => ({ role, content: textOf(content) })),
    answers: answers.map(({ text }, i) => ({ text, rank: ranks[i] ?? 1 })),
    labeler,
    created,
  }
}
