/** The text that the base model learns from: no dialogues, every fact of the world in many sentences, passages, sums. */
import type { Document } from '../../data/index.js'
import { Rng } from '../../rng.js'
import type { Country, FactType } from './facts.js'
import { inventCity, inventCountry, inventCurrency } from './invented.js'
import { COMPARISONS } from './phrasings/comparison.js'
import { FACTS } from './phrasings/facts.js'
import { NEIGHBOURS_STATE, NO_NEIGHBOURS_STATE } from './phrasings/list.js'
import { farApart, isEvaluationName, pick } from './scenes/scene.js'
import { countrySlots, fill } from './template.js'
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
      const kind = rng.uniform()
      const text =
        kind < 0.5
          ? portrait(world, country, rng)
          : kind < 0.64
            ? sheet(world, rng)
            : kind < 0.73
              ? comparisons(world, rng)
              : kind < 0.82
                ? sums(world, rng)
                : kind < 0.9
                  ? places(world, country, rng)
                  : inventedPassage(world, rng)
      written += text.length
      yield { id: `assistant/${round}-${country.id}`, title: country.name, text: `${text}\n` }
      if (written >= characters) return
    }
  }
}

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
    if (a === b || !first || !second || !farApart(first, second)) continue
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

/** Sums and differences of whole millions, which the assistant needs for its arithmetic. */
function sums(world: World, rng: Rng): string {
  const small = world.countries.filter(({ facts }) => {
    const millions = (facts.population?.number ?? 0) / 1e6
    return Number.isInteger(millions) && millions > 0 && millions < 100
  })
  if (small.length < 2) return ''
  return Array.from({ length: 6 }, () => {
    const [p, q] = [1 + rng.integer(60), 1 + rng.integer(60)]
    return rng.integer(2) === 0
      ? `${p} million and ${q} million are together ${p + q} million.`
      : `${Math.max(p, q)} million and ${Math.min(p, q)} million have a difference of ${Math.abs(p - q)} million.`
  }).join('\n')
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

/** A made-up country whose facts come twice, so that looking back in the text pays. */
function inventedPassage(world: World, rng: Rng): string {
  let name = inventCountry(rng)
  while (isEvaluationName(name) || world.allNames.has(fold(name))) name = inventCountry(rng)
  const slots = countrySlots(name)
  const values = rng
    .shuffle([...world.factTypes])
    .slice(0, 3)
    .map((type) => ({ type, v: madeUp(world, type, rng) }))
  const told = values.map(({ type, v }) => fill(pick(rng, FACTS[type].its), { v }))
  const again = rng.shuffle(values).map(({ type, v }) => fill(FACTS[type].state[0]!, { ...slots, v }))
  return `Passage: ${name} is a country. ${told.join(' ')}\nAccording to the passage: ${again.join(' ')}`
}

function madeUp(world: World, type: FactType, rng: Rng): string {
  if (type === 'capital') return inventCity(rng)
  if (type === 'currency' && rng.integer(2) === 0) return inventCurrency(rng)
  for (;;) {
    const value = pick(rng, world.countries).facts[type]?.value
    if (value) return value
  }
}
