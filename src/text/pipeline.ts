import { TokenizerError } from './errors.js'
import { literalRegex, translateRegex } from './regex.js'
import type { Component } from './schema.js'

/** A normalizer of `tokenizer.json`: rewrites the text before it is cut. */
export type Normalize = (text: string) => string
/** A pre-tokenizer: cuts a piece into pieces; `first` marks the piece that starts the text. */
export type Cut = (piece: string, first: boolean, emit: (piece: string) => void) => void

/** Pre-tokenizers as functions, and whether the pieces are then spelt in GPT-2's byte alphabet. */
export interface Cutter {
  cuts: Cut[]
  byteLevel: boolean
}

/** @throws TokenizerError `tokenizer_unsupported` for normalizers other than those handled here */
export function normalizerOf(spec: Component | null | undefined, name: string): Normalize {
  if (!spec) return (text) => text
  switch (spec.type) {
    case 'Sequence': {
      const steps = components(spec, 'normalizers', name).map((step) => normalizerOf(step, name))
      return (text) => steps.reduce((current, step) => step(current), text)
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = spec.type
      return (text) => text.normalize(form)
    }
    case 'Lowercase':
      return (text) => text.toLowerCase()
    case 'Prepend': {
      const prefix = stringField(spec, 'prepend', name)
      return (text) => (text === '' ? text : prefix + text)
    }
    case 'Replace': {
      const [pattern, content] = [patternOf(spec, name), stringField(spec, 'content', name)]
      return (text) => text.replace(pattern, () => content)
    }
    case 'Strip': {
      const [left, right] = [spec.strip_left !== false, spec.strip_right !== false]
      return (text) => {
        const start = left ? text.replace(/^\p{White_Space}+/u, '') : text
        return right ? start.replace(/\p{White_Space}+$/u, '') : start
      }
    }
  }
  throw unsupported(name, 'normalizer', spec.type)
}

/** @throws TokenizerError `tokenizer_unsupported` for pre-tokenizers other than those handled here */
export function cutterOf(spec: Component | null | undefined, name: string): Cutter {
  if (!spec) return { cuts: [], byteLevel: false }
  switch (spec.type) {
    case 'Sequence': {
      const parts = components(spec, 'pretokenizers', name).map((part) => cutterOf(part, name))
      if (parts.slice(0, -1).some((part) => part.byteLevel)) {
        throw unsupported(name, 'pre_tokenizer', 'ByteLevel before another step')
      }
      return { cuts: parts.flatMap((part) => part.cuts), byteLevel: parts.at(-1)?.byteLevel ?? false }
    }
    case 'ByteLevel': {
      const cuts: Cut[] = []
      if (spec.add_prefix_space === true) {
        cuts.push((piece, _first, emit) => emit(piece.startsWith(' ') ? piece : ` ${piece}`))
      }
      if (spec.use_regex !== false) cuts.push(split(translateRegex(gpt2Pattern, name)))
      return { cuts, byteLevel: true }
    }
    case 'Split': {
      const behavior = stringField(spec, 'behavior', name)
      const pattern = patternOf(spec, name)
      if (behavior === 'Isolated' && spec.invert !== true) return { cuts: [split(pattern)], byteLevel: false }
      if (behavior === 'Removed') {
        const keepMatches = spec.invert === true
        return { cuts: [split(pattern, keepMatches, !keepMatches)], byteLevel: false }
      }
      throw unsupported(name, 'pre_tokenizer', `Split with behavior ${behavior}`)
    }
    case 'Digits': {
      const pattern = spec.individual_digits === true ? /\p{N}/gu : /\p{N}+/gu
      return { cuts: [split(pattern)], byteLevel: false }
    }
    case 'Metaspace':
      return { cuts: [metaspace(spec, name)], byteLevel: false }
    case 'WhitespaceSplit':
      return { cuts: [split(/\P{White_Space}+/gu, true, false)], byteLevel: false }
  }
  throw unsupported(name, 'pre_tokenizer', spec.type)
}

