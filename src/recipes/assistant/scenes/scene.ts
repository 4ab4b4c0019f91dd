/** What all kinds of dialogues share: a scene is a prompt, what its judge must know, and what people would answer. */
import type { Rng } from '../../../rng.js'
import type { Check } from '../check.js'
import type { Country, Fact, FactType } from '../facts.js'
import { hashText, inventCity, inventCountry } from '../invented.js'
import { FACTS } from '../phrasings/facts.js'
import { CURT_FORMS, VERBOSE_CLOSINGS, VERBOSE_OPENINGS } from '../phrasings/style.js'
import { countrySlots, fill, fillClause, type Slots } from '../template.js'
import { capitalise, fold, words } from '../words.js'
import type { FactRef, Part, World } from '../world.js'

/** The manners of the simulated writers: concise and polite; rambling; blunt. */
export const STYLES = ['house', 'verbose', 'curt'] as const
export type Style = (typeof STYLES)[number]

export interface Message {
  readonly role: 'user' | 'assistant'
  readonly content: string
  /** 0: shown as context, not to be learnt from (the field of OpenAI's fine-tuning format). */
  readonly weight?: 0
}

export interface Scene {
  readonly category: Category
  readonly messages: readonly Message[]
  readonly check: Check
  /** A true and harmless answer in the style. */
  readonly answer: (style: Style, rng: Rng) => string
  /** What a careless writer would say: false, or sure of what cannot be known. */
  readonly mistake: (style: Style, rng: Rng) => string
}

export const CATEGORIES = [
  'question',
  'follow-up',
  'comparison',
  'list',
  'arithmetic',
  'social',
  'correction-admit',
  'correction-hold',
  'false-premise',
  'unknown',
  'refusal',
  'look-alike',
  'passage',
] as const
export type Category = (typeof CATEGORIES)[number]

export interface Stage {
  readonly world: World
  readonly rng: Rng
  /** Where the last turn's wording comes from. Earlier turns are always worded as seen. */
  readonly phrasing: Part
  readonly facts: Part
  /** Whether the scene is for an evaluation: invented names of its own, and checks that may know held-out facts. */
  readonly evaluation: boolean
}

/** A scene, or nothing where the draw does not fit (a fact is missing, the numbers are too close); then one draws again. */
export type SceneWriter = (stage: Stage) => Scene | undefined

export function pick<T>(rng: Rng, items: readonly T[]): T {
  if (items.length === 0) throw new RangeError('nothing to pick from')
  return items[rng.integer(items.length)]!
}

export function pickWeighted<T>(rng: Rng, items: readonly T[], weight: (item: T) => number): T {
  let place = rng.uniform() * items.reduce((sum, item) => sum + weight(item), 0)
  for (const item of items) {
    place -= weight(item)
    if (place < 0) return item
  }
  return items.at(-1)!
}

/** A phrasing of the table, from the part that this stage plays in. */
export function phrase(stage: Stage, table: string, part: Part = stage.phrasing): string {
  return pick(stage.rng, stage.world.phrasings[part][table]!)
}

/** How often a question is put into a frame. */
const FRAMED = 0.3

/** A question as it is, or with a word before or after it: `For my homework: ...` */
export function framed(stage: Stage, question: string): string {
  return stage.rng.uniform() < FRAMED ? fillClause(phrase(stage, 'frame'), { q: question }) : question
}

export function pickFact(stage: Stage, wanted: (ref: FactRef) => boolean = () => true): FactRef | undefined {
  const all = stage.world.facts[stage.facts]
  for (let attempt = 0; attempt < 30; attempt++) {
    const ref = pick(stage.rng, all)
    if (wanted(ref)) return ref
  }
  return undefined
}

/** A fact that may be used here beside the one asked for: known, and not held out. */
export function seenFact(stage: Stage, country: Country, type: FactType): Fact | undefined {
  return stage.world.factTypes.includes(type) && !stage.world.isHeldOut(country, type)
    ? country.facts[type]
    : undefined
}

