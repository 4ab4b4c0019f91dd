/** Scaled dot-product attention (Vaswani et al. 2017), rotary positions, and attention over a cache of keys and values. */
import { type Shape, sizesEqual, subtractSizes } from '../dim.js'
import { TensorError } from '../errors.js'
import { apply, applyAll, formatType, type Primitive, sameDType, type Tensor } from '../tensor.js'
import { softCap } from './activation.js'
import { full } from './constant.js'
import { customVjp } from './control.js'
import { add, equal, greaterEqual, less, logicalAnd, mul, sub, where } from './elementwise.js'
import { iota } from './indexing.js'
import { matmul } from './linear.js'
import { broadcastTo, concat, expandDims, reshape, slice, transpose } from './movement.js'
import { sum } from './reduce.js'
import { softmax } from './softmax.js'

export interface AttentionOptions {
  /** Position t sees positions up to t only (counted from the end where there are more keys than queries). */
  readonly causal?: boolean
  /** With `causal`: a position sees only this many positions, itself included (Beltagy et al. 2020). */
  readonly window?: number
  /** bool [B, S]: which keys are real. */
  readonly keyMask?: Tensor
  /** i32 [B, T] (T = S): positions see only positions of the same document. */
  readonly documents?: Tensor
  /** Added to the scores; broadcasts to [B, H, T, S]. */
  readonly bias?: Tensor
  /** Default 1 / sqrt(D). */
  readonly scale?: number
  /** Limits scores to +-softCap by a tanh (Gemma 2). */
  readonly softCap?: number
  /** Rows of queries taken at a time; what a causal mask hides from a whole block is not computed. Default 128; Infinity for one block. */
  readonly blockSize?: number
}

/**
 * softmax(q k^T * scale + mask) v. q is [B, H, T, D], k and v are [B, G, S, D] where the G key heads serve H / G query heads
 * each; the result is [B, H, T, D]. A query that sees no key at all gets the mean of the values it was shown.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const { heads, groups } = checkAttention(q, k, v)
  const [batch, , queries, width] = q.shape
  const scale = options.scale ?? 1 / Math.sqrt(width as number)
  const perGroup = heads / groups
  // [B, G, H/G, T, D] against [B, G, 1, S, D]
  const grouped = perGroup > 1
  const q5 = grouped ? reshape(q, [batch!, groups, perGroup, queries!, width!]) : q
  const [k5, v5] = grouped ? [expandDims(k, 2), expandDims(v, 2)] : [k, v]
  const blocks = queryBlocks(q, k, options).map(({ rows, keys }) => {
    const cut = (x: Tensor, range: readonly [number, number] | undefined) =>
      slice(x, [...x.shape.slice(0, -2).map(() => undefined), range])
    const mask = scoreMask(q, k, rows, keys, options, grouped)
    return attentionBlock(cut(q5, rows), cut(k5, keys), cut(v5, keys), mask, scale, options.softCap)
  })
  const out = concat(blocks, -2)
  return grouped ? reshape(out, [batch!, heads, queries!, v.shape[3]!]) : out
}

/** One block of queries against the keys it may see. The gradient uses sum(dP P) = sum(dO O), which is D wide instead of S. */
function attentionBlock(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  mask: Tensor | undefined,
  scale: number,
  cap: number | undefined,
): Tensor {
  const rawScores = (a: Tensor, b: Tensor) => mul(matmul(a, b, { transB: true }), scale)
  const probabilities = (a: Tensor, b: Tensor, bias: Tensor | undefined) => {
    const scores = cap === undefined ? rawScores(a, b) : softCap(rawScores(a, b), cap)
    return softmax(bias ? add(scores, bias) : scores)
  }
  const run = customVjp(
    (a, b, c, bias) => [matmul(probabilities(a!, b!, bias), c!)],
    ({ inputs: [a, b, c, bias], outputs: [out], cotangents: [g] }) => {
      const p = probabilities(a!, b!, bias)
      const shared = b!.rank === 5
      const overHeads = (x: Tensor) => (shared ? sum(x, 2, { keepDims: true }) : x)
      const dv = overHeads(matmul(p, g!, { transA: true }))
      const dp = matmul(g!, c!, { transB: true })
      const dBias = mul(p, sub(dp, sum(mul(g!, out!), -1, { keepDims: true })))
      let ds = dBias
      if (cap !== undefined) {
        const capped = mul(softCap(rawScores(a!, b!), cap), 1 / cap)
        ds = mul(ds, sub(1, mul(capped, capped)))
      }
      const da = mul(matmul(ds, b!), scale)
      const db = mul(overHeads(matmul(ds, a!, { transA: true })), scale)
      return [da, db, dv, bias && unbroadcastTo(dBias, bias)]
    },
  )
  return run(...(mask ? [q, k, v, mask] : [q, k, v]))[0]!
}

