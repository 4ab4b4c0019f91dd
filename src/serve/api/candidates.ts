/** Several answers to one prompt, from several models or samples, in an order that says nothing of where they come from. */
import { randomInt } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Comparison } from '../../store/index.js'
import type { ChatMessage } from '../../text/index.js'
import type { ServeContext, ServeEnv } from '../context.js'
import { badRequest } from '../errors.js'
import { resolveModel } from '../live-models.js'
import { generate } from '../openai/generation.js'
import { present } from '../openai/requests.js'
import { nameSchema } from './record-schemas.js'

/** Tokens of an answer where nobody says otherwise. */
const MAX_TOKENS = 512

export const candidateSchema = z
  .strictObject({
    model: nameSchema.openapi({ description: 'A name, or name@version.' }),
    temperature: z.number().min(0).max(2).optional(),
    top_p: z.number().gt(0).max(1).optional(),
    top_k: z.int().min(0).optional(),
    min_p: z.number().min(0).max(1).optional(),
    repetition_penalty: z.number().gt(0).max(10).optional(),
    max_tokens: z.int().min(1).optional(),
    seed: z.int().min(0).optional(),
  })
  .openapi('Candidate')
export type Candidate = z.infer<typeof candidateSchema>

/** Who answers: `candidates`, or `count` samples of `models` in turn. */
export const candidateFields = {
  candidates: z.array(candidateSchema).min(1).max(9).optional(),
  models: z.array(nameSchema).min(1).max(9).optional(),
  count: z.int().min(1).max(9).optional(),
}

interface CandidateFields {
  readonly candidates?: readonly Candidate[] | undefined
  readonly models?: readonly string[] | undefined
  readonly count?: number | undefined
}

/** @throws ApiError 400 for none, or fewer than `least` */
export function candidatesOf({ candidates, models, count }: CandidateFields, least: number): Candidate[] {
  if ((candidates === undefined) === (models === undefined))
    throw badRequest('give either candidates, or models with a count', 'candidates')
  const all =
    candidates ??
    Array.from({ length: count ?? Math.max(least, models!.length) }, (_, i) => ({
      model: models![i % models!.length]!,
    }))
  if (all.length < least) throw badRequest(`at least ${least} answers are needed`, 'candidates')
  return [...all]
}

/** Asks all at once, and shuffles. */
export async function answersOf(
  context: ServeContext,
  c: Context<ServeEnv>,
  messages: readonly ChatMessage[],
  candidates: readonly Candidate[],
  signal: AbortSignal,
): Promise<Comparison['answers']> {
  const asked = await Promise.all(
    candidates.map(async (candidate) => ({
      candidate,
      model: await resolveModel(context, candidate.model, { kind: 'decoder' }),
    })),
  )
  // One that fails ends the others.
  const controller = new AbortController()
  const both = AbortSignal.any([signal, controller.signal])
  const written = await Promise.all(
    asked.map(async ({ candidate, model }) => {
      const {
        model: _,
        max_tokens = MAX_TOKENS,
        top_p,
        top_k,
        min_p,
        repetition_penalty,
        ...rest
      } = candidate
      const sampling = present({
        ...rest,
        maxTokens: max_tokens,
        topP: top_p,
        topK: top_k === 0 ? undefined : top_k,
        minP: min_p,
        repetitionPenalty: repetition_penalty,
      })
      const fairKey = c.get('caller').key ?? ''
      const request = { ...sampling, model: model.id, prompt: { messages }, fairKey }
      let text = ''
      try {
        const events = generate(context, c, { model, requests: [request], perPrompt: 1, signal: both })
        for await (const [, event] of events) if (event.type === 'text') text += event.text
      } catch (error) {
        controller.abort(error)
        throw error
      }
      return { text, model: model.name, modelVersion: model.version, sampling }
    }),
  )
  for (let i = written.length - 1; i > 0; i--) {
    const j = randomInt(i + 1)
    ;[written[i], written[j]] = [written[j]!, written[i]!]
  }
  return written
}
