/** Sets of code points as sorted, disjoint, inclusive ranges: [from, to, from, to, …]. Surrogates are in none. */
export type CharSet = readonly number[]

export const MAX_CODE_POINT = 0x10ffff
export const ANY: CharSet = [0, 0xd7ff, 0xe000, MAX_CODE_POINT]

export function charSet(ranges: readonly (readonly [number, number])[]): CharSet {
  const sorted = ranges.filter(([from, to]) => from <= to).sort((a, b) => a[0] - b[0])
  const out: number[] = []
  for (const [from, to] of sorted) {
    const last = out.at(-1)
    if (last !== undefined && from <= last + 1) out[out.length - 1] = Math.max(last, to)
    else out.push(from, to)
  }
  return intersect(out, ANY)
}

export const union = (...sets: readonly CharSet[]): CharSet => charSet(sets.flatMap(pairs))

export function pairs(set: CharSet): [number, number][] {
  return Array.from({ length: set.length / 2 }, (_, i) => [set[2 * i]!, set[2 * i + 1]!])
}

export function complement(set: CharSet): CharSet {
  const out: [number, number][] = []
  let from = 0
  for (const [start, end] of pairs(set)) {
    out.push([from, start - 1])
    from = end + 1
  }
  return charSet([...out, [from, MAX_CODE_POINT]])
}

export function intersect(a: CharSet, b: CharSet): CharSet {
  const out: number[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const from = Math.max(a[i]!, b[j]!)
    const to = Math.min(a[i + 1]!, b[j + 1]!)
    if (from <= to) out.push(from, to)
    if (a[i + 1]! < b[j + 1]!) i += 2
    else j += 2
  }
  return out
}

const ranges = (...bounds: [number, number][]) => charSet(bounds)
export const DIGIT = ranges([0x30, 0x39])
export const WORD = ranges([0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a])
/** ECMA-262's WhiteSpace and LineTerminator. */
export const SPACE = ranges(
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
)
export const LINE_END = ranges([0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029])
