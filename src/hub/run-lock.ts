import { createHash, randomBytes } from 'node:crypto'
import { link, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { errorCode, isProcessAlive, temporaryName, toStorageError } from '../atomic.js'
import { AthanorError } from '../errors.js'

/** Another process is working in the run directory. */
export class RunLockedError extends AthanorError {
  readonly pid: number
  readonly host: string

  constructor(directory: string, pid: number, host: string, detail: string) {
    super(
      'run-locked',
      `${directory} is in use by process ${pid}${host === hostname() ? '' : ` on ${host}`}: ${detail}`,
    )
    this.pid = pid
    this.host = host
  }
}

interface LockRecord {
  pid: number
  host: string
  /** Tells a process from a later one with the same id, where the system says when a process started. */
  birth: string | null
  token: string
}

export interface RunLock {
  /** Whether the lock file is still the one written here. */
  isHeld(): Promise<boolean>
  release(): Promise<void>
}

const LOCK_NAME = '.lock'
/** How long a lock file may stay unreadable before it counts as garbage: a writer needs microseconds. */
const UNREADABLE_GRACE_MS = 5000

/**
 * Takes the lock of a directory. It is a small file naming the process; it is created whole or not at all, and the lock of
 * a process that no longer runs (killed, crashed, machine restarted) is taken over.
 *
 * @throws RunLockedError while the holder lives, or when it runs on another machine and cannot be asked; StorageError
 */
export async function acquireRunLock(directory: string): Promise<RunLock> {
  const path = join(directory, LOCK_NAME)
  const mine: LockRecord = {
    pid: process.pid,
    host: hostname(),
    birth: await processBirth(process.pid),
    token: randomBytes(12).toString('hex'),
  }
  try {
    for (let attempt = 0; attempt < 20; attempt++) {
      if (await createWhole(path, JSON.stringify(mine))) return heldLock(path, mine)
      const other = await readLock(path)
      if (other === 'gone') continue
      if (other !== 'garbage' && (await isHolderAlive(other))) throw lockedError(directory, path, other)
      if (await takeOver(directory, path, other, mine)) return heldLock(path, mine)
    }
  } catch (error) {
    throw toStorageError(error, 'lock', directory)
  }
  throw new RunLockedError(directory, 0, mine.host, `its lock file ${path} keeps changing; try again`)
}

function heldLock(path: string, mine: LockRecord): RunLock {
  const isHeld = async () => {
    const current = await readLock(path)
    return typeof current === 'object' && current.token === mine.token
  }
  return {
    isHeld,
    release: async () => {
      if (await isHeld()) await rm(path, { force: true })
    },
  }
}

function lockedError(directory: string, path: string, other: LockRecord): RunLockedError {
  const detail =
    other.host === hostname()
      ? 'stop it, wait for it to finish, or choose another run directory'
      : `whether it still runs cannot be seen from here; if it does not, delete ${path}`
  return new RunLockedError(directory, other.pid, other.host, detail)
}

/** Creates `path` with its content in one step; false when it exists. */
async function createWhole(path: string, content: string): Promise<boolean> {
  const temporary = temporaryName(path)
  const handle = await open(temporary, 'wx')
  try {
    await handle.writeFile(content)
  } finally {
    await handle.close()
  }
  try {
    await link(temporary, path)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
  } finally {
    await rm(temporary, { force: true })
  }
  // A file system without hard links: exclusive creation, with a moment in which the file is empty.
  try {
    const exclusive = await open(path, 'wx')
    await exclusive.writeFile(content)
    await exclusive.close()
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

async function readLock(path: string): Promise<LockRecord | 'gone' | 'garbage'> {
  let text: string
  let age: number
  try {
    text = await readFile(path, 'utf8')
    age = Date.now() - (await stat(path)).mtimeMs
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'gone'
    throw error
  }
  try {
    const record = JSON.parse(text) as Partial<LockRecord>
    if (Number.isInteger(record.pid) && record.pid! > 0 && record.host && record.token)
      return record as LockRecord
  } catch {}
  if (age < UNREADABLE_GRACE_MS) {
    return { pid: 0, host: 'a process that is just starting', birth: null, token: '' }
  }
  return 'garbage'
}

async function isHolderAlive(record: LockRecord): Promise<boolean> {
  if (record.host !== hostname() || record.pid === 0) return true
  if (!isProcessAlive(record.pid)) return false
  const birth = await processBirth(record.pid)
  return birth === null || record.birth === null || birth === record.birth
}

/**
 * Replaces a stale lock. The right to do so is a file of its own, named after the lock that it ends, which only one process
 * can create; if that one died on the way, the right to end *its* claim is another such file. The lock itself is
 * there all the time, so nobody can slip in between. False when the lock changed meanwhile.
 */
async function takeOver(
  directory: string,
  path: string,
  stale: LockRecord | 'garbage',
  mine: LockRecord,
): Promise<boolean> {
  const claims: string[] = []
  for (let ended = stale; ; ) {
    const claim = `${path}-${identity(ended)}`
    claims.push(claim)
    if (await createWhole(claim, JSON.stringify(mine))) break
    const other = await readLock(claim)
    if (other === 'gone') return false
    if (other !== 'garbage' && (await isHolderAlive(other))) throw lockedError(directory, path, other)
    ended = other
  }
  try {
    const current = await readLock(path)
    if (current === 'gone' || identity(current) !== identity(stale)) return false
    const temporary = temporaryName(path)
    await writeFile(temporary, JSON.stringify(mine), { flag: 'wx' })
    await rename(temporary, path)
    return true
  } finally {
    for (const claim of claims) await rm(claim, { force: true })
  }
}

/** A name for a lock that is safe in a path, whatever its file says. */
function identity(lock: LockRecord | 'garbage'): string {
  const token = lock === 'garbage' ? lock : `${lock.pid} ${lock.host} ${lock.birth} ${lock.token}`
  return createHash('sha256').update(token).digest('hex').slice(0, 24)
}

/** When a process started, in a form that differs after a reboot; null where the system does not say (outside Linux). */
export async function processBirth(pid: number): Promise<string | null> {
  try {
    const [status, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ])
    // The name in parentheses may itself hold spaces and parentheses; starttime is field 22, the 20th after it.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
    return `${boot.trim()}:${fields[19]}`
  } catch {
    return null
  }
}
