import type { z } from 'zod'
import { OptimError } from './errors.js'

/** Options checked against a schema, with its defaults filled in. @throws OptimError naming the field that is wrong */
export function parseOptions<S extends z.ZodType>(name: string, schema: S, options: unknown): z.output<S> {
  const parsed = schema.safeParse(options)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const field = issue?.path.join('.') ?? ''
  throw new OptimError('config', `${name}${field && `: '${field}'`}: ${issue?.message ?? 'not valid'}`)
}
