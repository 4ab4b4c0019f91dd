/** The requests and answers of POST /v1/chat/completions. */
import { z } from '@hono/zod-openapi'
import {
  finishReason,
  ignoredFields,
  orNull,
  refused,
  samplingFields,
  usageSchema,
} from './common-schemas.js'

const textPart = z.object({ type: z.literal('text'), text: z.string() })
const refusalPart = z.object({ type: z.literal('refusal'), refusal: z.string() })
const contentOf = <Part extends z.ZodType>(part: Part) =>
  z
    .union([z.string(), z.array(part).min(1).max(1024)], {
      error: 'must be a text, or parts of the type "text": models here read nothing else',
    })
    .openapi({ description: 'Text, never parsed: what looks like a special token is letters.' })
const content = contentOf(textPart)
const name = z.string().max(256).nullish()

export const toolCallSchema = z
  .object({
    id: z.string().max(256),
    type: z.literal('function'),
    function: z.object({ name: z.string().max(256), arguments: z.string() }),
  })
  .openapi('ToolCall')

export const messageSchema = z
  .discriminatedUnion(
    'role',
    [
      z.object({ role: z.literal('system'), content, name }),
      z.object({ role: z.literal('developer'), content, name }),
      z.object({ role: z.literal('user'), content, name }),
      z.object({
        role: z.literal('assistant'),
        content: contentOf(z.union([textPart, refusalPart])).nullish(),
        name,
        refusal: z.string().nullish(),
        reasoning_content: z.string().nullish(),
        tool_calls: z.array(toolCallSchema).max(128).nullish(),
      }),
      z.object({ role: z.literal('tool'), content, name, tool_call_id: z.string().max(256) }),
    ],
    { error: 'must be a message whose role is system, developer, user, assistant or tool' },
  )
  .openapi('Message')
export type ApiMessage = z.infer<typeof messageSchema>

const functionName = z.string().regex(/^[\w-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -')

export const toolSchema = z
  .object({
    type: z.literal('function'),
    function: z.object({
      name: functionName,
      description: z.string().max(16_384).nullish(),
      parameters: z.record(z.string(), z.unknown()).nullish().openapi({ description: 'A JSON schema.' }),
      strict: z.boolean().nullish(),
    }),
  })
  .openapi('Tool')

const responseFormat = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('text') }),
    z.object({ type: z.literal('json_object') }),
    z.object({
      type: z.literal('json_schema'),
      json_schema: z.object({
        name: z.string().max(256).nullish(),
        description: z.string().nullish(),
        schema: z.union([z.record(z.string(), z.unknown()), z.boolean()]),
        strict: z.boolean().nullish(),
      }),
    }),
  ])
  .openapi('ResponseFormat')

export const chatRequestSchema = z
  .strictObject({
    ...samplingFields,
    messages: z
      .array(messageSchema)
      .max(100_000)
      .openapi({ description: 'At least one; with a preset there may be none.' }),
    max_tokens: z.int().min(1).nullish(),
    max_completion_tokens: z.int().min(1).nullish(),
    logprobs: z.boolean().nullish(),
    top_logprobs: z.int().min(0).max(20).nullish(),
    response_format: orNull(responseFormat).optional(),
    tools: z.array(toolSchema).max(1024).nullish(),
    tool_choice: z
      .union([
        z.enum(['none', 'auto', 'required']),
        z.object({ type: z.literal('function'), function: z.object({ name: functionName }) }),
      ])
      .nullish(),
    parallel_tool_calls: z.boolean().nullish().openapi({ description: 'false: one call at most.' }),
    store: z
      .boolean()
      .nullish()
      .openapi({ description: 'Save the messages; the answer’s id is that of the saved message.' }),
    conversation: z
      .string()
      .max(256)
      .nullish()
      .openapi({ description: 'With store: the conversation to add to. Default: a new one.' }),
    parent: z
      .string()
      .max(256)
      .nullish()
      .openapi({ description: 'With store: the saved message that the new ones answer.' }),
    preset: z.string().max(256).nullish().openapi({ description: 'A named prompt template.' }),
    parameters: z.record(z.string(), z.unknown()).nullish().openapi({ description: 'Of the preset.' }),
    collection: z
      .string()
      .max(256)
      .nullish()
      .openapi({ description: 'Answer from the documents of this collection, with citations.' }),
    ...ignoredFields,
    modalities: z.array(z.literal('text', { error: 'models here write text' })).nullish(),
    functions: refused('give tools'),
    function_call: refused('give tool_choice'),
    audio: refused('models here write text'),
    prediction: refused('there is no predicted output'),
    web_search_options: refused('models here do not search the web'),
  })
  .openapi('ChatRequest')
export type ChatRequest = z.infer<typeof chatRequestSchema>

const alternative = z.object({ token: z.string(), logprob: z.number(), bytes: z.array(z.int()).nullable() })
export const chatLogprobsSchema = z
  .object({
    content: z.array(alternative.extend({ top_logprobs: z.array(alternative) })).nullable(),
    refusal: z.null(),
  })
  .openapi('ChatLogprobs')
export type ChatLogprobs = z.infer<typeof chatLogprobsSchema>

export const citationSchema = z
  .object({
    document: z.string(),
    passage: z.string().optional(),
    title: z.string().optional(),
    text: z.string().optional(),
    score: z.number().optional(),
  })
  .openapi('Citation')

const envelope = {
  id: z.string(),
  created: z.int().openapi({ description: 'Unix seconds.' }),
  model: z.string(),
  system_fingerprint: z.string().openapi({ description: 'The version of the weights.' }),
}

export const chatResponseSchema = z
  .object({
    ...envelope,
    object: z.literal('chat.completion'),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          refusal: z.null(),
          tool_calls: z.array(toolCallSchema).optional(),
        }),
        logprobs: orNull(chatLogprobsSchema),
        finish_reason: finishReason,
      }),
    ),
    usage: usageSchema,
    citations: z.array(citationSchema).optional(),
  })
  .openapi('ChatResponse')
export type ChatResponse = z.infer<typeof chatResponseSchema>

export const chatChunkSchema = z
  .object({
    ...envelope,
    object: z.literal('chat.completion.chunk'),
    choices: z.array(
      z.object({
        index: z.int(),
        delta: z.object({
          role: z.literal('assistant').optional(),
          content: z.string().optional(),
          tool_calls: z
            .array(
              z.object({
                index: z.int(),
                id: z.string().optional(),
                type: z.literal('function').optional(),
                function: z.object({ name: z.string().optional(), arguments: z.string() }),
              }),
            )
            .optional(),
        }),
        logprobs: orNull(chatLogprobsSchema),
        finish_reason: finishReason.nullable(),
      }),
    ),
    usage: orNull(usageSchema).optional(),
    citations: z.array(citationSchema).optional(),
  })
  .openapi('ChatChunk')
export type ChatChunk = z.infer<typeof chatChunkSchema>
