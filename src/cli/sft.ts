/** `athanor sft`: teach a model to answer, from demonstrations. */
import type { Command } from 'commander'
import { sftSchema } from '../train/sft-recipe.js'
import type { Context } from './context.js'
import { short } from './format.js'
import { addStageVerb } from './stage-verb.js'

export function addSft(program: Command, context: Context): void {
  addStageVerb(program, context, {
    name: 'sft',
    summary: 'teach a model to answer, from demonstrations',
    examples: [
      'athanor sft --model runs/base --data dialogues.jsonl --out runs/sft',
      'athanor sft --model runs/base --data alpaca.json --out runs/sft --epochs 2 --learning-rate 3e-4',
      'athanor sft --resume runs/sft',
    ],
    inputs: [
      { key: 'data', flag: '--data <file...>', help: 'dialogues: JSON Lines or JSON arrays', required: true },
      {
        key: 'heldOut',
        flag: '--held-out <file...>',
        help: 'dialogues to measure on (default: a part of the data)',
      },
    ],
    schema: sftSchema,
    work: (options) => context.library.sft(options),
    rows: ({ heldOutLoss, trainedTokens, stoppedEarly }) => [
      ['learnt', `${short(trainedTokens)} tokens of the assistant${stoppedEarly ? ', stopped early' : ''}`],
      ...(heldOutLoss === undefined ? [] : [['held-out', `loss ${heldOutLoss.toFixed(4)}`] as const]),
    ],
  })
}
