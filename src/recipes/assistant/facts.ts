import { DataError, type Document } from '../../data/index.js'
import { ALSO_COUNTRIES, CONTINENTS, NOT_COUNTRIES, NOTES, SINGULAR, WITH_ARTICLE } from './countries.js'
import { fold, roundTo2, spokenNumber } from './words.js'

/** What can be asked about a country with one value for an answer, the easiest to learn first. */
export const FACT_TYPES = [
  'capital',
  'continent',
  'language',
  'currency',
  'population',
  'area',
  'independence',
  'internet',
  'highest',
] as const
export type FactType = (typeof FACT_TYPES)[number]

export interface Fact {
  readonly type: FactType
  /** As it is said in a sentence: `Paris`, `euro`, `67 million`, `640,000 square kilometers`. */
  readonly value: string
  /** Every form that counts as right, the value included. */
  readonly accept: readonly string[]
  /** The number behind the value, with two significant digits (a year in full). */
  readonly number?: number
}

export interface Country {
  /** The Factbook's code. */
  readonly id: string
  /** Without article. */
  readonly name: string
  /** With its article, as it stands in the middle of a sentence: `the United States`. */
  readonly called: string
  readonly aliases: readonly string[]
  readonly facts: Readonly<Partial<Record<FactType, Fact>>>
  /** Countries that share a land border, as they are called; empty for islands, undefined where the source is unclear. */
  readonly neighbours: readonly string[] | undefined
  /** Large cities that are not the capital. */
  readonly cities: readonly string[]
}

/**
 * The facts of sovereign countries in the World Factbook (edition of 2015), cleaned of notes, brackets and estimates. What
 * cannot be read cleanly is left out.
 *
 * @param documents the Factbook's documents, as `loadFactbook` gives them
 * @returns the countries by the size of their economy, the largest first, so that the first hundred are well known
 * @throws DataError when the documents are not the Factbook's
 */
export function readFacts(documents: readonly Document[]): Country[] {
  const sovereign = documents
    .map((document) => ({
      document,
      code: document.id.split('/').at(-1)!,
      fields: readFields(document.text),
    }))
    .filter(({ code, fields }) => isCountry(code, fields))
  if (sovereign.length < 100) {
    throw new DataError(
      'data-malformed',
      `the assistant needs the profiles of the World Factbook, but only ${sovereign.length} countries were found in ` +
        `${documents.length} documents; use the bundled corpus, or write a facts.ts for your own`,
    )
  }
  const names = new Map(sovereign.map(({ document, code }) => [code, nameOf(code, document.title)]))
  const known = new Map<string, string>()
  for (const [code, name] of names) {
    for (const form of [name, ...(NOTES[code]?.aliases ?? [])]) known.set(fold(form), calledOf(code, name))
  }
  return sovereign
    .map(({ document, code, fields }) => ({
      economy: readMoney(fields.get('GDP (official exchange rate)')),
      country: readCountry(document.id, code, names.get(code)!, fields, known),
    }))
    .sort((a, b) => b.economy - a.economy || (a.country.id < b.country.id ? -1 : 1))
    .map(({ country }) => country)
}

type Fields = ReadonlyMap<string, string>

/** `field` and `field/part` -> text, from a document of the Factbook. */
export function readFields(text: string): Fields {
  const fields = new Map<string, string>()
  let field = ''
  for (const line of text.split('\n')) {
    const match = /^(- )?([^:]+):(?: (.*))?$/.exec(line)
    if (!match || line.startsWith('#') || line.startsWith(' ')) continue
    const [, part, label, value = ''] = match
    if (!part) field = label!
    const key = part ? `${field}/${label}` : field
    if (!fields.has(key)) fields.set(key, value)
  }
  return fields
}

function isCountry(code: string, fields: Fields): boolean {
  if (NOT_COUNTRIES.has(code) || !fields.has('Capital/name')) return false
  if (ALSO_COUNTRIES.has(code)) return true
  const independence = fields.get('Independence')
  return independence !== undefined && !/^none/i.test(independence)
}

function nameOf(code: string, title: string): string {
  return NOTES[code]?.name ?? title.replace(/^The /, '')
}

function calledOf(code: string, name: string): string {
  return WITH_ARTICLE.has(code) ? `the ${name}` : name
}

