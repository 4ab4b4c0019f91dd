/** Training runs: start, watch, pause, go on, stop, and the report card. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { collectReport, ReportError, renderHtml, renderMarkdown } from '../../eval/report/index.js'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { badRequest, errorResponses, notFound } from '../errors.js'
import { eventStream } from '../http/sse.js'
import { answers, reads } from '../routes.js'
import { findStage, type Run, type RunManager } from '../runs/index.js'
import { stageJob } from '../runs/job.js'
import { audit, runsOf } from './answers.js'

const states = [
  'queued',
  'running',
  'pausing',
  'paused',
  'stopping',
  'stopped',
  'finished',
  'failed',
  'interrupted',
] as const

const progressSchema = z.object({
  message: z.string().optional(),
  parts: z
    .array(
      z.object({
        name: z.string(),
        state: z.enum(['waiting', 'running', 'done']),
        seconds: z.number().optional(),
      }),
    )
    .readonly()
    .optional(),
  part: z.string().optional(),
  step: z.number().optional(),
  steps: z.number().optional(),
  secondsLeft: z.number().optional(),
  tokensPerSecond: z.number().optional(),
  preparing: z
    .object({ label: z.string(), done: z.number(), total: z.number().optional(), unit: z.string() })
    .optional(),
  latest: z.record(z.string(), z.number()).optional(),
})

const runSchema = z
  .object({
    id: z.string(),
    stage: z.string(),
    name: z.string(),
    dir: z.string(),
    state: z.enum(states),
    created: z.number(),
    started: z.number().optional(),
    ended: z.number().optional(),
    error: z.object({ code: z.string(), message: z.string() }).optional(),
    settings: z.record(z.string(), z.unknown()),
    inputs: z.record(z.string(), z.array(z.string()).readonly()),
    progress: progressSchema,
    resumable: z.boolean(),
    model: z.string().optional(),
    found: z.boolean().optional(),
  })
  .openapi('Run')

const idParams = z.object({ id: z.string().min(1).max(100) })

const startSchema = z
  .strictObject({
    stage: z.string().min(1).max(100),
    name: z.string().max(100).optional().openapi({ description: 'Of the run’s folder. Default: made up.' }),
    inputs: z
      .record(z.string(), z.union([z.string(), z.array(z.string()).max(1000)]))
      .default({})
      .openapi({ description: 'Paths in the workspace, by the stage’s inputs.' }),
    settings: z.record(z.string(), z.unknown()).default({}),
    threads: z.int().min(1).max(1024).optional(),
  })
  .openapi('StartRun')

const listRoute = createRoute({
  method: 'get',
  path: '/api/runs',
  tags: ['Training'],
  summary: 'All runs, newest first',
  responses: answers(z.object({ runs: z.array(runSchema) }), 'Those of the command line too.'),
})

const startRoute = createRoute({
  method: 'post',
  path: '/api/runs',
  tags: ['Training'],
  summary: 'Start a stage or a speedrun',
  description: 'One run works at a time; others wait.',
  request: { body: reads(startSchema) },
  responses: answers(runSchema, 'The run, working or waiting.'),
})

const getRoute = createRoute({
  method: 'get',
  path: '/api/runs/{id}',
  tags: ['Training'],
  summary: 'One run',
  request: { params: idParams },
  responses: answers(runSchema, 'The run.'),
})

const actionRoute = <const Action extends 'pause' | 'resume' | 'stop'>(action: Action, summary: string) =>
  createRoute({
    method: 'post',
    path: `/api/runs/{id}/${action}`,
    tags: ['Training'],
    summary,
    request: { params: idParams },
    responses: answers(runSchema, 'The run.'),
  })

const curvesRoute = createRoute({
  method: 'get',
  path: '/api/runs/{id}/curves',
  tags: ['Training'],
  summary: 'Every number over the steps so far',
  request: { params: idParams },
  responses: answers(
    z.object({
      seq: z.int().openapi({ description: 'The last event in it; read events after it.' }),
      curves: z
        .array(
          z.object({
            part: z.string(),
            metric: z.string(),
            steps: z.array(z.number()).readonly(),
            values: z.array(z.number().nullable()).readonly(),
          }),
        )
        .readonly(),
    }),
    'At most 2,000 points each.',
  ),
})

const eventsRoute = createRoute({
  method: 'get',
  path: '/api/runs/{id}/events',
  tags: ['Training'],
  summary: 'What happens in a run, as server-sent events',
  description:
    'Each `data` is JSON: an event of the run with its position `seq`, or `{"type":"run","run":…}` with the run as it now is. The stream ends when the run is at rest, or the server ends.',
  request: { params: idParams, query: z.object({ after: z.coerce.number().int().min(0).default(0) }) },
  responses: {
    200: { description: 'Events.', content: { 'text/event-stream': { schema: z.string() } } },
    ...errorResponses,
  },
})

export function runRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const router = createRouter()
  for (const path of ['/api/runs', '/api/runs/*']) router.use(path, requireScope('admin'))
  const runs = () => runsOf(context)

  router.openapi(listRoute, async (c) => c.json({ runs: [...(await runs().list())] }, 200))
  router.openapi(startRoute, async (c) => {
    const { stage: name, inputs, ...request } = c.req.valid('json')
    const stage = findStage(name)
    if (!stage) throw badRequest(`there is no stage ${JSON.stringify(name)}`, 'stage', 'unknown_stage')
    const job = await stageJob(
      stage,
      {
        ...request,
        name: request.name || (await freeName(runs(), name)),
        inputs: Object.fromEntries(
          Object.entries(inputs).map(([key, value]) => [key, typeof value === 'string' ? [value] : value]),
        ),
        user: c.get('caller').user,
      },
      runs().workspace,
    )
    const run = await runs().begin(job)
    await audit(context, c, 'run.start', run.id, { stage: name, name: run.name })
    return c.json(run, 200)
  })
  router.openapi(getRoute, async (c) => c.json(await runs().get(c.req.valid('param').id), 200))

  const act = (action: 'pause' | 'resume' | 'stop') => async (c: Context<ServeEnv>, id: string) => {
    const run = await runs()[action](id)
    await audit(context, c, `run.${action}`, id)
    return run
  }
  const [pause, resume, stop] = [act('pause'), act('resume'), act('stop')]
  router.openapi(actionRoute('pause', 'Save and end, to go on later'), async (c) =>
    c.json(await pause(c, c.req.valid('param').id), 200),
  )
  router.openapi(actionRoute('resume', 'Go on where it was'), async (c) =>
    c.json(await resume(c, c.req.valid('param').id), 200),
  )
  router.openapi(actionRoute('stop', 'Save and end; a second time ends it at once'), async (c) =>
    c.json(await stop(c, c.req.valid('param').id), 200),
  )
  router.openapi(curvesRoute, async (c) => c.json(await runs().curves(c.req.valid('param').id), 200))
  router.openapi(eventsRoute, async (c) => {
    const { id } = c.req.valid('param')
    await runs().get(id)
    const leaving = new AbortController()
    const until = AbortSignal.any([leaving.signal, context.ending])
    const events = streamed(runs(), id, c.req.valid('query').after, until)
    return eventStream(c, events, {
      ping: context.config.pingSeconds * 1000,
      onCancel: () => leaving.abort(),
    })
  })
  router.get('/api/runs/:id/:report{report(\\.(html|json|md))?}', async (c) => {
    const { id, report } = c.req.param()
    return answerReport(c, runs(), id, report.split('.')[1] ?? 'html')
  })
  return router
}

/** `sft`, or `sft-2` where that is taken. */
async function freeName(runs: RunManager, stage: string): Promise<string> {
  const taken = new Set((await runs.list()).map(({ name }) => name))
  for (let n = 1; ; n++) {
    const name = n === 1 ? stage : `${stage}-${n}`
    if (!taken.has(name)) return name
  }
}

