/** The text that the base model learns from: no dialogues, every fact of the world in many sentences, passages, sums,
 * and some prose about how people talk. No dialogue, and none of the users' wordings. */
import type { Document } from '../../data/index.js'
import { Rng } from '../../rng.js'
import type { Country, FactType } from './facts.js'
import { inventCity, inventCountry, inventCurrency } from './invented.js'
import { ARITHMETIC } from './phrasings/arithmetic.js'
import { COMPARISONS } from './phrasings/comparison.js'
import { FACTS } from './phrasings/facts.js'
import { NEIGHBOURS_STATE, NO_NEIGHBOURS_STATE } from './phrasings/list.js'
import { CITED, OPENINGS } from './phrasings/passage.js'
import { PROSE } from './phrasings/prose.js'
import { HARMFUL_SLOTS } from './phrasings/refusal.js'
import { MOST_MILLIONS } from './scenes/questions.js'
import { CLEARLY, excludes, farApart, isEvaluationName, pick, pickWeighted } from './scenes/scene.js'
import { asClause, countrySlots, fill } from './template.js'
import { capitalise, fold, joinList } from './words.js'
import type { World } from './world.js'

export interface PretrainingOptions {
  readonly seed: number
  /** How much text, about. */
  readonly characters: number
  /** How much of each country's own Factbook profile is taken first; 0 for none. */
  readonly profileCharacters?: number
  /** The Factbook, for the profiles. */
  readonly documents?: readonly Document[]
}

/** Documents until there are enough characters: the same for the same seed. Facts held out of dialogues are among them. */
export function* pretrainDocuments(world: World, options: PretrainingOptions): Generator<Document> {
  const { seed, characters, profileCharacters = 0, documents = [] } = options
  const rng = Rng.seed(seed).fork('pretraining')
  let written = 0
  if (profileCharacters > 0) {
    const ids = new Set(world.countries.map(({ id }) => id))
    for (const document of documents) {
      if (!ids.has(document.id.split('/').at(-1)!)) continue
      const text = document.text.slice(0, profileCharacters).replace(/\n[^\n]*$/, '\n')
      written += text.length
      yield { ...document, text }
    }
  }
  // Every country in turn, so that no fact is rare.
  for (let round = 0; written < characters; round++) {
    for (const country of rng.fork(round).shuffle([...world.countries])) {
      const text = pickWeighted(rng, KINDS, ({ share }) => share).write(world, rng, country)
      written += text.length
      yield { id: `assistant/${round}-${country.id}`, title: country.name, text: `${text}\n` }
      if (written >= characters) return
    }
  }
}

/** The kinds of documents and their shares. */
const KINDS: readonly {
  readonly share: number
  readonly write: (world: World, rng: Rng, country: Country) => string
}[] = [
  { share: 40, write: (world, rng, country) => portrait(world, country, rng) },
  { share: 10, write: (world, rng) => sheet(world, rng) },
  { share: 11, write: (world, rng) => comparisons(world, rng) },
  { share: 8, write: (world, rng) => sums(world, rng) },
  { share: 6, write: (world, rng, country) => places(world, country, rng) },
  { share: 5, write: (world, rng, country) => claims(world, country, rng) },
  { share: 14, write: (world, rng) => passage(world, rng) },
  { share: 6, write: (world, rng) => manners(world, rng) },
]

function sentence(country: Country, type: FactType, rng: Rng): string {
  const { state, write } = FACTS[type]
  const template = pick(rng, [...state, ...state, ...write])
  return fill(template, { ...countrySlots(country.called), v: country.facts[type]!.value })
}

/** A few facts of one country, some about "it". */
function portrait(world: World, country: Country, rng: Rng): string {
  const types = rng.shuffle(world.factTypes.filter((type) => country.facts[type]))
  const lines = types.map((type, index) =>
    index > 0 && rng.integer(3) === 0
      ? fill(pick(rng, FACTS[type].its), { v: country.facts[type]!.value })
      : sentence(country, type, rng),
  )
  if (country.neighbours && rng.integer(2) === 0) lines.push(borders(country))
  return lines.join(' ')
}

function borders(country: Country): string {
  const slots = countrySlots(country.called)
  return country.neighbours?.length === 0
    ? fill(NO_NEIGHBOURS_STATE, slots)
    : fill(NEIGHBOURS_STATE, { ...slots, list: joinList(country.neighbours ?? []) })
}

/** One kind of fact for several countries. */
function sheet(world: World, rng: Rng): string {
  const type = pick(rng, world.factTypes)
  const rows = Array.from({ length: 6 }, () => pick(rng, world.countries)).filter(({ facts }) => facts[type])
  return rows.map((country) => sentence(country, type, rng)).join('\n')
}

function comparisons(world: World, rng: Rng): string {
  const lines: string[] = []
  for (let i = 0; i < 6; i++) {
    const type = pick(rng, ['population', 'area'] as const)
    const [a, b] = [pick(rng, world.countries), pick(rng, world.countries)]
    const [first, second] = [a.facts[type]?.number, b.facts[type]?.number]
    if (a === b || !first || !second || !farApart(first, second, CLEARLY)) continue
    const [large, small] = first > second ? [a, b] : [b, a]
    const more = rng.integer(3) > 0
    const [w, l] = more ? [large, small] : [small, large]
    lines.push(sentence(a, type, rng), sentence(b, type, rng))
    lines.push(
      fill(COMPARISONS[type][more ? 'more' : 'less'].state, { W: capitalise(w.called), l: l.called }),
    )
  }
  return lines.join(' ')
}

