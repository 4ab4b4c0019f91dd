/**
 * The world that the assistant lives in: countries, their facts, and what of them is held out. A held-out fact stands in the
 * pretraining text and nowhere else; a held-out phrasing is met in the evaluation only.
 */
import { type Document, loadFactbook } from '../../data/index.js'
import { Rng } from '../../rng.js'
import { type Country, FACT_TYPES, type Fact, type FactType, readFacts } from './facts.js'
import { hashText } from './invented.js'
import { ARITHMETIC } from './phrasings/arithmetic.js'
import { COMPARISONS } from './phrasings/comparison.js'
import { BARE_CHALLENGES, CHALLENGES } from './phrasings/correction.js'
import { FACTS } from './phrasings/facts.js'
import { SAME_COUNTRY, SAME_FACT } from './phrasings/follow-up.js'
import { QUESTION_FRAMES } from './phrasings/frames.js'
import { NEIGHBOURS, SOME_OF_CONTINENT } from './phrasings/list.js'
import { FRAMES } from './phrasings/passage.js'
import { HARMFUL, LOOKALIKES } from './phrasings/refusal.js'
import { SOCIAL, SOCIAL_FRAMES } from './phrasings/social.js'
import { UNKNOWABLE } from './phrasings/unknown.js'
import { fold, phrasePattern } from './words.js'

export interface WorldOptions {
  /** Decides what is held out. Default 1. */
  readonly seed?: number
  /** How many countries, the largest economies first. Default 120. */
  readonly countries?: number
  /** Which facts. Default: capital, continent, language, currency, population, area. */
  readonly factTypes?: readonly FactType[]
  /** Share of the countries for which a fact type is held out, for every type. Default 0.06. */
  readonly heldOutFacts?: number
  /** Countries for which half of the fact types are held out. Default 4. */
  readonly heldOutCountries?: number
  /** Share of each table of phrasings that is held out (at least one of them). Default 0.25. */
  readonly heldOutPhrasings?: number
  /** The name the assistant goes by. Default `Athanor`. */
  readonly name?: string
  /** The Factbook, where it is loaded already. */
  readonly documents?: readonly Document[]
}

export interface FactRef {
  readonly country: Country
  readonly fact: Fact
}

export type Part = 'seen' | 'held-out'

export interface World {
  readonly seed: number
  readonly name: string
  readonly countries: readonly Country[]
  /** Countries left out for want of room; never taken for invented ones. */
  readonly allNames: ReadonlySet<string>
  readonly factTypes: readonly FactType[]
  readonly facts: Readonly<Record<Part, readonly FactRef[]>>
  readonly phrasings: Readonly<Record<Part, Readonly<Record<string, readonly string[]>>>>
  /** Every unit of money, sorted: `dinar`, `dollar`, ... */
  readonly moneyUnits: readonly string[]
  isHeldOut(country: Country, type: FactType): boolean
  /** The countries that a text names. */
  countriesIn(text: string): Country[]
}

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const documents = options.documents ?? (await loadFactbook())
  const seed = options.seed ?? 1
  const rng = Rng.seed(seed).fork('world')
  const all = readFacts(documents)
  const countries = all.slice(0, options.countries ?? 120)
  const factTypes =
    options.factTypes ?? FACT_TYPES.filter((type) => !['independence', 'internet', 'highest'].includes(type))

  const heldOut = holdOutFacts(countries, factTypes, options, rng)
  const facts: Record<Part, FactRef[]> = { seen: [], 'held-out': [] }
  for (const country of countries) {
    for (const type of factTypes) {
      const fact = country.facts[type]
      if (fact) facts[heldOut.has(`${country.id}/${type}`) ? 'held-out' : 'seen'].push({ country, fact })
    }
  }

  const phrasings: Record<Part, Record<string, readonly string[]>> = { seen: {}, 'held-out': {} }
  for (const [key, table] of Object.entries(phrasingTables())) {
    const shuffled = rng
      .fork('phrasings')
      .fork(key)
      .shuffle([...table])
    const count = Math.max(1, Math.round((options.heldOutPhrasings ?? 0.25) * table.length))
    phrasings['held-out'][key] = shuffled.slice(0, count)
    phrasings.seen[key] = shuffled.slice(count)
  }

  const byName = new Map(
    countries.flatMap((c) => [c.name, ...c.aliases].map((name) => [fold(name), c] as const)),
  )
  const pattern = phrasePattern([...byName.keys()].filter((name) => name !== 'us' && name !== 'u.s.'))!
  return {
    seed,
    name: options.name ?? 'Athanor',
    countries,
    allNames: new Set(all.flatMap((c) => [c.name, ...c.aliases].map(fold))),
    factTypes,
    facts,
    phrasings,
    moneyUnits: [
      ...new Set(countries.flatMap(({ facts }) => facts.currency?.value.split(' ').at(-1) ?? [])),
    ].sort(),
    isHeldOut: (country, type) => heldOut.has(`${country.id}/${type}`),
    countriesIn: (text) => [
      ...new Set(
        (fold(text).match(pattern) ?? []).map((name) => byName.get(name)).filter((c) => c !== undefined),
      ),
    ],
  }
}

