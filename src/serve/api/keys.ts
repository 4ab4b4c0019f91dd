/** API keys: made, listed, revoked. A secret is told once and never stored. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { type ApiKey, keyState, SCOPES } from '../../store/index.js'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { badRequest } from '../errors.js'
import { answers, reads } from '../routes.js'
import { audit } from './answers.js'
import { idSchema, nameSchema } from './record-schemas.js'

const tags = ['Keys and usage']
const count = z.int().min(1)
const limits = z.strictObject({
  requestsPerMinute: count.optional(),
  tokensPerMinute: count.optional(),
  tokensPerDay: count.optional(),
})

const keySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    user: z.string(),
    scopes: z.array(z.enum(SCOPES)).readonly(),
    hint: z.string().openapi({ description: 'How the secret begins.' }),
    limits: limits.optional(),
    created: z.number(),
    expires: z.number().optional(),
    revoked: z.number().optional(),
    lastUsed: z.number().optional().openapi({ description: 'To the minute.' }),
    state: z.enum(['valid', 'revoked', 'expired']),
  })
  .openapi('ApiKey')

const listRoute = createRoute({
  method: 'get',
  path: '/api/keys',
  tags,
  summary: 'All API keys, oldest first',
  responses: answers(z.object({ items: z.array(keySchema) }), 'The keys, without their secrets.'),
})

const newRoute = createRoute({
  method: 'post',
  path: '/api/keys',
  tags,
  summary: 'Make an API key',
  request: {
    body: reads(
      z.strictObject({
        name: nameSchema,
        user: nameSchema.optional().openapi({ description: 'Default: the name.' }),
        scopes: z
          .array(z.enum(SCOPES))
          .min(1)
          .optional()
          .openapi({ description: 'Default: chat and feedback.' }),
        expires: z.int().optional().openapi({ description: 'Milliseconds since 1970.' }),
        limits: limits.optional(),
      }),
    ),
  },
  responses: answers(keySchema.extend({ secret: z.string() }), 'The key; its secret is shown this once.'),
})

const revokeRoute = createRoute({
  method: 'delete',
  path: '/api/keys/{id}',
  tags,
  summary: 'End an API key at once',
  request: { params: z.object({ id: idSchema }) },
  responses: answers(keySchema, 'The key.'),
})

export function keyRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const { store, clock } = context
  const router = createRouter()
  router.use('/api/keys', requireScope('admin'))
  router.use('/api/keys/*', requireScope('admin'))
  const shown = (key: ApiKey) => ({ ...key, state: keyState(key, clock.now()) })

  router.openapi(listRoute, async (c) => c.json({ items: (await store.keys.list()).map(shown) }, 200))

  router.openapi(newRoute, async (c) => {
    const { name, user = name, scopes = ['chat', 'feedback'], expires, limits } = c.req.valid('json')
    if (expires !== undefined && expires <= clock.now()) throw badRequest('this time has passed', 'expires')
    const { key, secret } = await store.keys.create({
      name,
      user,
      scopes: [...new Set(scopes)],
      ...(expires === undefined ? {} : { expires }),
      ...(limits === undefined ? {} : { limits }),
    })
    await audit(context, c, 'key.create', key.id, { scopes })
    c.header('cache-control', 'no-store')
    return c.json({ ...shown(key), secret }, 200)
  })

  router.openapi(revokeRoute, async (c) => {
    const { id } = c.req.valid('param')
    const key = await store.keys.revoke(id)
    await audit(context, c, 'key.revoke', id)
    return c.json(shown(key), 200)
  })

  return router
}
