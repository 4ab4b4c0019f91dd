import { describe } from 'vitest'
import { comparesToPyTorch, type Fn } from '../testing/fixtures.js'
import {
  abs,
  add,
  cast,
  ceil,
  clip,
  cos,
  div,
  equal,
  exp,
  floor,
  greater,
  greaterEqual,
  less,
  lessEqual,
  log,
  logicalAnd,
  logicalNot,
  logicalOr,
  maximum,
  minimum,
  mod,
  mul,
  neg,
  notEqual,
  pow,
  reciprocal,
  rsqrt,
  sigmoid,
  sign,
  sin,
  sqrt,
  square,
  sub,
  tanh,
  where,
} from './index.js'

const binary: Record<string, Fn> = { add, sub, mul, div, maximum, minimum } as never
const unary: Record<string, Fn> = {
  ...{ neg, abs, sign, floor, ceil, square, exp, reciprocal, tanh, sigmoid, sin, cos, log, sqrt, rsqrt },
} as never
const comparisons: Record<string, Fn> = { equal, notEqual, less, lessEqual, greater, greaterEqual } as never

const arithmetic: Fn = (a, b) => [
  add(a!, b!),
  sub(a!, b!),
  mul(a!, b!),
  div(a!, b!),
  mod(a!, b!),
  maximum(a!, b!),
  minimum(a!, b!),
  neg(a!),
  abs(a!),
  sign(a!),
  square(a!),
]

describe('element-wise ops against PyTorch', () => {
  comparesToPyTorch('elementwise', {
    ...unary,
    ...Object.fromEntries(
      Object.entries(binary).flatMap(([name, fn]) => [
        [`${name} broadcast on both sides`, fn],
        [`${name} of a scalar and a row`, fn],
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(comparisons).flatMap(([name, fn]) =>
        ['f32', 'i32', 'i64'].map((dtype) => [`${name} ${dtype}`, fn]),
      ),
    ),
    pow: (a, b) => pow(a!, b!),
    'pow of negative numbers to whole constants': (x) => [2, 3, -1, 1, 0].map((n) => pow(x!, n)),
    'pow at zero': (a, b) => pow(a!, b!),
    'maximum shares ties': (a, b) => maximum(a!, b!),
    'minimum shares ties': (a, b) => minimum(a!, b!),
    'maximum of one tensor with itself': (x) => maximum(x!, x!),
    'maximum and minimum pass NaN on': (a, b) => [maximum(a!, b!), minimum(a!, b!)],
    'abs and sign at zero': (x) => [abs(x!), sign(x!)],
    'exp, tanh and sigmoid of large numbers': (x) => [exp(x!), tanh(x!), sigmoid(x!)],
    'tanh and sigmoid far out': (x) => [tanh(x!), sigmoid(x!)],
    'log, sqrt and rsqrt near zero': (x) => [log(x!), sqrt(x!), rsqrt(x!)],
    'sqrt and log at zero': (x) => [sqrt(x!), log(x!)],
    'equal bool and u8': (a, b, c, d) => [equal(a!, b!), equal(c!, d!)],
    'comparisons of infinities and NaN': (a, b) => [
      equal(a!, b!),
      less(a!, b!),
      lessEqual(a!, b!),
      greater(a!, b!),
      greaterEqual(a!, b!),
      notEqual(a!, b!),
    ],
    logic: (a, b) => [logicalAnd(a!, b!), logicalOr(a!, b!), logicalNot(a!)],
    where: (c, a, b) => where(c!, a!, b!),
    'where picks the finite side': (c, x) => where(c!, x!, 0),
    'where of whole numbers': (c, a, b) => where(c!, a!, b!),
    clip: (x) => clip(x!, -1, 0.5),
    'clip of whole numbers': (x, y) => [clip(x!, -1, 2), clip(y!, -1, 2)],
    'arithmetic i32': arithmetic,
    'arithmetic i64': arithmetic,
    'arithmetic u8': (a, b) => [add(a!, b!), sub(a!, b!), mul(a!, b!), div(a!, b!)],
    'arithmetic f16': (a, b) => [add(a!, b!), sub(a!, b!), mul(a!, b!), div(a!, b!)],
    'cast from f32': (x) => [
      cast(x!, 'i32'),
      cast(x!, 'i64'),
      cast(x!, 'bool'),
      cast(cast(x!, 'f64'), 'f32'),
      cast(x!, 'f16'),
    ],
    'cast from whole numbers': (x) => [cast(x!, 'f32'), cast(x!, 'i64'), cast(x!, 'bool'), cast(x!, 'u8')],
    'cast from bool': (x) => [cast(x!, 'f32'), cast(x!, 'i32'), cast(x!, 'i64'), cast(x!, 'u8')],
    'cast to f16 and back': (x) => mul(cast(cast(x!, 'f16'), 'f32'), x!),
  })
})
