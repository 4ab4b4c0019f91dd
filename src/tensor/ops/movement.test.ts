import { describe, expect, it } from 'vitest'
import { NDArray } from '../ndarray.js'
import type { Tensor } from '../tensor.js'
import { comparesToPyTorch, type Fn } from '../testing/fixtures.js'
import { run } from '../testing/gradcheck.js'
import {
  broadcastTo,
  concat,
  expandDims,
  full,
  greater,
  ones,
  pad,
  reshape,
  slice,
  split,
  squeeze,
  stack,
  stride,
  swapAxes,
  tile,
  transpose,
  zeros,
} from './index.js'

const moves: Fn = (x) => [
  transpose(x!),
  slice(x!, [undefined, [1]]),
  broadcastTo(x!, [2, 2, 3]),
  stride(x!, -1),
  ...split(x!, [1, 2], 1),
]

describe('movement ops against PyTorch', () => {
  comparesToPyTorch('movement', {
    reshape: (x) => [reshape(x!, [4, 6]), reshape(x!, [2, -1]), reshape(x!, [-1]), reshape(x!, [1, 24, 1])],
    'squeeze and expandDims': (x) => [
      squeeze(x!),
      squeeze(x!, [0]),
      squeeze(x!, [-1]),
      expandDims(x!, 0),
      expandDims(x!, -1),
      expandDims(x!, -2),
    ],
    transpose: (x) => [
      transpose(x!, [3, 0, 2, 1]),
      transpose(x!, [0, 2, 1, 3]),
      transpose(x!),
      transpose(x!, [-1, 0, -3, 2]),
    ],
    swapAxes: (x) => [swapAxes(x!), swapAxes(x!, 0, -1)],
    broadcastTo: (x) => [broadcastTo(x!, [2, 3, 4]), broadcastTo(x!, [5, 3, 3, 4])],
    'broadcastTo of a scalar': (x) => broadcastTo(x!, [2, 3]),
    concat: (a, b, c) => [concat([a!, b!, c!], 1), concat([b!, a!, b!], -2)],
    'concat of whole numbers and bools': (a, b) => [
      concat([a!, a!]),
      concat([b!, b!]),
      concat([greater(a!, 2), greater(b!, 2)]),
    ],
    'split into uneven pieces': (x) => split(x!, [1, 4, 2], -1),
    'split into equal pieces': (x) => split(x!, 3, 1),
    'split of which one piece is used': (x) => split(x!, [1, 4, 2], -1)[1]!,
    stack: (a, b) => [stack([a!, b!]), stack([a!, b!, a!], -1), stack([a!, b!], 1), stack([a!, b!], -2)],
    slice: (x) => [
      slice(x!, [[1]]),
      slice(x!, [undefined, [1, 3]]),
      slice(x!, [undefined, [-2]]),
      slice(x!, [undefined, undefined, [1, -1]]),
      slice(x!, [
        [0, 1],
        [2, 3],
        [3, 4],
      ]),
      slice(x!, [undefined, [0, -3]]),
    ],
    'slice of nothing': (x) => [
      slice(x!, [undefined, [2, 2]]),
      slice(x!, [
        [1, 2],
        [0, 0],
      ]),
    ],
    stride: (x) => [
      stride(x!, 2, 1),
      stride(x!, 3, 1),
      stride(x!, -1, 1),
      stride(x!, -2, 1),
      stride(x!, 2, 0),
      stride(x!, 9, -2),
      stride(x!, -3, 1),
    ],
    pad: (x) => [
      pad(x!, [
        [0, 0],
        [1, 2],
      ]),
      pad(
        x!,
        [
          [3, 0],
          [0, 0],
        ],
        -1.5,
      ),
      pad(
        x!,
        [
          [0, 1],
          [2, 0],
        ],
        -Infinity,
      ),
    ],
    'pad of whole numbers': (x, y) => [pad(x!, [[1, 2]], 7), pad(y!, [[1, 0]], -1)],
    tile: (x) => [tile(x!, 3), tile(x!, 2, 1), tile(x!, 4, -1)],
    'moves of whole numbers': moves,
    'moves of bools': moves,
  })
})

describe('movement ops', () => {
  it('moves tensors without elements', async () => {
    const empty = NDArray.zeros([2, 0, 3])
    const { moved, filled, joined } = await run(
      (x: Tensor) => ({
        moved: [
          reshape(x, [0, 6]),
          transpose(x),
          broadcastTo(x, [4, 2, 0, 3]),
          pad(
            x,
            [
              [0, 0],
              [1, 0],
              [0, 0],
            ],
            5,
          ),
        ],
        filled: [zeros([0, 2]), full([2, 0], 3, 'i32')],
        joined: concat([x, ones([2, 1, 3])], 1),
      }),
      [empty],
    )
    expect([...moved, ...filled].map(({ shape }) => shape)).toEqual([
      [0, 6],
      [3, 0, 2],
      [4, 2, 0, 3],
      [2, 1, 3],
      [0, 2],
      [2, 0],
    ])
    expect(await moved[3]!.numbers()).toEqual([5, 5, 5, 5, 5, 5])
    expect(await joined.numbers()).toEqual([1, 1, 1, 1, 1, 1])
  })
})
