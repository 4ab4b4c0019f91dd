/** GET /health for whoever keeps the server alive, GET /metrics for Prometheus. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { requireScope } from './auth.js'
import { createRouter, type ServeContext, type ServeEnv } from './context.js'
import { errorResponses } from './errors.js'

const healthSchema = z
  .object({
    status: z.enum(['ok', 'loading', 'failing']),
    models: z.record(z.string(), z.enum(['idle', 'loading', 'ready', 'failed'])),
    message: z.string().optional(),
  })
  .openapi('Health')

const healthRoute = createRoute({
  method: 'get',
  path: '/health',
  tags: ['Server'],
  summary: 'Whether the server can answer',
  responses: {
    200: { description: 'It can.', content: { 'application/json': { schema: healthSchema } } },
    503: {
      description: 'Models are loading, or the database does not answer.',
      content: { 'application/json': { schema: healthSchema } },
    },
  },
})

const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  tags: ['Server'],
  summary: 'Numbers for Prometheus',
  responses: {
    200: { description: 'In its text format.', content: { 'text/plain': { schema: z.string() } } },
    ...errorResponses,
  },
})

export function healthRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const { engine, store, metrics } = context
  const router = createRouter()
  router.openapi(healthRoute, async (c) => {
    const models = Object.fromEntries(engine.models().map(({ id, state }) => [id, state]))
    c.header('cache-control', 'no-store')
    try {
      await store.ping()
    } catch {
      return c.json({ status: 'failing' as const, models, message: 'the database does not answer' }, 503)
    }
    if (context.startup.state === 'loading') return c.json({ status: 'loading' as const, models }, 503)
    return c.json({ status: 'ok' as const, models }, 200)
  })
  router.use('/metrics', requireScope('admin'))
  return router.openapi(metricsRoute, async (c) => {
    return c.body(await metrics.registry.metrics(), 200, {
      'content-type': metrics.registry.contentType,
    }) as never
  })
}