export function statement({ country, fact }: FactRef, value = fact.value): string {
  return fill(FACTS[fact.type].state[0]!, { ...countrySlots(country.called), v: value })
}

/** The value as it stands in a sentence: `the euro`, `about 67 million`. */
export function said(type: FactType, value: string): string {
  return type === 'currency' ? `the ${value}` : value
}

/** Another value of the same kind that is surely wrong. */
export function wrongValue(stage: Stage, { country, fact }: FactRef): string | undefined {
  if (fact.type === 'capital' && country.cities.length > 0 && stage.rng.integer(2) === 0) {
    return pick(stage.rng, country.cities)
  }
  for (let attempt = 0; attempt < 20; attempt++) {
    const other = pick(stage.rng, stage.world.countries).facts[fact.type]
    if (other && excludes(fact, other)) return other.value
  }
  return undefined
}

/** Whether two facts of a kind cannot both be true of one country: no shared name, no number that is nearly the same. */
export function excludes(fact: Fact, other: Fact): boolean {
  const value = fold(other.value)
  if (fact.accept.map(fold).some((form) => value.includes(form) || form.includes(value))) return false
  return fact.number === undefined || farApart(fact.number, other.number!)
}

/** A factor that one need not know the numbers exactly to see. */
export const CLEARLY = 2

export function farApart(a: number, b: number, factor = 1.3): boolean {
  return a >= 1e4 ? Math.max(a, b) / Math.min(a, b) >= factor : a !== b
}

/** A statement in the manner of a writer; `value` is all that a curt one says. */
export function tell(style: Style, statementText: string, value: string, rng: Rng): string {
  if (style === 'house') return statementText
  if (style === 'curt') return fill(pick(rng, CURT_FORMS), { V: capitalise(value) })
  return `${pick(rng, VERBOSE_OPENINGS)} ${statementText} ${pick(rng, VERBOSE_CLOSINGS)}`
}

/** One of a table of answers per style, filled. */
export function say(
  table: Readonly<Record<Style, readonly string[]>>,
  style: Style,
  slots: Slots,
  rng: Rng,
): string {
  return fill(pick(rng, table[style]), slots)
}

/** What is true of the country and may be said along the way. In training nothing held out is among it. */
export function trueAsides(stage: Stage, country: Country): string[] {
  return stage.world.factTypes.flatMap((type) => {
    const fact = stage.evaluation ? country.facts[type] : seenFact(stage, country, type)
    return fact ? fact.accept.slice(0, 2) : []
  })
}

export function namesOf(country: Country): string[] {
  return [country.name, ...country.aliases]
}

/** The judge's knowledge of a question for one fact. */
export function factCheck(stage: Stage, ref: FactRef): Check {
  const { country, fact } = ref
  const house = statement(ref)
  return {
    kind: 'fact',
    subject: namesOf(country),
    accept: [...fact.accept],
    ...(fact.number === undefined ? {} : { number: fact.number }),
    also: trueAsides(stage, country).filter((value) => !fact.accept.includes(value)),
    ...(fact.type === 'currency' ? { rivals: moneyWords(stage.world, fact) } : {}),
    words: words(house).length,
  }
}

/** Units of money that would be another answer. */
export function moneyWords(world: World, fact: Fact): string[] {
  const right = new Set(fact.accept.flatMap((form) => form.split(' ')))
  return world.moneyUnits.filter((unit) => !right.has(unit))
}

/** An invented country; evaluations and training never meet in one. */
export function inventedCountry(stage: Stage): string {
  for (;;) {
    const name = inventCountry(stage.rng)
    if (isEvaluationName(name) === stage.evaluation && !stage.world.allNames.has(fold(name))) return name
  }
}

export function inventedCity(stage: Stage): string {
  return inventCity(stage.rng)
}

export function isEvaluationName(name: string): boolean {
  return hashText(name) % 5 === 0
}
