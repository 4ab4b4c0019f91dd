/** Who may do what: API keys and their scopes. */
import type { MiddlewareHandler } from 'hono'
import { type ApiKey, keyState, SCOPES, type Scope } from '../store/index.js'
import type { Caller, ServeContext, ServeEnv } from './context.js'
import { ApiError } from './errors.js'

/** The person at the machine, where nobody needs a key. */
const localCaller: Caller = { user: 'local', scopes: SCOPES }
/** Someone without a key where one is needed: may see what is public. */
const anonymous: Caller = { user: '', scopes: [] }

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)

/**
 * Whether callers need a key: always where others than this machine can connect, and everywhere once there is an admin key. Revoked
 * and expired ones count: a server never opens by itself. One on loopback stays open while it has keys for programs only, or making
 * one would lock its owner out of the studio.
 */
export async function isKeyNeeded({
  store,
  config,
}: Pick<ServeContext, 'store' | 'config'>): Promise<boolean> {
  if (!isLoopback(config.host)) return true
  return (await store.keys.list()).some(({ scopes }) => scopes.includes('admin'))
}

/** Finds out who is calling; a key that is given must be right, whether one is needed or not. */
export function authenticate(context: ServeContext): MiddlewareHandler<ServeEnv> {
  const { store, clock } = context
  // An admin key never goes away again: the question is asked until there is one, and then no more.
  let [needed, asked] = [false, 0]
  const isNeeded = async () => {
    if (!needed && clock.now() - asked >= ASK_AGAIN) {
      needed = await isKeyNeeded(context)
      asked = clock.now()
    }
    return needed
  }
  return async (c, next) => {
    const secret = secretOf(c.req.header('authorization'), c.req.header('x-api-key'))
    if (secret === undefined) {
      c.set('caller', (await isNeeded()) ? anonymous : localCaller)
      return next()
    }
    const key = await store.keys.find(secret)
    if (key !== undefined) {
      checkState(key, clock.now())
      if ((key.lastUsed ?? 0) < clock.now() - MINUTE) {
        // Only for the list of keys: on a full disk, whoever has a key can still read.
        await store.keys.touch(key.id).catch((error: unknown) => {
          c.get('log').warn({ err: error, key: key.id }, 'the last use of a key could not be written down')
        })
      }
      const { id, user, scopes, limits } = key
      c.set('caller', { key: id, user, scopes, ...(limits === undefined ? {} : { limits }) })
      return next()
    }
    // OpenAI's clients send some key or other even where there is none: it means nothing as long as nobody needs one.
    if ((await isNeeded()) || looksLikeKey(secret)) {
      throw new ApiError(401, 'this API key is not known here; make one with athanor keys create', {
        code: 'invalid_api_key',
      })
    }
    c.set('caller', localCaller)
    return next()
  }
}

/** Lets only callers with a scope through; `admin` has them all. */
export function requireScope(scope: Scope): MiddlewareHandler<ServeEnv> {
  return async (c, next) => {
    checkScope(c.get('caller'), scope)
    await next()
  }
}

/** @throws ApiError 401 without a key where one is needed, 403 where it lacks the scope */
export function checkScope(caller: Caller, scope: Scope): void {
  const { scopes } = caller
  if (caller === anonymous) throw missingKey()
  if (!scopes.includes(scope) && !scopes.includes('admin')) {
    throw new ApiError(403, `this API key does not have the scope ${scope}; it has ${scopes.join(', ')}`, {
      code: 'insufficient_scope',
    })
  }
}

/** Lets everyone through who is somebody: what a router forgets to ask, is still not open. */
export const requireCaller: MiddlewareHandler<ServeEnv> = async (c, next) => {
  if (c.get('caller') === anonymous) throw missingKey()
  await next()
}

const missingKey = () =>
  new ApiError(401, 'this server needs an API key: Authorization: Bearer ath_…', {
    code: 'missing_api_key',
    headers: { 'www-authenticate': 'Bearer' },
  })

function checkState(key: ApiKey, now: number): void {
  const state = keyState(key, now)
  if (state === 'valid') return
  const when = new Date(state === 'revoked' ? key.revoked! : key.expires!).toISOString()
  throw new ApiError(
    401,
    `the API key ${key.id} ${state === 'revoked' ? 'was revoked' : 'expired'} on ${when}`,
    {
      code: `${state}_api_key`,
    },
  )
}

const MINUTE = 60_000
/** Milliseconds until a first admin key, made by another process, is noticed. */
const ASK_AGAIN = 1000
const MAX_SECRET = 512

function secretOf(authorization: string | undefined, apiKey: string | undefined): string | undefined {
  return (apiKey ?? /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1])?.slice(0, MAX_SECRET)
}

/** As the store makes them. */
const looksLikeKey = (secret: string) => secret.startsWith('ath_')
