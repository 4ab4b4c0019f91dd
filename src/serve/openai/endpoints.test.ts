/** The endpoints besides chat. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { AthanorError } from '../../errors.js'
import { createHarness, eventsOf, type Harness } from '../testing/harness.js'

let server: Harness
beforeEach(async () => {
  server = await createHarness()
})
afterEach(() => server.close())

const json = async (response: Response) => (await response.json()) as Record<string, unknown>
const problem = async (response: Response) => ({
  status: response.status,
  ...((await response.json()) as { error: object }).error,
})

describe('/v1/completions', () => {
  const complete = (more: object) =>
    server.post('/v1/completions', { model: 'fake', prompt: 'one two', ...more })

  it('goes on with a text, sixteen tokens where nothing is said', async () => {
    const answer = await json(await complete({ logprobs: 2 }))
    expect(answer).toMatchObject({
      object: 'text_completion',
      choices: [{ index: 0, text: 'You said: one two', finish_reason: 'stop' }],
      usage: { prompt_tokens: 2, completion_tokens: 4 },
    })
    const [{ logprobs }] = answer.choices as [{ logprobs: object }]
    expect(logprobs).toEqual({
      tokens: ['You', ' said:', ' one', ' two'],
      token_logprobs: [-0.5, -0.5, -0.5, -0.5],
      top_logprobs: ['You', ' said:', ' one', ' two'].map((token) => ({ [token]: -0.5, ' other': -2 })),
      text_offset: [0, 3, 9, 13],
    })
    expect(server.engine.requests[0]).toMatchObject({
      prompt: { text: 'one two' },
      maxTokens: 16,
      logprobs: 2,
    })
  })

  it('takes texts, token ids and lists of them, and counts each prompt once', async () => {
    const answer = await json(await complete({ prompt: ['a', 'b c'], n: 2 }))
    expect(
      (answer.choices as { index: number; text: string }[]).map(({ index, text }) => [index, text]),
    ).toEqual([
      [0, 'You said: a'],
      [1, 'You said: a'],
      [2, 'You said: b c'],
      [3, 'You said: b c'],
    ])
    expect(answer.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 14 })
    await complete({ prompt: [1, 2] })
    await complete({ prompt: [[1], [2]] })
    expect(server.engine.requests.slice(4).map(({ prompt }) => prompt)).toEqual([
      { ids: [1, 2] },
      { ids: [1] },
      { ids: [2] },
    ])
  })

  it('streams several texts at once', async () => {
    const events = await eventsOf(
      await complete({ stream: true, n: 2, stream_options: { include_usage: true } }),
    )
    expect(events.pop()).toBe('[DONE]')
    const chunks = events.map((event) => JSON.parse(event) as { choices: { index: number; text: string }[] })
    for (const index of [0, 1]) {
      const texts = chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index))
      expect(texts.map(({ text }) => text).join('')).toBe('You said: one two')
    }
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 8 } })
  })

  it.each([
    [{ suffix: 'the end' }, 'suffix', /left to right/],
    [{ best_of: 3 }, 'best_of', /must be n/],
    [{ max_tokens: 0 }, 'max_tokens', /needs echo/],
    [{ prompt: Array(65).fill('a') }, 'prompt', /at most 64/],
    [{ prompt: ['a', 1] }, 'prompt', /text, token ids/],
    [{ response_format: { type: 'json_object' } }, 'response_format', /chat completions/],
  ])('says what it does not do: %j', async (more, param, message) => {
    expect(await problem(await complete(more))).toMatchObject({
      status: 400,
      param,
      message: expect.stringMatching(message) as string,
    })
  })

  it('repeats the prompt with its log-probabilities, whole and in a stream', async () => {
    const expected = {
      tokens: ['<s>', 'one', ' two', 'You'],
      token_logprobs: [null, -1, -1, -0.5],
      top_logprobs: [null, { one: -1 }, { ' two': -1 }, { You: -0.5 }],
      text_offset: [0, 0, 3, 7],
    }
    const request = { echo: true, logprobs: 1, max_tokens: 1 }
    expect(await json(await complete(request))).toMatchObject({
      choices: [{ text: 'one twoYou', logprobs: expected }],
      usage: { completion_tokens: 1 },
    })
    const events = await eventsOf(await complete({ ...request, stream: true }))
    const pieces = events
      .slice(0, -1)
      .map((event) => (JSON.parse(event) as { choices: [Record<string, unknown>] }).choices[0])
    expect(pieces.map(({ text }) => text)).toEqual(['one two', 'You', ''])
    const told = pieces.flatMap(({ logprobs }) => (logprobs === null ? [] : [logprobs as object]))
    for (const field of Object.keys(expected) as (keyof typeof expected)[])
      expect(told.flatMap((each) => (each as Record<string, unknown>)[field])).toEqual(expected[field])

    const nothingNew = await json(await complete({ ...request, max_tokens: 0 }))
    expect(nothingNew).toMatchObject({ choices: [{ text: 'one two', finish_reason: 'length' }] })
  })

  it('names its own field where the engine refuses a prompt', async () => {
    server.engine.failure = { code: 'infer/prompt', message: 'token 0 is 9' }
    expect(await problem(await complete({}))).toMatchObject({ status: 400, param: 'prompt' })
    server.engine.failure = { code: 'infer/context', message: 'too long' }
    expect(await problem(await complete({ stream: true }))).toMatchObject({ status: 400, param: 'prompt' })
  })

  it('takes an empty suffix for none', async () => {
    expect((await complete({ suffix: '' })).status).toBe(200)
  })
})

describe('/v1/embeddings', () => {
  const embed = (more: object) => server.post('/v1/embeddings', { model: 'fake', input: 'one two', ...more })

  it('gives floats, or their bytes', async () => {
    expect(await json(await embed({}))).toEqual({
      object: 'list',
      model: 'fake',
      data: [{ object: 'embedding', index: 0, embedding: [0.6, 0.8, 0].map(Math.fround) }],
      usage: { prompt_tokens: 2, total_tokens: 2 },
    })
    const { data } = (await json(await embed({ encoding_format: 'base64' }))) as {
      data: { embedding: string }[]
    }
    const bytes = Buffer.from(data[0]!.embedding, 'base64')
    expect([0, 4, 8].map((at) => bytes.readFloatLE(at))).toEqual([0.6, 0.8, 0].map(Math.fround))
  })

  it('gives the width it has, and no other', async () => {
    expect((await embed({ dimensions: 3 })).status).toBe(200)
    const before = await server.store.usage.sum({ by: 'model' })
    expect(await problem(await embed({ dimensions: 2 }))).toMatchObject({ status: 400, param: 'dimensions' })
    // The vectors were computed, and are paid for.
    const after = await server.store.usage.sum({ by: 'model' })
    expect(after[0]!.promptTokens).toBe(before[0]!.promptTokens + 2)
    expect(await problem(await embed({ input: '' }))).toMatchObject({ status: 400, param: 'input' })
    expect(await problem(await embed({ input: [] }))).toMatchObject({ status: 400, param: 'input' })
    expect(await problem(await embed({ model: 'judge' }))).toMatchObject({ status: 400, param: 'model' })
  })
})

describe('/tokenize, /detokenize and /score', () => {
  it('go from text to tokens and back', async () => {
    const tokens = await json(
      await server.post('/tokenize', { model: 'fake', prompt: 'one two', return_token_strs: true }),
    )
    expect(tokens).toMatchObject({ count: 2, max_model_len: 1000, token_strs: ['one', ' two'] })
    const back = await server.post('/detokenize', { model: 'fake', tokens: tokens.tokens })
    expect(await json(back)).toEqual({ prompt: 'one two' })
    const messages = [{ role: 'user', content: 'a b c' }]
    expect(await json(await server.post('/tokenize', { model: 'fake', messages }))).toMatchObject({
      count: 3,
    })
    const both = server.post('/tokenize', { model: 'fake', messages, prompt: 'x' })
    expect(await problem(await both)).toMatchObject({ status: 400, param: 'prompt' })
  })

  it('say which field has an id that is no token', async () => {
    server.engine.detokenize = async () => {
      throw new AthanorError('tokenizer_unknown_id', '/models/fake/tokenizer.json: no token has the id 9')
    }
    const error = await problem(await server.post('/detokenize', { model: 'fake', tokens: [9] }))
    expect(error).toMatchObject({ status: 400, param: 'tokens' })
    expect(JSON.stringify(error)).not.toContain('/models')
  })

  it('ask once for each different token of a long text', async () => {
    const detokenize = vi.spyOn(server.engine, 'detokenize')
    const { token_strs } = await json(
      await server.post('/tokenize', { model: 'fake', prompt: ' a b'.repeat(500), return_token_strs: true }),
    )
    expect((token_strs as string[]).join('')).toBe(' a b'.repeat(500))
    expect(detokenize).toHaveBeenCalledTimes(2)
  })

  it('score answers with a reward model', async () => {
    const dialogue = (content: string) => [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content },
    ]
    const answer = await server.post('/score', {
      model: 'judge',
      dialogues: [dialogue('four'), dialogue('seven..')],
    })
    expect(await json(answer)).toEqual({
      object: 'list',
      model: 'judge',
      data: [
        { object: 'score', index: 0, score: 4 },
        { object: 'score', index: 1, score: 7 },
      ],
      usage: { prompt_tokens: 11, total_tokens: 11 },
    })
    const wrong = await server.post('/score', { model: 'fake', messages: dialogue('x') })
    expect(await problem(wrong)).toMatchObject({ status: 400, param: 'model', code: 'wrong_model_kind' })
  })
})

describe('/v1/models', () => {
  it('lists names, and shows one and one version', async () => {
    const { data } = (await json(await server.fetch('/v1/models'))) as {
      data: { id: string; version: string }[]
    }
    expect(data).toMatchObject([
      { id: 'fake', kind: 'decoder', state: 'ready' },
      { id: 'judge', kind: 'reward' },
    ])
    expect(await json(await server.fetch('/v1/models/fake'))).toMatchObject({
      id: 'fake',
      max_model_len: 1000,
    })
    const id = `fake@${data[0]!.version}`
    expect(await json(await server.fetch(`/v1/models/${encodeURIComponent(id)}`))).toMatchObject({ id })
  })

  it.each(['nobody', 'fake@0000000000000000', '..%2F..%2Fetc%2Fpasswd', '%00', 'a%2Fb', '__proto__'])(
    'does not know %s',
    async (id) => {
      expect(await problem(await server.fetch(`/v1/models/${id}`))).toMatchObject({
        status: 404,
        type: 'not_found_error',
      })
    },
  )
})

describe('a model whose files were changed under the server', () => {
  it('is not answered by other weights than it says', async () => {
    const version = '0123456789abcdef'
    await server.store.models.addVersion({
      model: 'swapped',
      version,
      dir: '/models/swapped',
      kind: 'decoder',
    })
    const messages = [{ role: 'user', content: 'hi' }]
    const answer = await server.post('/v1/chat/completions', { model: 'swapped', messages })
    expect(await problem(answer)).toMatchObject({ status: 503, code: 'model_changed' })
    expect(server.engine.models().map(({ id }) => id)).not.toContain(`swapped@${version}`)
  })
})

describe('a body of another kind', () => {
  it('is refused with the kind that is wanted', async () => {
    for (const type of ['application/octet-stream', 'multipart/form-data; boundary=x', 'text/plain']) {
      const headers = { 'content-type': type, 'content-length': '2' }
      const answer = await server.fetch('/v1/chat/completions', { method: 'POST', headers, body: 'xx' })
      expect(await problem(answer)).toMatchObject({
        status: 415,
        code: 'unsupported_media_type',
        message: expect.stringContaining('application/json') as string,
      })
    }
  })

  it('must tell its length where it is a file', async () => {
    const headers = { 'content-type': 'application/octet-stream' }
    const answer = await server.fetch('/api/import', { method: 'POST', headers, body: 'xx' })
    expect(await problem(answer)).toMatchObject({ status: 411, code: 'length_required' })
  })
})

describe('/health and /metrics', () => {
  it('tell when the server can answer', async () => {
    server.context.startup.state = 'loading'
    const loading = await server.fetch('/health')
    expect([loading.status, (await json(loading)).status]).toEqual([503, 'loading'])
    server.context.startup.state = 'ready'
    expect((await server.fetch('/health')).status).toBe(200)
  })

  it('count requests and tokens for Prometheus', async () => {
    const messages = [{ role: 'user', content: 'hi' }]
    await server.post('/v1/chat/completions', { model: 'fake', messages })
    const response = await server.fetch('/metrics')
    expect(response.headers.get('content-type')).toContain('text/plain')
    const text = await response.text()
    expect(text).toContain('athanor_tokens_total{model="fake",kind="completion"} 3')
    expect(text).toContain(
      'athanor_http_requests_total{method="POST",route="/v1/chat/completions",status="200"} 1',
    )
    // A GET by its own route, though the studio's takes every path.
    for (const path of ['/v1/models/fake', '/v1/models/nobody', '/nothing/here']) await server.fetch(path)
    const counted = await (await server.fetch('/metrics')).text()
    for (const [route, status] of [
      ['/v1/models/:id', 200],
      ['/v1/models/:id', 404],
      ['/*', 404],
    ])
      expect(counted).toContain(`{method="GET",route="${route}",status="${status}"} 1`)
    expect(counted).not.toMatch(/nobody|nothing/)
    expect(text).toContain('athanor_engine_slots 16')
  })
})
