import { Parser } from 'htmlparser2'

export interface HtmlText {
  readonly title: string
  /** Paragraphs apart from one another by an empty line; list items and rows of tables on lines of their own. */
  readonly text: string
  readonly language?: string
}

/** Pages beyond these are no prose. */
const MAX_ELEMENTS = 500_000
const MAX_DEPTH = 1000

const set = (names: string): ReadonlySet<string> => new Set(names.trim().split(/\s+/))
const BLOCKS = set(`
  address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer form h1 h2
  h3 h4 h5 h6 header hgroup hr legend li main nav ol p pre section summary table tbody tfoot thead tr ul`)
const LINES = set('li tr dt dd caption summary')
const SILENT = set(`
  audio button canvas datalist iframe math noscript object option script select style svg template textarea title video`)
/** Never the main text. */
const BESIDE = set('aside footer nav')

/** A run of text without a block in it. */
interface Block {
  text: string
  readonly isHeading: boolean
  /** An item of a list or a row of a table: it goes on the line after the one before it. */
  readonly isLine: boolean
  readonly isBeside: boolean
  /** How much text it is, and how much of that is in links. */
  weight: number
  linkWeight: number
}

/**
 * The main text of a page, without menus, footers and scripts: long runs of text with few links are taken, short ones when they
 * stand between those. After jusText (Pomikálek 2011, "Removing boilerplate and duplicate content from web corpora", chapter 3),
 * without its lists of stop words, so that it serves all languages; in one pass, whose cost grows with the length of the page
 * only. A page that is short altogether is taken whole, but for its frame.
 *
 * @throws RangeError when the page has more elements than any that is written for people
 */
export function mainText(html: string): HtmlText {
  const { blocks, title, heading, language } = parse(html)
  const isGood = classify(blocks)
  const chosen = blocks.filter((_, index) => isGood[index])
  const kept = chosen.length > 0 ? chosen : blocks.filter((block) => !block.isBeside && !isMostlyLinks(block))
  let text = ''
  let wasLine = false
  for (const { text: words, isLine } of kept) {
    text += text === '' ? words : (isLine && wasLine ? '\n' : '\n\n') + words
    wasLine = isLine
  }
  return {
    // Sites add their names to the title of a page.
    title: heading !== '' && title.includes(heading) ? heading : title || heading,
    text,
    ...(language && { language }),
  }
}

function parse(html: string): {
  blocks: Block[]
  title: string
  heading: string
  language: string | undefined
} {
  const blocks: Block[] = []
  let block: Block | undefined
  /** Of the block: put together at its end, since asking a growing string for its end is slow. */
  let parts: string[] = []
  let breaks = 0
  let title = ''
  let heading = ''
  let language: string | undefined
  let elements = 0
  let depth = 0
  let silent = 0
  let beside = 0
  let links = 0
  let preformatted = 0
  let inTitle = false
  let inHeading = 0
  let space = false
  /** The next block begins an item of a list. */
  let item = false
  let line = false

  const flush = (): void => {
    if (block) {
      block.text = parts.join('').trimEnd()
      if (block.isHeading && heading === '') heading = block.text
      if (block.text !== '') blocks.push(block)
    }
    block = undefined
    parts = []
    space = false
    breaks = 0
  }
  const write = (text: string): void => {
    if (!block) {
      block = {
        text: '',
        isHeading: inHeading > 0,
        isLine: line,
        isBeside: beside > 0,
        weight: 0,
        linkWeight: 0,
      }
      if (item) parts.push('- ')
      item = false
    } else if (breaks > 0) parts.push('\n')
    else if (space) parts.push(' ')
    space = false
    breaks = 0
    parts.push(text)
    const weight = weigh(text)
    block.weight += weight
    if (links > 0) block.linkWeight += weight
  }
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        depth++
        if (++elements > MAX_ELEMENTS || depth > MAX_DEPTH) {
          throw new RangeError(
            `it has more than ${MAX_ELEMENTS} elements, or more than ${MAX_DEPTH} in one another`,
          )
        }
        if (name === 'html') language ??= attributes.lang?.trim()
        if (name === 'title' && silent === 0 && title === '') inTitle = true
        if (SILENT.has(name)) silent++
        if (BLOCKS.has(name)) {
          flush()
          line = LINES.has(name) || (line && name === 'p')
          if (name === 'li') item = true
        }
        if (BESIDE.has(name)) beside++
        if (name === 'a') links++
        if (name === 'pre') preformatted++
        if (/^h[1-6]$/.test(name)) inHeading++
        if (name === 'br' && block) {
          // Two of them are how old pages part paragraphs.
          if (++breaks === 2) flush()
        }
        if (name === 'td' || name === 'th') space = true
      },
      ontext(text) {
        if (inTitle) title += text
        if (silent > 0) return
        if (preformatted > 0) {
          if (block || text.trim() !== '') write(text)
          return
        }
        const words = squeeze(text)
        if (words === '') {
          space = true
          return
        }
        if (isSpace(text.charCodeAt(0))) space = true
        write(words)
        space = isSpace(text.charCodeAt(text.length - 1))
      },
      onclosetag(name) {
        depth--
        if (name === 'title') inTitle = false
        if (SILENT.has(name)) silent--
        if (BLOCKS.has(name)) {
          flush()
          if (LINES.has(name)) {
            line = false
            item = false
          }
        }
        if (BESIDE.has(name)) beside--
        if (name === 'a') links--
        if (name === 'pre') preformatted--
        if (/^h[1-6]$/.test(name)) inHeading--
      },
    },
    { decodeEntities: true, recognizeSelfClosing: false },
  )
  parser.end(html)
  flush()
  return { blocks, title: squeeze(title), heading, language }
}

