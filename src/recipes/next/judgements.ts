/** What votes say about pairs of answers: the form that a reward model learns from. */
import {
  type Demonstration,
  type Drop,
  groupBy,
  type Judgement,
  plain,
  questionKey,
  type Vote,
} from './votes.js'

/** How many siblings a thumb is compared with at most. */
const SIBLINGS = 4

export interface Judged {
  readonly judgements: readonly Judgement[]
  readonly demonstrations: readonly Demonstration[]
  /** Thumbs without a sibling that differs: they say something only beside another answer to the same question. */
  readonly lonely: readonly Vote[]
  readonly drops: readonly Drop[]
}

/**
 * A ranking of K answers gives its K(K-1)/2 pairs without the ties; a correction is better than what it corrects; of two answers to
 * one question, one with a thumb up is better than one with a thumb down (whoever gave them), and one with the better rubric better.
 */
export function judgementsOf(votes: readonly Vote[]): Judged {
  const judgements: Judgement[] = []
  const drops: Drop[] = []
  for (const vote of votes) {
    const { id, kind, person, prompt, answers } = vote
    const shared = { votes: [id], people: [person], kind, prompt }
    if (kind === 'ranking') judgements.push(...pairsOf(vote).map((pair) => ({ ...shared, ...pair })))
    if (kind === 'correction') judgements.push({ ...shared, better: vote.correction!, worse: answers[0]! })
  }
  const siblings = groupBy(votes, ({ prompt }) => questionKey(prompt))
  const lonely: Vote[] = []
  for (const group of siblings.values()) {
    const thumbs = group.filter(({ kind }) => kind === 'thumb')
    const paired = new Set<string>()
    for (const up of thumbs.filter(({ thumb }) => thumb === 1)) {
      const downs = thumbs.filter(({ thumb, answers }) => thumb === -1 && differ(up.answers[0]!, answers[0]!))
      for (const down of downs.slice(0, SIBLINGS)) {
        judgements.push(between(up, down))
        paired.add(up.id).add(down.id)
      }
    }
    lonely.push(...thumbs.filter(({ id }) => !paired.has(id)))
    const marked = group.filter(({ kind }) => kind === 'rubric')
    const compared = new Set<string>()
    for (const better of marked) {
      const worse = marked.filter(
        (other) =>
          other.person === better.person &&
          other.rubric! < better.rubric! &&
          differ(better.answers[0]!, other.answers[0]!),
      )
      for (const other of worse.slice(0, SIBLINGS)) {
        judgements.push(between(better, other))
        compared.add(better.id).add(other.id)
      }
    }
    for (const { id, person } of marked.filter(({ id }) => !compared.has(id)))
      drops.push({ id, person, reason: 'alone' })
  }
  const demonstrations = votes
    .filter(({ kind }) => kind === 'correction')
    .map(({ id, person, prompt, correction }) => ({ vote: id, person, prompt, answer: correction! }))
  return { judgements, demonstrations, lonely, drops }
}

/**
 * Thumbs beside fresh answers of the model to the same question. A thumb compares an answer with what the person expects, and what
 * they expect is what the model usually says: the reference point of KTO (Ethayarajh et al. 2024). So an answer that was liked is
 * held for better than a fresh draw, and one that was not for worse: often wrong, right more often, and the same for all.
 */
export function pairWithFresh(
  lonely: readonly Vote[],
  fresh: readonly (readonly string[])[],
): Pick<Judged, 'judgements' | 'drops'> {
  const judgements: Judgement[] = []
  const drops: Drop[] = []
  lonely.forEach((vote, i) => {
    const { id, person, kind, prompt, thumb } = vote
    const own = vote.answers[0]!
    const others = distinct(fresh[i] ?? []).filter((answer) => answer.trim() !== '' && differ(answer, own))
    if (others.length === 0) drops.push({ id, person, reason: 'alone' })
    for (const other of others) {
      const [better, worse] = thumb === 1 ? [own, other] : [other, own]
      judgements.push({ votes: [id], people: [person], kind, prompt, better, worse })
    }
  })
  return { judgements, drops }
}

function pairsOf({ answers, ranks }: Vote): { better: string; worse: string }[] {
  return answers.flatMap((better, i) =>
    answers.flatMap((worse, j) =>
      ranks![i]! < ranks![j]! && differ(better, worse) ? [{ better, worse }] : [],
    ),
  )
}

function between(up: Vote, down: Vote): Judgement {
  return {
    votes: [up.id, down.id],
    people: [...new Set([up.person, down.person])],
    kind: up.kind,
    prompt: up.prompt,
    better: up.answers[0]!,
    worse: down.answers[0]!,
  }
}

const differ = (a: string, b: string) => plain(a) !== plain(b)

function distinct(texts: readonly string[]): string[] {
  return [...new Map(texts.map((text) => [plain(text), text])).values()]
}

/** A name for two answers of one question, the same whichever is the better. */
export function pairKey({ prompt, better, worse }: Judgement): string {
  return JSON.stringify([questionKey(prompt), ...[plain(better), plain(worse)].sort()])
}
