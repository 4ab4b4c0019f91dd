/** From feedback to data: cleaned, turned into comparisons and demonstrations, weighed, and divided by question. */
import type { Feedback } from '../../store/index.js'
import { hashText } from '../assistant/invented.js'
import { cleanVotes } from './clean.js'
import { type AnswerScore, measureReliability, type Reliability, settle } from './consensus.js'
import { judgementsOf, pairWithFresh } from './judgements.js'
import type { Minimum, RoundSettings } from './settings.js'
import {
  countReasons,
  type Demonstration,
  type Drop,
  type DropReason,
  type Judgement,
  questionKey,
  type Vote,
} from './votes.js'

/** The person at the machine of the server, who may let many label. */
const LOCAL = 'local'

/** What a piece of feedback says, or undefined where it says nothing that this recipe knows. */
export function voteOf(feedback: Feedback): Vote {
  const { id, labeler, user, created, prompt, answers } = feedback
  const shared = {
    id,
    // A name that somebody gives is theirs only together with the key it comes with.
    person: user === LOCAL || labeler === user ? labeler : `${user}/${labeler}`,
    ...(user === LOCAL ? {} : { account: user }),
    at: created,
    prompt,
    answers: answers.map(({ text }) => text),
  }
  switch (feedback.kind) {
    case 'ranking':
      return { ...shared, kind: 'ranking', ranks: feedback.value }
    case 'thumb':
      return { ...shared, kind: 'thumb', thumb: feedback.value }
    case 'correction':
      return { ...shared, kind: 'correction', correction: feedback.value }
    case 'rubric': {
      const marks = Object.values(feedback.value).filter((mark) => typeof mark === 'number')
      const rubric = marks.reduce((sum, mark) => sum + mark, 0) / marks.length
      return { ...shared, kind: 'rubric', rubric }
    }
  }
}

export interface Gathered {
  /** Comparisons to learn from, and those of questions that are kept to measure on. */
  readonly train: readonly Judgement[]
  readonly heldOut: readonly Judgement[]
  readonly demonstrations: readonly Demonstration[]
  /** Thumbs that need a fresh answer beside them. */
  readonly lonely: readonly Vote[]
  readonly drops: readonly Drop[]
  readonly people: readonly Reliability[]
  readonly uses: readonly {
    readonly feedback: string
    readonly use: 'train' | 'heldout' | 'dropped'
    readonly reason?: DropReason
  }[]
  readonly counts: GatheredCounts
}

export interface GatheredCounts {
  readonly feedback: number
  readonly kinds: Readonly<Record<Vote['kind'], number>>
  readonly people: number
  /** Pieces of feedback that are learnt from, kept to measure on, and left out. */
  readonly train: number
  readonly heldOut: number
  readonly dropped: number
  readonly reasons: Readonly<Partial<Record<DropReason, number>>>
  readonly scrubbed: Readonly<Record<string, number>>
  /** Pairs of answers to learn from, and to measure on. */
  readonly comparisons: number
  readonly heldOutComparisons: number
  readonly heldOutPrompts: number
  /** Corrections to learn from. */
  readonly demonstrations: number
  /** People whose votes are left. */
  readonly trusted: number
}

/**
 * A pure function of the votes, the settings, the fresh answers beside lonely thumbs (in their order; none yet: they are left out) and
 * what is known of answers already.
 * Which questions are kept is decided by their text alone, so that a question that was kept once is kept in every round.
 */
