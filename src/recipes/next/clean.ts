/**
 * Feedback is cleaned by rules that look at what was said, one after the other; who can be trusted is decided afterwards
 * (`consensus.ts`). Each rule is a function from votes to the votes it objects to, with its reason.
 */
import { type PiiKind, piiKinds, scrubPii } from '../../data/clean/index.js'
import { Rng } from '../../rng.js'
import type { CleaningSettings } from './settings.js'
import {
  type Drop,
  type DropReason,
  groupBy,
  plain,
  questionKey,
  type Vote,
  voiceOf,
  wordsOf,
} from './votes.js'

export interface Cleaned {
  readonly votes: readonly Vote[]
  readonly drops: readonly Drop[]
  /** Personal data that was replaced, by kind. */
  readonly scrubbed: Readonly<Partial<Record<PiiKind, number>>>
}

type Rule = (votes: readonly Vote[], settings: CleaningSettings, seed: number) => ReadonlySet<Vote>

const RULES: readonly (readonly [DropReason, Rule])[] = [
  ['broken', broken],
  ['says-nothing', saysNothing],
  [
    'gibberish',
    (votes) => only(votes, ({ correction }) => correction !== undefined && isGibberish(correction)),
  ],
  ['too-fast', tooFast],
  ['constant', constant],
  ['duplicate', duplicates],
  ['superseded', superseded],
  ['campaign', campaigns],
  ['over-cap', overCap],
]

/** Personal data is replaced first, so that nothing after sees it. The order of the votes stays. */
export function cleanVotes(votes: readonly Vote[], settings: CleaningSettings, seed: number): Cleaned {
  const { votes: scrubbedVotes, scrubbed } = scrubVotes(votes)
  const drops: Drop[] = []
  let left = scrubbedVotes
  for (const [reason, rule] of RULES) {
    const objections = rule(left, settings, seed)
    if (objections.size === 0) continue
    left = left.filter((vote) => {
      if (!objections.has(vote)) return true
      drops.push({ id: vote.id, person: vote.person, reason })
      return false
    })
  }
  return { votes: left, drops, scrubbed }
}

/** Personal data out of everything that could be learnt by heart. */
export function scrubVotes(votes: readonly Vote[]): Pick<Cleaned, 'votes' | 'scrubbed'> {
  const kinds = new Set(piiKinds)
  const scrubbed: Partial<Record<PiiKind, number>> = {}
  const clean = (text: string) => {
    const result = scrubPii(text, kinds)
    for (const [kind, count] of Object.entries(result.found) as [PiiKind, number][])
      scrubbed[kind] = (scrubbed[kind] ?? 0) + count
    return result.text
  }
  const cleaned = votes.map((vote) => ({
    ...vote,
    prompt: vote.prompt.map((message) => ({ ...message, content: clean(message.content) })),
    answers: vote.answers.map(clean),
    ...(vote.correction === undefined ? {} : { correction: clean(vote.correction) }),
  }))
  return { votes: cleaned, scrubbed }
}

function only(votes: readonly Vote[], objects: (vote: Vote) => boolean): Set<Vote> {
  return new Set(votes.filter(objects))
}

function broken(votes: readonly Vote[]): Set<Vote> {
  return only(votes, ({ kind, prompt, answers, ranks, thumb, correction, rubric }) => {
    const asked = prompt.at(-1)
    if (asked?.role !== 'user' && asked?.role !== 'tool') return true
    if (asked.content.trim() === '' || answers.some((answer) => answer.trim() === '')) return true
    switch (kind) {
      case 'ranking':
        return answers.length < 2 || ranks?.length !== answers.length || !ranks.every((rank) => rank >= 1)
      case 'thumb':
        return answers.length !== 1 || thumb === undefined
      case 'correction':
        return answers.length !== 1 || correction === undefined || correction.trim() === ''
      case 'rubric':
        return answers.length !== 1 || rubric === undefined || !Number.isFinite(rubric)
    }
  })
}

function saysNothing(votes: readonly Vote[]): Set<Vote> {
  return only(votes, ({ kind, answers, ranks, correction }) => {
    if (kind === 'correction') return plain(correction!) === plain(answers[0]!)
    if (kind !== 'ranking') return false
    return new Set(ranks).size === 1 || new Set(answers.map(plain)).size === 1
  })
}

/** Whether a text is keys hit at random: little of it letters, one sign or word over and over, or words that nobody can speak. */
export function isGibberish(text: string): boolean {
  const signs = [...text.replace(/\s+/g, '')]
  const readable = signs.filter((sign) => /[\p{L}\p{N}]/u.test(sign)).length
  if (readable < signs.length / 2 || /([^\s\d])\1{5,}/u.test(text)) return true
  const words = wordsOf(text)
  const commonest = Math.max(0, ...[...groupBy(words, (word) => word).values()].map(({ length }) => length))
  if (words.length >= 6 && commonest > words.length / 2) return true
  const latin = words.filter((word) => /^\p{Script=Latin}{4,}$/u.test(word))
  const unspeakable = latin.filter((word) => {
    const letters = word.normalize('NFD').replace(/\p{M}/gu, '')
    return (
      !/[aeiouy]/.test(letters) ||
      /[^aeiouy]{6,}/.test(letters) ||
      /(?:asdf|sdfg|dfgh|fghj|ghjk|hjkl|qwer|wert|zxcv|xcvb)/.test(letters)
    )
  })
  return unspeakable.length > latin.length / 2
}

