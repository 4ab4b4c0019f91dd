/** An order with ties: groups of answers, the best first; those of a group are equally good. Pure functions from one to the next. */
export type Ranking = readonly (readonly string[])[]

/** Everything in its own place, in the order in which it is shown. */
export const inOrder = (keys: readonly string[]): Ranking => keys.map((key) => [key])

/** A rank for each of `keys`: 1 is best, and ties have the same. */
export function ranksOf(ranking: Ranking, keys: readonly string[]): number[] {
  return keys.map((key) => ranking.findIndex((group) => group.includes(key)) + 1)
}

export const placeOf = (ranking: Ranking, key: string): number =>
  ranking.findIndex((group) => group.includes(key))

export const isTied = (ranking: Ranking, key: string): boolean =>
  (ranking[placeOf(ranking, key)]?.length ?? 0) > 1

const without = (ranking: Ranking, key: string): Ranking =>
  ranking.map((group) => group.filter((each) => each !== key)).filter((group) => group.length > 0)

const insert = (ranking: Ranking, at: number, key: string): Ranking => [
  ...ranking.slice(0, at),
  [key],
  ...ranking.slice(at),
]

/** One step up or down: out of a tie, or past the group beside it. At the end of the order it stays. */
export function move(ranking: Ranking, key: string, step: -1 | 1): Ranking {
  const at = placeOf(ranking, key)
  if (at < 0) return ranking
  if (isTied(ranking, key)) return insert(without(ranking, key), step < 0 ? at : at + 1, key)
  const to = at + step
  return to < 0 || to >= ranking.length ? ranking : insert(without(ranking, key), to, key)
}

/** Alone on this place, counted from 1. */
export function placeAt(ranking: Ranking, key: string, place: number): Ranking {
  if (placeOf(ranking, key) < 0) return ranking
  const rest = without(ranking, key)
  return insert(rest, Math.max(0, Math.min(rest.length, place - 1)), key)
}

/** Equal to the group above it; one that is in a tie leaves it downwards. */
export function toggleTie(ranking: Ranking, key: string): Ranking {
  const at = placeOf(ranking, key)
  if (at < 0) return ranking
  if (isTied(ranking, key)) return move(ranking, key, 1)
  return at === 0 ? ranking : drop(ranking, key, { where: 'with', key: ranking[at - 1]![0]! })
}

/** Where something that is dragged would come to lie: before, after or beside another answer. */
export interface Target {
  readonly where: 'before' | 'after' | 'with'
  readonly key: string
}

export function drop(ranking: Ranking, key: string, { where, key: other }: Target): Ranking {
  if (key === other || placeOf(ranking, key) < 0 || placeOf(ranking, other) < 0) return ranking
  const rest = without(ranking, key)
  const at = placeOf(rest, other)
  if (where === 'with') return rest.map((group, index) => (index === at ? [...group, key] : group))
  return insert(rest, where === 'before' ? at : at + 1, key)
}
