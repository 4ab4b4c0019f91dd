import Ajv from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { Rng } from '../../rng.js'
import { createConstraint } from './constraint.js'
import { smallVocabulary, tokensOf, walk } from './testing/walk.js'
import { createToolCallParser, parseToolCalls } from './tool-calls.js'
import { toolGrammar } from './tools.js'
import type { ToolCallEvent, ToolChoice } from './types.js'

const vocabulary = smallVocabulary()
const parameters = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1, maximum: 14 } },
  required: ['city'],
}
const tools = [
  { type: 'function', function: { name: 'weather', parameters } },
  { type: 'function', function: { name: 'now' } },
]
const ajv = new Ajv.default({ strict: false })
const isWeather = ajv.compile(parameters)

function follows(choice: ToolChoice, text: string): boolean {
  const constraint = createConstraint(toolGrammar(tools, choice), vocabulary)
  try {
    for (const byte of new TextEncoder().encode(text)) constraint.accept(byte)
    return constraint.canEnd
  } catch {
    return false
  }
}

const call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>'
const short = '<tool_call>{"name":"now","arguments":{}}</tool_call>'

describe('toolGrammar', () => {
  it.each<[ToolChoice, string, boolean]>([
    ['auto', 'Just text. <tool_ca is text too.', true],
    ['auto', `Let me see.\n${call}`, true],
    ['auto', `${call}\n${short} Done.`, true],
    ['auto', '<tool_call>\n{"name": "weather", "arguments": {"town": 1}}', false],
    ['auto', '<<tool_call>x', false],
    ['auto', '<tool_call>', false],
    ['none', 'Text <tool_cal', true],
    ['none', 'Text <tool_call>', false],
    ['required', call, true],
    ['required', `${call}\n${short}`, true],
    ['required', 'No.', false],
    [{ name: 'now' }, short, true],
    [{ name: 'now' }, call, false],
    [{ name: 'now' }, short + short, false],
  ])('%j: %s -> %s', (choice, text, expected) => {
    expect(follows(choice, text)).toBe(expected)
  })

  it('leaves text free until a call begins', () => {
    const constraint = createConstraint(toolGrammar(tools, 'auto'), vocabulary)
    expect(tokensOf(constraint.allowed()).length).toBe(vocabulary.size)
  })

  it.each<ToolChoice>(['auto', 'required', { name: 'weather' }])(
    'writes calls that can be parsed and are valid: %j',
    (choice) => {
      const rng = Rng.seed(8)
      let calls = 0
      for (let round = 0; round < 30; round++) {
        const { text, ended } = walk(toolGrammar(tools, choice), vocabulary, rng, 220)
        expect(ended, text).toBe(true)
        const parsed = parseToolCalls(text)
        calls += parsed.calls.length
        if (choice !== 'auto') expect(parsed.calls.length).toBeGreaterThan(0)
        for (const { name, arguments: values } of parsed.calls) {
          expect(name === 'weather' ? isWeather(values) : name === 'now').toBe(true)
        }
      }
      expect(calls).toBeGreaterThan(choice === 'auto' ? -1 : 29)
    },
  )

  it.each([
    [[{ type: 'function' }], /tool 1 of 1/],
    [[{ type: 'function', function: { name: '<b>' } }], /needs a name/],
    [[tools[0]!, tools[0]!], /another one/],
    [[{ type: 'function', function: { name: 'x', parameters: { type: 'string' } } }], /type "object"/],
    [
      [{ type: 'function', function: { name: 'x', parameters: { properties: { a: { not: {} } } } } }],
      /tool "x".*#\/properties\/a/,
    ],
    [[], /none among the 0/],
  ])('refuses what is no tool %#', (wrong, message) => {
    expect(() => toolGrammar(wrong, 'required')).toThrow(
      expect.objectContaining({ code: 'infer/schema', message: expect.stringMatching(message) }),
    )
  })
})

/** The events of a text cut into pieces, those of one call and text joined. */
function joined(
  text: string,
  cut: (rest: number) => number,
): { text: string; calls: { name: string; json: string }[] } {
  const parser = createToolCallParser()
  const events: ToolCallEvent[] = []
  for (let at = 0; at < text.length; ) {
    const length = cut(text.length - at)
    events.push(...parser.push(text.slice(at, at + length)))
    at += length
  }
  events.push(...parser.flush())
  let said = ''
  const calls: { name: string; json: string }[] = []
  for (const event of events) {
    if (event.type === 'text') said += event.text
    else if (event.name !== undefined) calls[event.index] = { name: event.name, json: event.arguments }
    else calls[event.index]!.json += event.arguments
  }
  return { text: said, calls }
}

describe('the parser of calls', () => {
  const weather = { name: 'weather', json: '{"city": "Paris"}' }
  const now = { name: 'now', json: '{}' }
  it.each([
    ['Hello there.  ', { text: 'Hello there.  ', calls: [] }],
    [`Let me see.\n${call}`, { text: 'Let me see.', calls: [weather] }],
    [`${call}\n${short}`, { text: '', calls: [weather, now] }],
    [`${call}\n\nDone.`, { text: 'Done.', calls: [weather] }],
    ['a < b <tool_call c', { text: 'a < b <tool_call c', calls: [] }],
    ['x <tool_call>no call</tool_call> y', { text: 'x <tool_call>no call</tool_call> y', calls: [] }],
    ['x\n<tool_call>{"name": 1}', { text: 'x\n<tool_call>{"name": 1}', calls: [] }],
    [
      '<tool_call>{"arguments":{"a":1},"name":"f"}</tool_call>',
      { text: '', calls: [{ name: 'f', json: '{"a":1}' }] },
    ],
    [
      '<tool_call>{"name":"f","arguments":"{\\"a\\":1}"}</tool_call>',
      { text: '', calls: [{ name: 'f', json: '{"a":1}' }] },
    ],
    [
      '<tool_call>{"name":"f","arguments":{"a":"}</tool_call>\\"{"}}</tool_call>z',
      { text: 'z', calls: [{ name: 'f', json: '{"a":"}</tool_call>\\"{"}' }] },
    ],
    ['<tool_call>{"name":"f","arguments":{"a":[1,', { text: '', calls: [{ name: 'f', json: '{"a":[1,' }] }],
    ['<tool_call>{"name":"now","arguments":{}}', { text: '', calls: [now] }],
  ])('reads %s, wherever it is cut', (text, expected) => {
    const rng = Rng.seed(9)
    expect(joined(text, (rest) => rest)).toEqual(expected)
    expect(joined(text, () => 1)).toEqual(expected)
    for (let i = 0; i < 20; i++) expect(joined(text, () => 1 + rng.integer(9))).toEqual(expected)
  })

  it('gives text and arguments as soon as they are certain', () => {
    const parser = createToolCallParser()
    expect(parser.push('Hi <')).toEqual([{ type: 'text', text: 'Hi' }])
    expect(parser.push('b')).toEqual([{ type: 'text', text: ' <b' }])
    expect(parser.push('<tool_call>{"name": "f", "arguments": {"a"')).toEqual([
      { type: 'toolCall', index: 0, name: 'f', arguments: '{"a"' },
    ])
    expect(parser.push(': 1')).toEqual([{ type: 'toolCall', index: 0, arguments: ': 1' }])
  })
})
