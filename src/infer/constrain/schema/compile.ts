/**
 * JSON schemas as grammars of the JSON texts that satisfy them. What is supported is followed exactly or more narrowly, so that
 * whatever comes out is valid; what is not is refused by name and place. docs/structured-output.md has the list.
 */
import { InferError } from '../../errors.js'
import { distances } from '../matcher.js'
import { GrammarBuilder, type Node, type ReferenceNode } from '../nodes.js'
import { numberLeaf } from '../number-leaf.js'
import { ANY_TEXT, allBut, type Dfa, dfaOf, intersection, lengthDfa } from '../regex/dfa.js'
import { parseRegex, RegexProblem } from '../regex/parse.js'
import { stringLeaf } from '../string-leaf.js'
import { DEFAULT_SCHEMA_LIMITS, type Grammar, type SchemaLimits } from '../types.js'
import { vocabularyOf } from '../vocabulary.js'
import {
  type Conjunction,
  disjoint,
  flatten,
  optionsOf,
  type Part,
  typesOf,
  valuesOf,
} from './conjunction.js'
import { below, problem, SchemaDocument, type Sub } from './document.js'
import { FORMATS } from './formats.js'
import { arrayParts, boundsOf, lengthsOf, objectParts } from './keywords.js'

/** Nesting of values of which the schema says nothing. */
const FREE_DEPTH = 24
/** Characters of a string with a pattern and no smaller maxLength, where the two must be counted together. */
const PATTERN_LENGTH = 250

const COLON = [':', ': ']
const COMMA = [',', ', ']

/**
 * The grammar of the JSON texts that satisfy a schema.
 * @throws InferError `infer/schema` where the schema is wrong, too large, unsupported or satisfied by nothing
 */
export function compileJsonSchema(schema: unknown, limits: Partial<SchemaLimits> = {}): Grammar {
  const all = { ...DEFAULT_SCHEMA_LIMITS, ...limits }
  const builder = new GrammarBuilder(all.nodes)
  return checked(builder.grammar(new SchemaCompiler(schema, builder, all).compile()))
}

/** Any JSON object. */
export function jsonObjectGrammar(): Grammar {
  return compileJsonSchema({ type: 'object' })
}

/** @throws InferError `infer/schema` where nothing matches */
export function checked(grammar: Grammar): Grammar {
  const everyByte = vocabularyOf(
    Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
    [],
  )
  if (distances(grammar, everyByte)[grammar.root.id] === Number.POSITIVE_INFINITY) {
    throw new InferError(
      'infer/schema',
      'no JSON value that can be ended satisfies the schema: its conditions contradict each other, or it requires itself without end',
    )
  }
  return grammar
}

interface Job {
  readonly parts: Conjunction
  /** Paths of the `anyOf` and `oneOf` that were chosen from. */
  readonly chosen: readonly string[]
  readonly node: ReferenceNode
}

export class SchemaCompiler {
  readonly #document: SchemaDocument
  readonly #builder: GrammarBuilder
  readonly #limits: SchemaLimits
  readonly #known = new Map<string, ReferenceNode>()
  readonly #jobs: Job[] = []
  readonly #patterns = new Map<string, Dfa>()
  readonly #free: Node[] = []

  constructor(schema: unknown, builder: GrammarBuilder, limits: SchemaLimits) {
    this.#document = new SchemaDocument(schema, limits)
    this.#builder = builder
    this.#limits = limits
  }

