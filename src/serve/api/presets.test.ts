import { afterEach, describe, expect, it } from 'vitest'
import { createPresets } from '../presets/index.js'
import { createHarness, type Harness } from '../testing/harness.js'
import { presetRoutes } from './presets.js'

let harness: Harness
const open = async () => {
  harness = await createHarness()
  return { ...harness, expand: createPresets(harness.store).expand }
}
afterEach(() => harness.close())

const user = (content: string) => ({ role: 'user', content }) as const

describe('expandPreset', () => {
  it('puts the message of the user and the parameters into the template', async () => {
    const { expand } = await open()
    const { messages, settings } = await expand('translation', { target: 'German' }, [
      { role: 'system', content: 'Be quick.' },
      user('Hello {target}'),
    ])
    expect(messages).toEqual([
      {
        role: 'system',
        content: 'You translate faithfully. You answer with the translation and nothing else.\n\nBe quick.',
      },
      user('Translate the following text into German.\nStyle: natural.\n\nHello {target}'),
    ])
    expect(settings).toEqual({ temperature: 0.3 })
  })

  it('says its instructions once, also in the second turn of a conversation that it began', async () => {
    const { expand } = await open()
    const first = await expand('translation', { target: 'German' }, [user('Hello')])
    const second = await expand('translation', { target: 'German' }, [...first.messages, user('Bye')])
    expect(second.messages.filter(({ role }) => role === 'system')).toEqual([first.messages[0]])
  })

  it('asks in the form that the assistant knows', async () => {
    const { expand } = await open()
    const { messages } = await expand('passage-question', { passage: 'There is a land called Ib.' }, [
      user('Where?'),
    ])
    expect(messages).toEqual([user('Passage: There is a land called Ib.\nQuestion: Where?')])
  })

  it('speaks Chinese to whom writes Chinese, or who wants it', async () => {
    const { expand } = await open()
    const said = async (parameters: object, message: string) =>
      (await expand('summary', { ...parameters }, [user(message)])).messages.at(-1)!.content
    expect(await said({}, '春眠不觉晓')).toBe('请用三句话概括下面的文字。\n\n春眠不觉晓')
    expect(await said({ locale: 'en' }, '春眠不觉晓')).toBe(
      'Summarize the following text in three sentences.\n\n春眠不觉晓',
    )
    expect(await said({ locale: 'zh', length: 'one sentence' }, 'Spring')).toBe(
      '请用一句话概括下面的文字。\n\nSpring',
    )
  })

  it('keeps the turns before, and stands alone without any', async () => {
    const { expand } = await open()
    const before = [user('a'), { role: 'assistant', content: 'b' } as const]
    const { messages } = await expand('sentiment', {}, [...before, user('c')])
    expect(messages.slice(0, 2)).toEqual(before)
    expect(messages[2]!.content).toMatch(/^What is the sentiment .*\nText: c$/s)
    expect((await expand('essay', {}, [])).messages.length).toBe(2)
  })

  it.each([
    ['nothing', {}, 404, /no preset "nothing"/],
    ['essay', { lines: 3 }, 400, /no parameter lines; it has words, tone, readers/],
    ['essay', { words: 'many' }, 400, /whole number from 50 to 3000/],
    ['essay', { words: 10 }, 400, /whole number from 50/],
    ['essay', { tone: 'angry' }, 400, /is one of "neutral"/],
    ['essay', { tone: { a: 1 } }, 400, /must be a text/],
    ['essay', { locale: 'fr' }, 400, /one of en, zh/],
    ['passage-question', {}, 400, /needs the parameter passage/],
    ['__proto__', {}, 404, /no preset/],
  ])('refuses %s with %j', async (name, parameters, status, message) => {
    const { expand } = await open()
    await expect(expand(name, parameters, [user('x')])).rejects.toMatchObject({
      status,
      message: expect.stringMatching(message),
    })
  })
})

