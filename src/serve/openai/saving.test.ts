import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHarness, eventsOf, type Harness } from '../testing/harness.js'

let server: Harness
beforeEach(async () => {
  server = await createHarness()
})
afterEach(() => server.close())

type Turn = { role: string; content: string }
const user = (content: string): Turn => ({ role: 'user', content })

async function ask(messages: Turn[], more: object = {}, key?: string) {
  const response = await server.post(
    '/v1/chat/completions',
    { model: 'fake', messages, store: true, ...more },
    key,
  )
  const conversation = response.headers.get('x-conversation-id') ?? undefined
  const parent = response.headers.get('x-parent-id') ?? undefined
  return { response, conversation, parent }
}
const answerOf = async (response: Response) => {
  const { id, choices } = (await response.json()) as {
    id: string
    choices: { message: { content: string } }[]
  }
  return { id, content: choices[0]!.message.content }
}
const anyone = { user: 'local' }

describe('a chat request that is to be kept', () => {
  it('begins a conversation, whose messages say which weights wrote them and how', async () => {
    const { response, conversation, parent } = await ask(
      [{ role: 'system', content: 'be brief' }, user('hello')],
      {
        temperature: 0.5,
        seed: 3,
      },
    )
    const { id, content } = await answerOf(response)
    expect(id).toMatch(/^msg_/)
    expect(await server.store.conversations.get(conversation!, anyone)).toMatchObject({
      title: 'hello',
      model: 'fake',
    })
    const path = await server.store.messages.path(id, anyone)
    expect(path.map((message) => [message.role, message.content])).toEqual([
      ['system', 'be brief'],
      ['user', 'hello'],
      ['assistant', content],
    ])
    expect(path[1]!.id).toBe(parent)
    expect(path[2]).toMatchObject({
      model: 'fake',
      modelVersion: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      sampling: { temperature: 0.5, seed: 3 },
      usage: { promptTokens: 3, completionTokens: 3 },
      finish: 'stop',
    })
  })

  it('goes on with it, tries again, and branches', async () => {
    const first = await ask([user('one')])
    const { id, content } = await answerOf(first.response)
    const { conversation } = first
    const history = [user('one'), { role: 'assistant', content }]
    const second = await ask([...history, user('two')], { conversation, parent: id })
    await answerOf(second.response)
    // The same question again, and another one in its place.
    const again = await answerOf(
      (await ask([...history, user('two')], { conversation, parent: second.parent })).response,
    )
    const other = await answerOf(
      (await ask([...history, user('three')], { conversation, parent: id })).response,
    )
    const root = await answerOf((await ask([user('zero')], { conversation })).response)
    const texts = async (leaf: string) =>
      (await server.store.messages.path(leaf, anyone)).map(({ content }) => content)
    expect(await texts(again.id)).toEqual(['one', 'You said: one', 'two', 'You said: two'])
    expect(await texts(other.id)).toEqual(['one', 'You said: one', 'three', 'You said: three'])
    expect(await texts(root.id)).toEqual(['zero', 'You said: zero'])
    expect(await server.store.messages.list(conversation!, anyone)).toHaveLength(9)
  })

  it('keeps a streamed answer before it tells of its end', async () => {
    const { response } = await ask([user('hello')], { stream: true })
    let saved: unknown
    for (const event of await eventsOf(response)) {
      if (event === '[DONE]') continue
      const { id, choices } = JSON.parse(event) as { id: string; choices: { finish_reason: unknown }[] }
      if (choices[0]!.finish_reason) saved = await server.store.messages.get(id, anyone)
    }
    expect(saved).toMatchObject({ content: 'You said: hello', finish: 'stop' })
  })

  it('keeps what was said when the client left', async () => {
    await server.close()
    server = await createHarness({ delay: 20 })
    server.engine.reply = () => 'word '.repeat(100)
    const { response, conversation } = await ask([user('hello')], { stream: true })
    const reader = response.body!.getReader()
    for (let i = 0; i < 4; i++) await reader.read()
    await reader.cancel()
    let last: { finish?: string; content: string } | undefined
    for (let i = 0; i < 50 && last?.finish === undefined; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      last = (await server.store.messages.list(conversation!, anyone)).at(-1)
    }
    expect(last).toMatchObject({ finish: 'cancelled', content: expect.stringMatching(/^word/) as string })
  })

  it('keeps calls of tools', async () => {
    const tools = [{ type: 'function', function: { name: 'weather' } }]
    const { response } = await ask([user('hello')], { tools, tool_choice: 'required' })
    const { id } = await answerOf(response)
    expect(await server.store.messages.get(id, anyone)).toMatchObject({
      finish: 'tool_calls',
      toolCalls: [{ id: 'call_1', name: 'weather', arguments: { city: 'Lima' } }],
    })
  })

  it('does not touch the conversations of others', async () => {
    const ada = await server.key(['chat'], { user: 'ada' })
    const eve = await server.key(['chat'], { user: 'eve' })
    const first = await ask([user('secret')], {}, ada.secret)
    const { id } = await answerOf(first.response)
    const intrusion = await ask(
      [user('secret')],
      { conversation: first.conversation, parent: id },
      eve.secret,
    )
    expect(intrusion.response.status).toBe(404)
    expect((await ask([user('hi')], { conversation: first.conversation }, eve.secret)).response.status).toBe(
      404,
    )
    expect(await server.store.messages.list(first.conversation!, 'anyone')).toHaveLength(2)
    expect(server.engine.requests).toHaveLength(1)
  })

  it('needs a parent that is among its messages, and one answer', async () => {
    const first = await ask([user('one')])
    const { id } = await answerOf(first.response)
    const { conversation } = first
    expect((await ask([user('two')], { conversation, parent: id })).response.status).toBe(400)
    expect((await ask([user('one')], { parent: id })).response.status).toBe(400)
    expect((await ask([user('one')], { n: 2 })).response.status).toBe(400)
  })

  it('stays with one version as long as it goes on, and follows the shares otherwise', async () => {
    const { version } = await server.store.models.resolve('fake')
    const other = 'feedfacefeedface'
    await server.store.models.addVersion({
      model: 'fake',
      version: other,
      dir: '/models/other',
      kind: 'decoder',
    })
    await server.engine.add({ id: `fake@${other}`, dir: '/models/other' })
    await server.store.models.setTraffic('fake', { [version]: 0.5, [other]: 0.5 })
    const fingerprint = async (more: object) => {
      const { response } = await ask([user('hi')], { store: false, ...more })
      return ((await response.json()) as { system_fingerprint: string }).system_fingerprint
    }
    const same = await Promise.all(Array.from({ length: 10 }, () => fingerprint({ user: 'ada' })))
    expect(new Set(same).size).toBe(1)
    const many = await Promise.all(Array.from({ length: 40 }, (_, i) => fingerprint({ user: `user ${i}` })))
    expect(new Set(many)).toEqual(new Set([version, other]))
    expect(await fingerprint({ model: `fake@${other}` })).toBe(other)
  })
})
