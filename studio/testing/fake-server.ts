/**
 * A server for developing and testing the studio without a model: it answers as `athanor serve` does, from memory, with
 * canned words. The last message chooses the answer: `markdown`, `script`, `long`, `fail` and `sources` are special.
 */
import { createReadStream, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize, sep } from 'node:path'

interface FakeMessage {
  readonly id: string
  readonly conversation: string
  readonly parent?: string
  readonly role: string
  readonly content: string
  readonly created: number
  readonly [more: string]: unknown
}

interface FakeConversation {
  readonly id: string
  title: string
  readonly created: number
  updated: number
}

interface Json {
  // biome-ignore lint/suspicious/noExplicitAny: whatever a request holds; the fake trusts it
  readonly [name: string]: any
}

/** What the server holds; tests look at it and change it. */
export interface FakeState {
  readonly conversations: FakeConversation[]
  readonly messages: FakeMessage[]
  readonly feedback: Json[]
  readonly comparisons: Map<string, Json>
  readonly tasks: Json[]
  readonly judgements: Json[]
  readonly requests: { readonly method: string; readonly path: string; readonly body: Json | undefined }[]
  models: readonly Json[]
  start: Json | null
  /** Asks for this key when it is set. */
  key: string | undefined
  /** Milliseconds between two words. */
  delay: number
}

export interface FakeServer {
  readonly url: string
  readonly state: FakeState
  close(): Promise<void>
}

