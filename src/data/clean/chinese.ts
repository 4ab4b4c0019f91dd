/**
 * Quality rules for Chinese and Japanese. Words, their lengths and English function words mean nothing there, and the titles and
 * authors of poems are lines without a full stop. What is looked at instead: how much of the text is written in its script,
 * and whether it has the punctuation of sentences, which menus and lists of links lack.
 */
import type { Analysis } from './analysis.js'
import type { CleaningConfig } from './config.js'
import { percent, type Refusal, refuse } from './verdict.js'

type ChineseOptions = CleaningConfig['chinese']

/** A line with a mark that only sentences, verses and dialogue have. */
const PUNCTUATED = /[，。！？；：、…」』”》,.!?;:]/

export function checkChinese(analysis: Analysis, options: ChineseOptions): Refusal | undefined {
  const { ideographs, kana, wordCharacters, text } = analysis
  const script = ideographs + kana
  if (script < options.minCharacters) return refuse('too-few-characters', `${script} Chinese characters`)
  if (script > options.maxCharacters) return refuse('too-many-characters', `${script} Chinese characters`)
  if (script / wordCharacters < options.minScriptFraction) {
    return refuse('little-script', `${percent(script / wordCharacters)} of it is in Chinese characters`)
  }
  const punctuated = punctuatedFraction(text)
  if (punctuated < options.minPunctuatedLines) {
    return refuse('no-sentences', `${percent(punctuated)} of it stands in lines with punctuation`)
  }
  return undefined
}

/** The part of the text, in UTF-16 units, that stands in lines with punctuation. */
function punctuatedFraction(text: string): number {
  let all = 0
  let punctuated = 0
  for (const line of text.split('\n')) {
    const length = line.trim().length
    all += length
    if (PUNCTUATED.test(line)) punctuated += length
  }
  return all === 0 ? 0 : punctuated / all
}

/** Whether a line counts when repeated lines are looked for: names of tunes and authors stand over every poem. */
export function isChineseSentence(line: string): boolean {
  return PUNCTUATED.test(line)
}
