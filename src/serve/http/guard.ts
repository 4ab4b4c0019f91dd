/**
 * What keeps web pages of others away from a server on this machine. A page can send requests to localhost, and with DNS rebinding even
 * read the answers; it cannot choose the headers Host and Origin.
 */
import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { isLoopback } from '../auth.js'
import type { ServeConfig } from '../config.js'
import type { ServeEnv } from '../context.js'
import { ApiError } from '../errors.js'
import { RATE_LIMIT_HEADERS } from '../limits.js'

type GuardConfig = Pick<ServeConfig, 'host' | 'allowedHosts' | 'corsOrigins' | 'publicUrl'>

const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Refuses foreign host names on loopback, and changes that pages of other origins ask for. */
export function guard({
  host,
  allowedHosts,
  corsOrigins,
  publicUrl,
}: GuardConfig): MiddlewareHandler<ServeEnv> {
  const names = new Set(allowedHosts.map((name) => name.toLowerCase()))
  const publicOrigin = publicUrl === undefined ? undefined : new URL(publicUrl)
  if (publicOrigin) names.add(publicOrigin.hostname)
  const isForeign = (origin: string, hostHeader: string) => {
    if (corsOrigins.includes('*') || corsOrigins.includes(origin)) return false
    const own = URL.canParse(origin) ? new URL(origin).host : undefined
    return own !== hostHeader.toLowerCase() && origin !== publicOrigin?.origin
  }
  return async (c, next) => {
    const header = c.req.header('host') ?? ''
    const name = header.toLowerCase().replace(/:\d+$/, '')
    if (isLoopback(host) && !isLoopback(name) && !names.has(name)) {
      throw new ApiError(
        403,
        `this server is for this machine and does not answer to the name ${name.slice(0, 100)}; the setting allowedHosts adds names`,
        { code: 'host_not_allowed' },
      )
    }
    const origin = c.req.header('origin')
    if (origin !== undefined && !safe.has(c.req.method) && isForeign(origin, header)) {
      throw new ApiError(
        403,
        `pages of ${origin.slice(0, 100)} may not use this server; the setting corsOrigins allows them`,
        { code: 'origin_not_allowed' },
      )
    }
    await next()
  }
}

/** Lets pages of the configured origins call the API. Nothing is said to others, so that browsers keep answers from them. */
export function corsFor({ corsOrigins }: GuardConfig): MiddlewareHandler<ServeEnv> {
  return cors({
    origin: corsOrigins.includes('*') ? '*' : [...corsOrigins],
    allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposeHeaders: ['x-request-id', 'x-conversation-id', 'x-parent-id', 'retry-after', ...RATE_LIMIT_HEADERS],
    maxAge: 600,
  })
}
