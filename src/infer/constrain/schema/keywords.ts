/** What several schemas together ask of a number, a string, an array or an object. */
import type { NumberBounds } from '../number-leaf.js'
import { type Part, propertyOf } from './conjunction.js'
import { below, isObject, type Json, problem, type SchemaDocument, type Sub } from './document.js'

/** Items beyond this many cannot be required; more are never written. */
const MAX_ITEMS = 1_000

/** @throws InferError `infer/schema` */
export function boundsOf(parts: readonly Part[], integer: boolean): NumberBounds {
  let minimum = Number.NEGATIVE_INFINITY
  let maximum = Number.POSITIVE_INFINITY
  let [exclusiveMinimum, exclusiveMaximum] = [false, false]
  let multipleOf: number | undefined
  const atLeast = (bound: number, open: boolean) => {
    if (bound < minimum) return
    exclusiveMinimum = bound > minimum ? open : exclusiveMinimum || open
    minimum = bound
  }
  const atMost = (bound: number, open: boolean) => {
    if (bound > maximum) return
    exclusiveMaximum = bound < maximum ? open : exclusiveMaximum || open
    maximum = bound
  }
  for (const part of parts) {
    const { schema, path } = part
    // In draft 4 the exclusive ones are booleans beside the bound.
    const low = numberOf(part, 'minimum')
    const high = numberOf(part, 'maximum')
    if (low !== undefined) atLeast(low, schema.exclusiveMinimum === true)
    if (high !== undefined) atMost(high, schema.exclusiveMaximum === true)
    const above =
      typeof schema.exclusiveMinimum === 'boolean' ? undefined : numberOf(part, 'exclusiveMinimum')
    const under =
      typeof schema.exclusiveMaximum === 'boolean' ? undefined : numberOf(part, 'exclusiveMaximum')
    if (above !== undefined) atLeast(above, true)
    if (under !== undefined) atMost(under, true)
    const factor = numberOf(part, 'multipleOf')
    if (factor === undefined) continue
    if (!Number.isSafeInteger(factor) || factor < 1) {
      throw problem(path, `has "multipleOf" ${factor}; only whole numbers from 1 are supported`)
    }
    multipleOf = multipleOf === undefined ? factor : (multipleOf / gcd(multipleOf, factor)) * factor
    if (!Number.isSafeInteger(multipleOf)) throw problem(path, 'has "multipleOf" that together are too large')
  }
  return {
    integer,
    minimum: minimum === Number.NEGATIVE_INFINITY ? undefined : minimum,
    maximum: maximum === Number.POSITIVE_INFINITY ? undefined : maximum,
    exclusiveMinimum,
    exclusiveMaximum,
    multipleOf,
  }
}

/** @throws InferError `infer/schema` */
export function lengthsOf(parts: readonly Part[]): { min: number; max: number } {
  return {
    min: Math.max(0, ...parts.map((part) => countOf(part, 'minLength') ?? 0)),
    max: Math.min(...parts.map((part) => countOf(part, 'maxLength') ?? Number.POSITIVE_INFINITY)),
  }
}

export interface ArrayParts {
  readonly prefix: readonly (readonly Sub[])[]
  /** Of every element after the prefix. */
  readonly rest: readonly Sub[]
  readonly min: number
  readonly max: number
}

/** @throws InferError `infer/schema` */
export function arrayParts(parts: readonly Part[], document: SchemaDocument): ArrayParts {
  const min = Math.max(0, ...parts.map((part) => countOf(part, 'minItems') ?? 0))
  const max = Math.min(...parts.map((part) => countOf(part, 'maxItems') ?? Number.POSITIVE_INFINITY))
  const asking = parts.find(({ schema }) => Number(schema.minItems) > MAX_ITEMS)
  if (asking) throw problem(asking.path, `has "minItems" above ${MAX_ITEMS}, which is not supported`)
  const readers = parts.map((part) => elementsOf(part, document))
  const fixed = Math.max(0, ...readers.map(({ prefix }) => prefix.length))
  if (fixed > MAX_ITEMS) throw problem(parts[0]!.path, `lists more than ${MAX_ITEMS} items`)
  return {
    prefix: Array.from({ length: fixed }, (_, i) =>
      readers.flatMap(({ prefix, rest }) => prefix[i] ?? rest ?? []),
    ),
    rest: readers.flatMap(({ rest }) => rest ?? []),
    min,
    max: max === Number.POSITIVE_INFINITY ? max : Math.min(max, MAX_ITEMS),
  }
}

/** `prefixItems` and `items`, or draft 7's list of `items` and `additionalItems`. */
function elementsOf(
  { schema, path }: Part,
  document: SchemaDocument,
): { prefix: Sub[]; rest: Sub | undefined } {
  const asTuple = Array.isArray(schema.items)
  const [prefixKey, restKey] = asTuple ? ['items', 'additionalItems'] : ['prefixItems', 'items']
  const prefix = schema[prefixKey]
  const rest = schema[restKey]
  if (prefix !== undefined && !Array.isArray(prefix)) throw problem(path, 'has "prefixItems" that is no list')
  return {
    prefix: ((prefix ?? []) as Json[]).map((one, i) => document.sub(one, below(path, prefixKey, i))),
    rest: rest === undefined ? undefined : document.sub(rest, below(path, restKey)),
  }
}

export interface ObjectParts {
  /** In the order of the schemas. */
  readonly properties: readonly { key: string; subs: readonly Sub[]; isRequired: boolean }[]
  /** Of every property that is not listed; undefined where there may be none. */
  readonly extra: readonly Sub[] | undefined
}

/**
 * Where properties are listed and `additionalProperties` is not said, there are none: narrower than JSON Schema, as people mean it.
 * @throws InferError `infer/schema`
 */
export function objectParts(parts: readonly Part[], document: SchemaDocument): ObjectParts {
  const keys = new Set<string>()
  const required = new Set<string>()
  for (const { schema, path } of parts) {
    const { properties, required: names } = schema
    if (properties !== undefined && !isObject(properties))
      throw problem(path, 'has "properties" that is no object')
    for (const key of Object.keys(properties ?? {})) keys.add(key)
    if (names === undefined) continue
    if (!Array.isArray(names) || names.some((name) => typeof name !== 'string')) {
      throw problem(path, 'has "required" that is no list of names')
    }
    for (const name of names) required.add(name as string)
  }
  const isOpen = parts.every(
    ({ schema }) =>
      schema.additionalProperties !== false &&
      (schema.properties === undefined || schema.additionalProperties !== undefined),
  )
  for (const key of required) keys.add(key)
  return {
    properties: [...keys].map((key) => ({
      key,
      subs: propertyOf(parts, key, document),
      isRequired: required.has(key),
    })),
    extra: isOpen
      ? parts.flatMap(({ schema, path }) =>
          schema.additionalProperties === undefined
            ? []
            : [document.sub(schema.additionalProperties, below(path, 'additionalProperties'))],
        )
      : undefined,
  }
}

function numberOf({ schema, path }: Part, key: string): number | undefined {
  const value = schema[key]
  if (value === undefined || typeof value === 'number') return value
  throw problem(path, `has "${key}" that is no number`)
}

function countOf(part: Part, key: string): number | undefined {
  const value = numberOf(part, key)
  if (value === undefined || (Number.isInteger(value) && value >= 0)) return value
  throw problem(part.path, `has "${key}" that is no whole number from 0`)
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}
