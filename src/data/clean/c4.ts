/**
 * The rules of C4 (Raffel et al. 2020, "Exploring the limits of transfer learning", section 2.2), except its removal of
 * three-sentence spans seen before, which the deduplication stages stand in for, and its bad words, which are a stage of their own.
 */
import type { Analysis } from './analysis.js'
import type { CleaningConfig } from './config.js'
import { type Refusal, refuse } from './verdict.js'

type C4Options = CleaningConfig['c4']

/** A line ends a sentence: full stop, exclamation or question mark, or a quotation mark; brackets may close after it. */
const TERMINAL = /[.!?"'”’»…][)\]]*$/
const CITATION = /\[(?:\d{1,3}|edit|citation needed|note \d{1,2})\]/g
const POLICIES = /terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies/i

export interface LineChanges {
  readonly text: string
  /** How many lines each rule took. */
  readonly removed: Readonly<Record<string, number>>
}

/** Takes lines away; paragraphs stay apart. For texts whose words stand between spaces. */
export function cleanLines(text: string, options: C4Options): LineChanges {
  const removed: Record<string, number> = {}
  const count = (rule: string, lines = 1) => {
    removed[rule] = (removed[rule] ?? 0) + lines
  }
  let source = text
  if (options.citations && source.includes('[')) {
    source = source.replace(CITATION, '')
    if (source !== text) count('citation-marks')
  }
  const { terminalPunctuation, minWordsPerLine } = options
  const mayHavePolicies = options.policies && POLICIES.test(source)
  const mayHaveScript = options.javascript && /javascript/i.test(source)
  if (!terminalPunctuation && minWordsPerLine === 0 && !mayHavePolicies && !mayHaveScript) {
    return { text: source, removed }
  }
  const kept = source.split('\n').filter((line) => {
    const trimmed = line.trim()
    if (trimmed === '') return true
    const rule = brokenRule(trimmed)
    if (rule !== undefined) count(rule)
    return rule === undefined
  })
  function brokenRule(line: string): string | undefined {
    if (terminalPunctuation && (!TERMINAL.test(line) || line.endsWith('...')))
      return 'line-without-terminal-punctuation'
    if (minWordsPerLine > 0 && countWords(line, minWordsPerLine) < minWordsPerLine) return 'short-line'
    if (mayHaveScript && /javascript/i.test(line)) return 'javascript-line'
    if (mayHavePolicies && POLICIES.test(line)) return 'policy-line'
    return undefined
  }
  const joined = kept.join('\n').replace(/\n{3,}/g, '\n\n')
  return { text: joined.replace(/^\n+|\n+$/g, ''), removed }
}

/** What C4 says of the page that is left. */
export function checkC4(analysis: Analysis, options: C4Options): Refusal | undefined {
  const { text, sentences } = analysis
  if (options.braces && text.includes('{')) return refuse('brace', 'there is a { in it')
  if (options.loremIpsum && /lorem ipsum/i.test(text)) return refuse('lorem-ipsum', 'filler text')
  if (sentences < options.minSentences) return refuse('few-sentences', `${sentences} sentences`)
  return undefined
}

/** Words in a line, at most `enough`. */
function countWords(line: string, enough: number): number {
  let words = 0
  for (const _ of line.matchAll(/\S+/g)) if (++words >= enough) break
  return words
}
