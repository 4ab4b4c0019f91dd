/** Pytrees: nested objects and arrays whose leaves are tensors, arrays of numbers, or their types. As in JAX. */
import { TensorError } from './errors.js'

export type Tree<L> = L | readonly Tree<L>[] | { readonly [key: string]: Tree<L> }

/** T with every leaf replaced by L. */
export type MapTree<T, From, L> = T extends From
  ? L
  : T extends readonly unknown[]
    ? { [K in keyof T]: MapTree<T[K], From, L> }
    : T extends object
      ? { [K in keyof T]: MapTree<T[K], From, L> }
      : T

/** Where a leaf is: "params.h.0.attn.weight". */
export type Path = string

type IsLeaf = (value: unknown) => boolean

/** A leaf is what has a shape and a dtype. */
export function isTensorLike(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'dtype' in value && 'shape' in value
}

/** The leaves in a fixed order: arrays by index, objects by insertion order of their keys. */
export function leaves<L>(tree: Tree<L>, isLeaf: IsLeaf = isTensorLike): L[] {
  return leavesWithPaths(tree, isLeaf).map(([, leaf]) => leaf)
}

export function leavesWithPaths<L>(tree: Tree<L>, isLeaf: IsLeaf = isTensorLike): [Path, L][] {
  const found: [Path, L][] = []
  visit(tree, '', isLeaf, (path, leaf) => {
    found.push([path, leaf as L])
    return leaf
  })
  return found
}

/** The same tree with every leaf mapped. */
export function mapTree<L, M>(
  tree: Tree<L>,
  map: (leaf: L, path: Path) => M,
  isLeaf: IsLeaf = isTensorLike,
): Tree<M> {
  return visit(tree, '', isLeaf, (path, leaf) => map(leaf as L, path)) as Tree<M>
}

/** The same tree with its leaves taken in order from `replacements`. */
export function replaceLeaves<M>(
  tree: Tree<unknown>,
  replacements: readonly M[],
  isLeaf: IsLeaf = isTensorLike,
): Tree<M> {
  let next = 0
  return mapTree(tree, () => replacements[next++]!, isLeaf)
}

/**
 * Maps the leaves of trees of the same structure together; the order of keys may differ.
 * @throws TensorError when a tree lacks a leaf that another has.
 */
export function zipTrees<M>(
  map: (...leaves: never[]) => M,
  first: Tree<unknown>,
  ...rest: readonly Tree<unknown>[]
): Tree<M> {
  const paths = new Set(leavesWithPaths(first).map(([path]) => path))
  const columns = rest.map((tree, index) => {
    const column = new Map(leavesWithPaths(tree))
    const missing = [...paths].find((path) => !column.has(path))
    const extra = [...column.keys()].find((path) => !paths.has(path))
    if (missing !== undefined || extra !== undefined) {
      throw new TensorError(
        'argument',
        `the trees differ: tree ${index + 2} has ${missing !== undefined ? `no leaf '${missing}'` : `the leaf '${extra}', which tree 1 has not`}`,
      )
    }
    return column
  })
  const all = map as (...leaves: unknown[]) => M
  return mapTree(first, (leaf, path) => all(leaf, ...columns.map((column) => column.get(path))))
}

function visit(
  tree: unknown,
  path: Path,
  isLeaf: IsLeaf,
  onLeaf: (path: Path, leaf: unknown) => unknown,
): unknown {
  if (isLeaf(tree)) return onLeaf(path, tree)
  const at = (key: string | number) => (path === '' ? `${key}` : `${path}.${key}`)
  if (Array.isArray(tree)) return tree.map((child, index) => visit(child, at(index), isLeaf, onLeaf))
  if (typeof tree === 'object' && tree !== null) {
    return Object.fromEntries(
      Object.entries(tree).map(([key, child]) => [key, visit(child, at(key), isLeaf, onLeaf)]),
    )
  }
  throw new TensorError(
    'argument',
    `a tree of tensors has ${tree === null ? 'null' : typeof tree} at '${path || 'its root'}'`,
  )
}
