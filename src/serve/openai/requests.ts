/** From OpenAI's requests to what the engine is asked, within the limits of the server. */
import type { z } from '@hono/zod-openapi'
import type { GenerationRequest, ResponseFormat, ToolChoice } from '../../infer/engine/types.js'
import type { ChatMessage, ChatTool, ToolCall } from '../../text/index.js'
import type { ServeConfig } from '../config.js'
import { badRequest } from '../errors.js'
import type { ApiMessage, ChatRequest, toolCallSchema } from './chat-schemas.js'
import type { CompletionRequest } from './completion-schemas.js'

type Limits = ServeConfig['limits']
/** How to sample, without what is asked. */
export type Sampling = Omit<GenerationRequest, 'model' | 'prompt'>

/** A value without the fields that are undefined or null. */
export function present<T extends object>(value: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== undefined && field !== null),
  ) as { [K in keyof T]?: NonNullable<T[K]> }
}

/** What chat and completion requests say of sampling. */
export function samplingOf(request: ChatRequest | CompletionRequest, limits: Limits): Sampling {
  const stop = typeof request.stop === 'string' ? [request.stop] : (request.stop ?? [])
  atMost(stop.length, limits.stops, 'stop strings', 'stop')
  atMost(request.n ?? 1, limits.choices, 'answers', 'n')
  return present({
    temperature: request.temperature,
    topP: request.top_p,
    topK: request.top_k != null && request.top_k > 0 ? request.top_k : undefined,
    minP: request.min_p,
    repetitionPenalty: request.repetition_penalty,
    presencePenalty: request.presence_penalty,
    frequencyPenalty: request.frequency_penalty,
    logitBias: request.logit_bias,
    seed: request.seed,
    stop: stop.length > 0 ? stop : undefined,
    overflow: request.overflow,
  }) as Sampling
}

/** The seed of one of `n` answers: the same request gives the same answers, which differ. */
export const seedOf = ({ seed }: Sampling, index: number): Pick<Sampling, 'seed'> =>
  seed === undefined ? {} : { seed: seed + index }

/** What only chat requests say: how long, in which form, with which tools. */
export function chatSamplingOf(request: ChatRequest, limits: Limits): Sampling {
  if (request.top_logprobs != null && request.logprobs !== true)
    throw badRequest('top_logprobs needs logprobs: true', 'top_logprobs')
  return {
    ...samplingOf(request, limits),
    ...present({
      maxTokens: request.max_completion_tokens ?? request.max_tokens,
      logprobs: request.logprobs ? (request.top_logprobs ?? 0) : undefined,
      format: formatOf(request, limits),
      toolChoice: toolChoiceOf(request),
      parallelToolCalls: request.parallel_tool_calls,
    }),
  }
}

function formatOf({ response_format: format }: ChatRequest, limits: Limits): ResponseFormat | undefined {
  if (format == null || format.type === 'text') return undefined
  if (format.type === 'json_object') return format
  const { schema, strict } = format.json_schema
  checkSchema(schema, limits, 'response_format.json_schema.schema')
  return { type: 'json_schema', schema, ...(strict == null ? {} : { strict }) }
}

function toolChoiceOf({ tools, tool_choice: choice }: ChatRequest): ToolChoice | undefined {
  if (choice == null) return undefined
  const names = new Set(tools?.map(({ function: { name } }) => name))
  if (typeof choice === 'string') {
    if (choice === 'required' && names.size === 0)
      throw badRequest('tool_choice is required, but there are no tools', 'tool_choice')
    return choice
  }
  const { name } = choice.function
  if (!names.has(name))
    throw badRequest(`tool_choice names ${name}, which is none of the tools`, 'tool_choice')
  return { name }
}

export function toolsOf({ tools }: Pick<ChatRequest, 'tools'>, limits: Limits): ChatTool[] | undefined {
  if (tools == null || tools.length === 0) return undefined
  atMost(tools.length, limits.tools, 'tools', 'tools')
  const names = new Set<string>()
  for (const [index, { function: tool }] of tools.entries()) {
    if (names.has(tool.name)) throw badRequest(`two tools have the name ${tool.name}`, `tools[${index}]`)
    names.add(tool.name)
    checkSchema(tool.parameters ?? {}, limits, `tools[${index}].function.parameters`)
  }
  return tools.map(({ type, function: tool }) => ({ type, function: present(tool) }))
}

/** Chat messages as the model's format takes them. */
export function messagesOf(messages: readonly ApiMessage[], limits: Limits): ChatMessage[] {
  atMost(messages.length, limits.messages, 'messages', 'messages')
  return messages.map((message, index) => messageOf(message, `messages[${index}]`))
}

function messageOf(message: ApiMessage, where: string): ChatMessage {
  const name = message.name == null ? {} : { name: message.name }
  switch (message.role) {
    case 'system':
    case 'developer':
      return { role: 'system', content: textOf(message.content), ...name }
    case 'user':
      return { role: 'user', content: textOf(message.content), ...name }
    case 'tool':
      return { role: 'tool', content: textOf(message.content), toolCallId: message.tool_call_id, ...name }
    case 'assistant': {
      const content = message.content == null ? '' : textOf(message.content)
      const toolCalls = (message.tool_calls ?? []).map((call, i) =>
        toolCallOf(call, `${where}.tool_calls[${i}]`),
      )
      return { role: 'assistant', content, ...(toolCalls.length > 0 ? { toolCalls } : {}), ...name }
    }
  }
}

type Content = NonNullable<ApiMessage['content']>

const textOf = (content: Content): string =>
  typeof content === 'string'
    ? content
    : content.map((part) => (part.type === 'text' ? part.text : part.refusal)).join('')

function toolCallOf({ id, function: call }: z.infer<typeof toolCallSchema>, where: string): ToolCall {
  let value: unknown
  try {
    // Clients write a call without arguments as an empty text.
    value = call.arguments.trim() === '' ? {} : JSON.parse(call.arguments)
  } catch {
    value = undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('the arguments of a call must be a JSON object', `${where}.function.arguments`)
  return { id, name: call.name, arguments: value as Record<string, unknown> }
}

/** @throws ApiError 400 for a schema that takes too much text; how deep it may be, the body's depth says */
function checkSchema(schema: unknown, { schemaBytes }: Limits, param: string): void {
  const bytes = Buffer.byteLength(JSON.stringify(schema))
  if (bytes > schemaBytes)
    throw badRequest(
      `a schema of ${bytes} bytes; at most ${schemaBytes} are allowed`,
      param,
      'schema_too_large',
    )
}

/** @throws ApiError 400 */
export function atMost(count: number, limit: number, what: string, param: string): void {
  if (count > limit) throw badRequest(`${count} ${what}; at most ${limit} are allowed`, param, 'too_many')
}
