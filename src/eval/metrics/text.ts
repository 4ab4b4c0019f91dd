/** Comparing an answer with what it should be. */

/** How SQuAD compares: lower case, without ASCII punctuation and articles, single spaces (Rajpurkar et al. 2016). */
export function normalizeAnswer(text: string): string {
  return text
    .toLowerCase()
    .replace(/[!-/:-@[-`{-~]/g, '')
    .replace(/\b(a|an|the)\b/g, ' ')
    .split(/\s+/)
    .filter(Boolean)
    .join(' ')
}

/**
 * The same for Chinese: compatibility forms made plain, no punctuation of any script, no spaces between Chinese characters
 * (as the Chinese part of MLQA).
 */
export function normalizeChinese(text: string): string {
  return chineseUnits(text).join(' ')
}

/** Chinese characters one by one, other scripts word by word. */
function chineseUnits(text: string): string[] {
  const plain = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\p{P}$+<=>^`|~]/gu, '')
  return plain.match(/\p{Script=Han}|[^\s\p{Script=Han}]+/gu) ?? []
}

export type AnswerLanguage = 'en' | 'zh'

/** 'zh' where Chinese characters are more than the words of other scripts. */
export function languageOf(text: string): AnswerLanguage {
  const units = text.match(/\p{Script=Han}|[^\P{L}\p{Script=Han}]+/gu) ?? []
  const han = units.filter((unit) => /\p{Script=Han}/u.test(unit)).length
  return han * 2 > units.length ? 'zh' : 'en'
}

const normal = (text: string, language: AnswerLanguage) =>
  language === 'zh' ? normalizeChinese(text) : normalizeAnswer(text)

/** 1 where the answer is one of the references after normalisation, else 0. */
export function exactMatch(
  answer: string,
  references: readonly string[],
  language: AnswerLanguage = 'en',
): number {
  const wanted = normal(answer, language)
  return references.some((reference) => normal(reference, language) === wanted) ? 1 : 0
}

/** The best F1 of the answer's words (in Chinese: characters) against a reference's. Empty against empty is 1. */
export function tokenF1(
  answer: string,
  references: readonly string[],
  language: AnswerLanguage = 'en',
): number {
  const units = (text: string) => normal(text, language).split(' ').filter(Boolean)
  return Math.max(0, ...references.map((reference) => f1(units(answer), units(reference))))
}

function f1(answer: readonly string[], reference: readonly string[]): number {
  if (answer.length === 0 || reference.length === 0) return answer.length === reference.length ? 1 : 0
  const left = new Map<string, number>()
  for (const unit of reference) left.set(unit, (left.get(unit) ?? 0) + 1)
  let common = 0
  for (const unit of answer) {
    const count = left.get(unit) ?? 0
    if (count > 0) common++
    left.set(unit, count - 1)
  }
  return (2 * common) / (answer.length + reference.length)
}

/** The number that an answer gives: the one after its last "####", or else the last one in it. */
export function answerNumber(text: string): number | undefined {
  const plain = text.normalize('NFKC').replace(/\u2212/g, '-')
  const marked = plain.lastIndexOf('####')
  const numbers = (part: string) => part.match(/(?<![\d.])-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?/g)
  const found = marked >= 0 ? numbers(plain.slice(marked + 4))?.[0] : numbers(plain)?.at(-1)
  return found === undefined ? undefined : Number(found.replaceAll(',', ''))
}

/** 1 where the answer's number is the reference's (to one part in a billion), else 0. */
export function numericMatch(answer: string, reference: string | number): number {
  const [found, wanted] = [
    answerNumber(answer),
    typeof reference === 'number' ? reference : answerNumber(reference),
  ]
  if (found === undefined || wanted === undefined) return 0
  return Math.abs(found - wanted) <= 1e-9 * Math.max(1, Math.abs(wanted)) ? 1 : 0
}
