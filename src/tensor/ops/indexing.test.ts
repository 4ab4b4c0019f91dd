import { describe } from 'vitest'
import { comparesToPyTorch } from '../testing/fixtures.js'
import {
  embedding,
  gather,
  indexAdd,
  oneHot,
  scatterAdd,
  slice,
  sort,
  takeAlongAxis,
  topK,
  tril,
  triu,
} from './index.js'

describe('indexing ops against PyTorch', () => {
  comparesToPyTorch('indexing', {
    gather: (x, a, b) => [gather(x!, a!), gather(x!, a!, 1), gather(x!, b!, -1)],
    'gather at one position': (x, a) => [gather(x!, a!), gather(x!, a!, 1)],
    'gather from the end': (x, a) => gather(x!, a!),
    'gather with i64': (x, a) => gather(x!, a!),
    'gather of whole numbers': (x, a) => gather(x!, a!),
    'embedding with many duplicates': (table, ids) => embedding(table!, ids!),
    takeAlongAxis: (x, a, b) => [takeAlongAxis(x!, a!), takeAlongAxis(x!, b!, 0)],
    scatterAdd: (x, a, u) => scatterAdd(x!, a!, u!),
    'scatterAdd along axis 0': (x, a, u) => scatterAdd(x!, a!, u!, 0),
    'scatterAdd of whole numbers': (x, a, u) => scatterAdd(x!, a!, u!),
    indexAdd: (x, a, u) => indexAdd(x!, a!, u!, 1),
    oneHot: (a) => oneHot(a!, 4),
    'tril and triu': (x) => [tril(x!), triu(x!), tril(x!, 1), triu(x!, 1), tril(x!, -1), triu(x!, -2)],
    topK: (x) => [topK(x!, 2).values, topK(x!, 3, 0).values, slice(sort(x!, 0).values, [[0, 2]])],
    sort: (x) => [sort(x!).values, sort(x!, 0, { descending: true }).values],
    'positions of topK and sort keep the order of equals': (x) => [
      sort(x!).indices,
      sort(x!, -1, { descending: true }).indices,
    ],
    'sort of whole numbers': (x, y) => [sort(x!).values, sort(y!, -1, { descending: true }).values],
  })
})
