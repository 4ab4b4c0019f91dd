/**
 * Text of a model as formatted text. Nothing in it acts: HTML is shown as it was written, links open apart and tell nobody
 * where they were clicked, images are links (a picture from elsewhere would tell its server what was read).
 */
import DOMPurify from 'dompurify'
import { Marked, type Token, type Tokens } from 'marked'
import { memo, useEffect, useMemo, useRef } from 'react'
import '../styles/markdown.css'
import { CodeBlock } from './code-block.js'

const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escapeHtml(text),
    image: ({ href, text, title }) =>
      `<a href="${escapeHtml(href)}"${title ? ` title="${escapeHtml(title)}"` : ''}>${escapeHtml(text || href)}</a>`,
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
  },
})

const purify = DOMPurify()
purify.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName !== 'A') return
  node.setAttribute('target', '_blank')
  node.setAttribute('rel', 'noopener noreferrer nofollow')
})

/** What formatted text is made of; everything else becomes its text. */
const allowed = {
  ALLOWED_TAGS:
    'a p br hr em strong del code pre blockquote ul ol li h1 h2 h3 h4 h5 h6 table thead tbody tr th td'.split(
      ' ',
    ),
  ALLOWED_ATTR: ['href', 'title', 'start', 'align'],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
}

/** Safe formatted text, parsed anew only where the text has changed: a long answer streams in without a stutter. */
export function Markdown({ text }: { readonly text: string }) {
  const blocks = useMemo(() => marked.lexer(text).filter(({ type }) => type !== 'space'), [text])
  return (
    <div className="markdown">
      {blocks.map((token, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: text grows at its end, so a block keeps its place
        <Block key={index} token={token} />
      ))}
    </div>
  )
}

const Block = memo(
  ({ token }: { readonly token: Token }) =>
    token.type === 'code' ? (
      <CodeBlock code={(token as Tokens.Code).text} language={(token as Tokens.Code).lang ?? ''} />
    ) : (
      <Formatted token={token} />
    ),
  (before, after) => before.token.type === after.token.type && before.token.raw === after.token.raw,
)
Block.displayName = 'Block'

function Formatted({ token }: { readonly token: Token }) {
  const ref = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const html = marked.parser([token])
    ref.current!.replaceChildren(purify.sanitize(html, { ...allowed, RETURN_DOM_FRAGMENT: true }))
  }, [token])
  return <div ref={ref} className="markdown-block" />
}