function unbroadcastTo(g: Tensor, like: Tensor): Tensor {
  const extra = g.rank - like.rank
  const axes = g.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < extra || (like.shape[axis - extra] === 1 && g.shape[axis] !== 1))
  return reshape(sum(g, axes), like.shape)
}

interface Block {
  readonly rows: readonly [number, number] | undefined
  readonly keys: readonly [number, number] | undefined
}

function queryBlocks(q: Tensor, k: Tensor, { causal, window, blockSize = 128 }: AttentionOptions): Block[] {
  const [queries, keys] = [q.shape[2]!, k.shape[2]!]
  if (!causal || typeof queries !== 'number' || typeof keys !== 'number' || queries <= blockSize) {
    return [{ rows: undefined, keys: undefined }]
  }
  const offset = keys - queries
  const blocks: Block[] = []
  for (let start = 0; start < queries; start += blockSize) {
    const end = Math.min(queries, start + blockSize)
    const first = window === undefined ? 0 : Math.max(0, start + offset - window + 1)
    blocks.push({ rows: [start, end], keys: [first, end + offset] })
  }
  return blocks
}

/** 0 where a query may see a key and a large negative number elsewhere, in a shape that broadcasts to the scores. */
function scoreMask(
  q: Tensor,
  k: Tensor,
  rows: Block['rows'],
  keys: Block['keys'],
  options: AttentionOptions,
  grouped: boolean,
): Tensor | undefined {
  const { causal, window, keyMask, documents } = options
  const bias = options.bias && withFourAxes(options.bias)
  const [queryCount, keyCount] = [q.shape[2]!, k.shape[2]!]
  const cut = (x: Tensor, axis: number, range: Block['rows']) =>
    slice(
      x,
      x.shape.map((size, i) => (i === axis && size !== 1 ? range : undefined)),
    )
  let visible: Tensor | undefined
  const require = (condition: Tensor) => {
    visible = visible ? logicalAnd(visible, condition) : condition
  }
  if (causal && !(queryCount === 1 && window === undefined)) {
    const offset = iotaOffset(queryCount, keyCount)
    const row = expandDims(cut(offset, 0, rows), 1)
    const column = expandDims(cut(iota(keyCount), 0, keys), 0)
    require(greaterEqual(row, column))
    if (window !== undefined) require(less(sub(row, column), window))
  }
  if (documents) {
    require(
      expandDims(equal(expandDims(cut(documents, 1, rows), 2), expandDims(cut(documents, 1, keys), 1)), 1),
    )
  }
  if (keyMask) require(reshape(cut(keyMask, 1, keys), [k.shape[0]!, 1, 1, keyLength(keyMask, keys)]))
  const hidden = q.dtype === 'f16' ? -3e4 : -1e30
  const masked = visible && where(visible, full([], 0, q.dtype), hidden)
  const cutBias = bias && cut(cut(bias, bias.rank - 2, rows), bias.rank - 1, keys)
  const both = masked && cutBias ? add(masked, cutBias) : (masked ?? cutBias)
  return both && grouped && both.rank === 4 ? groupHeads(both, k.shape[1] as number) : both
}

