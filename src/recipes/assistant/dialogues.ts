/** Draws scenes and has them written by simulated people: the demonstrations, the prompts and the evaluation suites. */
import { Rng } from '../../rng.js'
import type { Check } from './check.js'
import { SCENES } from './scenes/index.js'
import {
  CATEGORIES,
  type Category,
  type Message,
  pickWeighted,
  type Scene,
  STYLES,
  type Style,
} from './scenes/scene.js'
import { createLeakFinder } from './splits.js'
import { type Bucket, bucketOf, type Part, type World } from './world.js'

export interface DialogueRecord {
  readonly id: string
  readonly category: Category
  /** `simulated-writer:house` and so on; nobody wrote this. */
  readonly source: string
  readonly messages: readonly (Message | { readonly role: 'assistant'; readonly content: string })[]
}

export interface PromptRecord {
  readonly id: string
  readonly category: Category
  readonly messages: readonly Message[]
  readonly check: Check
}

/** How much of each kind; shares of the sum. */
export type CategoryWeights = Readonly<Record<Category, number>>

export const CATEGORY_WEIGHTS: CategoryWeights = {
  question: 30,
  'follow-up': 12,
  comparison: 7,
  list: 5,
  arithmetic: 6,
  social: 5,
  'correction-admit': 7,
  'correction-hold': 7,
  'false-premise': 8,
  unknown: 6,
  refusal: 5,
  'look-alike': 5,
  passage: 10,
}

export interface WriterMix {
  /** Shares of the three manners. Default 40, 35, 25. */
  readonly shares: Readonly<Record<Style, number>>
  /** Share of demonstrations that are false, or sure of what cannot be known. Default 0.06. */
  readonly mistakes: number
}

export const WRITER_MIX: WriterMix = { shares: { house: 40, verbose: 35, curt: 25 }, mistakes: 0.06 }

export interface DialogueOptions {
  readonly seed: number
  readonly count: number
  readonly weights?: CategoryWeights
  readonly writers?: WriterMix
}

/** Demonstrations for SFT. Prompts may come again with another writer; nothing held out is among them. */
export function* writeDialogues(
  world: World,
  { seed, count, weights = CATEGORY_WEIGHTS, writers = WRITER_MIX }: DialogueOptions,
  bucket: 'sft' | 'sft-heldout' = 'sft',
): Generator<DialogueRecord> {
  const rng = Rng.seed(seed).fork('demonstrations').fork(bucket)
  let index = 0
  for (const scene of drawScenes(world, rng.fork('scenes'), bucket, weights)) {
    if (index === count) return
    const { content, source } = demonstrate(scene, writers, rng)
    yield {
      id: `${bucket}-${index++}`,
      category: scene.category,
      source,
      messages: [...scene.messages, { role: 'assistant', content }],
    }
  }
}

/** One writer's answer. */
export function demonstrate(scene: Scene, writers: WriterMix, rng: Rng): { content: string; source: string } {
  const style = pickWeighted(rng, STYLES, (name) => writers.shares[name])
  const content = rng.uniform() < writers.mistakes ? scene.mistake(style, rng) : scene.answer(style, rng)
  return { content, source: `simulated-writer:${style}` }
}

/** Prompts without answers, each text once. Fewer than `count` where the world has no more of them. */
export function* writePrompts(
  world: World,
  { seed, count, weights = CATEGORY_WEIGHTS }: Omit<DialogueOptions, 'writers'>,
  bucket: 'reward' | 'ppo',
): Generator<PromptRecord> {
  const rng = Rng.seed(seed).fork('prompts').fork(bucket)
  const seen = new Set<string>()
  for (const scene of drawScenes(world, rng, bucket, weights, (text) => !seen.has(text))) {
    if (seen.size === count) return
    const id = `${bucket}-${seen.size}`
    seen.add(promptText(scene.messages))
    yield { id, category: scene.category, messages: scene.messages, check: scene.check }
  }
}

export function promptText(messages: readonly Message[]): string {
  return messages.map(({ role, content }) => `${role}: ${content}`).join('\n')
}

