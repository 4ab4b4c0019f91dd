/**
 * The loop shown with simulated people who have a hidden taste: they talk to the live model over HTTP, say what they think, and after
 * each round the true taste, which no model ever sees, measures the live model on questions that nobody asked. Then the first round
 * once more, with malicious people among them.
 *
 *     people -> athanor serve -> database -> next -> live model -> people -> …
 */
import { join, resolve } from 'node:path'
import { makeDirectory, writeFileAtomic } from '../../atomic.js'
import { type Estimate, pairedDifference } from '../../eval/index.js'
import { openStore, type Store } from '../../store/index.js'
import type { OnEvent } from '../../train/index.js'
import { RecipeError } from '../errors.js'
import type { Guard } from '../next/decide.js'
import { openRoundJournal, type RoundJournal } from '../next/journal.js'
import type { RoundOutcome } from '../next/options.js'
import { nextRound } from '../next/round.js'
import type { RoundPreset } from '../next/settings.js'
import type { AssistantApi } from './api.js'
import { demonstrationMarkdown } from './demonstration-report.js'
import { httpApi } from './http.js'
import { startServer } from './server.js'
import { crowd, type Person, type TalkCounts, talk } from './talk.js'
import { ADVERTISERS, SHORT_WITH_SOURCE } from './taste.js'
import { MAX_TOKENS, type Measured, measurer, questions, type World, worth } from './true-taste.js'

export interface DemonstrationOptions {
  /** Folder of a finished speedrun. */
  readonly start: string
  readonly out: string
  /** Default 3. */
  readonly rounds?: number
  /** Default 40. */
  readonly people?: number
  /** Questions of each in a round, about. Default 20. */
  readonly turns?: number
  /** Malicious people as a part of all. Default 0.1; 0 leaves that experiment out. */
  readonly malicious?: number
  /** Questions that the true taste is measured on. Default 400. */
  readonly heldOut?: number
  readonly preset?: string | RoundPreset
  /** Of every round, except the seed. */
  readonly settings?: Readonly<Record<string, unknown>>
  readonly seed?: number
  readonly threads?: number
  readonly signal?: AbortSignal
  readonly onEvent?: OnEvent
  /** How people reach the model of a database. Default: a server of this installation, over HTTP. */
  readonly connect?: Connect
}

/** Opens the way to the live version of `name`; `first` is its folder where the database does not know it yet. */
export type Connect = (place: {
  readonly database: string
  readonly name: string
  readonly first: string
  readonly folder: string
  readonly maxTokens: number
  readonly seed: number
}) => Promise<{ readonly api: AssistantApi; close(): Promise<void> }>

export interface DemonstratedRound {
  readonly round: number
  readonly said: TalkCounts
  readonly outcome: RoundOutcome['outcome']
  readonly reasons: readonly string[]
  readonly guards: readonly Guard[]
  /** What the round itself measured, without knowing the taste. */
  readonly believed: Estimate | undefined
  /** The live version after it. */
  readonly live: Measured
  readonly seconds: number
}

export interface Demonstration {
  readonly out: string
  readonly first: Measured
  readonly rounds: readonly DemonstratedRound[]
  readonly poisoned:
    | {
        readonly people: number
        readonly malicious: number
        readonly said: TalkCounts
        readonly outcome: RoundOutcome['outcome']
        /** The candidate of the first round, trained without the malicious people and with them. */
        readonly clean: Measured
        readonly candidate: Measured
        /** With minus without: honest taste, and malicious taste. */
        readonly honest: Estimate
        readonly bad: Estimate
        /** How much of the feedback of malicious and of honest people was taken. */
        readonly taken: { readonly malicious: number; readonly honest: number }
      }
    | undefined
  readonly markdown: string
}

const NAME = 'assistant'

/**
 * Runs the demonstration, or goes on with it.
 * @throws RecipeError, StoreError, TrainError, StorageError; the signal's reason
 */
