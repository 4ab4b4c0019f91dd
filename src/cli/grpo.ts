/** `athanor grpo`: train a policy on rewards that compare several answers to each prompt. */
import type { Command } from 'commander'
import { grpoSchema } from '../train/grpo-recipe.js'
import type { Context } from './context.js'
import { UsageError } from './errors.js'
import { grouped } from './format.js'
import { policyRows } from './ppo.js'
import { addStageVerb } from './stage-verb.js'

export function addGrpo(program: Command, context: Context): void {
  addStageVerb(program, context, {
    name: 'grpo',
    summary: 'train a model on answers that a program or a reward model scores (GRPO)',
    examples: [
      'athanor grpo --model runs/sft --data problems.jsonl --reward numeric --out runs/grpo',
      'athanor grpo --model runs/sft --data questions.jsonl --reward exact 0.2*length=30 --out runs/grpo',
      'athanor grpo --model runs/sft --data problems.jsonl --reward numeric --advantages centred --loss-mean constant --kl-coefficient 0 --out runs/dr-grpo',
      'athanor grpo --resume runs/grpo',
    ],
    inputs: [
      {
        key: 'data',
        flag: '--data <file...>',
        help: 'prompts, with a "check" that says what is right',
        required: true,
      },
      {
        key: 'rewards',
        flag: '--reward <name...>',
        help: 'exact, contains, numeric, regex[=PATTERN], length=WORDS, format=json|tags; with weights as in 0.2*length=30',
      },
      { key: 'rewardModel', flag: '--reward-model <dir>', help: 'a reward model in place of names' },
    ],
    schema: grpoSchema,
    work: async (options) => {
      const { resume, rewards, rewardModel } = options
      if (resume === undefined && (rewards === undefined) === (rewardModel === undefined))
        throw new UsageError(
          'grpo',
          'what should score the answers? Give --reward NAME... or --reward-model DIR',
        )
      return context.library.grpo(options)
    },
    rows: ({ episodes, metrics }) => [['answered', `${grouped(episodes)} times`], ...policyRows(metrics)],
  })
}
