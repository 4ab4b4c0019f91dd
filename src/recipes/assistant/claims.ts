/**
 * What an answer claims, read by rule: which phrases it asserts and which it denies, and which names and numbers it brings up
 * that nothing supports.
 */
import * as arithmetic from './phrasings/arithmetic.js'
import * as comparison from './phrasings/comparison.js'
import * as correction from './phrasings/correction.js'
import * as facts from './phrasings/facts.js'
import * as frames from './phrasings/frames.js'
import * as list from './phrasings/list.js'
import * as passage from './phrasings/passage.js'
import * as premise from './phrasings/premise.js'
import * as refusal from './phrasings/refusal.js'
import * as social from './phrasings/social.js'
import * as style from './phrasings/style.js'
import * as unknown from './phrasings/unknown.js'
import { findNumbers, findPhrases, fold, mentions, sentences } from './words.js'

const NEGATION = /\b(?:not|never|neither|nor|no longer)\b|n't\b/

/** Parts of an answer that are true or false on their own: `It is Paris, | not Lyon.` */
function clauses(answer: string): string[] {
  return sentences(answer).flatMap((sentence) =>
    sentence
      .split(/,\s+(?=(?:not|nor|it|its|and it|the)\b)|,?\s+(?=but\b)/)
      .map((clause) => clause.trim())
      .filter((clause) => clause !== ''),
  )
}

/** Whether some part of the answer says one of the phrases without denying it. */
export function asserts(answer: string, phrases: readonly string[]): boolean {
  return clauses(answer).some((clause) => !NEGATION.test(fold(clause)) && mentions(clause, phrases))
}

export function denies(answer: string, phrases: readonly string[]): boolean {
  return clauses(answer).some((clause) => NEGATION.test(fold(clause)) && mentions(clause, phrases))
}

/** Words that begin sentences without being names: all words of the phrasings, and the commonest of English. */
const ORDINARY: ReadonlySet<string> = new Set([
  ...strings([
    arithmetic,
    comparison,
    correction,
    facts,
    frames,
    list,
    passage,
    premise,
    refusal,
    social,
    style,
    unknown,
  ]).flatMap((text) => fold(text.replace(/\{\w+\}/g, ' ')).match(/[a-z]+/g) ?? []),
  ...(
    'a about after again all also although an and answer any as at based because both but by certainly could country ' +
    'countries correct currency due each every few for from he her here his how however i if in indeed it its language let ' +
    'many maybe more most my no not of ok okay on one or our perhaps please population right she sir so some sorry such sure ' +
    'surely that the their there they this those to together two unfortunately very we well what when where which while who ' +
    'why with yes yet you your'
  ).split(' '),
])

function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : []
}

/**
 * Names, numbers and rival words in an answer that neither the prompt nor the judge's knowledge supports, each once. A name is
 * a capitalised word; at the head of a sentence one that is no ordinary word.
 */
export function unsupported(
  answer: string,
  allowed: readonly string[],
  numbers: readonly number[],
  rivals: readonly string[] = [],
): string[] {
  const found = new Set<string>()
  const allowedNumbers = new Set([
    ...numbers,
    ...allowed.flatMap((text) => findNumbers(text).map(({ value }) => value)),
  ])
  let rest = withoutAccents(answer)
  for (const { value, index, length } of findNumbers(rest).reverse()) {
    if (!allowedNumbers.has(value)) found.add(`${value}`)
    rest = cut(rest, index, length)
  }
  // What is supported goes, whatever its case; a mark stays, so that positions in sentences do.
  for (const { phrase, index } of findPhrases(rest.toLowerCase(), allowed.map(fold)).reverse()) {
    rest = cut(rest, index, phrase.length)
  }
  for (const match of rest.matchAll(/(?<![\p{L}~'])\p{Lu}[\p{L}'-]*/gu)) {
    const word = match[0].replace(/'s?$/, '').toLowerCase()
    const head = /(?:^|[.!?:\n"]\s*)$/.test(rest.slice(0, match.index))
    if (word === 'i' || word.startsWith("i'")) continue
    if (head && ORDINARY.has(word)) continue
    found.add(word)
  }
  for (const { phrase } of findPhrases(rest.toLowerCase(), rivals)) found.add(phrase)
  return [...found]
}

function withoutAccents(text: string): string {
  return text
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[\u2018\u2019]/g, "'")
}

function cut(text: string, index: number, length: number): string {
  return `${text.slice(0, index)}~${text.slice(index + length)}`
}
