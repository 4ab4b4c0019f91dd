/** The loop that learns from people: what they have said since the last round, earlier rounds, and the button that starts one. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Feedback, Round } from '../../store/index.js'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { ApiError, badRequest } from '../errors.js'
import { answers, reads } from '../routes.js'
import { type Job, plainName } from '../runs/index.js'
import { audit, runsOf } from './answers.js'

/** What a round wants at least, as long as nobody asks for less; the round itself counts exactly, after cleaning. */
const NEEDED = { comparisons: 60, people: 3, questions: 50 } as const

const counts = z.object({ comparisons: z.int(), people: z.int(), questions: z.int() })

const roundSchema = z
  .object({
    id: z.string(),
    model: z.string(),
    from: z.string().optional(),
    to: z.string().optional(),
    state: z.enum(['running', 'promoted', 'rejected', 'failed', 'too-little']),
    run: z.string().optional(),
    counts: z.record(z.string(), z.unknown()).optional(),
    result: z.record(z.string(), z.unknown()).optional(),
    error: z.string().optional(),
    created: z.number(),
    ended: z.number().optional(),
  })
  .openapi('Round')

const tags = ['Learning from people']

const stateRoute = createRoute({
  method: 'get',
  path: '/api/next',
  tags,
  summary: 'What people have said since the last round, and earlier rounds',
  request: { query: z.object({ model: z.string().min(1).max(100).optional() }) },
  responses: answers(
    z.object({
      models: z.array(
        z.object({
          model: z.string(),
          live: z.string().optional(),
          feedback: z.int(),
          kinds: z.object({ thumb: z.int(), ranking: z.int(), correction: z.int(), rubric: z.int() }),
          have: counts,
          need: counts,
          enough: z.boolean().openapi({ description: 'Before cleaning; the round counts again after it.' }),
          running: z.string().optional().openapi({ description: 'The round that is not finished.' }),
        }),
      ),
      rounds: z.array(roundSchema).openapi({ description: 'Newest first.' }),
    }),
    'By model.',
  ),
})

const startRoute = createRoute({
  method: 'post',
  path: '/api/next',
  tags,
  summary: 'Train the next version from what people said',
  description: 'The version that wins becomes live; the run tells how far it is.',
  request: {
    body: reads(
      z
        .strictObject({
          model: z.string().regex(plainName),
          preset: z.enum(['tiny', 'small', 'base']).optional(),
          replay: z.string().optional().openapi({
            description:
              'Folder of a speedrun in the workspace, as runs/start. Default: where the model comes from.',
          }),
          seed: z.int().min(0).optional(),
          threads: z.int().min(1).max(1024).optional(),
        })
        .openapi('StartRound'),
    ),
  },
  responses: answers(
    z.object({ id: z.string(), name: z.string(), state: z.string(), dir: z.string() }),
    'The run.',
  ),
})

