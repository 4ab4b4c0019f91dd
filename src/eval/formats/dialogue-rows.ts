import { z } from 'zod'
import type { ChatMessage } from '../../text/chat/index.js'

const messageSchema = z.looseObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string(),
})

/** A row that asks something: `messages` ending with the user's turn, or `prompt` as a text. More fields: `askingRow.and(z.object({ … }))`. */
export const askingRow = z
  .object({
    messages: z.array(messageSchema).min(1).optional(),
    prompt: z.union([z.string().min(1), z.array(messageSchema).min(1)]).optional(),
    id: z.union([z.string(), z.number()]).transform(String).optional(),
    category: z.string().optional(),
    check: z.unknown().optional(),
  })
  .transform(({ messages, prompt, ...rest }) => ({
    ...rest,
    messages: (messages ??
      (typeof prompt === 'string'
        ? [{ role: 'user' as const, content: prompt }]
        : (prompt ?? []))) as ChatMessage[],
  }))
  .refine(({ messages }) => ['user', 'tool'].includes(messages.at(-1)?.role ?? ''), {
    message: 'it needs messages that end with a user turn, or a prompt',
  })

export type AskingRow = z.infer<typeof askingRow>
