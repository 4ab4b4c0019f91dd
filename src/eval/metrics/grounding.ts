/** How much of an answer stands in the passage that it was to be taken from. */
import { normalizeChinese } from './text.js'

const FUNCTION_WORDS = new Set(
  `a an the of in on at to for from by with and or but nor so as is are was were be been being am it its this that these those he
  she they them his her their we our you your i my me him us who whom whose which what when where why how there here do does did
  done has have had having will would can could may might must shall should not no yes if then than also into over under about
  after before during between through because while very just only`
    .split(/\s+/)
    .concat([...'的了是在和与或也都就而及着过吗呢吧啊把被对于以之其这那']),
)

export interface Grounding {
  /** Share of the answer's content words (Chinese: characters) that occur in the passage; NaN for an answer without content. */
  readonly support: number
  /** Content of the answer that the passage does not have. */
  readonly unsupported: readonly string[]
  /** Whether every number of the answer stands in the passage. */
  readonly numbersSupported: boolean
}

/**
 * Support of an answer by its passage, word by word. It finds what was added; it cannot tell whether words that do occur
 * were put together to say something else.
 */
export function grounding(answer: string, passage: string): Grounding {
  const content = contentOf(answer)
  const known = new Set(contentOf(passage).map(stem))
  const unsupported = content.filter((word) => !known.has(stem(word)))
  return {
    support: content.length === 0 ? Number.NaN : 1 - unsupported.length / content.length,
    unsupported: [...new Set(unsupported)],
    numbersSupported: unsupported.every((word) => !/\d/.test(word)),
  }
}

function contentOf(text: string): string[] {
  return normalizeChinese(text.replace(/[-–—/]/g, ' '))
    .split(' ')
    .filter((word) => word !== '' && !FUNCTION_WORDS.has(word))
}

/** Plural and possessive s only: enough that "rivers" supports "river". */
function stem(word: string): string {
  return word.length > 3 && !word.endsWith('ss') ? word.replace(/s$/, '') : word
}
