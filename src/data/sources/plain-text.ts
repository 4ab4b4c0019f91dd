import type { Input } from './input.js'
import type { Item, RawDocument } from './item.js'
import { readUtf8 } from './utf8-text.js'

export interface PlainTextOptions {
  readonly separator: string
  readonly maxDocumentLength: number
}

/**
 * A plain text: one document, or several between separators. One that is too long is cut at line ends.
 *
 * @throws FileFault when it is not text
 */
export async function* readPlainText(input: Input, options: PlainTextOptions): AsyncGenerator<Item[]> {
  const { separator, maxDocumentLength } = options
  const after = Number(input.after[0] ?? 0)
  let part = 0
  // Only what a separator may begin in is searched again when more comes.
  let held: string[] = []
  let heldLength = 0
  let tail = ''
  let items: Item[] = []

  const add = (text: string): void => {
    part++
    if (part > after) items.push(document(input, part, text))
  }
  const hold = (text: string): void => {
    held.push(text)
    heldLength += text.length
    if (heldLength <= maxDocumentLength) return
    let rest = held.join('')
    while (rest.length > maxDocumentLength) {
      const lineEnd = rest.lastIndexOf('\n', maxDocumentLength - 1)
      const cut = lineEnd > 0 ? lineEnd + 1 : beforeSurrogate(rest, maxDocumentLength)
      add(rest.slice(0, cut))
      rest = rest.slice(cut)
    }
    held = [rest]
    heldLength = rest.length
  }
  const take = (): string => {
    const text = held.join('')
    held = []
    heldLength = 0
    return text
  }

  for await (const chunk of readUtf8(input)) {
    const pieces = separator === '' ? [tail + chunk] : (tail + chunk).split(separator)
    const last = pieces.pop()!
    for (const piece of pieces) {
      hold(piece)
      const text = take().trim()
      if (text !== '') add(text)
    }
    const safe = Math.max(0, last.length - Math.max(0, separator.length - 1))
    tail = last.slice(safe)
    hold(last.slice(0, safe))
    if (items.length > 0) yield items
    items = []
  }
  hold(tail)
  const rest = take()
  if (rest.trim() !== '') add(part > 0 ? rest.trim() : rest)
  yield items
}

/** The first document keeps the file's plain name; there is often no second. */
function document(input: Input, part: number, text: string): RawDocument {
  const id = part === 1 ? input.id : `${input.id}#${part}`
  return { id, title: input.title, text, position: `${input.at}/${part}` }
}

/** Never between the halves of a surrogate pair. */
function beforeSurrogate(text: string, cut: number): number {
  const code = text.charCodeAt(cut)
  return cut > 1 && code >= 0xdc00 && code <= 0xdfff ? cut - 1 : cut
}
