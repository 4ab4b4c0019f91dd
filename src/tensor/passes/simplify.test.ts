import { describe, expect, it } from 'vitest'
import { trace } from '../compile.js'
import type { DType } from '../dtype.js'
import { type Graph, printGraph } from '../graph.js'
import * as ops from '../ops/index.js'
import type { Tensor } from '../tensor.js'
import { mergeCommon, optimize, removeIdentities, simplify, simplifyRules } from './index.js'

const f32 = (...shape: number[]) => ({ shape, dtype: 'f32' as DType })

type Fn = (x: Tensor, y: Tensor) => Tensor | readonly Tensor[]

/** The body of a function of x f32[2, 3] and y f32[2, 3], after one rule. */
function rewritten(rule: keyof typeof simplifyRules | ((graph: Graph) => Graph), fn: Fn): string {
  const { graph } = trace(fn as never, [f32(2, 3), f32(2, 3)])
  const pass = typeof rule === 'function' ? rule : (g: Graph) => simplify(g, [simplifyRules[rule]!])
  const lines = printGraph(pass(graph)).split('\n')
  return lines.filter((line) => !line.includes('= input()')).join('\n')
}

describe('simplify rules', () => {
  it('foldScalars computes with constants, in the precision of the dtype', () => {
    expect(
      rewritten('foldScalars', () => ops.mul(ops.full([2], 0.1), ops.exp(ops.full([2], 1)))),
    ).toMatchInlineSnapshot(`
      "%2: f32[2] = constant() { dtype=f32, shape=[2], value=0.27182817459106445 }
      return %2"
    `)
    expect(
      rewritten('foldScalars', () => [
        ops.less(ops.scalar(16777216), ops.scalar(16777217)),
        ops.div(ops.scalar(-7, 'i32'), ops.scalar(2, 'i32')),
        ops.sub(ops.scalar(1, 'u8'), ops.scalar(2, 'u8')),
        ops.add(ops.scalar(2147483647, 'i32'), ops.scalar(1, 'i32')),
      ]),
    ).toMatchInlineSnapshot(`
      "%2: bool[] = constant() { dtype=bool, shape=[], value=0 }
      %3: i32[] = constant() { dtype=i32, shape=[], value=-3 }
      %4: u8[] = constant() { dtype=u8, shape=[], value=255 }
      %5: i32[] = constant() { dtype=i32, shape=[], value=-2147483648 }
      return %2, %3, %4, %5"
    `)
  })

  it('foldScalars leaves what it cannot do exactly', () => {
    expect(
      rewritten('foldScalars', () => [
        ops.mul(ops.scalar(3e9, 'i64'), 2),
        ops.div(ops.scalar(1, 'i32'), 0),
        ops.add(ops.constant([1, 2]), 1),
      ]),
    ).toMatchInlineSnapshot(`
      "%2: i64[] = constant() { dtype=i64, shape=[], value=3000000000 }
      %3: i64[] = constant() { dtype=i64, shape=[], value=2 }
      %4: i64[] = mul(%2, %3)
      %5: i32[] = constant() { dtype=i32, shape=[], value=1 }
      %6: i32[] = constant() { dtype=i32, shape=[], value=0 }
      %7: i32[] = div(%5, %6)
      %8: f32[2] = constant() { dtype=f32, shape=[2], value=[1, 2] }
      %9: f32[] = constant() { dtype=f32, shape=[], value=1 }
      %10: f32[2] = add(%8, %9)
      return %4, %7, %10"
    `)
  })

  it('foldMovement moves one number anywhere', () => {
    expect(
      rewritten('foldMovement', () => [
        ops.transpose(ops.full([2, 3], 5)),
        ops.broadcastTo(ops.scalar(2), [4]),
        ops.cast(ops.full([2], 2.75), 'i32'),
        ops.cast(ops.full([2], -3), 'bool'),
        ops.slice(ops.full([4], 1), [[1, 3]]),
      ]),
    ).toMatchInlineSnapshot(`
      "%2: f32[3, 2] = constant() { dtype=f32, shape=[3, 2], value=5 }
      %3: f32[4] = constant() { dtype=f32, shape=[4], value=2 }
      %4: i32[2] = constant() { dtype=i32, shape=[2], value=2 }
      %5: bool[2] = constant() { dtype=bool, shape=[2], value=1 }
      %6: f32[2] = constant() { dtype=f32, shape=[2], value=1 }
      return %2, %3, %4, %5, %6"
    `)
  })

  it('dropNeutral drops zeros and ones', () => {
    expect(
      rewritten('dropNeutral', (x, y) => [
        ops.add(x, 0),
        ops.add(0, y),
        ops.sub(x, 0),
        ops.mul(1, x),
        ops.mul(x, ops.ones([2, 3])),
        ops.div(x, 1),
        ops.pow(x, 1),
        ops.sub(0, x),
      ]),
    ).toMatchInlineSnapshot(`
      "%2: f32[2, 3] = neg(%0)
      return %0, %1, %0, %0, %0, %0, %0, %2"
    `)
  })

  it('dropNeutral keeps what still broadcasts, and 0 - x of bytes', () => {
    expect(
      rewritten('dropNeutral', (x) => [
        ops.mul(ops.sum(x, 0), ops.ones([2, 3])),
        ops.sub(0, ops.cast(x, 'u8')),
        ops.div(1, x),
        ops.pow(1, x),
      ]),
    ).toMatchInlineSnapshot(`
      "%2: f32[3] = sum(%0) { axes=[0], keepDims=false }
      %3: f32[2, 3] = constant() { dtype=f32, shape=[2, 3], value=1 }
      %4: f32[2, 3] = mul(%2, %3)
      %5: u8[] = constant() { dtype=u8, shape=[], value=0 }
      %6: u8[2, 3] = cast(%0) { dtype=u8 }
      %7: u8[2, 3] = sub(%5, %6)
      %8: f32[] = constant() { dtype=f32, shape=[], value=1 }
      %9: f32[2, 3] = div(%8, %0)
      %10: f32[] = constant() { dtype=f32, shape=[], value=1 }
      %11: f32[2, 3] = pow(%10, %0)
      return %4, %7, %9, %11"
    `)
  })

  it('chooseSide takes the side of a constant condition', () => {
    expect(
      rewritten('chooseSide', (x, y) => [
        ops.where(ops.full([2, 3], 1, 'bool'), x, y),
        ops.where(ops.full([4, 2, 3], 0, 'bool'), x, y),
        ops.where(ops.constant([true, false, true], { dtype: 'bool' }), x, y),
      ]),
    ).toMatchInlineSnapshot(`
      "%2: f32[4, 2, 3] = broadcast(%1) { shape=[4, 2, 3] }
      %3: bool[3] = constant() { dtype=bool, shape=[3], value=[1, 0, 1] }
      %4: f32[2, 3] = where(%3, %0, %1)
      return %0, %2, %4"
    `)
  })

  it('collectFactors multiplies constants first', () => {
    expect(
      rewritten('collectFactors', (x) => ops.mul(3, ops.mul(ops.mul(x, 2), 0.5))),
    ).toMatchInlineSnapshot(`
      "%2: f32[] = constant() { dtype=f32, shape=[], value=3 }
      %3: f32[2, 3] = mul(%0, %2)
      return %3"
    `)
  })

  it('collectFactors keeps factors apart that would overflow or vanish together', () => {
    const huge = rewritten('collectFactors', (x) => ops.mul(ops.mul(x, 1e30), 1e30))
    const tiny = rewritten('collectFactors', (x) => ops.mul(ops.mul(x, 1e-30), 1e-30))
    for (const text of [huge, tiny]) expect(text.match(/ = mul/g)).toHaveLength(2)
  })

  it('joinMovement joins moves of one kind', () => {
    expect(
      rewritten('joinMovement', (x) => [
        ops.reshape(ops.reshape(x, [3, 2]), [6]),
        ops.transpose(ops.transpose(x)),
        ops.transpose(ops.transpose(ops.reshape(x, [1, 2, 3]), [1, 2, 0]), [1, 0, 2]),
        ops.broadcastTo(ops.broadcastTo(ops.reshape(x, [2, 1, 3]), [2, 4, 3]), [5, 2, 4, 3]),
      ]),
    ).toMatchInlineSnapshot(`
      "%2: f32[6] = reshape(%0) { shape=[6] }
      %3: f32[1, 2, 3] = reshape(%0) { shape=[1, 2, 3] }
      %4: f32[3, 2, 1] = transpose(%3) { perm=[2, 1, 0] }
      %5: f32[2, 1, 3] = reshape(%0) { shape=[2, 1, 3] }
      %6: f32[5, 2, 4, 3] = broadcast(%5) { shape=[5, 2, 4, 3] }
      return %2, %0, %4, %6"
    `)
  })

  it('dropBroadcasts lets ops broadcast by themselves', () => {
    expect(
      rewritten('dropBroadcasts', (x) => [
        ops.mul(x, ops.broadcastTo(ops.sum(x, 0), [2, 3])),
        ops.add(ops.full([2, 3], 2), x),
        ops.where(ops.greater(x, 0), ops.broadcastTo(ops.sum(x), [2, 3]), ops.full([2, 3], 7)),
      ]),
    ).toMatchInlineSnapshot(`
      "%2: f32[3] = sum(%0) { axes=[0], keepDims=false }
      %3: f32[2, 3] = mul(%0, %2)
      %4: f32[] = constant() { dtype=f32, shape=[], value=2 }
      %5: f32[2, 3] = add(%4, %0)
      %6: f32[] = constant() { dtype=f32, shape=[], value=0 }
      %7: bool[2, 3] = greater(%0, %6)
      %8: f32[] = sum(%0) { axes=[0, 1], keepDims=false }
      %9: f32[] = constant() { dtype=f32, shape=[], value=7 }
      %10: f32[2, 3] = where(%7, %8, %9)
      return %3, %5, %10"
    `)
  })

  it('dropBroadcasts keeps one operand whole', () => {
    expect(
      rewritten('dropBroadcasts', (x) => {
        const row = ops.sum(x, 0)
        return ops.mul(ops.broadcastTo(row, [4, 3]), ops.broadcastTo(ops.exp(row), [4, 3]))
      }),
    ).toMatchInlineSnapshot(`
      "%2: f32[3] = sum(%0) { axes=[0], keepDims=false }
      %3: f32[4, 3] = broadcast(%2) { shape=[4, 3] }
      %4: f32[3] = exp(%2)
      %5: f32[4, 3] = mul(%3, %4)
      return %5"
    `)
  })

  it('intoMatmul takes transposes and constant factors in', () => {
    expect(
      rewritten('intoMatmul', (x, y) => [
        ops.matmul(x, ops.transpose(y)),
        ops.mul(0.5, ops.matmul(ops.transpose(x), y)),
        ops.matmul(ops.transpose(ops.transpose(x)), y, { transB: true }),
      ]),
    ).toMatchInlineSnapshot(`
      "%2: f32[2, 2] = matmul(%0, %1) { transA=false, transB=true, alpha=1 }
      %3: f32[3, 3] = matmul(%0, %1) { transA=true, transB=false, alpha=0.5 }
      %4: f32[2, 2] = matmul(%0, %1) { transA=false, transB=true, alpha=1 }
      return %2, %3, %4"
    `)
  })

  it('intoScatter adds updates into the other summand instead of into zeros', () => {
    const scattered = (y: Tensor) =>
      ops.indexAdd(ops.zeros([2, 3]), ops.constant([1, 1], { dtype: 'i32' }), y)
    const text = rewritten('intoScatter', (x, y) => ops.add(x, scattered(y)))
    expect(text).not.toContain('add(')
    expect(text).toMatch(/scatterAdd\(%0, /)
    const shared = rewritten('intoScatter', (x, y) => {
      const update = scattered(y)
      return [ops.add(x, update), update]
    })
    expect(shared).toContain('= add(')
  })

  it('intoMatmul leaves a product alone that others read too', () => {
    const text = rewritten('intoMatmul', (x, y) => {
      const product = ops.matmul(x, ops.transpose(y))
      return [product, ops.mul(product, 0.5)]
    })
    expect(text.match(/ = matmul/g)).toHaveLength(1)
  })

  it('intoMatmul leaves other transposes and factors that are not numbers alone', () => {
    const text = rewritten('intoMatmul', (x, y) => {
      const stacked = ops.reshape(x, [2, 3, 1])
      return [
        ops.matmul(ops.transpose(stacked, [1, 2, 0]), ops.reshape(y, [3, 2, 1])),
        ops.mul(ops.matmul(x, ops.reshape(y, [3, 2])), ops.sum(x)),
      ]
    })
    expect(text).toContain('transpose(')
    expect(text).toContain('alpha=1')
    expect(text).toContain('mul(')
  })

  it('intoMatmul keeps a factor in double precision out of an attribute in single precision', () => {
    const type = { shape: [2, 2], dtype: 'f64' as const }
    const { graph } = trace(
      ((x: Tensor) => [ops.mul(ops.matmul(x, x), 0.1), ops.mul(ops.matmul(x, x), 0.5)]) as never,
      [type],
    )
    const text = printGraph(simplify(graph, [simplifyRules.intoMatmul!]))
    expect(text.match(/alpha=\S+/g)).toEqual(['alpha=1', 'alpha=0.5'])
  })
})

describe('clean-up passes', () => {
  it('removeIdentities removes what only passes on', () => {
    const custom = ops.customVjp(
      (x) => [ops.exp(x!)],
      ({ cotangents }) => [cotangents[0]],
    )
    expect(
      rewritten(removeIdentities, (x, y) => [
        ops.identity(x),
        ops.stopGradient(y),
        custom(ops.identity(x))[0]!,
      ]),
    ).toMatchInlineSnapshot(`
      "%2: f32[2, 3] = exp(%0)
      return %0, %1, %2"
    `)
  })

  it('mergeCommon merges equal nodes with equal attributes', () => {
    expect(
      rewritten(mergeCommon, (x, y) => [
        ops.add(ops.exp(x), ops.exp(x)),
        ops.sum(x, 0),
        ops.sum(x, 0),
        ops.sum(x, 1),
        ops.sum(y, 0),
      ]),
    ).toMatchInlineSnapshot(`
      "%2: f32[2, 3] = exp(%0)
      %3: f32[2, 3] = add(%2, %2)
      %4: f32[3] = sum(%0) { axes=[0], keepDims=false }
      %5: f32[2] = sum(%0) { axes=[1], keepDims=false }
      %6: f32[3] = sum(%1) { axes=[0], keepDims=false }
      return %3, %4, %4, %5, %6"
    `)
  })

  it('mergeCommon tells constants apart by dtype, shape and every bit', () => {
    const text = rewritten(mergeCommon, () => [
      ...[ops.scalar(0), ops.scalar(-0), ops.scalar(0, 'f64'), ops.full([1], 0), ops.scalar(Number.NaN)],
      ...[ops.constant([1, -0]), ops.constant([1, 0]), ops.constant([1, 0], { dtype: 'i32' })],
      ...[ops.constant([1, 0], { dtype: 'u8' }), ops.constant([1, 0], { dtype: 'bool' })],
      ...[ops.scalar(0), ops.scalar(Number.NaN), ops.constant([1, -0]), ops.scalar(Infinity)],
    ])
    expect(text.match(/ = constant/g)).toHaveLength(11)
  })

  it('mergeCommon leaves inputs apart and merges nodes with several outputs', () => {
    const text = rewritten(mergeCommon, (x, y) => [
      ...ops.split(x, [1, 2], 1),
      ...ops.split(x, [1, 2], 1),
      ...ops.split(y, [1, 2], 1),
    ])
    expect(text.match(/ = split/g)).toHaveLength(2)
  })
})

describe('all passes', () => {
  it('optimise loop bodies', () => {
    const f = (x: Tensor) =>
      ops.scan(
        (c: Tensor, row: Tensor) => [ops.add(ops.mul(c, 1), ops.add(row, 0)), c] as const,
        ops.sum(x, 0),
        x,
      )
    expect(printGraph(optimize(trace(f as never, [f32(2, 3)]).graph))).toMatchInlineSnapshot(`
      "%0: f32[2, 3] = input() { name=0, shape=[2, 3], dtype=f32 }
      %1: f32[3] = sum(%0) { axes=[0], keepDims=false }
      %2: f32[3], %3: f32[2, 3] = scan(%1, %0) { length=2, carries=1, sequences=1 }
          %0: f32[3] = input() { name=scan, shape=[3], dtype=f32 }
          %1: f32[3] = input() { name=scan, shape=[3], dtype=f32 }
          %2: f32[3] = add(%0, %1)
          return %2, %0
      return %2, %3"
    `)
  })

  it('reach a graph that a second run leaves alone', () => {
    const { graph } = trace(
      ((x: Tensor, y: Tensor) =>
        ops.mul(
          ops.add(ops.matmul(x, ops.transpose(ops.mul(y, 2))), ops.mul(0, ops.full([2, 2], 1))),
          0.5,
        )) as never,
      [f32(2, 3), f32(2, 3)],
    )
    const once = optimize(graph)
    expect(printGraph(optimize(once))).toBe(printGraph(once))
  })
})
