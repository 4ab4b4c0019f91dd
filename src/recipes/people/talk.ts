/** Simulated people at their keyboards: they ask, read, and say what they think of the answers, as people do, with noise. */
import type { Prompt } from '../../data/index.js'
import { Rng } from '../../rng.js'
import { ranksOf } from '../assistant/labelers.js'
import type { AssistantApi } from './api.js'
import type { Taste } from './taste.js'

export interface Person {
  readonly name: string
  readonly taste: Taste
  /** Scale of the Gumbel noise on what an answer is worth. */
  readonly noise: number
  /** How often they hit the wrong key. */
  readonly lapses: number
  /** Questions of one visit. */
  readonly turns: number
  /** How often they write a better answer where one is far from what they would have said. */
  readonly corrects: number
}

export interface CrowdOptions {
  readonly honest: number
  readonly malicious?: number
  readonly turns: number
  readonly honestTaste: Taste
  readonly maliciousTaste?: Taste
  readonly seed: number
}

/** People with their own noise and patience; malicious ones are loud. Their names say nothing about them. */
export function crowd({
  honest,
  malicious = 0,
  turns,
  honestTaste,
  maliciousTaste,
  seed,
}: CrowdOptions): Person[] {
  const rng = Rng.seed(seed).fork('crowd')
  const names = rng
    .fork('names')
    .shuffle(Array.from({ length: honest + malicious }, (_, i) => `simulated-${i}`))
  return names.map((name, i) => {
    const own = rng.fork(i)
    const patience = Math.exp(0.3 * own.normal())
    const bad = i >= honest
    return {
      name,
      taste: bad ? maliciousTaste! : honestTaste,
      noise: 0.04 + 0.03 * own.uniform(),
      lapses: bad ? 0 : 0.04,
      turns: Math.max(2, Math.round(turns * (bad ? 2.5 : patience))),
      corrects: bad ? 0.5 : 0.4,
    }
  })
}

export interface TalkCounts {
  readonly rankings: number
  readonly thumbs: number
  readonly corrections: number
}

/**
 * Everybody visits once, some at the same time. The questions come from `prompts`, whose checks are what the person knows.
 * @param answers how many answers are compared where the person ranks
 */
export async function talk(
  api: AssistantApi,
  people: readonly Person[],
  prompts: readonly Prompt[],
  options: {
    readonly seed: number
    readonly answers?: number
    readonly together?: number
    readonly signal?: AbortSignal
    readonly onProgress?: (done: number, total: number) => void
  },
): Promise<TalkCounts> {
  const { seed, answers = 4, together = 16, signal, onProgress } = options
  const counts = { rankings: 0, thumbs: 0, corrections: 0 }
  const total = people.reduce((sum, { turns }) => sum + turns, 0)
  let done = 0
  const visit = async (person: Person) => {
    const rng = Rng.seed(seed).fork('visit').fork(person.name)
    // What this person has come to expect; a thumb says whether an answer was better.
    let expected = 0.55
    const felt = (prompt: Prompt, answer: string) =>
      person.taste.utility(prompt, answer) + person.noise * gumbel(rng)
    for (let turn = 0; turn < person.turns; turn++) {
      signal?.throwIfAborted()
      const prompt = prompts[rng.integer(prompts.length)]!
      const lapse = rng.uniform() < person.lapses
      if (rng.uniform() < 0.45) {
        const comparison = await api.compare(person.name, prompt.messages, answers)
        const worth = comparison.answers.map((answer) => felt(prompt, answer))
        // What is nearly as good is as good.
        const ranks = ranksOf(lapse ? worth.map((x) => -x) : worth, person.noise)
        await api.rank(person.name, comparison.id, ranks)
        counts.rankings++
      } else {
        const { id, text } = await api.ask(person.name, prompt.messages)
        const worth = felt(prompt, text)
        const better = person.taste.better(prompt, text)
        const gain =
          better === undefined ? 0 : person.taste.utility(prompt, better) - person.taste.utility(prompt, text)
        if (gain > 0.2 && better !== undefined && rng.uniform() < person.corrects) {
          await api.correct(person.name, id, better)
          counts.corrections++
        } else {
          await api.thumb(person.name, id, worth > expected !== lapse ? 1 : -1)
          counts.thumbs++
        }
        expected += 0.2 * (worth - expected)
      }
      onProgress?.(++done, total)
    }
  }
  const waiting = [...people]
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await visit(next)
  }
  await Promise.all(Array.from({ length: Math.min(together, people.length) }, worker))
  return counts
}

function gumbel(rng: Rng): number {
  return -Math.log(-Math.log(rng.uniform() || Number.MIN_VALUE)) - 0.5772
}
