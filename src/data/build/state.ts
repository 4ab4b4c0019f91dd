/** What a build remembers between commits: enough to go on after the process was killed at any moment. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, toStorageError, writeFileAtomic } from '../../atomic.js'
import type { CountsByStage, Sample, Volume } from '../clean/counts.js'
import { BuildError } from './errors.js'

export interface DocumentShard {
  readonly file: string
  readonly documents: number
  readonly bytes: number
  readonly sha256: string
}

export interface SourceState {
  readonly name: string
  readonly licence: string | undefined
  /** Licences that documents of it state, with their number. */
  licences: Record<string, number>
  read: Volume
  kept: Volume
  /** Records that gave no document. */
  skipped: number
  skips: string[]
  /** A chain of SHA-256 over the batches read: equal for equal input. */
  digest: string
  finished: boolean
}

export interface BuildState {
  readonly version: 1
  readonly configHash: string
  phase: 'clean' | 'tokens' | 'done'
  /** Where reading goes on: a source, and the position of its last document that is done with. */
  cursor: { source: number; position?: string }
  readonly shards: DocumentShard[]
  readonly sources: SourceState[]
  counts: CountsByStage
  samples: BuildSample[]
  languages: Record<string, Volume>
}

/** For duplicates: the number of the document that was kept. */
export type BuildSample = Sample & { readonly keptNumber?: number }

const FILE = 'build.json'

export async function readState(directory: string): Promise<BuildState | undefined> {
  const path = join(directory, FILE)
  try {
    const state = JSON.parse(await readFile(path, 'utf8')) as BuildState
    if (state.version === 1) return state
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    if (!(error instanceof SyntaxError)) throw toStorageError(error, 'read', path)
  }
  throw new BuildError('build-damaged', `${path} is not the state of a build; build again with overwrite`)
}

export async function writeState(directory: string, state: BuildState): Promise<void> {
  await writeFileAtomic(join(directory, FILE), `${JSON.stringify(state)}\n`)
}