/** As `athanor serve` sends it. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

export const markdownAnswer = `# A heading

Some **bold** words, *others*, \`code\`, and a [link](https://example.com/).

- one
- two

| food | price |
| --- | ---: |
| bread | 2 |

\`\`\`ts
export const answer: number = 42 // of all
\`\`\`

> said by nobody`

export const scriptAnswer = `Hello <script>window.hacked = 1</script> <img src="x" onerror="window.hacked = 2">
[click](javascript:window.hacked=3) ![pixel](https://example.com/pixel.png)

<iframe src="https://example.com"></iframe>

\`\`\`html
<script>window.hacked = 4</script><img src=x onerror="window.hacked=5">
\`\`\``

const plain = [
  'A rainbow forms when sunlight enters raindrops, bends, is reflected inside and leaves in its colours.',
  'Sunlight is bent and reflected in raindrops; each colour leaves under its own angle.',
  'It is light that takes a turn in the rain.',
]

export const fakeModels: readonly Json[] = [
  { name: 'ppo', kind: 'decoder', state: 'ready', live: 'aaaa000011112222' },
  { name: 'sft', kind: 'decoder', state: 'idle', live: 'bbbb000011112222' },
  { name: 'reward', kind: 'reward', state: 'idle', live: 'cccc000011112222' },
]

export async function startFakeServer(folder: string): Promise<FakeServer> {
  const state: FakeState = {
    conversations: [],
    messages: [],
    feedback: [],
    comparisons: new Map(),
    tasks: [],
    judgements: [],
    requests: [],
    models: fakeModels,
    start: null,
    key: undefined,
    delay: 4,
  }
  const server = createServer((request, response) => {
    answer(state, folder, request, response).catch((error: unknown) => {
      if (!response.headersSent) fail(response, 500, String(error))
      else response.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    state,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

let count = 0
const newId = (prefix: string) => `${prefix}_${String(++count).padStart(8, '0')}`

function send(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}

const fail = (response: ServerResponse, status: number, message: string, code: string | null = null) =>
  send(response, { error: { message, type: 'invalid_request_error', param: null, code } }, status)

async function answer(state: FakeState, folder: string, request: IncomingMessage, response: ServerResponse) {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const method = request.method ?? 'GET'
  const route = `${method} ${url.pathname}`
  if (!url.pathname.startsWith('/api/') && !url.pathname.startsWith('/v1/'))
    return file(folder, url, response)
  const body = await bodyOf(request)
  state.requests.push({ method, path: url.pathname, body })
  const allowed = state.key === undefined || request.headers.authorization === `Bearer ${state.key}`
  const isWrong = !allowed && request.headers.authorization !== undefined
  if (route === 'GET /api/session' && !isWrong) {
    return send(response, {
      version: '0.1.0',
      authRequired: state.key !== undefined,
      scopes: allowed ? ['chat', 'feedback', 'admin'] : [],
      models: allowed ? state.models : [],
      live: state.models.find(({ kind }) => kind === 'decoder')?.name,
      ...(state.start ? { start: state.start } : {}),
    })
  }
  if (!allowed) return fail(response, 401, 'this server needs an API key', 'missing_api_key')
  if (route === 'POST /v1/chat/completions') return chat(state, body!, response)
  if (route === 'POST /v1/completions') return complete(state, body!, response)
  for (const [pattern, handle] of routes) {
    const match = pattern.exec(route)
    if (match) {
      const found = handle(state, {
        id: decodeURIComponent(match[1] ?? ''),
        body: body ?? {},
        query: url.searchParams,
      })
      if (found === undefined) return fail(response, 404, 'there is no such thing', 'store/not-found')
      return send(response, found)
    }
  }
  fail(response, 404, `there is no ${route}`, 'unknown_url')
}

interface Call {
  readonly id: string
  readonly body: Json
  readonly query: URLSearchParams
}

const routes: readonly (readonly [RegExp, (state: FakeState, call: Call) => unknown])[] = [
  [
    /^GET \/api\/conversations$/,
    ({ conversations, messages }, { query }) => {
      const q = query.get('q')?.toLowerCase() ?? ''
      const items = conversations
        .filter(
          ({ id, title }) =>
            title.toLowerCase().includes(q) ||
            messages.some((each) => each.conversation === id && each.content.toLowerCase().includes(q)),
        )
        .sort((a, b) => b.updated - a.updated)
      return { items }
    },
  ],
  [
    /^GET \/api\/conversations\/([^/]+)$/,
    ({ conversations, messages }, { id }) => {
      const found = conversations.find((each) => each.id === id)
      return found && { ...found, messages: messages.filter((each) => each.conversation === id) }
    },
  ],
  [
    /^PATCH \/api\/conversations\/([^/]+)$/,
    ({ conversations }, { id, body }) => {
      const found = conversations.find((each) => each.id === id)
      if (found) found.title = body.title
      return found
    },
  ],
  [
    /^DELETE \/api\/conversations\/([^/]+)$/,
    ({ conversations }, { id }) => {
      const at = conversations.findIndex((each) => each.id === id)
      return at < 0 ? undefined : conversations.splice(at, 1)[0]
    },
  ],
  [
    /^GET \/api\/feedback$/,
    ({ feedback, messages }, { query }) => {
      const conversation = query.get('conversation')
      const isThere = (each: Json) =>
        messages.some(({ id, conversation: c }) => id === each.message && c === conversation)
      return { items: feedback.filter((each) => !conversation || isThere(each)) }
    },
  ],
  [
    /^POST \/api\/feedback$/,
    ({ feedback }, { body }) => {
      const same = feedback.findIndex(({ message, kind }) => message === body.message && kind === body.kind)
      const saved = { id: newId('fb'), created: Date.now(), ...body }
      if (same >= 0) feedback[same] = saved
      else feedback.push(saved)
      return saved
    },
  ],
  [
    /^DELETE \/api\/feedback\/([^/]+)$/,
    ({ feedback }, { id }) => {
      const at = feedback.findIndex((each) => each.id === id)
      return at < 0 ? undefined : feedback.splice(at, 1)[0]
    },
  ],
  [
    /^GET \/api\/runs\/([^/]+)$/,
    (_, { id }) => {
      const parts = ['done', 'running', 'waiting', 'waiting'].map((state, i) => ({
        name: ['data', 'base', 'sft', 'ppo'][i]!,
        state,
      }))
      return { id, state: 'running', progress: { parts, part: 'base', step: 50, steps: 100 } }
    },
  ],
  [
    /^GET \/api\/presets$/,
    () => ({
      items: [
        {
          name: 'translation',
          title: 'Translation',
          parameters: [{ name: 'language', label: 'Into', options: ['English', 'Chinese'], required: true }],
          extra: {
            zh: { title: '翻译', parameters: { language: { label: '译成', options: { Chinese: '中文' } } } },
          },
        },
        { name: 'summary', title: 'Summary', parameters: [] },
      ],
    }),
  ],
  [/^GET \/api\/collections$/, () => ({ items: [{ name: 'handbook' }] })],
  [
    /^POST \/api\/compare$/,
    ({ comparisons }, { body }) => {
      const id = newId('cmp')
      const answers = (body.candidates as Json[]).map((candidate, index) => ({
        slot: 'ABCDEFGHI'[index]!,
        text: `${plain[index % plain.length]}${index >= plain.length ? ` (${index + 1})` : ''}`,
        model: candidate.model,
        modelVersion: 'aaaa000011112222',
      }))
      comparisons.set(id, { id, prompt: body.messages, answers })
      return { id, answers: answers.map(({ slot, text }) => ({ slot, text })) }
    },
  ],
  [
    /^POST \/api\/compare\/([^/]+)\/ranking$/,
    ({ comparisons, feedback }, { id, body }) => {
      const comparison = comparisons.get(id)
      if (!comparison) return undefined
      feedback.push({ id: newId('fb'), kind: 'ranking', value: body.ranks, ...body })
      return { id, answers: comparison.answers, ranks: body.ranks }
    },
  ],
  [
    /^GET \/api\/labeling\/next$/,
    ({ tasks, judgements }, { query }) => ({
      task:
        tasks.find(
          ({ id }) =>
            !judgements.some(({ task, labeler }) => task === id && labeler === query.get('labeler')),
        ) ?? null,
    }),
  ],
  [
    /^POST \/api\/labeling\/tasks\/([^/]+)\/(?:answers|skip)$/,
    ({ judgements }, { id, body }) => {
      judgements.push({ task: id, ...body })
      return { id }
    },
  ],
  [
    /^GET \/api\/labeling\/progress$/,
    ({ tasks, judgements }) => {
      const labelers = [...new Set(judgements.map(({ labeler }) => labeler as string))].map((labeler) => ({
        labeler,
        judged: judgements.filter((each) => each.labeler === labeler).length,
        skipped: 0,
      }))
      return { tasks: tasks.length, done: judgements.length, labelers, agreement: { ranking: 0.75 } }
    },
  ],
]

async function bodyOf(request: IncomingMessage): Promise<Json | undefined> {
  let text = ''
  for await (const piece of request.setEncoding('utf8')) text += piece
  return text === '' ? undefined : (JSON.parse(text) as Json)
}

function wordsFor(text: string, turn: number): string {
  if (text.includes('markdown')) return markdownAnswer
  if (text.includes('script')) return scriptAnswer
  if (text.includes('long')) return Array.from({ length: 400 }, (_, i) => `word${i}`).join(' ')
  return plain[turn % plain.length]!
}

async function chat(state: FakeState, body: Json, response: ServerResponse): Promise<void> {
  const last = body.messages.at(-1).content as string
  if (last.includes('refuse'))
    return fail(response, 400, 'the prompt does not fit', 'context_length_exceeded')
  const { conversation, parent } = save(state, body)
  const id = newId('msg')
  const turn = state.messages.filter((each) => each.parent === parent).length
  const text = wordsFor(last, turn)
  const version = state.models.find(({ name }) => name === body.model)?.live
  const base = { id, object: 'chat.completion.chunk', model: body.model, system_fingerprint: version }
  let closed = false
  response.on('close', () => {
    closed = true
  })
  response.writeHead(200, { 'content-type': 'text/event-stream', 'x-conversation-id': conversation })
  const write = (value: unknown) => response.write(`data: ${JSON.stringify(value)}\n\n`)
  const chunk = (delta: Json, finish: string | null = null) =>
    write({ ...base, choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }] })
  const citations = body.collection
    ? [
        {
          document: 'doc_1',
          passage: 'pas_1',
          title: 'Handbook of rain',
          text: 'Light bends in water. <b>Truly.</b>',
        },
      ]
    : []
  chunk({ role: 'assistant', content: '' })
  let said = ''
  for (const word of text.split(/(?<= )/)) {
    await new Promise((resolve) => setTimeout(resolve, state.delay))
    if (closed) break
    if (last.includes('fail') && said.length > 20) {
      write({
        error: {
          message: 'the engine ran out of coal',
          type: 'api_error',
          param: null,
          code: 'infer/failed',
        },
      })
      response.end()
      return
    }
    said += word
    chunk({ content: word })
  }
  state.messages.push({
    ...{ id, conversation, parent, role: 'assistant', content: said, created: Date.now() },
    ...{ model: body.model, modelVersion: version, finish: closed ? 'cancelled' : 'stop', citations },
    usage: { promptTokens: 12, completionTokens: said.split(' ').length },
  })
  if (closed) return
  write({ ...base, choices: [{ index: 0, delta: {}, finish_reason: 'stop', logprobs: null }], citations })
  write({ ...base, choices: [], usage: { prompt_tokens: 12, completion_tokens: said.split(' ').length } })
  response.end('data: [DONE]\n\n')
}

/** Keeps the new messages of a request as the server does: those after `parent`. */
function save(state: FakeState, body: Json): { conversation: string; parent: string } {
  const now = Date.now()
  let conversation = state.conversations.find(({ id }) => id === body.conversation)
  if (!conversation) {
    conversation = {
      id: newId('conv'),
      title: body.messages.at(-1).content.slice(0, 80),
      created: now,
      updated: now,
    }
    state.conversations.push(conversation)
  }
  conversation.updated = now
  let parent = body.parent as string | undefined
  const known = state.messages.find(({ id }) => id === parent)
  const at = known
    ? body.messages.findLastIndex((each: Json) => each.role === known.role && each.content === known.content)
    : -1
  for (const { role, content } of body.messages.slice(at + 1)) {
    const id = newId('msg')
    const above = parent === undefined ? {} : { parent }
    state.messages.push({ id, conversation: conversation.id, ...above, role, content, created: Date.now() })
    parent = id
  }
  return { conversation: conversation.id, parent: parent! }
}

