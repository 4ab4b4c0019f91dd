/** Documents cut into passages: whole sentences, up to a length, the last ones again at the beginning of the next. */
import type { DocumentKind } from './document.js'

export interface CutOptions {
  /** Characters of a passage at most; Chinese, Japanese and Korean ones count double. */
  readonly size: number
  /** Characters of sentences that the next passage repeats, at most. */
  readonly overlap: number
}

export interface Cut {
  readonly text: string
  /** The headings above it, outermost first. */
  readonly heading?: string
  /** Its place in the document's text. */
  readonly start: number
  readonly end: number
}

interface Span {
  readonly start: number
  readonly end: number
}

interface Section extends Span {
  readonly heading: string
}

/** A long paragraph is looked at in windows of so many characters, so that no file is slow. */
const WINDOW = 20_000

export function cutPassages(text: string, kind: DocumentKind, { size, overlap }: CutOptions): Cut[] {
  const cuts: Cut[] = []
  for (const section of kind === 'markdown'
    ? markdownSections(text)
    : [{ start: 0, end: text.length, heading: '' }]) {
    const sentences = sentencesOf(text, section, size)
    for (let from = 0; from < sentences.length; ) {
      let to = from
      let length = 0
      while (to < sentences.length && (to === from || length + weight(text, sentences[to]!) <= size)) {
        length += weight(text, sentences[to]!)
        to++
      }
      const [start, end] = [sentences[from]!.start, sentences[to - 1]!.end]
      cuts.push({
        text: text.slice(start, end),
        ...(section.heading && { heading: section.heading }),
        start,
        end,
      })
      if (to === sentences.length) break
      let next = to
      let shared = 0
      while (next - 1 > from) {
        shared += weight(text, sentences[next - 1]!)
        if (shared > overlap) break
        next--
      }
      from = next
    }
  }
  return cuts
}

/** Sections under headings; fences of code are no headings. */
function markdownSections(text: string): Section[] {
  const sections: Section[] = []
  const path: string[] = []
  let [start, at, fenced] = [0, 0, false]
  for (const line of text.split('\n')) {
    if (/^ {0,3}(```|~~~)/.test(line)) fenced = !fenced
    const heading = fenced ? null : /^ {0,3}(#{1,6}) +(.*?)[ #]*$/.exec(line)
    if (heading) {
      sections.push({ start, end: at, heading: headingOf(path) })
      path.length = heading[1]!.length - 1
      path[heading[1]!.length - 1] = heading[2]!
      start = at + line.length
    }
    at += line.length + 1
  }
  sections.push({ start, end: text.length, heading: headingOf(path) })
  return sections.filter(({ start, end }) => text.slice(start, end).trim() !== '')
}

const headingOf = (path: readonly (string | undefined)[]) => path.filter(Boolean).join(' › ').slice(0, 300)

function sentencesOf(text: string, section: Span, size: number): Span[] {
  const segmenter = new Intl.Segmenter(undefined, { granularity: 'sentence' })
  const spans: Span[] = []
  const add = (start: number, end: number) => {
    const words = text.slice(start, end)
    const from = start + (words.length - words.trimStart().length)
    const to = end - (words.length - words.trimEnd().length)
    if (from < to) spans.push(...pieces(text, { start: from, end: to }, size))
  }
  for (const paragraph of text.slice(section.start, section.end).matchAll(/(?:(?!\n\s*\n)[\s\S])+/g)) {
    const start = section.start + paragraph.index
    for (let at = 0; at < paragraph[0].length; at += WINDOW) {
      for (const { index, segment } of segmenter.segment(paragraph[0].slice(at, at + WINDOW))) {
        add(start + at + index, start + at + index + segment.length)
      }
    }
  }
  return spans
}

/** A sentence that is longer than a passage is cut between words, or else between characters. */
function pieces(text: string, { start, end }: Span, size: number): Span[] {
  if (weight(text, { start, end }) <= size) return [{ start, end }]
  const spans: Span[] = []
  let from = start
  while (from < end) {
    let to = from
    let length = 0
    while (to < end && length < size) {
      const char = text.codePointAt(to)!
      length += wide(char) ? 2 : 1
      to += char > 0xffff ? 2 : 1
    }
    if (to < end) {
      const space = text.slice(from, to).search(/\s\S*$/)
      if (space > (to - from) / 2) to = from + space + 1
    }
    if (text.slice(from, to).trim() !== '') spans.push({ start: from, end: to })
    from = to
  }
  return spans
}

function weight(text: string, { start, end }: Span): number {
  let length = 0
  for (let i = start; i < end; i++) length += wide(text.charCodeAt(i)) ? 2 : 1
  return length
}

const wide = (code: number) => code >= 0x2e80 && code <= 0xffee && !(code >= 0xd800 && code <= 0xf8ff)