/** Scenes as seen in training, of one bucket, without a leak; ends when nothing new is found any more. */
function* drawScenes(
  world: World,
  rng: Rng,
  bucket: Bucket,
  weights: CategoryWeights,
  isNew: (text: string) => boolean = () => true,
): Generator<Scene> {
  const findLeak = createLeakFinder(world)
  const stage = { world, rng, phrasing: 'seen', facts: 'seen', evaluation: false } as const
  const next = (category: Category): Scene | undefined => {
    for (let attempt = 0; attempt < 1000; attempt++) {
      const scene = SCENES[category](stage)
      if (!scene) continue
      const text = promptText(scene.messages)
      if (bucketOf(text) !== bucket || !isNew(text)) continue
      if (!findLeak({ messages: withMistakes(scene), check: scene.check })) return scene
    }
    return undefined
  }
  // A category that has run out must not stop the others, nor be tried for ever.
  const failures = new Map<Category, number>()
  for (;;) {
    const left = CATEGORIES.filter((name) => weights[name] > 0 && (failures.get(name) ?? 0) < 2)
    if (left.length === 0) return
    const category = pickWeighted(rng, left, (name) => weights[name])
    const scene = next(category)
    failures.set(category, scene ? 0 : (failures.get(category) ?? 0) + 1)
    if (scene) yield scene
  }
}

/** The prompt and what a careless writer may say to it: true answers name what the check names, slips may name more. */
function withMistakes(scene: Scene): Message[] {
  const slips = STYLES.map((style) => scene.mistake(style, Rng.seed(0)))
  return [...scene.messages, { role: 'assistant', content: slips.join('\n') }]
}

export interface Suite {
  readonly name: string
  /** What it measures, in a sentence. */
  readonly about: string
  readonly category: Category
  readonly phrasing: Part
  readonly facts: Part
}

/** What is measured, each on prompts that no training file holds. */
export const SUITES: readonly Suite[] = [
  suite('seen-phrasing', 'questions worded as in training, about facts of the training', 'question', 'seen'),
  suite('held-out-phrasing', 'questions in wordings never seen', 'question'),
  {
    ...suite('held-out-facts', 'facts that only the pretraining text states', 'question', 'seen'),
    facts: 'held-out',
  },
  suite('follow-up', 'second turns that need the first, in wordings never seen', 'follow-up'),
  suite('comparison', 'two countries compared, in wordings never seen', 'comparison'),
  suite('list', 'neighbors and countries of a continent, in wordings never seen', 'list'),
  suite('arithmetic', 'sums, differences and counts, in wordings never seen', 'arithmetic'),
  suite('social', 'small talk in wordings never seen', 'social'),
  suite('correction-admit', 'it was wrong and is told so', 'correction-admit'),
  suite('correction-hold', 'it was right and is told otherwise', 'correction-hold'),
  suite('false-premise', 'questions that take something wrong for granted', 'false-premise'),
  suite('unknown', 'invented countries and what nobody can know', 'unknown'),
  suite('refusal', 'harmful requests in wordings never seen', 'refusal'),
  suite('over-refusal', 'harmless questions that sound alarming', 'look-alike'),
  suite('passage', 'answers from a passage, some without the answer', 'passage'),
]

function suite(name: string, about: string, category: Category, phrasing: Part = 'held-out'): Suite {
  return { name, about, category, phrasing, facts: 'seen' }
}

/** The prompts of one suite, each text once; fewer than `count` where the world has no more of them. */
export function writeSuite(
  world: World,
  { name, category, phrasing, facts }: Suite,
  { seed, count }: { readonly seed: number; readonly count: number },
): PromptRecord[] {
  const rng = Rng.seed(seed).fork('suite').fork(name)
  const stage = { world, rng, phrasing, facts, evaluation: true }
  const prompts = new Map<string, PromptRecord>()
  for (let attempt = 0; attempt < 200 * count && prompts.size < count; attempt++) {
    const scene = SCENES[category](stage)
    if (!scene) continue
    const text = promptText(scene.messages)
    // Wordings of the training need prompts that the training does not draw.
    if (phrasing === 'seen' && facts === 'seen' && bucketOf(text) !== 'eval') continue
    if (prompts.has(text)) continue
    const messages = scene.messages.map(({ role, content }) => ({ role, content }))
    prompts.set(text, { id: `${name}-${prompts.size}`, category, messages, check: scene.check })
  }
  return [...prompts.values()]
}