export function nextRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const { store } = context
  const router = createRouter()
  router.use('/api/next', requireScope('admin'))

  router.openapi(stateRoute, async (c) => {
    const { model } = c.req.valid('query')
    const named = (await store.models.list()).filter(({ name }) => model === undefined || name === model)
    const versions = await Promise.all(named.map(({ name }) => store.models.versions(name)))
    const decoders = named.filter((_, i) => versions[i]!.some(({ kind }) => kind === 'decoder'))
    const { items } = await store.rounds.list({ limit: 100, ...(model === undefined ? {} : { model }) })
    const said = new Map(decoders.map(({ name }) => [name, new Tally()]))
    for await (const feedback of store.feedback.each('anyone', { unused: true })) {
      const about = new Set(
        feedback.answers.flatMap((answer) => (answer.model === undefined ? [] : [answer.model])),
      )
      for (const [name, tally] of said) if (about.size === 0 || about.has(name)) tally.add(feedback)
    }
    const models = decoders.map(({ name, live }) => {
      const running = items.find((round) => round.model === name && round.state === 'running')
      return {
        model: name,
        ...(live === undefined ? {} : { live }),
        ...said.get(name)!.view(),
        ...(running ? { running: running.id } : {}),
      }
    })
    return c.json({ models, rounds: items.map(shown) }, 200)
  })

  router.openapi(startRoute, async (c) => {
    const { model, preset, replay, seed, threads } = c.req.valid('json')
    const runs = runsOf(context)
    if (!(await store.models.find(model)))
      throw new ApiError(404, `there is no model ${model}`, { param: 'model', code: 'model_not_found' })
    const { items } = await store.rounds.list({ limit: 100, model })
    const running = items.find(({ state }) => state === 'running')
    if (running)
      throw new ApiError(
        409,
        `a round of ${model} is not finished (${running.id}); go on with its run, or give it up`,
        {
          code: 'round_running',
        },
      )
    const taken = new Set((await runs.list()).map(({ name }) => name))
    let number = items.length + 1
    while (taken.has(`next-${number}`)) number++
    const name = `next-${number}`
    const dir = runs.workspace.roots.runs
    const args = [
      ...databaseFlag(context),
      `--model=${model}`,
      `--out=${dir}/${name}`,
      ...(preset === undefined ? [] : [`--preset=${preset}`]),
      ...(replay === undefined ? [] : [`--replay=${await runs.workspace.resolve(replay, 'replay')}`]),
      ...(seed === undefined ? [] : [`--seed=${seed}`]),
      ...(threads === undefined ? [] : [`--threads=${threads}`]),
    ]
    const job: Job = {
      stage: 'next',
      name,
      args,
      // The same command goes on with a round.
      resumeArgs: args,
      resumeWhen: 'journal.json',
      settings: {
        model,
        ...(preset === undefined ? {} : { preset }),
        ...(seed === undefined ? {} : { seed }),
      },
      user: c.get('caller').user,
    }
    const run = await runs.begin(job)
    await audit(context, c, 'round.start', run.id, { model, name })
    return c.json({ id: run.id, name: run.name, state: run.state, dir: run.dir }, 200)
  })
  return router
}

/** Where the child finds the database. A password never stands on a command line, where others of the machine can read it. */
function databaseFlag({ config, store }: ServeContext): string[] {
  if (process.env.ATHANOR_DATABASE === config.database) return []
  if (config.database.startsWith(':memory:'))
    throw badRequest('this server keeps its database in memory; a round needs one in a file or PostgreSQL')
  if (store.url !== config.database && /^postgres/.test(config.database))
    throw new ApiError(
      409,
      'the database has a password, which a run can only be told by the environment; start the server with ATHANOR_DATABASE',
      { code: 'database_password' },
    )
  return [`--database=${config.database}`]
}

function shown({ id, model, from, to, state, run, counts, result, error, created, ended }: Round) {
  const optional = { from, to, run, counts, result, error, ended }
  const there = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined))
  return { id, model, state, created, ...there } as z.output<typeof roundSchema>
}

/** How much was said, counted without reading it. */
class Tally {
  readonly #kinds = { thumb: 0, ranking: 0, correction: 0, rubric: 0 }
  readonly #people = new Set<string>()
  readonly #questions = new Set<string>()
  #comparisons = 0

  add({ kind, value, labeler, prompt }: Feedback): void {
    this.#kinds[kind]++
    this.#people.add(labeler)
    this.#questions.add(JSON.stringify(prompt.map(({ content }) => content)))
    if (kind === 'ranking')
      this.#comparisons += value.reduce(
        (sum, a, i) => sum + value.slice(i + 1).filter((b) => b !== a).length,
        0,
      )
    else if (kind !== 'rubric') this.#comparisons++
  }

  view() {
    const have = {
      comparisons: this.#comparisons,
      people: this.#people.size,
      questions: this.#questions.size,
    }
    const { thumb, ranking, correction, rubric } = this.#kinds
    return {
      feedback: thumb + ranking + correction + rubric,
      kinds: { ...this.#kinds },
      have,
      need: { ...NEEDED },
      enough:
        have.comparisons >= NEEDED.comparisons &&
        have.people >= NEEDED.people &&
        have.questions >= NEEDED.questions,
    }
  }
}
