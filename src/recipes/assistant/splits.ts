/** What is held out, proved on the text itself: no trust in how a file was made. */
import { DataError } from '../../data/index.js'
import { HARMFUL_SLOTS } from './phrasings/refusal.js'
import { PEOPLE } from './phrasings/social.js'
import { templatePattern } from './template.js'
import { fold, phrasePattern, sentences } from './words.js'
import { phrasingTables, type World } from './world.js'

export interface Leak {
  readonly kind: 'phrasing' | 'fact'
  /** The phrasing, or `country: type`. */
  readonly what: string
  /** The text it was found in. */
  readonly text: string
}

export interface TextRecord {
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly check?: unknown
}

/** Finds held-out material in one dialogue or prompt (its check included). */
export type LeakFinder = (record: TextRecord) => Leak | undefined

/**
 * A finder for a world: a held-out phrasing is found by its pattern in any part of a user's turn; a held-out fact where its
 * country and its value stand in the same dialogue, whatever is said about them.
 */
export function createLeakFinder(world: World): LeakFinder {
  const phrasings = Object.keys(phrasingTables()).flatMap((table) =>
    world.phrasings['held-out'][table]!.map((template) => ({
      template,
      pattern: templatePattern(template, slotPattern),
    })),
  )
  const values = new Map<string, { what: string; pattern: RegExp }[]>()
  for (const { country, fact } of world.facts['held-out']) {
    const forms = fact.number === undefined ? fact.accept : [fact.accept[0]!]
    const entry = { what: `${country.name}: ${fact.type}`, pattern: phrasePattern(forms.map(fold), '')! }
    values.set(country.id, [...(values.get(country.id) ?? []), entry])
  }
  return (record) => {
    for (const { role, content } of record.messages) {
      if (role !== 'user') continue
      const parts = turnParts(content)
      for (const { template, pattern } of phrasings) {
        if (parts.some((part) => pattern.test(part)))
          return { kind: 'phrasing', what: template, text: content }
      }
    }
    const { rivals: _, ...check } = (record.check ?? {}) as { rivals?: unknown }
    const text = [...record.messages.map(({ content }) => content), ...stringsOf(check)].join('\n')
    for (const country of world.countriesIn(text)) {
      for (const { what, pattern } of values.get(country.id) ?? []) {
        if (pattern.test(fold(text))) return { kind: 'fact', what, text }
      }
    }
    return undefined
  }
}

/**
 * Proves that nothing held out stands in the records.
 *
 * @throws DataError naming the first leaks
 */
export function assertNothingHeldOut(world: World, records: Iterable<TextRecord>): void {
  const find = createLeakFinder(world)
  const leaks: Leak[] = []
  for (const record of records) {
    const leak = find(record)
    if (leak && leaks.push(leak) === 5) break
  }
  if (leaks.length > 0) {
    const list = leaks.map(({ kind, what, text }) => `${kind} "${what}" in: ${text}`).join('\n')
    throw new DataError('data-malformed', `held-out material among the training data:\n${list}`)
  }
}

/** The turn, its lines, its sentences, and what follows a label such as `Question:`. */
function turnParts(content: string): string[] {
  const lines = content.split('\n')
  const tails = lines.map((line) => line.replace(/^[^:]{1,40}: /, ''))
  return [...new Set([content, ...lines, ...tails, ...sentences(content)])]
}

function slotPattern(name: string): string {
  const country = "(?:the |The )?\\p{Lu}[\\p{L}'-]*(?: (?:\\p{Lu}|d'|and |of |the )[\\p{L}' -]*?)*"
  switch (name) {
    case 'x':
    case 'X':
    case 'a':
    case 'b':
    case 'c':
      return country
    case 'xs':
      return `${country}'s?`
    case 'noun':
    case 'n':
      return "[a-z' ]+"
    case 'q':
      return '[^\\n:]+'
    case 'who':
      return PEOPLE.join('|')
    default:
      return name in HARMFUL_SLOTS ? HARMFUL_SLOTS[name as keyof typeof HARMFUL_SLOTS].join('|') : '.+?'
  }
}

function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : []
}