/** GPT-2's pattern (Radford et al. 2019), which ByteLevel applies unless told not to. */
export const gpt2Pattern =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/**
 * Cuts at the matches of `pattern`; what lies between matches is a piece of its own.
 *
 * V8's regular expressions run out of stack on one match of several million characters. Such a run is then read in
 * windows of a million, so a single word longer than that may be cut where the reference would not cut it.
 */
export function split(pattern: RegExp, keepMatches = true, keepGaps = true): Cut {
  return (piece, _first, emit) => {
    let end = 0
    while (end < piece.length) {
      const match = matchFrom(pattern, piece, end)
      if (match === undefined) break
      const [at, length] = match
      if (keepGaps && at > end) emit(piece.slice(end, at))
      if (keepMatches && length > 0) emit(piece.slice(at, at + length))
      // An empty match must not hold the scan up.
      if (length === 0 && keepGaps) emit(String.fromCodePoint(piece.codePointAt(at) ?? 0))
      end = length > 0 ? at + length : at + (piece.codePointAt(at)! > 0xffff ? 2 : 1)
    }
    if (keepGaps && end < piece.length) emit(piece.slice(end))
  }
}

const window = 1 << 20

function matchFrom(pattern: RegExp, text: string, from: number): [at: number, length: number] | undefined {
  pattern.lastIndex = from
  try {
    const match = pattern.exec(text)
    return match === null || match.index >= text.length ? undefined : [match.index, match[0].length]
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  let end = Math.min(text.length, from + window)
  if (text.codePointAt(end - 1)! > 0xffff) end-- // not between the halves of a character
  pattern.lastIndex = 0
  const match = pattern.exec(text.slice(from, end))
  return match === null ? [from, end - from] : [from + match.index, match[0].length]
}

function metaspace(spec: Component, name: string): Cut {
  const mark = spec.replacement === undefined ? '▁' : stringField(spec, 'replacement', name)
  const scheme = spec.prepend_scheme ?? (spec.add_prefix_space === false ? 'never' : 'always')
  const words = spec.split === false ? undefined : new RegExp(`${literalRegex(mark).source}`, 'gu')
  return (piece, first, emit) => {
    let text = piece.replaceAll(' ', mark)
    if (!text.startsWith(mark) && (scheme === 'always' || (scheme === 'first' && first))) text = mark + text
    if (!words) return emit(text)
    let start = 0
    for (const match of text.matchAll(words)) {
      if (match.index > start) emit(text.slice(start, match.index))
      start = match.index
    }
    if (start < text.length) emit(text.slice(start))
  }
}

/** The children of a Sequence. */
export function components(spec: Component, field: string, name: string): Component[] {
  const list = spec[field]
  const isComponent = (item: unknown): item is Component =>
    typeof item === 'object' && item !== null && 'type' in item && typeof item.type === 'string'
  if (Array.isArray(list) && list.every(isComponent)) return list
  throw new TokenizerError(
    'tokenizer_invalid',
    `${name}: a Sequence needs a list of components in "${field}".`,
  )
}

export function stringField(spec: Component, field: string, name: string): string {
  const value = spec[field]
  if (typeof value === 'string') return value
  throw new TokenizerError('tokenizer_invalid', `${name}: ${spec.type} needs a string in "${field}".`)
}

/** The `pattern` of Split and Replace: `{ "String": s }` or `{ "Regex": r }`. */
export function patternOf(spec: Component, name: string): RegExp {
  const pattern = spec.pattern as { String?: unknown; Regex?: unknown } | string | null | undefined
  if (typeof pattern === 'string') return literalRegex(pattern)
  if (typeof pattern?.String === 'string') return literalRegex(pattern.String)
  if (typeof pattern?.Regex === 'string') return translateRegex(pattern.Regex, name)
  throw new TokenizerError('tokenizer_invalid', `${name}: ${spec.type} needs a "pattern" of String or Regex.`)
}

export const unsupported = (name: string, part: string, what: string): TokenizerError =>
  new TokenizerError(
    'tokenizer_unsupported',
    `${name}: ${part} ${what} is not supported. Byte-level, character and SentencePiece-style BPE tokenizers are.`,
  )