describe('/api/presets', () => {
  const routes = async () => {
    const { context } = await open()
    const { createRouter } = await import('../context.js')
    const { toApiError } = await import('../errors.js')
    const app = createRouter()
    const caller = { user: 'ada', scopes: ['chat', 'admin'] as ('chat' | 'admin')[] }
    app.use(async (c, next) => {
      c.set('caller', caller)
      await next()
    })
    app.route('/', presetRoutes(context))
    app.onError((error, c) => {
      const known = toApiError(error)
      return c.json(known.toJSON(), known.status)
    })
    const send = async (method: string, path: string, json?: unknown) => {
      const response = await app.request(path, {
        method,
        ...(json === undefined
          ? {}
          : { body: JSON.stringify(json), headers: { 'content-type': 'application/json' } }),
      })
      return { status: response.status, body: (await response.json()) as never as Record<string, never> }
    }
    return { send, caller }
  }

  it('lists, makes, changes and removes presets', async () => {
    const { send } = await routes()
    const haiku = {
      template: 'A haiku about {message} in {season}',
      parameters: [{ name: 'season', default: 'spring' }],
    }
    expect((await send('POST', '/api/presets', { name: 'haiku', ...haiku })).body).toMatchObject({
      name: 'haiku',
      builtIn: false,
    })
    expect((await send('POST', '/api/presets', { name: 'haiku', ...haiku })).status).toBe(409)
    const { items } = (await send('GET', '/api/presets')).body as never as { items: { name: string }[] }
    expect(items.map(({ name }) => name)).toEqual([
      'copywriting',
      'essay',
      'haiku',
      'passage-question',
      'sentiment',
      'summary',
      'translation',
    ])
    const changed = await send('PUT', '/api/presets/haiku', { ...haiku, title: 'Haiku' })
    expect(changed.body).toMatchObject({ title: 'Haiku', parameters: haiku.parameters })
    expect((await send('DELETE', '/api/presets/haiku')).body).toEqual({ name: 'haiku', restored: false })
    expect((await send('GET', '/api/presets/haiku')).status).toBe(404)
  })

  it('covers a built-in preset and brings it back', async () => {
    const { send } = await routes()
    expect((await send('DELETE', '/api/presets/essay')).status).toBe(409)
    expect((await send('PUT', '/api/presets/essay', { template: 'Essay: {message}' })).body).toMatchObject({
      builtIn: true,
      changed: true,
      parameters: [],
    })
    expect((await send('DELETE', '/api/presets/essay')).body).toEqual({ name: 'essay', restored: true })
    expect((await send('GET', '/api/presets/essay')).body).toMatchObject({ changed: false, title: 'Essay' })
  })

  it.each([
    [{ name: 'x', template: 'Hi {who}' }, /no parameter has this name/],
    [{ name: 'x', template: '' }, /template/],
    [{ name: '../x', template: 'a' }, /name/],
    [{ name: 'x', template: 'a', parameters: [{ name: 'message' }] }, /taken/],
    [{ name: 'x', template: 'a', parameters: [{ name: 'a' }, { name: 'a' }] }, /two parameters/],
    [
      { name: 'x', template: 'a', parameters: [{ name: 'a', default: 'q', options: ['b'] }] },
      /not one of its options/,
    ],
    [{ name: 'x', template: 'a', more: 1 }, /more/],
  ])('refuses %j', async (preset, message) => {
    const { send } = await routes()
    const { status, body } = await send('POST', '/api/presets', preset)
    expect(status).toBe(400)
    expect(JSON.stringify(body)).toMatch(message)
  })

  it('lets only admins change them', async () => {
    const { send, caller } = await routes()
    caller.scopes = ['chat']
    expect((await send('GET', '/api/presets')).status).toBe(200)
    expect((await send('PUT', '/api/presets/essay', { template: 'x' })).status).toBe(403)
    expect((await send('POST', '/api/presets', { name: 'x', template: 'x' })).status).toBe(403)
    expect((await send('DELETE', '/api/presets/essay')).status).toBe(403)
    caller.scopes = []
    expect((await send('GET', '/api/presets')).status).toBe(403)
  })
})
