/** Ten AdamW steps of a small GPT, the same on every device: what the device tests compare. */
import { gptLoss, initGpt } from '../../src/models/gpt.js'
import { athanorConfig, type GptConfig, gpt2Config } from '../../src/models/gpt-config.js'
import { adamw, clipFactor, globalNorm, type OptimizerState } from '../../src/optim/index.js'
import { Rng } from '../../src/rng.js'
import {
  compile,
  type Device,
  leaves,
  NDArray,
  scalar,
  type Tensor,
  valueAndGrad,
} from '../../src/tensor/index.js'

const settings = { vocabulary: 50, batch: 4, length: 16, steps: 10, lr: 1e-2 }
const shape = { vocabSize: settings.vocabulary, contextLength: 16, nLayer: 2, nHead: 2, width: 32 }

/** The two families: learned positions, LayerNorm, GELU and biases; rotary positions, RMSNorm, squared ReLU. */
export const configs: Readonly<Record<'gpt2' | 'athanor', GptConfig>> = {
  gpt2: gpt2Config(shape),
  athanor: athanorConfig({ ...shape, nKvHead: 1, logitSoftCap: 15 }),
}

type Params<L> = Readonly<Record<string, L>>

export interface TrainingRun {
  readonly losses: readonly number[]
  /** Sum of squares of all parameters at the end: tells apart what equal losses would hide. */
  readonly norm: number
  /** Whether the parameters came back as device memory. */
  readonly resident: boolean
  readonly milliseconds: { readonly compile: number; readonly firstStep: number; readonly step: number }
}

/** Trains on fixed batches and returns the loss of each step. State stays on the device, updated in place. */
export async function train(device: Device, model: keyof typeof configs): Promise<TrainingRun> {
  const config = configs[model]
  const { batch, length, vocabulary, steps, lr } = settings
  const optimizer = adamw({ weightDecay: 0.1 })
  const params = initGpt(config, Rng.seed(7))
  const ids = { shape: [batch, length], dtype: 'i32' as const }
  const number = { shape: [], dtype: 'f32' as const }
  const start = performance.now()
  interface State<L> {
    readonly params: Params<L>
    readonly optimizer: OptimizerState<L>
  }
  let state: State<NDArray> = { params, optimizer: optimizer.init(params) }
  const step = await compile(
    (old: State<Tensor>, inputs: Tensor, targets: Tensor, count: Tensor) => {
      const [value, grads] = valueAndGrad((p: Params<Tensor>) => gptLoss(config, p, inputs, targets))(
        old.params,
      )
      const gradScale = clipFactor(globalNorm(grads), 1)
      const next = optimizer.update(old.params, grads, old.optimizer, {
        lr: scalar(lr),
        step: count,
        gradScale,
      })
      return { state: { params: next.params, optimizer: next.state }, loss: value }
    },
    [state, ids, ids, number],
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
  const arrays = leaves<NDArray>(state.params)
  let norm = 0
  for (const array of arrays) for (const x of await array.numbers()) norm += x * x
  const resident = arrays.every((array) => !array.onHost)
  for (const array of leaves<NDArray>([state.params, state.optimizer])) array.dispose()
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
