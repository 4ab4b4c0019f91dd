/**
 * Sizes of axes. A size is a number, or a `Dim`: an integer polynomial over named axes whose values are known only when
 * the compiled function is called (`T`, `B*T`, `past + T`). Two sizes are equal when their polynomials are.
 */
import { TensorError } from './errors.js'

export type Size = number | Dim
export type Shape = readonly Size[]

/** monomial ("B*T"; "" is the constant) -> integer coefficient */
type Terms = ReadonlyMap<string, number>

export class Dim {
  readonly terms: Terms

  constructor(terms: Terms) {
    this.terms = terms
  }

  toString(): string {
    const parts = [...this.terms].map(([monomial, coefficient]) =>
      monomial === '' ? `${coefficient}` : coefficient === 1 ? monomial : `${coefficient}*${monomial}`,
    )
    return parts.join('+').replaceAll('+-', '-')
  }

  toJSON(): string {
    return this.toString()
  }
}

/** A named dynamic axis. */
export function dim(name: string): Dim {
  if (!/^[A-Za-z_]\w*$/.test(name)) throw new TensorError('argument', `dim: '${name}' is not an identifier`)
  return new Dim(new Map([[name, 1]]))
}

function termsOf(size: Size): Terms {
  return typeof size === 'number' ? new Map(size === 0 ? [] : [['', size]]) : size.terms
}

function fromTerms(terms: Map<string, number>): Size {
  const kept = [...terms].filter(([, c]) => c !== 0).sort(([a], [b]) => (a < b ? -1 : 1))
  if (kept.length === 0) return 0
  return kept.length === 1 && kept[0]![0] === '' ? kept[0]![1] : new Dim(new Map(kept))
}

export function addSizes(a: Size, b: Size): Size {
  if (typeof a === 'number' && typeof b === 'number') return a + b
  const sum = new Map(termsOf(a))
  for (const [monomial, c] of termsOf(b)) sum.set(monomial, (sum.get(monomial) ?? 0) + c)
  return fromTerms(sum)
}

export function subtractSizes(a: Size, b: Size): Size {
  return addSizes(a, multiplySizes(b, -1))
}

export function multiplySizes(a: Size, b: Size): Size {
  if (typeof a === 'number' && typeof b === 'number') return a * b
  const product = new Map<string, number>()
  for (const [m1, c1] of termsOf(a)) {
    for (const [m2, c2] of termsOf(b)) {
      const monomial = [...factors(m1), ...factors(m2)].sort().join('*')
      product.set(monomial, (product.get(monomial) ?? 0) + c1 * c2)
    }
  }
  return fromTerms(product)
}

/** a / b where b (a number or a single monomial) divides a exactly; undefined otherwise. */
export function divideSizes(a: Size, b: Size): Size | undefined {
  if (sizesEqual(a, b)) return 1
  const divisor = [...termsOf(b)]
  if (divisor.length !== 1) return undefined
  const [monomial, coefficient] = divisor[0]!
  const quotient = new Map<string, number>()
  for (const [m, c] of termsOf(a)) {
    const left = factors(m)
    for (const factor of factors(monomial)) {
      const at = left.indexOf(factor)
      if (at < 0) return undefined
      left.splice(at, 1)
    }
    if (c % coefficient !== 0) return undefined
    quotient.set(left.join('*'), c / coefficient)
  }
  return fromTerms(quotient)
}

export function sizesEqual(a: Size, b: Size): boolean {
  return a === b || (typeof a !== 'number' && typeof b !== 'number' && a.toString() === b.toString())
}

export function shapesEqual(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => sizesEqual(size, b[axis]!))
}

/** Number of elements. */
export function sizeOf(shape: Shape): Size {
  return shape.reduce(multiplySizes, 1)
}

export function isStatic(shape: Shape): shape is readonly number[] {
  return shape.every((size) => typeof size === 'number')
}

/** The value of `size` once every named axis has one. */
export function evaluateSize(size: Size, axes: ReadonlyMap<string, number>): number {
  let total = 0
  for (const [monomial, coefficient] of termsOf(size)) {
    total += factors(monomial).reduce((product, name) => {
      const value = axes.get(name)
      if (value === undefined)
        throw new TensorError('shape', `the dynamic axis '${name}' is not an axis of any input`)
      return product * value
    }, coefficient)
  }
  return total
}

/** The single axis name that `size` is, if it is exactly one. */
export function axisName(size: Size): string | undefined {
  if (typeof size === 'number' || size.terms.size !== 1) return undefined
  const [monomial, coefficient] = [...size.terms][0]!
  return coefficient === 1 && !monomial.includes('*') ? monomial : undefined
}

/** The monomials of `size` as [coefficient, axis names]. */
export function monomials(size: Size): readonly (readonly [number, readonly string[]])[] {
  return [...termsOf(size)].map(([monomial, c]) => [c, factors(monomial)] as const)
}

function factors(monomial: string): string[] {
  return monomial === '' ? [] : monomial.split('*')
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`
}