/** Below it a run of text says too little to be judged by itself; from the second on it is certainly prose. */
const SHORT = 70
const LONG = 200
const MAX_LINKS = 0.2
/** Encyclopedias link much of their prose. */
const MAX_LINKS_LONG = 0.45
/** Between a heading and the text that it is of. */
const HEADING_REACH = 200

type Kind = 'good' | 'bad' | 'short' | 'near'

function classify(blocks: readonly Block[]): boolean[] {
  const kinds = blocks.map(kindOf)
  // What is neither clearly prose nor clearly not goes with its neighbours, first without regard to one another.
  const before = neighbours(kinds, (kind) => kind === 'good' || kind === 'bad')
  const after = neighbours([...kinds].reverse(), (kind) => kind === 'good' || kind === 'bad').reverse()
  const settled = kinds.map((kind, i): Kind => {
    if (kind === 'good' || kind === 'bad') return kind
    const sides = [before[i] ?? 'bad', after[i] ?? 'bad']
    if (kind === 'near') return sides.includes('good') || !kinds.includes('good') ? 'good' : 'bad'
    return sides[0] === sides[1] ? sides[0]! : 'near'
  })
  // A short run between prose and no prose goes with a longer one that has turned out to be prose.
  const nearBefore = neighbours(settled, (kind) => kind !== 'near')
  const nearAfter = neighbours([...settled].reverse(), (kind) => kind !== 'near').reverse()
  const good = settled.map((kind, i) =>
    kind === 'near' ? nearBefore[i] === 'good' && nearAfter[i] === 'good' : kind === 'good',
  )
  // A heading belongs to the prose that follows it.
  let reach = Number.POSITIVE_INFINITY
  for (let i = blocks.length - 1; i >= 0; i--) {
    const { isHeading, isBeside, weight } = blocks[i]!
    if (good[i]) reach = 0
    else if (isHeading && !isBeside && reach <= HEADING_REACH && !isMostlyLinks(blocks[i]!)) good[i] = true
    else reach += weight
  }
  return good
}

function kindOf(block: Block): Kind {
  const { weight, isBeside, text } = block
  if (isBeside || isMostlyLinks(block) || /^\s*(©|copyright\b|\(c\) \d{4})/i.test(text)) return 'bad'
  if (weight < SHORT) return block.linkWeight > 0 ? 'bad' : 'short'
  return weight >= LONG ? 'good' : 'near'
}

function isMostlyLinks({ weight, linkWeight }: Block): boolean {
  return linkWeight > (weight >= LONG ? MAX_LINKS_LONG : MAX_LINKS) * weight
}

/** For each place the last kind before it that `counts`. */
function neighbours(kinds: readonly Kind[], counts: (kind: Kind) => boolean): (Kind | undefined)[] {
  let last: Kind | undefined
  return kinds.map((kind) => {
    const found = last
    if (counts(kind)) last = kind
    return found
  })
}

/** Characters, one of Chinese, Japanese or Korean being worth three letters. */
function weigh(text: string): number {
  let weight = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x2e80 && code < 0xfb00) weight += 2
  }
  return weight
}

function squeeze(text: string): string {
  return text.replaceAll(/[ \t\n\r\f]+/g, ' ').replaceAll(/^ | $/g, '')
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13 && code !== 11)
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
