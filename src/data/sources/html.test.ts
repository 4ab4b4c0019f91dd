import { describe, expect, it } from 'vitest'
import { decodeHtml, mainText } from './html.js'
import { readBody } from './warc.js'

const prose = 'The furnace burned all night, and the alchemist, who had fed it once, slept beside it. '

describe('mainText', () => {
  it('takes the article and leaves menus, scripts and footers', () => {
    const page = `<!doctype html><html lang="en-GB"><head><title>The furnace | Journal</title><style>p{}</style></head><body>
      <nav><ul><li><a href="/">Home</a><li><a href="/about">About us</a></ul></nav>
      <article><h1>The furnace</h1><p>${prose.repeat(4)}</p><script>if (a < b) alert("<p>no</p>")</script>
      <p>Second <b>para</b>graph &amp; more&nbsp;text.<br>Next line.</p><ul><li>one</li><li><p>two</p></li></ul>
      <pre>  keep
    this</pre><p>${prose.repeat(4)}</p></article>
      <footer>Copyright, cookies, newsletter</footer></body></html>`
    const { title, text, language } = mainText(page)
    expect(title).toMatch(/^The furnace/)
    expect(language).toBe('en-GB')
    expect(text).not.toMatch(/Home|About|Copyright|alert|no</)
    expect(text).toContain('Second paragraph & more\u00a0text.\nNext line.')
    expect(text).toContain('- one\n- two')
    expect(text).toContain('  keep\n    this')
    expect(text).toContain(`${prose.trim()}\n\nSecond`)
  })

  it('gives short pages whole, without their frame', () => {
    expect(mainText('<nav>menu</nav><p>Hello</p><p>world</p><footer>end</footer>').text).toBe(
      'Hello\n\nworld',
    )
    expect(mainText('just text').text).toBe('just text')
    expect(mainText('<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>').text).toBe('a b\nc')
    expect(mainText('').text).toBe('')
  })

  it('reads Chinese pages', () => {
    const paragraph = '明月几时有，把酒问青天。不知天上宫阙，今夕是何年。'
    const { text } = mainText(
      `<html lang=zh><body><div class=menu><a href=1>首页</a></div><div>${`<p>${paragraph.repeat(5)}</p>`.repeat(3)}</div></body></html>`,
    )
    expect(text).toBe(Array(3).fill(paragraph.repeat(5)).join('\n\n'))
  })

  it('refuses pages that are built to exhaust it, quickly', () => {
    const start = performance.now()
    expect(() => mainText('<div>'.repeat(100_000))).toThrow(/more than 1000 in one another/)
    expect(() => mainText('<p>'.repeat(600_000))).toThrow(/elements/)
    expect(mainText(`${'<script>'.repeat(200_000)}`).text).toBe('')
    expect(mainText(`<p>x</p>${'<script '.repeat(200_000)}`).text).toBe('x')
    expect(mainText(`<p>x</p>${'<'.repeat(1_000_000)}`).text.length).toBeGreaterThan(999_999)
    expect(mainText(`<p>${'<b>'.repeat(400)}deep`).text).toContain('deep')
    expect(performance.now() - start).toBeLessThan(20_000)
  })

  it('finds the encoding as a browser does', () => {
    const gbk = Buffer.from([0xc4, 0xe3, 0xba, 0xc3])
    expect(decodeHtml(gbk, 'text/html; charset=GBK')).toBe('你好')
    expect(decodeHtml(Buffer.concat([Buffer.from('<meta charset="gb2312">'), gbk]))).toContain('你好')
    expect(decodeHtml(Buffer.from('\ufeffé'), 'text/html; charset=latin1')).toBe('é')
    expect(decodeHtml(Buffer.from([0x68, 0xff]), 'text/html; charset=nonsense')).toBe('h\ufffd')
  })

  it('answers for pages without text', () => {
    expect(readBody(Buffer.from('<p> </p>'), 'text/html')).toMatchObject({ code: 'empty' })
    expect(readBody(Buffer.from('x'), 'image/png')).toMatchObject({ code: 'unsupported' })
    expect(readBody(Buffer.alloc(9 << 20, 32), 'text/html')).toMatchObject({ code: 'too-large' })
  })
})
