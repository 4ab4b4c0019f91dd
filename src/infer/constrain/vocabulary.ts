import type { Tokenizer } from '../../text/portable.js'
import type { TokenTrie, Vocabulary } from './types.js'

export interface VocabularyOptions {
  /** Tokens that end a text. Default: the tokenizer's. */
  readonly endIds?: readonly number[]
  /** Special tokens that count as the text they are spelt with, such as Qwen's `<tool_call>`, if the answer shows them. */
  readonly visible?: readonly number[]
}

/** Longer tokens (rows of dashes, mostly) are left out: counted strings then have fewer states to tell apart. */
const LONGEST = 32

/**
 * The tokens of a tokenizer as bytes. Special tokens are no text: no constrained answer has them, but for the end tokens.
 * Where some byte is no token (character vocabularies) only tokens of whole characters are used.
 */
export function createVocabulary(tokenizer: Tokenizer, options: VocabularyOptions = {}): Vocabulary {
  const { endIds = tokenizer.eosId === undefined ? [] : [tokenizer.eosId], visible = [] } = options
  const special = new Set([...tokenizer.specialTokens.values(), ...endIds])
  for (const id of visible) special.delete(id)
  const tokens: (Uint8Array | undefined)[] = []
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    if (special.has(id) || tokenizer.idToToken(id) === undefined) continue
    const bytes = tokenizer.idToBytes(id)
    if (bytes.length > 0 && bytes.length <= LONGEST) tokens[id] = bytes
  }
  tokens.length = tokenizer.vocabSize
  return vocabularyOf(tokens, endIds)
}

/** A vocabulary of these tokens, by id; undefined where an id is no text. */
export function vocabularyOf(
  tokens: readonly (Uint8Array | undefined)[],
  endIds: readonly number[],
): Vocabulary {
  const single = new Set<number>()
  for (const token of tokens) if (token?.length === 1) single.add(token[0]!)
  const spellsBytes = single.size === 256
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const characters = new Set<number>()
  const used = spellsBytes
    ? tokens
    : tokens.map((token) => {
        if (!token) return undefined
        try {
          const text = [...utf8.decode(token)]
          if (text.length === 1) characters.add(text[0]!.codePointAt(0)!)
          return token
        } catch {
          return undefined
        }
      })
  return {
    size: tokens.length,
    endIds: endIds.filter((id) => id < tokens.length),
    trie: trieOf(used),
    bytes: (token) => used[token],
    spellsBytes,
    characters: [...characters].sort((a, b) => a - b),
    cost: (codePoint) => {
      if (!spellsBytes) return characters.has(codePoint) ? 1 : Number.POSITIVE_INFINITY
      return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4
    },
  }
}

function trieOf(tokens: readonly (Uint8Array | undefined)[]): TokenTrie {
  const sorted: number[] = []
  for (let id = 0; id < tokens.length; id++) if (tokens[id]) sorted.push(id)
  sorted.sort((a, b) => compareBytes(tokens[a]!, tokens[b]!) || a - b)
  const bytes: number[] = [0]
  const depths: number[] = [0]
  const tokenStart: number[] = [0]
  const skip: number[] = [0]
  const path: number[] = [0] // the node at each depth of the last token
  let last = new Uint8Array(0)
  for (const [order, id] of sorted.entries()) {
    const token = tokens[id]!
    let shared = 0
    while (shared < last.length && shared < token.length && last[shared] === token[shared]) shared++
    while (path.length - 1 > shared) skip[path.pop()!] = bytes.length
    for (let depth = shared + 1; depth <= token.length; depth++) {
      path.push(bytes.length)
      bytes.push(token[depth - 1]!)
      depths.push(depth)
      tokenStart.push(order)
      skip.push(0)
    }
    last = Uint8Array.from(token)
  }
  for (const node of path) skip[node] = bytes.length
  tokenStart.push(sorted.length)
  return {
    bytes: Uint8Array.from(bytes),
    depths: Uint16Array.from(depths),
    skip: Int32Array.from(skip),
    tokenStart: Int32Array.from(tokenStart),
    tokens: Int32Array.from(sorted),
    longest: sorted.reduce((most, id) => Math.max(most, tokens[id]!.length), 0),
  }
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}
