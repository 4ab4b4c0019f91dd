/** `athanor dpo`: tune a model on pairs of answers, without a reward model. */
import type { Command } from 'commander'
import { dpoSchema } from '../train/dpo-recipe.js'
import type { Context } from './context.js'
import { grouped } from './format.js'
import { addStageVerb } from './stage-verb.js'

export function addDpo(program: Command, context: Context): void {
  addStageVerb(program, context, {
    name: 'dpo',
    summary: 'tune a model on pairs of a better and a worse answer (DPO, IPO)',
    examples: [
      'athanor dpo --model runs/sft --data pairs.jsonl --out runs/dpo',
      'athanor dpo --model runs/sft --data pairs.json --out runs/dpo --beta 0.3 --epochs 3 --rpo-alpha 1',
      'athanor dpo --model runs/sft --data pairs.json --out runs/ipo --loss-type ipo',
      'athanor dpo --resume runs/dpo',
    ],
    inputs: [
      {
        key: 'data',
        flag: '--data <file...>',
        help: 'pairs or rankings: JSON Lines or JSON arrays, also .gz',
        required: true,
      },
      {
        key: 'heldOut',
        flag: '--held-out <file...>',
        help: 'pairs to measure on (default: those of a part of the prompts)',
      },
    ],
    schema: dpoSchema,
    work: (options) => context.library.dpo(options),
    rows: ({ pairs, heldOut }) => [
      ['learnt', `${grouped(pairs.train)} pairs`],
      ...(heldOut
        ? [
            [
              'held-out',
              `loss ${heldOut.loss!.toFixed(4)}; of ${grouped(pairs.heldOut)} pairs it moved ${(100 * heldOut['rewards/accuracies']!).toFixed(1)} % towards the chosen answer, by ${heldOut['rewards/margins']!.toFixed(3)} on average`,
            ] as const,
          ]
        : []),
    ],
  })
}
