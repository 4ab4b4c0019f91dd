import { describe, expect, it } from 'vitest'
import {
  add,
  compile,
  leavesWithPaths,
  matmul,
  mean,
  NDArray,
  square,
  sub,
  type Tensor,
  type Tree,
  tanh,
  valueAndGrad,
} from '../tensor/index.js'
import { adamw } from './adamw.js'
import { muonWithAdamW } from './muon.js'
import { clipFactor, globalNorm } from './norm.js'
import type { Optimizer, OptimizerState } from './optimizer.js'
import { sgd } from './sgd.js'
import { device } from './testing/trajectories.js'

type Params = { readonly in: Tensor; readonly bias: Tensor; readonly out: Tensor }

const wave = (count: number, speed: number) =>
  Array.from({ length: count }, (_, i) => Math.sin(speed * (i + 1) ** 2))
const x = NDArray.from(wave(24, 0.9), [8, 3])
const y = NDArray.from(wave(16, 0.4), [8, 2])
// Four matrices of one shape among them, so that the pairing of old and new tensors is put to the test.
const initial = () => ({
  in: NDArray.from(wave(12, 1.7), [3, 4]),
  bias: NDArray.from(wave(4, 2.3)),
  more: NDArray.from(wave(16, 0.2), [4, 4]),
  evenMore: NDArray.from(wave(16, 0.6), [4, 4]),
  out: NDArray.from(wave(8, 1.1), [4, 2]),
})

type Model = Params & { readonly more: Tensor; readonly evenMore: Tensor }

function loss(p: Model, inputs: Tensor, targets: Tensor): Tensor {
  const first = tanh(add(matmul(inputs, p.in), p.bias))
  const second = tanh(matmul(tanh(matmul(first, p.more)), p.evenMore))
  return mean(square(sub(matmul(second, p.out), targets)))
}

interface State {
  readonly params: Readonly<Record<string, NDArray>>
  readonly optimizer: OptimizerState<NDArray>
}

async function train(optimizer: Optimizer, donate: boolean) {
  const params = initial()
  let state: State = { params, optimizer: optimizer.init(params) }
  const step = (await compile(
    ((
      s: { params: Model; optimizer: OptimizerState<Tensor> },
      x: Tensor,
      y: Tensor,
      lr: Tensor,
      t: Tensor,
    ) => {
      const [value, grads] = valueAndGrad(loss)(s.params, x, y)
      const gradScale = clipFactor(globalNorm(grads), 0.5)
      const next = optimizer.update(s.params, grads, s.optimizer, { lr, step: t, gradScale })
      return { state: { params: next.params, optimizer: next.state }, loss: value }
    }) as never,
    [state, x, y, NDArray.scalar(0), NDArray.scalar(0)],
    { device, ...(donate && { donate: [0] }) },
  )) as unknown as {
    (s: State, x: NDArray, y: NDArray, lr: NDArray, t: NDArray): Promise<{ state: State; loss: NDArray }>
    dispose(): Promise<void>
  }
  const losses: number[] = []
  const moved = new Set<string>()
  for (let i = 1; i <= 30; i++) {
    const before = new Map(leavesWithPaths<NDArray>(state as unknown as Tree<NDArray>))
    const out = await step(state, x, y, NDArray.scalar(0.02), NDArray.scalar(i))
    for (const [path, array] of leavesWithPaths<NDArray>(out.state as unknown as Tree<NDArray>)) {
      if (array.data !== before.get(path)!.data) moved.add(path)
    }
    state = out.state
    losses.push(await out.loss.item())
  }
  await step.dispose()
  return { losses, moved: [...moved], state }
}

describe('a step that donates its state', () => {
  for (const [name, make] of Object.entries({
    adamw: () => adamw(),
    sgd: () => sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
    muon: () => muonWithAdamW({ muon: { outputAxis: 1 } }),
  })) {
    it(`writes every parameter and all state of ${name} in place, with the same numbers`, async () => {
      const copied = await train(make(), false)
      const inPlace = await train(make(), true)
      expect(inPlace.moved.filter((path) => !path.endsWith('scale'))).toEqual([])
      expect(copied.moved).toContain('params.more')
      expect(inPlace.losses).toEqual(copied.losses)
      expect(copied.losses.at(-1)).toBeLessThan(copied.losses[0]! * 0.9)
    })
  }
})
