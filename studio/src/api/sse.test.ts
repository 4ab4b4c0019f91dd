import { describe, expect, it } from 'vitest'
import { EventParser, readEvents } from './sse.js'

const stream =
  ': ping\n\nevent: metric\r\nid: 7\r\ndata: {"a":1}\r\n\r\ndata: first\ndata:  second\n\ndata: [DONE]\n\n'
const expected = [
  { event: 'metric', data: '{"a":1}', id: '7' },
  { event: 'message', data: 'first\n second', id: '7' },
  { event: 'message', data: '[DONE]', id: '7' },
]

describe('the stream of events', () => {
  it('is read the same however it is cut', () => {
    for (let size = 1; size <= stream.length; size++) {
      const parser = new EventParser()
      const events = []
      for (let at = 0; at < stream.length; at += size)
        events.push(...parser.push(stream.slice(at, at + size)))
      expect(events).toEqual(expected)
    }
  })

  it('keeps characters whole that are cut in the middle', async () => {
    const bytes = new TextEncoder().encode('data: 炉火🔥\n\ndata: end')
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
        controller.close()
      },
    })
    const events = []
    for await (const event of readEvents(body)) events.push(event.data)
    expect(events).toEqual(['炉火🔥', 'end'])
  })
})
