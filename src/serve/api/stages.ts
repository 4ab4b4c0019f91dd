/** What can be started, with its settings as JSON Schema, and what in the workspace it could start from. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { answers } from '../routes.js'
import { describeStage, stages } from '../runs/index.js'
import { runsOf } from './answers.js'

const stageSchema = z
  .object({
    name: z.string(),
    summary: z.string(),
    inputs: z
      .array(
        z.object({
          key: z.string(),
          kind: z.enum(['files', 'model', 'reward-model', 'texts']),
          description: z.string(),
          required: z.boolean(),
          several: z.boolean(),
        }),
      )
      .readonly(),
    main: z.array(z.string()).readonly().openapi({ description: 'Settings to show first.' }),
    settings: z
      .object({ type: z.literal('object'), properties: z.record(z.string(), z.unknown()) })
      .openapi({ description: 'JSON Schema, with defaults and descriptions.' }),
    presets: z
      .array(z.object({ name: z.string(), summary: z.string(), settings: z.record(z.string(), z.unknown()) }))
      .readonly()
      .optional(),
  })
  .openapi('Stage')

const stagesRoute = createRoute({
  method: 'get',
  path: '/api/stages',
  tags: ['Training'],
  summary: 'The stages that can be started',
  responses: answers(z.object({ stages: z.array(stageSchema) }), 'All of them, in the order of the road.'),
})

const workspaceRoute = createRoute({
  method: 'get',
  path: '/api/workspace',
  tags: ['Training'],
  summary: 'Files and models that a stage can read',
  responses: answers(
    z.object({
      files: z.array(z.object({ path: z.string(), bytes: z.int() })),
      models: z.array(
        z.object({ path: z.string(), name: z.string().optional(), kind: z.string().optional() }),
      ),
    }),
    'Paths as the settings of a stage take them.',
  ),
})

export function stageRoutes(context: ServeContext): OpenAPIHono<ServeEnv> {
  const router = createRouter()
  for (const path of ['/api/stages', '/api/workspace']) router.use(path, requireScope('admin'))
  const described = stages.map(describeStage)
  router.openapi(stagesRoute, (c) => c.json({ stages: described }, 200))
  router.openapi(workspaceRoute, async (c) => {
    const { files, models } = await runsOf(context).workspace.list()
    return c.json({ files: [...files], models: [...(await named(context)), ...models.map(asModel)] }, 200)
  })
  return router
}

/** Registered models, by names that do not say where they lie. */
async function named({ store }: ServeContext) {
  const models = await store.models.list()
  const lists = await Promise.all(
    models.map(async ({ name, live }) => {
      const versions = await store.models.versions(name)
      return versions.map(({ version, kind }) => ({
        path: version === live ? `models/${name}` : `models/${name}/${version}`,
        name: version === live ? name : `${name}@${version}`,
        kind,
      }))
    }),
  )
  return lists.flat()
}

const asModel = (path: string) => ({ path })
