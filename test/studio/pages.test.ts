/** The other pages of the studio, and what is true of all of them: accessible, narrow enough for a phone, in two languages. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { chromiumPath } from '../browser/chromium.ts'
import { START_TIMEOUT, type Studio, seriousFindings, sidewaysScroll, startStudio } from './studio.ts'

// Axe looks at every page twice; a machine that has other things to do takes its time.
vi.setConfig({ testTimeout: 180_000 })

const pages = ['chat', 'compare', 'labeling', 'playground', 'train', 'data', 'models', 'settings']

describe.skipIf(!chromiumPath)(
  `the pages of the studio${chromiumPath ? '' : ' (skipped: no Chromium; set ATHANOR_CHROMIUM)'}`,
  () => {
    let studio: Studio
    let page: Page

    beforeAll(async () => {
      studio = await startStudio()
    }, START_TIMEOUT)

    afterAll(() => studio?.close())

    beforeEach(() => {
      Object.assign(studio.server.state, { start: null, key: undefined, delay: 1 })
      studio.server.state.feedback.length = 0
      return async () => {
        await page.context().close()
        expect(studio.problems.splice(0)).toEqual([])
      }
    })

    const order = async () => {
      const texts = await page
        .locator('[data-slot]')
        .evaluateAll((cards) =>
          cards.map(
            (card) =>
              `${card.querySelector('.board-place')!.textContent}${(card as HTMLElement).dataset.slot}`,
          ),
        )
      return texts.join(' ')
    }
    const grip = (slot: string) =>
      page.getByRole('button', { name: new RegExp(`^Answer ${slot} is on place`) })

    it('compares answers whose authors stay hidden until they are ranked with keys', async () => {
      page = await studio.open('#/compare')
      await page.getByLabel('Question or task').fill('What is rain?')
      await page.getByRole('checkbox', { name: 'sft' }).check()
      await page.getByRole('button', { name: 'Get answers' }).click()
      await grip('A').waitFor()
      expect(await order()).toBe('1A 2B 3C')
      expect(await page.locator('.board').textContent()).not.toMatch(/ppo|sft/)
      const save = page.getByRole('button', { name: 'Save ranking' })
      expect(await save.isDisabled()).toBe(true)

      await grip('C').press('1')
      expect(await order()).toBe('1C 2A 3B')
      await expect.poll(() => grip('C').evaluate((element) => element === document.activeElement)).toBe(true)
      await grip('B').press('ArrowUp')
      expect(await order()).toBe('1C 2B 3A')
      await grip('A').press('=')
      expect(await order()).toBe('1C 2B 2A')

      await page.getByText('Rate in detail').first().click()
      await page.getByRole('slider', { name: 'Quality, Answer C' }).press('End')
      await save.click()
      await page.getByRole('heading', { name: 'Your ranking' }).waitFor()
      await expect.poll(() => page.locator('.board').textContent()).toMatch(/ppo.*sft|sft.*ppo/s)
      const { body } = studio.server.state.requests.findLast(({ path }) => path.endsWith('/ranking'))!
      expect(body).toMatchObject({ ranks: [2, 2, 1], rubric: [null, null, { quality: 1 }] })
    })

    it('ranks by dragging', async () => {
      page = await studio.open('#/compare')
      await page.getByLabel('Question or task').fill('What is rain?')
      await page.getByRole('button', { name: 'Get answers' }).click()
      await grip('C').waitFor()
      const centre = async (slot: string, part = 0.5) => {
        const box = (await page.locator(`[data-slot="${slot}"]`).boundingBox())!
        return { x: box.x + 30, y: box.y + box.height * part }
      }
      const drag = async (slot: string, to: { x: number; y: number }) => {
        await grip(slot).hover()
        await page.mouse.down()
        await page.mouse.move(to.x, to.y - 5, { steps: 4 })
        await page.mouse.move(to.x, to.y)
        await page.mouse.up()
      }
      await drag('C', await centre('A', 0.05))
      expect(await order()).toBe('1C 2A 3B')
      await drag('B', await centre('A', 0.5))
      expect(await order()).toBe('1C 2A 2B')
    })

    it('goes through the labeling queue', async () => {
      const prompt = [{ role: 'user', content: 'Is <b>rain</b> wet?' }]
      studio.server.state.tasks.push(
        { id: 'task_1', kind: 'ranking', prompt, answers: [{ text: 'Yes.' }, { text: 'No.' }] },
        { id: 'task_2', kind: 'thumb', prompt, answers: [{ text: 'Very.' }] },
        { id: 'task_3', kind: 'correction', prompt, answers: [{ text: 'Hardly.' }] },
      )
      page = await studio.open('#/labeling')
      await page.getByLabel('Your name').fill('Ann')
      await page.getByRole('button', { name: 'Begin' }).click()
      await page.getByText('Is <b>rain</b> wet?').waitFor()
      await grip('B').press('ArrowUp')
      await page.keyboard.press('Control+Enter')
      await page.getByRole('button', { name: 'Bad answer' }).click()
      await page.getByRole('button', { name: 'Save and next' }).click()
      await page.getByLabel('Your answer').waitFor()
      await page.getByText('2 of 3 tasks done').waitFor()
      await page.getByText('Agreement: 75%').waitFor()
      await page.getByRole('button', { name: 'Skip', exact: true }).click()
      await page.getByRole('heading', { name: 'Nothing left for you' }).waitFor()
      expect(studio.server.state.judgements).toMatchObject([
        { task: 'task_1', labeler: 'Ann', values: [2, 1] },
        { task: 'task_2', labeler: 'Ann', values: [-1] },
        { task: 'task_3', labeler: 'Ann' },
      ])
    })

    it('shows how sure the model was of every token, with the keyboard too', async () => {
      page = await studio.open('#/playground')
      await page.getByLabel('Text to go on with').fill('Bread was')
      await page.keyboard.press('Control+Enter')
      const tokens = page.getByRole('group', { name: 'Tokens of the text' })
      await tokens.getByRole('button', { name: /Rome/ }).waitFor()
      await expect.poll(() => tokens.getByRole('button').count()).toBe(11)
      expect(await page.locator('.tokens b').count()).toBe(0)
      await tokens.getByRole('button').first().focus()
      await page.getByRole('row', { name: /·once/ }).waitFor()
      await page.keyboard.press('ArrowRight')
      await page.getByRole('row', { name: /·upon/ }).waitFor()
      const { body } = studio.server.state.requests.findLast(({ path }) => path === '/v1/completions')!
      expect(body).toMatchObject({ model: 'ppo', prompt: 'Bread was', logprobs: 5, max_tokens: 64 })
    })

    it('speaks Chinese when asked, and remembers it', async () => {
      page = await studio.open()
      await page.getByLabel('Language').selectOption('zh')
      await page.getByRole('heading', { name: '想聊点什么？' }).waitFor()
      expect(await page.evaluate(() => document.documentElement.lang)).toBe('zh-CN')
      await page.reload()
      await page.getByRole('link', { name: '训练' }).waitFor()
      await page.context().close()
      page = await studio.open('', { locale: 'zh-CN' })
      await page.getByRole('heading', { name: '想聊点什么？' }).waitFor()
    })

    it('takes light and dark from the system, or as the person says', async () => {
      page = await studio.open('', { colorScheme: 'dark' })
      const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
      await page.getByRole('radio', { name: 'Light' }).waitFor()
      const dark = await ground()
      await page.getByRole('radio', { name: 'Light' }).check()
      await expect.poll(ground).not.toBe(dark)
      await page.reload()
      await page.getByRole('radio', { name: 'Light' }).waitFor()
      await expect.poll(ground).not.toBe(dark)
    })

    it('can be used with the keyboard alone', async () => {
      page = await studio.open()
      await page.getByRole('heading', { name: 'What shall we talk about?' }).waitFor()
      await page.keyboard.press('?')
      await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      await page.keyboard.press('g')
      await page.keyboard.press('p')
      await page.getByRole('heading', { name: 'Playground', level: 1 }).waitFor()
      await page.keyboard.press('g')
      await page.keyboard.press('c')
      await page.keyboard.press('i')
      await page.keyboard.type('How does a rainbow form? gc')
      await page.keyboard.press('Enter')
      await page.getByRole('button', { name: 'Another answer' }).waitFor()
    })

    describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
      it('have nothing that axe finds serious', async () => {
        page = await studio.open('', { colorScheme })
        await page.getByLabel('Write a message').fill('markdown')
        await page.keyboard.press('Enter')
        await page.getByRole('button', { name: 'Another answer' }).waitFor()
        const found: string[] = await seriousFindings(page)
        for (const name of pages) {
          await page.goto(`${studio.server.url}#/${name}`)
          await page.locator('main h1').waitFor()
          await page.locator('main .loading').waitFor({ state: 'detached' })
          found.push(...(await seriousFindings(page)).map((finding) => `${name}: ${finding}`))
        }
        await page.goto(`${studio.server.url}#/chat`)
        await page.getByRole('button', { name: 'Settings of the answers' }).click()
        found.push(...(await seriousFindings(page)).map((finding) => `options: ${finding}`))
        expect(found).toEqual([])
      })
    })

    it('fit on a phone', async () => {
      page = await studio.open('', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true })
      await page.getByLabel('Write a message').fill('markdown')
      await page.getByRole('button', { name: 'Send' }).click()
      await page.getByRole('button', { name: 'Another answer' }).waitFor()
      const wide: Record<string, number> = { answer: await sidewaysScroll(page) }
      for (const name of pages) {
        await page.getByRole('button', { name: 'Menu' }).click()
        await page.getByRole('dialog').locator(`a[href="#/${name}"]`).click()
        await page.locator('main h1').waitFor()
        await page.getByRole('dialog').waitFor({ state: 'detached' })
        wide[name] = await sidewaysScroll(page)
      }
      expect(wide).toEqual(Object.fromEntries(Object.keys(wide).map((name) => [name, 0])))
    })
  },
)
