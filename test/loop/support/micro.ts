/** A speedrun's folder at a size at which nothing is learnt, and votes about its model: what a round starts from, within seconds. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAssistantData } from '../../../src/recipes/assistant/index.js'
import type { NewFeedback } from '../../../src/store/index.js'
import { pretrain, sft } from '../../../src/train/index.js'

export async function microSpeedrun(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true })
  await writeAssistantData(join(dir, 'data'), {
    seed: 1,
    countries: 24,
    pretrainCharacters: 60_000,
    profileCharacters: 300,
    dialogues: 120,
    heldOutDialogues: 10,
    rewardPrompts: 60,
    ppoPrompts: 30,
    suitePrompts: 2,
  })
  await pretrain({
    out: join(dir, 'base'),
    data: [join(dir, 'data', 'pretrain.jsonl')],
    threads: 1,
    overrides: {
      nLayer: 1,
      nHead: 2,
      width: 32,
      contextLength: 128,
      tokenizer: 'bpe:400',
      batchSize: 4,
      steps: 4,
      learningRate: 0.01,
      evalTokens: 512,
      seed: 1,
    },
  })
  await sft({
    out: join(dir, 'ppo'),
    model: join(dir, 'base'),
    data: [join(dir, 'data', 'sft.jsonl')],
    threads: 1,
    overrides: { epochs: 1, seed: 1 },
  })
  const ranking = (i: number) => ({
    prompt: [{ role: 'user', content: `Old question ${i}?` }],
    answers: ['A good old answer.', `A bad old answer ${i}.`],
    ranks: [1, 2],
  })
  const lines = Array.from({ length: 12 }, (_, i) => `${JSON.stringify(ranking(i))}\n`)
  await writeFile(join(dir, 'rankings.jsonl'), lines.join(''))
  await writeFile(join(dir, 'speedrun.json'), '{}')
  return dir
}

/** Feedback of five people who like short answers. */
export function microFeedback(count: number, from = 0, model = 'assistant'): NewFeedback[] {
  return Array.from({ length: count }, (_, k) => {
    const i = from + k
    const shared = {
      user: `person-${i % 5}`,
      prompt: [{ role: 'user' as const, content: `What is number ${i}?` }],
    }
    const answer = (text: string) => ({ text, model })
    if (i % 4 === 0)
      return {
        ...shared,
        kind: 'correction',
        value: `It is ${i}.`,
        answers: [answer(`I think that it may be ${i}.`)],
      }
    if (i % 4 === 1)
      return {
        ...shared,
        kind: 'thumb',
        value: i % 8 === 1 ? 1 : -1,
        answers: [answer(`It might well be ${i}.`)],
      }
    const [short, long] = [
      answer(`It is ${i}.`),
      answer(`Well, I think that it may be ${i}, or so they say.`),
    ]
    return i % 2 === 0
      ? { ...shared, kind: 'ranking', value: [1, 2], answers: [short, long] }
      : { ...shared, kind: 'ranking', value: [2, 1], answers: [long, short] }
  })
}

/** Stages of one or two steps. */
export const microSettings = {
  cleaning: { secondsPerAnswer: 0 },
  minimum: { comparisons: 20, people: 3, heldOutPrompts: 5 },
  samples: 1,
  maxTokens: 8,
  freshAnswers: 1,
  replay: { prompts: 8, correctionCopies: 2, answersPerCorrection: 4 },
  stages: {
    sft: { epochs: 1, batchSize: 4 },
    reward: { epochs: 1, batchSize: 16 },
    judge: { epochs: 1, batchSize: 16 },
    ppo: {
      steps: 2,
      criticWarmup: 0,
      batchSize: 8,
      minibatchSize: 8,
      maxPromptTokens: 110,
      checkpointEvery: 1,
    },
  },
}
