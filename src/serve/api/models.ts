/** Models by name: their versions and what is known of each, which one is live, how traffic is shared, and what can be taken along. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { ModelVersion } from '../../store/index.js'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { ApiError, badRequest, errorResponses, notFound } from '../errors.js'
import { ensureInEngine } from '../live-models.js'
import { answers, reads } from '../routes.js'
import { plainName } from '../runs/index.js'
import { audit, runsOf } from './answers.js'
import { modelFiles, readModelCard } from './model-card.js'
import { accessOf } from './record-schemas.js'
import { tarStream } from './tar.js'

const versionSchema = z
  .object({
    version: z.string(),
    kind: z.enum(['decoder', 'reward']),
    state: z.enum(['idle', 'loading', 'ready', 'failed']),
    dir: z.string().optional(),
    run: z.string().optional(),
    round: z.string().optional(),
    note: z.string().optional(),
    created: z.number(),
    bytes: z.number(),
    parameters: z.number().optional(),
    contextLength: z.number().optional(),
    architecture: z.string().optional(),
    licence: z.string().optional(),
    lineage: z.record(z.string(), z.unknown()),
    scores: z.record(z.string(), z.unknown()),
    missing: z.boolean().optional().openapi({ description: 'Its folder is no longer there.' }),
  })
  .openapi('ModelVersion')

const modelSchema = z
  .object({
    name: z.string(),
    live: z.string().optional(),
    traffic: z.record(z.string(), z.number()).optional(),
    created: z.number(),
    updated: z.number(),
    versions: z.array(versionSchema).openapi({ description: 'Newest first.' }),
    history: z
      .array(
        z.object({
          action: z.string(),
          from: z.string().optional(),
          to: z.string().optional(),
          traffic: z.record(z.string(), z.number()).optional(),
          user: z.string().optional(),
          reason: z.string().optional(),
          created: z.number(),
        }),
      )
      .openapi({ description: 'What happened to the name, newest first.' }),
  })
  .openapi('NamedModel')

const name = z.string().regex(plainName, 'a name has letters, digits, dots, dashes and underscores')
const known = z.string().min(1).max(256)
const version = z.string().regex(/^[0-9a-f]{4,64}$/, 'a version has hexadecimal digits')
const tags = ['Models']

const listRoute = createRoute({
  method: 'get',
  path: '/api/models',
  tags,
  summary: 'All models with their versions',
  responses: answers(z.object({ models: z.array(modelSchema) }), 'By name.'),
})

const addRoute = createRoute({
  method: 'post',
  path: '/api/models/{name}/versions',
  tags,
  summary: 'Add a version from a folder of the workspace',
  request: {
    params: z.object({ name }),
    body: reads(
      z.strictObject({
        dir: z.string().openapi({ description: 'As runs/sft.' }),
        note: z.string().max(2000).optional(),
        run: z.string().max(100).optional(),
        promote: z.boolean().default(false),
      }),
    ),
  },
  responses: answers(modelSchema, 'The model with it. The first version of a name is live at once.'),
})

const promoteRoute = createRoute({
  method: 'post',
  path: '/api/models/{name}/promote',
  tags,
  summary: 'Make a version live',
  request: {
    params: z.object({ name: known }),
    body: reads(
      z.strictObject({
        version,
        expect: version.optional().openapi({ description: 'Only if this one is live now.' }),
        reason: z.string().max(2000).optional(),
      }),
    ),
  },
  responses: answers(modelSchema, 'The model; a split of its traffic has ended.'),
})

const rollbackRoute = createRoute({
  method: 'post',
  path: '/api/models/{name}/rollback',
  tags,
  summary: 'Make the version live that was before',
  request: { params: z.object({ name: known }) },
  responses: answers(modelSchema, 'The model.'),
})

const trafficRoute = createRoute({
  method: 'put',
  path: '/api/models/{name}/traffic',
  tags,
  summary: 'Share the traffic between versions',
  request: {
    params: z.object({ name: known }),
    body: reads(
      z.strictObject({
        shares: z
          .record(version, z.number().min(0).max(1))
          .openapi({ description: 'Of each version; they add up to 1. None: all to the live one.' }),
      }),
    ),
  },
  responses: answers(modelSchema, 'The model.'),
})

const removeRoute = createRoute({
  method: 'delete',
  path: '/api/models/{name}/versions/{version}',
  tags,
  summary: 'Forget a version; its folder stays',
  request: { params: z.object({ name: known, version }) },
  responses: answers(modelSchema, 'The model without it.'),
})

const exportRoute = createRoute({
  method: 'get',
  path: '/api/models/{name}/versions/{version}/export',
  tags,
  summary: 'The model’s folder as a tar archive',
  request: { params: z.object({ name: known, version }) },
  responses: {
    200: { description: 'The archive.', content: { 'application/x-tar': { schema: z.string() } } },
    ...errorResponses,
  },
})

export function registryRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const { store, engine } = context
  const router = createRouter()
  const admin = requireScope('admin')
  router.use('/api/models', requireScope('chat'))
  router.use('/api/models/:name/*', admin)

  router.openapi(listRoute, async (c) => {
    const models = await store.models.list()
    const described = await Promise.all(models.map(({ name }) => describe(context, name)))
    if (accessOf(c) === 'anyone') return c.json({ models: described }, 200)
    // Who changed a model, and why, is not for everyone who may ask it.
    const shown = described.map((model) => ({
      ...model,
      history: model.history.map(({ user: _, reason: __, ...event }) => event),
    }))
    return c.json({ models: shown }, 200)
  })

  router.openapi(addRoute, async (c) => {
    const { name } = c.req.valid('param')
    const { dir, note, run, promote } = c.req.valid('json')
    const path = await runsOf(context).workspace.resolve(dir, 'dir')
    const { kind, version } = await inspect(context, name, path)
    const user = c.get('caller').user
    const isNew = (await store.models.find(name)) === undefined
    const added = await store.models.addVersion(
      {
        model: name,
        version,
        dir: path,
        kind,
        ...(note === undefined ? {} : { note }),
        ...(run === undefined ? {} : { run }),
      },
      { user },
    )
    await ensureInEngine(context, added)
    if (promote && !isNew) await store.models.promote(name, version, { user })
    await audit(context, c, 'model.add', `${name}@${version}`, { dir })
    return c.json(await describe(context, name), 200)
  })

  router.openapi(promoteRoute, async (c) => {
    const { name } = c.req.valid('param')
    const { version, expect, reason } = c.req.valid('json')
    // Before it is live: that its files are there, and still those of this version.
    await ensureInEngine(context, await store.models.version(name, version))
    await store.models.promote(name, version, {
      user: c.get('caller').user,
      ...(expect === undefined ? {} : { expect }),
      ...(reason === undefined ? {} : { reason }),
    })
    await audit(context, c, 'model.promote', `${name}@${version}`)
    return c.json(await describe(context, name), 200)
  })

  router.openapi(rollbackRoute, async (c) => {
    const { name } = c.req.valid('param')
    const { live } = await store.models.rollback(name, { user: c.get('caller').user })
    await audit(context, c, 'model.rollback', `${name}@${live}`)
    return c.json(await describe(context, name), 200)
  })

  router.openapi(trafficRoute, async (c) => {
    const { name } = c.req.valid('param')
    const { shares } = c.req.valid('json')
    const total = Object.values(shares).reduce((sum, share) => sum + share, 0)
    if (Object.keys(shares).length > 0 && Math.abs(total - 1) > 1e-6)
      throw badRequest(`the shares add up to ${total}; they must make 1`, 'shares')
    const versions = await store.models.versions(name)
    for (const [version, share] of Object.entries(shares)) {
      const found = versions.find((each) => each.version === version)
      if (!found) throw badRequest(`${name} has no version ${version}`, `shares.${version}`)
      if (share > 0) await ensureInEngine(context, found)
    }
    await store.models.setTraffic(name, shares, { user: c.get('caller').user })
    await audit(context, c, 'model.traffic', name, { shares })
    return c.json(await describe(context, name), 200)
  })

  router.openapi(removeRoute, async (c) => {
    const { name, version } = c.req.valid('param')
    await store.models.removeVersion(name, version, { user: c.get('caller').user })
    const id = `${name}@${version}`
    if (engine.models().some((model) => model.id === id)) await engine.remove(id)
    await audit(context, c, 'model.remove', id)
    return c.json(await describe(context, name), 200)
  })

  router.openapi(exportRoute, async (c) => {
    const { name, version } = c.req.valid('param')
    const { dir } = await store.models.version(name, version)
    const files = await modelFiles(dir)
    if (!files.some(({ name }) => name.endsWith('.safetensors')))
      throw notFound(`the folder of ${name}@${version} holds no model any more`, 'version', 'model_missing')
    const folder = `${name.replace(/[^\w.-]/g, '_').replace(/^\.+/, '_')}-${version}`.slice(0, 64)
    const entries = files.map((file) => ({ ...file, name: `${folder}/${file.name}` }))
    await audit(context, c, 'model.export', `${name}@${version}`)
    const length = files.reduce((sum, { bytes }) => sum + 512 + Math.ceil(bytes / 512) * 512, 1024)
    return c.body(toStream(tarStream(entries)), 200, {
      'content-type': 'application/x-tar',
      'content-length': String(length),
      'content-disposition': `attachment; filename="${folder}.tar"`,
    })
  })
  return router
}

/** As the studio shows it. */
async function describe(context: ServeContext, name: string): Promise<z.infer<typeof modelSchema>> {
  const { store } = context
  const [model, versions, history] = await Promise.all([
    store.models.get(name),
    store.models.versions(name),
    store.models.history(name),
  ])
  const { live, traffic, created, updated } = model
  return {
    name,
    ...(live === undefined ? {} : { live }),
    ...(traffic === undefined ? {} : { traffic: { ...traffic } }),
    created,
    updated,
    versions: (await Promise.all(versions.map((each) => describeVersion(context, each)))).reverse(),
    history: history
      .slice(-50)
      .reverse()
      .map(({ action, from, to, traffic, user, reason, created }) => ({
        action,
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
        ...(traffic === undefined ? {} : { traffic: { ...traffic } }),
        ...(user === undefined ? {} : { user }),
        ...(reason === undefined ? {} : { reason }),
        created,
      })),
  }
}

