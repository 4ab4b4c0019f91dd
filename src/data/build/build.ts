/**
 * `athanor data build`: sources, cleaning, duplicates, document shards, tokenizer, token shards, data card.
 *
 *     DIR/documents/documents-00000.jsonl   what was kept, a document a line
 *     DIR/tokenizer.json, train/, heldout/, corpus.json    as training reads them
 *     DIR/data-card.md, data-card.json      where it came from and what became of it
 *     DIR/build.json, .work/                to go on after an interruption
 */
import { readdir, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { cleanTemporaries, makeDirectory } from '../../atomic.js'
import { emptyVolume } from '../clean/counts.js'
import { type DataCard, readCard, writeCard } from './card.js'
import { cleanSources } from './clean-phase.js'
import { type BuildConfig, configHash, parseBuild } from './config.js'
import { BuildError } from './errors.js'
import type { OnBuildEvent } from './events.js'
import { lockFolder } from './lock.js'
import { planMixture } from './mixture.js'
import { type BuildState, readState, writeState } from './state.js'
import { writeTokens } from './token-phase.js'

export interface BuildOptions {
  readonly out: string
  /** See `buildSchema`. */
  readonly config: unknown
  /** Worker threads; 0 does everything in this one. Default: the cores of the machine. The result does not depend on it. */
  readonly workers?: number
  /** Throws away what another build left in the folder. */
  readonly overwrite?: boolean
  readonly signal?: AbortSignal
  readonly onEvent?: OnBuildEvent
}

export interface BuildResult {
  readonly dir: string
  readonly card: DataCard
  /** It was all there already. */
  readonly wasDone: boolean
}

/**
 * Builds a data set, or goes on with one of the same settings that was interrupted, at any moment and in any way. The same input
 * and settings give the same files, byte for byte, whatever the number of workers.
 *
 * @throws DataError, BuildError, TokenizerError, StorageError; the signal's reason
 */
export async function buildData(options: BuildOptions): Promise<BuildResult> {
  const { out: dir, overwrite = false, signal, onEvent } = options
  const config = parseBuild(options.config)
  const workers = options.workers ?? availableParallelism()
  await makeDirectory(dir)
  const unlock = await lockFolder(dir)
  try {
    await cleanTemporaries(dir, { all: true })
    const state = await openState(dir, config, overwrite)
    if (state.phase === 'done') return { dir, card: await readCard(dir), wasDone: true }
    await makeDirectory(join(dir, '.work'))
    await makeDirectory(join(dir, 'documents'))
    await cleanTemporaries(join(dir, 'documents'), { all: true })
    await cleanTemporaries(join(dir, '.work'), { all: true })
    const phase = { dir, config, state, workers, signal, onEvent }
    if (state.phase === 'clean') {
      await cleanSources(phase)
      state.phase = 'tokens'
      await writeState(dir, state)
    }
    const mixture =
      config.tokenizer === 'none' && state.shards.length === 0
        ? undefined
        : await planOrExplain(dir, config, state)
    const corpus = config.tokenizer === 'none' || !mixture ? undefined : await writeTokens(phase, mixture)
    const card = await writeCard(dir, config, state, mixture, corpus)
    state.phase = 'done'
    await writeState(dir, state)
    await rm(join(dir, '.work'), { recursive: true, force: true })
    return { dir, card, wasDone: false }
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    await unlock()
  }
}

/** A build that dropped everything still says why. */
async function planOrExplain(dir: string, config: BuildConfig, state: BuildState) {
  try {
    return await planMixture(dir, config, state)
  } catch (error) {
    if (error instanceof BuildError && error.code === 'build-empty')
      await writeCard(dir, config, state, undefined, undefined)
    throw error
  }
}

async function openState(dir: string, config: BuildConfig, overwrite: boolean): Promise<BuildState> {
  const hash = configHash(config)
  const found = overwrite ? undefined : await readState(dir)
  if (found?.configHash === hash) return found
  if (found)
    throw new BuildError(
      'build-exists',
      `${dir} holds a data set that was built with other settings; choose another folder, or replace it with overwrite`,
    )
  const there = (await readdir(dir)).filter((name) => name !== 'build.lock')
  if (there.length > 0) {
    if (!overwrite) {
      throw new BuildError(
        'build-exists',
        `${dir} is not empty and holds no data set; choose another folder, or replace what is there with overwrite`,
      )
    }
    for (const name of OURS) await rm(join(dir, name), { recursive: true, force: true })
  }
  const state: BuildState = {
    version: 1,
    configHash: hash,
    phase: 'clean',
    cursor: { source: 0 },
    shards: [],
    sources: config.sources.map(({ name, licence }) => ({
      name,
      licence,
      licences: {},
      read: emptyVolume(),
      kept: emptyVolume(),
      skipped: 0,
      skips: [],
      digest: '',
      finished: false,
    })),
    counts: {},
    samples: [],
    languages: {},
  }
  await writeState(dir, state)
  return state
}

/** What a build makes; nothing else in its folder is ever removed. */
const OURS = [
  'documents',
  'train',
  'heldout',
  '.work',
  'build.json',
  'corpus.json',
  'data-card.json',
  'data-card.md',
  'tokenizer.json',
  'tokenizer_config.json',
]
