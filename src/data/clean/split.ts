/** Long documents in pieces, so that a book is not one document that a single rule could drop or hold out whole. */
import { safeCut } from './characters.js'

/** Pieces of at most `maxCharacters` UTF-16 units, cut at the last empty line, else line, else sentence or space before it. */
export function splitText(text: string, maxCharacters: number): string[] {
  if (text.length <= maxCharacters) return [text]
  const pieces: string[] = []
  let at = 0
  while (text.length - at > maxCharacters) {
    const end = at + cutWithin(text.slice(at, at + maxCharacters))
    pieces.push(text.slice(at, end).trim())
    at = end
  }
  pieces.push(text.slice(at).trim())
  return pieces.filter((piece) => piece !== '')
}

const BOUNDARIES = ['\n\n', '\n', '。', '. ', ' ']

/** Where to cut a window: in its second half, so that pieces are not tiny. */
function cutWithin(window: string): number {
  for (const boundary of BOUNDARIES) {
    const found = window.lastIndexOf(boundary)
    if (found >= window.length >> 1) return found + boundary.length
  }
  return safeCut(`${window} `, window.length - 1)
}
