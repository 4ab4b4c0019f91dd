import { randomBytes } from 'node:crypto'
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AthanorError } from './errors.js'

export type StorageReason =
  | 'full'
  | 'denied'
  | 'read-only'
  | 'not-found'
  | 'not-a-directory'
  | 'is-a-directory'
  | 'exists'
  | 'too-large'
  | 'too-many-open-files'
  | 'failed'

/** The file system refused. `reason` is for programs, `path` is where, the message says the way out. */
export class StorageError extends AthanorError {
  readonly reason: StorageReason
  readonly path: string

  constructor(reason: StorageReason, path: string, message: string, options?: ErrorOptions) {
    super(`storage-${reason}`, message, options)
    this.reason = reason
    this.path = path
  }
}

const EXPLANATIONS: Record<string, readonly [StorageReason, string]> = {
  ENOSPC: [
    'full',
    'the disk is full; free some space or choose another folder, nothing that was there is lost',
  ],
  EDQUOT: [
    'full',
    'the disk quota is used up; free some space or choose another folder, nothing that was there is lost',
  ],
  EFBIG: [
    'too-large',
    'the file grew beyond what this file system or user may write; raise the limit (ulimit -f)',
  ],
  EACCES: ['denied', 'permission denied; check who owns the folder, or choose one you may write to'],
  EPERM: [
    'denied',
    'the operation is not permitted; check who owns it and whether another program holds it open',
  ],
  EROFS: ['read-only', 'the file system is read-only; choose a folder on a writable disk'],
  ENOENT: ['not-found', 'no such file or folder; check the path'],
  ENOTDIR: ['not-a-directory', 'a part of this path is a file, not a folder; choose another path'],
  EISDIR: ['is-a-directory', 'this is a folder where a file is expected; choose another path'],
  EEXIST: ['exists', 'something with this name is already there; remove it or choose another name'],
  ENOTEMPTY: ['exists', 'a folder with this name is already there and holds files; choose another name'],
  EMFILE: ['too-many-open-files', 'too many files are open; raise the limit (ulimit -n)'],
  ENFILE: ['too-many-open-files', 'too many files are open on this machine; close some programs'],
}

/** Turns what Node throws into a `StorageError`; errors that are already ours (or not the file system's) pass unchanged. */
export function toStorageError(error: unknown, action: string, path: string): unknown {
  if (error instanceof AthanorError) return error
  const code = errorCode(error)
  if (code === undefined) return error
  const [reason, explanation] =
    EXPLANATIONS[code] ?? (['failed', 'the file system reported an error'] as const)
  return new StorageError(reason, path, `cannot ${action} ${path}: ${explanation} (${code})`, {
    cause: error,
  })
}

/** The `code` of a system error (`ENOENT`...), or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (
    error === null ||
    typeof error !== 'object' ||
    !('code' in error) ||
    !('syscall' in error || 'errno' in error)
  ) {
    return undefined
  }
  return typeof error.code === 'string' ? error.code : undefined
}

/**
 * Makes a folder and those above it that are missing.
 * @throws StorageError. (Node's own recursive mkdir never returns where the file system takes no folders, as in /proc.)
 */
