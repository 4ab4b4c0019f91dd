import { describe, expect, it } from 'vitest'
import { NDArray } from './ndarray.js'
import { leaves, leavesWithPaths, mapTree, replaceLeaves, type Tree, zipTrees } from './tree.js'

const [a, b, c] = [1, 2, 3].map((value) => NDArray.scalar(value)) as [NDArray, NDArray, NDArray]
const tree = { params: { w: a, blocks: [{ b }, { b: c }] }, empty: {}, none: [] }

describe('trees', () => {
  it('list their leaves in order, with paths', () => {
    expect(leaves<NDArray>(tree)).toEqual([a, b, c])
    expect(leavesWithPaths<NDArray>(tree).map(([path]) => path)).toEqual([
      'params.w',
      'params.blocks.0.b',
      'params.blocks.1.b',
    ])
    expect(leavesWithPaths<NDArray>(a)).toEqual([['', a]])
  })

  it('keep their structure when mapped and refilled', () => {
    const sizes = mapTree(tree as Tree<NDArray>, (leaf, path) => `${path}:${leaf.data[0]}`)
    expect(sizes).toEqual({
      params: { w: 'params.w:1', blocks: [{ b: 'params.blocks.0.b:2' }, { b: 'params.blocks.1.b:3' }] },
      empty: {},
      none: [],
    })
    expect(replaceLeaves(tree as never, [3, 4, 5])).toEqual({
      params: { w: 3, blocks: [{ b: 4 }, { b: 5 }] },
      empty: {},
      none: [],
    })
  })

  it('keep a key that is called like a property of every object', () => {
    const odd = Object.fromEntries([
      ['__proto__', a],
      ['constructor', b],
    ]) as Tree<NDArray>
    expect(leavesWithPaths<NDArray>(odd).map(([path]) => path)).toEqual(['__proto__', 'constructor'])
    expect(Object.keys(mapTree(odd, () => 1) as object)).toEqual(['__proto__', 'constructor'])
  })

  it('of one structure are mapped together', () => {
    const add = (x: NDArray, y: NDArray) => Number(x.data[0]) + Number(y.data[0])
    expect(zipTrees(add as never, { x: a, y: [b] }, { x: b, y: [c] })).toEqual({ x: 3, y: [5] })
  })

  it('are matched by path, not by the order of their keys', () => {
    const pair = (x: NDArray, y: NDArray) => [x.data[0], y.data[0]].join()
    expect(zipTrees(pair as never, { x: a, y: b }, { y: c, x: a })).toEqual({ x: '1,1', y: '2,3' })
  })

  it('of different structures are refused, by name', () => {
    const zip = (first: Tree<NDArray>, second: Tree<NDArray>) => () =>
      zipTrees((() => 0) as never, first, second)
    expect(zip({ x: a, y: b }, { x: a })).toThrow(/tree 2 has no leaf 'y'/)
    expect(zip({ x: a }, { z: a })).toThrow(/tree 2 has no leaf 'x'/)
    expect(zip({ x: a }, { x: a, y: b })).toThrow(/tree 2 has the leaf 'y', which tree 1 has not/)
  })

  it('have tensors for leaves and nothing else', () => {
    expect(() => leaves({ x: { y: 3 } } as never)).toThrow(/a tree of tensors has number at 'x.y'/)
    expect(() => leaves({ x: [null] } as never)).toThrow(/null at 'x.0'/)
    expect(() => leaves(undefined as never)).toThrow(/undefined at 'its root'/)
  })
})
