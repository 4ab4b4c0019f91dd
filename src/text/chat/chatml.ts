/**
 * ChatML, the format of Athanor's own models:
 *
 *     <|im_start|>user
 *     Hello!<|im_end|>
 *     <|im_start|>assistant
 *     Hi.<|im_end|>
 *
 * The assistant writes its content and `<|im_end|>`; the line end after it belongs to the format.
 */
import type { Tokenizer } from '../tokenizer.js'
import { ChatError } from './errors.js'
import {
  type ChatFormat,
  type ChatMessage,
  type ChatTool,
  type ChatTurn,
  checkMessages,
  type EncodeChatOptions,
  type EncodedChat,
  type ToolCall,
} from './message.js'

export const CHATML_TOKENS = ['<|im_start|>', '<|im_end|>'] as const

const toolsBefore = 'These functions may be called; each line describes one in JSON:\n<tools>'
const toolsAfter =
  '\n</tools>\nTo call one, answer with its name and arguments as JSON between the tags:\n' +
  '<tool_call>\n{"name": "the name", "arguments": {"a parameter": "its value"}}\n</tool_call>'

/** What {@link chatmlFormat} does, for other programs. */
export const chatmlTemplate = `{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' and messages[0].content %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- ${quoted(toolsBefore)} }}
    {%- for tool in tools %}
        {{- '\\n' + (tool | tojson) }}
    {%- endfor %}
    {{- ${quoted(toolsAfter)} + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if not (tools and loop.first and message.role == 'system') %}
        {{- '<|im_start|>' + message.role + '\\n' + (message.content or '') }}
        {%- for call in message.tool_calls or [] %}
            {{- '\\n' if message.content or not loop.first else '' }}
            {{- '<tool_call>\\n{"name": ' + (call.function.name | tojson) }}
            {{- ', "arguments": ' + (call.function.arguments | tojson) + '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}`

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll("'", "\\'")}'`
}

/** ChatML without running its template. The tokenizer must have {@link CHATML_TOKENS}. */
export function chatmlFormat(tokenizer: Tokenizer): ChatFormat {
  const [startId, endId] = CHATML_TOKENS.map((token) => tokenizer.specialTokens.get(token)) as number[]
  const lineEnd = tokenizer.encode('\n')
  const reply = tokenizer.encode('assistant\n')

  const encode = (messages: readonly ChatMessage[], options: EncodeChatOptions = {}): EncodedChat => {
    checkMessages(messages)
    const ids: number[] = []
    const trained: [from: number, to: number][] = []
    const turns: ChatTurn[] = []
    for (const message of withTools(messages, options.tools)) {
      turns.push({ role: message.role, start: ids.length })
      ids.push(startId!)
      if (message.role === 'assistant') {
        append(ids, reply)
        const from = ids.length
        append(ids, tokenizer.encode(spoken(message)))
        ids.push(endId!)
        if (message.weight !== 0) trained.push([from, ids.length])
      } else {
        append(ids, tokenizer.encode(`${message.role}\n${spoken(message)}`))
        ids.push(endId!)
      }
      append(ids, lineEnd)
    }
    if (options.addGenerationPrompt) {
      ids.push(startId!)
      append(ids, reply)
    }
    const mask = new Uint8Array(ids.length)
    for (const [from, to] of trained) mask.fill(1, from, to)
    return { ids: Int32Array.from(ids), mask, turns }
  }

  return { encode, stopIds: stopIdsOf(endId, tokenizer), template: chatmlTemplate }
}

/** The end of a turn, and the end of a document, which a model may write in its place. */
export function stopIdsOf(turnEnd: number | undefined, { eosId }: Tokenizer): number[] {
  return [...new Set([turnEnd, eosId].filter((id) => id !== undefined))]
}

export function noFormat(): ChatError {
  return new ChatError(
    'chat_no_format',
    `the tokenizer has no tokens for turns; add them with withSpecialTokens(tokenizer, CHATML_TOKENS) (${CHATML_TOKENS.join(' and ')}), or bring the model's chat template`,
  )
}

/** Tools are told to the assistant at the end of the system message. */
function withTools(
  messages: readonly ChatMessage[],
  tools: readonly ChatTool[] | undefined,
): readonly ChatMessage[] {
  if (!tools || tools.length === 0) return messages
  const [first, ...others] = messages
  const system = first?.role === 'system' ? first : undefined
  const told = toolsBefore + tools.map((tool) => `\n${spacedJson(tool)}`).join('') + toolsAfter
  const content = system?.content ? `${system.content}\n\n${told}` : told
  return [{ role: 'system', content }, ...(system ? others : messages)]
}

function spoken({ content, toolCalls = [] }: ChatMessage): string {
  const calls = toolCalls.map(written)
  return (content === '' ? calls : [content, ...calls]).join('\n')
}

const written = ({ name, arguments: values }: ToolCall) =>
  `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${spacedJson(values)}}\n</tool_call>`

/** JSON as Python's `json.dumps` spaces it, which Jinja's `tojson` follows. */
function spacedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spacedJson).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined)
    return `{${fields.map(([key, field]) => `${JSON.stringify(key)}: ${spacedJson(field)}`).join(', ')}}`
  }
  return JSON.stringify(value) ?? 'null'
}

function append(ids: number[], more: Int32Array): void {
  for (const id of more) ids.push(id)
}
