import type { ChatMessage } from '../../text/index.js'
import { checkDialogue, type Fields, isObject, optionalText, readMessages, readTools } from './messages.js'
import { type RecordOptions, readRecords, Unfit } from './records.js'
import type { Dialogue, Prompt } from './types.js'

/**
 * Demonstrations from JSON Lines, JSON arrays and either of them gzipped. A record may be written as
 * - `messages` with `role` and `content` (OpenAI, TRL), or `conversations` with `from` and `value` (ShareGPT);
 * - `instruction`, `input`, `output` (Alpaca), also with `instances` (Self-Instruct) or `history` (LLaMA-Factory);
 * - `prompt` and `completion`, each a text or a list of messages; `question` and `answer`.
 *
 * What cannot be used is told to `onSkip` and passed over: broken lines, unknown forms, dialogues that start with the assistant,
 * empty answers, answers that people labelled as bad.
 *
 * @param as what becomes of a dialogue; where it throws {@link Unfit}, the record is passed over as well
 * @throws DataError where files are missing or unreadable, nothing is usable, or more is passed over than `limit` allows
 */
export function readDialogues<T = Dialogue>(
  paths: readonly string[],
  options: RecordOptions = {},
  as: (dialogue: Dialogue) => T = (dialogue) => dialogue as T,
): AsyncGenerator<T> {
  return readRecords(paths, 'dialogue', options, (fields) => {
    if (fields.label === false) throw new Unfit('its label is false: people did not like the answer')
    const dialogues = dialoguesOf(fields)
    for (const { messages } of dialogues) checkDialogue(messages)
    return dialogues.map(as)
  })
}

/**
 * Prompts: any dialogue of {@link readDialogues}, without the assistant's last answer, and `prompt` alone.
 * @param as as in `readDialogues`
 * @throws DataError as `readDialogues`
 */
export function readPrompts<T = Prompt>(
  paths: readonly string[],
  options: RecordOptions = {},
  as: (prompt: Prompt) => T = (prompt) => prompt as T,
): AsyncGenerator<T> {
  return readRecords(paths, 'prompt', options, (fields) => {
    const dialogues = fields.prompt === undefined ? dialoguesOf(fields, '') : [promptOf(fields)]
    return dialogues.map(({ messages, ...others }) => {
      const asked = messages.findLastIndex(({ role }) => role !== 'assistant')
      const prompt = messages.slice(0, asked + 1)
      checkDialogue(prompt)
      const last = prompt.at(-1)?.role
      if (last !== 'user' && last !== 'tool') throw new Unfit('there is no question of a user to answer')
      const check = fields.check === undefined ? {} : { check: fields.check }
      return as({ ...others, messages: prompt, ...check })
    })
  })
}

function promptOf(fields: Fields): Dialogue {
  return { ...labelsOf(fields), messages: promptMessages(fields) }
}

/** `prompt` as messages, with `system` before them where it is given. */
export function promptMessages(fields: Fields): ChatMessage[] {
  const { prompt } = fields
  return [
    ...systemOf(fields),
    ...(typeof prompt === 'string'
      ? [{ role: 'user' as const, content: prompt }]
      : readMessages(prompt, 'prompt')),
  ]
}

/** @param missing the answer where there is none; without it, that is an error */
function dialoguesOf(fields: Fields, missing?: string): Dialogue[] {
  const labels = labelsOf(fields)
  for (const name of ['messages', 'conversations', 'conversation'] as const) {
    if (fields[name] !== undefined) {
      const messages = [...systemOf(fields), ...readMessages(fields[name], name)]
      const tools = readTools(fields.tools)
      return [{ ...labels, messages, ...(tools.length === 0 ? {} : { tools }) }]
    }
  }
  const exchange = (question: string, answer: string): Dialogue => ({
    ...labels,
    messages: [
      ...systemOf(fields),
      ...historyOf(fields),
      { role: 'user', content: question },
      ...(answer === '' && missing === '' ? [] : [{ role: 'assistant' as const, content: answer }]),
    ],
  })
  const instruction = optionalText(fields, 'instruction')
  if (instruction !== undefined) {
    if (Array.isArray(fields.instances)) {
      return fields.instances.map((instance: unknown) => {
        if (!isObject(instance)) throw new Unfit('an instance is not an object')
        return exchange(instructed(instruction, instance), answerOf(instance, ['output'], missing))
      })
    }
    const answer = answerOf(fields, ['output', 'response', 'completion'], missing)
    return [exchange(instructed(instruction, fields), answer)]
  }
  if (fields.prompt !== undefined) {
    const { completion } = fields
    const answer: ChatMessage[] = Array.isArray(completion)
      ? readMessages(completion, 'completion')
      : [{ role: 'assistant', content: answerOf(fields, ['completion', 'response', 'output'], missing) }]
    return [{ ...labels, messages: [...promptMessages(fields), ...answer] }]
  }
  const question = optionalText(fields, 'question')
  if (question !== undefined) return [exchange(question, answerOf(fields, ['answer'], missing))]
  throw new Unfit(
    `no known form of a dialogue: it has ${Object.keys(fields).slice(0, 8).join(', ') || 'no field'}; ` +
      'it should have messages, conversations, instruction and output, or prompt and completion',
  )
}

/** An instruction and what it is about. */
export function instructed(instruction: string, fields: Fields): string {
  const input = optionalText(fields, 'input') ?? optionalText(fields, 'context') ?? ''
  return input.trim() === '' ? instruction : `${instruction}\n\n${input}`
}

export function systemOf(fields: Fields): ChatMessage[] {
  const content = optionalText(fields, 'system')
  return content === undefined || content.trim() === '' ? [] : [{ role: 'system', content }]
}

/** LLaMA-Factory's earlier exchanges: pairs of question and answer. */
function historyOf({ history }: Fields): ChatMessage[] {
  if (history === undefined || history === null) return []
  if (!Array.isArray(history)) throw new Unfit('"history" must be a list of pairs')
  return history.flatMap((pair: unknown) => {
    if (!Array.isArray(pair) || pair.length !== 2 || pair.some((text) => typeof text !== 'string'))
      throw new Unfit('"history" must hold pairs of question and answer')
    const [question, answer] = pair as [string, string]
    return [
      { role: 'user' as const, content: question },
      { role: 'assistant' as const, content: answer },
    ]
  })
}

function answerOf(fields: Fields, names: readonly string[], missing: string | undefined): string {
  for (const name of names) {
    const answer = optionalText(fields, name)
    if (answer !== undefined) return answer
  }
  if (missing !== undefined) return missing
  const wanted = names.map((name) => `"${name}"`).join(' or ')
  const preference = ['chosen', 'answers'].find((name) => fields[name] !== undefined)
  if (preference === undefined) throw new Unfit(`there is no answer (${wanted})`)
  throw new Unfit(
    `it is a preference (it has "${preference}") and not a dialogue; give the one answer as ${wanted}, or as the last of "messages"`,
  )
}

/** Fields that are kept as they are. */
export function labelsOf(fields: Fields): { id?: string; category?: string; source?: string } {
  const labels: { id?: string; category?: string; source?: string } = {}
  for (const name of ['id', 'category', 'source'] as const) {
    const value = fields[name]
    if (typeof value === 'string' || typeof value === 'number') labels[name] = String(value)
  }
  return labels
}
