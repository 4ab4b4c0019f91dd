/** The files that a stage reads: remembered by absolute path and content, so that a run that goes on reads what it began with. */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { errorCode, toStorageError } from '../atomic.js'
import { TrainError } from './errors.js'

/** Paths by role, such as `{ data: ['sft.jsonl'] }`. */
export type Inputs = Readonly<Record<string, readonly string[]>>

/** What a model is, of all that may lie in its folder. */
const MODEL_FILE = /^(config|tokenizer|tokenizer_config)\.json$|^model.*\.safetensors$/

/** Paths as they hold wherever the process stands; the roles in `asGiven` are left as they are, and roles without paths out. */
export function absoluteInputs(
  inputs: Readonly<Record<string, readonly string[] | undefined>>,
  asGiven: readonly string[] = [],
): Inputs {
  const entries = Object.entries(inputs).flatMap(([role, paths]) => {
    if (paths === undefined) return []
    return [[role, asGiven.includes(role) ? paths : paths.map((path) => resolve(path))] as const]
  })
  return Object.fromEntries(entries)
}

/**
 * SHA-256 of every input, by path: of a file its bytes, of a folder the names and bytes of its files, of a model's folder only
 * those of the model. What is not there is left out: who reads it says so best.
 * @throws StorageError
 */
export async function hashInputs(
  inputs: Inputs,
  { asGiven = [], signal }: { readonly asGiven?: readonly string[]; readonly signal?: AbortSignal } = {},
): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {}
  const roles = Object.keys(inputs).filter((role) => !asGiven.includes(role))
  for (const path of new Set(roles.flatMap((role) => inputs[role]!))) {
    const hash = createHash('sha256')
    try {
      await addPath(hash, path, signal)
    } catch (error) {
      signal?.throwIfAborted()
      if (errorCode(error) === 'ENOENT') continue
      throw toStorageError(error, 'read', path)
    }
    hashes[path] = hash.digest('hex')
  }
  return hashes
}

/** @throws TrainError where an input is no longer what the run in `dir` was started with */
export function checkInputs(
  dir: string,
  inputs: Inputs,
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): void {
  for (const [role, paths] of Object.entries(inputs)) {
    const changed = paths.find((path) => before[path] !== undefined && before[path] !== now[path])
    if (changed === undefined) continue
    const what = now[changed] === undefined ? 'is no longer there, and' : 'is no longer what'
    throw new TrainError(
      'resume',
      `the ${spoken(role)} in ${changed} ${what} ${dir} was started with${now[changed] === undefined ? ' it' : ''}; put it back, or start a new run`,
    )
  }
}

/** `rewardModel` as "reward model". */
function spoken(role: string): string {
  return role === 'heldOut' ? 'held-out data' : role.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

async function addPath(hash: Hash, path: string, signal: AbortSignal | undefined): Promise<void> {
  const found = await stat(path)
  if (found.isDirectory()) {
    const names = (await readdir(path)).filter((name) => !name.startsWith('.')).sort()
    const chosen = names.includes('config.json') ? names.filter((name) => MODEL_FILE.test(name)) : names
    for (const name of chosen) {
      hash.update(`\0${name}\0`)
      await addPath(hash, join(path, name), signal)
    }
  } else if (found.isFile()) {
    // A pipe can be read but once, and not by us.
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) {
      hash.update(chunk as Buffer)
    }
  }
}
