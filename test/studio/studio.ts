/** Builds the studio and opens it in a headless browser, before a fake server. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { build } from 'vite'
import { type FakeServer, startFakeServer } from '../../studio/testing/fake-server.ts'
import { chromiumPath } from '../browser/chromium.ts'

export interface Studio {
  readonly server: FakeServer
  readonly folder: string
  /** A page of its own browser profile; `hash` is where it begins. */
  open(hash?: string, options?: BrowserContextOptions): Promise<Page>
  /** What went wrong in any page: errors that were thrown, and what the content security policy refused. */
  readonly problems: string[]
  close(): Promise<void>
}

const root = resolve(import.meta.dirname, '../../studio')
const built = resolve(import.meta.dirname, '../../dist/studio')

/** The studio as it is shipped, in a folder of its own: what `npm run build` made, or a new build where that is out of date. */
export async function buildStudio(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'athanor-studio-'))
  if (isFresh()) {
    cpSync(built, folder, { recursive: true })
    return folder
  }
  await build({
    root,
    configFile: join(root, 'vite.config.ts'),
    logLevel: 'error',
    build: { outDir: folder, emptyOutDir: true },
  })
  return folder
}

function isFresh(): boolean {
  const made = statSync(join(built, 'index.html'), { throwIfNoEntry: false })?.mtimeMs ?? 0
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).every(
    (file) => statSync(join(root, file)).mtimeMs < made,
  )
}

/** Building and starting a browser may take long on a machine that has other things to do. */
export const START_TIMEOUT = 240_000

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath!,
    chromiumSandbox: false,
    args: [
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

export async function startStudio(): Promise<Studio> {
  const folder = await buildStudio()
  const server = await startFakeServer(folder)
  const browser = await launchBrowser()
  const problems: string[] = []
  return {
    server,
    folder,
    problems,
    async open(hash = '', options = {}) {
      const context = await browser.newContext({
        viewport: { width: 1280, height: 860 },
        locale: 'en-US',
        reducedMotion: 'reduce',
        ...options,
      })
      const page = await context.newPage()
      page.on('pageerror', (error) => problems.push(error.message))
      page.on('console', (message) => {
        if (/content security policy/i.test(message.text())) problems.push(message.text())
      })
      await page.goto(server.url + hash)
      return page
    },
    async close() {
      await browser.close()
      await server.close()
      rmSync(folder, { recursive: true })
    },
  }
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds serious in the page, one line for each. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axeSource)
  return page.evaluate(async () => {
    interface Finding {
      readonly id: string
      readonly impact: string | null
      readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
    }
    const { axe } = window as unknown as { axe: { run(): Promise<{ violations: Finding[] }> } }
    const { violations } = await axe.run()
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`))
  })
}

/** By how many pixels the page can be scrolled sideways. */
export const sidewaysScroll = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const wide = [document.documentElement, ...document.querySelectorAll('main, main > *')]
    return Math.max(...wide.map((element) => element.scrollWidth - element.clientWidth))
  })
