/** Runs and no models, in memory. */
import type { Run, Store } from '../../../store/index.js'

export function memoryStore(): Store {
  const runs = new Map<string, Run>()
  let n = 0
  const get = async (id: string) => runs.get(id)!
  const part = {
    runs: {
      create: async (run: Run) => {
        const id = `run_${String(++n).padStart(4, '0')}`
        const made = { ...run, created: run.created ?? Date.now() + n / 1000, updated: 0, id }
        runs.set(id, made)
        return made
      },
      get,
      at: async (dir: string) => [...runs.values()].find((run) => run.dir === dir),
      list: async () => ({ items: [...runs.values()].reverse() }),
      update: async (id: string, change: object) => {
        const kept = Object.entries({ ...runs.get(id), ...change }).filter(([, value]) => value !== null)
        runs.set(id, Object.fromEntries(kept) as unknown as Run)
        return get(id)
      },
    },
    models: { find: async () => undefined, versions: async () => [] },
    close: async () => {},
  }
  return part as unknown as Store
}
