/** Questions about facts: alone, following on from a turn before, comparing two countries, asking for lists and sums. */

import type { Country } from '../facts.js'
import { ARITHMETIC } from '../phrasings/arithmetic.js'
import { COMPARISONS } from '../phrasings/comparison.js'
import { FACTS } from '../phrasings/facts.js'
import { NEIGHBOURS_STATE, NO_NEIGHBOURS_STATE, SOME_STATE } from '../phrasings/list.js'
import { countrySlots, fill } from '../template.js'
import { capitalise, joinList, words } from '../words.js'
import type { FactRef } from '../world.js'
import {
  CLEARLY,
  factCheck,
  farApart,
  framed,
  type Message,
  namesOf,
  phrase,
  pick,
  pickFact,
  type Scene,
  type SceneWriter,
  type Stage,
  seenFact,
  statement,
  tell,
  wrongValue,
} from './scene.js'

export const question: SceneWriter = (stage) => {
  const ref = pickFact(stage)
  if (!ref) return undefined
  return aboutFact(stage, 'question', [{ role: 'user', content: framed(stage, ask(stage, ref)) }], ref)
}

/** The question for a fact, in the wording of the stage or as seen. */
export function ask(stage: Stage, { country, fact }: FactRef, part = stage.phrasing): string {
  return fill(phrase(stage, `question.${fact.type}`, part), countrySlots(country.called))
}

/** A scene whose last question has one fact for an answer. */
export function aboutFact(
  stage: Stage,
  category: Scene['category'],
  messages: readonly Message[],
  ref: FactRef,
): Scene | undefined {
  const wrong = wrongValue(stage, ref)
  if (wrong === undefined) return undefined
  return {
    category,
    messages,
    check: factCheck(stage, ref),
    answer: (style, rng) => tell(style, statement(ref), ref.fact.value, rng),
    mistake: (style, rng) => tell(style, statement(ref, wrong), wrong, rng),
  }
}

/** `And its currency?`, `What about Spain?` */
export const followUp: SceneWriter = (stage) => {
  const ref = pickFact(stage)
  if (!ref) return undefined
  const sameCountry = stage.rng.integer(2) === 0
  const first = sameCountry ? otherFact(stage, ref) : otherCountry(stage, ref)
  if (!first) return undefined
  const before: Message[] = [
    { role: 'user', content: ask(stage, first, 'seen') },
    { role: 'assistant', content: statement(first) },
  ]
  const content = sameCountry
    ? fill(phrase(stage, 'follow-up.same-country'), { noun: FACTS[ref.fact.type].noun })
    : fill(phrase(stage, 'follow-up.same-fact'), countrySlots(ref.country.called))
  return aboutFact(stage, 'follow-up', [...before, { role: 'user', content }], ref)
}

function otherFact(stage: Stage, { country, fact }: FactRef): FactRef | undefined {
  const types = stage.world.factTypes.filter((type) => type !== fact.type && seenFact(stage, country, type))
  return types.length > 0 ? { country, fact: country.facts[pick(stage.rng, types)]! } : undefined
}

function otherCountry(stage: Stage, { country, fact }: FactRef): FactRef | undefined {
  for (let attempt = 0; attempt < 20; attempt++) {
    const other = pick(stage.rng, stage.world.countries)
    const same = other === country ? undefined : seenFact(stage, other, fact.type)
    if (same) return { country: other, fact: same }
  }
  return undefined
}

export const comparison: SceneWriter = (stage) => {
  const type = pick(stage.rng, ['population', 'area'] as const)
  const relation = stage.rng.integer(3) === 0 ? 'less' : 'more'
  const [a, b] = twoCountries(stage)
  const [first, second] = [seenFact(stage, a, type)?.number, seenFact(stage, b, type)?.number]
  if (first === undefined || second === undefined || !farApart(first, second, CLEARLY)) return undefined
  const table = COMPARISONS[type][relation]
  const [winner, loser] = first > second === (relation === 'more') ? [a, b] : [b, a]
  const state = (w: Country, l: Country) => fill(table.state, { W: capitalise(w.called), l: l.called })
  return {
    category: 'comparison',
    messages: [
      {
        role: 'user',
        content: framed(
          stage,
          fill(phrase(stage, `comparison.${type}.${relation}`), { a: a.called, b: b.called }),
        ),
      },
    ],
    check: {
      kind: 'choice',
      subject: [...namesOf(a), ...namesOf(b)],
      accept: namesOf(winner),
      loser: namesOf(loser),
      relation,
      also: [...a.facts[type]!.accept, ...b.facts[type]!.accept],
      words: words(state(winner, loser)).length,
    },
    answer: (style, rng) => tell(style, state(winner, loser), winner.called, rng),
    mistake: (style, rng) => tell(style, state(loser, winner), loser.called, rng),
  }
}

function twoCountries(stage: Stage): [Country, Country] {
  const a = pick(stage.rng, stage.world.countries)
  for (;;) {
    const b = pick(stage.rng, stage.world.countries)
    if (a !== b) return [a, b]
  }
}

/** Longer lists of neighbours are not asked for: a list that nobody can learn teaches to invent. */
const LONGEST_LIST = 4
/** Counted are a few more, since the answer goes through them one by one. */
const LONGEST_COUNT = 6
const COUNT_WORDS = ['no', 'one', 'two', 'three', 'four', 'five', 'six']

export const list: SceneWriter = (stage) =>
  stage.rng.integer(3) > 0 ? neighbourList(stage) : continentList(stage)

