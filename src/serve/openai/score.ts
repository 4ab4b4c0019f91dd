/** POST /score: what a reward model thinks of answers. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { badRequest } from '../errors.js'
import { resolveModel } from '../live-models.js'
import { answers, reads } from '../routes.js'
import { messageSchema } from './chat-schemas.js'
import { modelName } from './common-schemas.js'
import { admit, clientController } from './generation.js'
import { atMost, messagesOf } from './requests.js'

const dialogue = z.array(messageSchema).min(1)

const requestSchema = z
  .strictObject({
    model: modelName,
    messages: dialogue.nullish().openapi({ description: 'One conversation that ends with the answer, or:' }),
    dialogues: z.array(dialogue).min(1).nullish().openapi({ description: 'several.' }),
    user: z.string().max(256).nullish(),
  })
  .openapi('ScoreRequest')

const responseSchema = z
  .object({
    object: z.literal('list'),
    model: z.string(),
    data: z.array(z.object({ object: z.literal('score'), index: z.int(), score: z.number() })),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
  })
  .openapi('Scores')

const route = createRoute({
  method: 'post',
  path: '/score',
  tags: ['Models'],
  summary: 'Score answers with a reward model',
  request: { body: reads(requestSchema) },
  responses: answers(responseSchema, 'One score for each conversation; higher is better.'),
})

export function scoreRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const { engine, config } = context
  const router = createRouter()
  router.use('/score', requireScope('chat'))
  return router.openapi(route, async (c) => {
    const { model: name, messages, dialogues } = c.req.valid('json')
    if ((messages == null) === (dialogues == null))
      throw badRequest('give messages or dialogues, one of them', 'messages')
    const caller = c.get('caller')
    await admit(context, c)
    if (dialogues != null) c.set('asked', { prompt: 'dialogues' })
    const asked = dialogues ?? [messages!]
    atMost(asked.length, config.limits.inputs, 'dialogues', 'dialogues')
    const model = await resolveModel(context, name, { kind: 'reward' })
    const { signal } = clientController(c)
    const { scores, tokens } = await engine.score(
      { model: model.id, dialogues: asked.map((each) => messagesOf(each, config.limits)) },
      { signal },
    )
    await context.meter.settle(caller, {
      model: model.name,
      modelVersion: model.version,
      promptTokens: tokens,
    })
    const data = Array.from(scores, (score, index) => ({ object: 'score' as const, index, score }))
    const usage = { prompt_tokens: tokens, total_tokens: tokens }
    return c.json({ object: 'list' as const, model: name, data, usage }, 200)
  })
}