async function complete(state: FakeState, body: Json, response: ServerResponse): Promise<void> {
  const words = [' once', ' upon', ' a', ' time', ' in', ' <b>Rome</b>', ',', ' there', ' was', ' bread', '.']
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  let offset = (body.prompt as string).length
  for (const [index, word] of words.slice(0, body.max_tokens ?? words.length).entries()) {
    await new Promise((resolve) => setTimeout(resolve, state.delay))
    const logprob = Math.log(0.95 / (1 + index))
    const top = { [word]: logprob, ' never': Math.log(0.04), '\n': Math.log(0.01) }
    const logprobs = { tokens: [word], token_logprobs: [logprob], top_logprobs: [top], text_offset: [offset] }
    offset += word.length
    const choices = [{ index: 0, text: word, logprobs, finish_reason: null }]
    response.write(
      `data: ${JSON.stringify({ id: 'cmpl_1', object: 'text_completion', model: body.model, choices })}\n\n`,
    )
  }
  const choices = [{ index: 0, text: '', logprobs: null, finish_reason: 'length' }]
  response.write(
    `data: ${JSON.stringify({ id: 'cmpl_1', object: 'text_completion', model: body.model, choices })}\n\n`,
  )
  response.end('data: [DONE]\n\n')
}

function file(folder: string, url: URL, response: ServerResponse): void {
  const path = normalize(join(folder, url.pathname === '/' ? 'index.html' : decodeURIComponent(url.pathname)))
  const found = path.startsWith(folder + sep) && statSync(path, { throwIfNoEntry: false })?.isFile()
  if (!found) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, {
    'content-type': types[extname(path)] ?? 'application/octet-stream',
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
  })
  createReadStream(path).pipe(response)
}
