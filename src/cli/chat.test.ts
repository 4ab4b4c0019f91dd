import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { LanguageModel } from '../infer/index.js'
import type { ChatMessage } from '../text/index.js'
import { type Chat, type ChatAnswer, type ChatOptions, ChatSessionError } from './chat-session.js'
import type { Library } from './library.js'
import { run } from './run.js'
import { type FakeIoOptions, fakeIo } from './testing/fake-io.js'

const usual = {
  finish: 'stop',
  promptTokens: 9,
  cachedTokens: 3,
  tokens: 4,
  forgotten: 0,
  newlyForgotten: 0,
} as const

interface Script {
  readonly reply?: (text: string, turn: number) => string
  readonly answer?: Partial<ChatAnswer>
  readonly during?: (signal: AbortSignal | undefined) => void
}

/** A chat that answers by a script. */
function scripted({
  reply = (text) => `you said ${text}`,
  answer = {},
  during,
}: Script): Chat & { asked: string[] } {
  let turns: ChatMessage[] = []
  const asked: string[] = []
  return {
    asked,
    contextLength: 256,
    get messages() {
      return turns
    },
    async ask(prompt, { onText, signal } = {}) {
      asked.push(prompt)
      if (prompt === 'too long') throw new ChatSessionError('too-long', 'the message is too long; shorten it')
      during?.(signal)
      const text = reply(prompt, asked.length)
      for (const piece of text) onText?.(piece)
      turns = [...turns, { role: 'user', content: prompt }, { role: 'assistant', content: text }]
      return { ...usual, text, ...answer, ...(signal?.aborted ? { finish: 'interrupted' as const } : {}) }
    },
    undo() {
      const had = turns.length > 0
      turns = turns.slice(0, -2)
      return had
    },
    reset() {
      turns = []
    },
    dispose: async () => {},
  }
}

async function chatWith(
  stdin: string,
  script: Script = {},
  flags: string[] = [],
  options: FakeIoOptions = {},
) {
  const io = fakeIo({ stdin, ...options })
  const chat = scripted(script)
  let given: ChatOptions | undefined
  const functions: Partial<Library> = {
    loadModel: async () => ({ dir: 'm' }) as LanguageModel,
    openChat: async (_, settings) => {
      given = settings
      return chat
    },
  }
  const code = await run(['chat', '--model', 'm', ...flags], io, functions as Library)
  return { code, out: io.out(), err: io.err(), asked: chat.asked, messages: chat.messages, given, io }
}

describe('chat from a pipe', () => {
  test('answers line by line', async () => {
    const { code, out, err, asked } = await chatWith('hello\r\n\n  \nand you?')
    expect([code, err]).toEqual([0, ''])
    expect(asked).toEqual(['hello', 'and you?'])
    expect(out).toBe('you said hello\nyou said and you?\n')
  })

  test('prints one line of JSON per turn', async () => {
    const { out } = await chatWith('hello\n你好\n', { reply: (text) => `${text}\n\u009b2J` }, ['--json'])
    const lines = out.trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      {
        turn: 1,
        prompt: 'hello',
        answer: 'hello\n\u009b2J',
        finish: 'stop',
        promptTokens: 9,
        cachedTokens: 3,
        tokens: 4,
      },
      { turn: 2, prompt: '你好' },
    ])
    expect(out).not.toContain('\u009b')
  })

  test('hands its flags to the session', async () => {
    const flags = '--temperature 0 --max-tokens 5 --seed 3 --top-p 0.9 --context-length 64 --system'.split(
      ' ',
    )
    const { given } = await chatWith('', {}, [...flags, 'Be brief.'])
    expect(given).toEqual({
      temperature: 0,
      maxTokens: 5,
      seed: 3,
      topP: 0.9,
      contextLength: 64,
      system: 'Be brief.',
    })
  })

  test('goes on after a line that it cannot answer, and ends with 1', async () => {
    const { code, out, err, asked } = await chatWith('one\ntoo long\n/nonsense\nthree\n', {}, ['--json'])
    expect(code).toBe(1)
    expect(asked).toEqual(['one', 'too long', 'three'])
    expect(JSON.parse(out.split('\n')[1]!)).toMatchObject({
      prompt: 'too long',
      error: { code: 'chat/too-long' },
    })
    expect(err).toContain('athanor: the message is too long; shorten it')
    expect(err).toContain('there is no command /nonsense')
    expect(err).toContain('2 lines of the input could not be carried out')
  })

  test('ends at Ctrl-C with what was written', async () => {
    let io: ReturnType<typeof fakeIo> | undefined
    const script = { during: () => io!.send('SIGINT') }
    const chat = scripted(script)
    io = fakeIo({ stdin: 'one\ntwo\n' })
    const functions = { loadModel: async () => ({ dir: 'm' }) as LanguageModel, openChat: async () => chat }
    const code = await run(['chat', '--model', 'm'], io, functions as unknown as Library)
    expect([code, chat.asked]).toEqual([130, ['one']])
    expect(io.out()).toBe('you said one\n')
    expect(io.listeners()).toBe(0)
  })
})