/** Sums, differences and counts in the very form of the answers; of real populations, and of numbers alone. */
function sums(world: World, rng: Rng): string {
  const millions = (country: Country) => (country.facts.population?.number ?? 0) / 1e6
  const small = world.countries.filter(
    (country) => Number.isInteger(millions(country)) && isSmall(millions(country)),
  )
  const counted = world.countries.filter(({ neighbours = [] }) => isSmall(neighbours.length, 6))
  return Array.from({ length: 6 }, () => {
    const kind = rng.integer(5)
    if (kind === 0 && counted.length > 0) return borderCount(pick(rng, counted))
    const [a, b] =
      kind < 3 && small.length > 1
        ? [pick(rng, small), pick(rng, small)].map((one) => ({ called: one.called, number: millions(one) }))
        : ['one', 'the other'].map((called) => ({ called, number: 1 + rng.integer(MOST_MILLIONS) }))
    return addition(a!, b!, rng)
  }).join('\n')
}

function isSmall(value: number, most = MOST_MILLIONS): boolean {
  return value > 0 && value <= most
}

type Counted = { readonly called: string; readonly number: number }

function addition(a: Counted, b: Counted, rng: Rng): string {
  const kind = a.number > b.number && rng.integer(2) === 0 ? 'difference' : 'sum'
  const r = kind === 'sum' ? a.number + b.number : a.number - b.number
  const numbers = { p: `${a.number}`, q: `${b.number}`, r: `${r}` }
  return fill(ARITHMETIC[kind].state, { A: capitalise(a.called), b: b.called, ...numbers })
}

function borderCount({ called, neighbours = [] }: Country): string {
  const slots = { ...countrySlots(called), list: joinList(neighbours), r: `${neighbours.length}` }
  return fill(ARITHMETIC.count.state, slots)
}

function places(world: World, country: Country, rng: Rng): string {
  if (rng.integer(2) === 0) {
    const others = [country, pick(rng, world.countries), pick(rng, world.countries)]
    const lines = others.filter(({ neighbours }) => neighbours && neighbours.length < 7).map(borders)
    if (lines.length > 0) return lines.join(' ')
  }
  const continent = country.facts.continent?.value ?? 'Europe'
  const inside = world.countries.filter(({ facts }) => facts.continent?.value === continent)
  const some = rng.shuffle(inside.map(({ called }) => called)).slice(0, 5)
  return `Countries in ${continent}: ${joinList(some)}.`
}

/**
 * A passage about a made-up country, or made-up facts of a real one, and then what it says in the very form of the answers,
 * again and again: looking back in the text must pay.
 */
function passage(world: World, rng: Rng): string {
  const real = rng.integer(3) === 0 ? pick(rng, world.countries) : undefined
  const called = real?.called ?? madeUpCountry(world, rng)
  const slots = countrySlots(called)
  const values = rng
    .shuffle(world.factTypes.filter((type) => !real || !world.isHeldOut(real, type)))
    .slice(0, 3 + rng.integer(2))
    .map((type) => ({ type, v: madeUp(world, type, rng, real) }))
    .filter((value): value is { type: FactType; v: string } => value.v !== undefined)
  const told = values.map(({ type, v }) => fill(pick(rng, FACTS[type].its), { v }))
  const restated = [...rng.shuffle(values), ...rng.shuffle(values)].map(({ type, v }) =>
    fill(pick(rng, CITED.house), { r: asClause(fill(FACTS[type].state[0]!, { ...slots, v })) }),
  )
  return `Passage: ${fill(pick(rng, OPENINGS), slots)} ${told.join(' ')}\n${restated.join('\n')}`
}

function madeUpCountry(world: World, rng: Rng): string {
  for (;;) {
    const name = inventCountry(rng)
    if (!isEvaluationName(name) && !world.allNames.has(fold(name))) return name
  }
}

/** A value that the real country surely does not have; nothing where the world is too small for one. */
function madeUp(world: World, type: FactType, rng: Rng, real?: Country): string | undefined {
  if (type === 'capital') return inventCity(rng)
  if (type === 'currency' && rng.integer(2) === 0) return inventCurrency(rng)
  const known = real?.facts[type]
  const others = world.countries
    .map(({ facts }) => facts[type])
    .filter((fact) => fact !== undefined)
    .filter((fact) => !known || excludes(known, fact))
  return others.length > 0 ? pick(rng, others).value : undefined
}

/** Claims about a country, judged: what is wrong is called so, and what is true is upheld. */
function claims(world: World, country: Country, rng: Rng): string {
  const facts = Object.values(country.facts).filter(({ type }) => world.factTypes.includes(type))
  return rng
    .shuffle(facts)
    .slice(0, 4)
    .map((fact) => {
      const state = (v: string) => fill(FACTS[fact.type].state[0]!, { ...countrySlots(country.called), v })
      const right = state(fact.value)
      const other = pick(rng, world.countries).facts[fact.type]
      return other && excludes(fact, other) && rng.integer(3) > 0
        ? `Some say that ${asClause(state(other.value))} That is wrong. ${right}`
        : `Some say that ${asClause(right)} I am sure that ${asClause(right)}`
    })
    .join('\n')
}

/** How people talk and what one does not do, as one reads it in books: words that the assistant will need. */
function manners(world: World, rng: Rng): string {
  const things = Object.entries(HARMFUL_SLOTS).map(([slot, list]) => [slot, pick(rng, list)] as const)
  const slots = { x: pick(rng, world.countries).called, z: madeUpCountry(world, rng) }
  return rng
    .shuffle([...PROSE])
    .slice(0, 6)
    .map((template) => fill(template, { ...slots, ...Object.fromEntries(things) }))
    .join(' ')
}
