/** `athanor distill`: a student learns from a teacher. */
import type { Command } from 'commander'
import { distillSchema } from '../train/distill/recipe.js'
import type { Context } from './context.js'
import { grouped, short } from './format.js'
import { addStageVerb } from './stage-verb.js'

export function addDistill(program: Command, context: Context): void {
  addStageVerb(program, context, {
    name: 'distill',
    summary: 'teach a model what another one knows: its answers, or its distributions',
    examples: [
      'athanor distill --model runs/small --teacher runs/large --data prompts.jsonl --out runs/student',
      'athanor distill --model runs/small --teacher runs/large --data dialogues.jsonl --method logits --out runs/student',
      'athanor distill --model runs/small --endpoint https://api.openai.com/v1 --endpoint-model gpt-4o-mini --api-key-env OPENAI_API_KEY --data prompts.jsonl --price-input 0.15 --price-output 0.6 --budget-cost 2 --out runs/student',
      'athanor distill --resume runs/student',
    ],
    inputs: [
      {
        key: 'data',
        flag: '--data <file...>',
        help: 'prompts for the teacher; with --method logits, dialogues',
        required: true,
      },
      { key: 'teacher', flag: '--teacher <dir>', help: 'the folder of the teacher (or give --endpoint)' },
      {
        key: 'heldOut',
        flag: '--held-out <file...>',
        help: 'dialogues to measure on (default: a part of what is learnt)',
      },
      {
        key: 'cache',
        flag: '--cache <dir>',
        help: "where the teacher's answers are kept, so that they are not asked for again (default: in the run folder)",
      },
    ],
    schema: distillSchema,
    work: (options) => context.library.distill({ ...options, env: context.io.env }),
    rows: ({ collection, heldOutLoss, trainedTokens }) => [
      ...(collection
        ? [
            [
              'teacher',
              `${grouped(collection.answers)} answers to ${grouped(collection.prompts)} prompts, by ${collection.teacher}`,
            ] as const,
          ]
        : []),
      ...(collection?.spending
        ? [
            [
              'cost',
              `${collection.spending.cost.toFixed(4)} for ${grouped(collection.spending.promptTokens)} tokens in and ${grouped(collection.spending.completionTokens)} out`,
            ] as const,
          ]
        : []),
      ['learnt', `${short(trainedTokens)} tokens`],
      ...(heldOutLoss === undefined ? [] : [['held-out', `loss ${heldOutLoss.toFixed(4)}`] as const]),
    ],
  })
}
