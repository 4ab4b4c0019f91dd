/** What handlers of the studio's routes share. */
import type { Context } from 'hono'
import type { ServeContext, ServeEnv } from '../context.js'
import { ApiError } from '../errors.js'
import type { RunManager } from '../runs/index.js'

/** @throws ApiError 503 on a server that runs no training */
export function runsOf({ runs }: Pick<ServeContext, 'runs'>): RunManager {
  if (runs) return runs
  throw new ApiError(503, 'this server runs no training', { code: 'no_runs' })
}

/** Writes into the audit log who did what to which. */
export async function audit(
  { store }: Pick<ServeContext, 'store'>,
  c: Context<ServeEnv>,
  action: string,
  target: string,
  details?: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { user, key } = c.get('caller')
  await store.audit.add({
    user,
    ...(key === undefined ? {} : { key }),
    action,
    target,
    ...(details ? { details } : {}),
    request: c.get('requestId'),
  })
}
