/** Talking in the studio, in a real browser before a fake server. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { fakeModels } from '../../studio/testing/fake-server.ts'
import { chromiumPath } from '../browser/chromium.ts'
import { START_TIMEOUT, type Studio, startStudio } from './studio.ts'

vi.setConfig({ testTimeout: 180_000 })

describe.skipIf(!chromiumPath)(
  `the studio${chromiumPath ? '' : ' (skipped: no Chromium; set ATHANOR_CHROMIUM)'}`,
  () => {
    let studio: Studio
    let page: Page

    beforeAll(async () => {
      studio = await startStudio()
    }, START_TIMEOUT)

    afterAll(() => studio?.close())

    beforeEach(() => {
      const { state } = studio.server
      Object.assign(state, { start: null, key: undefined, delay: 1, models: fakeModels })
      return async () => {
        await page.context().close()
        expect(studio.problems.splice(0)).toEqual([])
      }
    })

    const composer = () => page.getByRole('textbox', { name: 'Write a message' })
    const answers = () => page.getByRole('article', { name: 'Assistant' })
    const say = async (text: string) => {
      await composer().fill(text)
      await composer().press('Enter')
    }
    const answered = (count = 1) =>
      page
        .getByRole('button', { name: 'Another answer' })
        .nth(count - 1)
        .waitFor()

    it('goes from the first page to an answer, a thumb, a reason and a better answer', async () => {
      page = await studio.open()
      await page.getByRole('heading', { name: 'What shall we talk about?' }).waitFor()
      expect(page.url()).toContain('#/chat')
      await say('How does a rainbow form?')
      await answered()
      expect(await answers().textContent()).toContain('A rainbow forms')
      expect(page.url()).toMatch(/#\/chat\/conv_/)
      await expectFocus(composer())

      await page.getByRole('button', { name: 'Good answer' }).click()
      await page.getByRole('dialog', { name: 'What was good?' }).waitFor()
      await page.getByRole('checkbox', { name: 'Correct' }).check()
      await page.getByLabel('In your own words').fill('and short')
      await page.getByRole('dialog').getByRole('button', { name: 'Send' }).click()
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      await page.locator('[aria-label="Good answer"][aria-pressed="true"]').waitFor()

      await page.getByRole('button', { name: 'Write a better answer' }).click()
      await page.getByLabel('Your answer').fill('Light bends in rain.')
      await page.getByRole('button', { name: 'Save answer' }).click()
      await page.getByRole('dialog').waitFor({ state: 'detached' })

      const [message] = studio.server.state.messages.filter(({ role }) => role === 'assistant')
      expect(studio.server.state.feedback).toMatchObject([
        { kind: 'thumb', message: message!.id, value: 1, reason: 'Correct; and short' },
        { kind: 'correction', message: message!.id, value: 'Light bends in rain.' },
      ])

      await page.reload()
      await page.locator('[aria-label="Good answer"][aria-pressed="true"]').waitFor()
      await page.locator('[aria-label="Write a better answer"][aria-pressed="true"]').waitFor()
    })

    it('keeps every branch of an edited question and of tried-again answers', async () => {
      page = await studio.open()
      await say('first words')
      await answered()
      await say('second words')
      await answered(2)

      await page.getByRole('button', { name: 'Another answer' }).last().click()
      await page.getByText('2 / 2').waitFor()
      await answered(2)
      const second = await answers().last().textContent()
      await page.getByRole('button', { name: 'Previous version' }).click()
      await page.getByText('1 / 2').waitFor()
      expect(await answers().last().textContent()).not.toBe(second)

      await page.getByRole('article', { name: 'You' }).first().hover()
      await page.getByRole('button', { name: 'Edit' }).first().click()
      await page.getByLabel('Your message, edited').fill('other words')
      await page.getByLabel('Your message, edited').press('Enter')
      await page.getByText('2 / 2').waitFor()
      await answered()
      expect(await page.getByText('second words').count()).toBe(0)
      await page.getByRole('button', { name: 'Previous version' }).click()
      await page.getByText('second words').waitFor()

      const { conversation } = studio.server.state.messages.at(-1)!
      const saved = studio.server.state.messages.filter((each) => each.conversation === conversation)
      const parentOf = (content: string) => saved.find((each) => each.content === content)!.parent
      expect(saved).toHaveLength(7)
      expect(parentOf('other words')).toBeUndefined()
      expect(saved.find(({ id }) => id === parentOf('second words'))!.role).toBe('assistant')
    })

    it('stops an answer and keeps what there was of it', async () => {
      page = await studio.open()
      studio.server.state.delay = 20
      await say('something long')
      await page.getByText('word3').waitFor()
      await page.getByRole('button', { name: 'Stop' }).click()
      await page.getByText('Stopped').waitFor()
      const text = await answers().textContent()
      expect(text).toContain('word3')
      expect(text).not.toContain('word399')
      await page.reload()
      await page.getByText('Stopped').waitFor()
    })

    it('says what went wrong, and tries again without losing a word', async () => {
      page = await studio.open()
      await say('please refuse this')
      await page.getByRole('alert').getByText('the prompt does not fit').waitFor()
      await page.getByText('please refuse this').waitFor()

      await page.getByRole('button', { name: 'New chat' }).first().click()
      await say('you will fail')
      await page.getByRole('alert').getByText('ran out of coal').waitFor()
      expect(await answers().textContent()).toContain('A rainbow')
      await page.getByRole('button', { name: 'Try again' }).click()
      await page.getByRole('alert').getByText('ran out of coal').waitFor()
      const saved = studio.server.state.messages.filter(({ content }) => content === 'you will fail')
      expect(saved).toHaveLength(1)
    })

    it('shows markdown, and never runs what comes in questions and answers', async () => {
      page = await studio.open()
      await say('some markdown')
      await answered()
      const answer = answers().last()
      expect(await answer.getByRole('heading', { name: 'A heading' }).count()).toBe(1)
      expect(await answer.getByRole('cell', { name: 'bread' }).count()).toBe(1)
      expect(await answer.locator('.hljs-keyword').count()).toBeGreaterThan(0)
      const link = answer.getByRole('link', { name: 'link' })
      expect(await link.getAttribute('rel')).toContain('noopener')

      await say('<img src=x onerror="window.hacked=9"> script <b>bold</b>')
      await answered(2)
      expect(await answers().last().textContent()).toContain('<script>window.hacked = 1</script>')
      expect(await page.locator('main img, main iframe, main script, main b').count()).toBe(0)
      expect(await page.locator('a[href^="javascript:"]').count()).toBe(0)
      expect(await page.evaluate(() => (window as { hacked?: number }).hacked)).toBeUndefined()
    })

    it('finds, renames and deletes conversations', async () => {
      page = await studio.open()
      await say('about marmalade')
      await answered()
      await page.getByRole('searchbox').fill('marmalade')
      const list = page.getByRole('region', { name: 'Conversations' })
      await expectCount(list.getByRole('listitem'), 1)
      await list.getByRole('listitem').hover()
      await list.getByRole('button', { name: /^Rename/ }).click()
      await page.getByRole('textbox', { name: 'Name' }).fill('<i>Jam</i>')
      await page.getByRole('textbox', { name: 'Name' }).press('Enter')
      await list.getByText('<i>Jam</i>').waitFor()
      await list.getByRole('button', { name: /^Delete/ }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
      await list.getByText('Nothing found').waitFor()
      await page.getByRole('heading', { name: 'What shall we talk about?' }).waitFor()
    })

    it('sends the model, the settings, the preset and the collection that were chosen', async () => {
      page = await studio.open()
      await page.getByLabel('Model').selectOption('sft')
      await page.getByLabel('Preset').selectOption('translation')
      await page.getByLabel('Into').selectOption('Chinese')
      await page.getByLabel('Documents to answer from').selectOption('handbook')
      await page.getByRole('button', { name: 'Settings of the answers' }).click()
      await page.getByLabel('Instructions').fill('Be brief.')
      await page.getByLabel('Seed').fill('7')
      await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
      await say('hello there')
      await page.getByText('1 source', { exact: true }).waitFor()
      await page.getByText('Handbook of rain').click()
      await page.getByText('Light bends in water. <b>Truly.</b>').waitFor()
      const { body } = studio.server.state.requests.findLast(({ path }) => path === '/v1/chat/completions')!
      expect(body).toMatchObject({
        ...{
          model: 'sft',
          preset: 'translation',
          parameters: { language: 'Chinese' },
          collection: 'handbook',
        },
        ...{ store: true, stream: true, seed: 7 },
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'hello there' },
        ],
      })
    })

    it('waits for the first model and opens the chat by itself', async () => {
      const { state } = studio.server
      Object.assign(state, {
        models: [],
        start: { state: 'running', run: 'run_1' },
      })
      page = await studio.open()
      await page.getByRole('heading', { name: 'Your first model is in the furnace' }).waitFor()
      await page.getByText('Now: Reading').waitFor()
      expect(await page.getByRole('link', { name: 'Watch it learn' }).getAttribute('href')).toBe('#/train')
      Object.assign(state, { models: fakeModels, start: { state: 'done' } })
      await page.getByRole('heading', { name: 'What shall we talk about?' }).waitFor()
      await say('How does a rainbow form?')
      await answered()
    })

    it('asks for a key when the server wants one', async () => {
      studio.server.state.key = 'ath_secret'
      page = await studio.open()
      await page.getByRole('dialog', { name: 'API key' }).getByRole('button', { name: 'Cancel' }).click()
      await page.getByRole('button', { name: 'Enter a key' }).click()
      const field = page.getByLabel('Key', { exact: true })
      await field.fill('wrong')
      await page.getByRole('button', { name: 'Use this key' }).click()
      await page.getByText('does not accept this key').waitFor()
      await field.fill('ath_secret')
      await page.getByRole('button', { name: 'Use this key' }).click()
      await say('How does a rainbow form?')
      await answered()
      expect(
        await page.evaluate(() => [
          localStorage.getItem('athanor.key'),
          sessionStorage.getItem('athanor.key'),
        ]),
      ).toEqual([null, 'ath_secret'])
    })

    async function expectFocus(locator: ReturnType<Page['getByRole']>) {
      expect(await locator.evaluate((element) => element === document.activeElement)).toBe(true)
    }

    async function expectCount(locator: ReturnType<Page['getByRole']>, count: number) {
      await expect.poll(() => locator.count()).toBe(count)
    }
  },
)
