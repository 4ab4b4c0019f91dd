/** The machine's own speed: fp32 products of 1024 x 1024 matrices through the engine that trains. */
import { Rng } from '../rng.js'
import { compile, type Device, matmul, NDArray, sum, type Tensor } from '../tensor/index.js'

const SIZE = 1024
/** Products in one call, each of the one before, so that neither the call nor its result counts. */
const CHAIN = 8

export async function gemmWork(device: Device) {
  const start = performance.now()
  const rng = Rng.seed(1)
  // Columns of norm 1: the products neither grow nor vanish.
  const matrix = (std: number) =>
    new NDArray('f32', [SIZE, SIZE], rng.fillNormal(new Float32Array(SIZE * SIZE), 0, std))
  const [a, b] = [matrix(1), matrix(1 / Math.sqrt(SIZE))]
  const products = (x: Tensor, y: Tensor) => {
    for (let i = 0; i < CHAIN; i++) x = matmul(x, y)
    return sum(x)
  }
  const run = await compile(products, [a, b], { device })
  return {
    ready: { compileSeconds: (performance.now() - start) / 1000, flops: CHAIN * 2 * SIZE ** 3 },
    work: async () => {
      await run(a, b)
      return undefined
    },
  }
}
