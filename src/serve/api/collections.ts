/** Collections of documents: read and searched by everyone who may chat, changed by admins. */
import { createHash } from 'node:crypto'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Collection, Document } from '../../store/index.js'
import { requireScope } from '../auth.js'
import { createRouter, type ServeContext, type ServeEnv } from '../context.js'
import { ApiError, badRequest, notFound } from '../errors.js'
import {
  citationOf,
  collectionSettingsSchema,
  createGrounding,
  cutPassages,
  DOCUMENT_LIMITS,
  type DocumentLimits,
  findCollection,
  type GroundingService,
  type ReadDocument,
  readDocument,
  settingsOf,
} from '../grounding/index.js'
import { answers, reads } from '../routes.js'
import { audit } from './answers.js'

/** Of one collection. */
const MAX_DOCUMENTS = 2_000
const MAX_PASSAGES = 20_000
const MAX_FILES = 50

const name = z
  .string()
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N}_. -]{0,99}$/u,
    'a name has letters, digits, spaces, dots, dashes and underscores, at most 100',
  )
const known = z.string().min(1).max(256)

const documentSchema = z
  .object({
    id: z.string(),
    title: z.string(),
    source: z.string().optional(),
    mime: z.string(),
    bytes: z.number(),
    created: z.number(),
  })
  .openapi('Document')

const collectionSchema = z
  .object({
    name: z.string(),
    description: z.string().optional(),
    settings: collectionSettingsSchema,
    documents: z.int(),
    created: z.number(),
    updated: z.number(),
  })
  .openapi('Collection')

const hitSchema = z.object({
  document: z.string(),
  passage: z.string().optional(),
  title: z.string().optional(),
  text: z.string().optional(),
  heading: z.string().optional(),
  score: z
    .number()
    .optional()
    .openapi({ description: 'The share of the question’s words that are there, rare ones counting more.' }),
  cosine: z.number().optional(),
  found: z
    .boolean()
    .openapi({ description: 'Whether it is above the floor: only then is it put before a model.' }),
})

const description = z.string().max(2_000)
const tags = ['Collections']
const params = z.object({ name: known })

const listRoute = createRoute({
  method: 'get',
  path: '/api/collections',
  tags,
  summary: 'All collections',
  responses: answers(z.object({ items: z.array(collectionSchema) }), 'By name.'),
})
const makeRoute = createRoute({
  method: 'post',
  path: '/api/collections',
  tags,
  summary: 'Make a collection',
  request: {
    body: reads(
      z.strictObject({
        name,
        description: description.optional(),
        settings: collectionSettingsSchema.optional(),
      }),
    ),
  },
  responses: answers(collectionSchema, 'The collection, empty.'),
})
const readRoute = createRoute({
  method: 'get',
  path: '/api/collections/{name}',
  tags,
  summary: 'A collection and its documents',
  request: { params },
  responses: answers(collectionSchema.extend({ items: z.array(documentSchema) }), 'The collection.'),
})
const changeRoute = createRoute({
  method: 'patch',
  path: '/api/collections/{name}',
  tags,
  summary: 'Change its description or settings; documents that are there stay cut as they are',
  request: {
    params,
    body: reads(
      z.strictObject({ description: description.nullish(), settings: collectionSettingsSchema.optional() }),
    ),
  },
  responses: answers(collectionSchema, 'The collection.'),
})
const removeRoute = createRoute({
  method: 'delete',
  path: '/api/collections/{name}',
  tags,
  summary: 'Remove a collection with its documents',
  request: { params },
  responses: answers(z.object({ name: z.string() }), 'It is gone.'),
})
const addRoute = createRoute({
  method: 'post',
  path: '/api/collections/{name}/documents',
  tags,
  summary: 'Add documents: text, Markdown, HTML or PDF',
  request: {
    params,
    body: {
      required: false,
      content: {
        'multipart/form-data': {
          schema: z.object({
            file: z
              .any()
              .optional()
              .openapi({ type: 'string', format: 'binary', description: 'May come several times.' }),
          }),
        },
        'application/json': {
          schema: z.strictObject({
            title: z.string().min(1).max(300),
            text: z.string().min(1),
            source: z.string().max(2_000).optional(),
            markdown: z.boolean().optional(),
          }),
        },
      },
    },
  },
  responses: answers(
    z.object({
      items: z.array(documentSchema.extend({ passages: z.int() })),
      failed: z.array(
        z.object({
          source: z.string(),
          error: z.object({ message: z.string(), code: z.string().nullable() }),
        }),
      ),
    }),
    'What was added, and what could not be; where nothing could, that is the error.',
  ),
})
const dropRoute = createRoute({
  method: 'delete',
  path: '/api/collections/{name}/documents/{id}',
  tags,
  summary: 'Remove a document',
  request: { params: params.extend({ id: known }) },
  responses: answers(z.object({ id: z.string() }), 'It is gone.'),
})
const searchRoute = createRoute({
  method: 'get',
  path: '/api/collections/{name}/search',
  tags,
  summary: 'The passages for a question',
  request: {
    params,
    query: z.object({
      q: z.string().min(1).max(4_000),
      k: z.coerce.number().int().min(1).max(50).default(10),
    }),
  },
  responses: answers(z.object({ items: z.array(hitSchema), floor: z.number() }), 'Best first.'),
})

