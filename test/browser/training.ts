/** Ten AdamW steps of a small Transformer, the same on every device: what the device tests compare. */
import { adamw, clipFactor, globalNorm, type OptimizerState } from '../../src/optim/index.js'
import { Rng } from '../../src/rng.js'
import {
  add,
  compile,
  type Device,
  div,
  embedding,
  exp,
  expandDims,
  leaves,
  logSumExp,
  matmul,
  max,
  mean,
  mul,
  NDArray,
  reshape,
  rsqrt,
  scalar,
  split,
  square,
  squeeze,
  stopGradient,
  sub,
  sum,
  swapAxes,
  type Tensor,
  takeAlongAxis,
  tanh,
  transpose,
  trilMask,
  valueAndGrad,
  where,
} from '../../src/tensor/index.js'

const settings = { layers: 2, width: 32, heads: 2, vocabulary: 50, batch: 4, length: 16, steps: 10, lr: 1e-2 }

interface Norm<L> {
  readonly weight: L
  readonly bias: L
}

interface Block<L> {
  readonly norm1: Norm<L>
  readonly qkv: L
  readonly out: L
  readonly norm2: Norm<L>
  readonly up: L
  readonly down: L
}

interface Params<L> {
  readonly tokens: L
  readonly positions: L
  readonly blocks: readonly Block<L>[]
  readonly norm: Norm<L>
}

function initialize(): Params<NDArray> {
  const { layers, width: C, vocabulary, length } = settings
  const rng = Rng.seed(7)
  const normal = (...shape: number[]) =>
    NDArray.from(rng.fillNormal(new Float32Array(shape.reduce((a, b) => a * b)), 0, 0.1), shape)
  const norm = () => ({
    weight: NDArray.from(new Float32Array(C).fill(1)),
    bias: NDArray.zeros([C]),
  })
  return {
    tokens: normal(vocabulary, C),
    positions: normal(length, C),
    blocks: Array.from({ length: layers }, () => ({
      norm1: norm(),
      qkv: normal(C, 3 * C),
      out: normal(C, C),
      norm2: norm(),
      up: normal(C, 4 * C),
      down: normal(4 * C, C),
    })),
    norm: norm(),
  }
}

function layerNorm(x: Tensor, p: Norm<Tensor>): Tensor {
  const centred = sub(x, mean(x, -1, { keepDims: true }))
  const variance = mean(square(centred), -1, { keepDims: true })
  return add(mul(mul(centred, rsqrt(add(variance, 1e-5))), p.weight), p.bias)
}

function softmax(x: Tensor): Tensor {
  const e = exp(sub(x, stopGradient(max(x, -1, { keepDims: true }))))
  return div(e, sum(e, -1, { keepDims: true }))
}

function attention(x: Tensor, p: Block<Tensor>): Tensor {
  const { batch: B, length: T, width: C, heads: H } = settings
  // [B, T, 3C] -> [3, B, H, T, D]
  const qkv = transpose(reshape(matmul(x, p.qkv), [B, T, 3, H, C / H]), [2, 0, 3, 1, 4])
  const [q, k, v] = split(qkv, 3).map((part) => squeeze(part, [0])) as [Tensor, Tensor, Tensor]
  const scores = mul(matmul(q, k, { transB: true }), (C / H) ** -0.5)
  const weights = softmax(where(trilMask(T, T), scores, -1e9))
  return matmul(reshape(swapAxes(matmul(weights, v), 1, 2), [B, T, C]), p.out)
}

function loss(p: Params<Tensor>, ids: Tensor, targets: Tensor): Tensor {
  let x = add(embedding(p.tokens, ids), p.positions)
  for (const block of p.blocks) {
    x = add(x, attention(layerNorm(x, block.norm1), block))
    x = add(x, matmul(tanh(matmul(layerNorm(x, block.norm2), block.up)), block.down))
  }
  const logits = matmul(layerNorm(x, p.norm), p.tokens, { transB: true })
  const picked = squeeze(takeAlongAxis(logits, expandDims(targets, -1)), [-1])
  return mean(sub(logSumExp(logits, -1), picked))
}

export interface TrainingRun {
  readonly losses: readonly number[]
  /** Sum of squares of all parameters at the end: tells apart what equal losses would hide. */
  readonly norm: number
  /** Whether the parameters came back as device memory. */
  readonly resident: boolean
  readonly milliseconds: { readonly compile: number; readonly firstStep: number; readonly step: number }
}

/** Trains on fixed batches and returns the loss of each step. State stays on the device, updated in place. */
export async function train(device: Device): Promise<TrainingRun> {
  const { batch, length, vocabulary, steps, lr } = settings
  const optimizer = adamw({ weightDecay: 0.1 })
  const params = initialize()
  const ids = { shape: [batch, length], dtype: 'i32' as const }
  const number = { shape: [], dtype: 'f32' as const }
  const start = performance.now()
  interface State<L> {
    readonly params: Params<L>
    readonly optimizer: OptimizerState<L>
  }
  let state: State<NDArray> = { params, optimizer: optimizer.init(params as never) }
  const step = await compile(
    (old: State<Tensor>, inputs: Tensor, targets: Tensor, count: Tensor) => {
      const [value, grads] = valueAndGrad(loss as never)(old.params as never, inputs, targets) as never as [
        Tensor,
        Params<Tensor>,
      ]
      const gradScale = clipFactor(globalNorm(grads as never), 1)
      const next = optimizer.update(old.params as never, grads as never, old.optimizer, {
        lr: scalar(lr),
        step: count,
        gradScale,
      })
      return { state: { params: next.params as never as Params<Tensor>, optimizer: next.state }, loss: value }
    },
    [state, ids, ids, number] as never,
    { device, donate: [0], keepOnDevice: true },
  )
  const compiled = performance.now()
  const rng = Rng.seed(11)
  const losses: number[] = []
  const times: number[] = []
  for (let i = 1; i <= steps; i++) {
    const text = Array.from({ length: batch * (length + 1) }, () => rng.integer(vocabulary) >> rng.integer(5))
    const rows = (from: number) =>
      NDArray.from(
        Array.from(
          { length: batch * length },
          (_, at) => text[Math.floor(at / length) * (length + 1) + (at % length) + from]!,
        ),
        [batch, length],
        'i32',
      )
    const began = performance.now()
    const out = (await step(state, rows(0), rows(1), NDArray.scalar(i))) as never as {
      state: State<NDArray>
      loss: NDArray
    }
    state = out.state
    losses.push(await out.loss.item())
    times.push(performance.now() - began)
  }
  await step.dispose()
  const arrays = leaves<NDArray>(state.params as never)
  let norm = 0
  for (const array of arrays) for (const x of await array.numbers()) norm += x * x
  const resident = arrays.every((array) => !array.onHost)
  for (const array of leaves<NDArray>(state as never)) array.dispose()
  const later = times.slice(2)
  return {
    losses,
    norm,
    resident,
    milliseconds: {
      compile: compiled - start,
      firstStep: times[0]!,
      step: later.reduce((a, b) => a + b) / later.length,
    },
  }
}