function withFourAxes(bias: Tensor): Tensor {
  return reshape(bias, [...Array<number>(Math.max(0, 4 - bias.rank)).fill(1), ...bias.shape])
}

function groupHeads(mask: Tensor, groups: number): Tensor {
  const [batch, heads, ...rest] = mask.shape
  return heads === 1
    ? expandDims(mask, 1)
    : reshape(mask, [batch!, groups, (heads as number) / groups, ...rest])
}

function keyLength(keyMask: Tensor, keys: Block['keys']) {
  return keys ? keys[1] - keys[0] : keyMask.shape[1]!
}

/** The position of each query among the keys: the last query is the last key. */
function iotaOffset(queries: Shape[number], keys: Shape[number]): Tensor {
  const offset = subtractSizes(keys, queries)
  if (typeof offset === 'number') return add(iota(queries), offset)
  return slice(iota(keys), [[offset, keys]])
}

function checkAttention(q: Tensor, k: Tensor, v: Tensor): { heads: number; groups: number } {
  const all = [q, k, v].map(formatType).join(', ')
  if ([q, k, v].some((x) => x.rank !== 4))
    throw new TensorError('shape', `attention: q, k and v must be [batch, heads, positions, width]: ${all}`)
  sameDType('attention', [q, k, v])
  const [heads, groups] = [q.shape[1], k.shape[1]]
  const fits =
    sizesEqual(q.shape[3]!, k.shape[3]!) &&
    sizesEqual(k.shape[2]!, v.shape[2]!) &&
    sizesEqual(k.shape[1]!, v.shape[1]!)
  if (
    !fits ||
    typeof heads !== 'number' ||
    typeof groups !== 'number' ||
    heads % groups !== 0 ||
    typeof q.shape[3] !== 'number'
  ) {
    throw new TensorError('shape', `attention: q, k and v do not fit: ${all}`)
  }
  return { heads, groups }
}

// ---- rotary positions ----

const rotaryPrimitive: Primitive<undefined> = {
  name: 'rotary',
  infer: ([x, positions, cosines, sines]) => {
    const half = x!.shape[3]
    const fits =
      typeof half === 'number' &&
      half % 2 === 0 &&
      cosines!.shape[1] === half / 2 &&
      sizesEqual(positions!.shape[1]!, x!.shape[2]!)
    if (!fits) {
      throw new TensorError(
        'shape',
        `rotary: x ${formatType(x!)}, positions ${formatType(positions!)} and table ${formatType(cosines!)} do not fit`,
      )
    }
    sameDType('rotary', [x!, cosines!, sines!])
    return [{ shape: x!.shape, dtype: x!.dtype }]
  },
  vjp: ({ inputs: [, positions, cosines, sines], cotangents: [g] }) => [
    // The reverse of a rotation is the rotation by the opposite angle.
    apply(rotaryPrimitive, [g!, positions!, cosines!, mul(sines!, -1)], undefined),
  ],
  lower: (e, [x, positions, cosines, sines], { inputs: [type] }) => {
    if (type!.dtype !== 'f64' && !e.portable) {
      const inputs = [x!, e.cast(positions!, 'i64'), cosines!, sines!]
      return [e.one('RotaryEmbedding', inputs, {}, 'com.microsoft')]
    }
    const half = (type!.shape[3] as number) / 2
    const [a, b] = e.op('Split', [x!, e.ints([half, half])], { axis: 3 }, { outputs: 2 }) as [string, string]
    const rows = (table: string) => e.one('Unsqueeze', [e.one('Gather', [table, positions!]), e.ints([1])])
    const [c, s] = [rows(cosines!), rows(sines!)]
    const left = e.one('Sub', [e.one('Mul', [a, c]), e.one('Mul', [b, s])])
    const right = e.one('Add', [e.one('Mul', [b, c]), e.one('Mul', [a, s])])
    return [e.one('Concat', [left, right], { axis: 3 })]
  },
}

