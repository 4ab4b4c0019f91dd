/** Training and models in the studio, end to end: real runs begun from the form, in a headless browser. */
import { rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { chromiumPath } from '../browser/chromium.ts'
import { buildStudio, launchBrowser, seriousFindings, sidewaysScroll } from './studio.ts'
import { startWorkshop, type Workshop } from './workshop.ts'

const line = 'The furnace is fed once and burns steadily until the work is done. '

/** The whole way of a run, on a machine that may be busy with other things. */
const PATIENCE = 120_000

describe.skipIf(!chromiumPath)(
  `training in the studio${chromiumPath ? '' : ' (skipped: no Chromium; set ATHANOR_CHROMIUM)'}`,
  () => {
    let folder: string
    let workshop: Workshop
    let browser: Browser
    let page: Page
    const problems: string[] = []

    beforeAll(async () => {
      folder = await buildStudio()
      browser = await launchBrowser()
    }, PATIENCE)

    afterAll(async () => {
      await browser?.close()
      if (folder) rmSync(folder, { recursive: true })
    })

    beforeEach(async () => {
      workshop = await startWorkshop({ studio: folder })
      await writeFile(join(workshop.root, 'data', 'furnace.txt'), line.repeat(60))
      const context = await browser.newContext({
        viewport: { width: 1280, height: 900 },
        locale: 'en-US',
        reducedMotion: 'reduce',
      })
      context.setDefaultTimeout(30_000)
      page = await context.newPage()
      page.on('pageerror', (error) => problems.push(error.message))
      page.on('console', (message) => {
        if (/content security policy/i.test(message.text())) problems.push(message.text())
      })
    })

    afterEach(async () => {
      await page?.context().close()
      await workshop?.close()
      expect(problems.splice(0)).toEqual([])
    })

    /** A tiny pretraining run, chosen and filled in as a person does. */
    const begin = async (steps: number) => {
      await page.goto(`${workshop.url}#/train`)
      await page.getByRole('link', { name: 'New run' }).first().click()
      await page.getByRole('radio', { name: /^Pretraining/ }).check({ force: true })
      await page.getByLabel('Data 1').fill('data/furnace.txt')
      await page.getByLabel('Size', { exact: true }).selectOption('nanogpt-char-cpu')
      await page.getByLabel('Steps', { exact: true }).fill(String(steps))
      await page.getByText(/more settings/).click()
      const small = {
        Layers: 1,
        'Attention heads': 2,
        Width: 16,
        'Context length': 16,
        'Batch size': 4,
        'Eval every': 0,
        'Log every': 1,
      }
      for (const [label, value] of Object.entries(small))
        await page.getByLabel(label, { exact: true }).fill(String(value))
      await page.getByRole('button', { name: 'Start' }).click()
      await page.getByRole('heading', { level: 1, name: 'pretrain' }).waitFor()
    }
    const state = (name: string) => page.locator('.page-head .badge', { hasText: name })

    it(
      'starts a run from the form, draws its curve, shows its report and makes a model of it',
      async () => {
        await begin(30)
        await state('finished').waitFor({ timeout: PATIENCE })
        const chart = page.getByRole('img', { name: /^Loss\. training: from .* at step 30\./ })
        await chart.waitFor()
        expect(await chart.locator('canvas').count()).toBe(1)
        await expect.poll(() => page.locator('.tile', { hasText: 'Step' }).textContent()).toContain('30 / 30')
        expect(await seriousFindings(page)).toEqual([])

        await page.getByRole('link', { name: 'Report card' }).click()
        await page.frameLocator('iframe').getByRole('heading', { level: 1, name: 'pretrain' }).waitFor()
        await page.getByRole('link', { name: 'Back to the run' }).click()

        await page.getByRole('button', { name: 'Use this model' }).click()
        await page.getByRole('dialog').getByLabel('Name').fill('mine')
        await page.getByRole('dialog').getByRole('button', { name: 'Add' }).click()
        const card = page.locator('.model-card', { hasText: 'mine' })
        await card.getByText('Pretraining').waitFor()
        expect(await card.getByText('live', { exact: true }).count()).toBe(1)

        await page.goto(`${workshop.url}#/train`)
        await page.getByRole('link', { name: /pretrain/ }).waitFor()
        expect(await seriousFindings(page)).toEqual([])
        await page.setViewportSize({ width: 390, height: 844 })
        expect(await sidewaysScroll(page)).toBe(0)
      },
      2 * PATIENCE,
    )

    it(
      'pauses a run, which goes on where it was',
      async () => {
        await begin(4000)
        await page.getByRole('img', { name: /^Loss/ }).waitFor({ timeout: PATIENCE })
        await page.getByRole('button', { name: 'Pause' }).click()
        await state('paused').waitFor({ timeout: PATIENCE })
        const [before] = await workshop.runs.list()
        expect(before!.progress.step).toBeGreaterThan(0)
        await page.getByRole('button', { name: 'Resume' }).click()
        await state('running').waitFor()
        await expect
          .poll(async () => (await workshop.runs.list())[0]!.progress.step, { timeout: PATIENCE })
          .toBeGreaterThan(before!.progress.step! + 5)
        await page.getByRole('button', { name: 'Stop' }).click()
        await state('stopped').waitFor({ timeout: PATIENCE })
        const { curves } = await workshop.runs.curves(before!.id)
        const { steps } = curves.find(({ metric }) => metric === 'loss')!
        expect(steps).toEqual(steps.map((_, i) => i + 1))
      },
      3 * PATIENCE,
    )

    it('promotes a version, rolls back, and shares the traffic', async () => {
      const versions: string[] = []
      for (const name of ['one', 'two']) {
        const dir = join(workshop.root, 'runs', name)
        await mkdir(dir, { recursive: true })
        await writeFile(join(dir, 'config.json'), '{}')
        const response = await workshop.server.post('/api/models/assistant/versions', { dir: `runs/${name}` })
        const { versions: all } = (await response.json()) as { versions: { version: string }[] }
        versions.push(all[0]!.version)
      }
      await page.goto(`${workshop.url}#/models`)
      const card = page.locator('.model-card', { hasText: 'assistant' })
      const version = (n: number) => card.locator(`[data-version="${versions[n]}"]`)
      const live = (n: number) => version(n).getByText('live', { exact: true })
      await live(0).waitFor()
      await version(1).getByRole('button', { name: 'Make live' }).click()
      await live(1).waitFor()
      await card.getByRole('button', { name: 'Roll back' }).click()
      await live(0).waitFor()
      expect((await workshop.server.store.models.get('assistant')).live).toBe(versions[0])

      await card.getByText('A/B: share the traffic').click()
      await card.getByLabel('Its share').fill('25')
      await card.getByRole('button', { name: 'Save' }).click()
      await version(1).getByText('25%').waitFor()
      expect((await workshop.server.store.models.get('assistant')).traffic).toEqual({
        [versions[0]!]: 0.75,
        [versions[1]!]: 0.25,
      })
      expect(await seriousFindings(page)).toEqual([])
    })

    it('shows data, and makes and revokes a key', async () => {
      await page.goto(`${workshop.url}#/data`)
      await page.getByRole('link', { name: 'data/furnace.txt' }).click()
      await page
        .getByText(/The furnace is fed once/)
        .first()
        .waitFor()
      await page.goto(`${workshop.url}#/settings`)
      await page.getByRole('button', { name: 'New key' }).click()
      await page.getByRole('dialog').getByLabel('Name').fill('laptop')
      await page.getByRole('button', { name: 'Make the key' }).click()
      const secret = await page.locator('.secret code').textContent()
      expect(secret!.length).toBeGreaterThan(30)
      expect(await seriousFindings(page)).toEqual([])
      await page.getByRole('button', { name: 'I have kept it' }).click()
      await page.getByRole('button', { name: 'Revoke laptop' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
      await page.getByText('revoked', { exact: true }).waitFor()
      expect(await page.content()).not.toContain(secret!)
    })

    it('opens every tab of the settings, and adds documents to a collection', async () => {
      await page.goto(`${workshop.url}#/settings`)
      const tab = (name: string) => page.getByRole('link', { name, exact: true }).click()
      await tab('Usage')
      for (const by of ['Model', 'Key', 'Day']) await page.getByLabel(by, { exact: true }).check()
      await tab('Presets')
      await page.getByText('Translation').first().waitFor()
      await tab('Collections')
      await page.getByRole('button', { name: 'New collection' }).click()
      await page.getByRole('dialog').getByLabel('Name').fill('handbook')
      // Enter in a field does what the button does.
      await page.keyboard.press('Enter')
      await page.locator('input[type=file]').setInputFiles([
        { name: 'fire.txt', mimeType: 'text/plain', buffer: Buffer.from('The fire is fed once.') },
        { name: 'broken.pdf', mimeType: 'application/pdf', buffer: Buffer.from('no pdf') },
      ])
      await page.getByText('1 document added').waitFor()
      await page.getByText(/^broken\.pdf: /).waitFor()
      await page.getByRole('button', { name: 'Delete fire' }).waitFor()
      await tab('Export & import')
      await page.getByRole('button', { name: 'Export everything' }).waitFor()
      expect(await page.getByText('This page stumbled').count()).toBe(0)
    })

    it('refuses what is wrong in words, on the form', async () => {
      await page.goto(`${workshop.url}#/train/new?stage=pretrain`)
      await page.getByLabel('Data 1').fill('data/../../etc/passwd')
      await page.getByRole('button', { name: 'Start' }).click()
      await page
        .getByRole('alert')
        .getByText(/no path in the workspace/)
        .waitFor()
      expect(await workshop.runs.list()).toEqual([])
    })
  },
)
