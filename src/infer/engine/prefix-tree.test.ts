import { describe, expect, it } from 'vitest'
import { PrefixTree } from './prefix-tree.js'

/** Blocks of two tokens and one float, which holds the position of the block and a mark. */
function treeOf(blocks: number) {
  return new PrefixTree({ blockTokens: 2, blockFloats: 1, budget: 4 * blocks })
}

function insert(tree: PrefixTree, tokens: number[], mark = 0, exact = tokens.length): number[] {
  const filled: number[] = []
  tree.insert(tokens, tokens.length, exact, (start, data) => {
    filled.push(start)
    data[0] = start + mark
  })
  return filled
}

const found = (tree: PrefixTree, tokens: number[], exact = false, limit = tokens.length) =>
  tree.match(tokens, limit, exact).map(({ data }) => data[0])

describe('a prefix tree', () => {
  it('finds the longest known beginning, in whole blocks', () => {
    const tree = treeOf(100)
    insert(tree, [1, 2, 3, 4, 5])
    expect(found(tree, [1, 2, 3, 4, 5, 6])).toEqual([0, 2])
    expect(found(tree, [1, 2, 3, 9])).toEqual([0])
    expect(found(tree, [2, 1, 3, 4])).toEqual([])
    expect(found(tree, [1, 2, 3, 4], false, 3)).toEqual([0])
    expect(found(tree, [12, 3, 4])).toEqual([])
  })

  it('keeps a common beginning once', () => {
    const tree = treeOf(100)
    expect(insert(tree, [1, 2, 3, 4])).toEqual([0, 2])
    expect(insert(tree, [1, 2, 5, 6])).toEqual([2])
    expect(tree.blocks).toBe(3)
    expect(tree.bytes).toBe(12)
  })

  it('gives up what was not used for the longest time, the ends of texts first', () => {
    const tree = treeOf(4)
    insert(tree, [1, 2, 3, 4])
    insert(tree, [5, 6, 7, 8])
    found(tree, [1, 2])
    insert(tree, [1, 2, 9, 9])
    expect(tree.blocks).toBe(4)
    // The block after [1, 2] was older than those of the second text.
    expect(found(tree, [1, 2, 3, 4])).toEqual([0])
    expect(found(tree, [5, 6, 7, 8])).toEqual([0, 2])
    insert(tree, [0, 0])
    expect(found(tree, [1, 2, 9, 9])).toEqual([0])
  })

  it('never takes memory from the text that it keeps', () => {
    const tree = treeOf(2)
    expect(insert(tree, [1, 2, 3, 4, 5, 6, 7, 8])).toEqual([0, 2])
    expect(found(tree, [1, 2, 3, 4, 5, 6])).toEqual([0, 2])
    expect(insert(tree, [9, 9, 8, 8, 7, 7])).toEqual([0, 2])
    expect(found(tree, [9, 9, 8, 8, 7, 7])).toEqual([0, 2])
    expect(tree.blocks).toBe(2)
    expect(insert(treeOf(0), [1, 2])).toEqual([])
  })

  it('tells exact blocks from others, and takes the better one', () => {
    const tree = treeOf(100)
    insert(tree, [1, 2, 3, 4, 5, 6], 100, 3)
    expect(found(tree, [1, 2, 3, 4, 5, 6])).toEqual([100, 102, 104])
    expect(found(tree, [1, 2, 3, 4, 5, 6], true)).toEqual([100])
    expect(insert(tree, [1, 2, 3, 4], 200)).toEqual([2])
    expect(found(tree, [1, 2, 3, 4, 5, 6], true)).toEqual([100, 202])
    // What is exact is not replaced.
    expect(insert(tree, [1, 2, 3, 4], 300, 0)).toEqual([])
  })
})
