import { describe } from 'vitest'
import { comparesToPyTorch, type Fn } from '../testing/fixtures.js'
import { argmax, argmin, cumsum, logSumExp, max, mean, min, sum } from './index.js'

const reductions = { sum, mean, max, min, logSumExp }
const axes = {
  all: undefined,
  'axis 0': 0,
  'axis -1': -1,
  'axes 0 and 2': [0, 2],
  'axes -1 and 1': [-1, 1],
}

const byAxes = Object.entries(reductions).flatMap(([name, fn]) =>
  Object.entries(axes).flatMap(([label, chosen]): [string, Fn][] => [
    [`${name} ${label}`, (x) => fn(x!, chosen)],
    [`${name} ${label} kept`, (x) => fn(x!, chosen, { keepDims: true })],
  ]),
)

const cumulative = [false, true].flatMap((exclusive) =>
  [false, true].map((reverse): [string, Fn] => [
    `cumsum${exclusive ? ' exclusive' : ''}${reverse ? ' reverse' : ''}`,
    (x) => [0, -1, 1].map((axis) => cumsum(x!, axis, { exclusive, reverse })),
  ]),
)

const lastLogSumExp: Fn = (x) => logSumExp(x!, -1)

describe('reductions against PyTorch', () => {
  comparesToPyTorch('reduce', {
    ...Object.fromEntries(byAxes),
    ...Object.fromEntries(cumulative),
    'size-1 axes': (x) => [
      sum(x!, 0),
      mean(x!, [0, 2]),
      max(x!, 2),
      min(x!, 0, { keepDims: true }),
      logSumExp(x!, 2),
    ],
    'of a scalar': (x) => [sum(x!), mean(x!), max(x!), min(x!), logSumExp(x!)],
    'max and min share ties': (x) => [max(x!, 1), min(x!)],
    'whole numbers': (x, y) => [
      sum(x!, 1),
      max(x!, 0),
      min(x!, 1, { keepDims: true }),
      sum(y!),
      max(y!),
      min(y!, 0),
    ],
    'logSumExp of huge numbers': lastLogSumExp,
    'logSumExp with -inf': lastLogSumExp,
    'logSumExp of a row of -inf': lastLogSumExp,
    'logSumExp with +inf': lastLogSumExp,
    'sums over an empty axis': (x) => [sum(x!, 1), sum(x!, [0, 1]), sum(x!, 0)],
    'argmax and argmin': (x) => [argmax(x!), argmin(x!, 0), argmax(x!, 1, { keepDims: true })],
    'argmax of whole numbers': (x) => [argmax(x!), argmin(x!)],
    'cumsum of whole numbers': (x, y) => [cumsum(x!, 0), cumsum(y!)],
  })
})
