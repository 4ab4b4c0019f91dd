/** A training run on disk: the model as everyone reads it, the optimizer beside it, and where the run stands. */
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
import { configFromHf, configToHf, type GptConfig, weightsFromHf, weightsToHf } from '../models/index.js'
import type { OptimizerState } from '../optim/index.js'
import { leavesWithPaths, mapTree, NDArray, type Tree } from '../tensor/index.js'
import type { Tokenizer } from '../text/index.js'
import { TrainError } from './errors.js'
import { recipeSchema } from './recipe.js'
import type { TrainState } from './training-step.js'

const progressSchema = z.object({
  stage: z.literal('pretrain'),
  step: z.number().int().nonnegative(),
  recipe: recipeSchema,
  /** The user's files; absent for the bundled corpus. */
  data: z.array(z.string()).readonly().optional(),
  heldOutBytes: z.number().positive(),
  seconds: z.number().nonnegative(),
  runtime: z.record(z.string(), z.string()),
})

/** `trainer.json`: everything beside the tensors that resuming needs. */
export type Progress = z.output<typeof progressSchema>

/** Saves a complete checkpoint: all of its files or none. */
export async function saveCheckpoint(
  run: RunDirectory,
  { config, tokenizer }: { config: GptConfig; tokenizer: Tokenizer },
  state: TrainState,
  progress: Progress,
): Promise<CheckpointInfo> {
  const special = { bosId: tokenizer.bosId, eosId: tokenizer.eosId }
  const params = await toHost(state.params)
  const optimizer = await toHost(
    Object.fromEntries(leavesWithPaths<NDArray>(state.optimizer as Tree<NDArray>)),
  )
  const tokenizerFiles = ['tokenizer.json', 'tokenizer_config.json'].map((name) => [
    name,
    async (path: string) => writeFileAtomic(path, await readFile(join(run.dir, 'data', name))),
  ])
  return run.saveCheckpoint(progress.step, {
    'config.json': (path) =>
      writeFileAtomic(path, `${JSON.stringify(configToHf(config, special), null, 2)}\n`),
    'model.safetensors': (path) =>
      writeSafetensors(path, weightsToHf(config, params), { metadata: { format: 'pt' } }),
    'optimizer.safetensors': (path) => writeSafetensors(path, optimizer as Record<string, HubTensor>),
    'trainer.json': (path) => writeFileAtomic(path, `${JSON.stringify(progress, null, 2)}\n`),
    ...Object.fromEntries(tokenizerFiles),
  })
}

/** The arrays with their elements on the host. */
async function toHost(arrays: Readonly<Record<string, NDArray>>): Promise<Record<string, NDArray>> {
  const entries = Object.entries(arrays).map(
    async ([name, array]) => [name, new NDArray(array.dtype, array.shape, await array.read())] as const,
  )
  return Object.fromEntries(await Promise.all(entries))
}

/** `trainer.json` of a checkpoint. @throws TrainError when it is not one of a pretraining run */
export async function readProgress(checkpoint: CheckpointInfo): Promise<Progress> {
  const path = checkpoint.path('trainer.json')
  const parsed = progressSchema.safeParse(parseJson(await readFile(path, 'utf8'), path))
  if (!parsed.success) {
    throw new TrainError(
      'resume',
      `${path} is not the state of a pretraining run: ${z.prettifyError(parsed.error)}`,
    )
  }
  return parsed.data
}

/** The tensors of a checkpoint, in the structure of a fresh optimizer state. @throws TrainError when they do not fit */
export async function loadState(
  checkpoint: CheckpointInfo,
  freshOptimizer: (params: TrainState['params']) => OptimizerState<NDArray>,
): Promise<{ config: GptConfig; state: TrainState }> {
  const configPath = checkpoint.path('config.json')
  const json = parseJson(await readFile(configPath, 'utf8'), configPath) as Record<string, unknown>
  const config = configFromHf(json, configPath)
  const weights = await openSafetensors(checkpoint.path('model.safetensors'))
  let params: Record<string, NDArray>
  try {
    const shapes = new Map([...weights.entries].map(([name, { shape }]) => [name, shape]))
    const read = async (name: string) => toFloat32(await weights.read(name))
    params = await weightsFromHf(json, { shapes, read }, { origin: checkpoint.path('model.safetensors') })
  } finally {
    await weights.close()
  }
  const path = checkpoint.path('optimizer.safetensors')
  const saved = await loadTensors(path)
  const optimizer = mapTree(freshOptimizer(params) as Tree<NDArray>, (like, name) => {
    const tensor = saved[name]
    if (tensor?.dtype !== like.dtype || tensor.shape.join() !== like.shape.join()) {
      throw new TrainError(
        'resume',
        `${path} has no tensor '${name}' of ${like.dtype}[${like.shape.join(', ')}]; it belongs to another run or another version`,
      )
    }
    return new NDArray(like.dtype, like.shape, tensor.data as Float32Array)
  })
  return { config, state: { params, optimizer: optimizer as OptimizerState<NDArray> } }
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