  compile(): Node {
    const root = this.#node([this.#document.root])
    for (let job = this.#jobs.pop(); job; job = this.#jobs.pop()) job.node.target = this.#compile(job)
    return root
  }

  /** The node of a conjunction; it is compiled later, so schemas may name themselves. */
  #node(subs: readonly Sub[], chosen: readonly string[] = [], within: readonly string[] = []): Node {
    const parts = flatten(subs, this.#document, within)
    const key = JSON.stringify([parts?.map(({ path }) => path).sort(), [...chosen].sort()])
    let node = this.#known.get(key)
    if (!node) {
      if (this.#known.size >= this.#limits.schemas) {
        throw problem(
          '',
          `has more than ${this.#limits.schemas} subschemas, combinations included; make it smaller`,
        )
      }
      node = this.#builder.reference()
      this.#known.set(key, node)
      this.#jobs.push({ parts, chosen, node })
    }
    return node
  }

  #compile({ parts, chosen }: Job): Node {
    const builder = this.#builder
    if (!parts) return builder.never
    for (const part of parts) {
      for (const key of ['anyOf', 'oneOf'] as const) {
        const path = below(part.path, key)
        if (part.schema[key] === undefined || chosen.includes(path)) continue
        const options = optionsOf(part, key, this.#document)
        if (key === 'oneOf') this.#checkDisjoint(options, part.path)
        return builder.choice(
          options.map((option) => {
            flatten([option], this.#document, [part.path])
            return this.#node([...parts, option], [...chosen, path])
          }),
        )
      }
    }
    const types = typesOf(parts)
    const values = valuesOf(parts, this.#context)
    if (values) return builder.words(values.map((value) => JSON.stringify(value)))
    if (parts.every(({ schema }) => isSilent(schema))) return this.#anything(FREE_DEPTH)
    const nodes: Node[] = []
    if (types.has('string')) nodes.push(this.#string(parts))
    if (types.has('number') || types.has('integer')) {
      nodes.push(builder.leaf(numberLeaf(boundsOf(parts, !types.has('number')))))
    }
    if (types.has('object')) nodes.push(this.#object(parts))
    if (types.has('array')) nodes.push(this.#array(parts))
    if (types.has('boolean')) nodes.push(builder.words(['true', 'false']))
    if (types.has('null')) nodes.push(builder.words(['null']))
    return builder.choice(nodes)
  }

  get #context() {
    return {
      document: this.#document,
      pattern: (source: string, path: string) => this.#pattern(source, below(path, 'pattern')),
    }
  }

  #checkDisjoint(options: readonly Sub[], path: string): void {
    if (options.length > 100) throw problem(path, 'has "oneOf" of more than 100 schemas; use "anyOf"')
    const flat = options.map((option) => flatten([option], this.#document))
    for (let i = 0; i < flat.length; i++) {
      for (let k = 0; k < i; k++) {
        if (disjoint(flat[i], flat[k], this.#context)) continue
        throw problem(
          path,
          `has "oneOf" whose schemas ${k} and ${i} may both hold; use "anyOf", or give both a required property with different "const"`,
        )
      }
    }
  }

  /** Any value, so deep at most. */
  #anything(depth: number): Node {
    const known = this.#free[depth]
    if (known) return known
    const builder = this.#builder
    const scalars = [
      builder.leaf(stringLeaf(ANY_TEXT)),
      builder.leaf(numberLeaf({ integer: false })),
      builder.words(['true', 'false', 'null']),
    ]
    const inside = depth > 0 ? this.#anything(depth - 1) : undefined
    const nested = inside
      ? [
          this.#members([], { key: builder.leaf(stringLeaf(ANY_TEXT)), value: inside }),
          this.#elements([], inside, 0, Number.POSITIVE_INFINITY),
        ]
      : []
    const node = builder.choice([...scalars, ...nested])
    this.#free[depth] = node
    return node
  }

  #object(parts: readonly Part[]): Node {
    const { properties, extra } = objectParts(parts, this.#document)
    const members = properties.map(({ key, subs, isRequired }) => ({
      key,
      isRequired,
      value: this.#node(subs),
    }))
    if (!extra) return this.#members(members)
    const keys = members.length > 0 ? allBut(members.map(({ key }) => key)) : ANY_TEXT
    return this.#members(members, { key: this.#builder.leaf(stringLeaf(keys)), value: this.#node(extra) })
  }

  /** Properties in this order, then any number of others where `extra` is given. */
  #members(
    properties: readonly { key: string; isRequired: boolean; value: Node }[],
    extra?: { key: Node; value: Node },
  ): Node {
    const builder = this.#builder
    const close = builder.words(['}'])
    const colon = builder.words(COLON)
    // What follows when nothing stands before it in the object, and when something does.
    let first: Node = close
    let later: Node = close
    if (extra) {
      const loop = builder.reference()
      const pair = builder.sequence(extra.key, colon, extra.value, loop)
      loop.target = builder.choice([close, builder.sequence(builder.words(COMMA), pair)])
      first = builder.choice([close, pair])
      later = loop
    }
    for (const { key, isRequired, value } of properties.toReversed()) {
      const written = JSON.stringify(key)
      const rest = builder.sequence(value, later)
      const asFirst = builder.sequence(builder.words(COLON.map((end) => written + end)), rest)
      const asLater = builder.sequence(
        builder.words(COMMA.flatMap((comma) => COLON.map((end) => comma + written + end))),
        rest,
      )
      first = isRequired ? asFirst : builder.choice([asFirst, first])
      later = isRequired ? asLater : builder.choice([asLater, later])
    }
    return builder.sequence(builder.words(['{']), first)
  }

  #array(parts: readonly Part[]): Node {
    const { prefix, rest, min, max } = arrayParts(parts, this.#document)
    return this.#elements(
      prefix.map((subs) => this.#node(subs)),
      this.#node(rest),
      min,
      max,
    )
  }

  #elements(prefix: readonly Node[], rest: Node, min: number, max: number): Node {
    const builder = this.#builder
    if (min > max) return builder.never
    const close = builder.words([']'])
    const comma = builder.words(COMMA)
    // `later` is what follows `at` elements, at least one.
    let later: Node = close
    let at = max
    if (max === Number.POSITIVE_INFINITY) {
      at = Math.max(min, prefix.length, 1)
      const loop = builder.reference()
      loop.target = builder.choice([close, builder.sequence(comma, rest, loop)])
      later = loop
    }
    for (at--; at > 0; at--) {
      const more = builder.sequence(comma, prefix[at] ?? rest, later)
      later = at >= min ? builder.choice([close, more]) : more
    }
    const some = max > 0 ? builder.sequence(prefix[0] ?? rest, later) : builder.never
    return builder.sequence(builder.words(['[']), min === 0 ? builder.choice([close, some]) : some)
  }

  #string(parts: readonly Part[]): Node {
    const { min, max } = lengthsOf(parts)
    if (min > max) return this.#builder.never
    const languages = parts.flatMap(({ schema, path }) => {
      const format = typeof schema.format === 'string' ? FORMATS.get(schema.format) : undefined
      const sources: [string, string][] = format === undefined ? [] : [[format, below(path, 'format')]]
      if (schema.pattern !== undefined) {
        if (typeof schema.pattern !== 'string') throw problem(path, 'has "pattern" that is no text')
        sources.push([schema.pattern, below(path, 'pattern')])
      }
      return sources.map(([source, at]) => ({ dfa: this.#pattern(source, at), path: at }))
    })
    const [first, ...others] = languages
    if (!first) return this.#builder.leaf(stringLeaf(ANY_TEXT, min, max))
    return this.#regex(first.path, () => {
      const limit = 4 * this.#limits.states
      let language = others.reduce((both, { dfa }) => intersection(both, dfa, limit), first.dfa)
      if (min > 0 || max < Number.POSITIVE_INFINITY) {
        const most = max === Number.POSITIVE_INFINITY ? max : Math.min(max, Math.max(min, PATTERN_LENGTH))
        language = intersection(language, lengthDfa(min, most, limit), limit)
      }
      return this.#builder.leaf(stringLeaf(language))
    })
  }

  #pattern(source: string, path: string): Dfa {
    let dfa = this.#patterns.get(source)
    if (!dfa) {
      const { pattern, states } = this.#limits
      if (source.length > pattern) throw problem(path, `is a pattern of more than ${pattern} characters`)
      dfa = this.#regex(path, () => dfaOf(parseRegex(source), states))
      this.#patterns.set(source, dfa)
    }
    return dfa
  }

  #regex<T>(path: string, work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof RegexProblem)
        throw problem(path, `is a pattern that cannot be followed: ${error.message}`)
      throw error
    }
  }
}

const SPEAKING = new Set([
  'type',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'additionalItems',
  'prefixItems',
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
])

const isSilent = (schema: object) => Object.keys(schema).every((key) => !SPEAKING.has(key))
