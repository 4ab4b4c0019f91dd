/** `athanor ppo`: train a policy against a reward model. */
import type { Command } from 'commander'
import { ppoSchema } from '../train/ppo/recipe.js'
import type { Context } from './context.js'
import { grouped } from './format.js'
import { addStageVerb } from './stage-verb.js'

export function addPpo(program: Command, context: Context): void {
  addStageVerb(program, context, {
    name: 'ppo',
    summary: 'train a model to answer as a reward model likes it (PPO)',
    examples: [
      'athanor ppo --model runs/sft --reward-model runs/reward --data prompts.jsonl --out runs/ppo',
      'athanor ppo --model runs/sft --reward-model runs/reward --data prompts.jsonl --out runs/ppo --steps 200 --kl adaptive --kl-target 6',
      'athanor ppo --model runs/sft --reward-model runs/reward --data prompts.jsonl --ptx-dialogues sft.jsonl --ptx-coefficient 1 --out runs/ppo',
      'athanor ppo --resume runs/ppo',
    ],
    inputs: [
      {
        key: 'data',
        flag: '--data <file...>',
        help: 'prompts: dialogues that wait for an answer',
        required: true,
      },
      {
        key: 'rewardModel',
        flag: '--reward-model <dir>',
        help: 'the model that scores answers',
        required: true,
      },
      { key: 'ptxText', flag: '--ptx-text <file...>', help: 'plain text to mix in, with --ptx-coefficient' },
      {
        key: 'ptxDialogues',
        flag: '--ptx-dialogues <file...>',
        help: 'dialogues to mix in, with --ptx-coefficient',
      },
    ],
    schema: ppoSchema,
    work: (options) => context.library.ppo(options),
    rows: ({ episodes, metrics, stoppedAtKl }) => [
      ['answered', `${grouped(episodes)} prompts${stoppedAtKl ? ', stopped at the KL limit' : ''}`],
      ...policyRows(metrics),
    ],
  })
}

/** How the last answers scored, and how far the policy has gone. */
export function policyRows(metrics: Readonly<Record<string, number>>): [string, string][] {
  const { 'objective/scores': score, 'objective/kl': kl } = metrics
  if (score === undefined || kl === undefined) return []
  return [
    ['score', `${score.toFixed(3)} on average, in the last step`],
    ['distance', `KL of ${kl.toFixed(2)} nats per answer from the model it started from`],
  ]
}