interface Upload {
  readonly name: string
  readonly bytes: Uint8Array
  readonly mime: string
  /** For what is already text. */
  readonly read?: ReadDocument
}

export interface CollectionRouteOptions {
  readonly limits?: DocumentLimits
}

export function collectionRoutes(
  context: ServeContext,
  { limits = DOCUMENT_LIMITS }: CollectionRouteOptions = {},
): OpenAPIHono<ServeEnv> {
  const { store } = context
  const grounding = (context.grounding as GroundingService | undefined) ?? createGrounding(context)
  const { retriever } = grounding
  const router = createRouter()
  router.get('/api/collections/*', requireScope('chat'))
  router.on(['POST', 'PATCH', 'DELETE'], ['/api/collections', '/api/collections/*'], requireScope('admin'))
  router.use('/api/collections', requireScope('chat'))

  const shown = async (collection: Collection) => ({
    name: collection.name,
    ...present({ description: collection.description }),
    settings: settingsOf(collection.settings),
    documents: (await store.collections.documents(collection.name)).length,
    created: collection.created,
    updated: collection.updated,
  })

  return router
    .openapi(listRoute, async (c) => {
      return c.json({ items: await Promise.all((await store.collections.list()).map(shown)) }, 200)
    })
    .openapi(makeRoute, async (c) => {
      const { settings, ...fields } = c.req.valid('json')
      const { user } = c.get('caller')
      const made = await store.collections.create({
        name: fields.name,
        ...(fields.description === undefined ? {} : { description: fields.description }),
        ...(settings === undefined ? {} : { settings }),
        user,
      })
      await audit(context, c, 'collection.create', made.name)
      return c.json(await shown(made), 200)
    })
    .openapi(readRoute, async (c) => {
      const collection = await findCollection(store, c.req.valid('param').name)
      const documents = await store.collections.documents(collection.name)
      return c.json({ ...(await shown(collection)), items: documents.map(documentOf) }, 200)
    })
    .openapi(changeRoute, async (c) => {
      const { name } = await findCollection(store, c.req.valid('param').name)
      const { description, settings } = c.req.valid('json')
      const changed = await store.collections.update(name, {
        ...(description === undefined ? {} : { description }),
        ...(settings === undefined ? {} : { settings }),
      })
      retriever.prepare(name)
      await audit(context, c, 'collection.change', name)
      return c.json(await shown(changed), 200)
    })
    .openapi(removeRoute, async (c) => {
      const { name } = await findCollection(store, c.req.valid('param').name)
      await store.collections.remove(name)
      await audit(context, c, 'collection.remove', name)
      return c.json({ name }, 200)
    })
    .openapi(addRoute, async (c) => {
      const collection = await findCollection(store, c.req.valid('param').name)
      const uploads = await uploadsOf(c)
      const items: (z.output<typeof documentSchema> & { passages: number })[] = []
      const failed: { source: string; error: { message: string; code: string | null } }[] = []
      let problem: ApiError | undefined
      for (const upload of uploads) {
        try {
          items.push(await add(context, collection, upload, limits, c.get('caller').user))
        } catch (error) {
          if (!(error instanceof ApiError) || error.status >= 500) throw error
          problem ??= error
          failed.push({ source: upload.name, error: { message: error.message, code: error.apiCode } })
        }
      }
      if (problem && items.length === 0) throw problem
      retriever.prepare(collection.name)
      await audit(context, c, 'collection.add', collection.name, { documents: items.map(({ id }) => id) })
      return c.json({ items, failed }, 200)
    })
    .openapi(dropRoute, async (c) => {
      const { name, id } = c.req.valid('param')
      await findCollection(store, name)
      const there = (await store.collections.documents(name)).some((document) => document.id === id)
      if (!there) throw notFound(`there is no document ${id} in ${name}`, 'id')
      await store.collections.removeDocument(id)
      await audit(context, c, 'collection.drop', name, { document: id })
      return c.json({ id }, 200)
    })
    .openapi(searchRoute, async (c) => {
      const { q, k } = c.req.valid('query')
      const { found, settings } = await retriever.retrieve(
        c.req.valid('param').name,
        [{ role: 'user', content: q }],
        { k },
      )
      const items = found.map((one) => ({
        ...citationOf(one),
        ...present({ heading: one.passage.heading, cosine: one.cosine }),
        found: one.isFound,
      }))
      return c.json({ items, floor: settings.floor }, 200)
    })
}

