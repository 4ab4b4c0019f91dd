/** POST /v1/embeddings */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { badRequest } from '../errors.js'
import { resolveModel } from '../live-models.js'
import { answers, reads } from '../routes.js'
import { modelName } from './common-schemas.js'
import { admit, clientController } from './generation.js'
import { atMost } from './requests.js'

const ids = z.array(z.int().min(0)).min(1)

const requestSchema = z
  .strictObject({
    model: modelName,
    input: z.union([z.string().min(1), ids, z.array(z.string().min(1)).min(1), z.array(ids).min(1)], {
      error: 'must be a text, token ids, or a list of one of them; none of them empty',
    }),
    encoding_format: z
      .enum(['float', 'base64'])
      .nullish()
      .openapi({ description: 'base64: little-endian 32-bit floats. Default: float.' }),
    dimensions: z.int().min(1).nullish().openapi({
      description: 'The model’s own, where it is given: shorter vectors would not mean the same.',
    }),
    user: z.string().max(256).nullish(),
  })
  .openapi('EmbeddingRequest')

const responseSchema = z
  .object({
    object: z.literal('list'),
    model: z.string(),
    data: z.array(
      z.object({
        object: z.literal('embedding'),
        index: z.int(),
        embedding: z.union([z.array(z.number()), z.string()]),
      }),
    ),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
  })
  .openapi('Embeddings')

const route = createRoute({
  method: 'post',
  path: '/v1/embeddings',
  tags: ['OpenAI'],
  summary: 'Texts as vectors of length 1',
  request: { body: reads(requestSchema) },
  responses: answers(responseSchema, 'One vector for each text.'),
})

export function embeddingRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const router = createRouter()
  router.use('/v1/embeddings', requireScope('chat'))
  return router.openapi(route, async (c) => {
    const body = c.req.valid('json')
    const caller = c.get('caller')
    await admit(context, c)
    c.set('asked', { prompt: 'input' })
    const inputs = inputsOf(body.input)
    atMost(inputs.length, context.config.limits.inputs, 'inputs', 'input')
    const model = await resolveModel(context, body.model, { kind: 'decoder', sticky: body.user ?? undefined })
    const { signal } = clientController(c)
    const { vectors, tokens } = await context.engine.embed({ model: model.id, inputs }, { signal })
    Object.assign(c.get('facts'), { model: `${model.name}@${model.version}`, promptTokens: tokens })
    context.metrics.tokens.inc({ model: model.name, kind: 'prompt' }, tokens)
    await context.meter.settle(caller, {
      model: model.name,
      modelVersion: model.version,
      promptTokens: tokens,
    })
    // Only the vectors tell how wide they are; what they cost has been counted.
    const width = vectors[0]?.length ?? 0
    if (body.dimensions != null && body.dimensions !== width)
      throw badRequest(`vectors of this model have ${width} dimensions and cannot be cut`, 'dimensions')
    return c.json(
      {
        object: 'list' as const,
        model: body.model,
        data: vectors.map((vector, index) => ({
          object: 'embedding' as const,
          index,
          embedding: body.encoding_format === 'base64' ? base64(vector) : Array.from(vector),
        })),
        usage: { prompt_tokens: tokens, total_tokens: tokens },
      },
      200,
    )
  })
}

function inputsOf(input: z.infer<typeof requestSchema>['input']): (string | number[])[] {
  if (typeof input === 'string') return [input]
  return typeof input[0] === 'number' ? [input as number[]] : (input as (string | number[])[])
}

/** Little-endian, whatever this machine is. */
function base64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4)
  return bytes.toString('base64')
}