export async function makeDirectory(path: string): Promise<void> {
  const missing: string[] = []
  for (let at = resolve(path); !(await isDirectory(at)); at = dirname(at)) {
    missing.push(at)
    if (at === dirname(at)) break
  }
  for (const folder of missing.reverse()) {
    try {
      await mkdir(folder)
    } catch (error) {
      // Another process may have made it in the meantime.
      if (errorCode(error) !== 'EEXIST' || !(await isDirectory(folder)))
        throw toStorageError(error, 'create', folder)
    }
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

/** What fills a file: its bytes, its text, or a function that writes to the open handle. */
export type FileContent = string | Uint8Array | ((handle: FileHandle) => Promise<void>)

/**
 * Writes a file so that a crash at any moment leaves either the old file or the whole new one: a temporary name in the same
 * folder, fsync, rename, fsync of the folder. The folder must exist.
 *
 * @throws StorageError (and whatever a content function throws); the temporary is removed
 */
export async function writeFileAtomic(path: string, content: FileContent): Promise<void> {
  const temporary = temporaryName(path)
  try {
    const handle = await open(temporary, 'wx')
    try {
      if (typeof content === 'function') await content(handle)
      else await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await renameOver(temporary, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw toStorageError(error, 'write', path)
  }
}

/**
 * Writes a whole folder so that it appears complete or not at all: `fill` writes into a temporary sibling, every file is
 * fsynced, then the folder is renamed into place. A folder already there is replaced; if the process dies in the middle
 * of that, `cleanTemporaries` puts the old one back.
 *
 * @throws StorageError (and whatever `fill` throws); the temporary is removed
 */
export async function writeDirectoryAtomic(
  path: string,
  fill: (directory: string) => Promise<void>,
): Promise<void> {
  const temporary = temporaryName(path)
  const parent = dirname(path)
  try {
    await mkdir(temporary)
    await fill(temporary)
    await syncTree(temporary)
    const existing = await lstat(path).catch(() => undefined)
    if (existing !== undefined && !existing.isDirectory()) {
      throw new StorageError(
        'exists',
        path,
        `cannot write the folder ${path}: a file with this name is in the way`,
      )
    }
    if (existing) {
      const old = temporaryName(path, 'old')
      await renameOver(path, old)
      await renameOver(temporary, path)
      await syncDirectory(parent)
      await rm(old, { recursive: true, force: true })
    } else {
      await renameOver(temporary, path)
      await syncDirectory(parent)
    }
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined)
    throw toStorageError(error, 'write', path)
  }
}

const TEMPORARY = /^\.(?<name>.+)\.(?<kind>tmp|old)-(?<pid>\d+)-[0-9a-f]{12}$/

/** A hidden sibling of `path`, named after this process so that leftovers can be told from work in progress. */
export function temporaryName(path: string, kind: 'tmp' | 'old' = 'tmp'): string {
  return join(dirname(path), `.${basename(path)}.${kind}-${process.pid}-${randomBytes(6).toString('hex')}`)
}

/**
 * Removes what a crashed writer left in `directory`, and puts back a folder that was being replaced. Leftovers of
 * processes that still run are left alone unless `all` (for a caller that holds a lock on the folder).
 *
 * @returns the names that were removed or put back
 */
export async function cleanTemporaries(
  directory: string,
  options: { all?: boolean } = {},
): Promise<string[]> {
  const touched: string[] = []
  try {
    for (const name of await readdir(directory)) {
      const match = TEMPORARY.exec(name)?.groups
      if (match === undefined || (!options.all && isProcessAlive(Number(match.pid)))) continue
      const leftover = join(directory, name)
      const target = join(directory, match.name!)
      if (match.kind === 'old' && (await lstat(target).catch(() => undefined)) === undefined) {
        await rename(leftover, target)
      } else {
        await rm(leftover, { recursive: true, force: true })
      }
      touched.push(name)
    }
  } catch (error) {
    throw toStorageError(error, 'clean up', directory)
  }
  return touched
}

/** Whether a process with this id runs on this machine (one of another user's counts). */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}

/** Makes renames and new names in a folder durable, where the system can (Windows cannot, and does not need it). */
export async function syncDirectory(directory: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(directory, 'r')
    await handle.sync()
  } catch (error) {
    if (!['EPERM', 'EACCES', 'EISDIR', 'EINVAL', 'ENOTSUP', 'EBADF'].includes(errorCode(error) ?? ''))
      throw error
  } finally {
    await handle?.close()
  }
}

/** Renames over an existing file; on Windows a scanner may hold the target for a moment, so it tries again. */
export async function renameOver(from: string, to: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await rename(from, to)
    } catch (error) {
      const busy = ['EPERM', 'EACCES', 'EBUSY'].includes(errorCode(error) ?? '')
      if (process.platform !== 'win32' || !busy || attempt === 8) throw error
      await delay(10 * 2 ** attempt)
    }
  }
}

/** Writes all of `data` at `position`: Node writes at most 2 GiB in one call, and may write less than asked. */
export async function writeFully(handle: FileHandle, data: Uint8Array, position: number): Promise<void> {
  let done = 0
  while (done < data.byteLength) {
    const length = Math.min(data.byteLength - done, 2 ** 28)
    const { bytesWritten } = await handle.write(data, done, length, position + done)
    done += bytesWritten
  }
}

/** Reads until `target` is full; returns how many bytes there were. */
export async function readFully(handle: FileHandle, target: Uint8Array, position: number): Promise<number> {
  let done = 0
  while (done < target.byteLength) {
    const length = Math.min(target.byteLength - done, 2 ** 28)
    const { bytesRead } = await handle.read(target, done, length, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

async function syncTree(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) await syncTree(path)
    else if (entry.isFile()) {
      // Windows flushes only handles that may write.
      const handle = await open(path, 'r+')
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
    }
  }
  await syncDirectory(directory)
}
