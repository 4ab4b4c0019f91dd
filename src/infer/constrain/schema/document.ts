/** A JSON schema as a document: bounded, with pointers into it, references followed. */
import { InferError } from '../../errors.js'
import type { SchemaLimits } from '../types.js'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
export type SchemaObject = { readonly [key: string]: Json }

/** A subschema and its place: a JSON pointer, which also is its identity. */
export interface Sub {
  readonly schema: SchemaObject | boolean
  readonly path: string
}

export function problem(path: string, what: string): InferError {
  return new InferError('infer/schema', `the schema at #${path} ${what}`)
}

/** Keywords that say what a value must be, and that this compiler does not know how to follow. */
const UNSUPPORTED = [
  'not',
  'if',
  'then',
  'else',
  'patternProperties',
  'propertyNames',
  'contains',
  'minContains',
  'maxContains',
  'uniqueItems',
  'unevaluatedItems',
  'unevaluatedProperties',
  'dependentRequired',
  'dependentSchemas',
  'dependencies',
  'minProperties',
  'maxProperties',
  '$dynamicRef',
  '$recursiveRef',
]

/** Values with which a keyword asks for nothing. */
const idle = (key: string, value: Json): boolean =>
  (key === 'uniqueItems' && value === false) ||
  (key === 'minProperties' && value === 0) ||
  ((key === 'unevaluatedProperties' || key === 'unevaluatedItems') && value === true)

export class SchemaDocument {
  readonly root: Sub
  readonly #root: Json
  readonly #checked = new WeakSet<object>()

  /** @throws InferError `infer/schema` where it is no schema, or larger or deeper than the limits */
  constructor(schema: unknown, limits: SchemaLimits) {
    checkSize(schema, limits)
    this.#root = schema as Json
    this.root = this.sub(this.#root, '')
  }

  sub(value: Json | undefined, path: string): Sub {
    if (typeof value === 'boolean') return { schema: value, path }
    if (!isObject(value)) throw problem(path, 'must be an object or a boolean')
    if (this.#checked.has(value)) return { schema: value, path }
    this.#checked.add(value)
    for (const key of UNSUPPORTED) {
      if (Object.hasOwn(value, key) && !idle(key, value[key]!)) {
        throw problem(
          path,
          `has "${key}", which constrained output does not support; leave it out and check the answer yourself`,
        )
      }
    }
    return { schema: value, path }
  }

  /** The subschema that a `$ref` of the schema at `path` names. */
  resolve(reference: Json, path: string): Sub {
    if (typeof reference !== 'string') throw problem(path, 'has a "$ref" that is no text')
    if (reference !== '#' && !reference.startsWith('#/')) {
      throw problem(
        path,
        `has the "$ref" ${JSON.stringify(reference.slice(0, 100))}; only places within the schema ("#", "#/$defs/…") can be named`,
      )
    }
    let value: Json | undefined = this.#root
    for (const part of reference.split('/').slice(1)) {
      const key = decodePart(part, path).replaceAll('~1', '/').replaceAll('~0', '~')
      value = Array.isArray(value)
        ? (value as readonly Json[])[/^\d+$/.test(key) ? Number(key) : -1]
        : isObject(value) && Object.hasOwn(value, key)
          ? value[key]
          : undefined
    }
    if (value === undefined) {
      throw problem(path, `names ${JSON.stringify(reference.slice(0, 100))}, which is not there`)
    }
    return this.sub(value, reference.slice(1))
  }
}

function decodePart(part: string, path: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw problem(path, 'has a "$ref" that is not well-formed')
  }
}

export function isObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Place of a key below another, as JSON pointers have it. */
export const below = (path: string, ...keys: (string | number)[]): string =>
  [path, ...keys.map((key) => String(key).replaceAll('~', '~0').replaceAll('/', '~1'))].join('/')

/** Counts without recursion, so that no depth can overflow the stack. */
function checkSize(schema: unknown, { length, depth }: SchemaLimits): void {
  const tooLong = () => problem('', `is longer than ${length} characters of JSON; make it smaller`)
  const waiting: [unknown, number][] = [[schema, 0]]
  let seen = 0
  for (let item = waiting.pop(); item; item = waiting.pop()) {
    const [value, level] = item
    if (level > depth) throw problem('', `is nested more than ${depth} deep; use "$defs" and "$ref"`)
    if (typeof value === 'string') seen += value.length + 2
    else if (typeof value === 'number') {
      if (!Number.isFinite(value)) throw problem('', 'has a number that JSON does not know')
      seen += String(value).length
    } else if (Array.isArray(value)) {
      seen += value.length + 2
      for (const one of value) waiting.push([one, level + 1])
    } else if (isObject(value)) {
      for (const [key, one] of Object.entries(value)) {
        seen += key.length + 4
        waiting.push([one, level + 1])
      }
    } else if (value === null || typeof value === 'boolean') seen += 4
    else throw problem('', `has a value that JSON does not know (${typeof value})`)
    if (seen > length) throw tooLong()
  }
}
