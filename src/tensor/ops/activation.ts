/** The non-linear functions of neural networks. Their f32 forms are chosen for few passes over memory. */

import { isFloat } from '../dtype.js'
import { TensorError } from '../errors.js'
import type { Emitter } from '../onnx/emitter.js'
import { apply, formatType, type Primitive, type Tensor } from '../tensor.js'
import { customVjp } from './control.js'
import { abs, add, exp, heaviside, log, mul, sigmoid, square, sub, tanh } from './elementwise.js'

function floatUnary(
  name: string,
  vjp: (g: Tensor, x: Tensor, y: Tensor) => Tensor,
  lower: (e: Emitter, x: string, type: Tensor) => string,
) {
  const primitive: Primitive<undefined> = {
    name,
    infer: ([x]) => {
      if (!isFloat(x!.dtype))
        throw new TensorError('dtype', `${name} does not take ${formatType(x!)}; cast it first`)
      return [{ shape: x!.shape, dtype: x!.dtype }]
    },
    vjp: ({ inputs: [x], outputs: [y], cotangents: [g] }) => [vjp(g!, x!, y!)],
    lower: (e, [x], { inputs: [type] }) => [lower(e, x!, type!)],
  }
  return (x: Tensor): Tensor => apply(primitive, [x], undefined)
}

/** max(x, 0), with gradient 0 at 0. */
export const relu = floatUnary(
  'relu',
  (g, _x, y) => mul(g, heaviside(y)),
  (e, x) => e.one('Relu', [x]),
)

/** relu(x)^2, the activation of Primer (So et al. 2021) and nanochat; its gradient 2 relu(x) needs no mask. */
export function reluSquared(x: Tensor): Tensor {
  return reluSquaredOf(x)[0]!
}

const reluSquaredOf = customVjp(
  (x) => [square(relu(x!))],
  ({ inputs: [x], cotangents: [g] }) => [mul(mul(g!, 2), relu(x!))],
)

/** The error function. */
export const erf = floatUnary(
  'erf',
  (g, x) => mul(mul(g, 2 / Math.sqrt(Math.PI)), exp(mul(square(x), -1))),
  (e, x, { dtype }) => (dtype === 'f64' && e.onCpuKernels ? erfDouble(e, x) : e.one('Erf', [x])),
)

/**
 * erf in double precision out of kernels that have it: the Maclaurin series exp(-x^2) * 2/sqrt(pi) * sum 2^n x^(2n+1)/(2n+1)!!
 * (Abramowitz & Stegun 7.1.6) for |x| < 6; beyond, erf is 1 to the last bit.
 */
function erfDouble(e: Emitter, x: string): string {
  const f64 = (value: number) => e.scalar('f64', value)
  const limited = e.one('Clip', [x, f64(-6), f64(6)])
  const twice = e.one('Mul', [e.one('Mul', [limited, limited]), f64(2)])
  const TERMS = 140
  let series = f64(1)
  for (let n = TERMS; n > 0; n--) {
    const scaled = e.one('Mul', [e.one('Mul', [twice, f64(1 / (2 * n + 1))]), series])
    series = e.one('Add', [scaled, f64(1)])
  }
  const bell = e.one('Exp', [e.one('Mul', [twice, f64(-0.5)])])
  return e.one('Mul', [e.one('Mul', [e.one('Mul', [limited, bell]), series]), f64(2 / Math.sqrt(Math.PI))])
}

/** a*x + b for results known to lie in [0, 1]: one kernel instead of two where there is one for it. */
const unitAffinePrimitive: Primitive<{ readonly a: number; readonly b: number }> = {
  name: 'unitAffine',
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  vjp: ({ attrs: { a }, cotangents: [g] }) => [mul(g!, a)],
  lower: (e, [x], { attrs: { a, b }, inputs: [type] }) => {
    if (type!.dtype === 'f32')
      return [e.one('HardSigmoid', [x!], { alpha: { float: a }, beta: { float: b } })]
    return [e.one('Add', [e.one('Mul', [x!, e.scalar(type!.dtype, a)]), e.scalar(type!.dtype, b)])]
  },
}

function unitAffine(x: Tensor, a: number, b: number): Tensor {
  return apply(unitAffinePrimitive, [x], { a, b })
}

