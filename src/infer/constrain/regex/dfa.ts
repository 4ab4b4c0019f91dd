/** Deterministic automata over code points: from regular expressions, their intersections, texts of a length, all but some words. */
import { ANY, type CharSet, MAX_CODE_POINT, pairs } from './char-set.js'
import { type Regex, RegexProblem } from './parse.js'

/** State 0 starts. Every state can reach an accepting one. */
export interface Dfa {
  /** The code points at which classes begin, ascending, the first 0. */
  readonly classes: Int32Array
  /** `table[state * classes.length + class]` is the next state, or -1. */
  readonly table: Int32Array
  readonly accepting: Uint8Array
}

/** Members of all subsets together: what bounds the time. */
const MAX_WORK = 1_000_000

interface NfaState {
  readonly free: number[] // to states that cost nothing
  readonly atStart: number[] // only before the first character
  readonly atEnd: number[] // only after the last
  set?: CharSet
  to?: number
}

/**
 * The texts that contain a match, as `RegExp.test` finds one: subset construction.
 * @throws RegexProblem where there are more than `limit` states, or no text matches
 */
export function dfaOf(regex: Regex, limit: number): Dfa {
  const states: NfaState[] = []
  const add = (): number => {
    if (states.length >= 4 * limit) throw tooLarge(limit)
    return states.push({ free: [], atStart: [], atEnd: [] }) - 1
  }
  /** Builds from state `from`, returns where it ends. */
  const build = (part: Regex, from: number): number => {
    if (part.kind === 'sequence') return part.parts.reduce((at, one) => build(one, at), from)
    const end = add()
    if (part.kind === 'set') {
      const at = add()
      states[from]!.free.push(at)
      states[at]!.set = part.set
      states[at]!.to = end
    } else if (part.kind === 'start') states[from]!.atStart.push(end)
    else if (part.kind === 'end') states[from]!.atEnd.push(end)
    else if (part.kind === 'choice') {
      for (const option of part.options) {
        const at = add()
        states[from]!.free.push(at)
        states[build(option, at)]!.free.push(end)
      }
    } else {
      let at = from
      for (let i = 0; i < part.min; i++) at = build(part.part, at)
      if (part.max === Number.POSITIVE_INFINITY) {
        const loop = add()
        states[at]!.free.push(loop)
        states[build(part.part, loop)]!.free.push(loop)
        at = loop
      } else {
        for (let i = part.min; i < part.max; i++) {
          states[at]!.free.push(end)
          const fresh = add()
          states[at]!.free.push(fresh)
          at = build(part.part, fresh)
        }
      }
      states[at]!.free.push(end)
    }
    return end
  }
  const any: Regex = {
    kind: 'repeat',
    part: { kind: 'set', set: ANY },
    min: 0,
    max: Number.POSITIVE_INFINITY,
  }
  const start = add()
  const final = build({ kind: 'sequence', parts: [any, regex, any] }, start)
  return subsets(states, start, final, limit)
}

function subsets(states: readonly NfaState[], start: number, final: number, limit: number): Dfa {
  const classes = boundaries(states.flatMap(({ set }) => (set ? [set] : [])))
  let work = 0
  const close = (from: Iterable<number>, follow: (state: NfaState) => readonly number[]): Set<number> => {
    const closed = new Set(from)
    for (const at of closed) for (const next of follow(states[at]!)) closed.add(next)
    work += closed.size + classes.length
    if (work > MAX_WORK) throw tooLarge(limit)
    return closed
  }
  const first = close([start], ({ free, atStart }) => [...free, ...atStart])
  const sets: { set: Set<number>; isFirst: boolean }[] = []
  const ids = new Map<string, number>()
  const idOf = (set: Set<number>, isFirst: boolean): number => {
    const key = `${isFirst}${[...set].sort((a, b) => a - b).join(',')}`
    let id = ids.get(key)
    if (id === undefined) {
      if (sets.length >= limit) throw tooLarge(limit)
      id = sets.push({ set, isFirst }) - 1
      ids.set(key, id)
    }
    return id
  }
  idOf(first, true)
  const rows: Int32Array[] = []
  const accepting: number[] = []
  for (let id = 0; id < sets.length; id++) {
    const { set, isFirst } = sets[id]!
    const ended = close(set, ({ free, atStart, atEnd }) => [...free, ...atEnd, ...(isFirst ? atStart : [])])
    accepting.push(ended.has(final) ? 1 : 0)
    const row = new Int32Array(classes.length).fill(-1)
    const targets: Set<number>[] = Array.from(classes, () => new Set())
    for (const at of set) {
      const { set: chars, to } = states[at]!
      if (!chars || to === undefined) continue
      for (const [from, end] of pairs(chars)) {
        for (let c = classOf(classes, from); c < classes.length && classes[c]! <= end; c++)
          targets[c]!.add(to)
      }
    }
    // Many classes lead to the same set: close each only once.
    const closedBy = new Map<string, number>()
    for (const [c, direct] of targets.entries()) {
      if (direct.size === 0) continue
      const key = [...direct].join(',')
      let target = closedBy.get(key)
      if (target === undefined) {
        target = idOf(
          close(direct, ({ free }) => free),
          false,
        )
        closedBy.set(key, target)
      }
      row[c] = target
    }
    rows.push(row)
  }
  return trimmed(classes, rows, accepting)
}

