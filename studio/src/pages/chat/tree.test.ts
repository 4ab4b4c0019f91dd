import { describe, expect, it } from 'vitest'
import { buildTree, newestLeaf, pathTo, siblingsOf } from './tree.js'

/** q1 ─ a1 ─ q2 ─ a2 and, from an edit of q2, a1 ─ q3 ─ a3, of which a4 is a second try. */
const messages = [
  { id: 'q1', created: 1 },
  { id: 'a1', parent: 'q1', created: 2 },
  { id: 'q2', parent: 'a1', created: 3 },
  { id: 'a2', parent: 'q2', created: 4 },
  { id: 'q3', parent: 'a1', created: 5 },
  { id: 'a3', parent: 'q3', created: 6 },
  { id: 'a4', parent: 'q3', created: 7 },
]
const ids = (path: readonly { id: string }[]) => path.map(({ id }) => id).join(' ')

describe('the tree of a conversation', () => {
  const tree = buildTree([...messages].reverse())

  it('gives the path to a message', () => {
    expect(ids(pathTo(tree, 'a3'))).toBe('q1 a1 q3 a3')
    expect(ids(pathTo(tree, 'a1'))).toBe('q1 a1')
    expect(pathTo(tree, 'none')).toEqual([])
    expect(pathTo(tree, undefined)).toEqual([])
  })

  it('ends at what was written last, from everywhere', () => {
    expect(newestLeaf(tree)).toBe('a4')
    expect(newestLeaf(tree, 'q2')).toBe('a2')
    expect(newestLeaf(tree, 'a3')).toBe('a3')
    expect(newestLeaf(buildTree([]))).toBeUndefined()
  })

  it('knows the siblings of a message', () => {
    expect(siblingsOf(tree, 'q3')).toEqual({ ids: ['q2', 'q3'], index: 1 })
    expect(siblingsOf(tree, 'a3')).toEqual({ ids: ['a3', 'a4'], index: 0 })
    expect(siblingsOf(tree, 'q1')).toEqual({ ids: ['q1'], index: 0 })
  })

  it('breaks ties of the clock by id', () => {
    const twins = buildTree([
      { id: 'b', created: 1 },
      { id: 'a', created: 1 },
    ])
    expect(newestLeaf(twins)).toBe('b')
  })

  it('does not hang on messages that are their own ancestors or have lost their parent', () => {
    const broken = buildTree([
      { id: 'x', parent: 'y', created: 1 },
      { id: 'y', parent: 'x', created: 2 },
      { id: 'lost', parent: 'gone', created: 3 },
    ])
    expect(pathTo(broken, 'x')).toEqual([])
    expect(pathTo(broken, 'lost')).toEqual([])
    expect(newestLeaf(broken)).toBeUndefined()
    expect(newestLeaf(broken, 'x')).toBeDefined()
  })
})
