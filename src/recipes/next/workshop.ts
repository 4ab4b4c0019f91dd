/** What the parts of a round work with: its folder, its journal, the machine, and how to tell how far it is. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../../atomic.js'
import { type LanguageModel, loadModel } from '../../infer/index.js'
import { type OnEvent, withChatTokens } from '../../train/index.js'
import { RecipeError } from '../errors.js'
import type { RoundJournal } from './journal.js'

export interface WorkshopOptions {
  readonly dir: string
  readonly threads?: number
  readonly signal?: AbortSignal
  readonly onEvent?: OnEvent
}

export type Workshop = ReturnType<typeof openWorkshop>

export function openWorkshop(
  { dir, threads, signal, onEvent = () => {} }: WorkshopOptions,
  journal: RoundJournal,
) {
  const at = (...parts: string[]) => join(dir, ...parts)
  const machine = threads === undefined ? {} : { threads }
  const stage = { ...machine, ...(signal ? { signal } : {}), onEvent, resume: 'auto' as const }
  /** Work that is done once; its result is the journal's afterwards. */
  const part = <T>(name: string, title: string, work: () => Promise<T>) =>
    journal.once(name, () => {
      signal?.throwIfAborted()
      if (title !== '') onEvent({ type: 'message', text: title })
      return work()
    })
  /** A part whose result is too long for the journal. */
  const stored = async <T>(name: string, title: string, work: () => Promise<T>): Promise<T> => {
    const file = at('data', `${name}.json`)
    await part(name, title, async () => writeFileAtomic(file, JSON.stringify(await work())))
    return JSON.parse(await readFile(file, 'utf8')) as T
  }
  const progress = (label: string) => ({
    signal,
    onProgress: (done: number, total: number) =>
      onEvent({ type: 'progress', label, done, total, unit: 'answers' }),
  })
  /** Loads a language model for as long as it is needed. */
  const using = <T>(folder: string, work: (model: LanguageModel) => Promise<T>) =>
    withModel(async () => withChatTokens(await loadModel(folder, machine)), work)
  /** A file of the round's data. */
  const write = (file: string, lines: readonly string[]) =>
    writeFileAtomic(at('data', file), lines.map((line) => `${line}\n`).join(''))

  return { at, machine, stage, part, stored, progress, using, write }
}

/** A stage's result, where the stage came to its end. */
export function complete<R extends { readonly finished: boolean; readonly dir: string }>(result: R): R {
  if (result.finished) return result
  throw new RecipeError('recipe/stopped', `${result.dir} was stopped; the same command goes on`)
}

export async function withModel<M extends { dispose(): Promise<void> }, T>(
  load: () => Promise<M>,
  work: (model: M) => Promise<T>,
): Promise<T> {
  const model = await load()
  try {
    return await work(model)
  } finally {
    await model.dispose()
  }
}
