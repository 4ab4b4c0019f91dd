/** Who may do what: API keys, scopes, and what protects a server without keys from other web pages. */
import { createHash, randomBytes } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import type { Caller, Scope, ServeEnv } from './context.js'
import { ApiError } from './errors.js'

export const SCOPES = ['chat', 'feedback', 'admin'] as const satisfies readonly Scope[]

/** The person at the machine, where no key exists. */
export const localCaller: Caller = { user: 'local', scopes: SCOPES }

/** 256 random bits; what it begins with lets a scanner of secrets find it. */
export function createKeySecret(): string {
  return `ath_${randomBytes(32).toString('base64url')}`
}

/** What is kept of a key. A random key cannot be guessed, so a fast hash without salt hides it. */
export function hashKey(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** Lets only callers with a scope through; `admin` has them all. */
export function requireScope(scope: Scope): MiddlewareHandler<ServeEnv> {
  return async (c, next) => {
    const { scopes } = c.get('caller')
    if (!scopes.includes(scope) && !scopes.includes('admin'))
      throw new ApiError(403, `this API key has no scope ${scope}; it has ${scopes.join(', ') || 'none'}`, {
        code: 'insufficient_scope',
      })
    await next()
  }
}
