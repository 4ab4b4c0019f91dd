import { components, patternOf, stringField, unsupported } from './pipeline.js'
import type { Component } from './schema.js'
import { charToByte, encodeUtf8 } from './unicode.js'

/** SentencePiece's spelling of a byte that no piece covers. */
export const byteFallbackToken = (byte: number): string =>
  `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`

export interface TokenDecoder {
  token: (token: string) => Uint8Array
  stripsLeadingSpace: boolean
}

/** A decoder of `tokenizer.json`, as what each token adds and what happens at the start of the text. */
export function decoderOf(spec: Component | null | undefined, name: string): TokenDecoder {
  const decoder: TokenDecoder = { token: encodeUtf8, stripsLeadingSpace: false }
  const steps = !spec ? [] : spec.type === 'Sequence' ? components(spec, 'decoders', name) : [spec]
  const rewrites: ((token: string) => string)[] = []
  let finish: (token: string) => Uint8Array = encodeUtf8
  for (const step of steps) {
    if (step.type === 'ByteLevel') finish = byteLevelBytes
    else if (step.type === 'ByteFallback') finish = byteFallbackBytes
    else if (step.type === 'Replace') {
      const [pattern, content] = [patternOf(step, name), stringField(step, 'content', name)]
      rewrites.push((token) => token.replace(pattern, () => content))
    } else if (step.type === 'Metaspace') {
      const mark = step.replacement === undefined ? '▁' : stringField(step, 'replacement', name)
      rewrites.push((token) => token.replaceAll(mark, ' '))
      decoder.stripsLeadingSpace = step.prepend_scheme !== 'never' && step.add_prefix_space !== false
    } else if (step.type === 'Strip' && step.content === ' ' && step.start === 1 && step.stop === 0) {
      decoder.stripsLeadingSpace = true
    } else if (step.type !== 'Fuse') throw unsupported(name, 'decoder', step.type)
  }
  decoder.token = (token) => finish(rewrites.reduce((current, rewrite) => rewrite(current), token))
  return decoder
}

function byteLevelBytes(token: string): Uint8Array {
  const bytes: number[] = []
  for (const char of token) {
    const byte = charToByte.get(char)
    if (byte === undefined) return encodeUtf8(token)
    bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}

function byteFallbackBytes(token: string): Uint8Array {
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1]
  return byte === undefined ? encodeUtf8(token) : Uint8Array.of(Number.parseInt(byte, 16))
}
