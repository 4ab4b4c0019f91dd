/**
 * The chat templates of other models: Jinja source, rendered by a library as transformers renders it.
 *
 * Whatever in the messages spells a special token is exchanged for characters that stand nowhere in them, so that the template sees
 * all else of the content and each special token of the rendered text is the template's own; it is put back before encoding.
 */
import { Template } from '@huggingface/jinja'
import type { Tokenizer } from '../tokenizer.js'
import { stopIdsOf } from './chatml.js'
import { ChatError } from './errors.js'
import {
  type ChatFormat,
  type ChatMessage,
  type ChatTurn,
  checkMessages,
  type EncodeChatOptions,
  type EncodedChat,
} from './message.js'
import { type Before, createTextEncoder, type TextEncoder } from './plain-text.js'

/** Characters of a rendered text, the end not included. */
type Span = readonly [from: number, to: number]

interface Rendered {
  readonly text: string
  /** What the assistant wrote. */
  readonly replies: readonly Span[]
  /** Where messages begin, as far as that can be told. */
  readonly turns: readonly ChatTurn[]
}

/** What is known of a template's assistant turns. */
interface Shape {
  /** Matches what only the template may write. */
  readonly tokens: RegExp
  /** Text between the end of a prompt and the assistant's content. */
  readonly lead: string
  /** The token after the content. */
  readonly end: string | undefined
}

/** @throws ChatError `chat_template` where the source is not Jinja as this library reads it */
export function templateFormat(tokenizer: Tokenizer, source: string): ChatFormat {
  const template = new ChatTemplate(tokenizer, source)
  const probe = probeOf(template)
  // Tokens that open and close turns count as special whatever the tokenizer says of them.
  const added = new Set(tokenizer.toJSON().added_tokens.map(({ id }) => id))
  const around = [...tokenizer.encode(probe.around, { special: true })].filter((id) => added.has(id))
  const encoder = createTextEncoder(tokenizer, new Set(around))
  const [end] = probe.after.match(new RegExp(encoder.tokens.source, 'u')) ?? []
  const stopIds = stopIdsOf(end === undefined ? undefined : encoder.idOf(end), tokenizer)
  const shape: Shape = { tokens: encoder.tokens, lead: probe.lead, end: end?.trim() }

  const encode = (messages: readonly ChatMessage[], options: EncodeChatOptions = {}): EncodedChat => {
    checkMessages(messages)
    const guard = guardText({ messages, options }, encoder.spelled, source)
    const rendered = template.render(guard.value.messages, guard.value.options, shape)
    return encodeRendered(rendered, encoder, guard.restore, tokenizer.bosId)
  }
  return { encode, stopIds, template: source }
}

/** Private-use characters around what the assistant wrote, of templates that mark it (`{% generation %}`). */
const [opened, closed] = ['\uf8fe', '\uf8ff'] as const

class ChatTemplate {
  readonly #template: Template
  readonly #marksReplies: boolean
  readonly #constants: Record<string, unknown>

  constructor(tokenizer: Tokenizer, source: string) {
    const nameOf = (id: number | undefined) => (id === undefined ? '' : tokenizer.idToToken(id))
    this.#constants = { bos_token: nameOf(tokenizer.bosId), eos_token: nameOf(tokenizer.eosId) }
    const marked = source.replace(
      /\{%(-?)\s*(end)?generation\s*(-?)%\}/g,
      (_, left, end, right) => `{%${left} if true %}{{ '${end ? closed : opened}' }}{% endif ${right}%}`,
    )
    this.#marksReplies = marked !== source
    try {
      this.#template = new Template(marked)
    } catch (cause) {
      throw new ChatError(
        'chat_template',
        `the chat template cannot be read: ${(cause as Error).message}; fetch the model's files again, or leave the template out to use ChatML`,
        { cause },
      )
    }
  }