async function add(
  { store }: ServeContext,
  { name: collection, settings }: Collection,
  { name: source, bytes, mime, read }: Upload,
  limits: DocumentLimits,
  user: string,
): Promise<z.output<typeof documentSchema> & { passages: number }> {
  const document = read ?? (await readDocument(bytes, { name: source, mime, limits }))
  const cuts = cutPassages(document.text, document.kind, settingsOf(settings))
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const there = await store.collections.documents(collection)
  const same = there.find((other) => other.sha256 === sha256)
  if (same) {
    throw new ApiError(
      409,
      `${JSON.stringify(source)} is in ${collection} already, as ${JSON.stringify(same.title)}`,
      {
        code: 'already_exists',
      },
    )
  }
  let passages = cuts.length
  for await (const _ of store.collections.passages(collection)) passages++
  if (there.length >= MAX_DOCUMENTS || passages > MAX_PASSAGES) {
    throw new ApiError(
      413,
      `${collection} would have more than ${MAX_DOCUMENTS} documents or ${MAX_PASSAGES} passages; begin another collection`,
      {
        code: 'collection_full',
      },
    )
  }
  const added = await store.collections.addDocument(
    {
      collection,
      title: document.title,
      source,
      mime: document.mime,
      bytes: bytes.length,
      sha256,
      text: document.text,
      user,
    },
    cuts,
  )
  return { ...documentOf(added.document), passages: added.passages.length }
}

/** @throws ApiError 400 where there is no file */
async function uploadsOf(c: Context<ServeEnv>): Promise<Upload[]> {
  if (!/^multipart\/form-data/i.test(c.req.header('content-type') ?? '')) return [await textOf(c)]
  const form = await formOf(c)
  const files = [...form.values()].filter((value) => typeof value !== 'string')
  if (files.length === 0)
    throw badRequest('the form has no file; send one or more in the field "file"', 'file')
  if (files.length > MAX_FILES) throw badRequest(`at most ${MAX_FILES} files at once`, 'file')
  return Promise.all(
    files.map(async (file) => ({
      // Browsers may tell a path; only its last part is a name.
      name: file.name.split(/[\\/]/).at(-1)!.slice(0, 500) || 'document',
      bytes: new Uint8Array(await file.arrayBuffer()),
      mime: file.type,
    })),
  )
}

async function formOf(c: Context<ServeEnv>): Promise<FormData> {
  try {
    return await c.req.formData()
  } catch (error) {
    throw new ApiError(400, 'the body of the request is no multipart form, or broke off', {
      code: 'invalid_form',
      cause: error,
    })
  }
}

const textSchema = z.strictObject({
  title: z.string().min(1).max(300),
  text: z.string().min(1),
  source: z.string().max(2_000).optional(),
  markdown: z.boolean().optional(),
})

async function textOf(c: Context<ServeEnv>): Promise<Upload> {
  const { title, text, source, markdown = false } = textSchema.parse(await c.req.json())
  const bytes = new TextEncoder().encode(text)
  const mime = markdown ? 'text/markdown' : 'text/plain'
  const read = await readDocument(bytes, { name: title, mime: `${mime};` })
  return { name: source ?? title, bytes, mime, read: { ...read, title } }
}

const documentOf = ({ id, title, source, mime, bytes, created }: Omit<Document, 'text'>) => ({
  id,
  title,
  ...present({ source }),
  mime,
  bytes,
  created,
})

/** Without the fields that are undefined. */
function present<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never
}