describe('what a model writes', () => {
  test('cannot steer the terminal or turn the writing around', async () => {
    const { out } = await chatWith('hi\n', {
      reply: () => '\u001b]0;owned\u0007\u001b[2J\u202egnirts\u202c\u009b31m\tok',
    })
    expect(out).toBe('\\x1b]0;owned\\x07\\x1b[2J\\u202egnirts\\u202c\\x9b31m\tok\n')
  })

  test('is told of when it was cut or when turns were dropped', async () => {
    expect((await chatWith('a\n', { answer: { finish: 'length' } })).err).toContain(
      'cut after 4 tokens; --max-tokens allows more',
    )
    expect((await chatWith('a\n', { answer: { finish: 'context' } })).err).toContain(
      'the context is full; /new begins anew',
    )
    expect((await chatWith('a\n', { answer: { newlyForgotten: 2 } })).err).toContain(
      'lost sight of the oldest turn',
    )
    expect((await chatWith('a\n', { answer: { newlyForgotten: 6 } })).err).toContain('the 3 oldest turns')
  })
})

test('a model that was only pretrained is told of', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'athanor-chat-'))
  await writeFile(join(dir, 'trainer.json'), '{"stage":"pretrain"}')
  expect((await chatWith('a\n', {}, ['--model', dir])).err).toContain('athanor sft teaches it to converse')
  expect((await chatWith('a\n')).err).toBe('')
})

describe('commands', () => {
  test('/undo and /new take turns back; two slashes begin a message', async () => {
    const undone = await chatWith('one\ntwo\n/undo\n')
    expect(undone.messages.map(({ content }) => content)).toEqual(['one', 'you said one'])
    expect((await chatWith('one\n/new\n')).messages).toEqual([])
    expect((await chatWith('//undo is a command\n')).asked).toEqual(['/undo is a command'])
    expect((await chatWith('/undo\n')).err).toContain('nothing to take back')
  })

  test('/exit leaves what follows unread; /help lists all', async () => {
    const { asked, err } = await chatWith('one\n/help\n/exit\ntwo\n')
    expect(asked).toEqual(['one'])
    for (const name of ['/new', '/undo', '/save', '/exit', '/help']) expect(err).toContain(name)
  })

  test('/save writes a dialogue, again over its own file, but over no other', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'athanor-chat-'))
    const [mine, other] = [join(dir, 'a.jsonl'), join(dir, 'b.jsonl')]
    await writeFile(other, 'precious')
    const { code, err } = await chatWith(`one\n/save ${mine}\ntwo\n/save ${mine}\n/save ${other}\n/save\n`)
    expect(
      JSON.parse(await readFile(mine, 'utf8')).messages.map(({ content }: ChatMessage) => content),
    ).toEqual(['one', 'you said one', 'two', 'you said two'])
    expect(await readFile(other, 'utf8')).toBe('precious')
    expect(err).toContain('b.jsonl is already there; choose another name')
    expect(err).toContain('where should the conversation be saved?')
    expect(code).toBe(1)
  })
})
