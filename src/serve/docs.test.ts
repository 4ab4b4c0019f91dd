/** The API’s description says what the API does: every answer here is checked against it. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHarness, eventsOf, type Harness } from './testing/harness.js'

let server: Harness
beforeEach(async () => {
  server = await createHarness()
})
afterEach(() => server.close())

interface Description {
  readonly paths: Record<
    string,
    Record<
      string,
      {
        requestBody?: { content: Record<string, { schema: object }> }
        responses: Record<string, { content?: Record<string, { schema: object }> }>
      }
    >
  >
  readonly components: object
}

async function describeApi() {
  const text = await (await server.fetch('/openapi.json')).text()
  const description = JSON.parse(text) as Description
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false })
  ajv.addSchema({ $id: 'api', components: description.components })
  const check = (schema: object, value: unknown) => {
    const absolute = JSON.parse(
      JSON.stringify(schema).replaceAll('"#/components', '"api#/components'),
    ) as object
    const validate = ajv.compile(absolute)
    expect(validate(value), JSON.stringify(validate.errors?.slice(0, 3))).toBe(true)
  }
  return { description, check }
}

const messages = [{ role: 'user', content: 'the weather?' }]
const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }]

describe('openapi.json', () => {
  it('describes answers and errors as they are', async () => {
    const { description, check } = await describeApi()
    const cases: [method: 'get' | 'post', path: string, body?: object][] = [
      ['get', '/v1/models'],
      ['get', '/health'],
      ['get', '/api/session'],
      ['post', '/v1/chat/completions', { model: 'fake', messages }],
      [
        'post',
        '/v1/chat/completions',
        { model: 'fake', messages, tools, logprobs: true, top_logprobs: 2, n: 2 },
      ],
      ['post', '/v1/chat/completions', { model: 'nobody', messages }],
      ['post', '/v1/chat/completions', { model: 'fake' }],
      ['post', '/v1/completions', { model: 'fake', prompt: 'a', logprobs: 1 }],
      ['post', '/v1/embeddings', { model: 'fake', input: 'a' }],
      ['post', '/v1/embeddings', { model: 'fake', input: 'a', encoding_format: 'base64' }],
      ['post', '/tokenize', { model: 'fake', prompt: 'a' }],
      ['post', '/detokenize', { model: 'fake', tokens: [1] }],
      ['post', '/score', { model: 'judge', messages }],
      ['post', '/score', { model: 'fake', messages }],
    ]
    for (const [method, path, body] of cases) {
      const response = await server.fetch(path, {
        method: method.toUpperCase(),
        ...(body ? { json: body } : {}),
      })
      const { responses, requestBody } = description.paths[path]![method]!
      const { content } = responses[response.status] ?? responses.default!
      check(content!['application/json']!.schema, await response.json())
      if (response.ok && body) check(requestBody!.content['application/json']!.schema, body)
    }
  })

  it('describes events as they are', async () => {
    const { description, check } = await describeApi()
    for (const [path, body] of [
      ['/v1/chat/completions', { messages, tools, stream_options: { include_usage: true } }],
      ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }], logprobs: true }],
      ['/v1/completions', { prompt: 'a', logprobs: 1, stream_options: { include_usage: true } }],
    ] as const) {
      const events = await eventsOf(await server.post(path, { model: 'fake', stream: true, ...body }))
      const { schema } = description.paths[path]!.post!.responses[200]!.content!['text/event-stream']!
      for (const event of events.slice(0, -1)) check(schema, JSON.parse(event))
    }
  })

  it('has a name for each schema, and each name once', async () => {
    const { description } = await describeApi()
    const { schemas } = description.components as { schemas: Record<string, { properties: object }> }
    expect(schemas.Usage!.properties).toHaveProperty('prompt_tokens')
    expect(schemas.UsageSum!.properties).toHaveProperty('group')
  })

  it('has every endpoint of OpenAI’s and the schemes of keys', async () => {
    const { description } = await describeApi()
    expect(Object.keys(description.paths)).toEqual(
      expect.arrayContaining([
        '/v1/models',
        '/v1/models/{id}',
        '/v1/chat/completions',
        '/v1/completions',
        '/v1/embeddings',
        '/tokenize',
        '/detokenize',
        '/score',
        '/health',
        '/metrics',
      ]),
    )
    expect(description.components).toMatchObject({
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
    })
  })
})

describe('/docs', () => {
  it('is a page that loads nothing from elsewhere', async () => {
    const page = await server.fetch('/docs')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'")
    const html = await page.text()
    const links = Array.from(html.matchAll(/(?:src|href)="([^"]+)"/g), ([, link]) => link!)
    expect(links.length).toBeGreaterThan(2)
    for (const link of links) expect((await server.fetch(link)).status, link).toBe(200)
  })
})