async function describeVersion({ engine, runs }: ServeContext, saved: ModelVersion) {
  const { model, version, dir, kind, run, round, note, created } = saved
  const loaded = engine
    .models()
    .find((each) => each.id === `${model}@${version}` || (each.id === model && each.version === version))
  const card = await readModelCard(dir, runs?.workspace)
  const shown = runs?.workspace.show(dir)
  return {
    ...card,
    version,
    kind,
    state: loaded?.state ?? 'idle',
    ...(shown === undefined ? {} : { dir: shown }),
    ...(run === undefined ? {} : { run }),
    ...(round === undefined ? {} : { round }),
    ...(note === undefined ? {} : { note }),
    created,
    lineage: { ...card.lineage, ...saved.lineage },
    scores: { ...card.scores, ...saved.scores },
  }
}

/** What kind of model a folder holds and which version, as the engine reads it. @throws ApiError 400 where it holds none */
async function inspect({ engine }: ServeContext, name: string, dir: string) {
  const id = `${name}@new-${crypto.randomUUID()}`
  try {
    const { kind, version } = await engine.add({ id, dir })
    await engine.remove(id)
    return { kind, version }
  } catch (error) {
    if (error instanceof ApiError) throw error
    const why = error instanceof Error ? error.message.replaceAll(dir, 'the folder') : String(error)
    throw new ApiError(400, `no model can be read there: ${why}`, {
      param: 'dir',
      code: 'invalid_model',
      cause: error,
    })
  }
}

function toStream(chunks: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: async () => void (await chunks.return(undefined)),
    },
    { highWaterMark: 0 },
  )
}
