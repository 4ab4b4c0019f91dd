import { describe } from 'vitest'
import { comparesToPyTorch, type Fn, readFixture } from '../testing/fixtures.js'
import { einsum, matmul, mul, transpose } from './index.js'

const names = Object.keys(readFixture('linear'))

const products = names
  .filter((name) => name.includes(' over '))
  .map((name): [string, Fn] => {
    const options = { transA: name.includes('A^T'), transB: name.includes('B^T') }
    return [name, (a, b) => matmul(a!, b!, options)]
  })

const sums = names
  .filter((name) => name.startsWith('einsum '))
  .map((name): [string, Fn] => [name, (...xs) => einsum(name.slice('einsum '.length), ...xs)])

describe('products against PyTorch', () => {
  comparesToPyTorch('linear', {
    ...Object.fromEntries(products),
    ...Object.fromEntries(sums),
    'matmul of single rows and columns': (a, b) => [matmul(a!, b!), matmul(b!, a!)],
    'matmul with constant factors': (a, b) => [
      mul(matmul(a!, b!), 0.5),
      matmul(mul(a!, 3), b!),
      mul(matmul(a!, mul(b!, -2)), 0.25),
    ],
    'matmul of tensors transposed before': (a, b) => {
      const [at, bt] = [a!, b!].map((x) => transpose(x, [0, 2, 1]))
      return [matmul(a!, bt!), matmul(at!, a!), matmul(at!, b!)]
    },
  })
})
