/** What earlier training left, to be learnt again beside the new: a speedrun's folder, or files with the same names. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import {
  type Prompt,
  type Ranking,
  readDialogues,
  readPrompts,
  readRankings,
  readTextFiles,
  splitHeldOut,
} from '../../data/index.js'
import type { Rng } from '../../rng.js'
import type { ChatMessage } from '../../text/index.js'
import { RecipeError } from '../errors.js'
import { type EvaluationSuite, readSuites } from '../speedrun/measure.js'

export interface Replay {
  readonly dir: string
  /** Prompts of earlier training; the live version's own answers to them are what is learnt again. */
  readonly prompts?: string
  /** Earlier demonstrations. */
  readonly dialogues?: string
  readonly rankings?: string
  /** The pretraining text, for PPO-ptx and for the perplexity. */
  readonly text?: string
  /** Folder of the evaluation suites. */
  readonly suites?: string
  /** Dialogues whose scores are the zero of the reward. */
  readonly demonstrations?: string
  readonly reward?: string
}

/**
 * Finds what there is in a speedrun's folder, or in its `data` folder.
 * @throws RecipeError where none of it is there
 */
export async function findReplay(dir: string): Promise<Replay> {
  const given = resolve(dir)
  const root = basename(given) === 'data' ? resolve(given, '..') : given
  const data = basename(given) === 'data' ? given : join(given, 'data')
  const found = async (name: string, ...paths: string[]) => {
    for (const path of paths) if (await exists(path)) return { [name]: path }
    return {}
  }
  const replay: Omit<Replay, 'dir'> = {
    ...(await found('prompts', join(data, 'prompts-ppo.jsonl'), join(given, 'prompts-ppo.jsonl'))),
    ...(await found('dialogues', join(data, 'sft.jsonl'), join(given, 'sft.jsonl'))),
    ...(await found('rankings', join(root, 'rankings.jsonl'), join(data, 'rankings.jsonl'))),
    ...(await found('text', join(data, 'pretrain.jsonl'), join(given, 'pretrain.jsonl'))),
    ...(await found('suites', join(data, 'eval'), join(given, 'eval'))),
    ...(await found('demonstrations', join(data, 'sft-heldout.jsonl'), join(given, 'sft-heldout.jsonl'))),
    ...(await found('reward', join(root, 'reward'))),
  }
  if (Object.keys(replay).length === 0)
    throw new RecipeError(
      'recipe/missing',
      `${given} has nothing to replay: neither prompts-ppo.jsonl, rankings.jsonl, pretrain.jsonl nor eval/; give the folder of a speedrun`,
    )
  return { dir: given, ...replay }
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

export async function replayPrompts(
  { prompts }: Partial<Replay>,
  count: number,
  rng: Rng,
): Promise<Prompt[]> {
  return prompts === undefined ? [] : some(readPrompts([prompts]), count, rng)
}

export interface EarlierQuestion {
  readonly prompt: readonly ChatMessage[]
  /** How it was answered in a demonstration. */
  readonly demonstrated?: string
}

/** Questions of earlier demonstrations with their answers; where there are none, prompts without. */
export async function earlierQuestions(
  { dialogues, prompts }: Partial<Replay>,
  count: number,
  rng: Rng,
): Promise<EarlierQuestion[]> {
  if (dialogues === undefined) {
    const some = await replayPrompts({ ...(prompts === undefined ? {} : { prompts }) }, count, rng)
    return some.map(({ messages }) => ({ prompt: messages }))
  }
  return (await some(readDialogues([dialogues]), count, rng)).flatMap(({ messages }) => {
    const last = messages.findLastIndex(({ role }) => role === 'assistant')
    return last < 1 ? [] : [{ prompt: messages.slice(0, last), demonstrated: messages[last]!.content }]
  })
}

export async function replayRankings(
  { rankings }: Partial<Replay>,
  count: number,
  rng: Rng,
): Promise<Ranking[]> {
  return rankings === undefined ? [] : some(readRankings([rankings]), count, rng)
}

export async function replaySuites({ suites }: Partial<Replay>): Promise<EvaluationSuite[]> {
  return suites === undefined || (await readdir(suites)).length === 0 ? [] : readSuites(suites)
}

/** Characters of held-out text that the perplexity is measured on at most. */
const TEXT_CHARACTERS = 60_000

/**
 * The pretraining text in two: what may be learnt again, and some of what the base model never saw (the same that its run kept, where
 * that run tells), which the perplexity is measured on and no round learns.
 */
export async function splitText({
  text,
  dir,
}: Partial<Replay>): Promise<{ readonly train: readonly string[]; readonly heldOut: readonly string[] }> {
  if (text === undefined || dir === undefined) return { train: [], heldOut: [] }
  const root = basename(dir) === 'data' ? resolve(dir, '..') : dir
  const { fraction, seed } = await baseSplit(join(root, 'base', 'trainer.json'))
  const documents: { id: string; text: string }[] = []
  for await (const document of readTextFiles([text])) documents.push(document)
  if (documents.length < 2) return { train: documents.map(({ text }) => text), heldOut: [] }
  const { train, heldOut } = splitHeldOut(documents, { fraction, seed })
  const texts: string[] = []
  let characters = 0
  for (const { text } of heldOut) {
    characters += text.length
    if (characters > TEXT_CHARACTERS) break
    if (text.trim() !== '') texts.push(text)
  }
  return { train: train.map(({ text }) => text), heldOut: texts }
}

async function baseSplit(path: string): Promise<{ fraction: number; seed: number }> {
  try {
    const { recipe } = JSON.parse(await readFile(path, 'utf8')) as {
      recipe: { heldOutFraction: number; seed: number }
    }
    if (recipe.heldOutFraction > 0) return { fraction: recipe.heldOutFraction, seed: recipe.seed }
  } catch {
    // Another kind of base model: some text is held for what it never saw.
  }
  return { fraction: 0.02, seed: 1 }
}

/** `count` records, drawn by the seed, in the order of the file. */
async function some<T>(records: AsyncIterable<T>, count: number, rng: Rng): Promise<T[]> {
  const all: T[] = []
  for await (const record of records) all.push(record)
  const chosen = new Set(rng.shuffle([...all.keys()]).slice(0, count))
  return all.filter((_, i) => chosen.has(i))
}
