/** Whole training steps against PyTorch: the same weights, batches and settings give the same losses. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { gptParameters } from '../models/index.js'
import { nodeDevice } from '../tensor/device/node.js'
import { NDArray } from '../tensor/index.js'
import { modelConfig, parseRecipe, recipeOptimizer } from './recipe.js'
import { createTrainStep, type TrainState } from './training-step.js'

/** f32 against f64 over ten steps of a rate that moves every weight by up to 0.1. */
const TOLERANCE = 2e-5

interface Run {
  readonly losses: readonly number[]
  readonly norms: readonly number[]
}

/** Written by fixtures/parity.py, in double precision. */
const fixture = JSON.parse(readFileSync(new URL('./fixtures/parity.json', import.meta.url), 'utf8')) as {
  shape: Record<'nLayer' | 'nHead' | 'width' | 'contextLength' | 'batchSize' | 'vocabSize', number>
  learning: Record<'learningRate' | 'beta1' | 'beta2' | 'weightDecay' | 'gradClip', number>
  gpt2: Run
  athanor: Run
  llama: Run
}

type Architecture = 'gpt2' | 'athanor' | 'llama'

/** Numerical Recipes' generator in [0, 1), as in the script. */
function lcg(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

async function train(architecture: Architecture, accumulation: number): Promise<Run> {
  const { vocabSize, ...shape } = fixture.shape
  const { batchSize, contextLength: T } = shape
  const recipe = parseRecipe({
    ...shape,
    ...fixture.learning,
    architecture,
    batchSize: batchSize / accumulation,
    accumulation,
    steps: 100,
  })
  const config = modelConfig(recipe, vocabSize)
  const draw = lcg(1)
  const params = Object.fromEntries(
    Object.entries(gptParameters(config)).map(([name, { shape }]) => {
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1))
      const array = data.map(() => 0.6 * (draw() - 0.5) + (shape.length === 1 ? 1 : 0))
      return [name, new NDArray('f32', shape, array)]
    }),
  )
  const optimizer = recipeOptimizer(recipe)
  let state: TrainState = { params, optimizer: optimizer.init(params) }
  const update = createTrainStep(config, recipe, optimizer, nodeDevice('cpu'))

  const drawToken = lcg(2)
  const losses: number[] = []
  const norms: number[] = []
  while (losses.length < fixture.gpt2.losses.length) {
    const rows = Array.from({ length: batchSize }, () =>
      Array.from({ length: T + 1 }, () => {
        const u = drawToken()
        return Math.floor(u * u * u * vocabSize)
      }),
    )
    const batch = (from: number) => {
      const ids = Int32Array.from(rows.flatMap((row) => row.slice(from, from + T)))
      const sizes = accumulation > 1 ? [accumulation, batchSize / accumulation, T] : [batchSize, T]
      return new NDArray('i32', sizes, ids)
    }
    const at = { lr: recipe.learningRate, step: losses.length + 1 }
    const result = await update(state, { ids: batch(0), targets: batch(1) }, at)
    state = result.state
    losses.push(result.loss)
    norms.push(result.gradNorm)
  }
  await update.dispose()
  return { losses, norms }
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))
}

describe.each([
  { architecture: 'gpt2', accumulation: 1 },
  { architecture: 'gpt2', accumulation: 2 },
  { architecture: 'athanor', accumulation: 1 },
  { architecture: 'llama', accumulation: 1 },
] as const)('ten steps of $architecture, each in $accumulation passes', ({ architecture, accumulation }) => {
  it("have PyTorch's losses and gradient norms", async () => {
    const expected = fixture[architecture]
    const { losses, norms } = await train(architecture, accumulation)
    expect(losses).toHaveLength(10)
    expect(largestDifference(losses, expected.losses)).toBeLessThan(TOLERANCE)
    expect(largestDifference(norms, expected.norms)).toBeLessThan(TOLERANCE)
  })
})
