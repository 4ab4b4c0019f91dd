/** Schemas that a value must satisfy all at once, with `$ref` and `allOf` resolved, and what they say together. */
import {
  below,
  isObject,
  type Json,
  problem,
  type SchemaDocument,
  type SchemaObject,
  type Sub,
} from './document.js'
import { equal, type ValidateContext, validates } from './validate.js'

export const TYPES = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'] as const
export type Type = (typeof TYPES)[number]

/** A subschema that says something: neither `true` nor `false`. */
export interface Part {
  readonly schema: SchemaObject
  readonly path: string
}

/** Undefined where one of them is `false`. */
export type Conjunction = readonly Part[] | undefined

/**
 * @param within paths that lead here without reading anything: to meet one again is a circle
 * @throws InferError `infer/schema`
 */
export function flatten(
  subs: readonly Sub[],
  document: SchemaDocument,
  within: readonly string[] = [],
): Conjunction {
  const parts = new Map<string, Part>()
  const visit = ({ schema, path }: Sub, above: readonly string[]): boolean => {
    if (typeof schema === 'boolean') return schema
    if (above.includes(path)) throw problem(path, 'refers to itself with nothing in between')
    if (above.length > 100) throw problem(path, 'is reached by more than 100 references in a row')
    if (parts.has(path)) return true
    const inside = [...above, path]
    parts.set(path, { schema, path })
    if (schema.$ref !== undefined && !visit(document.resolve(schema.$ref, path), inside)) return false
    return optionsOf({ schema, path }, 'allOf', document).every((sub) => visit(sub, inside))
  }
  return subs.every((sub) => visit(sub, within)) ? [...parts.values()] : undefined
}

/** The subschemas of `allOf`, `anyOf` or `oneOf`. */
export function optionsOf({ schema, path }: Part, key: string, document: SchemaDocument): Sub[] {
  const list = schema[key]
  if (list === undefined) return []
  if (!Array.isArray(list) || list.length === 0)
    throw problem(path, `has "${key}" that is no list of schemas`)
  return list.map((one: Json, i) => document.sub(one, below(path, key, i)))
}

const OF_TYPE: readonly (readonly [Type, readonly string[]])[] = [
  ['object', ['properties', 'required', 'additionalProperties']],
  ['array', ['items', 'prefixItems', 'minItems', 'maxItems']],
  ['string', ['minLength', 'maxLength', 'pattern', 'format']],
  ['number', ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']],
]

/**
 * The types that all parts allow. Where none names a type, keywords that only concern some types are taken to mean these: that is
 * narrower than the schema, never wider.
 */
export function typesOf(parts: readonly Part[]): Set<Type> {
  let types: Set<Type> | undefined
  for (const { schema, path } of parts) {
    if (schema.type === undefined) continue
    const named = [schema.type].flat() as Json[]
    for (const type of named) {
      if (!(TYPES as readonly Json[]).includes(type)) {
        throw problem(path, `has the type ${JSON.stringify(type)}; types are ${TYPES.join(', ')}`)
      }
    }
    const here = new Set(named as Type[])
    if (here.has('number')) here.add('integer')
    types = types ? new Set([...types].filter((type) => here.has(type))) : here
  }
  if (types) return types
  const meant = OF_TYPE.filter(([, keys]) =>
    parts.some(({ schema }) => keys.some((key) => schema[key] !== undefined)),
  )
  if (meant.length === 0) return new Set(TYPES)
  return new Set(meant.flatMap(([type]): Type[] => (type === 'number' ? ['number', 'integer'] : [type])))
}

const MAX_VALUES = 2_000

/** The values of `enum` and `const` that satisfy all parts; undefined where no part lists values. */
export function valuesOf(parts: readonly Part[], context: ValidateContext): Json[] | undefined {
  const lister = parts.find(({ schema }) => schema.enum !== undefined || schema.const !== undefined)
  if (!lister) return undefined
  const { schema, path } = lister
  const list = schema.const === undefined ? schema.enum : [schema.const]
  if (!Array.isArray(list)) throw problem(path, 'has "enum" that is no list')
  if (list.length > MAX_VALUES) throw problem(path, `has "enum" of more than ${MAX_VALUES} values`)
  const distinct = new Map(list.map((value: Json) => [JSON.stringify(value), value]))
  return [...distinct.values()].filter((value) => parts.every((part) => validates(value, part, context)))
}

/** Whether it can be shown that no value satisfies both. */
export function disjoint(a: Conjunction, b: Conjunction, context: ValidateContext): boolean {
  if (!a || !b) return true
  const none = (values: Json[] | undefined, others: readonly Part[]) =>
    values?.every((value) => !others.every((part) => validates(value, part, context))) ?? false
  if (none(valuesOf(a, context), b) || none(valuesOf(b, context), a)) return true
  const typesOfB = typesOf(b)
  const shared = [...typesOf(a)].filter((type) => typesOfB.has(type))
  if (shared.length === 0) return saysTypes(a) && saysTypes(b)
  if (shared.some((type) => type !== 'object') || !saysTypes(a) || !saysTypes(b)) return false
  return forbidsWhatIsRequired(a, b) || forbidsWhatIsRequired(b, a) || discriminated(a, b, context)
}

const saysTypes = (parts: readonly Part[]) => parts.some(({ schema }) => schema.type !== undefined)

const requiredOf = (parts: readonly Part[]) =>
  new Set(
    parts.flatMap(({ schema }) => (Array.isArray(schema.required) ? (schema.required as string[]) : [])),
  )

function forbidsWhatIsRequired(a: readonly Part[], b: readonly Part[]): boolean {
  return [...requiredOf(a)].some((key) =>
    b.some(
      ({ schema }) =>
        schema.additionalProperties === false &&
        !(isObject(schema.properties) && Object.hasOwn(schema.properties, key)),
    ),
  )
}

function discriminated(a: readonly Part[], b: readonly Part[], context: ValidateContext): boolean {
  const ofB = requiredOf(b)
  return [...requiredOf(a)].some((key) => {
    if (!ofB.has(key)) return false
    const [inA, inB] = [a, b].map((parts) =>
      flatten(propertyOf(parts, key, context.document), context.document),
    )
    if (!inA || !inB) return true
    const [valuesA, valuesB] = [valuesOf(inA, context), valuesOf(inB, context)]
    return (
      valuesA !== undefined &&
      valuesB !== undefined &&
      !valuesA.some((one) => valuesB.some((two) => equal(one, two)))
    )
  })
}

/** What all parts say of the property `key`. */
export function propertyOf(parts: readonly Part[], key: string, document: SchemaDocument): Sub[] {
  return parts.flatMap(({ schema, path }) => {
    const { properties, additionalProperties } = schema
    if (isObject(properties) && Object.hasOwn(properties, key)) {
      return [document.sub(properties[key], below(path, 'properties', key))]
    }
    return additionalProperties === undefined
      ? []
      : [document.sub(additionalProperties, below(path, 'additionalProperties'))]
  })
}
