/** The studio before the real server: routes, database and all; only the model is a stand-in that answers at once. */
import { rmSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { chromiumPath } from '../browser/chromium.ts'
import { buildStudio, launchBrowser, START_TIMEOUT } from './studio.ts'
import { startWorkshop, type Workshop } from './workshop.ts'

vi.setConfig({ testTimeout: 180_000 })

describe.skipIf(!chromiumPath)(
  `the studio and the server${chromiumPath ? '' : ' (skipped: no Chromium; set ATHANOR_CHROMIUM)'}`,
  () => {
    let folder: string
    let workshop: Workshop
    let browser: Browser
    let page: Page
    const problems: string[] = []

    beforeAll(async () => {
      folder = await buildStudio()
      workshop = await startWorkshop({ studio: folder })
      browser = await launchBrowser()
      page = await (await browser.newContext({ locale: 'en-US', reducedMotion: 'reduce' })).newPage()
      page.on('pageerror', (error) => problems.push(error.message))
      page.on('console', (message) => {
        if (/content security policy/i.test(message.text())) problems.push(message.text())
      })
      await page.goto(workshop.url)
    }, START_TIMEOUT)

    afterAll(async () => {
      await browser?.close()
      await workshop?.close()
      if (folder) rmSync(folder, { recursive: true })
    })

    const say = async (text: string) => {
      await page.getByRole('textbox', { name: 'Write a message' }).fill(text)
      await page.keyboard.press('Enter')
    }
    const answered = (count: number) =>
      page
        .getByRole('button', { name: 'Another answer' })
        .nth(count - 1)
        .waitFor()
    const store = () => workshop.server.store

    it('talk: messages, branches, thumbs and corrections are kept', async () => {
      await say('Good morning')
      await answered(1)
      await say('Good evening')
      await answered(2)
      await page.getByRole('button', { name: 'Another answer' }).last().click()
      await page.getByText('2 / 2').waitFor()
      await answered(2)
      await page.getByRole('article', { name: 'You' }).last().hover()
      await page.getByRole('button', { name: 'Edit' }).last().click()
      await page.getByLabel('Your message, edited').fill('Good night')
      await page.keyboard.press('Enter')
      await page.getByText('Good night').first().waitFor()
      await answered(2)

      await page.getByRole('button', { name: 'Bad answer' }).last().click()
      await page.getByRole('button', { name: 'No reason' }).click()
      await page.getByRole('button', { name: 'Write a better answer' }).last().click()
      await page.getByLabel('Your answer').fill('Sleep well!')
      await page.getByRole('button', { name: 'Save answer' }).click()
      await page.getByRole('dialog').waitFor({ state: 'detached' })

      const [conversation] = (await store().conversations.list('anyone')).items
      const messages = await store().messages.list(conversation!.id, 'anyone')
      expect(messages.filter(({ role }) => role === 'user').map(({ content }) => content)).toEqual([
        'Good morning',
        'Good evening',
        'Good night',
      ])
      expect(messages.filter(({ role }) => role === 'assistant')).toHaveLength(4)
      const { items } = await store().feedback.list('anyone')
      expect(items).toMatchObject([
        { kind: 'thumb', value: -1, message: messages.at(-1)!.id },
        { kind: 'correction', value: 'Sleep well!' },
      ])

      await page.getByRole('button', { name: 'Bad answer' }).last().click()
      await expect.poll(async () => (await store().feedback.list('anyone')).items.length).toBe(1)
    })

    it('rank: a comparison becomes feedback', async () => {
      await page.goto(`${workshop.url}#/compare`)
      await page.getByLabel('Question or task').fill('What is rain?')
      await page.getByRole('button', { name: 'Get answers' }).click()
      const grip = page.getByRole('button', { name: /^Answer C is on place/ })
      await grip.press('1')
      await page.getByRole('button', { name: 'Save ranking' }).click()
      await page.getByRole('heading', { name: 'Your ranking' }).waitFor()
      await page.locator('.board').getByText('fake').first().waitFor()
      const { items } = await store().feedback.list('anyone', { kind: 'ranking' })
      expect(items).toMatchObject([
        { value: [2, 3, 1], prompt: [{ role: 'user', content: 'What is rain?' }] },
      ])
    })

    it('label: prompts become tasks, and tasks judgements', async () => {
      await page.goto(`${workshop.url}#/labeling`)
      await page.getByLabel('Your name').fill('Ann')
      await page.getByRole('button', { name: 'Begin' }).click()
      await page.getByRole('heading', { name: 'Nothing left for you' }).waitFor()
      await page.getByRole('button', { name: 'Add tasks' }).click()
      await page.getByRole('textbox', { name: 'Prompts' }).fill('What is snow?\nWhat is hail?')
      await page.getByRole('button', { name: 'Add to the queue' }).click()
      await page.getByText('What is snow?').first().waitFor()
      await page.getByRole('button', { name: 'The order is already right' }).click()
      await page.getByRole('button', { name: 'Save and next' }).click()
      await page.getByText('What is hail?').first().waitFor()
      await page.getByText('1 of 2 tasks done').waitFor()
      await page.getByRole('button', { name: 'Skip', exact: true }).click()
      await page.getByRole('heading', { name: 'Nothing left for you' }).waitFor()
      const { items } = await store().feedback.list('anyone', { kind: 'ranking' })
      expect(items.at(-1)).toMatchObject({ labeler: 'Ann', value: [1, 2, 3] })
    })

    it('see tokens: the playground reads what completions say', async () => {
      await page.goto(`${workshop.url}#/playground`)
      await page.getByLabel('Text to go on with').fill('one two three')
      await page.keyboard.press('Control+Enter')
      const tokens = page.getByRole('group', { name: 'Tokens of the text' })
      await expect.poll(() => tokens.getByRole('button').count()).toBeGreaterThan(1)
      await tokens.getByRole('button').first().focus()
      await page.locator('.alternatives tr').first().waitFor()
    })

    it('and nothing went wrong in the page', () => {
      expect(problems).toEqual([])
    })
  },
)
