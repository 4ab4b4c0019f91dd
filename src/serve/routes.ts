/** What the descriptions of routes are made of. */
import type { z } from '@hono/zod-openapi'
import { errorResponses } from './errors.js'

/** `responses` of a route that answers in JSON. */
export const answers = <S extends z.ZodType>(schema: S, description: string) => ({
  200: { description, content: { 'application/json': { schema } } },
  ...errorResponses,
})

/** `responses` of a route that answers in JSON or, with `stream: true`, in events. */
export const streams = <S extends z.ZodType, E extends z.ZodType>(
  schema: S,
  event: E,
  description: string,
) => ({
  200: {
    description: `${description}; with stream: true as events, the last of which is [DONE].`,
    content: { 'application/json': { schema }, 'text/event-stream': { schema: event } },
  },
  ...errorResponses,
})

/** `request.body` of a route that reads JSON. */
export const reads = <S extends z.ZodType>(schema: S) => ({
  required: true,
  content: { 'application/json': { schema } },
})
