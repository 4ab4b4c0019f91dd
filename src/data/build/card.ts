/** The data card: where a data set came from, what became of it, and with which settings. */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, toStorageError, writeFileAtomic } from '../../atomic.js'
import { cleaningStages } from '../clean/config.js'
import type { StageCounts, Volume } from '../clean/counts.js'
import { openShards } from '../shards.js'
import { cardMarkdown } from './card-markdown.js'
import type { BuildConfig } from './config.js'
import { readDocuments } from './document-shards.js'
import { BuildError } from './errors.js'
import type { Mixture } from './mixture.js'
import type { BuildSample, BuildState, DocumentShard } from './state.js'
import type { CorpusSummary } from './token-phase.js'

export interface CardSource {
  readonly name: string
  /** As given in the settings. */
  readonly licence: string | undefined
  /** As documents state them, with their number. */
  readonly licences: Readonly<Record<string, number>>
  readonly read: Volume
  readonly kept: Volume
  readonly passes: number
  readonly train: Volume
  readonly heldOut: Volume
  readonly skipped: number
  readonly skips: readonly string[]
  /** A chain of SHA-256 over what was read. */
  readonly digest: string
}

export interface DataCard {
  readonly version: 1
  readonly sources: readonly CardSource[]
  readonly stages: readonly (StageCounts & { readonly stage: string })[]
  readonly kept: Volume
  readonly train: Volume
  readonly heldOut: Volume
  readonly languages: Readonly<Record<string, Volume>>
  readonly corpus: CorpusSummary | undefined
  readonly documents: readonly DocumentShard[]
  readonly tokens: readonly { readonly file: string; readonly tokens: number; readonly sha256: string }[]
  readonly samples: readonly BuildSample[]
  readonly configHash: string
  readonly config: BuildConfig
}

/** Writes `data-card.json` and `data-card.md`. Nothing in them depends on the clock or the machine. */
export async function writeCard(
  dir: string,
  config: BuildConfig,
  state: BuildState,
  mixture: Mixture | undefined,
  corpus: CorpusSummary | undefined,
): Promise<DataCard> {
  const none: Volume = { documents: 0, characters: 0, bytes: 0 }
  const card: DataCard = {
    version: 1,
    sources: state.sources.map(({ finished: _, ...source }, i) => ({
      ...source,
      passes: mixture?.passes[i] ?? 0,
      train: mixture?.bySource[i]?.train ?? none,
      heldOut: mixture?.bySource[i]?.heldOut ?? none,
    })),
    stages: cleaningStages.flatMap((stage) => {
      const counts = state.counts[stage]
      return counts === undefined ? [] : [{ stage, ...counts }]
    }),
    kept: sum(state.sources.map(({ kept }) => kept)),
    train: mixture?.train ?? none,
    heldOut: mixture?.heldOut ?? none,
    languages: Object.fromEntries(
      Object.entries(state.languages).sort(([a, x], [b, y]) => y.bytes - x.bytes || (a < b ? -1 : 1)),
    ),
    corpus,
    documents: state.shards,
    tokens: corpus === undefined ? [] : tokenFiles(dir),
    samples: await nameKept(dir, state),
    configHash: state.configHash,
    config,
  }
  await writeFileAtomic(join(dir, 'data-card.json'), `${JSON.stringify(card, null, 2)}\n`)
  await writeFileAtomic(join(dir, 'data-card.md'), cardMarkdown(card))
  return card
}

/** The card of a data set. @throws BuildError where there is none */
export async function readCard(dir: string): Promise<DataCard> {
  const path = join(dir, 'data-card.json')
  try {
    const card = JSON.parse(await readFile(path, 'utf8')) as DataCard
    if (card.version === 1) return card
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') {
      throw new BuildError(
        'build-damaged',
        `${dir} holds no finished data set (data-card.json is not there); build it first`,
        { cause: error },
      )
    }
    if (!(error instanceof SyntaxError)) throw toStorageError(error, 'read', path)
  }
  throw new BuildError('build-damaged', `${path} is not a data card of this version; build the data again`)
}

/** Reads all files of a data set and compares their sums with the card's. @throws BuildError, ShardError naming the damaged file */
export async function verifyData(dir: string, signal?: AbortSignal): Promise<void> {
  const card = await readCard(dir)
  for (const { file, sha256 } of card.documents) {
    const hash = createHash('sha256')
    try {
      for await (const chunk of createReadStream(join(dir, file), { highWaterMark: 1 << 20, signal }))
        hash.update(chunk)
    } catch (error) {
      signal?.throwIfAborted()
      throw toStorageError(error, 'read', join(dir, file))
    }
    if (hash.digest('hex') !== sha256)
      throw new BuildError(
        'build-damaged',
        `${join(dir, file)} is damaged (its SHA-256 differs); build again`,
      )
  }
  if (card.corpus === undefined) return
  for (const part of ['train', 'heldout']) {
    const shards = openShards(join(dir, part))
    try {
      await shards.verify(signal)
    } finally {
      shards.close()
    }
  }
}

function sum(volumes: readonly Volume[]): Volume {
  const total = { documents: 0, characters: 0, bytes: 0 }
  for (const { documents, characters, bytes } of volumes) {
    total.documents += documents
    total.characters += characters
    total.bytes += bytes
  }
  return total
}

function tokenFiles(dir: string): DataCard['tokens'] {
  return ['train', 'heldout'].flatMap((part) => {
    const shards = openShards(join(dir, part))
    shards.close()
    return shards.headers.map(({ count, sha256 }, i) => ({
      file: `${part}/tokens-${String(i).padStart(5, '0')}.bin`,
      tokens: count,
      sha256,
    }))
  })
}

/** Duplicates name the document that was kept instead. */
async function nameKept(dir: string, state: BuildState): Promise<BuildSample[]> {
  const wanted = new Map<number, string>()
  for (const { keptNumber } of state.samples) if (keptNumber !== undefined) wanted.set(keptNumber, '')
  let start = 0
  for (const { file, documents } of state.shards) {
    const here = [...wanted.keys()].filter((number) => number >= start && number < start + documents)
    if (here.length > 0) {
      let number = start
      const last = Math.max(...here)
      for await (const { id } of readDocuments(join(dir, file))) {
        if (wanted.has(number)) wanted.set(number, id)
        if (++number > last) break
      }
    }
    start += documents
  }
  return state.samples.map(({ keptNumber, ...sample }) => {
    if (keptNumber === undefined) return sample
    return { ...sample, detail: `the same as ${wanted.get(keptNumber)}, which was kept` }
  })
}
