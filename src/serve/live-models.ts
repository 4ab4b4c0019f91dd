/** From the name in a request to the weights that answer it. */
import type { ModelVersion } from '../store/index.js'
import { StoreError } from '../store/index.js'
import type { ServeContext } from './context.js'
import { ApiError } from './errors.js'

export interface ResolvedModel {
  /** The engine's. */
  readonly id: string
  readonly name: string
  readonly version: string
  readonly kind: 'decoder' | 'reward'
}

type Models = Pick<ServeContext, 'engine' | 'store' | 'config'>

/**
 * The version that answers a request. `requested` is a name (the live version, or one by the shares of the traffic, the same for the same
 * `sticky` text) or `name@version`.
 * @throws ApiError 404 for names and versions that are not here, 503 where the files of a version have changed
 */
export async function resolveModel(
  context: Models,
  requested: string,
  { sticky, kind }: { readonly sticky?: string | undefined; readonly kind?: 'decoder' | 'reward' } = {},
): Promise<ResolvedModel> {
  const at = requested.lastIndexOf('@')
  const { models } = context.store
  let version: ModelVersion
  try {
    version =
      at > 0
        ? await models.version(requested.slice(0, at), requested.slice(at + 1))
        : await models.resolve(requested, sticky)
  } catch (error) {
    if (!(error instanceof StoreError) || error.reason !== 'not-found') throw error
    throw await unknownModel(context, requested)
  }
  if (kind !== undefined && version.kind !== kind) {
    const wanted = kind === 'decoder' ? 'writes text' : 'scores answers'
    throw new ApiError(
      400,
      `the model ${requested} is a ${version.kind} model; this needs one that ${wanted}`,
      {
        param: 'model',
        code: 'wrong_model_kind',
      },
    )
  }
  const id = await ensureInEngine(context, version)
  return { id, name: version.model, version: version.version, kind: version.kind }
}

/** The engine's id of a version, which is made known to it where it is new. */
export async function ensureInEngine(
  { engine, config }: Pick<ServeContext, 'engine' | 'config'>,
  { model, version, dir }: Pick<ModelVersion, 'model' | 'version' | 'dir'>,
): Promise<string> {
  const id = `${model}@${version}`
  const known = engine
    .models()
    .find((each) => each.id === id || (each.id === model && each.version === version))
  if (known) return known.id
  const quantization = config.models.find((each) => each.name === model)?.quantization
  const added = await engine.add({ id, dir, ...(quantization === undefined ? {} : { quantization }) })
  if (added.version === version) return id
  await engine.remove(id)
  throw new ApiError(
    503,
    `the files of ${id} are no longer those of this version: they hold ${added.version}`,
    { param: 'model', code: 'model_changed' },
  )
}

async function unknownModel({ store }: Models, requested: string): Promise<ApiError> {
  const names = (await store.models.list()).map(({ name }) => name)
  const known = names.length === 0 ? 'there is none yet' : `there are ${names.slice(0, 20).join(', ')}`
  return new ApiError(404, `the model ${JSON.stringify(requested.slice(0, 100))} does not exist; ${known}`, {
    param: 'model',
    code: 'model_not_found',
  })
}
