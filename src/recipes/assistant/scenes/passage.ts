/**
 * Answers from a passage in the prompt. Its countries are invented, or real with facts that differ from the world's, so that
 * an answer from the passage can be told from one from memory; now and then the passage lacks the answer.
 */

import type { FactType } from '../facts.js'
import { inventCurrency } from '../invented.js'
import { FACTS } from '../phrasings/facts.js'
import { ABSENT, CITED, OPENINGS } from '../phrasings/passage.js'
import { asClause, countrySlots, fill } from '../template.js'
import { capitalise, words } from '../words.js'
import {
  inventedCity,
  inventedCountry,
  namesOf,
  phrase,
  pick,
  type SceneWriter,
  type Stage,
  say,
  seenFact,
} from './scene.js'

export const passage: SceneWriter = (stage) => {
  const { rng, world } = stage
  const real = rng.integer(3) === 0 ? pick(rng, world.countries) : undefined
  const called = real?.called ?? inventedCountry(stage)
  // A real country plays along only with facts that it may be confused with in the open.
  const types = rng
    .shuffle([...world.factTypes])
    .filter((type) => !real || seenFact(stage, real, type))
    .slice(0, 2 + rng.integer(2) + 1)
  if (types.length < 3) return undefined
  const asked = types.pop()!
  const absent = rng.integer(4) === 0
  const told = absent ? types : rng.shuffle([...types, asked])
  const values = new Map(told.map((type) => [type, otherValue(stage, type, real?.facts[type]?.accept)]))
  if ([...values.values()].includes(undefined)) return undefined

  const slots = countrySlots(called)
  const lines = told.map((type) => fill(pick(rng, FACTS[type].its), { ...slots, v: values.get(type)! }))
  const text = [fill(pick(rng, OPENINGS), slots), ...lines].join(' ')
  const q = fill(phrase(stage, `question.${asked}`, 'seen'), slots)
  const content = fill(phrase(stage, 'passage.frame'), { p: text, q })
  const memory = real?.facts[asked]
  const subject = real ? namesOf(real) : [called]
  const shared = {
    subject,
    wrong: [...(memory?.accept ?? [])],
  }
  const messages = [{ role: 'user', content }] as const

  const elsewhere = otherValue(stage, asked, memory?.accept) ?? ''
  const invented = fill(FACTS[asked].state[0]!, { ...slots, v: elsewhere })
  if (absent) {
    return {
      category: 'passage',
      messages,
      check: { kind: 'absent', ...shared, words: 10 },
      answer: (style, random) => say(ABSENT, style, {}, random),
      mistake: (style, random) =>
        say(CITED, style, { r: asClause(invented), V: capitalise(elsewhere) }, random),
    }
  }
  const value = values.get(asked)!
  const statement = fill(FACTS[asked].state[0]!, { ...slots, v: value })
  const r = asClause(statement)
  return {
    category: 'passage',
    messages,
    check: {
      kind: 'passage',
      ...shared,
      accept: [...new Set([value, value.replace(/ square kilometers$/, '')])],
      words: words(r).length + 4,
    },
    answer: (style, random) => say(CITED, style, { r, V: capitalise(value) }, random),
    mistake: (style, random) => {
      const other = memory?.value ?? elsewhere
      const false_ = fill(FACTS[asked].state[0]!, { ...slots, v: other })
      return say(CITED, style, { r: asClause(false_), V: capitalise(other) }, random)
    },
  }
}

/** A value for the passage that is not what the world says. */
function otherValue(stage: Stage, type: FactType, real: readonly string[] = []): string | undefined {
  if (type === 'capital') return inventedCity(stage)
  if (type === 'currency' && stage.rng.integer(2) === 0) return inventCurrency(stage.rng)
  for (let attempt = 0; attempt < 20; attempt++) {
    const value = pick(stage.rng, stage.world.countries).facts[type]?.value
    if (value && !real.includes(value.replace(/ square kilometers$/, ''))) return value
  }
  return undefined
}
