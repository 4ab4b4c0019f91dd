/** Text as it streams in, told apart into text and calls of tools. */
import type { ToolCall } from '../../text/chat/index.js'
import { isObject } from './schema/document.js'
import type { ToolCallEvent } from './types.js'

export const CALL_OPEN = '<tool_call>'
export const CALL_CLOSE = '</tool_call>'

export interface ToolCallParser {
  /** What is certain after one more piece of text; pieces may be cut anywhere. */
  push(piece: string): ToolCallEvent[]
  /** What was held back. A call that was cut off in its arguments stays as it is; what is no call is text. */
  flush(): ToolCallEvent[]
}

const HEAD = /^\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.){0,256}")\s*,\s*"arguments"\s*:\s*(?=\{)/
/** Where the head of a call is looked for. */
const HEAD_LENGTH = 1_024

/**
 * Finds `<tool_call>{"name": …, "arguments": {…}}</tool_call>`. Arguments stream as they come; calls written in another order or with
 * arguments as text are given whole. What stands between the tags and is no call is given as text. White space around calls is left out.
 */
export function createToolCallParser(): ToolCallParser {
  return new Parser()
}

class Parser implements ToolCallParser {
  #mode: 'text' | 'head' | 'arguments' | 'tail' = 'text'
  #held = ''
  /** White space before a call, which is text if the call is none. */
  #space = ''
  #index = 0
  #afterCall = false
  #depth = 0
  #inText = false
  #escaped = false

  push(piece: string): ToolCallEvent[] {
    this.#held += piece
    const events: ToolCallEvent[] = []
    while (this.#step(events)) {}
    return merged(events)
  }

  flush(): ToolCallEvent[] {
    const events: ToolCallEvent[] = []
    if (this.#mode === 'text') this.#say(events, this.#held)
    else if (this.#mode === 'head') this.#whole(events, this.#held, '')
    this.#held = ''
    this.#mode = 'text'
    return merged(events)
  }

  /** Does what can be done with what is held; false where more is needed. */
  #step(events: ToolCallEvent[]): boolean {
    switch (this.#mode) {
      case 'text':
        return this.#text(events)
      case 'head':
        return this.#head(events)
      case 'arguments':
        return this.#arguments(events)
      case 'tail':
        return this.#tail()
    }
  }

  #text(events: ToolCallEvent[]): boolean {
    const at = this.#held.indexOf(CALL_OPEN)
    if (at >= 0) {
      const said = this.#held.slice(0, at).trimEnd()
      this.#space = this.#held.slice(said.length, at)
      this.#say(events, said)
      this.#held = this.#held.slice(at + CALL_OPEN.length)
      this.#mode = 'head'
      return true
    }
    let keep = Math.min(this.#held.length, CALL_OPEN.length - 1)
    while (!CALL_OPEN.startsWith(this.#held.slice(this.#held.length - keep))) keep--
    const sure = this.#held.slice(0, this.#held.length - keep).trimEnd()
    this.#say(events, sure)
    this.#held = this.#held.slice(sure.length)
    return false
  }

  #head(events: ToolCallEvent[]): boolean {
    const head = HEAD.exec(this.#held.slice(0, HEAD_LENGTH))
    const name = head ? asName(head[1]!) : undefined
    if (head && name !== undefined) {
      this.#held = this.#held.slice(head[0].length)
      events.push({ type: 'toolCall', index: this.#index, name, arguments: '' })
      this.#mode = 'arguments'
      return true
    }
    const close = this.#held.indexOf(CALL_CLOSE)
    if (close < 0) return false
    const body = this.#held.slice(0, close)
    this.#held = this.#held.slice(close + CALL_CLOSE.length)
    this.#mode = 'text'
    this.#whole(events, body, CALL_CLOSE)
    return true
  }

  #arguments(events: ToolCallEvent[]): boolean {
    const held = this.#held
    for (let i = 0; i < held.length; i++) {
      const char = held[i]!
      if (this.#inText) {
        if (this.#escaped) this.#escaped = false
        else if (char === '\\') this.#escaped = true
        else if (char === '"') this.#inText = false
      } else if (char === '"') this.#inText = true
      else if (char === '{' || char === '[') this.#depth++
      else if ((char === '}' || char === ']') && --this.#depth === 0) {
        events.push({ type: 'toolCall', index: this.#index++, arguments: held.slice(0, i + 1) })
        this.#held = held.slice(i + 1)
        this.#mode = 'tail'
        return true
      }
    }
    if (held !== '') events.push({ type: 'toolCall', index: this.#index, arguments: held })
    this.#held = ''
    return false
  }

  #tail(): boolean {
    const close = this.#held.indexOf(CALL_CLOSE)
    if (close < 0) {
      // Nothing of it is shown, so only what the tag can begin in is kept.
      this.#held = this.#held.slice(-CALL_CLOSE.length)
      return false
    }
    this.#held = this.#held.slice(close + CALL_CLOSE.length)
    this.#mode = 'text'
    this.#afterCall = true
    return true
  }

  /** A call that is there as a whole, or text after all. */
  #whole(events: ToolCallEvent[], body: string, close: string): void {
    const call = asCall(body)
    if (!call) {
      const space = this.#space
      this.#space = ''
      events.push({ type: 'text', text: `${space}${CALL_OPEN}${body}${close}` })
      this.#afterCall = false
      return
    }
    events.push({ type: 'toolCall', index: this.#index++, ...call })
    this.#afterCall = true
  }

  #say(events: ToolCallEvent[], text: string): void {
    const said = this.#afterCall ? text.trimStart() : text
    if (said === '') return
    this.#afterCall = false
    events.push({ type: 'text', text: said })
  }
}

/** The text and the calls of a whole answer. Calls whose arguments are no JSON object (cut off, say) are left out. */
export function parseToolCalls(text: string): { text: string; calls: ToolCall[] } {
  const parser = createToolCallParser()
  const found: { name: string; json: string }[] = []
  let said = ''
  for (const event of [...parser.push(text), ...parser.flush()]) {
    if (event.type === 'text') said += event.text
    else {
      found[event.index] ??= { name: event.name ?? '', json: '' }
      found[event.index]!.json += event.arguments
    }
  }
  const calls = found.flatMap(({ name, json }) => {
    const values = asObject(json)
    return values ? [{ name, arguments: values }] : []
  })
  return { text: said, calls }
}

function merged(events: readonly ToolCallEvent[]): ToolCallEvent[] {
  const out: ToolCallEvent[] = []
  for (const event of events) {
    const last = out.at(-1)
    if (event.type === 'text' && last?.type === 'text')
      out[out.length - 1] = { ...last, text: last.text + event.text }
    else if (
      event.type === 'toolCall' &&
      last?.type === 'toolCall' &&
      last.index === event.index &&
      event.name === undefined
    ) {
      out[out.length - 1] = { ...last, arguments: last.arguments + event.arguments }
    } else out.push(event)
  }
  return out
}

function asCall(body: string): { name: string; arguments: string } | undefined {
  const call = asObject(body)
  if (!call || typeof call.name !== 'string') return undefined
  const { name, arguments: values = {} } = call
  if (isObject(values)) return { name, arguments: JSON.stringify(values) }
  return typeof values === 'string' && asObject(values) ? { name, arguments: values } : undefined
}

function asName(quoted: string): string | undefined {
  try {
    const name: unknown = JSON.parse(quoted)
    return typeof name === 'string' ? name : undefined
  } catch {
    return undefined
  }
}

function asObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}
