/** A training run on disk: the model as everyone reads it, further tensors beside it, and where the run stands. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writeFileAtomic } from '../atomic.js'
import {
  type CheckpointInfo,
  type HubTensor,
  openSafetensors,
  type RunDirectory,
  toFloat32,
  writeSafetensors,
} from '../hub/index.js'
import {
  configFromHf,
  configToHf,
  type GptConfig,
  rewardConfigToHf,
  rewardWeightsToHf,
  weightsFromHf,
  weightsToHf,
} from '../models/index.js'
import { leavesWithPaths, mapTree, NDArray, type Tree } from '../tensor/index.js'
import type { Tokenizer } from '../text/index.js'
import { TrainError } from './errors.js'
import { recipeSchema } from './recipe.js'
import type { Weights } from './training-step.js'

/** What `trainer.json` holds of every stage: all beside the tensors that resuming needs. */
export const stageProgress = {
  step: z.number().int().nonnegative(),
  /** Of training so far, over all sessions. */
  seconds: z.number().nonnegative(),
  runtime: z.record(z.string(), z.string()),
}

const progressSchema = z.object({
  stage: z.literal('pretrain'),
  ...stageProgress,
  recipe: recipeSchema,
  /** The user's files; absent for the bundled corpus. */
  data: z.array(z.string()).readonly().optional(),
  heldOutBytes: z.number().positive(),
})

/** `trainer.json` of a pretraining run. */
export type Progress = z.output<typeof progressSchema>

export interface Snapshot {
  readonly config: GptConfig
  readonly tokenizer: Tokenizer
  readonly params: Weights
  /** Ids that end the assistant's turn, for `generation_config.json`; absent for a model that does not chat. */
  readonly stopIds?: readonly number[]
  /** Other tensors, each under `<name>.safetensors`: the optimizer's state, a critic. */
  readonly groups?: Readonly<Record<string, Tree<NDArray>>>
  /** `trainer.json`. */
  readonly progress: { readonly step: number; readonly [field: string]: unknown }
}

/** Saves a complete checkpoint: all of its files or none. The tokenizer's files are those in `data/` of the run. */
export async function saveCheckpoint(run: RunDirectory, snapshot: Snapshot): Promise<CheckpointInfo> {
  const { config, tokenizer, stopIds, groups = {}, progress } = snapshot
  const special = { bosId: tokenizer.bosId, eosId: tokenizer.eosId }
  const params = await toHost(snapshot.params)
  const flat: [string, Record<string, NDArray>][] = []
  for (const [name, tree] of Object.entries(groups)) {
    flat.push([name, await toHost(Object.fromEntries(leavesWithPaths<NDArray>(tree)))])
  }
  const tokenizerFiles = ['tokenizer.json', 'tokenizer_config.json'].map((name) => [
    name,
    async (path: string) => writeFileAtomic(path, await readFile(join(run.dir, 'data', name))),
  ])
  const groupFiles = flat.map(([name, tensors]) => [
    `${name}.safetensors`,
    (path: string) => writeSafetensors(path, tensors as Record<string, HubTensor>),
  ])
  const [json, weights] =
    'score.weight' in params
      ? [rewardConfigToHf(config, special), rewardWeightsToHf(config, params)]
      : [configToHf(config, special), weightsToHf(config, params)]
  return run.saveCheckpoint(progress.step, {
    'config.json': (path) => writeFileAtomic(path, `${JSON.stringify(json, null, 2)}\n`),
    'model.safetensors': (path) => writeSafetensors(path, weights, { metadata: { format: 'pt' } }),
    'trainer.json': (path) => writeFileAtomic(path, `${JSON.stringify(progress, null, 2)}\n`),
    ...(stopIds && {
      'generation_config.json': (path: string) =>
        writeFileAtomic(
          path,
          `${JSON.stringify({ bos_token_id: tokenizer.bosId, eos_token_id: stopIds }, null, 2)}\n`,
        ),
    }),
    ...Object.fromEntries(tokenizerFiles),
    ...Object.fromEntries(groupFiles),
  })
}

/** The arrays with their elements on the host. */
async function toHost(arrays: Readonly<Record<string, NDArray>>): Promise<Record<string, NDArray>> {
  const entries = Object.entries(arrays).map(
    async ([name, array]) => [name, new NDArray(array.dtype, array.shape, await array.read())] as const,
  )
  return Object.fromEntries(await Promise.all(entries))
}

/** `trainer.json` of a checkpoint of pretraining. @throws TrainError when it is another stage's */
export function readProgress(checkpoint: CheckpointInfo): Promise<Progress> {
  return readTrainerState(checkpoint, progressSchema)
}

/** @throws TrainError `train/resume` when `trainer.json` is not what the schema describes */
export async function readTrainerState<S extends z.ZodType>(
  checkpoint: CheckpointInfo,
  schema: S,
): Promise<z.output<S>> {
  const path = checkpoint.path('trainer.json')
  const state = parseJson(await readFile(path, 'utf8'), path)
  const parsed = schema.safeParse(state)
  if (!parsed.success) {
    const other = parsed.error.issues.find(({ path }) => path.join() === 'stage')
    if (other) {
      const { stage } = state as { readonly stage?: unknown }
      const hint = typeof stage === 'string' ? `; go on with it as athanor ${stage} --resume` : ''
      throw new TrainError(
        'resume',
        `${checkpoint.dir} is no checkpoint of this stage: ${other.message}${hint}`,
      )
    }
    throw new TrainError('resume', `${path} is not the state of this stage: ${z.prettifyError(parsed.error)}`)
  }
  return parsed.data
}

/** The model of a checkpoint. */
export async function loadWeights(
  checkpoint: CheckpointInfo,
): Promise<{ config: GptConfig; params: Record<string, NDArray> }> {
  const configPath = checkpoint.path('config.json')
  const json = parseJson(await readFile(configPath, 'utf8'), configPath) as Record<string, unknown>
  const config = configFromHf(json, configPath)
  const weights = await openSafetensors(checkpoint.path('model.safetensors'))
  try {
    const shapes = new Map([...weights.entries].map(([name, { shape }]) => [name, shape]))
    const read = async (name: string) => toFloat32(await weights.read(name))
    const origin = checkpoint.path('model.safetensors')
    return { config, params: await weightsFromHf(json, { shapes, read }, { origin }) }
  } finally {
    await weights.close()
  }
}

/** Tensors saved as a group, in the structure of a fresh tree. @throws TrainError when they do not fit */
export async function loadGroup<T extends Tree<NDArray>>(
  checkpoint: CheckpointInfo,
  name: string,
  fresh: T,
): Promise<T> {
  const path = checkpoint.path(`${name}.safetensors`)
  const saved = await loadTensors(path)
  return mapTree(fresh as Tree<NDArray>, (like, key) => {
    const tensor = saved[key]
    if (tensor?.dtype !== like.dtype || tensor.shape.join() !== like.shape.join()) {
      throw new TrainError(
        'resume',
        `${path} has no tensor '${key}' of ${like.dtype}[${like.shape.join(', ')}]; it belongs to another run or another version`,
      )
    }
    return new NDArray(like.dtype, like.shape, tensor.data as Float32Array)
  }) as T
}

async function loadTensors(path: string): Promise<Record<string, HubTensor>> {
  const file = await openSafetensors(path)
  try {
    const tensors: Record<string, HubTensor> = Object.create(null)
    for (const name of file.entries.keys()) tensors[name] = await file.read(name)
    return tensors
  } finally {
    await file.close()
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new TrainError('resume', `${path} is not JSON: ${(error as Error).message}`)
  }
}
