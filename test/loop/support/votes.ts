/** Votes for tests: what matters is named, the rest is there. */
import type { Vote } from '../../../src/recipes/next/index.js'

let serial = 0

export function question(text: string): Vote['prompt'] {
  return [{ role: 'user', content: text }]
}

type Given = Partial<Vote> & { readonly asked?: string }

function vote(kind: Vote['kind'], person: string, { asked, ...given }: Given): Vote {
  serial++
  return {
    id: `fb_${serial}`,
    kind,
    person,
    at: 10_000 * serial,
    prompt: question(asked ?? `What is question ${serial}?`),
    answers: [`Answer ${serial}.`],
    ...given,
  }
}

export const thumb = (person: string, value: 1 | -1, given: Given = {}) =>
  vote('thumb', person, { thumb: value, ...given })

export const correction = (person: string, text: string, given: Given = {}) =>
  vote('correction', person, { correction: text, ...given })

export const ranking = (
  person: string,
  answers: readonly string[],
  ranks: readonly number[],
  given: Given = {},
) => vote('ranking', person, { answers, ranks, ...given })

export const rubric = (person: string, mark: number, given: Given = {}) =>
  vote('rubric', person, { rubric: mark, ...given })