/** Both. @throws RegexProblem */
export function intersection(a: Dfa, b: Dfa, limit: number): Dfa {
  const classes = Int32Array.from([...new Set([...a.classes, ...b.classes])].sort((x, y) => x - y))
  const inA = Array.from(classes, (code) => classOf(a.classes, code))
  const inB = Array.from(classes, (code) => classOf(b.classes, code))
  const ids = new Map<number, number>([[0, 0]])
  const both: [number, number][] = [[0, 0]]
  const rows: Int32Array[] = []
  const width = b.accepting.length
  for (let id = 0; id < both.length; id++) {
    const [p, q] = both[id]!
    const row = new Int32Array(classes.length).fill(-1)
    for (let c = 0; c < row.length; c++) {
      const nextA = a.table[p * a.classes.length + inA[c]!]!
      const nextB = b.table[q * b.classes.length + inB[c]!]!
      if (nextA < 0 || nextB < 0) continue
      const key = nextA * width + nextB
      let target = ids.get(key)
      if (target === undefined) {
        if (both.length >= limit) throw tooLarge(limit)
        target = both.push([nextA, nextB]) - 1
        ids.set(key, target)
      }
      row[c] = target
    }
    rows.push(row)
  }
  return trimmed(
    classes,
    rows,
    both.map(([p, q]) => a.accepting[p]! & b.accepting[q]!),
  )
}

/** Texts of `min` to `max` characters. @throws RegexProblem */
export function lengthDfa(min: number, max: number, limit: number): Dfa {
  const count = (max === Number.POSITIVE_INFINITY ? min : max) + 1
  if (count > limit) throw tooLarge(limit)
  const rows = Array.from({ length: count }, (_, i) => {
    const next = i + 1 < count ? i + 1 : max === Number.POSITIVE_INFINITY ? i : -1
    return Int32Array.of(next, -1, next)
  })
  return trimmed(
    SURROGATES,
    rows,
    rows.map((_, i) => (i >= min ? 1 : 0)),
  )
}

/** All texts but these. */
export function allBut(words: Iterable<string>): Dfa {
  const nodes: { children: Map<number, number>; isWord: boolean }[] = [{ children: new Map(), isWord: false }]
  for (const word of words) {
    let at = 0
    for (const char of word) {
      const code = char.codePointAt(0)!
      let next = nodes[at]!.children.get(code)
      if (next === undefined) {
        next = nodes.push({ children: new Map(), isWord: false }) - 1
        nodes[at]!.children.set(code, next)
      }
      at = next
    }
    nodes[at]!.isWord = true
  }
  const other = nodes.length
  const classes = boundaries(
    nodes.flatMap(({ children }) => [...children.keys()].map((code) => [code, code])),
  )
  const alphabet = rowOver(classes, other)
  const rows = nodes.map(({ children }) => {
    const row = alphabet.slice()
    for (const [code, next] of children) row[classOf(classes, code)] = next
    return row
  })
  return trimmed(classes, [...rows, alphabet], [...nodes.map(({ isWord }) => (isWord ? 0 : 1)), 1])
}

const SURROGATES = Int32Array.of(0, 0xd800, 0xe000)

/** Every text. */
export const ANY_TEXT: Dfa = {
  classes: SURROGATES,
  table: Int32Array.of(0, -1, 0),
  accepting: Uint8Array.of(1),
}

/** Whether a text is in the language. */
export function accepts(dfa: Dfa, text: string): boolean {
  let state = 0
  for (const char of text) {
    state = dfa.table[state * dfa.classes.length + classOf(dfa.classes, char.codePointAt(0)!)]!
    if (state < 0) return false
  }
  return dfa.accepting[state] === 1
}

/** The class of a code point. */
export function classOf(classes: Int32Array, codePoint: number): number {
  let low = 0
  let high = classes.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (classes[middle]! <= codePoint) low = middle
    else high = middle - 1
  }
  return low
}

function rowOver(classes: Int32Array, target: number): Int32Array {
  return classes.map((code) => (code >= 0xd800 && code <= 0xdfff ? -1 : target))
}

function boundaries(sets: readonly CharSet[]): Int32Array {
  const starts = new Set<number>(SURROGATES)
  for (const set of sets) {
    for (const [from, to] of pairs(set)) {
      starts.add(from)
      if (to < MAX_CODE_POINT) starts.add(to + 1)
    }
  }
  return Int32Array.from([...starts].sort((a, b) => a - b))
}

/** Without the states from which nothing is accepted. */
function trimmed(classes: Int32Array, rows: readonly Int32Array[], accepting: readonly number[]): Dfa {
  const sources: number[][] = rows.map(() => [])
  for (const [id, row] of rows.entries()) {
    for (const target of new Set(row)) if (target >= 0) sources[target]!.push(id)
  }
  const live = new Set<number>()
  for (const [id, accepts] of accepting.entries()) if (accepts) live.add(id)
  for (const id of live) for (const source of sources[id]!) live.add(source)
  if (!live.has(0)) throw new RegexProblem('no text at all matches')
  const order = [...live].sort((a, b) => a - b)
  const renamed = new Map(order.map((id, at) => [id, at]))
  const table = new Int32Array(order.length * classes.length)
  for (const [at, id] of order.entries()) {
    table.set(
      rows[id]!.map((target) => renamed.get(target) ?? -1),
      at * classes.length,
    )
  }
  return { classes, table, accepting: Uint8Array.from(order, (id) => accepting[id]!) }
}

const tooLarge = (limit: number) =>
  new RegexProblem(`an automaton of more than ${limit} states, which is too many; make the pattern simpler`)
