/** The files of a model: which version they are, and whether they are still the same. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { readModelDirectory } from '../../hub/index.js'
import { configFromHf, gptConfig, isRewardConfig, rewardConfigFromHf } from '../../models/index.js'
import { InferError } from '../errors.js'

/** What makes a model: configuration, weights, tokenizer and chat template. */
const PARTS =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|vocab)\.json$|^chat_template\.(jinja|json)$|^merges\.txt$|^model([-.].*)?\.safetensors(\.index\.json)?$|^tok(enizer|\d+)\.bin$/

export interface ModelFiles {
  readonly kind: 'decoder' | 'reward'
  readonly version: string
  /** Unix seconds. */
  readonly created: number
  readonly contextLength: number
  readonly vocabSize: number
  readonly parameters: number
  /** Changes whenever a file was touched. */
  readonly fingerprint: string
}

/**
 * Reads what is to be known of a model without loading it.
 * @throws ModelDirectoryError, ModelError, SafetensorsError, StorageError
 */
export async function inspectModel(dir: string): Promise<ModelFiles> {
  const fingerprint = await fingerprintOf(dir)
  const folder = await readModelDirectory(dir)
  try {
    const isReward = isRewardConfig(folder.config)
    const source = join(folder.dir, 'config.json')
    const config = isReward ? rewardConfigFromHf(folder.config, source) : configFromHf(folder.config, source)
    const { contextLength, vocabSize } = gptConfig(config)
    const shapes = [...folder.tensors.entries.values()].map(({ shape }) => shape)
    const parameters = shapes.reduce((sum, shape) => sum + shape.reduce((size, axis) => size * axis, 1), 0)
    const paths = [...new Map((await partsOf(dir)).map((name) => [name, join(dir, name)]))]
    // A run is read through its newest checkpoint; what is missing there is the run's own.
    const inside = (await partsOf(folder.dir)).map((name) => [name, join(folder.dir, name)] as const)
    const files = new Map([...paths, ...inside])
    const hash = createHash('sha256')
    let created = 0
    for (const [name, path] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
      hash.update(`${name}\n`)
      await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), async (chunks) => {
        for await (const chunk of chunks) hash.update(chunk as Buffer)
      })
      if (name.endsWith('.safetensors'))
        created = Math.max(created, Math.floor((await stat(path)).mtimeMs / 1000))
    }
    const version = hash.digest('hex').slice(0, 16)
    const kind = isReward ? 'reward' : 'decoder'
    return { kind, version, created, contextLength, vocabSize, parameters, fingerprint }
  } finally {
    await folder.close()
  }
}

/** Names, sizes and times of a model's files (and of a run's checkpoints). @throws InferError `infer/model` where they cannot be seen */
export async function fingerprintOf(dir: string): Promise<string> {
  try {
    const seen = await Promise.all(
      (await partsOf(dir)).map(async (name) => {
        const { size, mtimeMs, ino } = await stat(join(dir, name))
        return `${name} ${size} ${mtimeMs} ${ino}`
      }),
    )
    const checkpoints = await readdir(join(dir, 'checkpoints')).catch(() => [])
    return [...seen, ...checkpoints.sort()].join('\n')
  } catch (error) {
    throw new InferError(
      'infer/model',
      `the files of the model in ${dir} cannot be read any more (${(error as Error).message}); put them back, or remove the model`,
      { cause: error },
    )
  }
}

async function partsOf(dir: string): Promise<string[]> {
  return (await readdir(dir).catch(() => [])).filter((name) => PARTS.test(name)).sort()
}
