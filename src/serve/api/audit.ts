/** Who changed what. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { answers } from '../routes.js'
import { nameSchema, pageOf, pageQuery } from './record-schemas.js'

const route = createRoute({
  method: 'get',
  path: '/api/audit',
  tags: ['Keys and usage'],
  summary: 'The audit log, newest first',
  request: {
    query: z.object({ ...pageQuery, action: nameSchema.optional(), user: nameSchema.optional() }),
  },
  responses: answers(
    pageOf(
      z
        .object({
          id: z.string(),
          user: z.string(),
          key: z.string().optional(),
          action: z.string().openapi({ description: 'As key.create or model.promote.' }),
          target: z.string().optional(),
          details: z.record(z.string(), z.unknown()).readonly().optional(),
          request: z.string().optional(),
          created: z.number(),
        })
        .openapi('AuditEntry'),
    ),
    'A page.',
  ),
})

export function auditRoutes({ store }: ServeContext): OpenAPIHono<ServeEnv> {
  const router = createRouter()
  router.use('/api/audit', requireScope('admin'))
  return router.openapi(route, async (c) => c.json(await store.audit.list(c.req.valid('query')), 200))
}