  /** The text as the template writes it, marks included. */
  write(messages: readonly ChatMessage[], options: EncodeChatOptions = {}): string {
    try {
      return this.#template.render({
        ...this.#constants,
        messages: messages.map(forTemplate),
        tools: options.tools && options.tools.length > 0 ? options.tools : null,
        documents: null,
        add_generation_prompt: options.addGenerationPrompt ?? false,
        ...options.variables,
      })
    } catch (cause) {
      throw new ChatError(
        'chat_template_refused',
        `the model's chat template does not take these messages (${messages.map(({ role }) => role).join(', ') || 'none'}): ` +
          `${(cause as Error).message}`,
        { cause },
      )
    }
  }

  render(messages: readonly ChatMessage[], options: EncodeChatOptions, shape: Shape): Rendered {
    const { text, spans } = readMarks(this.write(messages, options))
    const until = (count: number, addGenerationPrompt: boolean) => {
      const prefix = this.#try(messages.slice(0, count), { ...options, addGenerationPrompt })
      return prefix !== undefined && text.startsWith(prefix) ? prefix.length : undefined
    }
    const replies: Span[] = this.#marksReplies ? [...spans] : []
    const turns: ChatTurn[] = messages[0] ? [{ role: messages[0].role, start: 0 }] : []
    const addTurn = (index: number, start: number | undefined) => {
      const role = messages[index]?.role
      if (role && start) turns.push({ role, start })
    }
    if (messages[0]?.role === 'system') addTurn(1, until(1, false))
    for (const [index, { role }] of messages.entries()) {
      if (role !== 'assistant') continue
      const to = until(index + 1, false)
      if (!this.#marksReplies) {
        const from = until(index, true) || undefined
        replies.push(this.#reply(messages, index, options, text, shape, from, to))
      }
      addTurn(index + 1, to)
    }
    const spoken = messages.filter(({ role }) => role === 'assistant')
    const learnt =
      replies.length === spoken.length ? replies.filter((_, i) => spoken[i]!.weight !== 0) : replies
    return { text, replies: learnt, turns }
  }

  /** Where a message of the assistant stands; `from` and `to` where the text up to them does not depend on what follows. */
  #reply(
    messages: readonly ChatMessage[],
    index: number,
    options: EncodeChatOptions,
    text: string,
    { tokens, lead, end }: Shape,
    from: number | undefined,
    to: number | undefined,
  ): Span {
    const upToEnd = (at: number): number => {
      const found = end === undefined ? -1 : text.indexOf(end, at)
      return found < 0 ? at : found + end!.length
    }
    if (from !== undefined && to !== undefined && from < to) return [from, lastEnd(text, tokens, from, to)]
    if (from !== undefined && upToEnd(from) > from) return [from, upToEnd(from)]
    // Rendered once more with marks around the content.
    const message = messages[index]!
    const [, before, core, after] = /^(\s*)(.*?)(\s*)$/s.exec(message.content)!
    const content = before! + opened + core + closed + after
    // The same roles in the same order were taken before.
    const marked = readMarks(this.write(messages.with(index, { ...message, content }), options))
    const [span] = marked.spans
    if (marked.text !== text || !span || core === '') {
      throw new ChatError(
        'chat_template',
        `the chat template does not let it be seen which part of its text is message ${index + 1}, the assistant's; ` +
          "put {% generation %} and {% endgeneration %} around the assistant's part in the template",
      )
    }
    const led = text.slice(0, span[0]).endsWith(lead)
    return [led ? span[0] - lead.length : span[0], upToEnd(span[1])]
  }

  /** Without marks; undefined where the template refuses. */
  #try(messages: readonly ChatMessage[], options: EncodeChatOptions): string | undefined {
    try {
      return readMarks(this.write(messages, options)).text
    } catch {
      return undefined
    }
  }
}

/** A message under the names that templates know. */
function forTemplate({ role, content, name, toolCalls = [], toolCallId }: ChatMessage): object {
  return {
    role,
    content,
    ...(name === undefined ? {} : { name }),
    ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
    ...(toolCalls.length === 0
      ? {}
      : {
          tool_calls: toolCalls.map(({ id, name, arguments: values }) => ({
            ...(id === undefined ? {} : { id }),
            type: 'function',
            function: { name, arguments: values },
          })),
        }),
  }
}

interface Probe {
  /** What the template writes around the two messages of a small dialogue. */
  readonly around: string
  /** What follows the assistant's content. */
  readonly after: string
  /** What stands between the end of a prompt and the assistant's content. */
  readonly lead: string
}

