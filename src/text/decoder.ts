import type { Tokenizer } from './tokenizer.js'
import { incompleteTail } from './unicode.js'

export interface DecoderOptions {
  /** Leave special tokens out. On by default: a stream is for showing. */
  skipSpecial?: boolean
  /** The ids go on from an earlier text, so that a leading space belongs to them. Off by default. */
  continuation?: boolean
}

/** Turns ids into text one at a time; the concatenation of all it returns equals `tokenizer.decode` of all ids. */
export interface StreamDecoder {
  /** The text that is complete now; '' while a character is still missing bytes. */
  push(id: number): string
  /** The rest: U+FFFD where the stream stopped inside a character. The decoder then starts anew. */
  flush(): string
}

/** @throws TokenizerError `tokenizer_unknown_id` from `push` where an id is not in the vocabulary */
export function createDecoder(tokenizer: Tokenizer, options: DecoderOptions = {}): StreamDecoder {
  const { skipSpecial = true, continuation = false } = options
  const special = new Set(tokenizer.specialTokens.values())
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  let held = new Uint8Array(0)
  let atStart = !continuation

  const show = (bytes: Uint8Array): string => {
    const text = utf8.decode(bytes)
    if (text === '') return ''
    const strip = atStart && tokenizer.stripsLeadingSpace && text.startsWith(' ')
    atStart = false
    return strip ? text.slice(1) : text
  }

  return {
    push(id) {
      const bytes = tokenizer.idToBytes(id)
      if (skipSpecial && special.has(id)) return ''
      const all = new Uint8Array(held.length + bytes.length)
      all.set(held)
      all.set(bytes, held.length)
      const complete = all.length - incompleteTail(all)
      held = all.slice(complete)
      return show(all.subarray(0, complete))
    },
    flush() {
      const text = show(held)
      held = new Uint8Array(0)
      atStart = !continuation
      return text
    },
  }
}
