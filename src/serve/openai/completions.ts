/** POST /v1/completions */
import { randomUUID } from 'node:crypto'
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { GenerationEvent, GenerationRequest, RequestPrompt } from '../../infer/engine/types.js'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { badRequest } from '../errors.js'
import { resolveModel } from '../live-models.js'
import { reads, streams } from '../routes.js'
import { Choice } from './choice.js'
import type { Usage } from './common-schemas.js'
import {
  type Completion,
  type CompletionRequest,
  completionRequestSchema,
  completionSchema,
} from './completion-schemas.js'
import { completionLogprobs, usageOf } from './fields.js'
import { admit, clientController, generate } from './generation.js'
import { atMost, present, samplingOf, seedOf } from './requests.js'
import { streamed } from './streamed.js'

const route = createRoute({
  method: 'post',
  path: '/v1/completions',
  tags: ['OpenAI'],
  summary: 'Go on with a text',
  request: { body: reads(completionRequestSchema) },
  responses: streams(completionSchema, completionSchema, 'The text'),
})

/** OpenAI's. */
const DEFAULT_MAX_TOKENS = 16

export function completionRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const router = createRouter()
  router.use('/v1/completions', requireScope('chat'))
  return router.openapi(route, async (c) => {
    const body = c.req.valid('json')
    await admit(context, c)
    c.set('asked', { prompt: 'prompt' })
    const controller = clientController(c)
    const job = await prepare(context, c, body, controller.signal)
    if (context.config.logPrompts) c.get('log').info({ prompt: body.prompt }, 'prompt')
    if (body.stream !== true) return c.json(await completion(job), 200)
    return streamed(
      context,
      c,
      completionEvents(job, body.stream_options?.include_usage === true),
      controller,
    )
  })
}

interface Job {
  readonly envelope: Omit<Completion, 'choices' | 'usage'>
  readonly choices: readonly Choice[]
  /** So many choices share a prompt. */
  readonly perPrompt: number
  readonly logprobs: boolean
  readonly events: AsyncGenerator<readonly [index: number, event: GenerationEvent], void, undefined>
}

async function prepare(
  context: ServeContext,
  c: Context<ServeEnv>,
  body: CompletionRequest,
  signal: AbortSignal,
): Promise<Job> {
  const { config, clock } = context
  const n = body.n ?? 1
  if (body.best_of != null && body.best_of !== n)
    throw badRequest('best_of must be n: all answers are returned', 'best_of')
  if (body.max_tokens === 0 && body.echo !== true)
    throw badRequest('max_tokens: 0 needs echo: true, or there is no answer', 'max_tokens')
  const prompts = promptsOf(body.prompt)
  atMost(prompts.length, config.limits.prompts, 'prompts', 'prompt')
  atMost(prompts.length * n, config.limits.prompts, 'answers to all prompts', 'n')
  const sampling = {
    ...samplingOf(body, config.limits),
    ...present({ logprobs: body.logprobs, echo: body.echo }),
    maxTokens: body.max_tokens ?? DEFAULT_MAX_TOKENS,
  }
  const model = await resolveModel(context, body.model, {
    kind: 'decoder',
    sticky: body.user ?? c.get('requestId'),
  })
  const caller = c.get('caller')
  const requests = prompts.flatMap((prompt): GenerationRequest[] =>
    Array.from({ length: n }, (_, index) => ({
      ...sampling,
      ...seedOf(sampling, index),
      model: model.id,
      prompt,
      fairKey: caller.key ?? caller.user,
    })),
  )
  return {
    envelope: {
      id: `cmpl-${randomUUID().replaceAll('-', '')}`,
      object: 'text_completion',
      created: Math.floor(clock.now() / 1000),
      model: body.model,
      system_fingerprint: model.version,
    },
    choices: requests.map(() => new Choice()),
    perPrompt: n,
    logprobs: body.logprobs != null,
    events: generate(context, c, { model, requests, perPrompt: n, signal }),
  }
}

function promptsOf(prompt: CompletionRequest['prompt']): RequestPrompt[] {
  if (typeof prompt === 'string') return [{ text: prompt }]
  if (typeof prompt[0] === 'number') return [{ ids: prompt as number[] }]
  return (prompt as (string | number[])[]).map((each) =>
    typeof each === 'string' ? { text: each } : { ids: each },
  )
}

async function completion({ envelope, choices, logprobs, events, perPrompt }: Job): Promise<Completion> {
  for await (const [index, event] of events) choices[index]!.add(event)
  return {
    ...envelope,
    choices: choices.map((choice, index) => ({
      index,
      text: choice.text,
      logprobs: completionLogprobs(
        logprobs ? [...choice.promptLogprobs, ...choice.logprobs] : undefined,
        choice.offsets,
      ),
      finish_reason: choice.finish!,
    })),
    usage: usageOfAll(choices, perPrompt),
  }
}

async function* completionEvents(
  job: Job,
  includeUsage: boolean,
): AsyncGenerator<Completion, void, undefined> {
  const { envelope, choices, logprobs, events, perPrompt } = job
  const more = includeUsage ? { usage: null } : {}
  for await (const [index, event] of events) {
    const choice = choices[index]!
    const known = choice.offsets.length
    choice.add(event)
    if (event.type === 'start' || event.type === 'toolCall') continue
    const text = event.type === 'end' ? '' : event.text
    const fresh = logprobs && event.type !== 'end' ? (event.logprobs ?? []) : undefined
    const fields = {
      logprobs: completionLogprobs(fresh, choice.offsets.slice(known)),
      finish_reason: choice.finish ?? null,
    }
    yield { ...envelope, choices: [{ index, text, ...fields }], ...more }
  }
  if (includeUsage) yield { ...envelope, choices: [], usage: usageOfAll(choices, perPrompt) }
}

function usageOfAll(choices: readonly Choice[], perPrompt: number): Usage {
  const usages = choices.map(({ usage }) => usage)
  return usageOf(
    usages,
    usages.filter((_, index) => index % perPrompt === 0),
  )
}
