/** What was used, by day, key, model or user. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { answers } from '../routes.js'
import { accessTo, idSchema, nameSchema } from './record-schemas.js'

const day = z.iso.date().optional()

const route = createRoute({
  method: 'get',
  path: '/api/usage',
  tags: ['Keys and usage'],
  summary: 'Requests and tokens: everybody’s for admins, one’s own for others',
  request: {
    query: z.object({
      by: z.enum(['day', 'key', 'model', 'user']).default('day'),
      from: day.openapi({ description: 'First day (UTC).' }),
      to: day.openapi({ description: 'Last day (UTC).' }),
      key: idSchema.optional(),
      user: nameSchema.optional(),
    }),
  },
  responses: answers(
    z.object({
      by: z.string(),
      items: z.array(
        z
          .object({
            group: z.string().openapi({ description: 'The day, key, model or user; "" for no key.' }),
            requests: z.int(),
            errors: z.int(),
            promptTokens: z.int(),
            cachedTokens: z.int(),
            completionTokens: z.int(),
          })
          .openapi('UsageSum'),
      ),
    }),
    'Sums.',
  ),
})

export function usageRoutes({ store }: ServeContext): OpenAPIHono<ServeEnv> {
  return createRouter().openapi(route, async (c) => {
    const { user, ...query } = c.req.valid('query')
    const access = accessTo(c, user)
    const items = await store.usage.sum({ ...query, ...(access === 'anyone' ? {} : access) })
    return c.json({ by: query.by, items }, 200)
  })
}
