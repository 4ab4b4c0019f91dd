/**
 * The first run: from a corpus to a model that writes, in minutes, on two CPU cores.
 *
 * The World Factbook (or the user's own text) becomes documents; a tokenizer is trained on them; this machine's speed decides
 * how many steps fit into the time; a small GPT is trained; what it writes is shown before and after.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { listTextFiles } from '../data/index.js'
import { findLatestCheckpoint } from '../hub/index.js'
import { nodeDevice } from '../tensor/device/node.js'
import {
  findPreset,
  measureStep,
  type OnEvent,
  type PretrainResult,
  parseRecipe,
  pretrain,
  readProgress,
  resumePretrain,
} from '../train/index.js'
import { createSampler } from './sample.js'

export interface StartOptions {
  /** Text files, JSON Lines or folders. Default: the World Factbook. */
  readonly data?: readonly string[]
  /** The run folder. An unfinished run in it goes on; beside a finished one a new folder is made. */
  readonly out: string
  /** Time to train, about. Default 8. */
  readonly minutes?: number
  readonly seed?: number
  readonly threads?: number
  readonly signal?: AbortSignal
  readonly onEvent?: OnEvent
}

/** Beginnings as they stand in the documents of the Factbook. */
const FACTBOOK_PROMPTS = ['# Iceland\n\n## Introduction\n\nBackground:', 'Population:']

/** Epochs past which a small text is only learnt by heart. */
const MAX_EPOCHS = 20

export async function start(options: StartOptions): Promise<PretrainResult> {
  const { data, minutes = 8, seed, threads, signal, onEvent = () => {} } = options
  const shared = {
    ...(threads === undefined ? {} : { threads }),
    ...(signal ? { signal } : {}),
    onEvent,
    sample: createSampler(data === undefined ? FACTBOOK_PROMPTS : ['']),
  }
  const { dir, unfinished } = await chooseFolder(options.out, data)
  if (unfinished) {
    onEvent({ type: 'message', text: `going on with the unfinished run in ${dir}` })
    return resumePretrain(dir, shared)
  }

  const bytes = data === undefined ? undefined : await totalBytes(data)
  const base = { ...findPreset('start').recipe, ...(seed === undefined ? {} : { seed }), ...sizedFor(bytes) }
  onEvent({ type: 'message', text: 'measuring how fast this machine trains' })
  const recipe = parseRecipe(base)
  const vocabSize = recipe.tokenizer === 'char' ? 256 : Number(recipe.tokenizer.slice(4))
  const seconds = await measureStep(
    recipe,
    vocabSize,
    nodeDevice('cpu', threads === undefined ? {} : { threads }),
  )
  const affordable = Math.max(20, Math.floor((minutes * 60) / seconds))
  const useful = Math.ceil(
    (MAX_EPOCHS * (bytes ?? Number.POSITIVE_INFINITY)) /
      bytesPerToken(recipe.tokenizer) /
      (recipe.batchSize * recipe.contextLength),
  )
  const steps = Math.max(20, Math.min(affordable, useful))
  onEvent({
    type: 'message',
    text: `a step takes ${Math.round(seconds * 1000)} ms: ${steps} steps, about ${Math.ceil((steps * seconds) / 60)} min`,
  })

  return pretrain({
    ...shared,
    out: dir,
    preset: 'start',
    ...(data === undefined ? {} : { data }),
    overrides: {
      ...base,
      steps,
      evalEvery: Math.ceil(steps / 6),
      checkpointEvery: Math.max(50, Math.ceil(steps / 6)),
    },
  })
}

async function chooseFolder(
  out: string,
  data: readonly string[] | undefined,
): Promise<{ dir: string; unfinished: boolean }> {
  for (let attempt = 1; ; attempt++) {
    const dir = attempt === 1 ? out : `${out}-${attempt}`
    const { latest } = await findLatestCheckpoint(dir, 'size')
    if (!latest) {
      const used = await stat(join(dir, 'metrics.jsonl')).catch(() => undefined)
      if (!used?.size) return { dir, unfinished: false }
      continue
    }
    const progress = await readProgress(latest)
    const sameData = JSON.stringify(progress.data) === JSON.stringify(data)
    if (progress.step < progress.recipe.steps && sameData) return { dir, unfinished: true }
  }
}

async function totalBytes(paths: readonly string[]): Promise<number> {
  const sizes = await Promise.all((await listTextFiles(paths)).map(async (path) => (await stat(path)).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** Less text bears a smaller vocabulary and a shorter context. */
function sizedFor(bytes: number | undefined): { tokenizer?: string; contextLength?: number } {
  if (bytes === undefined || bytes >= 2_000_000) return {}
  if (bytes >= 300_000) return { tokenizer: 'bpe:1024' }
  if (bytes >= 50_000) return { tokenizer: 'bpe:512', contextLength: 128 }
  return { tokenizer: 'char', contextLength: 64 }
}

function bytesPerToken(tokenizer: string): number {
  return tokenizer === 'char' ? 1 : 2.5
}
