import { describe, expect, test } from 'vitest'
import { renderHtml } from './html.js'
import { fenced, renderMarkdown, sparkline, text } from './markdown.js'
import { parseReport, type ReportData } from './schema.js'
import { exampleReport, hostileText } from './testing/example-report.js'

const report = exampleReport()
const page = renderHtml(report)
const markdown = renderMarkdown(report)
const bare: ReportData = parseReport({ title: 'Bare', when: '2026-01-02T03:04:05Z' })

describe('the page', () => {
  test('needs nothing from elsewhere and runs nothing', () => {
    expect(page).not.toMatch(/<script|<link|<iframe|<img|@import|url\(|https?:\/\//i)
    expect(page).not.toMatch(/\son\w+\s*=\s*"/i)
    expect(page).toContain("default-src 'none'")
  })

  test('shows what models wrote as text', () => {
    expect(page).toContain(
      '&lt;script&gt;alert(1)&lt;/script&gt; &lt;img src=x onerror=&quot;alert(2)&quot;&gt;',
    )
    expect(page).toContain('␛[31mred')
    expect(page).not.toContain('\u202e')
    expect(page.match(/<\/main>/g)).toHaveLength(1)
  })

  test('escapes every text that a report can carry', () => {
    const evil = '"><svg/onload=x>'
    const poisoned = JSON.parse(JSON.stringify(report), (key, value) =>
      typeof value === 'string' && !['when', 'kind', 'better'].includes(key) ? `${value}${evil}` : value,
    )
    const renamed = { ...poisoned, versions: { [evil]: evil }, seeds: { [evil]: 1 } }
    const html = renderHtml(parseReport(renamed))
    expect(html).toContain('&quot;&gt;&lt;svg/onload=x&gt;')
    expect(html).not.toContain('<svg/onload')
  })

  test('has every element closed, in order', () => {
    const open: string[] = []
    for (const [, end, name, attributes] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)((?:"[^"]*"|[^">])*)>/g)) {
      if (end) expect(open.pop()).toBe(name)
      else if (name !== 'meta' && !attributes!.endsWith('/')) open.push(name!)
    }
    expect(open).toEqual([])
  })

  test('numbers its figures, each with a title, a description and an id of its own', () => {
    const captions = [...page.matchAll(/<b>Figure (\d+)\.<\/b>/g)].map(([, number]) => Number(number))
    expect(captions).toEqual(captions.map((_, i) => i + 1))
    expect(captions.length).toBeGreaterThan(9)
    expect(page.match(/role="img" aria-labelledby/g)).toHaveLength(captions.length)
    const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('leads from the contents to every section', () => {
    const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id)
    expect(links).toEqual(
      [...page.matchAll(/<h2 id="([^"]+)">/g)].map(([, id]) => id).filter((id) => id !== 'contents'),
    )
    expect(links).toHaveLength(10)
  })

  test('works by day and by night and on paper', () => {
    expect(page).toContain('prefers-color-scheme: dark')
    expect(page).toContain('@media print')
    expect(page).toContain('width=device-width')
  })
})

describe.each([
  ['the page', page.replace(/<small>/g, ' ').replace(/<[^>]*>/g, '')],
  ['the markdown', markdown],
])('%s', (_, whole) => {
  test.each([
    ['the score of a stage with its interval', /76\.8\u00a0% \[72\.7, 80\.9\]/],
    [
      'a target that was missed, among the notes',
      /False premises is 83\.6\u00a0% after PPO; the target is at least 85\.0\u00a0%/,
    ],
    ['how many targets were met', /4 of 5/],
    ['that labelers are simulated', /Simulated[\s\S]*The labelers of this report are programs/],
    ['a win rate', /PPO against SFT[\s|]*214[\s|]*117[\s|]*69/],
    [
      'where gold is highest',
      /Gold is highest at a KL of 9\.8 nats; beyond it gold falls from 0\.8 to 0\.655 while the proxy goes on rising/,
    ],
    ['the ceiling of the reward model', /73\.0\u00a0%/],
    ['the baseline of the reward model', /the longer answer/],
    ['an ablation and its lesson', /the reward model is exploited/],
    ['what a stage took', /3\u00a0min 32\u00a0s/],
    ['memory', /1\.42\u00a0GB/],
    ['a source and its licence', /public domain/],
    ['what was held out', /whole phrasings/],
    ['versions', /20\.19\.4/],
    ['seeds', /1337/],
    ['an answer in another script', /冰岛的首都是雷克雅未克。/],
  ])('shows %s', (_, pattern) => {
    expect(whole).toMatch(pattern)
  })
})

describe('a report with little in it', () => {
  test('leaves out what was not measured', () => {
    const html = renderHtml(bare)
    expect(html).toContain('<h1>Bare</h1>')
    expect(html).not.toMatch(/<h2|<figure|<table|<nav|undefined|NaN/)
    expect(renderMarkdown(bare)).toBe('# Bare\n\n2026-01-02 03:04 UTC\n')
  })

  test.each(Object.keys(report))('renders without %s', (key) => {
    const { [key]: _, ...rest } = report as unknown as Record<string, unknown>
    const data = parseReport({ title: 'T', when: report.when, ...rest })
    expect(renderHtml(data)).not.toMatch(/NaN|\[object|undefined/)
    expect(renderMarkdown(data)).not.toMatch(/NaN|\[object|undefined/)
  })

  test('renders parts that are empty', () => {
    const data = parseReport({
      title: 'Empty',
      when: report.when,
      data: {},
      scores: { stages: [], rows: [] },
      wins: { judge: 'nobody', stages: [], cells: [] },
      overOptimisation: { points: [] },
      ablation: { metrics: [], rows: [] },
      rewardModel: { accuracy: { value: 0.5 } },
      curves: [{ title: 'nothing', series: [] }],
    })
    expect(renderHtml(data)).not.toMatch(/NaN|undefined/)
    expect(renderHtml(data).match(/<h2 id="([^"]+)">/g)).toEqual(['<h2 id="reward-model">'])
  })
})

describe('markdown', () => {
  test('fences what models wrote so that nothing in it ends the fence', () => {
    const block = fenced('a\n````\nb')
    expect(block).toBe('`````text\na\n````\nb\n`````')
    expect(markdown).toContain(fenced(hostileText))
  })

  test('keeps text of others in its cell', () => {
    expect(text('a|b\n`c` <d> *e* [f](g)')).toBe('a\\|b \\`c\\` \\<d\\> \\*e\\* \\[f\\](g)')
  })

  test('has tables whose rows are as wide as their heads', () => {
    const cells = (line: string) => line.replace(/\\\|/g, '').split('|').length
    for (const block of markdown.split('\n\n').filter((block) => block.startsWith('| '))) {
      const widths = block.trimEnd().split('\n').map(cells)
      expect(new Set(widths).size, block).toBe(1)
    }
  })

  test('draws a small line', () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█')
    expect(sparkline([2, 2])).toBe('▁▁')
    expect(sparkline([])).toBe('')
    expect(sparkline(Array.from({ length: 1000 }, (_, i) => i))).toHaveLength(40)
  })
})
