/** A store in memory with what a round needs; the tests of the whole loop use the real one. */

import type { RoundStore } from '../../../src/recipes/next/ledger.js'
import {
  type Feedback,
  type Model,
  type ModelVersion,
  type NewFeedback,
  type Round,
  type RoundFeedback,
  StoreError,
} from '../../../src/store/index.js'

export interface FakeStore extends RoundStore {
  readonly all: {
    readonly feedback: Map<string, Feedback>
    readonly rounds: Map<string, Round>
    readonly uses: RoundFeedback[]
    readonly models: Map<string, Model>
    readonly versions: ModelVersion[]
  }
}

export function fakeStore(): FakeStore {
  const feedback = new Map<string, Feedback>()
  const rounds = new Map<string, Round>()
  const models = new Map<string, Model>()
  const versions: ModelVersion[] = []
  const uses: RoundFeedback[] = []
  let serial = 0
  const id = (prefix: string) => `${prefix}_${String(++serial).padStart(8, '0')}`
  const changed = <T extends object>(record: T, change: object): T =>
    Object.fromEntries(Object.entries({ ...record, ...change }).filter(([, value]) => value !== null)) as T
  const missing = (what: string) => new StoreError('not-found', `there is no ${what}`)
  const find = (name: string, version: string) => {
    const found = versions.find((each) => each.model === name && each.version === version)
    if (!found) throw missing(version)
    return found
  }
  const store = {
    all: { feedback, rounds, uses, models, versions },
    feedback: {
      add: async (...list: NewFeedback[]) =>
        list.map((each) => {
          const record = {
            id: id('fb'),
            created: 1_700_000_000_000 + 1000 * serial,
            labeler: each.user,
            ...each,
          } as Feedback
          feedback.set(record.id, record)
          return record
        }),
      each: async function* (_: unknown, query: { unused?: boolean } = {}) {
        for (const record of [...feedback.values()])
          if (!query.unused || record.round === undefined) yield record
      },
    },
    rounds: {
      create: async (round: Partial<Round>) => {
        const record = { state: 'running', ...round, id: id('round'), created: Date.now() } as Round
        rounds.set(record.id, record)
        return record
      },
      get: async (name: string) => rounds.get(name)!,
      list: async ({ model }: { model?: string } = {}) => ({
        items: [...rounds.values()].filter((each) => model === undefined || each.model === model).reverse(),
      }),
      take: async (round: string, list: readonly Omit<RoundFeedback, 'round'>[]) => {
        for (const use of list) {
          if (!uses.some((each) => each.round === round && each.feedback === use.feedback))
            uses.push({ round, ...use })
          const record = feedback.get(use.feedback)!
          if (record.round === undefined) feedback.set(use.feedback, { ...record, round })
        }
      },
      feedback: async (round: string) => uses.filter((each) => each.round === round),
      update: async (name: string, change: object) => {
        const record = changed(rounds.get(name)!, change)
        rounds.set(name, record)
        return record
      },
    },
    models: {
      list: async () => [...models.values()],
      find: async (name: string) => models.get(name),
      get: async (name: string) => {
        const model = models.get(name)
        if (!model) throw missing(name)
        return model
      },
      versions: async (name: string) => versions.filter(({ model }) => model === name),
      version: async (name: string, version: string) => find(name, version),
      addVersion: async (version: Omit<ModelVersion, 'created'>) => {
        const known = versions.find(
          (each) => each.model === version.model && each.version === version.version,
        )
        if (known) return known
        const record = { ...version, created: Date.now() }
        versions.push(record)
        if (!models.has(version.model))
          models.set(version.model, { name: version.model, live: version.version, created: 0, updated: 0 })
        return record
      },
      promote: async (name: string, version: string, { expect }: { expect?: string } = {}) => {
        const model = models.get(name)!
        if (expect !== undefined && model.live !== expect)
          throw new StoreError('conflict', 'another one is live')
        models.set(name, { ...model, live: find(name, version).version })
        return models.get(name)!
      },
    },
  }
  return store as unknown as FakeStore
}