function readCountry(
  id: string,
  code: string,
  name: string,
  fields: Fields,
  known: ReadonlyMap<string, string>,
): Country {
  const note = NOTES[code] ?? {}
  const population = readNumber(fields.get('Population'))
  const area = readNumber(fields.get('Area/total'))
  const continent = note.continent ?? [CONTINENTS[id.split('/')[0]!] ?? '']
  const capital = note.capital ?? [readName(fields.get('Capital/name'))]
  const currency = note.currency ?? readCurrency(fields.get('Exchange rates'))
  const language = note.language ?? readLanguages(fields.get('Languages'))
  const independence = /^\d{1,2} \w+ (1[5-9]\d\d|20\d\d) \(from /.exec(fields.get('Independence') ?? '')?.[1]
  const internet = note.internet ?? /^\.[a-z]{2}$/.exec(fields.get('Internet country code') ?? '')?.[0]
  const facts = [
    // Where the city has the country's name there is nothing to ask.
    named('capital', capital[0] === name ? [] : capital),
    named('continent', continent),
    named('language', language),
    named('currency', currency),
    population && quantity('population', population, ''),
    area && quantity('area', area, ' square kilometers'),
    independence && { ...named('independence', [independence])!, number: Number(independence) },
    internet && named('internet', [internet]),
    named('highest', [readHighest(fields.get('Elevation extremes/highest point'))]),
  ].filter((fact): fact is Fact => typeof fact === 'object')
  return {
    id: code,
    name,
    called: calledOf(code, name),
    aliases: note.aliases ?? [],
    facts: Object.fromEntries(facts.map((fact) => [fact.type, fact])),
    neighbours: readNeighbours(fields, note.neighbours, known),
    cities: readCities(fields.get('Major urban areas - population')).filter(
      (city) => !capital.includes(city),
    ),
  }
}

const CLEAN = /^[\p{L}\p{N} .,'-]+$/u

function named(type: FactType, forms: readonly string[]): Fact | undefined {
  const [value] = forms
  if (!value || !CLEAN.test(value)) return undefined
  return { type, value, accept: forms.filter((form) => CLEAN.test(form)) }
}

function quantity(type: FactType, number: number, unit: string): Fact {
  const spoken = spokenNumber(number)
  return { type, value: `${spoken}${unit}`, accept: [spoken], number: roundTo2(number) }
}

function readNumber(text = ''): number | undefined {
  const match = /^(\d[\d,]*(?:\.\d+)?)( million| billion)?/.exec(text)
  if (!match) return undefined
  const scale = match[2] === ' million' ? 1e6 : match[2] === ' billion' ? 1e9 : 1
  const value = Number(match[1]!.replaceAll(',', '')) * scale
  // A city's hundredths of a square kilometre, and populations of a few hundred, are not worth asking for.
  return value >= 100 ? value : undefined
}

function readMoney(text = ''): number {
  const match = /\$([\d.,]+) (million|billion|trillion)/.exec(text)
  if (!match) return 0
  return Number(match[1]!.replaceAll(',', '')) * { million: 1, billion: 1e3, trillion: 1e6 }[match[2]!]!
}

function readName(text = ''): string {
  return text.split(/[;:(]| in /)[0]!.trim()
}

function readCurrency(text = ''): string[] {
  if (/^the US dollar/.test(text)) return ['US dollar', 'dollar']
  const plural = /^(.+?)(?: \([A-Z/]+\))? per US/.exec(text)?.[1]
  if (!plural) return []
  if (/^(Communaute|Cooperation) Financiere/.test(plural)) return ['CFA franc', 'franc']
  const all = plural.split(' ')
  const last = all.pop()!
  const unit = SINGULAR[last] ?? (/[^sx]s$/.test(last) ? last.slice(0, -1) : last)
  const full = [...all, unit].join(' ')
  return full === unit ? [full] : [full, unit]
}

/** The official languages, in the order given; where none is marked, the first one. */
function readLanguages(text = ''): string[] {
  const entries = text.match(/[^,;(]+(?:\([^)]*\)[^,;(]*)*/g)?.map((entry) => entry.trim()) ?? []
  const official = entries.filter((entry) => /\(official|official\)/.test(entry) && !/includes/.test(entry))
  const names = (official.length > 0 ? official : entries.slice(0, 1)).map((entry) =>
    entry.replace(/ (?:only|languages?)\b|\(.*$|[\d.]+%.*$/g, '').trim(),
  )
  return names.flatMap((name) => name.split(' or ')).filter((name) => /^[A-Z][\p{L} -]{2,}$/u.test(name))
}

function readHighest(text = ''): string {
  const name =
    /^(\D+?) [\d,]+ m/
      .exec(text)?.[1]
      ?.split(/[(/;]| on | in /)[0]
      ?.trim() ?? ''
  return /^unnamed/.test(name) ? '' : name
}

function readNeighbours(
  fields: Fields,
  noted: readonly string[] | undefined,
  known: ReadonlyMap<string, string>,
): string[] | undefined {
  const text = fields.get('Land boundaries/border countries')
  if (noted === undefined && text === undefined) {
    return /^0 km/.test(fields.get('Land boundaries') ?? '') ? [] : undefined
  }
  if (noted?.length === 0) return []
  const names =
    noted ??
    text!
      .replace(/\([^)]*\)/g, '')
      .split(/,(?!\d)|;/)
      .map((entry) => entry.replace(/[\d,.]+ km.*$/, '').trim())
  const called = names.map((name) => known.get(fold(name.replace(/^the /i, ''))))
  const clean = [...new Set(called.filter((name): name is string => name !== undefined))].sort((a, b) =>
    a.replace(/^the /, '') < b.replace(/^the /, '') ? -1 : 1,
  )
  return clean.length > 0 ? clean : undefined
}

/** First halves of names with a hyphen; other hyphens join two cities. */
const HALVES = new Set(['Abomey', 'Mbuji', 'Pointe'])

function readCities(text = ''): string[] {
  return text
    .split(';')
    .map((entry) => /^ *([^\d(]+?) [\d.,]+(?: million)?/.exec(entry)?.[1] ?? '')
    .map((city) => city.split(/[-/]/)[0]!.trim())
    .filter((city) => /^[A-Z][a-z]/.test(city) && CLEAN.test(city) && !HALVES.has(city))
    .slice(0, 4)
}