export function gather(
  votes: readonly Vote[],
  { cleaning, heldOut: share, seed }: Pick<RoundSettings, 'cleaning' | 'heldOut' | 'seed'>,
  { fresh, known }: { readonly fresh?: readonly (readonly string[])[]; readonly known?: AnswerScore } = {},
): Gathered {
  const cleaned = cleanVotes(votes, cleaning, seed)
  const judged = judgementsOf(cleaned.votes)
  const beside = fresh ? pairWithFresh(judged.lonely, fresh) : { judgements: [], drops: [] }
  const judgements = [...judged.judgements, ...beside.judgements]
  const reliability = measureReliability(judgements, seed, known)
  const settled = settle(judgements, reliability, cleaning, seed)
  const used = new Set(settled.judgements.flatMap(({ votes }) => votes))
  const isKept = (prompt: Vote['prompt']) => isHeldOut(prompt, share)
  const demonstrations = judged.demonstrations.filter(({ vote, prompt }) => used.has(vote) && !isKept(prompt))
  const train = settled.judgements.filter(({ prompt }) => !isKept(prompt))
  const heldOut = settled.judgements.filter(({ prompt }) => isKept(prompt))
  // A vote of which something is left is used, whatever was said of the rest of it.
  const drops = new Map<string, Drop>()
  for (const drop of [...cleaned.drops, ...judged.drops, ...beside.drops, ...settled.drops])
    if (!used.has(drop.id) && !drops.has(drop.id)) drops.set(drop.id, drop)
  const trained = new Set(train.flatMap(({ votes }) => votes))
  const waiting = new Set(fresh ? [] : judged.lonely.map(({ id }) => id))
  const uses = votes.map(({ id }) => {
    const drop = drops.get(id)
    if (drop) return { feedback: id, use: 'dropped' as const, reason: drop.reason }
    return {
      feedback: id,
      use: trained.has(id) || waiting.has(id) ? ('train' as const) : ('heldout' as const),
    }
  })
  const count = (use: string) => uses.filter((each) => each.use === use).length
  const ofKind = (kind: Vote['kind']) => votes.filter((vote) => vote.kind === kind).length
  return {
    train,
    heldOut,
    demonstrations,
    lonely: judged.lonely,
    drops: [...drops.values()],
    people: [...reliability.values()],
    uses,
    counts: {
      feedback: votes.length,
      kinds: {
        thumb: ofKind('thumb'),
        ranking: ofKind('ranking'),
        correction: ofKind('correction'),
        rubric: ofKind('rubric'),
      },
      people: new Set(votes.map(({ person }) => person)).size,
      train: count('train'),
      heldOut: count('heldout'),
      dropped: count('dropped'),
      reasons: countReasons([...drops.values()]),
      scrubbed: cleaned.scrubbed,
      comparisons: train.length,
      heldOutComparisons: heldOut.length,
      heldOutPrompts: new Set(heldOut.map(({ prompt }) => questionKey(prompt))).size,
      demonstrations: demonstrations.length,
      trusted: new Set(settled.judgements.flatMap(({ people }) => people)).size,
    },
  }
}

/** Whether a question is kept to measure on, in this round and in all others. */
export function isHeldOut(prompt: Vote['prompt'], share: number): boolean {
  return hashText(questionKey(prompt)) / 2 ** 32 < share
}

export interface Shortage {
  readonly what: 'comparisons' | 'people' | 'questions to measure on'
  readonly have: number
  readonly need: number
}

/** What is missing for a round; empty where there is enough. Thumbs that wait for a fresh answer count as one comparison each. */
export function shortages(
  { counts, lonely, train, heldOut }: Gathered,
  minimum: Minimum,
  share: number,
): Shortage[] {
  const judged = new Set([...train, ...heldOut].flatMap(({ votes }) => votes))
  const waiting = lonely.filter(({ id }) => !judged.has(id))
  const questions = new Set(
    [...heldOut, ...waiting.filter(({ prompt }) => isHeldOut(prompt, share))].map(({ prompt }) =>
      questionKey(prompt),
    ),
  )
  const people = new Set([...train.flatMap(({ people }) => people), ...waiting.map(({ person }) => person)])
  const all: Shortage[] = [
    {
      what: 'comparisons',
      have: counts.comparisons + waiting.filter(({ prompt }) => !isHeldOut(prompt, share)).length,
      need: minimum.comparisons,
    },
    { what: 'people', have: people.size, need: minimum.people },
    { what: 'questions to measure on', have: questions.size, need: minimum.heldOutPrompts },
  ]
  return all.filter(({ have, need }) => have < need)
}

/** Rankings as the reward stage reads them: judgements of one question by one vote together. */
export function preferenceLines(judgements: readonly Judgement[]): string[] {
  return judgements.map(({ prompt, better, worse, votes, people, kind }) =>
    JSON.stringify({
      prompt,
      chosen: better,
      rejected: worse,
      category: kind,
      labeler: people.join('+'),
      feedback: votes,
    }),
  )
}
