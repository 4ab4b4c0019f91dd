/** What a round has done: each part is done once, whatever stops it in between. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errorCode, makeDirectory, writeFileAtomic } from '../../atomic.js'
import { RecipeError } from '../errors.js'

const journalSchema = z.object({
  asked: z.record(z.string(), z.unknown()),
  done: z.record(z.string(), z.object({ result: z.unknown(), seconds: z.number() })),
})

export interface RoundJournal {
  /** The result of a part: the journal's, or else that of the work, which is then written down. */
  once<T>(part: string, work: () => Promise<T>): Promise<T>
  /** Seconds of the parts done. */
  readonly seconds: Readonly<Record<string, number>>
  readonly resumed: boolean
}

/**
 * Opens `journal.json` of a round's folder, or makes it. What a round was asked to be does not change.
 * @throws RecipeError where the folder holds a round that was asked for differently, or a damaged journal
 */
export async function openRoundJournal(
  dir: string,
  asked: Readonly<Record<string, unknown>>,
): Promise<RoundJournal> {
  const path = join(dir, 'journal.json')
  const saved = await readJournal(path)
  const plain = JSON.parse(JSON.stringify(asked)) as Record<string, unknown>
  if (saved) {
    const changed = Object.keys({ ...saved.asked, ...plain }).filter(
      (key) => JSON.stringify(saved.asked[key]) !== JSON.stringify(plain[key]),
    )
    if (changed.length > 0)
      throw new RecipeError(
        'recipe/plan',
        `the round in ${dir} was started with another ${changed.join(', ')}; go on with what it was started with, or choose another folder`,
      )
  }
  const contents = saved ?? { asked: plain, done: {} }
  const write = () => writeFileAtomic(path, `${JSON.stringify(contents, null, 2)}\n`)
  await makeDirectory(dir)
  if (!saved) await write()
  return {
    resumed: saved !== undefined,
    once: async <T>(part: string, work: () => Promise<T>) => {
      const known = contents.done[part]
      if (known) return known.result as T
      const began = performance.now()
      // As it is read back after a stop, so that a round that was stopped goes on with the same.
      const result = JSON.parse(JSON.stringify((await work()) ?? null)) as unknown
      contents.done[part] = { result, seconds: (performance.now() - began) / 1000 }
      await write()
      return result as T
    },
    get seconds() {
      return Object.fromEntries(Object.entries(contents.done).map(([part, { seconds }]) => [part, seconds]))
    },
  }
}

async function readJournal(path: string) {
  try {
    return journalSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    if (error instanceof SyntaxError || error instanceof z.ZodError)
      throw new RecipeError('recipe/journal', `${path} is damaged; choose another folder for the round`)
    throw error
  }
}