/** What the template does with a question and its answer. */
function probeOf(template: ChatTemplate): Probe {
  const [question, answer] = ['\uf8f0', '\uf8f1']
  const user: ChatMessage = { role: 'user', content: question }
  let text: string
  let prompt: string
  try {
    text = template.write([user, { role: 'assistant', content: answer }])
    prompt = template.write([user], { addGenerationPrompt: true })
  } catch {
    return { around: '', after: '', lead: '' }
  }
  const [before = '', after = ''] = text.replaceAll(/[\uf8fe\uf8ff]/g, '').split(answer)
  const lead = before.startsWith(prompt) ? before.slice(prompt.length) : ''
  return { around: before.slice(0, before.length - lead.length).replace(question, '') + after, after, lead }
}

/** The end of the last token within a span of the text, or the end of the span. */
function lastEnd(text: string, tokens: RegExp, from: number, to: number): number {
  const last = [...text.slice(from, to).matchAll(tokens)].at(-1)
  return last ? from + last.index + last[0].trimEnd().length : to
}

function readMarks(marked: string): { text: string; spans: Span[] } {
  const spans: Span[] = []
  let text = ''
  let from: number | undefined
  for (const part of marked.split(/([\uf8fe\uf8ff])/)) {
    if (part === opened) from = text.length
    else if (part !== closed) text += part
    else if (from !== undefined) {
      spans.push([from, text.length])
      from = undefined
    }
  }
  return { text, spans }
}

/** A copy of `value` in whose strings nothing matches `tokens`, and how to undo it in a text. */
function guardText<T>(value: T, tokens: RegExp, source: string): { value: T; restore(text: string): string } {
  // The characters that this file uses as marks are exchanged as well.
  const guarding = new RegExp(`${tokens.source}|[\uf8f0-\uf8ff]`, 'gu')
  const given = JSON.stringify(value) + source
  const stands = new Map<string, string>()
  const originals = new Map<string, string>()
  let next = 0xe000
  const standIn = (token: string): string => {
    const known = stands.get(token)
    if (known) return known
    while (given.includes(String.fromCharCode(next))) next++
    const char = String.fromCharCode(next++)
    stands.set(token, char)
    originals.set(char, token)
    return char
  }
  const guard = (part: unknown): unknown => {
    if (typeof part === 'string') return part.replace(guarding, standIn)
    if (Array.isArray(part)) return part.map(guard)
    if (typeof part !== 'object' || part === null) return part
    return Object.fromEntries(Object.entries(part).map(([key, field]) => [guard(key), guard(field)]))
  }
  const guarded = guard(value) as T
  const pattern = originals.size === 0 ? undefined : new RegExp(`[${[...originals.keys()].join('')}]`, 'gu')
  return {
    value: guarded,
    restore: (text) => (pattern ? text.replace(pattern, (char) => originals.get(char)!) : text),
  }
}

/** Structure and text as ids. A reply is encoded apart from what precedes it. */
function encodeRendered(
  { text, replies, turns }: Rendered,
  encoder: TextEncoder,
  restore: (text: string) => string,
  bosId: number | undefined,
): EncodedChat {
  const ids: number[] = []
  const trained: [number, number][] = []
  /** Ids before a character, where both text and tokens can be cut. */
  const idsBefore = new Map<number, number>([[0, 0]])
  let before: Before = 'nothing'
  const write = (from: number, to: number) => {
    let at = from
    const plain = (end: number) => {
      if (end === at) return
      for (const id of encoder.plain(restore(text.slice(at, end)), before)) ids.push(id)
      before = 'text'
    }
    for (const match of text.slice(from, to).matchAll(encoder.tokens)) {
      plain(from + match.index)
      idsBefore.set(from + match.index, ids.length)
      ids.push(encoder.idOf(match[0]))
      before = 'special'
      at = from + match.index + match[0].length
      idsBefore.set(at, ids.length)
    }
    plain(to)
    idsBefore.set(to, ids.length)
  }
  let at = 0
  for (const [from, to] of replies) {
    write(at, from)
    const first = ids.length
    write(from, to)
    trained.push([first, ids.length])
    at = to
  }
  write(at, text.length)
  const mask = new Uint8Array(ids.length)
  for (const [from, to] of trained) mask.fill(1, from, to)
  const known = turns.flatMap(({ role, start }) => {
    // The token that starts a document belongs to no message.
    const index = start === 0 && ids[0] === bosId ? 1 : idsBefore.get(start)
    return index === undefined ? [] : [{ role, start: index }]
  })
  return { ids: Int32Array.from(ids), mask, turns: known }
}
