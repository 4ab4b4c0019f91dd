/** The whole store as a file of JSON Lines, out and in. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { EXPORTED_TABLES } from '../../store/index.js'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { badRequest, errorResponses } from '../errors.js'
import { answers } from '../routes.js'
import { audit } from './answers.js'
import { timeSchema } from './record-schemas.js'

const tags = ['Data of people']

const exportRoute = createRoute({
  method: 'get',
  path: '/api/export',
  tags,
  summary: 'Everything as JSON Lines',
  description:
    'Keys are there as hashes only. A file that breaks off lacks its last line, and is not imported.',
  request: {
    query: z.object({
      only: z
        .string()
        .max(1000)
        .optional()
        .openapi({
          description: `Kinds of records with commas between them: ${EXPORTED_TABLES.join(', ')}.`,
        }),
      since: timeSchema.optional(),
    }),
  },
  responses: {
    200: { description: 'The records.', content: { 'application/x-ndjson': { schema: z.string() } } },
    ...errorResponses,
  },
})

const importRoute = createRoute({
  method: 'post',
  path: '/api/import',
  tags,
  summary: 'Add what an export holds',
  description:
    'Everything is checked first; one wrong line, and nothing is added. Records that are there stay as they are, so the same file may come twice.',
  request: {
    body: {
      required: true,
      content: { 'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) } },
    },
  },
  responses: answers(
    z.object({ added: z.record(z.string(), z.int()), known: z.record(z.string(), z.int()) }),
    'How many records of each kind came, and how many were there.',
  ),
})

export function transferRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const { store, clock } = context
  const router = createRouter()
  router.use('/api/export', requireScope('admin'))
  router.use('/api/import', requireScope('admin'))

  router.openapi(exportRoute, async (c) => {
    const { only, since } = c.req.valid('query')
    const kinds = only?.split(',').map((kind) => kind.trim())
    const lines = store
      .export({
        ...(kinds === undefined ? {} : { only: kinds }),
        ...(since === undefined ? {} : { since }),
      })
      [Symbol.asyncIterator]()
    // What is wrong with the request shows at the first line, while the answer can still say so.
    const first = await lines.next()
    await audit(context, c, 'store.export', only ?? 'everything')
    const day = new Date(clock.now()).toISOString().slice(0, 10)
    return c.body(toStream(first, lines), 200, {
      'content-type': 'application/x-ndjson',
      'content-disposition': `attachment; filename="athanor-${day}.jsonl"`,
      'cache-control': 'no-store',
      // The types of routes know JSON and text, not what lies between.
    }) as never
  })

  router.openapi(importRoute, async (c) => {
    const { body } = c.req.raw
    const type = c.req.header('content-type') ?? ''
    if (!body || !type.startsWith('application/octet-stream'))
      throw badRequest('send the file as the body, with Content-Type: application/octet-stream')
    const { added, known } = await store.import(body)
    await audit(context, c, 'store.import', 'a file', { added, known })
    return c.json({ added: { ...added }, known: { ...known } }, 200)
  })

  return router
}

/** Lines as the client reads them. */
function toStream(first: IteratorResult<string>, lines: AsyncIterator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let pending: IteratorResult<string> | undefined = first
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = pending ?? (await lines.next())
        pending = undefined
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      },
      cancel: async () => void (await lines.return?.()),
    },
    { highWaterMark: 0 },
  )
}