/** Votes that follow the person's last one sooner than the answers can be read. */
function tooFast(votes: readonly Vote[], { secondsPerAnswer }: CleaningSettings): Set<Vote> {
  const fast = new Set<Vote>()
  if (secondsPerAnswer === 0) return fast
  for (const own of groupBy(votes, ({ person }) => person).values()) {
    const inOrder = [...own].sort((a, b) => a.at - b.at)
    inOrder.forEach((vote, i) => {
      const before = inOrder[i - 1]
      if (before && vote.at - before.at < 1000 * secondsPerAnswer * vote.answers.length) fast.add(vote)
    })
  }
  return fast
}

/** People whose rankings all have the same order of places, or whose thumbs all point the same way: enough of them. */
function constant(votes: readonly Vote[], { constantRankings, constantThumbs }: CleaningSettings): Set<Vote> {
  const said = (vote: Vote) => (vote.kind === 'ranking' ? vote.ranks!.join() : `${vote.thumb}`)
  const most = { ranking: constantRankings, thumb: constantThumbs } as const
  const found = new Set<Vote>()
  for (const kind of ['ranking', 'thumb'] as const) {
    const own = groupBy(
      votes.filter((vote) => vote.kind === kind),
      ({ person }) => person,
    )
    for (const list of own.values()) {
      if (list.length < most[kind] || new Set(list.map(said)).size > 1) continue
      for (const vote of list) found.add(vote)
    }
  }
  return found
}

function duplicates(votes: readonly Vote[]): Set<Vote> {
  const content = ({ kind, person, prompt, answers, ranks, thumb, correction, rubric }: Vote) => {
    // The answers of a ranking may be shown in any order.
    const ranked = answers
      .map((answer, i) => [plain(answer), ranks?.[i]])
      .sort((a, b) => (a[0]! < b[0]! ? -1 : 1))
    return JSON.stringify([
      kind,
      person,
      questionKey(prompt),
      ranked,
      thumb,
      correction && plain(correction),
      rubric,
    ])
  }
  return new Set([...groupBy(votes, content).values()].flatMap((same) => same.slice(1)))
}

/** Of the thumbs (and marks) that a person gave to the same answer, the last one counts. */
function superseded(votes: readonly Vote[]): Set<Vote> {
  const single = votes.filter(({ kind }) => kind === 'thumb' || kind === 'rubric')
  const same = groupBy(single, ({ kind, person, prompt, answers }) =>
    JSON.stringify([kind, person, questionKey(prompt), plain(answers[0]!)]),
  )
  return new Set([...same.values()].flatMap((list) => [...list].sort((a, b) => a.at - b.at).slice(0, -1)))
}

const PHRASE = 3

/**
 * Corrections with a phrase of three words that comes under question after question, but from too few of the people who write corrections, and
 * neither from a question nor from an answer of the model. What many people write is a manner; what few people repeat is a campaign.
 */
function campaigns(votes: readonly Vote[], { campaignRepeats, campaignShare }: CleaningSettings): Set<Vote> {
  const corrections = votes.filter(({ kind }) => kind === 'correction')
  const writers = new Set(corrections.map(voiceOf)).size
  const used = new Map<string, { people: Set<string>; votes: Set<Vote> }>()
  const known = new Set(
    votes.flatMap(({ prompt, answers }) =>
      [...prompt.map(({ content }) => content), ...answers].flatMap(phrases),
    ),
  )
  for (const vote of corrections) {
    for (const phrase of phrases(vote.correction!)) {
      if (known.has(phrase)) continue
      const use = used.get(phrase) ?? { people: new Set(), votes: new Set() }
      used.set(phrase, use)
      use.people.add(voiceOf(vote))
      use.votes.add(vote)
    }
  }
  const repeated = [...used.values()].filter(
    ({ people, votes }) =>
      new Set([...votes].map(({ prompt }) => questionKey(prompt))).size >= campaignRepeats &&
      people.size < campaignShare * writers,
  )
  // One person's feedback, or that of two, is no crowd to stand out from.
  return new Set(writers < 1 / campaignShare ? [] : repeated.flatMap(({ votes }) => [...votes]))
}

function phrases(text: string): string[] {
  const words = wordsOf(text)
  return words.slice(PHRASE - 1).map((_, i) => words.slice(i, i + PHRASE).join(' '))
}

/** What a person says beyond `capTimes` the median of all people, and beyond `capLeast`; which of it is left to the seed. */
function overCap(votes: readonly Vote[], { capTimes, capLeast }: CleaningSettings, seed: number): Set<Vote> {
  const people = [...groupBy(votes, voiceOf)]
  const sizes = people.map(([, list]) => list.length).sort((a, b) => a - b)
  const median = sizes[Math.floor((sizes.length - 1) / 2)] ?? 0
  const cap = Math.max(capLeast, Math.ceil(capTimes * median))
  const rng = Rng.seed(seed).fork('cap')
  return new Set(
    people.flatMap(([person, list]) =>
      list.length > cap
        ? rng
            .fork(person)
            .shuffle([...list])
            .slice(cap)
        : [],
    ),
  )
}
