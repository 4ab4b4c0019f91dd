/** POST /tokenize and /detokenize: a text as a model sees it. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { AthanorError } from '../../errors.js'
import type { Engine } from '../../infer/engine/types.js'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { badRequest } from '../errors.js'
import { resolveModel } from '../live-models.js'
import { answers, reads } from '../routes.js'
import { messageSchema, toolSchema } from './chat-schemas.js'
import { modelName } from './common-schemas.js'
import { admit } from './generation.js'
import { messagesOf, toolsOf } from './requests.js'

const tokenizeRequest = z
  .strictObject({
    model: modelName,
    prompt: z.string().nullish().openapi({ description: 'A text, or:' }),
    messages: z.array(messageSchema).min(1).nullish().openapi({ description: 'a conversation.' }),
    tools: z.array(toolSchema).nullish(),
    return_token_strs: z.boolean().nullish(),
  })
  .openapi('TokenizeRequest')

const tokenizeResponse = z
  .object({
    count: z.int(),
    max_model_len: z.int().nullable(),
    tokens: z.array(z.int()),
    token_strs: z.array(z.string()).nullable(),
  })
  .openapi('Tokens')

const tokenizeRoute = createRoute({
  method: 'post',
  path: '/tokenize',
  tags: ['Models'],
  summary: 'The tokens of a text or of a conversation',
  request: { body: reads(tokenizeRequest) },
  responses: answers(tokenizeResponse, 'Token ids.'),
})

const detokenizeRoute = createRoute({
  method: 'post',
  path: '/detokenize',
  tags: ['Models'],
  summary: 'The text of tokens',
  request: {
    body: reads(
      z
        .strictObject({ model: modelName, tokens: z.array(z.int().min(0)).max(1_000_000) })
        .openapi('DetokenizeRequest'),
    ),
  },
  responses: answers(z.object({ prompt: z.string() }).openapi('Detokenized'), 'Their text.'),
})

export function tokenRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const { engine, config } = context
  const router = createRouter()
  router.use('/tokenize', requireScope('chat'))
  router.use('/detokenize', requireScope('chat'))
  router.openapi(tokenizeRoute, async (c) => {
    const { model: name, prompt, messages, tools, return_token_strs: strings } = c.req.valid('json')
    if ((prompt == null) === (messages == null))
      throw badRequest('give prompt or messages, one of them', 'prompt')
    await admit(context, c)
    const model = await resolveModel(context, name)
    const chatTools = toolsOf({ tools }, config.limits)
    const tokens = await engine.tokenize({
      model: model.id,
      ...(messages == null
        ? { text: prompt! }
        : { messages: messagesOf(messages, config.limits), ...(chatTools ? { tools: chatTools } : {}) }),
    })
    const known = engine.models().find(({ id }) => id === model.id)
    return c.json(
      {
        count: tokens.length,
        max_model_len: known?.contextLength ?? null,
        tokens,
        token_strs: strings ? await stringsOf(engine, model.id, tokens) : null,
      },
      200,
    )
  })
  return router.openapi(detokenizeRoute, async (c) => {
    const { model: name, tokens } = c.req.valid('json')
    await admit(context, c)
    const model = await resolveModel(context, name)
    const prompt = await engine.detokenize({ model: model.id, ids: tokens }).catch((error: unknown) => {
      throw isUnknownId(error) ? badRequest('there is an id that is no token of this model', 'tokens') : error
    })
    return c.json({ prompt }, 200)
  })
}

/** Each token by itself. A long text has many tokens, but few different ones: the engine is asked once for each. */
async function stringsOf(engine: Engine, model: string, tokens: readonly number[]): Promise<string[]> {
  const ids = [...new Set(tokens)]
  const strings = await Promise.all(ids.map((id) => engine.detokenize({ model, ids: [id] })))
  const byId = new Map(ids.map((id, index) => [id, strings[index]!]))
  return tokens.map((id) => byId.get(id)!)
}

const isUnknownId = (error: unknown) => error instanceof AthanorError && error.code === 'tokenizer_unknown_id'
