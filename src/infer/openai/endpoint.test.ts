import { describe, expect, it } from 'vitest'
import { completeChat, type EndpointOptions } from './endpoint.js'

const ok = () =>
  Response.json({
    choices: [{ message: { content: 'yes' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 3, completion_tokens: 1 },
  })

/** Asks an endpoint that gives these replies, the last one again and again; how long it took, in seconds. */
async function ask(
  replies: readonly (() => Response | Promise<Response>)[],
  more: Partial<EndpointOptions> = {},
) {
  let requests = 0
  const began = performance.now()
  const reply = await completeChat(
    {
      baseUrl: 'http://teacher.test/v1/',
      model: 'm',
      backoff: 0.01,
      ...more,
      fetch: async (url) => {
        expect(url).toBe('http://teacher.test/v1/chat/completions')
        return replies[Math.min(requests++, replies.length - 1)]!()
      },
    },
    { model: 'm' },
  )
  return { ...reply, seconds: (performance.now() - began) / 1000 }
}

describe('completeChat', () => {
  it('gives the answer, why it ended and what it cost', async () => {
    expect(await ask([ok])).toMatchObject({
      content: 'yes',
      finish: 'stop',
      usage: { promptTokens: 3, completionTokens: 1 },
      requests: 1,
    })
  })

  it('waits as long as it is told, in seconds or until a date', async () => {
    const busy = (after: string) => () => new Response('', { status: 429, headers: { 'retry-after': after } })
    expect((await ask([busy('0.2'), ok])).seconds).toBeGreaterThan(0.19)
    const past = await ask([busy(new Date(Date.now() - 5000).toUTCString()), ok], { backoff: 100 })
    expect(past).toMatchObject({ content: 'yes', requests: 2 })
    const far = new Date(Date.now() + 3_600_000).toUTCString()
    await expect(ask([busy(far), ok])).rejects.toMatchObject({
      code: 'endpoint/dead',
      message: expect.stringMatching(/HTTP 429.*come back in 3[56]\d\d seconds/) as string,
    })
  })

  it('asks again for JSON that broke off, and for a body that did', async () => {
    const half = () =>
      new Response('{"choices":[{"message":{"con', { headers: { 'content-type': 'application/json' } })
    const torn = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.error(new TypeError('terminated')),
        }),
      )
    expect(await ask([half, torn, ok])).toMatchObject({ content: 'yes', requests: 3 })
    await expect(ask([half], { retries: 1 })).rejects.toThrow(/2 tries: its JSON breaks off/)
  })

  it('does not ask again where the account is empty', async () => {
    const spent = () => Response.json({ error: { code: 'insufficient_quota' } }, { status: 429 })
    await expect(ask([spent, ok])).rejects.toMatchObject({ code: 'endpoint/refused' })
  })

  it('ends a body that drips for ever', async () => {
    const drip = () =>
      new Response(
        new ReadableStream({
          pull: (controller) =>
            new Promise((done) =>
              setTimeout(() => {
                controller.enqueue(new Uint8Array(1 << 18))
                done()
              }, 1),
            ),
        }),
      )
    await expect(ask([drip])).rejects.toMatchObject({ code: 'endpoint/reply' })
  })

  it('lets a budget say no before each request', async () => {
    let left = 2
    const onRequest = () => {
      if (left-- === 0) throw new Error('spent')
    }
    await expect(ask([() => new Response('', { status: 500 })], { onRequest })).rejects.toThrow('spent')
  })
})
