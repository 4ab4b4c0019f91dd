/** The quality rules of Gopher (Rae et al. 2021, "Scaling language models", appendix A.1.1), for words between spaces. */
import { type Analysis, unitHash } from './analysis.js'
import type { CleaningConfig } from './config.js'
import { percent, type Refusal, refuse } from './verdict.js'

type GopherOptions = CleaningConfig['gopher']

const BULLET = /^\s*[-*•●◦▪‣–·○■□]/
const ELLIPSIS = /(?:\.\.\.|…)\s*$/

const STOP_WORDS = ['the', 'be', 'to', 'of', 'and', 'that', 'have', 'with']
const stopWords = new Map(STOP_WORDS.map((word, bit) => [unitHash(word)[0], 1 << bit]))

/** @param english whether the rule about English function words applies */
export function checkGopher(
  analysis: Analysis,
  options: GopherOptions,
  english: boolean,
): Refusal | undefined {
  const { words, wordCharacters, wordsWithLetter, hashes, ellipses } = analysis
  if (words < options.minWords) return refuse('too-few-words', `${words} words`)
  if (words > options.maxWords) return refuse('too-many-words', `${words} words`)
  const mean = wordCharacters / words
  if (mean < options.minMeanWordLength || mean > options.maxMeanWordLength) {
    return refuse('mean-word-length', `words of ${mean.toFixed(1)} characters in the mean`)
  }
  if (hashes / words > options.maxSymbolRatio) return refuse('symbol-ratio', `${hashes} # in ${words} words`)
  if (ellipses / words > options.maxSymbolRatio)
    return refuse('symbol-ratio', `${ellipses} ellipses in ${words} words`)
  if (wordsWithLetter / words < options.minWordsWithLetter) {
    return refuse('words-without-letters', `${percent(wordsWithLetter / words)} of words have a letter`)
  }
  if (english && countStopWords(analysis, options.minStopWords) < options.minStopWords) {
    return refuse('no-stop-words', `fewer than ${options.minStopWords} of ${STOP_WORDS.join(', ')}`)
  }
  return checkLines(analysis.text, options)
}

/** Bulleted lines and lines that break off; for every language. */
export function checkLines(text: string, options: GopherOptions): Refusal | undefined {
  let lines = 0
  let bullets = 0
  let ellipses = 0
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at)
    const end = newline < 0 ? text.length : newline
    const line = end > at ? text.slice(at, end) : ''
    at = end + 1
    if (line.trim() === '') continue
    lines++
    if (BULLET.test(line)) bullets++
    if (ELLIPSIS.test(line)) ellipses++
  }
  if (lines === 0) return undefined
  if (bullets / lines > options.maxBulletLines)
    return refuse('bullet-lines', `${percent(bullets / lines)} of lines are bulleted`)
  if (ellipses / lines > options.maxEllipsisLines)
    return refuse('ellipsis-lines', `${percent(ellipses / lines)} of lines end in an ellipsis`)
  return undefined
}

/** How many different function words occur, at most `enough`. */
function countStopWords({ hash1, units }: Analysis, enough: number): number {
  let seen = 0
  let count = 0
  for (let i = 0; i < units && count < enough; i++) {
    const bit = stopWords.get(hash1[i]!)
    if (bit === undefined || (seen & bit) !== 0) continue
    seen |= bit
    count++
  }
  return count
}