/** Events of a run with the run itself where it has changed, as JSON. */
async function* streamed(
  runs: RunManager,
  id: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const changes: Run[] = []
  const unsubscribe = runs.subscribe((run) => {
    if (run.id === id) changes.push(run)
  })
  try {
    yield JSON.stringify({ type: 'run', run: await runs.get(id) })
    for await (const event of runs.events(id, { after, signal })) {
      for (const run of changes.splice(0)) yield JSON.stringify({ type: 'run', run })
      yield JSON.stringify(event)
    }
    yield JSON.stringify({ type: 'run', run: await runs.get(id) })
  } finally {
    unsubscribe()
  }
}

/** Nothing in a report may do anything: what models wrote stands in it. */
const inert = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"

async function answerReport(c: Context<ServeEnv>, runs: RunManager, id: string, form: string) {
  const dir = await runs.directory(id)
  const { name } = await runs.get(id)
  const page = (text: string, type: string) =>
    c.body(text, 200, {
      'content-type': `${type}; charset=utf-8`,
      'content-security-policy': inert,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    })
  // A speedrun writes a report of its own; of a single stage one is made of what is there now.
  const types = { html: 'text/html', json: 'application/json', md: 'text/markdown' } as const
  const type = types[form as keyof typeof types]
  const written = await readFile(join(dir, `report.${form}`), 'utf8').catch(() => undefined)
  const isOwn = await readFile(join(dir, 'report.json'), 'utf8').then(
    (text) => !/"collected":\s*true/.test(text),
    () => false,
  )
  if (written !== undefined && isOwn) return page(written, type)
  try {
    const report = await collectReport(dir)
    if (form === 'json') return page(JSON.stringify(report), type)
    return page(form === 'md' ? renderMarkdown(report) : renderHtml(report), type)
  } catch (error) {
    if (error instanceof ReportError && error.code === 'report/empty')
      throw notFound(`the run ${name} has nothing to report yet`, undefined, 'no_report')
    throw error
  }
}
