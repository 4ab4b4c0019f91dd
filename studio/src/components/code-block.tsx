import DOMPurify from 'dompurify'
import hljs from 'highlight.js/lib/core'
import bash from 'highlight.js/lib/languages/bash'
import css from 'highlight.js/lib/languages/css'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import markdown from 'highlight.js/lib/languages/markdown'
import python from 'highlight.js/lib/languages/python'
import sql from 'highlight.js/lib/languages/sql'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import { useEffect, useRef } from 'react'
import { useT } from '../i18n/index.js'
import { CopyButton } from './copy-button.js'

for (const [name, language] of Object.entries({
  bash,
  css,
  javascript,
  json,
  markdown,
  python,
  sql,
  typescript,
  xml,
})) {
  hljs.registerLanguage(name, language)
}

const purify = DOMPurify()

export function CodeBlock({ code, language }: { readonly code: string; readonly language: string }) {
  const t = useT()
  const ref = useRef<HTMLElement>(null)
  const name = language.trim().split(/\s/)[0] ?? ''
  const label = t('code.block', { language: name || t('code.plain') })
  useEffect(() => {
    const element = ref.current!
    if (!hljs.getLanguage(name)) {
      element.textContent = code
      return
    }
    const { value } = hljs.highlight(code, { language: name, ignoreIllegals: true })
    const fragment = purify.sanitize(value, {
      ALLOWED_TAGS: ['span'],
      ALLOWED_ATTR: ['class'],
      RETURN_DOM_FRAGMENT: true,
    })
    element.replaceChildren(fragment)
  }, [code, name])
  return (
    <div className="code">
      <div className="code-head">
        <span>{name || t('code.plain')}</span>
        <CopyButton text={code} label={t('code.copy')} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="code-scroll" tabIndex={0} aria-label={label}>
        <pre>
          <code ref={ref} />
        </pre>
      </section>
    </div>
  )
}
