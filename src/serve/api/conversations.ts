/** Conversations that were kept: found, read with all their branches, renamed, deleted. Each is only its user's (and an admin's). */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { answers, reads } from '../routes.js'
import { audit } from './answers.js'
import {
  accessOf,
  accessTo,
  conversationSchema,
  idSchema,
  messageSchema,
  nameSchema,
  pageOf,
  pageQuery,
} from './record-schemas.js'

const tags = ['Conversations']
const params = z.object({ id: idSchema })
const title = z.string().max(1000)
const settings = z.record(z.string(), z.unknown())

const listRoute = createRoute({
  method: 'get',
  path: '/api/conversations',
  tags,
  summary: 'One’s conversations, newest change first',
  request: {
    query: z.object({
      ...pageQuery,
      q: z.string().max(500).optional().openapi({ description: 'A text in titles and messages.' }),
      user: nameSchema.optional().openapi({ description: 'For admins: somebody else’s; "*": everybody’s.' }),
    }),
  },
  responses: answers(pageOf(conversationSchema), 'A page.'),
})

const newRoute = createRoute({
  method: 'post',
  path: '/api/conversations',
  tags,
  summary: 'Begin a conversation',
  description: 'Chat requests with store: true begin one by themselves.',
  request: {
    body: reads(
      z.strictObject({
        title: title.optional(),
        model: nameSchema.optional(),
        preset: nameSchema.optional(),
        collection: nameSchema.optional(),
        settings: settings.optional(),
      }),
    ),
  },
  responses: answers(conversationSchema, 'The conversation.'),
})

const getRoute = createRoute({
  method: 'get',
  path: '/api/conversations/{id}',
  tags,
  summary: 'A conversation with its messages',
  description: 'Messages are oldest first and form a tree by `parent`.',
  request: { params },
  responses: answers(
    conversationSchema.extend({ messages: z.array(messageSchema).readonly() }),
    'The conversation.',
  ),
})

const changeRoute = createRoute({
  method: 'patch',
  path: '/api/conversations/{id}',
  tags,
  summary: 'Rename a conversation, or change what it asks',
  request: {
    params,
    body: reads(
      z.strictObject({
        title: title.optional(),
        model: nameSchema.nullish(),
        preset: nameSchema.nullish(),
        collection: nameSchema.nullish(),
        settings: settings.nullish(),
      }),
    ),
  },
  responses: answers(conversationSchema, 'The conversation.'),
})

const removeRoute = createRoute({
  method: 'delete',
  path: '/api/conversations/{id}',
  tags,
  summary: 'Delete a conversation, with its messages and the feedback on them',
  request: { params },
  responses: answers(z.object({ deleted: z.boolean() }), 'It is gone.'),
})

export function conversationRoutes({ store }: ServeContext): OpenAPIHono<ServeEnv> {
  const router = createRouter()
  router.use('/api/conversations', requireScope('chat'))
  router.use('/api/conversations/*', requireScope('chat'))

  router.openapi(listRoute, async (c) => {
    const { user, ...query } = c.req.valid('query')
    // An admin, too, first of all sees what is their own.
    const access = user === '*' ? accessTo(c, undefined) : accessTo(c, user ?? c.get('caller').user)
    return c.json(await store.conversations.list(access, query), 200)
  })

  router.openapi(newRoute, async (c) => {
    const { user } = c.get('caller')
    return c.json(await store.conversations.create({ ...c.req.valid('json'), user }), 200)
  })

  router.openapi(getRoute, async (c) => {
    const { id } = c.req.valid('param')
    const access = accessOf(c)
    const conversation = await store.conversations.get(id, access)
    return c.json({ ...conversation, messages: await store.messages.list(id, access) }, 200)
  })

  router.openapi(changeRoute, async (c) => {
    const { id } = c.req.valid('param')
    return c.json(await store.conversations.update(id, c.req.valid('json'), accessOf(c)), 200)
  })

  router.openapi(removeRoute, async (c) => {
    const { id } = c.req.valid('param')
    await store.conversations.remove(id, accessOf(c))
    await audit({ store }, c, 'conversation.delete', id)
    return c.json({ deleted: true }, 200)
  })

  return router
}
