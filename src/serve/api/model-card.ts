/** What a model's folder tells of it: where it comes from, what it was trained on, how it did, how large it is. */
import { open, readdir, realpath, stat } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { elementCount, openSafetensors } from '../../hub/index.js'
import { objectOf, readJson } from '../runs/folders.js'
import type { Workspace } from '../runs/index.js'
import type { TarFile } from './tar.js'

export interface ModelCard {
  /** Of the weights and what belongs to them. */
  readonly bytes: number
  readonly parameters?: number
  readonly contextLength?: number
  readonly architecture?: string
  readonly licence?: string
  readonly lineage: Readonly<Record<string, unknown>>
  readonly scores: Readonly<Record<string, unknown>>
  /** The folder is no longer there. */
  readonly missing?: boolean
}

/** What makes a model, by name: nothing else in a folder leaves the machine. */
const modelFile =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|model(-\d{5}-of-\d{5})?\.safetensors\.index|model\.safetensors\.index)\.json$|^model(-\d{5}-of-\d{5})?\.safetensors$|^(merges\.txt|chat_template\.jinja|README\.md|LICENSE(\.md|\.txt)?|NOTICE|report\.md)$/

/** The files of a model, as they are exported: regular ones of known names, and links that stay in the folder. */
export async function modelFiles(dir: string): Promise<(TarFile & { readonly bytes: number })[]> {
  const entries = await readdir(dir).catch(() => [])
  const base = await realpath(dir).catch(() => dir)
  const files = await Promise.all(
    entries
      .filter((name) => modelFile.test(name))
      .sort()
      .map(async (name) => {
        try {
          const path = await realpath(join(dir, name))
          const found = await stat(path)
          return found.isFile() && path.startsWith(base + sep) ? [{ path, name, bytes: found.size }] : []
        } catch {
          return []
        }
      }),
  )
  return files.flat()
}

/** Never throws: what cannot be read is left out. */
export async function readModelCard(dir: string, workspace: Workspace | undefined): Promise<ModelCard> {
  const [files, config, trainer, reward, report] = await Promise.all([
    modelFiles(dir),
    readJson(join(dir, 'config.json')),
    readJson(join(dir, 'trainer.json')),
    readJson(join(dir, 'reward.json')),
    ownReport(dir),
  ])
  const weights = files.filter(({ name }) => name.endsWith('.safetensors'))
  const counts = await Promise.all(weights.map(({ path }) => countParameters(path)))
  const parameters = counts.reduce((sum, count) => sum + count, 0)
  const context = config?.max_position_embeddings ?? config?.n_positions ?? config?.n_ctx
  const [architecture] = Array.isArray(config?.architectures) ? (config.architectures as unknown[]) : []
  const licence = await licenceOf(dir)
  return {
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    ...(parameters > 0 ? { parameters } : {}),
    ...(typeof context === 'number' ? { contextLength: context } : {}),
    ...(typeof architecture === 'string' ? { architecture } : {}),
    ...(licence === undefined ? {} : { licence }),
    lineage: lineageOf(trainer, workspace),
    scores: { ...scoresOfReport(report, trainer?.stage), ...scoresOfReward(reward) },
    ...(config === undefined && weights.length === 0 ? { missing: true } : {}),
  }
}

function lineageOf(trainer: Record<string, unknown> | undefined, workspace: Workspace | undefined) {
  if (!trainer) return {}
  const shown = (path: unknown) =>
    typeof path === 'string' ? (workspace?.show(path) ?? path.split(/[\\/]/).at(-1)) : undefined
  const { stage, step, seconds, start, inputs, data, recipe } = trainer
  const files = { ...objectOf(inputs), ...(Array.isArray(data) ? { data } : {}) }
  const read = Object.entries(files).flatMap(([role, paths]) =>
    Array.isArray(paths) && paths.length > 0 ? [[role, paths.map(shown)] as const] : [],
  )
  const { seed } = objectOf(recipe)
  return {
    ...(typeof stage === 'string' ? { stage } : {}),
    ...(typeof step === 'number' ? { steps: step } : {}),
    ...(typeof seconds === 'number' ? { seconds: Math.round(seconds) } : {}),
    ...(shown(start) === undefined ? {} : { base: shown(start) }),
    ...(typeof seed === 'number' ? { seed } : {}),
    ...(read.length > 0 ? { data: Object.fromEntries(read) } : {}),
  }
}

/** The report in the folder, or, of a part of a speedrun, the one above it. */
async function ownReport(dir: string): Promise<Record<string, unknown> | undefined> {
  return (await readJson(join(dir, 'report.json'))) ?? readJson(join(dirname(dir), 'report.json'))
}

const stageColumns: Readonly<Record<string, RegExp>> = {
  pretrain: /^(base|pretrain)/i,
  sft: /^sft/i,
  ppo: /^ppo/i,
  dpo: /^dpo/i,
  grpo: /^grpo/i,
}

/** The column of the report's table of scores that is this stage's. */
function scoresOfReport(report: Record<string, unknown> | undefined, stage: unknown) {
  const { stages, rows } = objectOf(report?.scores)
  const pattern = typeof stage === 'string' ? stageColumns[stage] : undefined
  if (!Array.isArray(stages) || !Array.isArray(rows) || !pattern) return {}
  const index = stages.findIndex((name) => typeof name === 'string' && pattern.test(name))
  if (index < 0) return {}
  const scores = rows.slice(0, 50).flatMap((row) => {
    const { suite, cells } = objectOf(row)
    const { value, low, high } = objectOf(Array.isArray(cells) ? cells[index] : undefined)
    return typeof suite === 'string' && typeof value === 'number'
      ? [[suite, { value, low, high }] as const]
      : []
  })
  return Object.fromEntries(scores)
}

function scoresOfReward(reward: Record<string, unknown> | undefined) {
  const { value, low, high } = objectOf(reward?.accuracy)
  return typeof value === 'number' ? { 'accuracy on held-out pairs': { value, low, high } } : {}
}

/** From the front matter of README.md, as model hubs have it, or the first line of LICENSE. */
async function licenceOf(dir: string): Promise<string | undefined> {
  const readme = await head(join(dir, 'README.md'))
  const [, matter] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(readme) ?? []
  const [, named] = /^licen[sc]e:\s*["']?([^"'\r\n]{1,100})/m.exec(matter ?? '') ?? []
  if (named) return named.trim()
  const [first] = (await head(join(dir, 'LICENSE'))).trim().split('\n')
  return first ? first.trim().slice(0, 100) : undefined
}

async function head(path: string): Promise<string> {
  const handle = await open(path, 'r').catch(() => undefined)
  if (!handle) return ''
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } catch {
    return ''
  } finally {
    await handle.close()
  }
}

/** Elements of all tensors, from the header of a safetensors file; 0 where it cannot be read. */
async function countParameters(path: string): Promise<number> {
  try {
    const { entries, close } = await openSafetensors(path)
    await close()
    return [...entries.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0)
  } catch {
    return 0
  }
}
