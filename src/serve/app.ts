/** The routes of the server, and what every request passes through. */
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { routePath } from 'hono/route'
import { auditRoutes } from './api/audit.js'
import { collectionRoutes } from './api/collections.js'
import { compareRoutes } from './api/compare.js'
import { conversationRoutes } from './api/conversations.js'
import { dataRoutes } from './api/data.js'
import { feedbackRoutes } from './api/feedback.js'
import { keyRoutes } from './api/keys.js'
import { labelingRoutes } from './api/labeling.js'
import { registryRoutes } from './api/models.js'
import { nextRoutes } from './api/next.js'
import { presetRoutes } from './api/presets.js'
import { runRoutes } from './api/runs.js'
import { stageRoutes } from './api/stages.js'
import { transferRoutes } from './api/transfer.js'
import { usageRoutes } from './api/usage.js'
import { userRoutes } from './api/users.js'
import { authenticate, requireCaller } from './auth.js'
import { createRouter, type ServeContext, type ServeEnv } from './context.js'
import { docsRoutes } from './docs.js'
import { ApiError, toApiError } from './errors.js'
import { healthRoutes } from './health.js'
import { readBody, wrongMediaType } from './http/body.js'
import { corsFor, guard } from './http/guard.js'
import { chatRoutes } from './openai/chat.js'
import { completionRoutes } from './openai/completions.js'
import { embeddingRoutes } from './openai/embeddings.js'
import { modelRoutes } from './openai/models.js'
import { scoreRoutes } from './openai/score.js'
import { tokenRoutes } from './openai/tokens.js'
import { sessionRoutes } from './session.js'
import { studioRoutes } from './studio.js'

/** Where the build puts the studio, beside the compiled server. */
const studioFolder = fileURLToPath(new URL('../../dist/studio', import.meta.url))

export function createApp(context: ServeContext): OpenAPIHono<ServeEnv> {
  const app = createRouter()
  app.use(observe(context))
  app.use(guard(context.config))
  app.use(corsFor(context.config))
  app.use(authenticate(context))
  app.use(readBody(context.config.limits))
  app.use(endUnread)

  app.route('/', healthRoutes(context))
  app.route('/', sessionRoutes(context))
  // What a router forgets to ask for, is still not for everyone.
  app.use('/api/*', requireCaller)
  app.route('/', modelRoutes(context))
  app.route('/', chatRoutes(context))
  app.route('/', completionRoutes(context))
  app.route('/', embeddingRoutes(context))
  app.route('/', tokenRoutes(context))
  app.route('/', scoreRoutes(context))
  app.route('/', stageRoutes(context))
  app.route('/', runRoutes(context))
  app.route('/', dataRoutes(context))
  app.route('/', registryRoutes(context))
  app.route('/', conversationRoutes(context))
  app.route('/', feedbackRoutes(context))
  app.route('/', compareRoutes(context))
  app.route('/', labelingRoutes(context))
  app.route('/', nextRoutes(context))
  app.route('/', presetRoutes(context))
  app.route('/', collectionRoutes(context))
  app.route('/', keyRoutes(context))
  app.route('/', usageRoutes(context))
  app.route('/', auditRoutes(context))
  app.route('/', userRoutes(context))
  app.route('/', transferRoutes(context))

  app.route('/', docsRoutes(context, app))
  app.route('/', studioRoutes(studioFolder))
  app.notFound((c) => {
    const path = c.req.path.slice(0, 200)
    throw new ApiError(404, `there is no ${c.req.method} ${path}`, { code: 'unknown_url' })
  })
  app.onError(answerError)
  return app
}

function answerError(error: Error, c: Context<ServeEnv>): Response {
  const known = error instanceof HTTPException ? ofFramework(error) : toApiError(error, c.get('asked'))
  if (known.status >= 500) c.get('log').error({ err: error }, known.message)
  for (const [name, value] of Object.entries(known.headers)) c.header(name, value)
  return c.json(known.toJSON(), known.status)
}

/** The body of an answer to HEAD is sent to nobody, and what writes it must not wait for a reader. */
const endUnread: MiddlewareHandler<ServeEnv> = async (c, next) => {
  await next()
  if (c.req.method === 'HEAD') await c.res.body?.cancel()
}

/** What the validators of routes throw by themselves: a body of a kind that they do not read. */
const ofFramework = ({ status, message }: HTTPException): ApiError =>
  status === 415 ? wrongMediaType() : new ApiError(status as ApiError['status'], message)

/** Gives the request its id, and writes a line and the numbers when its answer has ended. Nothing of what it says is written down. */
function observe({ log, metrics, clock }: ServeContext): MiddlewareHandler<ServeEnv> {
  return async (c, next) => {
    const requestId = `req_${randomUUID().replaceAll('-', '')}`
    const began = clock.now()
    const facts = {}
    c.set('requestId', requestId)
    c.set('log', log.child({ requestId }))
    c.set('facts', facts)
    c.header('x-request-id', requestId)
    c.header('x-content-type-options', 'nosniff')
    c.header('referrer-policy', 'no-referrer')
    metrics.active.inc()
    let over = false
    const end = () => {
      if (over) return
      over = true
      const milliseconds = clock.now() - began
      const { method } = c.req
      const { status } = c.res
      // Of the handler that spoke last, as it was registered: what clients make up is never a label.
      const route = routePath(c)
      metrics.active.dec()
      metrics.requests.inc({ method, route, status: String(status) })
      metrics.duration.observe({ route }, milliseconds / 1000)
      const { key } = c.get('caller') ?? {}
      const line = {
        requestId,
        method,
        path: c.req.path.slice(0, 200),
        status,
        ms: Math.round(milliseconds),
        key,
      }
      log.info({ ...line, ...facts }, 'request')
    }
    // In a server the answer ends when its last byte has gone; the routes' last words are said just after.
    const { outgoing } = c.env ?? {}
    outgoing?.once('close', () => setImmediate(end))
    await next()
    if (outgoing === undefined) end()
  }
}
