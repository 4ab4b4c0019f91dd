/** Messages in the spellings that data sets use. */
import type { ChatMessage, ChatRole, ChatTool, ToolCall } from '../../text/index.js'
import { Unfit } from './records.js'

export type Fields = Readonly<Record<string, unknown>>

const ROLES: Readonly<Record<string, ChatRole | 'call'>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  human: 'user',
  prompter: 'user',
  assistant: 'assistant',
  gpt: 'assistant',
  chatgpt: 'assistant',
  bot: 'assistant',
  model: 'assistant',
  ai: 'assistant',
  tool: 'tool',
  observation: 'tool',
  function: 'tool',
  function_response: 'tool',
  ipython: 'tool',
  // ShareGPT's name for an assistant that calls a function.
  function_call: 'call',
}

export const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A text, or undefined where there is none. @throws Unfit where there is something else */
export function optionalText(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  throw new Unfit(`"${name}" must be text`)
}

/** Messages with `role` and `content` (as OpenAI writes them, or as this library does), or ShareGPT's `from` and `value`. @throws Unfit */
export function readMessages(value: unknown, name: string): ChatMessage[] {
  if (!Array.isArray(value)) throw new Unfit(`"${name}" must be a list of messages`)
  if (value.length === 0) throw new Unfit(`"${name}" has no message`)
  return value.map((message, index) => readMessage(message, `message ${index + 1}`))
}

export function readMessage(value: unknown, where: string): ChatMessage {
  if (!isObject(value)) throw new Unfit(`${where} is not an object`)
  const spelled = value.role ?? value.from
  const role = typeof spelled === 'string' && Object.hasOwn(ROLES, spelled) ? ROLES[spelled]! : undefined
  if (!role) {
    throw new Unfit(
      `${where} has the role ${JSON.stringify(spelled)}; roles are system, user, assistant and tool`,
    )
  }
  const calls =
    role === 'call' ? [callFromText(value, where)] : readCalls(value.tool_calls ?? value.toolCalls, where)
  const content = role === 'call' ? '' : readContent(value.content ?? value.value, where, calls.length > 0)
  const name = optionalText(value, 'name')
  const toolCallId = optionalText(value, 'tool_call_id') ?? optionalText(value, 'toolCallId')
  return {
    role: role === 'call' ? 'assistant' : role,
    content,
    ...(name === undefined ? {} : { name }),
    ...(toolCallId === undefined ? {} : { toolCallId }),
    ...(calls.length === 0 ? {} : { toolCalls: calls }),
    ...(value.weight === 0 ? { weight: 0 } : {}),
  }
}

function readContent(value: unknown, where: string, mayLack: boolean): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) {
    // OpenAI's parts; pictures and sound cannot be read.
    const texts = value.map((part) => (isObject(part) && part.type === 'text' ? part.text : undefined))
    if (texts.every((text) => typeof text === 'string')) return texts.join('')
    throw new Unfit(`${where} holds something else than text`)
  }
  if (mayLack && (value === null || value === undefined)) return ''
  throw new Unfit(`${where} has no text`)
}

function readCalls(value: unknown, where: string): ToolCall[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new Unfit(`the tool_calls of ${where} must be a list`)
  return value.map((call: unknown) => {
    const described = isObject(call) && isObject(call.function) ? call.function : call
    const id = isObject(call) && typeof call.id === 'string' ? call.id : undefined
    return { ...readCall(described, where), ...(id === undefined ? {} : { id }) }
  })
}

function callFromText(value: Fields, where: string): ToolCall {
  const text = value.value ?? value.content
  return readCall(typeof text === 'string' ? parsed(text, `the call of ${where}`) : text, where)
}

function readCall(value: unknown, where: string): ToolCall {
  if (!isObject(value) || typeof value.name !== 'string') throw new Unfit(`a call of ${where} has no name`)
  const given = value.arguments ?? {}
  const values = typeof given === 'string' ? parsed(given, `the arguments of ${value.name}`) : given
  if (!isObject(values)) throw new Unfit(`the arguments of ${value.name} in ${where} are not an object`)
  return { name: value.name, arguments: values }
}

/** Tools as a list, or as its JSON text. */
export function readTools(value: unknown): ChatTool[] {
  const list =
    typeof value === 'string' ? (value.trim() === '' ? [] : parsed(value, '"tools"')) : (value ?? [])
  if (Array.isArray(list) && list.every(isObject)) return list
  throw new Unfit('"tools" must be a list of objects')
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Unfit(`${what} is not valid JSON`)
  }
}

/** @throws Unfit for dialogues that nobody begins, or in which the assistant says nothing where it should */
export function checkDialogue(messages: readonly ChatMessage[]): void {
  const first = messages.find(({ role }) => role !== 'system')
  if (first && first.role !== 'user') {
    throw new Unfit(`the dialogue starts with the ${first.role}; it must start with the user`)
  }
  const silent = messages.findIndex(
    ({ role, content, toolCalls }) => role === 'assistant' && content.trim() === '' && !toolCalls?.length,
  )
  if (silent >= 0) throw new Unfit(`the assistant's answer (message ${silent + 1}) is empty`)
}
