/** What the folders of runs tell by themselves: which stage, how far, and whether there is anything to go on with. */
import { open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { isProcessAlive } from '../../atomic.js'
import { OUTPUT_FILE } from './child.js'
import type { Job, RunPart, RunState } from './types.js'

export interface FoundFolder {
  readonly dir: string
  readonly name: string
  readonly stage: string
  readonly created: number
  readonly settings: Readonly<Record<string, unknown>>
}

/** Run folders directly in `root`. */
export async function findFolders(root: string): Promise<FoundFolder[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => [])
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
  const found = await Promise.all(folders.map(({ name }) => describeFolder(join(root, name))))
  return found.filter((folder) => folder !== undefined)
}

async function describeFolder(dir: string): Promise<FoundFolder | undefined> {
  const [trainer, journal, metrics] = await Promise.all([
    readJson(join(dir, 'trainer.json')),
    readJson(join(dir, 'speedrun.json')),
    timeOf(join(dir, 'metrics.jsonl')),
  ])
  if (!trainer && !journal && metrics === undefined) return undefined
  const born = await timeOf(dir)
  const settings = objectOf(journal ? journal.plan : trainer?.recipe)
  const stage = journal ? 'speedrun' : typeof trainer?.stage === 'string' ? trainer.stage : 'training'
  return { dir, name: basename(dir), stage, created: Math.round(born ?? 0), settings }
}

/** The state of a run that no process of this server works on. */
export async function inspectFolder(dir: string): Promise<RunState> {
  const [trainer, journal, lock] = await Promise.all([
    readJson(join(dir, 'trainer.json')),
    readJson(join(dir, 'speedrun.json')),
    readJson(join(dir, '.lock')),
  ])
  if (typeof lock?.pid === 'number' && lock.host === hostname() && isProcessAlive(lock.pid)) return 'running'
  if (journal) return (await exists(join(dir, 'report.json'))) ? 'finished' : 'interrupted'
  const { step } = trainer ?? {}
  const { steps } = objectOf(trainer?.recipe)
  if (typeof step !== 'number' || step === 0) return 'interrupted'
  // Stages that count in epochs do not say here where they end; their last checkpoint is most likely the end.
  return typeof steps === 'number' && step < steps ? 'interrupted' : 'finished'
}

/** The parts of a speedrun in its order; those that were asked for besides come where they are known. */
const speedrunParts = ['data', 'base', 'sft', 'rankings', 'reward', 'ppo']
const examParts = ['answers base', 'answers sft', 'answers ppo']

/** How far a speedrun is, from its journal. @param current the part that it works on */
export async function speedrunProgress(dir: string, current: string | undefined): Promise<RunPart[]> {
  const journal = await readJson(join(dir, 'speedrun.json'))
  const done = objectOf(journal?.done)
  const seen = [...Object.keys(done), ...(current === undefined ? [] : [current])]
  const extra = [...new Set(seen)].filter(
    (part) => !speedrunParts.includes(part) && !examParts.includes(part),
  )
  const isExam = (part: string) => part.startsWith('answers ')
  const order = [
    ...speedrunParts,
    ...extra.filter((part) => !isExam(part)),
    ...examParts,
    ...extra.filter(isExam),
  ]
  return order.map((name) => {
    const { seconds } = objectOf(done[name])
    if (name in done)
      return { name, state: 'done', ...(typeof seconds === 'number' ? { seconds } : {}) } as const
    return { name, state: name === current ? 'running' : 'waiting' } as const
  })
}

/** Folders of a speedrun that hold a stage, in its order. */
export async function speedrunFolders(dir: string): Promise<string[]> {
  const parts = await speedrunProgress(dir, undefined)
  const names = parts.map(({ name }) => name).filter((name) => !name.includes(' '))
  const there = await Promise.all(names.map((name) => exists(join(dir, name, 'metrics.jsonl'))))
  return names.filter((_, i) => there[i])
}

/** Where the model of a run lies, inside its folder; undefined where there is none yet. */
export async function modelFolder(dir: string, stage: string): Promise<string | undefined> {
  const folder = stage === 'speedrun' ? join(dir, 'ppo') : dir
  const there = await Promise.all(
    ['config.json', 'model.safetensors'].map((file) => exists(join(folder, file))),
  )
  return there.every(Boolean) ? folder : undefined
}

/** Whether there is anything that the job could go on with. */
export async function savedWork(dir: string, { resumeWhen = 'checkpoints' }: Job): Promise<boolean> {
  if (resumeWhen !== 'checkpoints') return exists(join(dir, resumeWhen))
  const names = await readdir(join(dir, 'checkpoints')).catch(() => [])
  return names.some((name) => /^step-\d+$/.test(name))
}

/** Lines of a run without any checkpoint would keep it from being begun again. */
export async function prepareFresh(dir: string): Promise<void> {
  await rm(join(dir, 'metrics.jsonl'), { force: true })
}

export async function isEmptyFolder(dir: string): Promise<boolean> {
  return readdir(dir).then(
    (names) => names.length === 0,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  )
}

/** The last that a process said, for one that could not say it as an event. */
export async function outputTail(dir: string, bytes = 2000): Promise<string> {
  const handle = await open(join(dir, OUTPUT_FILE), 'r').catch(() => undefined)
  if (!handle) return ''
  try {
    const { size } = await handle.stat()
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, Math.max(0, size - bytes))
    return buffer.toString('utf8', 0, bytesRead).trim().split('\n').slice(-8).join('\n')
  } finally {
    await handle.close()
  }
}

export async function readJson(path: string): Promise<Record<string, unknown> | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

export const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

const timeOf = (path: string): Promise<number | undefined> =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  )
