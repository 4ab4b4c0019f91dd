import Draft7 from 'ajv'
import Ajv from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { Rng } from '../../../rng.js'
import { createConstraint } from '../constraint.js'
import { realVocabularies, smallVocabulary, tokensOf, walk } from '../testing/walk.js'
import type { Vocabulary } from '../types.js'
import { compileJsonSchema, jsonObjectGrammar } from './compile.js'

const small = smallVocabulary()
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const ajv = new Ajv.default({ strict: false, validateFormats: false, ownProperties: true })
const draft7 = new Draft7.default({ strict: false })

/** Whether the text, byte by byte, is one of the schema's. */
function matches(schema: unknown, text: string, vocabulary: Vocabulary = small): boolean {
  const constraint = createConstraint(compileJsonSchema(schema), vocabulary)
  try {
    for (const byte of new TextEncoder().encode(text)) constraint.accept(byte)
    return constraint.canEnd
  } catch {
    return false
  }
}

const tree = {
  $ref: '#/$defs/node',
  $defs: {
    node: {
      type: 'object',
      properties: {
        value: { type: 'integer' },
        children: { type: 'array', items: { $ref: '#/$defs/node' } },
      },
      required: ['value'],
    },
  },
}

const schemas: Record<string, unknown> = {
  'any value': true,
  'any object': { type: 'object' },
  'several types': { type: ['string', 'null', 'boolean', 'integer'] },
  'required and optional properties': {
    type: 'object',
    properties: {
      a: { type: 'string' },
      b: { type: 'integer' },
      'c"\\é': { type: 'boolean' },
      d: { type: 'null' },
    },
    required: ['b', 'd'],
    additionalProperties: false,
  },
  'only optional properties': {
    type: 'object',
    properties: { a: { type: 'null' }, b: { type: 'null' }, c: {} },
  },
  'additional properties of a type': {
    type: 'object',
    properties: { id: { type: 'integer' }, ide: { type: 'null' } },
    required: ['id'],
    additionalProperties: { type: 'string', maxLength: 3 },
  },
  'required but not described': {
    type: 'object',
    required: ['x'],
    additionalProperties: { type: 'integer' },
  },
  'bounded arrays': {
    type: 'array',
    items: { type: 'integer', minimum: 0, maximum: 9 },
    minItems: 2,
    maxItems: 4,
  },
  'unbounded arrays': { type: 'array', items: { enum: ['a', 'b', 1, null] }, minItems: 1 },
  tuples: {
    type: 'array',
    prefixItems: [{ type: 'string' }, { type: 'integer' }],
    items: false,
    minItems: 2,
  },
  'tuples of draft 7': { type: 'array', items: [{ type: 'null' }], additionalItems: { type: 'boolean' } },
  enums: { enum: ['red', 'green', 'gr', 12, null, { a: [1, 'x'] }] },
  'filtered enums': { type: 'string', enum: ['a', 'bb', 'ccc', 4], maxLength: 2 },
  const: { const: { deep: ['"', 1.5] } },
  'small integers': { type: 'integer', minimum: -7, exclusiveMaximum: 23 },
  'large integers': { type: 'integer', minimum: 1_000, maximum: 123_456_789 },
  'integers from a bound': { type: 'integer', exclusiveMinimum: 99 },
  multiples: { type: 'integer', minimum: 10, maximum: 100, multipleOf: 7 },
  'numbers between decimals': { type: 'number', minimum: 0.05, maximum: 0.1 },
  'numbers below': { type: 'number', exclusiveMaximum: -2.5 },
  'numbers from -1 to 1': { type: 'number', minimum: -1, maximum: 1 },
  'exclusive numbers': { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1e-3 },
  'string lengths': { type: 'string', minLength: 2, maxLength: 5 },
  patterns: { type: 'string', pattern: '^[A-Z]{2}-\\d{3,5}$' },
  'patterns inside': { type: 'string', pattern: 'ab?c' },
  'patterns of letters that need escapes': { type: 'string', pattern: '^["\\\\/\\n\\u0001中-文😀]{1,4}$' },
  'patterns with lengths': { type: 'string', pattern: '^(ab|c)*$', minLength: 3, maxLength: 6 },
  'negated classes': { type: 'string', pattern: '^[^a-z]+x$' },
  dates: { type: 'string', format: 'date' },
  'date-times': { type: 'string', format: 'date-time' },
  uuids: { type: 'string', format: 'uuid' },
  anyOf: {
    anyOf: [{ type: 'string', maxLength: 4 }, { type: 'array', items: { type: 'null' } }, { const: 7 }],
  },
  'anyOf beside properties': {
    type: 'object',
    properties: { a: { type: 'integer' }, b: { type: 'integer' } },
    anyOf: [{ required: ['a'] }, { required: ['b'] }],
  },
  'oneOf with a discriminator': {
    oneOf: [
      { type: 'object', properties: { kind: { const: 'a' }, x: { type: 'integer' } }, required: ['kind'] },
      {
        type: 'object',
        properties: { kind: { const: 'b' }, x: { type: 'string' } },
        required: ['kind', 'x'],
      },
    ],
  },
  allOf: {
    allOf: [
      { type: 'object', properties: { a: { type: 'number', minimum: 3 } }, required: ['a'] },
      { properties: { a: { type: 'integer', maximum: 8 }, b: { type: 'string' } } },
    ],
  },
  recursion: tree,
  'recursion through anyOf': {
    $defs: {
      list: {
        anyOf: [
          { type: 'null' },
          {
            type: 'array',
            prefixItems: [{ type: 'boolean' }, { $ref: '#/$defs/list' }],
            items: false,
            minItems: 2,
          },
        ],
      },
    },
    $ref: '#/$defs/list',
  },
}

