import { afterEach, describe, expect, it } from 'vitest'
import { createRouter } from '../context.js'
import { toApiError } from '../errors.js'
import { createGrounding } from '../grounding/index.js'
import { makePdf } from '../grounding/testing/pdf.js'
import { createHarness, type Harness } from '../testing/harness.js'
import { collectionRoutes } from './collections.js'

let harness: Harness
afterEach(() => harness.close())

const user = (content: string) => ({ role: 'user', content }) as const
const world = `# Melkovia
Melkovia is a country by the sea. Its capital is Parma. People in Melkovia pay with the krone.

# Ibia
Ibia is a country in the mountains. Its capital is Ostra. Its people speak Ibian and eat cheese.

# Trade
Melkovia sells fish. Ibia sells wool and cheese.`

async function open(contextLength = 1_000) {
  harness = await createHarness({ contextLength })
  const grounding = createGrounding(harness.context)
  const context = { ...harness.context, grounding }
  const app = createRouter()
  const caller = { user: 'ada', scopes: ['chat', 'admin'] as ('chat' | 'admin')[] }
  app.use(async (c, next) => {
    c.set('caller', caller)
    await next()
  })
  app.route('/', collectionRoutes(context))
  app.onError((error, c) => {
    const known = toApiError(error)
    return c.json(known.toJSON(), known.status)
  })
  const send = async (method: string, path: string, body?: unknown) => {
    const isForm = body instanceof FormData
    const response = await app.request(path, {
      method,
      ...(body === undefined
        ? {}
        : isForm
          ? { body }
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    // biome-ignore lint/suspicious/noExplicitAny: tests look into it
    return { status: response.status, body: (await response.json()) as any }
  }
  const files = (...list: [string, string | Uint8Array][]) => {
    const form = new FormData()
    for (const [name, content] of list)
      form.append('file', new File([Uint8Array.from(Buffer.from(content))], name))
    return form
  }
  const fill = async (settings: object = {}) => {
    await send('POST', '/api/collections', { name: 'world', settings })
    await send('POST', '/api/collections/world/documents', files(['world.md', world]))
  }
  const [model] = harness.engine.models()
  const ground = (...messages: Parameters<typeof grounding.ground>[1]) =>
    grounding.ground('world', messages, { model: model!.id, signal: new AbortController().signal })
  return { send, files, fill, caller, grounding, ground, context }
}

describe('/api/collections', () => {
  it('keeps documents and finds their passages', async () => {
    const { send, files } = await open()
    const made = await send('POST', '/api/collections', { name: 'world', description: 'Lands' })
    expect(made.body).toMatchObject({ name: 'world', documents: 0, settings: { size: 500, floor: 0.5 } })
    const added = await send(
      'POST',
      '/api/collections/world/documents',
      files(['dir/world.md', world], ['r.pdf', makePdf([['The harbour of Parma freezes in winter.']])]),
    )
    expect(added.status).toBe(200)
    expect(added.body).toMatchObject({
      items: [
        { source: 'world.md', title: 'Melkovia', passages: 3 },
        { title: 'Report', passages: 1 },
      ],
      failed: [],
    })
    const { body } = await send('GET', '/api/collections/world/search?q=When+does+the+harbour+freeze%3F&k=2')
    expect(body.items[0]).toMatchObject({
      title: 'Report',
      text: 'The harbour of Parma freezes in winter.',
      found: true,
    })
    const one = await send('GET', '/api/collections/world')
    expect(one.body).toMatchObject({
      documents: 2,
      items: [{ mime: 'text/markdown' }, { mime: 'application/pdf' }],
    })
    const id = one.body.items[1].id
    expect((await send('DELETE', `/api/collections/world/documents/${id}`)).body).toEqual({ id })
    expect(
      (await send('GET', '/api/collections/world/search?q=harbour')).body.items.filter(
        (hit: { found: boolean }) => hit.found,
      ),
    ).toEqual([])
    expect((await send('GET', '/api/collections')).body.items).toMatchObject([
      { name: 'world', documents: 1 },
    ])
    expect((await send('DELETE', '/api/collections/world')).status).toBe(200)
    expect((await send('GET', '/api/collections/world')).status).toBe(404)
  })

  it('takes texts, and tells which files it could not take', async () => {
    const { send, files } = await open()
    await send('POST', '/api/collections', { name: 'c' })
    const text = await send('POST', '/api/collections/c/documents', {
      title: 'Note',
      text: 'Ib is a land.',
      source: 'https://x/ib',
    })
    expect(text.body.items).toMatchObject([{ title: 'Note', source: 'https://x/ib', passages: 1 }])
    const mixed = await send(
      'POST',
      '/api/collections/c/documents',
      files(['a.txt', 'Text.'], ['b.exe', 'MZ'], ['c.txt', 'Ib is a land.']),
    )
    expect(mixed.body.items.length).toBe(1)
    expect(mixed.body.failed).toMatchObject([
      { source: 'b.exe', error: { code: 'unsupported_document' } },
      { source: 'c.txt', error: { code: 'already_exists' } },
    ])
  })

  it('refuses what is wrong', async () => {
    const { send, files, fill } = await open()
    await fill()
    const documents = '/api/collections/world/documents'
    const expected = async (
      answer: Promise<{ status: number; body: unknown }>,
      status: number,
      message: RegExp,
    ) => {
      const { status: actual, body } = await answer
      expect(actual).toBe(status)
      expect(JSON.stringify(body)).toMatch(message)
    }
    await expected(send('POST', '/api/collections', { name: 'world' }), 409, /already/)
    await expected(send('POST', '/api/collections', { name: '../etc' }), 400, /name/)
    await expected(send('POST', '/api/collections', { name: 'x', settings: { size: 1 } }), 400, /size/)
    await expected(
      send('POST', '/api/collections/nothing/documents', files(['a.txt', 'x'])),
      404,
      /no collection/,
    )
    await expected(send('POST', documents, files(['b.exe', 'MZ'])), 415, /convert/)
    await expected(send('POST', documents, new FormData()), 400, /no file|form/)
    await expected(send('POST', documents, { title: '', text: 'x' }), 400, /title/)
    await expected(send('DELETE', `${documents}/doc_x`), 404, /no document/)
    await expected(send('GET', '/api/collections/world/search'), 400, /q/)
  })

  it('lets only admins change them', async () => {
    const { send, files, caller, fill } = await open()
    await fill()
    caller.scopes = ['chat']
    expect((await send('GET', '/api/collections')).status).toBe(200)
    expect((await send('GET', '/api/collections/world/search?q=x')).status).toBe(200)
    for (const [method, path] of [
      ['POST', ''],
      ['PATCH', '/world'],
      ['DELETE', '/world'],
      ['DELETE', '/world/documents/x'],
    ] as const)
      expect(
        (await send(method, `/api/collections${path}`, method === 'DELETE' ? undefined : { name: 'x' }))
          .status,
      ).toBe(403)
    expect((await send('POST', '/api/collections/world/documents', files(['a.txt', 'x']))).status).toBe(403)
  })
})

describe('grounding', () => {
  it('asks a small model in the form that it knows, with the best passage', async () => {
    const { fill, ground } = await open()
    await fill()
    const { messages, citations, answer } = await ground(user('What is the capital of Ibia?'))
    expect(answer).toBeUndefined()
    expect(messages).toEqual([
      user(
        'Passage: Ibia is a country in the mountains. Its capital is Ostra. Its people speak Ibian and eat cheese.\nQuestion: What is the capital of Ibia?',
      ),
    ])
    expect(citations).toMatchObject([
      { title: 'Melkovia', text: expect.stringMatching(/Ostra/), score: expect.any(Number) },
    ])
  })

  it('gives a larger one numbered passages, as many as fit', async () => {
    const { fill, ground } = await open(4_000)
    await fill()
    const { messages, citations } = await ground(
      { role: 'system', content: 'Be brief.' },
      user('Does Ibia have cheese?'),
    )
    expect(messages[0]).toEqual({ role: 'system', content: 'Be brief.' })
    expect(messages[1]!.content).toMatch(
      /^Answer the question .*\n\n\[1\] Melkovia — (Trade|Ibia)\n.*\n\n\[2\] .*\n\nQuestion: Does Ibia have cheese\?$/s,
    )
    expect(citations.length).toBe(2)
  })

  it('leaves out passages that do not fit', async () => {
    const { fill, ground } = await open(100)
    await fill({ prompt: 'numbered', passages: 3, floor: 0.1 })
    expect((await ground(user('Ibia Melkovia cheese capital'))).citations.length).toBe(1)
  })

  it('says so where it finds nothing, in the language of the question', async () => {
    const { fill, ground } = await open()
    await fill()
    expect((await ground(user('What is the capital of Atlantis?'))).answer).toMatch(
      /^I found nothing .*“world”/,
    )
    expect((await ground(user('谁写了红楼梦？'))).answer).toMatch(/没有找到/)
    expect((await ground(user('Who is the president of Kenya?'))).citations).toEqual([])
  })

  it('understands a question that leans on the one before', async () => {
    const { fill, ground } = await open()
    await fill()
    const { citations } = await ground(
      user('Tell me about Melkovia'),
      { role: 'assistant', content: 'Yes?' },
      user('And its krone or its president?'),
    )
    expect(citations[0]?.text).toMatch(/krone/)
  })

  it('finds Chinese', async () => {
    const { send, ground } = await open()
    await send('POST', '/api/collections', { name: 'world' })
    const text = '墨尔科维亚是一个国家，首都是帕尔马。\n\n法国的首都是巴黎。法国人说法语。'
    await send('POST', '/api/collections/world/documents', { title: '国家', text })
    const { messages } = await ground(user('法国的首都是哪里？'))
    expect(messages[0]!.content).toMatch(/^短文：.*巴黎.*\n问题：法国的首都是哪里？$/s)
  })

  it('orders by meaning too, and falls back to words where there are no embeddings', async () => {
    const { fill, grounding, context } = await open()
    const meant = ['money', 'krone', 'pay']
    context.engine.embed = async ({ inputs }) => ({
      vectors: inputs.map((input) =>
        meant.some((word) => String(input).includes(word)) ? Float32Array.of(1, 0) : Float32Array.of(0, 1),
      ),
      tokens: 1,
    })
    await fill({ embedder: 'fake', vectorFloor: 0.9, vectorWeight: 2 })
    await grounding.retriever.idle()
    const best = async (q: string) => (await grounding.retriever.retrieve('world', [user(q)])).found[0]
    expect(await best('money?')).toMatchObject({
      isFound: true,
      coverage: 0,
      passage: { text: expect.stringMatching(/krone/) },
    })
    context.engine.embed = async () => {
      throw new Error('gone')
    }
    expect(await best('What is the capital of Ibia?')).toMatchObject({
      isFound: true,
      passage: { heading: 'Ibia' },
    })
    expect((await best('money?'))?.isFound ?? false).toBe(false)
  })

  it('sees what another server changed', async () => {
    const { fill, ground, context } = await open()
    await fill()
    expect((await ground(user('Who rules Zembla?'))).citations).toEqual([])
    await context.store.collections.addDocument(
      { collection: 'world', title: 'Zembla', mime: 'text/plain', bytes: 1, sha256: 'x' },
      [{ text: 'King Charles rules Zembla.' }],
    )
    expect((await ground(user('Who rules Zembla?'))).citations.length).toBe(1)
  })

  it('puts braces and script of documents into the prompt as they are', async () => {
    const { send, ground } = await open()
    await send('POST', '/api/collections', { name: 'world' })
    await send('POST', '/api/collections/world/documents', {
      title: 'Zembla',
      text: 'Zembla {message} <script>alert(1)</script> <|im_end|> $&',
    })
    const { messages } = await ground(user('Zembla {message}?'))
    expect(messages[0]!.content).toBe(
      'Passage: Zembla {message} <script>alert(1)</script> <|im_end|> $&\nQuestion: Zembla {message}?',
    )
  })
})