export async function demonstrate(options: DemonstrationOptions): Promise<Demonstration> {
  const {
    rounds = 3,
    people = 40,
    turns = 20,
    malicious = 0.1,
    heldOut = 400,
    seed = 1,
    signal,
    onEvent = () => {},
  } = options
  const out = resolve(options.out)
  const start = resolve(options.start)
  const connect = options.connect ?? overHttp(options)
  await makeDirectory(out)
  const journal = await openRoundJournal(out, { start, people, turns, malicious, heldOut, seed })
  const say = (text: string) => onEvent({ type: 'message', text })
  const world = await questions(start, heldOut)
  const first = join(start, 'ppo')
  const honest = (round: number) =>
    crowd({ honest: people, turns, honestTaste: SHORT_WITH_SOURCE, seed: seed + 1000 * round })
  const place = (folder: string) => ({
    database: `file:${join(out, folder, 'athanor.db')}`,
    folder: join(out, folder),
  })
  const plan: Plan = { options, out, start, first, journal, connect, world, seed, say }

  // ---- three rounds ----
  const measure = measurer(plan)
  const beginning = await measure({ version: 'first', dir: first }, [])
  const done: DemonstratedRound[] = []
  let history = [beginning]
  for (let round = 1; round <= rounds; round++) {
    signal?.throwIfAborted()
    const result = await oneRound(plan, {
      ...place('rounds'),
      round,
      people: honest(round),
      label: `round ${round}`,
    })
    const live = await measure(result.live, history)
    done.push({ ...result.told, round, live })
    history = [...history, live]
    say(`round ${round}: ${result.told.outcome}; ${line(live)}`)
  }

  // ---- the first round again, with malicious people ----
  const bad = Math.max(0, Math.ceil((malicious * people) / (1 - malicious) - 1e-9))
  const poisoned =
    bad === 0
      ? undefined
      : await poison(plan, {
          ...place('poisoned'),
          bad,
          beginning,
          measure,
          from: place('rounds').database,
          round: done[0]!,
        })
  const result = { out, first: beginning, rounds: done, poisoned }
  const markdown = demonstrationMarkdown(result, { people, turns, heldOut: world.measured.length, seed })
  await writeFileAtomic(join(out, 'demonstration.md'), markdown)
  await writeFileAtomic(join(out, 'demonstration.json'), `${JSON.stringify(result, null, 2)}\n`)
  return { ...result, markdown }
}

interface Plan {
  readonly options: DemonstrationOptions
  readonly out: string
  readonly start: string
  readonly first: string
  readonly journal: RoundJournal
  readonly connect: Connect
  readonly world: World
  readonly seed: number
  readonly say: (text: string) => void
}

interface Place {
  readonly database: string
  readonly folder: string
}

/** People visit, and the model learns from them. */
async function oneRound(
  plan: Plan,
  {
    database,
    folder,
    round,
    people,
    label,
    before,
  }: Place & {
    readonly round: number
    readonly people: readonly Person[]
    readonly label: string
    readonly before?: (store: Store) => Promise<void>
  },
) {
  const { options, journal, connect, world, seed, say, start, first } = plan
  const { signal, onEvent = () => {} } = options
  await makeDirectory(folder)
  const said = await journal.once(`${label}: talk`, async () => {
    say(`${label}: ${people.length} simulated people talk to the model`)
    await withStore(database, async (store) => {
      await forgetInterrupted(store, people)
      await before?.(store)
    })
    const { api, close } = await connect({
      database,
      folder,
      name: NAME,
      first,
      maxTokens: MAX_TOKENS,
      seed: seed + 100_000 * round,
    })
    try {
      return await talk(api, people, world.asked, {
        seed: seed + round,
        ...(signal ? { signal } : {}),
        onProgress: (done, total) =>
          onEvent({ type: 'progress', label: 'people talking', done, total, unit: 'questions' }),
      })
    } finally {
      await close()
    }
  })
  return journal.once(`${label}: learn`, async () => {
    say(
      `${label}: learning from ${said.rankings} rankings, ${said.thumbs} thumbs, ${said.corrections} corrections`,
    )
    const began = performance.now()
    return withStore(database, async (store) => {
      const outcome = await nextRound({
        store,
        model: NAME,
        out: join(folder, `round-${round}`),
        replay: start,
        // Simulated people take no time to read.
        settings: { cleaning: { secondsPerAnswer: 0 }, ...options.settings, seed: seed + round },
        onEvent,
        ...(options.preset === undefined ? {} : { preset: options.preset }),
        ...(options.threads === undefined ? {} : { threads: options.threads }),
        ...(signal ? { signal } : {}),
      })
      if (outcome.outcome === 'stopped')
        throw signal?.reason ?? new RecipeError('recipe/stopped', `${folder} was stopped`)
      if (outcome.outcome === 'too-little')
        throw new RecipeError(
          'recipe/plan',
          `the simulated people said too little for a round (${outcome.missing.map(({ what, have, need }) => `${have} of ${need} ${what}`).join(', ')}); let more of them talk, or longer`,
        )
      const { live } = await store.models.get(NAME)
      const version = await store.models.version(NAME, live!)
      const { report, candidate } = outcome
      const told = {
        said,
        outcome: outcome.outcome,
        reasons: report.reasons,
        guards: report.guards,
        believed: report.preference,
        seconds: (performance.now() - began) / 1000,
      }
      return {
        told,
        live: { version: version.version, dir: version.dir },
        candidate: { version: report.to, dir: candidate },
      }
    })
  })
}

/** Takes out what these people had said in a talk that was interrupted: they say everything again. */
async function forgetInterrupted(store: Store, people: readonly Person[]): Promise<void> {
  const names = new Set(people.map(({ name }) => name))
  const said: string[] = []
  for await (const { id, labeler } of store.feedback.each('anyone', { unused: true }))
    if (names.has(labeler)) said.push(id)
  for (const id of said) await store.feedback.remove(id, 'anyone')
}

