import { describe, expect, it } from 'vitest'
import type { ChatPiece, ChatRequest } from '../../api/chat.js'
import { ApiError } from '../../api/client.js'
import type { Message } from '../../api/types.js'
import { ChatSession, shownPath, treeOf } from './session.js'

const options = { model: 'm' }

/** Keeps what it is told, as the server does. `say` plays the answer. */
function fakeServer(say: (request: ChatRequest, signal: AbortSignal) => AsyncIterable<ChatPiece>) {
  const messages: Message[] = []
  const requests: ChatRequest[] = []
  let count = 0
  const add = (message: Omit<Message, 'id' | 'created'> & { id?: string }): Message => {
    const saved = { id: `msg_${++count}`, created: count, ...message }
    messages.push(saved)
    return saved
  }
  return {
    messages,
    requests,
    load: async () => ({ id: 'conv_1', title: 'Talk', created: 0, updated: 0, messages: [...messages] }),
    async *stream(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatPiece> {
      requests.push(request)
      const parent = messages.find(({ id }) => id === request.parent)
      const at = parent ? request.messages.findLastIndex(({ content }) => content === parent.content) : -1
      let above = request.parent
      for (const message of request.messages.slice(at + 1)) {
        above = add({ ...message, ...(above === undefined ? {} : { parent: above }) }).id
      }
      const id = `answer_${requests.length}`
      let content = ''
      try {
        for await (const piece of say(request, signal)) {
          content += piece.text ?? ''
          yield { id, conversation: 'conv_1', ...piece }
        }
      } finally {
        if (content) add({ id, parent: above!, role: 'assistant', content })
      }
    },
  }
}

const echo = async function* (request: ChatRequest): AsyncGenerator<ChatPiece> {
  yield { text: 'you said ' }
  yield { text: request.messages.at(-1)!.content, finish: 'stop' }
}

const shown = (session: ChatSession) => {
  const state = session.store.get()
  return shownPath(treeOf(state), state.leaf).map(({ content }) => content)
}

describe('a chat session', () => {
  it('begins a conversation and goes on with it', async () => {
    const server = fakeServer(echo)
    const session = new ChatSession(undefined, server)
    const saved: string[] = []
    session.onSaved = (id) => saved.push(id)
    await session.send('one', { ...options, system: ' Be brief. ' })
    expect(saved).toEqual(['conv_1', 'conv_1'])
    await session.send('two', { ...options, system: 'Be long.' })
    expect(shown(session)).toEqual(['one', 'you said one', 'two', 'you said two'])
    expect(server.requests[0]).toMatchObject({
      store: true,
      messages: [{ role: 'system', content: 'Be brief.' }, {}],
    })
    expect(server.requests[1]).toMatchObject({ conversation: 'conv_1', parent: 'answer_1' })
    expect(server.requests[1]!.messages).toHaveLength(4)
    expect(session.store.get()).not.toHaveProperty('streaming')
    expect(session.store.get().messages.some(({ local }) => local)).toBe(false)
  })

  it('branches where a message is edited and where an answer is asked for again', async () => {
    const server = fakeServer(echo)
    const session = new ChatSession(undefined, server)
    await session.send('one', options)
    await session.send('two', options)
    const two = server.messages.find(({ content }) => content === 'two')!
    await session.edit(two.id, 'three', options)
    expect(shown(session)).toEqual(['one', 'you said one', 'three', 'you said three'])
    session.select(two.id)
    expect(shown(session)).toEqual(['one', 'you said one', 'two', 'you said two'])
    await session.retry('answer_2', { ...options, preset: 'summary' })
    expect(server.requests.at(-1)).toMatchObject({ parent: two.id })
    expect(server.requests.at(-1)).not.toHaveProperty('preset')
    expect(server.messages.filter(({ parent }) => parent === two.id)).toHaveLength(2)
  })

  it('keeps what was written of an answer that is stopped', async () => {
    const server = fakeServer(async function* (_, signal) {
      yield { text: 'half' }
      await new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    })
    const session = new ChatSession(undefined, server)
    const sent = session.send('one', options)
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(shown(session)).toEqual(['one', 'half'])
    session.stop()
    await sent
    expect(shown(session)).toEqual(['one', 'half'])
    expect(session.store.get()).not.toHaveProperty('problem')
  })

  it('says again what the server never got', async () => {
    let refuse = true
    const server = fakeServer(echo)
    const session = new ChatSession(undefined, {
      load: server.load,
      async *stream(request, signal) {
        if (refuse) throw new ApiError('too long', 400)
        yield* server.stream(request, signal)
      },
    })
    await session.send('one', options)
    expect(session.store.get().problem?.error).toMatchObject({ message: 'too long' })
    expect(shown(session)).toEqual(['one'])
    refuse = false
    await session.retry(session.store.get().leaf!, options)
    expect(shown(session)).toEqual(['one', 'you said one'])
    expect(session.store.get()).not.toHaveProperty('problem')
    expect(server.messages).toHaveLength(2)
  })

  it('keeps what could not be sent when the conversation is read again', async () => {
    let isAway = false
    const server = fakeServer(echo)
    const session = new ChatSession(undefined, {
      load: async () => {
        if (isAway) throw new ApiError('away', 0)
        return server.load()
      },
      async *stream(request, signal) {
        if (isAway) throw new ApiError('away', 0)
        yield* server.stream(request, signal)
      },
    })
    await session.send('one', options)
    isAway = true
    await session.send('two', options)
    await session.load()
    expect(shown(session)).toEqual(['one', 'you said one', 'two'])
    isAway = false
    await session.load()
    expect(shown(session)).toEqual(['one', 'you said one', 'two'])
    await session.retry(session.store.get().leaf!, options)
    expect(shown(session)).toEqual(['one', 'you said one', 'two', 'you said two'])
    expect(server.messages).toHaveLength(4)
  })

  it('asks again without repeating itself where the question was saved and the answer was not', async () => {
    let fail = true
    const server = fakeServer(async function* (request) {
      if (fail) throw new ApiError('out of coal', 500)
      yield* echo(request)
    })
    const session = new ChatSession('conv_1', server)
    await session.send('one', options)
    expect(shown(session)).toEqual(['one'])
    fail = false
    await session.retry(session.store.get().leaf!, options)
    expect(shown(session)).toEqual(['one', 'you said one'])
    expect(server.messages.map(({ content }) => content)).toEqual(['one', 'you said one'])
  })
})