describe.each([['every byte', small] as const, ...realVocabularies()])(
  'with the vocabulary %s',
  (_, vocabulary) => {
    it.each(Object.entries(schemas))('writes only what is valid: %s', (name, schema) => {
      const grammar = compileJsonSchema(schema)
      const validate = (name.includes('draft 7') ? draft7 : ajv).compile(schema as object)
      const rng = Rng.seed(1).fork(name)
      for (let round = 0; round < 10; round++) {
        const { bytes, ended } = walk(grammar, vocabulary, rng, 40 + rng.integer(160))
        const text = strict.decode(bytes)
        expect(ended, text).toBe(true)
        const value: unknown = JSON.parse(text)
        expect(validate(value), text).toBe(true)
        expect(text).not.toMatch(/\\ud[89ab]..(?!\\ud[c-f])/i)
      }
    })
  },
)

describe('compileJsonSchema', () => {
  it.each([
    ['any object', '{"a":[1,{"b":null}],"c": "\\ud83d\\uDE00x"}', true],
    ['any object', '[]', false],
    ['any object', '{"a":"\\ud83d"}', false],
    ['any object', '{"a":1,}', false],
    ['any object', '{"a":01}', false],
    ['required and optional properties', '{"b":1,"d":null}', true],
    ['required and optional properties', '{"a": "x", "b": -10, "c\\"\\\\é": true, "d": null}', true],
    ['required and optional properties', '{"d":null,"b":1}', false],
    ['additional properties of a type', '{"id":1,"idea":"x"}', true],
    ['additional properties of a type', '{"id":1,"i\\u0064e":"x"}', false],
    ['bounded arrays', '[1, 2]', true],
    ['bounded arrays', '[1]', false],
    ['bounded arrays', '[1,2,3,4,5]', false],
    ['small integers', '-7', true],
    ['small integers', '22', true],
    ['small integers', '23', false],
    ['small integers', '-0', false],
    ['large integers', '123456789', true],
    ['large integers', '123456790', false],
    ['large integers', '999', false],
    ['multiples', '98', true],
    ['multiples', '99', false],
    ['numbers between decimals', '0.1', true],
    ['numbers between decimals', '0.05', true],
    ['numbers between decimals', '0.049', false],
    ['numbers below', '-2.5', false],
    ['numbers below', '-2.50001', true],
    ['string lengths', '"中文"', true],
    ['string lengths', '"😀"', false],
    ['string lengths', '"\\ud83d\\ude00a"', true],
    ['string lengths', '"abcdef"', false],
    ['patterns inside', '"xxacyy"', true],
    ['patterns inside', '"xxa"', false],
    ['patterns with lengths', '"abab"', true],
    ['patterns with lengths', '"ab"', false],
    ['uuids', '"123e4567-e89b-12d3-a456-426614174000"', true],
    ['anyOf beside properties', '{}', false],
    ['anyOf beside properties', '{"b":1}', true],
    ['allOf', '{"a":8,"b":"x"}', true],
    ['allOf', '{"a":8.5}', false],
    ['recursion', '{"value":1,"children":[{"value":2},{"value":3,"children":[]}]}', true],
    ['recursion through anyOf', '[true,[false,null]]', true],
  ])('%s: %s -> %s', (name, text, expected) => {
    expect(matches(schemas[name], text)).toBe(expected)
  })

  it('allows exactly the tokens with which the text can go on', () => {
    const rng = Rng.seed(5)
    for (const schema of Object.values(schemas)) {
      const grammar = compileJsonSchema(schema)
      const { tokens } = walk(grammar, small, rng, 60, 0.1)
      const constraint = createConstraint(grammar, small)
      for (const next of tokens) {
        const allowed = new Set(tokensOf(constraint.allowed()))
        for (let token = 0; token < small.size; token++) {
          if (token < 256 && token % 5 !== next % 5) continue
          const tried = constraint.fork()
          let possible =
            small.bytes(token) !== undefined || (small.endIds.includes(token) && constraint.canEnd)
          try {
            tried.accept(token)
          } catch {
            possible = false
          }
          if (allowed.has(token) !== possible)
            expect({ token, allowed: allowed.has(token) }).toEqual({ token, allowed: possible })
        }
        constraint.accept(next)
      }
    }
  })

  it('never strands a text: whatever is allowed can be ended in as many tokens as it says', () => {
    const rng = Rng.seed(6)
    for (const [name, schema] of Object.entries(schemas)) {
      const grammar = compileJsonSchema(schema)
      for (let round = 0; round < 10; round++) {
        const shortest = createConstraint(grammar, small).distance
        const { ended, tokens } = walk(grammar, small, rng, shortest, 0)
        expect(ended, name).toBe(true)
        expect(tokens.length).toBeLessThanOrEqual(shortest)
      }
    }
  })

  it('knows when nothing more can follow', () => {
    const constraint = createConstraint(jsonObjectGrammar(), small)
    for (const byte of new TextEncoder().encode('{"a":1')) {
      constraint.accept(byte)
      expect(constraint.done).toBe(false)
    }
    constraint.accept('}'.charCodeAt(0))
    expect(constraint.done).toBe(true)
    expect(tokensOf(constraint.allowed())).toEqual(small.endIds)
    const number = createConstraint(compileJsonSchema({ type: 'integer' }), small)
    number.accept('1'.charCodeAt(0))
    expect([number.canEnd, number.done]).toEqual([true, false])
  })

  it.each([
    ['no schema', 'x', /must be an object or a boolean/],
    ['not', { type: 'object', properties: { a: { not: {} } } }, /#\/properties\/a has "not"/],
    ['a remote reference', { $ref: 'http://x/y' }, /places within the schema/],
    ['a reference to nothing', { $ref: '#/$defs/x' }, /not there/],
    ['a reference to itself', { $ref: '#' }, /refers to itself/],
    ['anyOf of itself', { anyOf: [{ $ref: '#' }, { type: 'null' }] }, /refers to itself/],
    [
      'an endless value',
      { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] },
      /without end/,
    ],
    ['false', false, /no JSON value/],
    ['contradictions', { type: 'integer', minimum: 5, maximum: 4 }, /no JSON value/],
    ['no multiple', { type: 'integer', minimum: 8, maximum: 13, multipleOf: 7 }, /no JSON value/],
    ['an unknown type', { type: 'float' }, /"float"/],
    [
      'oneOf that overlaps',
      { oneOf: [{ type: 'string' }, { type: 'string', maxLength: 3 }] },
      /may both hold/,
    ],
    ['multipleOf 0.1', { type: 'number', multipleOf: 0.1 }, /whole numbers/],
    ['look-ahead', { type: 'string', pattern: '(?=a)b' }, /#\/pattern is a pattern .*look-around/],
    ['back references', { type: 'string', pattern: '(a)\\1' }, /not supported/],
    ['a broken pattern', { type: 'string', pattern: '(a' }, /without/],
    ['many states', { type: 'string', pattern: '^(a|b)*a(a|b){20}$' }, /too many/],
    ['nested repeats', { type: 'string', pattern: '((((a{1000}){1000}){1000}){1000})' }, /too many/],
    ['optional repeats', { type: 'string', pattern: '^(a?b?c?d?){900}$' }, /too many/],
    ['a long pattern', { type: 'string', pattern: 'a'.repeat(2000) }, /more than 1000 characters/],
    ['too many items', { type: 'array', items: {}, minItems: 1e9 }, /minItems/],
    ['too long', { enum: ['x'.repeat(300_000)] }, /longer than/],
    ['too many values', { enum: Array.from({ length: 9_000 }, (_, i) => i) }, /more than 2000 values/],
    [
      'combinations',
      {
        allOf: Array.from({ length: 20 }, () => ({
          anyOf: [{ minLength: 1 }, { minLength: 2 }, { maxLength: 9 }],
        })),
      },
      /more than 2000/,
    ],
  ])('refuses %s', (_, schema, message) => {
    const start = process.cpuUsage().user
    expect(() => compileJsonSchema(schema)).toThrow(
      expect.objectContaining({ code: 'infer/schema', message: expect.stringMatching(message) }),
    )
    expect(process.cpuUsage().user - start).toBeLessThan(4e6)
  })

  it('refuses deep schemas without overflowing', () => {
    let schema: unknown = {}
    for (let i = 0; i < 100_000; i++) schema = { items: schema }
    expect(() => compileJsonSchema(schema)).toThrow(/nested more than/)
  })

  it('stays fast where alternatives multiply', () => {
    const list = { type: 'array', items: { $ref: '#' } }
    const grammar = compileJsonSchema({
      anyOf: [list, { ...list, maxItems: 900 }, { ...list, minItems: 0 }, { type: 'null' }],
    })
    const start = process.cpuUsage().user
    const constraint = createConstraint(grammar, small)
    for (let i = 0; i < 60; i++) constraint.accept('['.charCodeAt(0))
    for (let i = 0; i < 60; i++) constraint.accept(']'.charCodeAt(0))
    expect(constraint.done).toBe(true)
    expect(process.cpuUsage().user - start).toBeLessThan(4e6)
  })

  it('says when the vocabulary cannot spell an answer', () => {
    const letters = realVocabularies()[0]![1]
    const without = {
      ...letters,
      cost: (code: number) => (code === 0x7b ? Number.POSITIVE_INFINITY : letters.cost(code)),
    }
    expect(() => createConstraint(jsonObjectGrammar(), without)).toThrow(/cannot spell/)
  })
})
