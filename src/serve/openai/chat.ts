/** POST /v1/chat/completions */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { newId } from '../../store/index.js'
import type { ChatMessage } from '../../text/index.js'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { badRequest } from '../errors.js'
import { resolveModel } from '../live-models.js'
import { reads, streams } from '../routes.js'
import { type ChatTurn, chatAnswer, chatEvents } from './chat-answer.js'
import { type ChatRequest, chatChunkSchema, chatRequestSchema, chatResponseSchema } from './chat-schemas.js'
import { admit, clientController, generate } from './generation.js'
import { chatSamplingOf, messagesOf, type Sampling, seedOf, toolsOf } from './requests.js'
import { beginSaving } from './saving.js'
import { streamed } from './streamed.js'

const route = createRoute({
  method: 'post',
  path: '/v1/chat/completions',
  tags: ['OpenAI'],
  summary: 'Answer a conversation',
  request: { body: reads(chatRequestSchema) },
  responses: streams(chatResponseSchema, chatChunkSchema, 'The answer'),
})

export function chatRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const router = createRouter()
  router.use('/v1/chat/*', requireScope('chat'))
  return router.openapi(route, async (c) => {
    const body = c.req.valid('json')
    await admit(context, c)
    c.set('asked', { schema: body.response_format?.type === 'json_schema' ? 'response_format' : 'tools' })
    const controller = clientController(c)
    const turn = await prepare(context, c, body, controller.signal)
    if (context.config.logPrompts) c.get('log').info({ messages: turn.messages }, 'prompt')
    if (body.stream !== true) return c.json(await chatAnswer(context, c, turn), 200)
    return streamed(context, c, chatEvents(context, c, turn), controller)
  })
}

/** Everything before the first token: preset, model, passages, limits, and what is to be saved. */
async function prepare(
  context: ServeContext,
  c: Context<ServeEnv>,
  body: ChatRequest,
  signal: AbortSignal,
): Promise<ChatTurn> {
  const { config, clock } = context
  const caller = c.get('caller')
  if (body.store !== true && (body.conversation != null || body.parent != null))
    throw badRequest(
      'conversation and parent need store: true',
      body.conversation ? 'conversation' : 'parent',
    )
  if (body.store === true && (body.n ?? 1) > 1)
    throw badRequest('a conversation keeps one answer; store needs n: 1', 'n')
  if (body.messages.length === 0 && body.preset == null)
    throw badRequest('there must be at least one message', 'messages')
  const asked = messagesOf(body.messages, config.limits)
  const expanded = await expand(context, body, asked)
  const model = await resolveModel(context, body.model, {
    kind: 'decoder',
    sticky: body.conversation ?? body.user ?? c.get('requestId'),
  })
  const grounded = await ground(context, body, expanded.messages, model.id, signal)
  const sampling = { ...expanded.sampling, ...chatSamplingOf(body, config.limits) }
  const tools = toolsOf(body, config.limits)
  const saving =
    body.store === true
      ? await beginSaving(context, {
          caller,
          model,
          messages: expanded.messages,
          sampling,
          conversation: body.conversation ?? undefined,
          parent: body.parent ?? undefined,
          preset: body.preset ?? undefined,
          collection: body.collection ?? undefined,
        })
      : undefined
  if (saving) {
    c.header('x-conversation-id', saving.conversation)
    if (saving.parent !== undefined) c.header('x-parent-id', saving.parent)
  }
  const n = body.n ?? 1
  const requests = Array.from({ length: n }, (_, index) => ({
    ...sampling,
    ...seedOf(sampling, index),
    model: model.id,
    prompt: { messages: grounded.messages, ...(tools === undefined ? {} : { tools }) },
    fairKey: caller.key ?? caller.user,
  }))
  return {
    id: saving?.id ?? newId('msg').replace('msg_', 'chatcmpl-'),
    created: Math.floor(clock.now() / 1000),
    model,
    modelName: body.model,
    messages: grounded.messages,
    citations: grounded.citations,
    count: n,
    includeUsage: body.stream_options?.include_usage === true,
    logprobs: body.logprobs === true,
    grounded: body.collection != null,
    ...(saving === undefined ? {} : { saving }),
    events: () =>
      grounded.answer === undefined
        ? generate(context, c, { model, requests, perPrompt: n, signal })
        : said(grounded.answer, n),
    signal,
  }
}

async function expand(
  { presets }: ServeContext,
  { preset, parameters }: ChatRequest,
  messages: ChatMessage[],
): Promise<{ readonly messages: readonly ChatMessage[]; readonly sampling: Sampling }> {
  if (preset == null) {
    if (parameters != null) throw badRequest('parameters need a preset', 'parameters')
    return { messages, sampling: {} }
  }
  if (presets === undefined) throw badRequest('this server has no presets', 'preset')
  const { messages: expanded, settings } = await presets.expand(preset, parameters ?? {}, messages)
  return { messages: expanded, sampling: (settings ?? {}) as Sampling }
}

async function ground(
  { grounding }: ServeContext,
  { collection }: ChatRequest,
  messages: readonly ChatMessage[],
  model: string,
  signal: AbortSignal,
) {
  if (collection == null) return { messages, citations: [] }
  if (grounding === undefined) throw badRequest('this server has no collections', 'collection')
  return grounding.ground(collection, messages, { model, signal })
}

/** What is said without asking the model, as if it had said it. */
async function* said(answer: string, n: number): ReturnType<typeof generate> {
  const usage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 }
  for (let index = 0; index < n; index++) {
    yield [index, { type: 'start', promptTokens: 0, cachedTokens: 0 }]
    yield [index, { type: 'text', text: answer }]
    yield [index, { type: 'end', reason: 'stop', usage }]
  }
}
