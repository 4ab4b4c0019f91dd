/** Which numbers are drawn together, and what to show first. */
import type { PlainKey } from '../../i18n/index.js'
import type { Curve } from './types.js'

export interface ChartOf {
  readonly name: string
  /** A text of the dictionary; absent for numbers without one, which keep their name. */
  readonly title?: PlainKey
  readonly minor: boolean
  readonly curves: readonly Curve[]
}

const known: readonly {
  readonly name: string
  readonly title: PlainKey
  readonly metrics: readonly string[]
  readonly minor?: boolean
}[] = [
  { name: 'loss', title: 'train.chart.loss', metrics: ['loss', 'heldOut.loss'] },
  { name: 'reward', title: 'train.chart.reward', metrics: ['objective/scores', 'objective/rlhf_reward'] },
  { name: 'kl', title: 'train.chart.kl', metrics: ['objective/kl'] },
  {
    name: 'accuracy',
    title: 'train.chart.accuracy',
    metrics: ['accuracy', 'rewards/accuracies', 'heldOut.accuracy'],
  },
  { name: 'rewards', title: 'train.chart.rewards', metrics: ['rewards/chosen', 'rewards/rejected'] },
  { name: 'speed', title: 'train.chart.speed', metrics: ['tokensPerSecond'] },
  { name: 'length', title: 'train.chart.length', metrics: ['rollout/length'], minor: true },
  {
    name: 'entropy',
    title: 'train.chart.entropy',
    metrics: ['policy/entropy', 'objective/entropy'],
    minor: true,
  },
  {
    name: 'policyLoss',
    title: 'train.chart.policyLoss',
    metrics: ['loss/policy', 'loss/value'],
    minor: true,
  },
  { name: 'lr', title: 'train.chart.lr', metrics: ['lr'], minor: true },
  { name: 'gradNorm', title: 'train.chart.gradNorm', metrics: ['gradNorm'], minor: true },
  { name: 'bits', title: 'train.chart.bits', metrics: ['heldOut.bitsPerByte'], minor: true },
]

/** Numbers that say nothing over the steps. */
const hidden = new Set(['episodes', 'heldOut.perplexity', 'secondsPerStep'])

/** Charts of some curves, those with a name of their own first, then the others by the alphabet. */
export function chartsOf(curves: readonly Curve[]): ChartOf[] {
  const left = curves.filter(({ metric }) => !hidden.has(metric))
  const charts = known.flatMap(({ name, title, metrics, minor = false }): ChartOf[] => {
    const own = metrics.flatMap((metric) => left.filter((curve) => curve.metric === metric))
    return own.length === 0 ? [] : [{ name, title, minor, curves: own }]
  })
  const named = new Set(known.flatMap(({ metrics }) => metrics))
  const others = [...new Set(left.map(({ metric }) => metric))].filter((metric) => !named.has(metric)).sort()
  return [
    ...charts.filter(({ minor }) => !minor),
    ...charts.filter(({ minor }) => minor),
    ...others.map((name) => ({
      name,
      minor: true,
      curves: left.filter(({ metric }) => metric === name),
    })),
  ]
}
