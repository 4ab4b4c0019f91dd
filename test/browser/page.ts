/** The page of the browser test: trains on the device named in its address and leaves the result where the test finds it. */
import { browserDevice } from '../../src/tensor/device/browser.js'
import { compile, NDArray, sum, type Tensor } from '../../src/tensor/index.js'
import { type TrainingRun, train } from './training.js'

export interface PageResult {
  readonly run?: TrainingRun
  readonly isolated: boolean
  /** The sums that two calls made at the same time gave. */
  readonly together?: readonly number[]
  readonly error?: { readonly code: string | undefined; readonly message: string }
}

const query = new URLSearchParams(location.search)

async function main(): Promise<PageResult> {
  const isolated = crossOriginIsolated
  try {
    const threads = Number(query.get('threads') ?? 1)
    const device = await browserDevice(query.get('device') ?? 'wasm', { threads })
    const run = await train(device, query.get('model') === 'gpt2' ? 'gpt2' : 'athanor')
    const total = await compile((x: Tensor) => sum(x), [{ shape: [3], dtype: 'f32' as const }], { device })
    const results = await Promise.all([total(NDArray.from([1, 2, 3])), total(NDArray.from([4, 5, 6]))])
    const together = await Promise.all(results.map((result) => result.item()))
    return { run, isolated, together }
  } catch (error) {
    const { code, message, stack } = error as Error & { code?: string }
    return { isolated, error: { code, message: `${message}\n${stack}` } }
  }
}

;(globalThis as { result?: Promise<PageResult> }).result = main()
