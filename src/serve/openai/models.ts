/** GET /v1/models and GET /v1/models/{id} */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { resolveModel } from '../live-models.js'
import { answers } from '../routes.js'

const modelSchema = z
  .object({
    id: z.string(),
    object: z.literal('model'),
    created: z.int(),
    owned_by: z.string(),
    version: z.string().openapi({ description: 'The live one.' }),
    kind: z.enum(['decoder', 'reward']),
    state: z.enum(['idle', 'loading', 'ready', 'failed']),
    max_model_len: z.int().optional().openapi({ description: 'Tokens of the context.' }),
  })
  .openapi('Model')
type ApiModel = z.infer<typeof modelSchema>

const listRoute = createRoute({
  method: 'get',
  path: '/v1/models',
  tags: ['OpenAI'],
  summary: 'The models that can be asked',
  responses: answers(
    z.object({ object: z.literal('list'), data: z.array(modelSchema) }).openapi('Models'),
    'All of them.',
  ),
})

const getRoute = createRoute({
  method: 'get',
  path: '/v1/models/{id}',
  tags: ['OpenAI'],
  summary: 'One model',
  request: { params: z.object({ id: z.string().min(1).max(256) }) },
  responses: answers(modelSchema, 'The model.'),
})

export function modelRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const { store } = context
  const router = createRouter()
  router.use('/v1/models/*', requireScope('chat'))
  router.openapi(listRoute, async (c) => {
    const names = (await store.models.list()).filter(({ live }) => live !== undefined)
    const data = await Promise.all(
      names.map(async ({ name, live, created }) => {
        const { kind, version } = await store.models.version(name, live!)
        return describe(context, name, version, kind, created)
      }),
    )
    return c.json({ object: 'list' as const, data }, 200)
  })
  return router.openapi(getRoute, async (c) => {
    const { id } = c.req.valid('param')
    const { name, version, kind } = await resolveModel(context, id)
    const { created } = await store.models.get(name)
    return c.json(describe(context, id, version, kind, created), 200)
  })
}

function describe(
  { engine }: ServeContext,
  id: string,
  version: string,
  kind: 'decoder' | 'reward',
  created: number,
): ApiModel {
  const loaded = engine.models().find((each) => each.version === version)
  return {
    id,
    object: 'model',
    created: Math.floor(created / 1000),
    owned_by: 'athanor',
    version,
    kind,
    state: loaded?.state ?? 'idle',
    ...(loaded?.contextLength === undefined ? {} : { max_model_len: loaded.contextLength }),
  }
}
