/** Presets: listed for everyone who may chat, changed by admins. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Store } from '../../store/index.js'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { ApiError, badRequest } from '../errors.js'
import { BUILT_IN, findPreset, listPresets, MESSAGE, type NamedPreset, placesOf } from '../presets/index.js'
import { answers, reads } from '../routes.js'
import { audit } from './answers.js'

const name = z
  .string()
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N}_.-]{0,99}$/u,
    'a name has letters, digits, dots, dashes and underscores, at most 100',
  )
const short = z.string().max(500)
const long = z.string().max(20_000)

const parameterSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, 'a parameter’s name has letters, digits and underscores')
    .refine((value) => value !== MESSAGE && value !== 'locale', 'message and locale are taken'),
  label: short.optional(),
  description: short.optional(),
  default: long.optional(),
  required: z.boolean().optional(),
  multiline: z.boolean().optional(),
  options: z.array(short.min(1)).min(1).max(100).optional(),
})

const fields = {
  title: short.optional(),
  description: z.string().max(2_000).optional(),
  system: long.optional(),
  template: long.min(1).openapi({
    description:
      'Places are {name} for parameters and {message} for the user’s message; a line whose places are all empty is left out.',
  }),
  parameters: z.array(parameterSchema).max(32).default([]),
  model: z.string().max(256).optional(),
  sampling: z
    .strictObject({
      temperature: z.number().min(0).max(2).optional(),
      topP: z.number().gt(0).max(1).optional(),
      topK: z.int().min(1).optional(),
      minP: z.number().min(0).max(1).optional(),
      repetitionPenalty: z.number().positive().max(10).optional(),
      presencePenalty: z.number().min(-2).max(2).optional(),
      frequencyPenalty: z.number().min(-2).max(2).optional(),
      maxTokens: z.int().min(1).optional(),
      stop: z.array(z.string().min(1).max(500)).max(16).optional(),
    })
    .optional(),
  extra: z.record(z.string().max(100), z.unknown()).optional().openapi({
    description: 'Texts in other languages: {"zh": {title, description, system, template, parameters}}.',
  }),
}

const presetSchema = z
  .object({
    name: z.string(),
    ...fields,
    parameters: z
      .array(parameterSchema.extend({ name: z.string(), options: z.array(z.string()).readonly().optional() }))
      .readonly(),
    sampling: z.record(z.string(), z.unknown()).optional(),
    builtIn: z.boolean(),
    changed: z.boolean().openapi({ description: 'A built-in one that was changed; DELETE restores it.' }),
    updated: z.number().optional(),
  })
  .openapi('Preset')

const tags = ['Presets']
const params = z.object({ name: z.string().min(1).max(256) })

const listRoute = createRoute({
  method: 'get',
  path: '/api/presets',
  tags,
  summary: 'All presets',
  responses: answers(z.object({ items: z.array(presetSchema) }), 'By name, the built-in ones among them.'),
})
const readRoute = createRoute({
  method: 'get',
  path: '/api/presets/{name}',
  tags,
  summary: 'One preset',
  request: { params },
  responses: answers(presetSchema, 'The preset.'),
})
const createRouteOf = createRoute({
  method: 'post',
  path: '/api/presets',
  tags,
  summary: 'Make a preset',
  request: { body: reads(z.strictObject({ name, ...fields })) },
  responses: answers(presetSchema, 'The preset.'),
})
const putRoute = createRoute({
  method: 'put',
  path: '/api/presets/{name}',
  tags,
  summary: 'Make or replace a preset; a built-in one is covered by it',
  request: { params: z.object({ name }), body: reads(z.strictObject(fields)) },
  responses: answers(presetSchema, 'The preset.'),
})
const removeRoute = createRoute({
  method: 'delete',
  path: '/api/presets/{name}',
  tags,
  summary: 'Remove a preset, or restore a built-in one',
  request: { params },
  responses: answers(z.object({ name: z.string(), restored: z.boolean() }), 'What was done.'),
})

type Fields = z.output<z.ZodObject<typeof fields>>

export function presetRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const { store } = context
  const router = createRouter()
  router.get('/api/presets/*', requireScope('chat'))
  router.on(['POST', 'PUT', 'DELETE'], ['/api/presets', '/api/presets/*'], requireScope('admin'))
  router.use('/api/presets', requireScope('chat'))

  return router
    .openapi(listRoute, async (c) => c.json({ items: (await listPresets(store)).map(shown) }, 200))
    .openapi(readRoute, async (c) => c.json(shown(await findPreset(store, c.req.valid('param').name)), 200))
    .openapi(createRouteOf, async (c) => {
      const { name, ...preset } = c.req.valid('json')
      if (BUILT_IN.has(name) || (await store.presets.find(name))) {
        throw new ApiError(409, `there is a preset ${name} already; PUT /api/presets/${name} replaces it`, {
          param: 'name',
          code: 'already_exists',
        })
      }
      const put = await save(store, name, preset, c.get('caller').user)
      await audit(context, c, 'preset.create', name)
      return c.json(shown(put), 200)
    })
    .openapi(putRoute, async (c) => {
      const { name } = c.req.valid('param')
      const put = await save(store, name, c.req.valid('json'), c.get('caller').user)
      await audit(context, c, 'preset.change', name)
      return c.json(shown(put), 200)
    })
    .openapi(removeRoute, async (c) => {
      const { name } = c.req.valid('param')
      const { builtIn, changed } = await findPreset(store, name)
      if (builtIn && !changed) {
        throw new ApiError(409, `${name} is built in and was not changed: there is nothing to remove`, {
          code: 'built_in',
        })
      }
      await store.presets.remove(name)
      await audit(context, c, builtIn ? 'preset.restore' : 'preset.remove', name)
      return c.json({ name, restored: builtIn }, 200)
    })
}

async function save(store: Store, name: string, given: Fields, user: string): Promise<NamedPreset> {
  checkPlaces(given)
  const { parameters, sampling, ...texts } = given
  await store.presets.put({
    ...present(texts),
    template: given.template,
    name,
    parameters: parameters.map(present),
    ...(sampling === undefined ? {} : { sampling: present(sampling) }),
    user,
  })
  return findPreset(store, name)
}

/** @throws ApiError 400 for a place without a parameter, and for two parameters of one name */
function checkPlaces({ template, system = '', parameters }: Fields): void {
  const names = parameters.map((parameter) => parameter.name)
  const twice = names.find((one, i) => names.indexOf(one) !== i)
  if (twice !== undefined) throw badRequest(`there are two parameters ${twice}`, 'parameters')
  for (const [param, text] of Object.entries({ template, system })) {
    const unknown = placesOf(text).find((place) => place !== MESSAGE && !names.includes(place))
    if (unknown !== undefined)
      throw badRequest(`${param} has the place {${unknown}}, and no parameter has this name`, param)
  }
  for (const [i, { default: standard, options, name: parameter }] of parameters.entries()) {
    if (standard !== undefined && options && !options.includes(standard)) {
      throw badRequest(`the default of ${parameter} is not one of its options`, `parameters[${i}].default`)
    }
  }
}

/** Without the fields that are undefined, as the types of the store want it. */
function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never
}

function shown(preset: NamedPreset): z.output<typeof presetSchema> {
  const { name, title, description, system, template, model, sampling, extra, builtIn, changed, updated } =
    preset
  const parameters = preset.parameters.map((parameter) => present(parameter))
  return present({
    name,
    title,
    description,
    system,
    template,
    parameters,
    model,
    sampling,
    extra,
    builtIn,
    changed,
    updated,
  })
}
