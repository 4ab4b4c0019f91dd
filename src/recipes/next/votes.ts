/** What people said about answers, in the one form that the rest of the round works on. */
import type { ChatMessage } from '../../text/index.js'

export interface Vote {
  /** Of the feedback in the store. */
  readonly id: string
  readonly kind: 'thumb' | 'ranking' | 'correction' | 'rubric'
  /** Who: a labeler, a user, or the key that spoke for them. */
  readonly person: string
  /** Whose key it came with, where that is somebody else than the person at the server: one account may claim many names. */
  readonly account?: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** The dialogue up to the question that was answered. */
  readonly prompt: readonly ChatMessage[]
  /** What the model said. One answer, or for a ranking all that were ranked. */
  readonly answers: readonly string[]
  /** Rankings: 1 is best, equal numbers are ties. */
  readonly ranks?: readonly number[]
  readonly thumb?: 1 | -1
  /** The better answer that the person wrote. */
  readonly correction?: string
  /** Mean of the rubric's sliders. */
  readonly rubric?: number
}

/** Why a vote, or what follows from it, is not learnt from. */
export const DROP_REASONS = {
  broken: 'it cannot be read: no question, an empty answer, or ranks that do not fit the answers',
  'says-nothing': 'it prefers nothing: all answers tied or the same, or a correction that changes nothing',
  gibberish: 'the text that was written is no text',
  'too-fast': 'it came sooner than anybody can read the answers',
  constant: 'the person says the same whatever is shown',
  duplicate: 'the person had said it before',
  superseded: 'the person said something else about the same answer later',
  campaign: 'a phrase in it is repeated by few people and used by nobody else',
  'over-cap': 'the person has said enough: one loud voice must not drown the others',
  'contradicts-itself': 'the person also said the opposite',
  unreliable: 'the person keeps saying the opposite of what the others say',
  'down-weighted': 'the person often disagrees with the others, and only a part of what they say is taken',
  outvoted: 'more people, or more reliable ones, say the opposite; or as many do',
  alone: 'there is nothing to compare it with',
} as const
export type DropReason = keyof typeof DROP_REASONS

export interface Drop {
  readonly id: string
  readonly person: string
  readonly reason: DropReason
}

/** That one answer is better than another, as one vote says or two thumbs together. */
export interface Judgement {
  /** The votes it comes from; a ranking gives several judgements. */
  readonly votes: readonly string[]
  readonly people: readonly string[]
  readonly kind: Vote['kind']
  readonly prompt: readonly ChatMessage[]
  readonly better: string
  readonly worse: string
}

/** A dialogue that shows how to answer: a correction. */
export interface Demonstration {
  readonly vote: string
  readonly person: string
  readonly prompt: readonly ChatMessage[]
  readonly answer: string
}

/** Who speaks, where what one may say is limited: an account, whatever names it gives. */
export function voiceOf({ account, person }: Pick<Vote, 'account' | 'person'>): string {
  return account ?? person
}

/** The same for the same question, however it was spaced or written. */
export function questionKey(prompt: readonly ChatMessage[]): string {
  return JSON.stringify(prompt.map(({ role, content }) => [role, plain(content)]))
}

/** Each question once. */
export function distinctPrompts(prompts: readonly Vote['prompt'][]): Vote['prompt'][] {
  return [...new Map(prompts.map((prompt) => [questionKey(prompt), prompt])).values()]
}

/** A text as it is compared: case, spaces and Unicode forms do not matter. */
export function plain(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim()
}

/** Words of a text, in lower case; Chinese and the like are cut into their characters. */
export function wordsOf(text: string): string[] {
  return plain(text).match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}]+/gu) ?? []
}

export function groupBy<T>(items: Iterable<T>, key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const name = key(item)
    const group = groups.get(name)
    if (group) group.push(item)
    else groups.set(name, [item])
  }
  return groups
}

/** How many have each reason, the commonest first. */
export function countReasons(drops: readonly Drop[]): Partial<Record<DropReason, number>> {
  const counts = [...groupBy(drops, ({ reason }) => reason)].map(
    ([reason, list]) => [reason, list.length] as const,
  )
  return Object.fromEntries(counts.sort((a, b) => b[1] - a[1]))
}