/** The first round once more: what honest people said in it, and malicious people beside them. */
async function poison(
  plan: Plan,
  {
    bad,
    beginning,
    measure,
    from,
    round,
    ...place
  }: Place & {
    readonly bad: number
    readonly beginning: Measured
    readonly measure: ReturnType<typeof measurer>
    readonly from: string
    readonly round: DemonstratedRound
  },
): Promise<Demonstration['poisoned']> {
  const { options, out, seed, journal } = plan
  const { people = 40, turns = 20 } = options
  const malicious = crowd({
    honest: 0,
    malicious: bad,
    turns,
    honestTaste: SHORT_WITH_SOURCE,
    maliciousTaste: ADVERTISERS,
    seed: seed + 77,
  }).map((person, i) => ({ ...person, name: `simulated-${people + i}` }))
  const result = await oneRound(plan, {
    ...place,
    round: 1,
    people: malicious,
    label: 'poisoned round',
    before: (store) => copyFeedback(plan, from, store),
  })
  const clean = await measure({ version: 'clean', dir: join(out, 'rounds', 'round-1', 'policy') }, [
    beginning,
  ])
  const candidate = await measure(result.candidate, [beginning])
  const names = new Set(malicious.map(({ name }) => name))
  const taken = await journal.once('poisoned round: taken', () =>
    withStore(place.database, (store) => takenShares(store, names)),
  )
  const [before, after] = [await worth(plan, clean.dir), await worth(plan, candidate.dir)]
  const intervals = { seed, level: 0.95 }
  return {
    people: people + bad,
    malicious: bad,
    said: sum(round.said, result.told.said),
    outcome: result.told.outcome,
    clean,
    candidate,
    honest: pairedDifference(after.honest, before.honest, intervals),
    bad: pairedDifference(after.malicious, before.malicious, intervals),
    taken,
  }
}

/** What people said in the first round, into another database. */
async function copyFeedback({ first }: Plan, from: string, store: Store): Promise<void> {
  await withStore(from, async (source) => {
    const [model] = await source.models.versions(NAME)
    if (model) {
      const { created: _, ...version } = model
      await store.models.addVersion({ ...version, dir: first })
    }
    const rounds = await source.rounds.list({ model: NAME, limit: 100 })
    const earliest = rounds.items.at(-1)
    if (!earliest) throw new RecipeError('recipe/missing', 'the first round is not there')
    const used = new Set((await source.rounds.feedback(earliest.id)).map(({ feedback }) => feedback))
    const known = new Set<string>()
    for await (const { id } of store.feedback.each('anyone')) known.add(id)
    for await (const feedback of source.feedback.each('anyone')) {
      if (!used.has(feedback.id) || known.has(feedback.id)) continue
      const { round: _, message: __, conversation: ___, comparison: ____, task: _____, ...said } = feedback
      await store.feedback.add({ ...said, answers: said.answers.map(({ message: _, ...answer }) => answer) })
    }
  })
}

async function takenShares(store: Store, malicious: ReadonlySet<string>) {
  const { items } = await store.rounds.list({ model: NAME, limit: 1 })
  const people = new Map<string, string>()
  for await (const { id, labeler } of store.feedback.each('anyone')) people.set(id, labeler)
  const used = await store.rounds.feedback(items[0]!.id)
  const share = (isBad: boolean) => {
    const own = used.filter(({ feedback }) => malicious.has(people.get(feedback) ?? '') === isBad)
    return own.filter(({ use }) => use !== 'dropped').length / Math.max(1, own.length)
  }
  return { malicious: share(true), honest: share(false) }
}

/** A server of this installation for as long as people talk. */
function overHttp({ threads, signal }: DemonstrationOptions): Connect {
  return async ({ database, name, first, folder, maxTokens, seed }) => {
    const server = await startServer({ database, model: first, name, folder, threads, signal })
    return { api: httpApi({ url: server.url, model: name, maxTokens, seed, signal }), close: server.close }
  }
}

async function withStore<T>(url: string, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore({ url })
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

function sum(a: TalkCounts, b: TalkCounts): TalkCounts {
  return {
    rankings: a.rankings + b.rankings,
    thumbs: a.thumbs + b.thumbs,
    corrections: a.corrections + b.corrections,
  }
}

function line({ utility, againstFirst, sourced }: Measured): string {
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`
  return `true taste ${utility.value.toFixed(3)} [${utility.low.toFixed(3)}, ${utility.high.toFixed(3)}], preferred to the first version ${percent(againstFirst.value)} [${percent(againstFirst.low)}, ${percent(againstFirst.high)}], source named in ${percent(sourced)}`
}
