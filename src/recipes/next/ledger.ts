/** What the store knows of a round: what people said, who is live, what earlier rounds left, and what this one did. */
import { readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { inspectModel } from '../../infer/engine/model-files.js'
import {
  type Feedback,
  type JsonObject,
  type ModelVersion,
  type Round,
  type Store,
  StoreError,
} from '../../store/index.js'
import { RecipeError } from '../errors.js'
import type { GuardValues } from './decide.js'
import type { Gathered } from './gather.js'
import { exists } from './replay.js'
import type { RoundReport } from './report.js'

/** What of the store a round needs. */
export type RoundStore = Pick<Store, 'feedback' | 'rounds' | 'models'>

/** The version that people talk to. */
export async function liveVersion({
  store,
  model,
  name,
  versionOf = versionOfFiles,
}: {
  readonly store: RoundStore
  readonly model: string
  readonly name?: string
  readonly versionOf?: (dir: string) => Promise<string>
}): Promise<ModelVersion> {
  const known = await store.models.find(model)
  if (known) {
    if (known.live === undefined)
      throw new RecipeError('recipe/missing', `the model ${model} has no live version; promote one first`)
    return store.models.version(model, known.live)
  }
  if (!(await exists(join(model, 'config.json')))) {
    const names = (await store.models.list()).map(({ name }) => name)
    throw new RecipeError(
      'recipe/missing',
      `there is no model ${model} in the database (${names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`}), and no model folder of this name`,
    )
  }
  const dir = resolve(model)
  const called = name ?? basename(dir)
  const version = await versionOf(dir)
  const versions = (await store.models.find(called)) ? await store.models.versions(called) : []
  const same = versions.find((each) => each.version === version)
  return same ?? store.models.addVersion({ model: called, version, dir, kind: 'decoder' })
}

/** The engine's name for the weights in a folder. */
export async function versionOfFiles(dir: string): Promise<string> {
  return (await inspectModel(dir)).version
}

/** All feedback about answers of this model that no round has taken. */
export async function unusedFeedback(store: RoundStore, model: string): Promise<Feedback[]> {
  const found: Feedback[] = []
  for await (const feedback of store.feedback.each('anyone', { unused: true })) {
    const models = feedback.answers.flatMap(({ model }) => (model === undefined ? [] : [model]))
    if (models.length === 0 || models.some((each) => each === model)) found.push(feedback)
  }
  return found
}

export async function findRound(store: RoundStore, model: string, dir: string): Promise<Round | undefined> {
  const { items } = await store.rounds.list({ model, limit: 100 })
  return items.find(({ result }) => result?.dir === dir)
}

/** What the last round replayed; before the first one, the speedrun that the model's first version is a part of. */
export async function usualReplay(store: RoundStore, model: string): Promise<string | undefined> {
  const { items } = await store.rounds.list({ model, limit: 100 })
  const versions = await store.models.versions(model)
  const around = versions[0] && dirname(versions[0].dir)
  const candidates = [...items.map(({ result }) => result?.replay), around]
  for (const dir of candidates) {
    if (typeof dir !== 'string' || !(await exists(dir))) continue
    if (dir !== around || (await exists(join(dir, 'speedrun.json')))) return dir
  }
  return undefined
}

/** One round of a model at a time. @throws RecipeError */
export async function refuseOthers(
  { store, abandon }: { readonly store: RoundStore; readonly abandon?: boolean },
  model: string,
  dir: string,
): Promise<void> {
  const { items } = await store.rounds.list({ model, limit: 100 })
  for (const round of items.filter(({ state, result }) => state === 'running' && result?.dir !== dir)) {
    if (!abandon)
      throw new RecipeError(
        'recipe/exists',
        `a round of ${model} is not finished (${round.id}, in ${String(round.result?.dir)}); go on with it by --out of that folder, or give it up with --abandon`,
      )
    await store.rounds.update(round.id, {
      state: 'failed',
      error: 'given up for another round',
      ended: Date.now(),
    })
  }
}

/** What earlier rounds of the model left: preferences to learn again, kept ones, the last reward model, and where the guards began. */
export interface Earlier {
  readonly preferences: readonly string[]
  readonly heldOut: readonly string[]
  /** Corrections. */
  readonly demonstrations: readonly string[]
  readonly comparisons: number
  readonly reward?: string
  readonly guards?: GuardValues
}

export async function earlierRounds(store: RoundStore, model: string, current: string): Promise<Earlier> {
  const rounds: Round[] = []
  let cursor: string | undefined
  do {
    const page = await store.rounds.list({ model, limit: 100, ...(cursor === undefined ? {} : { cursor }) })
    rounds.push(...page.items)
    cursor = page.next
  } while (cursor !== undefined)
  const done = rounds
    .filter(({ id, state }) => id !== current && (state === 'promoted' || state === 'rejected'))
    .reverse()
  const dirs: { dir: string; promoted: boolean }[] = []
  for (const { state, result } of done) {
    const dir = result?.dir
    if (typeof dir === 'string' && (await exists(join(dir, 'data', 'preferences.jsonl'))))
      dirs.push({ dir, promoted: state === 'promoted' })
  }
  const files = async (name: string) => {
    const paths: string[] = []
    for (const { dir } of dirs) {
      const path = join(dir, 'data', name)
      if ((await lineCount(path)) > 0) paths.push(path)
    }
    return paths
  }
  const preferences = await files('preferences.jsonl')
  let comparisons = 0
  for (const path of preferences) comparisons += await lineCount(path)
  const last = dirs.filter(({ promoted }) => promoted).at(-1)
  const guards = done.find(({ result }) => result?.firstGuards !== undefined)?.result?.firstGuards as
    | GuardValues
    | undefined
  return {
    preferences,
    heldOut: await files('preferences-heldout.jsonl'),
    demonstrations: await files('corrections.jsonl'),
    comparisons,
    ...(last && (await exists(join(last.dir, 'reward'))) ? { reward: join(last.dir, 'reward') } : {}),
    ...(guards ? { guards } : {}),
  }
}

/** Everything into the store: the version with its lineage, which feedback it comes from, and who is live. Every step may be done again. */
export async function finishRound(
  { store, dir, user }: { readonly store: RoundStore; readonly dir: string; readonly user?: string },
  round: Round,
  live: ModelVersion,
  gathered: Gathered,
  report: RoundReport,
  guards: GuardValues,
): Promise<Pick<RoundReport, 'promoted' | 'reasons'>> {
  const { model } = live
  await store.rounds.take(round.id, gathered.uses)
  const scores = { preference: report.preference, leaning: report.leaning, guards: report.guards }
  await store.models.addVersion({
    model,
    version: report.to,
    dir: join(dir, 'policy'),
    kind: 'decoder',
    round: round.id,
    lineage: {
      from: live.version,
      round: round.id,
      stages: Object.keys(report.stages).filter((name) => name !== 'judge'),
      data: report.data,
      feedback: gathered.uses.filter(({ use }) => use === 'train').length,
      seed: report.settings.seed,
    },
    scores: scores as unknown as JsonObject,
    note: report.reasons.join('; '),
  })
  let { promoted, reasons } = report
  if (promoted) {
    try {
      const note = {
        reason: `${round.id}: ${reasons.join('; ')}`,
        expect: live.version,
        ...(user ? { user } : {}),
      }
      await store.models.promote(model, report.to, note)
    } catch (error) {
      if (!(error instanceof StoreError) || error.reason !== 'conflict') throw error
      const now = (await store.models.get(model)).live
      if (now !== report.to) {
        promoted = false
        reasons = [
          `while it was trained, another version (${now}) became live; it was measured against ${live.version}`,
        ]
      }
    }
  }
  await store.rounds.update(round.id, {
    state: promoted ? 'promoted' : 'rejected',
    to: report.to,
    counts: gathered.counts as unknown as JsonObject,
    result: {
      ...round.result,
      dir,
      reasons,
      preference: report.preference,
      leaning: report.leaning,
      guards: report.guards,
      firstGuards: guards,
      settings: report.settings,
      preset: report.preset,
      report: join(dir, 'round.json'),
    },
    error: null,
    ended: Date.now(),
  })
  return { promoted, reasons }
}

async function lineCount(path: string): Promise<number> {
  return (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '').length
}