const geluErf = floatUnary(
  'gelu',
  (g, x) => {
    const m = mul(x, Math.SQRT1_2)
    const cumulative = unitAffine(erf(m), 0.5, 0.5)
    const density = exp(sub(-0.5 * Math.log(2 * Math.PI), square(m)))
    return mul(g, add(cumulative, mul(x, density)))
  },
  (e, x, type) => {
    if (type.dtype === 'f32') return e.one('Gelu', [x], { approximate: 'none' })
    const half = e.scalar(type.dtype, 0.5)
    const m = e.one('Mul', [x, e.scalar(type.dtype, Math.SQRT1_2)])
    const tail = type.dtype === 'f64' && e.onCpuKernels ? erfDouble(e, m) : e.one('Erf', [m])
    return e.one('Mul', [x, e.one('Add', [e.one('Mul', [tail, half]), half])])
  },
)

const TANH_SCALE = Math.sqrt(2 / Math.PI)
const TANH_CUBE = 0.044715

/** tanh(u) = 2 sigmoid(2u) - 1, so this GELU is x * s with s = sigmoid(2u) and u = sqrt(2/pi) (x + 0.044715 x^3). */
function geluTanh(x: Tensor): Tensor {
  return apply(geluTanhPrimitive, [x], undefined)
}

const geluTanhPrimitive: Primitive<undefined> = {
  name: 'geluTanh',
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  vjp: ({ inputs: [x], outputs: [y], cotangents: [g] }) => {
    const squared = square(x!)
    const s = sigmoid(mul(x!, add(mul(squared, 2 * TANH_SCALE * TANH_CUBE), 2 * TANH_SCALE)))
    const slope = add(mul(squared, 6 * TANH_SCALE * TANH_CUBE), 2 * TANH_SCALE)
    return [mul(g!, add(s, mul(mul(y!, unitAffine(s, -1, 1)), slope)))]
  },
  lower: (e, [x], { inputs: [type] }) => {
    if (type!.dtype === 'f32') return [e.one('Gelu', [x!], { approximate: 'tanh' })]
    const c = (value: number) => e.scalar(type!.dtype, value)
    const squared = e.one('Mul', [x!, x!])
    const inner = e.one('Add', [e.one('Mul', [squared, c(2 * TANH_SCALE * TANH_CUBE)]), c(2 * TANH_SCALE)])
    return [e.one('Mul', [x!, e.one('Sigmoid', [e.one('Mul', [x!, inner])])])]
  },
}

/** The Gaussian error linear unit (Hendrycks & Gimpel 2016): exact, or in the tanh form that GPT-2 uses. */
export function gelu(x: Tensor, options: { readonly approximate?: 'none' | 'tanh' } = {}): Tensor {
  if (!isFloat(x.dtype)) throw new TensorError('dtype', `gelu does not take ${formatType(x)}; cast it first`)
  return options.approximate === 'tanh' ? geluTanh(x) : geluErf(x)
}

/** x * sigmoid(x), also called swish. */
export function silu(x: Tensor): Tensor {
  return apply(siluPrimitive, [x], undefined)
}

const siluPrimitive: Primitive<undefined> = {
  name: 'silu',
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  vjp: ({ inputs: [x], outputs: [y], cotangents: [g] }) => {
    const s = sigmoid(x!)
    return [mul(g!, add(s, mul(y!, unitAffine(s, -1, 1))))]
  },
  lower: (e, [x], { inputs: [type] }) => {
    if (type!.dtype !== 'f64') return [e.one('Mul', [x!, e.one('Sigmoid', [x!])])]
    // In double precision ONNX Runtime fuses x * sigmoid(x) into a kernel that it does not have.
    return [e.one('Div', [x!, e.one('Add', [e.one('Exp', [e.one('Neg', [x!])]), e.scalar('f64', 1)])])]
  },
}

/** log(1 + exp(x)), without overflow. Its gradient is a rule of its own: at 0 those of relu and |x| do not add up to it. */
export function softplus(x: Tensor): Tensor {
  return softplusOf(x)[0]!
}

const softplusOf = customVjp(
  (x) => [add(relu(x!), log(add(exp(mul(abs(x!), -1)), 1)))],
  ({ inputs: [x], cotangents: [g] }) => [mul(g!, sigmoid(x!))],
)

/** log(sigmoid(x)), without overflow: the loss of a preference is its negative. */
export function logSigmoid(x: Tensor): Tensor {
  return mul(softplus(mul(x, -1)), -1)
}

/** cap * tanh(x / cap): keeps logits within +-cap (Gemma 2). */
export function softCap(x: Tensor, cap: number): Tensor {
  return mul(tanh(mul(x, 1 / cap)), cap)
}
