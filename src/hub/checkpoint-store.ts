import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { constants, copyFile, link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import {
  errorCode,
  renameOver,
  syncDirectory,
  temporaryName,
  toStorageError,
  writeDirectoryAtomic,
} from '../atomic.js'

/**
 * Checkpoint folders: `checkpoints/step-000123/` holds the files of one moment and a manifest of their sizes and SHA-256
 * sums. A folder appears whole or not at all; a reader trusts only what its manifest confirms.
 */

export const CHECKPOINTS_FOLDER = 'checkpoints'
export const MANIFEST_NAME = 'checkpoint.json'
const STEP_FOLDER = /^step-(\d{6,})$/

const manifestSchema = z.object({
  format: z.literal('athanor-checkpoint-1'),
  step: z.int().nonnegative(),
  /** How long `metrics.jsonl` was: what comes after is of steps that will be run again. */
  metricsBytes: z.int().nonnegative().optional(),
  files: z.record(
    z.string(),
    z.object({ bytes: z.int().nonnegative(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  ),
})

export type CheckpointManifest = z.infer<typeof manifestSchema>

/** A checkpoint whose every file is there as it was written. */
export interface CheckpointInfo {
  readonly step: number
  /** The folder; read the files from here, not from the mirror at the top of the run. */
  readonly dir: string
  readonly manifest: CheckpointManifest
  /** The full path of one of its files. */
  path(name: string): string
}

/** A checkpoint folder that cannot be used, and why. */
export interface SkippedCheckpoint {
  readonly dir: string
  readonly reason: string
}

export function stepFolder(step: number): string {
  return `step-${String(step).padStart(6, '0')}`
}

/** The steps that have a folder, newest first. */
export async function listSteps(checkpoints: string): Promise<number[]> {
  let names: string[]
  try {
    names = await readdir(checkpoints)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw toStorageError(error, 'list', checkpoints)
  }
  return names
    .flatMap((name) => STEP_FOLDER.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a)
}

/**
 * Writes one checkpoint folder. `writers` fill the files, each given its path.
 *
 * @returns the checkpoint as it now stands on disk
 */
export async function writeCheckpoint(
  checkpoints: string,
  step: number,
  writers: Readonly<Record<string, (path: string) => Promise<void>>>,
  metricsBytes: number,
): Promise<CheckpointInfo> {
  const dir = join(checkpoints, stepFolder(step))
  const manifest: CheckpointManifest = { format: 'athanor-checkpoint-1', step, metricsBytes, files: {} }
  await writeDirectoryAtomic(dir, async (folder) => {
    for (const [name, write] of Object.entries(writers)) {
      const path = join(folder, name)
      await write(path)
      manifest.files[name] = { bytes: (await stat(path)).size, sha256: await sha256(path) }
    }
    const handle = await open(join(folder, MANIFEST_NAME), 'wx')
    await handle.writeFile(`${JSON.stringify(manifest, null, 2)}\n`)
    await handle.close()
  })
  return checkpointInfo(dir, manifest)
}

/**
 * The newest checkpoint that is complete and verified, and what was passed over on the way to it.
 *
 * @param verify 'hash' reads every byte; 'size' looks at sizes only
 */
export async function findLatestCheckpoint(
  runDirectory: string,
  verify: 'hash' | 'size' = 'hash',
): Promise<{ latest: CheckpointInfo | undefined; skipped: SkippedCheckpoint[] }> {
  const checkpoints = join(runDirectory, CHECKPOINTS_FOLDER)
  const skipped: SkippedCheckpoint[] = []
  for (const step of await listSteps(checkpoints)) {
    const dir = join(checkpoints, stepFolder(step))
    const result = await verifyCheckpoint(dir, step, verify)
    if (typeof result !== 'string') return { latest: result, skipped }
    skipped.push({ dir, reason: result })
  }
  return { latest: undefined, skipped }
}

/** The checkpoint, or the reason why it cannot be used. */
async function verifyCheckpoint(
  dir: string,
  step: number,
  verify: 'hash' | 'size',
): Promise<CheckpointInfo | string> {
  let manifest: CheckpointManifest
  try {
    const parsed = manifestSchema.safeParse(JSON.parse(await readFile(join(dir, MANIFEST_NAME), 'utf8')))
    if (!parsed.success)
      return `its ${MANIFEST_NAME} is not a checkpoint manifest: ${z.prettifyError(parsed.error)}`
    manifest = parsed.data
  } catch (error) {
    return `its ${MANIFEST_NAME} cannot be read: ${(error as Error).message}`
  }
  if (manifest.step !== step) return `its ${MANIFEST_NAME} is of step ${manifest.step}`
  for (const [name, expected] of Object.entries(manifest.files)) {
    const path = join(dir, name)
    if (!isPlainName(name))
      return `its ${MANIFEST_NAME} names a file outside the folder: ${JSON.stringify(name)}`
    try {
      const { size } = await stat(path)
      if (size !== expected.bytes) return `${name} has ${size} bytes instead of ${expected.bytes}`
      if (verify === 'hash' && (await sha256(path)) !== expected.sha256)
        return `${name} is damaged (its SHA-256 differs)`
    } catch (error) {
      return errorCode(error) === 'ENOENT'
        ? `${name} is missing`
        : `${name} cannot be read: ${(error as Error).message}`
    }
  }
  return checkpointInfo(dir, manifest)
}

/**
 * Shows a checkpoint's files at the top of the run, where the rest of the world looks for `model.safetensors`: hard links
 * (no extra space), or copies where the file system has none. Each file changes atomically and the manifest goes last; a
 * crash in between can leave files of two steps side by side, which is why nothing here loads from the mirror and why a
 * resumed run makes it anew.
 */
export async function mirrorCheckpoint(checkpoint: CheckpointInfo, runDirectory: string): Promise<void> {
  const names = [...Object.keys(checkpoint.manifest.files), MANIFEST_NAME]
  const before = await readMirrorNames(runDirectory)
  for (const name of names) {
    const target = join(runDirectory, name)
    const temporary = temporaryName(target)
    try {
      await linkOrCopy(checkpoint.path(name), temporary)
      await renameOver(temporary, target)
    } catch (error) {
      throw toStorageError(error, 'write', target)
    } finally {
      // rename(2) of one hard link over another of the same file does nothing, and leaves the first name.
      await rm(temporary, { force: true })
    }
  }
  for (const name of before) {
    if (!names.includes(name)) await rm(join(runDirectory, name), { force: true })
  }
  await syncDirectory(runDirectory)
}

async function readMirrorNames(runDirectory: string): Promise<string[]> {
  try {
    const manifest = manifestSchema.parse(
      JSON.parse(await readFile(join(runDirectory, MANIFEST_NAME), 'utf8')),
    )
    return Object.keys(manifest.files).filter(isPlainName)
  } catch {
    return []
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOSPC') throw error
    await copyFile(from, to, constants.COPYFILE_FICLONE)
    const handle = await open(to, 'r+')
    await handle.sync().finally(() => handle.close())
  }
}

/**
 * Removes all but the newest `keep` checkpoints. A folder loses its name first, so that a crash in the middle of a removal
 * cannot leave half of it under a checkpoint's name.
 */
export async function pruneCheckpoints(checkpoints: string, keep: number): Promise<void> {
  try {
    for (const step of (await listSteps(checkpoints)).slice(keep)) {
      const dir = join(checkpoints, stepFolder(step))
      // As a finished replacement would be: the clean-up removes it and never puts it back.
      const aside = temporaryName(dir, 'tmp')
      await rename(dir, aside)
      await rm(aside, { recursive: true, force: true })
    }
  } catch (error) {
    throw toStorageError(error, 'remove old checkpoints in', checkpoints)
  }
}

/** A file name without folders. */
export function isPlainName(name: string): boolean {
  return /^[^/\\:\0]+$/.test(name) && name !== '.' && name !== '..'
}

function checkpointInfo(dir: string, manifest: CheckpointManifest): CheckpointInfo {
  return { step: manifest.step, dir, manifest, path: (name) => join(dir, name) }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}
