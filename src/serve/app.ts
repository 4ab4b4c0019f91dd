/** The routes of the server, and what every request passes through. */
import { randomUUID } from 'node:crypto'
import type { OpenAPIHono } from '@hono/zod-openapi'
import { HTTPException } from 'hono/http-exception'
import type { ServeContext, ServeEnv } from './context.js'
import { createRouter } from './context.js'
import { ApiError, toApiError } from './errors.js'

export function createApp(context: ServeContext): OpenAPIHono<ServeEnv> {
  const app = createRouter()
  app.use(async (c, next) => {
    const requestId = `req_${randomUUID().replaceAll('-', '')}`
    c.set('requestId', requestId)
    c.set('log', context.log.child({ requestId }))
    c.set('facts', {})
    c.header('x-request-id', requestId)
    await next()
  })
  // Routers, one line each: app.route('/', xRoutes(context))

  app.notFound((c) => {
    throw new ApiError(404, `there is no ${c.req.method} ${c.req.path}`, { code: 'unknown_url' })
  })
  app.onError((error, c) => {
    const known =
      error instanceof HTTPException
        ? new ApiError(error.status as ApiError['status'], error.message)
        : toApiError(error)
    if (known.status >= 500) c.get('log').error({ err: error }, known.message)
    for (const [name, value] of Object.entries(known.headers)) c.header(name, value)
    return c.json(known.toJSON(), known.status)
  })
  return app
}
