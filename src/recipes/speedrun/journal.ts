/** What a speedrun has done: each part is done once, whatever stops it in between. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errorCode, makeDirectory, writeFileAtomic } from '../../atomic.js'
import { RecipeError } from '../errors.js'
import { planSchema, type SpeedrunPlan } from './presets.js'

const journalSchema = z.object({
  /** What the run was asked to be; it does not change. */
  plan: planSchema,
  done: z.record(
    z.string(),
    z.object({ result: z.unknown(), seconds: z.number(), peakMemoryBytes: z.number() }),
  ),
})

type Contents = z.output<typeof journalSchema>

export interface Journal {
  readonly plan: SpeedrunPlan
  /** The result of a part: that of the journal, or else that of the work, which is then written down. */
  once<T>(part: string, work: () => Promise<T>): Promise<T>
  /** Wall clock and the process's peak of memory of the parts done. */
  readonly times: Readonly<Record<string, { readonly seconds: number; readonly peakMemoryBytes: number }>>
}

/**
 * Opens `speedrun.json` of a folder, or makes it. A run that is there keeps its plan, to which experiments may be added;
 * one named differently is an error.
 * @throws RecipeError where there is one already and `resume` is 'never', none and it is 'must', or its plan is another
 */
export async function openJournal(
  dir: string,
  { plan: asked, named }: { readonly plan: SpeedrunPlan; readonly named: boolean },
  resume: 'never' | 'auto' | 'must',
): Promise<Journal> {
  const path = join(dir, 'speedrun.json')
  const saved = await readJournal(path)
  if (saved && resume === 'never')
    throw new RecipeError(
      'recipe/exists',
      `${dir} holds a speedrun already; go on with --resume, or choose another folder`,
    )
  if (!saved && resume === 'must')
    throw new RecipeError(
      'recipe/missing',
      `${dir} holds no speedrun to go on with; check the path, or start one without --resume`,
    )
  const same = (plan: SpeedrunPlan) => JSON.stringify([plan.preset, plan.corpus, plan.seed])
  if (saved && named && same(saved.plan) !== same(asked)) {
    throw new RecipeError(
      'recipe/plan',
      `the speedrun in ${dir} was started with other settings (${JSON.stringify(saved.plan)}); go on with it without naming any, or choose another folder`,
    )
  }
  // Experiments may be asked for later.
  const { ablations, larger } = asked
  const plan = saved
    ? { ...saved.plan, ablations: saved.plan.ablations || ablations, larger: saved.plan.larger || larger }
    : asked
  const contents: Contents = { plan, done: { ...saved?.done } }
  const write = () => writeFileAtomic(path, `${JSON.stringify(contents, null, 2)}\n`)
  await makeDirectory(dir)
  if (JSON.stringify(saved?.plan) !== JSON.stringify(plan)) await write()
  return {
    plan,
    once: async <T>(part: string, work: () => Promise<T>) => {
      const known = contents.done[part]
      if (known) return known.result as T
      const began = performance.now()
      const result = await work()
      contents.done[part] = {
        result: result ?? null,
        seconds: (performance.now() - began) / 1000,
        peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
      }
      await write()
      return result
    },
    get times() {
      return contents.done
    },
  }
}

async function readJournal(path: string): Promise<Contents | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
  const parsed = journalSchema.safeParse(safeJson(text))
  if (!parsed.success)
    throw new RecipeError('recipe/journal', `${path} is damaged: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