/**
 * Rotary position embedding (Su et al. 2021) in the half-split layout of Hugging Face: element i is paired with i + D/2.
 * x is [B, H, T, D]; positions are i32 [B, T] (or [1, T]) rows of the tables [P, D/2] of cosines and sines. The tables get no gradient.
 */
export function rotary(x: Tensor, positions: Tensor, cosines: Tensor, sines: Tensor): Tensor {
  // The runtime wants the positions of every row.
  const all = broadcastTo(positions, [x.shape[0]!, positions.shape[1]!])
  return apply(rotaryPrimitive, [x, all, cosines, sines], undefined)
}

// ---- attention over a cache ----

interface CachedAttrs {
  readonly heads: number
  readonly groups: number
  readonly scale: number
  readonly window: number | undefined
  readonly softCap: number | undefined
}

const cachedPrimitive: Primitive<CachedAttrs> = {
  name: 'cachedAttention',
  updates: { 1: 3, 2: 4 },
  infer: ([q, , , pastKeys, pastValues]) => [
    { shape: q!.shape, dtype: q!.dtype },
    { shape: pastKeys!.shape, dtype: pastKeys!.dtype },
    { shape: pastValues!.shape, dtype: pastValues!.dtype },
  ],
  lower: (e, [q, k, v, pastKeys, pastValues, lengths, total], { attrs }) => {
    const last = e.one('Sub', [lengths!, e.scalar('i32', 1)])
    const inputs = [q!, k!, v!, pastKeys!, pastValues!, last, total!]
    return e.op(
      'GroupQueryAttention',
      inputs,
      {
        num_heads: attrs.heads,
        kv_num_heads: attrs.groups,
        scale: { float: attrs.scale },
        do_rotary: 0,
        local_window_size: attrs.window ?? -1,
        softcap: { float: attrs.softCap ?? 0 },
      },
      { domain: 'com.microsoft', outputs: 3 },
    )
  },
}

export interface CachedAttentionOptions {
  readonly scale?: number
  readonly window?: number
  readonly softCap?: number
}

/**
 * Causal attention of new positions over a cache that they are written to. q is [B, H, T, D], k and v are [B, G, T, D]; the caches
 * [B, G, P, D] have room for P positions, of which row b will have filled `lengths[b]` (i32 [B], the new ones counted) and the
 * longest row `total` (i32 scalar). Returns the result [B, H, T, D] and the caches with k and v written at lengths[b] - T.
 * With the caches donated (see `compile`) they are updated in place. For inference: it has no gradient.
 */
export function cachedAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  cache: { keys: Tensor; values: Tensor },
  lengths: Tensor,
  total: Tensor,
  options: CachedAttentionOptions = {},
): { out: Tensor; keys: Tensor; values: Tensor } {
  const { heads, groups } = checkAttention(q, k, v)
  const [batch, , positions, width] = q.shape
  const flat = (x: Tensor, count: number) =>
    reshape(transposeHeads(x), [batch!, positions!, count * (width as number)])
  const attrs = {
    heads,
    groups,
    scale: options.scale ?? 1 / Math.sqrt(width as number),
    window: options.window,
    softCap: options.softCap,
  }
  const operands = [
    flat(q, heads),
    flat(k, groups),
    flat(v, groups),
    cache.keys,
    cache.values,
    lengths,
    total,
  ]
  const [out, keys, values] = applyAll(cachedPrimitive, operands, attrs) as [Tensor, Tensor, Tensor]
  return { out: transposeHeads(reshape(out, [batch!, positions!, heads, width!])), keys, values }
}

/** [B, H, T, D] <-> [B, T, H, D]. */
function transposeHeads(x: Tensor): Tensor {
  return transpose(x, [0, 2, 1, 3])
}
