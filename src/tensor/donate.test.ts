/** Writing results over donated arguments must never change a result. */
import { describe, expect, it } from 'vitest'
import type { NDArray } from './ndarray.js'
import {
  add,
  broadcastTo,
  concat,
  cumsum,
  div,
  exp,
  gather,
  greater,
  iota,
  matmul,
  maximum,
  mul,
  reshape,
  scan,
  sigmoid,
  slice,
  softmax,
  sqrt,
  square,
  stride,
  sub,
  sum,
  tanh,
  transpose,
  where,
  zeros,
} from './ops/index.js'
import type { Tensor } from './tensor.js'
import { load, random } from './testing/gradcheck.js'

type Fn = (...xs: Tensor[]) => Tensor[]

const N = 48

/** Each gets three [N, N] arrays, of which the first two are donated. */
const cases: Record<string, Fn> = {
  'an optimizer step': (p, m, g) => {
    const mean = add(mul(m!, 0.9), mul(g!, 0.1))
    return [sub(p!, mul(div(mean, add(sqrt(square(mean)), 1e-3)), 0.1)), mean]
  },
  'an argument that is read after the result is ready': (p, m) => [add(p!, 1), exp(mul(add(p!, 1), p!)), m!],
  'an argument that another result reads': (p, m) => [add(p!, m!), sub(p!, m!), mul(p!, m!)],
  'an argument that is another result': (p, m) => [add(p!, 1), p!, m!],
  'an argument that is two other results': (p) => [mul(p!, 2), p!, p!],
  'arguments that change places': (p, m) => [m!, p!],
  'arguments that change places on the way': (p, m) => [add(m!, 1), add(p!, 1)],
  'arguments that depend on each other': (p, m) => [add(p!, m!), add(m!, mul(p!, 2))],
  'a result that is there twice': (p, m) => {
    const y = add(p!, m!)
    return [y, y, mul(m!, y)]
  },
  'a transpose': (p, m) => [transpose(p!), add(m!, transpose(p!))],
  'a sum with its own transpose': (p) => [add(p!, transpose(p!))],
  'a view that is read later': (p) => {
    const flat = reshape(p!, [N * N])
    return [add(p!, sum(flat)), tanh(flat)]
  },
  'a view of a view that is read later': (p) => {
    const view = reshape(transpose(reshape(p!, [1, N, N]), [1, 0, 2]), [N * N])
    return [mul(p!, sum(view)), exp(view)]
  },
  'a broadcast to the same shape that is read later': (p) => {
    const view = broadcastTo(reshape(p!, [1, N, N]), [2, N, N])
    return [mul(p!, sum(view)), exp(view)]
  },
  'a result that is a view': (p) => [add(p!, 1), reshape(p!, [N * N])],
  'a product with itself': (p) => [matmul(p!, p!)],
  'a product that is scaled': (p, m) => [div(matmul(p!, m!), 3), mul(m!, 2)],
  'a product that is scaled by a number the runtime folds': (p, m) => [mul(matmul(p!, transpose(m!)), 0.5)],
  'a product that is added to its own factor': (p, m) => [add(matmul(p!, m!), p!)],
  'a product that is added to its other factor': (p, m) => [add(matmul(m!, p!), p!)],
  'a product with a row that is added': (p, m) => [add(matmul(p!, m!), slice(m!, [[0, 1]]))],
  'an activation after a product': (p, m) => [tanh(add(matmul(p!, m!), slice(m!, [[0, 1]])))],
  'a rectifier after a product': (p, m) => [maximum(matmul(p!, m!), 0)],
  'a sigmoid after a product, times its factor': (p, m) => [mul(sigmoid(matmul(p!, m!)), p!)],
  'a normalisation': (p) => {
    const c = sub(p!, mul(sum(p!, -1, { keepDims: true }), 1 / N))
    const deviation = sqrt(add(mul(sum(square(c), -1, { keepDims: true }), 1 / N), 1e-5))
    return [mul(div(c, deviation), slice(p!, [[0, 1]]))]
  },
  'a softmax that is scaled': (p) => [mul(softmax(p!), 2)],
  'a softmax that is multiplied with its input': (p) => [mul(softmax(p!, 0), p!)],
  'sums over the other axis': (p) => [sub(p!, sum(p!, 0, { keepDims: true }))],
  'a cumulative sum added to its input': (p) => [add(cumsum(p!, 0), p!)],
  'rows in another order': (p) => [add(gather(p!, sub(N - 1, iota(N))), p!), stride(p!, -1, 0)],
  'halves that change places': (p) => {
    const [top, bottom] = [slice(p!, [[0, N / 2]]), slice(p!, [[N / 2]])]
    return [add(concat([bottom, top]), 1), p!]
  },
  'a choice between two arguments': (p, m) => [
    where(greater(p!, m!), p!, m!),
    where(greater(p!, m!), m!, p!),
  ],
  'a loop that reads an argument from outside': (p, m) => {
    const [last] = scan((c: Tensor, row: Tensor) => [add(mul(c, p!), row), c] as const, zeros([N, N]), m!)
    return [add(p!, last), add(m!, 1)]
  },
  'a loop whose state is an argument': (p, m) => {
    const [last] = scan((c: Tensor, row: Tensor) => [add(mul(c, 0.5), row), zeros([])] as const, p!, m!)
    return [mul(last, p!), add(p!, 1)]
  },
}

