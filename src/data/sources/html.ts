import { Readability } from '@mozilla/readability'
import { parseHTML } from 'linkedom'

export interface HtmlText {
  readonly title: string
  /** Paragraphs, headings and list items on lines of their own. */
  readonly text: string
  readonly language?: string
}

/** Pages beyond these take minutes or the whole stack, and are no prose. */
const MAX_ELEMENTS = 200_000
const MAX_DEPTH = 500

const BLOCKS = new Set(
  `ADDRESS ARTICLE ASIDE BLOCKQUOTE BODY CAPTION DD DETAILS DIV DL DT FIELDSET FIGCAPTION FIGURE FOOTER FORM H1 H2 H3 H4 H5 H6
  HEADER HR LI MAIN NAV OL P PRE SECTION SUMMARY TABLE TBODY TFOOT THEAD TR UL`.split(/\s+/),
)
/** Blocks that stand apart from what is around them by an empty line. */
const PARAGRAPHS = new Set(
  `ARTICLE BLOCKQUOTE DIV DL FIGURE H1 H2 H3 H4 H5 H6 MAIN OL P PRE SECTION TABLE UL`.split(/\s+/),
)
const SILENT = new Set(
  `AUDIO BUTTON CANVAS HEAD IFRAME INPUT LINK META NOSCRIPT OBJECT SCRIPT SELECT STYLE SVG TEMPLATE TEXTAREA VIDEO`.split(
    /\s+/,
  ),
)
/** Around the content when no main part of the page can be told. */
const FRAME = new Set(['ASIDE', 'FOOTER', 'FORM', 'HEADER', 'NAV'])

/**
 * The main text of a page, without menus, footers and scripts (Mozilla's Readability; where it finds no article, all of the
 * page but its frame).
 *
 * @throws RangeError when the page is too large or too deep for it
 */
export function mainText(page: string): HtmlText {
  const html = withoutScripts(page)
  const tags = countTags(html)
  if (tags.count > MAX_ELEMENTS) throw new RangeError(`the page has more than ${MAX_ELEMENTS} elements`)
  if (tags.depth > MAX_DEPTH)
    throw new RangeError(`its elements lie more than ${MAX_DEPTH} deep in one another`)
  // A page without <html> would leave linkedom without a body.
  const { document } = parseHTML(/<html[\s>]/i.test(html) ? html : `<html><body>${html}</body></html>`)
  const language = document.documentElement?.getAttribute('lang')?.trim()
  const pageTitle = squeeze(document.querySelector('title')?.textContent ?? '')
  const whole = document.body ? textOf(document.body as unknown as HtmlNode, FRAME) : ''
  // It alters the document, so what has to be read of that is read before.
  const article = new Readability<HtmlNode>(document as unknown as globalThis.Document, {
    charThreshold: 200,
    serializer: (node) => node as unknown as HtmlNode,
  }).parse()
  const found = article?.content ? textOf(article.content) : ''
  return {
    title: squeeze(article?.title ?? '') || pageTitle,
    text: found || whole,
    ...(language && { language }),
  }
}

/** What is needed of a DOM node here. */
interface HtmlNode {
  readonly nodeType: number
  readonly nodeName: string
  readonly textContent: string | null
  readonly childNodes: ArrayLike<HtmlNode>
}

function textOf(root: HtmlNode, without?: ReadonlySet<string>): string {
  let text = ''
  /** Line ends to come before the next character. */
  let lines = 0
  let space = false
  const breakLine = (count: number): void => {
    lines = Math.max(lines, count)
    space = false
  }
  const write = (words: string): void => {
    if (text !== '' && lines > 0) text += '\n'.repeat(lines)
    else if (space && text !== '') text += ' '
    lines = 0
    space = false
    text += words
  }
  const visit = (node: HtmlNode, preformatted: boolean): void => {
    if (node.nodeType === 3) {
      const value = node.textContent ?? ''
      if (preformatted) {
        if (value !== '') write(value)
        return
      }
      const words = squeeze(value)
      if (words === '') {
        if (value !== '') space = true
        return
      }
      if (/^[ \t\n\r\f]/.test(value)) space = true
      write(words)
      space = /[ \t\n\r\f]$/.test(value)
      return
    }
    if (node.nodeType !== 1) return
    const name = node.nodeName.toUpperCase()
    if (SILENT.has(name) || without?.has(name)) return
    if (name === 'BR') {
      lines = Math.min(2, lines + 1)
      space = false
      return
    }
    const gap = PARAGRAPHS.has(name) ? 2 : BLOCKS.has(name) ? 1 : 0
    if (gap > 0) breakLine(gap)
    if (name === 'LI') {
      write('- ')
      lines = 0
    }
    // Cells of a row stand apart from one another.
    if (name === 'TD' || name === 'TH') space = true
    for (const child of Array.from(node.childNodes)) visit(child, preformatted || name === 'PRE')
    if (gap > 0) breakLine(gap)
  }
  visit(root, false)
  // A list item that holds a paragraph begins its line with it.
  return text
    .replaceAll(/^- \n+/gm, '- ')
    .replaceAll(/[ \t]+$/gm, '')
    .trim()
}

function squeeze(text: string): string {
  return text.replaceAll(/[ \t\n\r\f]+/g, ' ').replaceAll(/^ | $/g, '')
}

/** Scripts are often most of a page; left in, they would be parsed for nothing, and counted as elements. */
function withoutScripts(html: string): string {
  const opening = /<(script|style)(?=[\s>/])/gi
  let kept = ''
  let at = 0
  for (let match = opening.exec(html); match; match = opening.exec(html)) {
    const closing = new RegExp(`</${match[1]}`, 'gi')
    closing.lastIndex = opening.lastIndex
    kept += html.slice(at, match.index)
    const close = closing.exec(html)
    const end = close ? html.indexOf('>', close.index) : -1
    at = end < 0 ? html.length : end + 1
    if (end < 0) break
    opening.lastIndex = at
  }
  return kept + html.slice(at)
}

const VOID =
  /^(?:area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr|p|li|td|tr|th|dt|dd|option)$/i

/** An upper bound for how many elements there are and how deep they lie, without building them. */
function countTags(html: string): { count: number; depth: number } {
  let count = 0
  let depth = 0
  let deepest = 0
  for (const [, close, name] of html.matchAll(/<(\/?)([a-zA-Z][a-zA-Z0-9]*)/g)) {
    if (VOID.test(name!)) {
      count++
    } else if (close) {
      depth = Math.max(0, depth - 1)
    } else {
      count++
      deepest = Math.max(deepest, ++depth)
    }
  }
  return { count, depth: deepest }
}

/**
 * Bytes of a page as text: by byte order mark, then the label of the HTTP header, then that of a meta element, else UTF-8.
 * Wrong bytes become U+FFFD, as in a browser.
 */
export function decodeHtml(bytes: Uint8Array, contentType = ''): string {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 2048)).toString('latin1')
  const label =
    (head.startsWith('\xef\xbb\xbf') && 'utf-8') ||
    (head.startsWith('\xff\xfe') && 'utf-16le') ||
    (head.startsWith('\xfe\xff') && 'utf-16be') ||
    /charset\s*=\s*["']?([\w.:-]+)/i.exec(contentType)?.[1] ||
    /<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)/i.exec(head)?.[1] ||
    'utf-8'
  return newDecoder(label).decode(bytes)
}

function newDecoder(label: string): TextDecoder {
  try {
    return new TextDecoder(label)
  } catch {
    return new TextDecoder()
  }
}
