/** GET /api/session: what the studio asks first. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { isKeyNeeded } from './auth.js'
import { createRouter, type ServeContext, type ServeEnv } from './context.js'
import { errorResponses } from './errors.js'

const sessionSchema = z
  .object({
    version: z.string(),
    authRequired: z.boolean().openapi({ description: 'Without a key nothing else will be answered.' }),
    user: z.string().optional(),
    scopes: z.array(z.enum(['chat', 'feedback', 'admin'])),
    models: z.array(
      z.object({
        name: z.string(),
        live: z.string().optional(),
        kind: z.enum(['decoder', 'reward']),
        state: z.enum(['idle', 'loading', 'ready', 'failed']),
      }),
    ),
    live: z.string().optional().openapi({ description: 'The model that a new conversation asks.' }),
    start: z
      .object({
        state: z.enum(['running', 'done', 'failed']),
        run: z.string().optional(),
        message: z.string().optional(),
      })
      .optional()
      .openapi({ description: 'The speedrun that npm start began.' }),
  })
  .openapi('Session')
type Session = z.infer<typeof sessionSchema>

const route = createRoute({
  method: 'get',
  path: '/api/session',
  tags: ['Studio'],
  summary: 'Who is calling, and what there is',
  responses: {
    200: { description: 'The session.', content: { 'application/json': { schema: sessionSchema } } },
    ...errorResponses,
  },
})

export function sessionRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  return createRouter().openapi(route, async (c) => {
    const { user, scopes } = c.get('caller')
    c.header('cache-control', 'no-store')
    const base = { version: context.version, authRequired: await isKeyNeeded(context), scopes: [...scopes] }
    // Someone without a key learns that one is needed, and nothing else.
    if (scopes.length === 0) return c.json({ ...base, models: [] }, 200)
    const models = await listModels(context)
    const live = context.startup.model ?? models.find(({ kind }) => kind === 'decoder')?.name
    const start = context.startup.start?.()
    return c.json(
      {
        ...base,
        user,
        models,
        ...(live === undefined ? {} : { live }),
        ...(start === undefined ? {} : { start }),
      },
      200,
    )
  })
}

async function listModels({ store, engine }: ServeContext): Promise<Session['models']> {
  const names = await store.models.list()
  const models = await Promise.all(
    names.map(async ({ name, live }) => {
      if (live === undefined) return []
      const { kind } = await store.models.version(name, live)
      const state = engine.models().find(({ version }) => version === live)?.state ?? ('idle' as const)
      return [{ name, live, kind, state }]
    }),
  )
  return models.flat()
}
