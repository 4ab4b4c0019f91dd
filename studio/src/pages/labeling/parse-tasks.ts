import type { FeedbackKind, PromptMessage } from '../../api/types.js'

export interface TaskDraft {
  readonly kind: FeedbackKind
  readonly prompt: readonly PromptMessage[]
  readonly answers: readonly {
    readonly text: string
    readonly model?: string
    readonly modelVersion?: string
  }[]
  readonly category?: string
}

/**
 * Tasks from JSON lines such as `{"prompt": "…", "answers": ["…", "…"]}`. The prompt may be a text or messages, an answer a text
 * or an object with `text`; `kind` is a ranking for several answers and a thumb for one unless it is given.
 * @throws Error that names the line
 */
export function parseTasks(text: string): TaskDraft[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    try {
      return [taskOf(JSON.parse(line) as unknown)]
    } catch (error) {
      throw new Error(`${index + 1}: ${error instanceof Error ? error.message : String(error)}`)
    }
  })
}

function taskOf(value: unknown): TaskDraft {
  if (typeof value !== 'object' || value === null) throw new Error('{"prompt": …, "answers": […]}')
  const { prompt, answers, kind, category } = value as Record<string, unknown>
  const list = Array.isArray(answers) ? answers.map(answerOf) : []
  if (list.length === 0 || list.length > 9) throw new Error('"answers": 1–9')
  return {
    kind: (typeof kind === 'string' ? kind : list.length > 1 ? 'ranking' : 'thumb') as FeedbackKind,
    prompt: promptOf(prompt),
    answers: list,
    ...(typeof category === 'string' ? { category } : {}),
  }
}

function promptOf(value: unknown): readonly PromptMessage[] {
  if (typeof value === 'string' && value.trim() !== '') return [{ role: 'user', content: value }]
  if (Array.isArray(value) && value.length > 0) return value as PromptMessage[]
  throw new Error('"prompt"')
}

function answerOf(value: unknown): TaskDraft['answers'][number] {
  if (typeof value === 'string') return { text: value }
  if (typeof value === 'object' && value !== null && typeof (value as { text?: unknown }).text === 'string')
    return value as TaskDraft['answers'][number]
  throw new Error('"answers"')
}
