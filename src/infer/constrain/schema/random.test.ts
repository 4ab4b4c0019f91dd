import Ajv from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { Rng } from '../../../rng.js'
import { InferError } from '../../errors.js'
import { realVocabularies, smallVocabulary, walk } from '../testing/walk.js'
import { compileJsonSchema } from './compile.js'

type Schema = Record<string, unknown>

const ajv = new Ajv.default({ strict: false, validateFormats: false, ownProperties: true })

/** A schema of everything that is supported, in any mixture; some cannot be satisfied. */
function randomSchema(rng: Rng, depth: number): Schema {
  const pick = <T>(list: readonly T[]): T => list[rng.integer(list.length)]!
  const maybe = (schema: Schema): Schema => (rng.integer(3) === 0 ? schema : {})
  const small = () => rng.integer(4)
  const inner = () => randomSchema(rng, depth - 1)
  const kinds: (() => Schema)[] = [
    () => ({ type: 'string', ...maybe({ minLength: small() }), ...maybe({ maxLength: 3 + small() }) }),
    () => ({
      type: 'string',
      pattern: pick(['^a+b?$', '[0-9]{2}', '^(x|yy)*$', '^[^"]+$', '^\\w{1,3}$']),
      ...maybe({ maxLength: 9 }),
    }),
    () => ({
      type: pick(['integer', 'number']),
      ...maybe({ minimum: rng.integer(300) - 150 }),
      ...maybe({ maximum: 150 + small() }),
    }),
    () => ({ type: 'integer', multipleOf: 1 + small(), exclusiveMinimum: -rng.integer(90) }),
    () => ({ type: pick([['string', 'null'], ['boolean', 'integer'], 'null', 'boolean']) }),
    () => ({ enum: [pick(['a', 1, null]), pick(['b"', 2.5, true]), { k: [small()] }] }),
    () => ({ const: pick([0, 'é\n', [1, { a: null }]]) }),
    () => ({}),
  ]
  const nested: (() => Schema)[] = [
    () => {
      const keys = ['a', 'b"', 'ab', '键'].slice(0, 1 + small())
      return {
        type: 'object',
        properties: Object.fromEntries(keys.map((key) => [key, inner()])),
        required: keys.filter(() => rng.integer(2) === 0),
        ...maybe({ additionalProperties: pick([false, true, inner()]) }),
      }
    },
    () => ({
      type: 'array',
      items: inner(),
      ...maybe({ minItems: small() }),
      ...maybe({ maxItems: 2 + small() }),
    }),
    () => ({
      type: 'array',
      prefixItems: [inner(), inner()],
      items: pick([false, inner()]),
      ...maybe({ minItems: 1 }),
    }),
    () => ({ anyOf: [inner(), inner(), inner()] }),
    () => ({ allOf: [inner(), {}] }),
    () => ({ type: 'object', additionalProperties: inner() }),
    () => ({ ...inner(), anyOf: [inner(), {}] }),
    () => ({ $ref: '#/$defs/shared' }),
  ]
  return pick(depth > 0 ? [...kinds, ...nested, ...nested] : kinds)()
}

describe.each([['every byte', smallVocabulary()] as const, ...realVocabularies().slice(-1)])(
  'random schemas with the vocabulary %s',
  (_, vocabulary) => {
    it('are followed', () => {
      const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
      let followed = 0
      for (let seed = 0; seed < 120; seed++) {
        const rng = Rng.seed(seed)
        const schema = { ...randomSchema(rng, 3), $defs: { shared: randomSchema(rng, 1) } }
        // What a shared schema names would be itself.
        if (JSON.stringify(schema.$defs).includes('$ref')) continue
        let grammar: ReturnType<typeof compileJsonSchema>
        try {
          grammar = compileJsonSchema(schema)
        } catch (error) {
          expect(error).toBeInstanceOf(InferError)
          continue
        }
        const validate = ajv.compile(schema)
        followed++
        for (let round = 0; round < 4; round++) {
          const { bytes, ended } = walk(grammar, vocabulary, rng, 60 + rng.integer(90), 0.3)
          const text = strict.decode(bytes)
          const told = `${JSON.stringify(schema)}: ${text}`
          expect(ended, told).toBe(true)
          expect(validate(JSON.parse(text)), told).toBe(true)
        }
      }
      expect(followed).toBeGreaterThan(80)
    })
  },
)
