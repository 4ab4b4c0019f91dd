/** `athanor reward`: train a model of what people prefer, from rankings or pairs. */
import type { Command } from 'commander'
import type { RewardResult } from '../train/index.js'
import { rewardSchema } from '../train/reward-recipe.js'
import type { Context } from './context.js'
import { grouped } from './format.js'
import { addStageVerb } from './stage-verb.js'

export function addReward(program: Command, context: Context): void {
  addStageVerb(program, context, {
    name: 'reward',
    summary: 'train a model of what people prefer, from rankings or pairs of answers',
    examples: [
      'athanor reward --model runs/sft --data rankings.jsonl --out runs/reward',
      'athanor reward --model runs/sft --data pairs.json --out runs/reward --held-out-fraction 0.2 --flip 0.1',
      'athanor reward --model runs/sft --data rankings.jsonl --demonstrations sft.jsonl --normalize scale --out runs/reward',
      'athanor reward --resume runs/reward',
    ],
    inputs: [
      {
        key: 'data',
        flag: '--data <file...>',
        help: 'rankings or pairs: JSON Lines or JSON arrays, also .gz',
        required: true,
      },
      {
        key: 'heldOut',
        flag: '--held-out <file...>',
        help: 'rankings or pairs to measure on (default: those of a part of the prompts)',
      },
      {
        key: 'demonstrations',
        flag: '--demonstrations <file...>',
        help: 'dialogues whose scores shall be 0 on average (default: the best answers of the data)',
      },
    ],
    schema: rewardSchema,
    work: (options) => context.library.reward(options),
    rows,
  })
}

function rows({ data, report, normalization }: RewardResult): [string, string][] {
  const { comparisons, prompts, ties } = data.train
  const lines: [string, string][] = [
    ['learnt', `${grouped(comparisons)} comparisons of ${grouped(prompts)} prompts, ${grouped(ties)} ties`],
  ]
  if (normalization) {
    const { shift, scale, demonstrations } = normalization
    const scaled = scale === 1 ? '' : `, divided by ${scale.toFixed(3)}`
    lines.push([
      'scores',
      `less ${shift.toFixed(3)}${scaled}: ${grouped(demonstrations)} demonstrations average 0`,
    ])
  }
  if (!report) return lines
  const { accuracy, baselines, calibration, overLength, byCategory } = report
  const percent = (x: number) => (100 * x).toFixed(1)
  const between = ({ low, high }: { low: number; high: number }) => `(${percent(low)} to ${percent(high)})`
  lines.push(
    ['held-out', `${percent(accuracy.value)} % ${between(accuracy)} of ${grouped(report.comparisons)} right`],
    [
      'by length',
      `the longer ${percent(baselines.longer.value)} %, the shorter ${percent(baselines.shorter.value)} %; the model is ${percent(overLength.difference)} points ${between(overLength)} better`,
    ],
    ['calibration', `off by ${percent(calibration.error)} points on average`],
  )
  for (const [name, part] of Object.entries(byCategory))
    lines.push([`  ${name}`, `${percent(part.value)} % ${between(part)} of ${grouped(part.count)}`])
  return lines
}