describe('donation', () => {
  const inputs = () => [1, 2, 3].map((seed) => random([N, N], { seed }))

  it.each(Object.entries(cases))('gives right results for %s', async (_, fn) => {
    const plain = await load(fn, inputs())
    const inPlace = await load(fn, inputs(), { donate: [0, 1] })
    const expected = await numbers(await plain(...inputs()))
    // More than once: the first run of a session lays out its memory.
    for (let i = 0; i < 3; i++) expect(await numbers(await inPlace(...inputs()))).toEqual(expected)
    await plain.dispose()
    await inPlace.dispose()
  })

  it('of an array that is passed twice leaves the other argument alone', async () => {
    const step = await load((p: Tensor, q: Tensor) => [add(p, 1), mul(q, 2)], [inputs()[0]!, inputs()[1]!], {
      donate: [0],
    })
    const [both] = inputs()
    const before = await both!.numbers()
    const [a, b] = await step(both!, both!)
    expect(await a!.numbers()).toEqual(before.map((x) => Math.fround(x + 1)))
    expect(await b!.numbers()).toEqual(before.map((x) => x * 2))
    await step.dispose()
  })

  it('takes the memory of the argument for its result', async () => {
    const step = await load((p: Tensor, g: Tensor) => [sub(p, mul(g, 0.1))], [inputs()[0]!, inputs()[1]!], {
      donate: [0],
    })
    const [p, g] = inputs()
    const [next] = await step(p!, g!)
    expect(next!.data).toBe(p!.data)
    await step.dispose()
  })

  it('keeps a state going for many steps', async () => {
    const fn = (p: Tensor, m: Tensor, g: Tensor) => {
      const mean = add(mul(m, 0.9), mul(matmul(g, p), 0.1 / N))
      return [sub(p, mul(mean, 0.1)), mean]
    }
    const plain = await load(fn, inputs() as never)
    const inPlace = await load(fn, inputs() as never, { donate: [0, 1] })
    let [p, m, g] = inputs() as [NDArray, NDArray, NDArray]
    let [q, n] = inputs() as [NDArray, NDArray]
    for (let i = 0; i < 5; i++) {
      ;[p, m] = (await plain(p, m, g)) as [NDArray, NDArray]
      ;[q, n] = (await inPlace(q, n, g)) as [NDArray, NDArray]
      expect(await q.numbers()).toEqual(await p.numbers())
      expect(await n.numbers()).toEqual(await m.numbers())
    }
    await plain.dispose()
    await inPlace.dispose()
  })
})

function numbers(arrays: readonly NDArray[]): Promise<number[][]> {
  return Promise.all(arrays.map((array) => array.numbers()))
}
