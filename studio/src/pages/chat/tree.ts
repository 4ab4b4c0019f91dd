/**
 * The messages of a conversation as a tree. Editing a message or trying an answer again adds a sibling; what is shown is one
 * path from the first message to a leaf.
 */
export interface TreeMessage {
  readonly id: string
  readonly parent?: string | null
  readonly created: number
}

export interface Tree<M extends TreeMessage> {
  readonly byId: ReadonlyMap<string, M>
  /** Children by parent, oldest first; the first messages stand under ''. */
  readonly children: ReadonlyMap<string, readonly M[]>
}

const ROOT = ''

/** Takes messages in any order. One whose parent is missing, or that is its own ancestor, is left out with what follows it. */
export function buildTree<M extends TreeMessage>(messages: readonly M[]): Tree<M> {
  const byId = new Map(messages.map((message) => [message.id, message]))
  const children = new Map<string, M[]>()
  for (const message of byId.values()) {
    const parent = message.parent ?? ROOT
    const list = children.get(parent)
    if (list) list.push(message)
    else children.set(parent, [message])
  }
  // Ids sort by the time they were made; they decide where the clock does not.
  for (const list of children.values()) {
    list.sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1))
  }
  return { byId, children }
}

/** From the first message down to `leaf`. */
export function pathTo<M extends TreeMessage>(tree: Tree<M>, leaf: string | undefined): M[] {
  const path: M[] = []
  let at = leaf === undefined ? undefined : tree.byId.get(leaf)
  while (at && path.length <= tree.byId.size) {
    path.push(at)
    if (at.parent == null) return path.reverse()
    at = tree.byId.get(at.parent)
  }
  return []
}

/** The end of the newest path below `from`, or of the whole tree: what was written last. */
export function newestLeaf<M extends TreeMessage>(tree: Tree<M>, from = ROOT): string | undefined {
  let at = from
  for (let steps = 0; steps <= tree.byId.size; steps++) {
    const next = tree.children.get(at)?.at(-1)
    if (!next) break
    at = next.id
  }
  return at === ROOT ? undefined : at
}

/** A message among the others in its place. */
export function siblingsOf<M extends TreeMessage>(tree: Tree<M>, id: string) {
  const list = tree.children.get(tree.byId.get(id)?.parent ?? ROOT) ?? []
  return { ids: list.map((message) => message.id), index: list.findIndex((message) => message.id === id) }
}