function neighbourList(stage: Stage): Scene | undefined {
  const country = pick(stage.rng, stage.world.countries)
  const { neighbours } = country
  if (!neighbours || neighbours.length > LONGEST_LIST) return undefined
  const slots = countrySlots(country.called)
  const state = (names: readonly string[]) =>
    names.length === 0
      ? fill(NO_NEIGHBOURS_STATE, slots)
      : fill(NEIGHBOURS_STATE, { ...slots, list: joinList(names) })
  const core = neighbours.length === 0 ? 'no neighbors' : joinList(neighbours)
  const stranger = pick(stage.rng, stage.world.countries)
  if (stranger === country || neighbours.includes(stranger.called)) return undefined
  const wrong = [...neighbours.slice(1), stranger.called]
  return {
    category: 'list',
    messages: [{ role: 'user', content: framed(stage, fill(phrase(stage, 'list.neighbours'), slots)) }],
    check: {
      kind: 'list',
      subject: namesOf(country),
      members: neighbours.map((name) => name.replace(/^the /, '')),
      need: neighbours.length,
      also: neighbours.length === 0 ? ['island'] : [COUNT_WORDS[neighbours.length]!],
      words: words(state(neighbours)).length,
    },
    answer: (style, rng) => tell(style, state(neighbours), core, rng),
    mistake: (style, rng) => tell(style, state(wrong), joinList(wrong), rng),
  }
}

function continentList(stage: Stage): Scene | undefined {
  const seen = stage.world.countries.filter((country) => seenFact(stage, country, 'continent'))
  const continent = pick(stage.rng, seen).facts.continent!.value
  const inside = seen.filter(({ facts }) => facts.continent!.accept.includes(continent))
  const outside = seen.filter(({ facts }) => !facts.continent!.accept.includes(continent))
  const n = 2 + stage.rng.integer(2)
  if (inside.length < n + 1) return undefined
  const number = COUNT_WORDS[n]!
  const some = (countries: readonly Country[]) =>
    stage.rng
      .fork('some')
      .shuffle([...countries])
      .slice(0, n)
      .map(({ called }) => called)
  const state = (names: readonly string[]) =>
    fill(SOME_STATE, { N: capitalise(number), c: continent, list: joinList(names) })
  const [right, wrong] = [some(inside), [...some(inside).slice(1), pick(stage.rng, outside).called]]
  return {
    category: 'list',
    messages: [
      { role: 'user', content: framed(stage, fill(phrase(stage, 'list.some'), { n: number, c: continent })) },
    ],
    check: {
      kind: 'list',
      subject: [continent],
      members: (stage.evaluation ? stage.world.countries : seen)
        .filter(({ facts }) => facts.continent!.accept.includes(continent))
        .map(({ name }) => name),
      need: n,
      words: words(state(right)).length,
    },
    answer: (style, rng) => tell(style, state(right), joinList(right), rng),
    mistake: (style, rng) => tell(style, state(wrong), joinList(wrong), rng),
  }
}

/** Sums of larger numbers are beyond a model of this size. */
export const MOST_MILLIONS = 30

export const arithmetic: SceneWriter = (stage) =>
  stage.rng.integer(3) === 0 ? countNeighbours(stage) : addPeople(stage)

function countNeighbours(stage: Stage): Scene | undefined {
  const country = pick(stage.rng, stage.world.countries)
  const { neighbours } = country
  if (!neighbours || neighbours.length === 0 || neighbours.length > LONGEST_COUNT) return undefined
  const slots = countrySlots(country.called)
  const state = (r: string) => fill(ARITHMETIC.count.state, { ...slots, list: joinList(neighbours), r })
  const n = neighbours.length
  const wrong = `${n === 1 ? 2 : n - 1}`
  return {
    category: 'arithmetic',
    messages: [{ role: 'user', content: framed(stage, fill(phrase(stage, 'arithmetic.count'), slots)) }],
    check: {
      kind: 'fact',
      subject: namesOf(country),
      accept: [COUNT_WORDS[n]!],
      number: n,
      also: neighbours.map((name) => name.replace(/^the /, '')),
      words: words(state(`${n}`)).length,
    },
    answer: (style, rng) => tell(style, state(`${n}`), `${n}`, rng),
    mistake: (style, rng) => tell(style, state(wrong), wrong, rng),
  }
}

function addPeople(stage: Stage): Scene | undefined {
  const millions = (country: Country) => (seenFact(stage, country, 'population')?.number ?? 0) / 1e6
  // Small whole numbers only, and a result that is neither of the two.
  const small = stage.world.countries.filter((country) => {
    const value = millions(country)
    return Number.isInteger(value) && value > 0 && value <= MOST_MILLIONS
  })
  if (small.length === 0) return undefined
  const kind = pick(stage.rng, ['sum', 'difference'] as const)
  const [a, b] = [pick(stage.rng, small), pick(stage.rng, small)]
  const [p, q] = [millions(a), millions(b)]
  const r = kind === 'sum' ? p + q : p - q
  if (a === b || r <= 0 || r === p || r === q) return undefined
  const slots = { a: a.called, A: capitalise(a.called), b: b.called, p: `${p}`, q: `${q}` }
  const state = (result: number) => fill(ARITHMETIC[kind].state, { ...slots, r: `${result}` })
  const wrong = r + (stage.rng.integer(2) === 0 && r > 3 ? -2 : 3)
  return {
    category: 'arithmetic',
    messages: [{ role: 'user', content: framed(stage, fill(phrase(stage, `arithmetic.${kind}`), slots)) }],
    check: {
      kind: 'fact',
      subject: [...namesOf(a), ...namesOf(b)],
      accept: [`${r} million`],
      number: r * 1e6,
      also: [`${p} million`, `${q} million`],
      words: words(state(r)).length,
    },
    answer: (style, rng) => tell(style, state(r), `${r} million`, rng),
    mistake: (style, rng) => tell(style, state(wrong), `${wrong} million`, rng),
  }
}
