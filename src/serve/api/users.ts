/** Everybody of whom something is kept, and the end of that. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { checkScope, requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { answers } from '../routes.js'
import { nameSchema } from './record-schemas.js'

const tags = ['Data of people']

const listRoute = createRoute({
  method: 'get',
  path: '/api/users',
  tags,
  summary: 'Users of whom something is kept',
  responses: answers(z.object({ users: z.array(z.string()) }), 'By name.'),
})

const removeRoute = createRoute({
  method: 'delete',
  path: '/api/users/{user}',
  tags,
  summary: 'Delete everything of a user',
  description:
    'Conversations, feedback by them and on their words, judgements, documents, keys, usage. An admin may, and users themselves.',
  request: { params: z.object({ user: nameSchema }) },
  responses: answers(z.object({ deleted: z.record(z.string(), z.int()) }), 'What is gone, by kind.'),
})

export function userRoutes({ store }: ServeContext): OpenAPIHono<ServeEnv> {
  const router = createRouter()
  router.use('/api/users', requireScope('admin'))
  router.openapi(listRoute, async (c) => c.json({ users: await store.users.list() }, 200))

  router.openapi(removeRoute, async (c) => {
    const { user } = c.req.valid('param')
    const caller = c.get('caller')
    if (caller.user !== user) checkScope(caller, 'admin')
    const deleted = await store.transaction(async (inside) => {
      const counts = await inside.users.remove(user)
      // That it was done stays, not whose it was: a hash would tell it to whoever guesses the name.
      const by = caller.user === user ? '' : caller.user
      await inside.audit.add({
        user: by,
        action: 'user.delete',
        target: 'a user',
        details: counts,
        request: c.get('requestId'),
      })
      return counts
    })
    return c.json({ deleted: { ...deleted } }, 200)
  })

  return router
}
