/** Whether a value that the schema itself writes (in enum, const) satisfies the rest of the schema. */
import { accepts, type Dfa } from '../regex/dfa.js'
import { below, isObject, type Json, type SchemaDocument, type Sub } from './document.js'

export interface ValidateContext {
  readonly document: SchemaDocument
  /** The language of a pattern, found at a path. */
  readonly pattern: (source: string, path: string) => Dfa
}

/** Deeper than any value and chain of references that the limits allow. */
const MAX_STEPS = 100_000

export function validates(value: Json, sub: Sub, context: ValidateContext): boolean {
  let steps = 0
  const check = (value: Json, { schema, path }: Sub, depth: number): boolean => {
    if (++steps > MAX_STEPS || depth > 200) return false
    if (typeof schema === 'boolean') return schema
    const { document } = context
    const subs = (key: string): Sub[] => {
      const list = schema[key]
      return Array.isArray(list) ? list.map((one, i) => document.sub(one, below(path, key, i))) : []
    }
    const inside = (one: Json, key: string, child: Json | undefined, ...rest: (string | number)[]): boolean =>
      child === undefined || check(one, document.sub(child, below(path, key, ...rest)), depth + 1)

    if (schema.$ref !== undefined && !check(value, document.resolve(schema.$ref, path), depth + 1))
      return false
    if (!subs('allOf').every((one) => check(value, one, depth + 1))) return false
    if (schema.anyOf !== undefined && !subs('anyOf').some((one) => check(value, one, depth + 1))) return false
    if (
      schema.oneOf !== undefined &&
      subs('oneOf').filter((one) => check(value, one, depth + 1)).length !== 1
    )
      return false
    if (schema.type !== undefined && ![schema.type].flat().some((type) => isOfType(value, type as string)))
      return false
    if (Array.isArray(schema.enum) && !schema.enum.some((one) => equal(one, value))) return false
    if (schema.const !== undefined && !equal(schema.const, value)) return false

    if (typeof value === 'number') {
      const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema
      if (typeof minimum === 'number' && (exclusiveMinimum === true ? value <= minimum : value < minimum))
        return false
      if (typeof maximum === 'number' && (exclusiveMaximum === true ? value >= maximum : value > maximum))
        return false
      if (typeof exclusiveMinimum === 'number' && value <= exclusiveMinimum) return false
      if (typeof exclusiveMaximum === 'number' && value >= exclusiveMaximum) return false
      return typeof multipleOf !== 'number' || Number.isInteger(value / multipleOf)
    }
    if (typeof value === 'string') {
      const length = [...value].length
      if (typeof schema.minLength === 'number' && length < schema.minLength) return false
      if (typeof schema.maxLength === 'number' && length > schema.maxLength) return false
      return typeof schema.pattern !== 'string' || accepts(context.pattern(schema.pattern, path), value)
    }
    if (Array.isArray(value)) {
      if (typeof schema.minItems === 'number' && value.length < schema.minItems) return false
      if (typeof schema.maxItems === 'number' && value.length > schema.maxItems) return false
      const asTuple = Array.isArray(schema.items)
      const prefixKey = asTuple ? 'items' : 'prefixItems'
      const prefix = schema[prefixKey]
      const fixed = Array.isArray(prefix) ? prefix.length : 0
      const restKey = asTuple ? 'additionalItems' : 'items'
      return value.every((one: Json, i: number) =>
        i < fixed ? inside(one, prefixKey, (prefix as Json[])[i], i) : inside(one, restKey, schema[restKey]),
      )
    }
    if (isObject(value)) {
      const { properties, required, additionalProperties } = schema
      if (Array.isArray(required) && !required.every((key) => Object.hasOwn(value, key as string)))
        return false
      return Object.entries(value).every(([key, one]) =>
        isObject(properties) && Object.hasOwn(properties, key)
          ? inside(one, 'properties', properties[key], key)
          : inside(one, 'additionalProperties', additionalProperties),
      )
    }
    return true
  }
  return check(value, sub, 0)
}

function isOfType(value: Json, type: string): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isObject(value)
  if (type === 'integer') return Number.isInteger(value)
  return typeof value === type
}

export function equal(a: Json, b: Json): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((one, i) => equal(one, b[i]))
  if (!isObject(a) || !isObject(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equal(a[key]!, b[key]!))
  )
}