function holdOutFacts(
  countries: readonly Country[],
  factTypes: readonly FactType[],
  options: WorldOptions,
  rng: Rng,
): Set<string> {
  const heldOut = new Set<string>()
  for (const type of factTypes) {
    const ids = countries.filter((country) => country.facts[type]).map(({ id }) => id)
    const count = Math.round((options.heldOutFacts ?? 0.06) * ids.length)
    for (const id of rng.fork('facts').fork(type).shuffle(ids).slice(0, count)) heldOut.add(`${id}/${type}`)
  }
  const chosen = rng
    .fork('countries')
    .shuffle([...countries])
    .slice(0, options.heldOutCountries ?? 4)
  for (const { id } of chosen) {
    const types = rng
      .fork('types')
      .fork(id)
      .shuffle([...factTypes])
    for (const type of types.slice(0, Math.ceil(types.length / 2))) heldOut.add(`${id}/${type}`)
  }
  return heldOut
}

/** Every table of user phrasings under its name. */
export function phrasingTables(): Record<string, readonly string[]> {
  const tables: Record<string, readonly string[]> = {
    'follow-up.same-country': SAME_COUNTRY,
    'follow-up.same-fact': SAME_FACT,
    'list.neighbours': NEIGHBOURS,
    'list.some': SOME_OF_CONTINENT,
    'correction.value': CHALLENGES,
    'correction.bare': BARE_CHALLENGES,
    'passage.frame': FRAMES,
    'social.frame': SOCIAL_FRAMES,
    frame: QUESTION_FRAMES,
  }
  // Held out idea by idea, so that every idea keeps wordings that are seen.
  const byIdea = { unknown: UNKNOWABLE, refusal: HARMFUL, 'look-alike': LOOKALIKES }
  for (const [kind, ideas] of Object.entries(byIdea)) {
    for (const [idea, wordings] of Object.entries(ideas)) tables[`${kind}.${idea}`] = wordings
  }
  for (const type of FACT_TYPES) {
    tables[`question.${type}`] = FACTS[type].ask
    if (FACTS[type].presume.length > 0) tables[`premise.${type}`] = FACTS[type].presume
  }
  for (const type of ['population', 'area'] as const) {
    for (const relation of ['more', 'less'] as const) {
      tables[`comparison.${type}.${relation}`] = COMPARISONS[type][relation].ask
    }
  }
  for (const [kind, { ask }] of Object.entries(ARITHMETIC)) tables[`arithmetic.${kind}`] = ask
  for (const [intent, { ask }] of Object.entries(SOCIAL)) tables[`social.${intent}`] = ask
  return tables
}

/** Which file a prompt may go to: decided by its text alone, so the files cannot share a prompt. */
export type Bucket = 'eval' | 'reward' | 'ppo' | 'sft-heldout' | 'sft'

export function bucketOf(promptText: string): Bucket {
  const place = hashText(promptText) % 100
  if (place < 10) return 'eval'
  if (place < 24) return 'reward'
  if (place < 38) return 'ppo'
  return place < 42 ? 'sft-heldout' : 'sft'
}
