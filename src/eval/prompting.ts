/** From an example and its shots to the tokens that a model reads: a chat where the model speaks one, plain text otherwise. */
import type { LanguageModel } from '../infer/index.js'
import type { ChatFormat, ChatMessage } from '../text/chat/index.js'
import { EvaluationError } from './errors.js'
import type { LikelihoodRequest } from './likelihood.js'
import type { Prompt, PromptedTask } from './task.js'

export interface AskedPrompt {
  /** As a reader of the results sees it. */
  readonly text: string
  readonly ids: readonly number[]
  /** The prompt with an answer, and where the tokens begin that the prompt alone does not fix. */
  continued(answer: string): LikelihoodRequest
}

export interface Prompting {
  readonly model: LanguageModel
  /** Undefined: plain text. */
  readonly chat: ChatFormat | undefined
}

/**
 * The format to ask a model in. A base model may know the tokens of a format that it was never trained on: only one that ends its
 * texts with the end of a turn is taken for a chat model, unless `wanted` says so.
 *
 * @throws EvaluationError `eval/options` where a format is wanted and there is none
 */
export function chatOf(model: LanguageModel, wanted?: boolean): ChatFormat | undefined {
  const { chat, eosIds } = model
  if (wanted === true && !chat) {
    throw new EvaluationError(
      'eval/options',
      `${model.dir || 'this model'} has no chat format; leave chat out to ask it as plain text`,
    )
  }
  const turnEnd = chat?.stopIds[0]
  return (wanted ?? (turnEnd !== undefined && eosIds.includes(turnEnd))) ? chat : undefined
}

/** Asks for an example after `shots` answered ones. */
export function askFor<E>(
  { model, chat }: Prompting,
  task: PromptedTask<E>,
  example: E,
  shots: readonly E[],
): AskedPrompt {
  const answered = shots.map((shot) => ({ prompt: task.prompt(shot), answer: task.answer!(shot) }))
  return chat && !task.plain
    ? chatPrompt(chat, task.instruction, task.prompt(example), answered)
    : plainPrompt(model, task, task.prompt(example), answered)
}

interface Answered {
  readonly prompt: Prompt
  readonly answer: string
}

function chatPrompt(
  chat: ChatFormat,
  instruction: string | undefined,
  prompt: Prompt,
  shots: readonly Answered[],
): AskedPrompt {
  const turns = (p: Prompt): readonly ChatMessage[] =>
    'messages' in p ? p.messages : [{ role: 'user', content: p.user ?? p.text }]
  const own = turns(prompt)
  const messages: ChatMessage[] = [
    ...(instruction && own[0]?.role !== 'system' ? [{ role: 'system' as const, content: instruction }] : []),
    ...own.filter(({ role }, i) => i === 0 && role === 'system'),
    ...shots.flatMap((shot): ChatMessage[] => [
      ...turns(shot.prompt).filter(({ role }) => role !== 'system'),
      { role: 'assistant', content: shot.answer },
    ]),
    ...own.filter(({ role }, i) => i > 0 || role !== 'system'),
  ]
  const { ids } = chat.encode(messages, { addGenerationPrompt: true })
  return {
    text: plainDialogue(messages),
    ids: [...ids],
    continued: (answer) => {
      const whole = chat.encode([...messages, { role: 'assistant', content: answer }])
      // The end of the turn is no part of the answer: another answer would end as well.
      let end = whole.mask.lastIndexOf(1) + 1
      if (chat.stopIds.includes(whole.ids[end - 1]!)) end--
      return { ids: whole.ids.subarray(0, end), from: Math.max(1, commonPrefix(ids, whole.ids)) }
    },
  }
}

function plainPrompt<E>(
  model: LanguageModel,
  { instruction, delimiter = ' ' }: PromptedTask<E>,
  prompt: Prompt,
  shots: readonly Answered[],
): AskedPrompt {
  const plain = (p: Prompt) => ('messages' in p ? plainDialogue(p.messages) : p.text)
  // A colon of full width brings its own space.
  const joined = (text: string, answer: string) =>
    `${text}${/(^|[\s：])$/.test(text) ? '' : delimiter}${answer}`
  const parts = [
    ...(instruction ? [instruction] : []),
    ...shots.map((shot) => joined(plain(shot.prompt), shot.answer)),
  ]
  const text = [...parts, plain(prompt)].join('\n\n')
  const ids = text === '' ? startOf(model) : model.encodePrompt(text)
  return {
    text,
    ids,
    continued: (answer) => {
      const whole =
        text === ''
          ? [...startOf(model), ...model.tokenizer!.encode(answer)]
          : model.encodePrompt(joined(text, answer))
      return { ids: whole, from: Math.max(1, commonPrefix(ids, whole)) }
    },
  }
}

const startOf = ({ startId }: LanguageModel) => (startId === undefined ? [] : [startId])

/** A dialogue for a model that knows no turns. */
function plainDialogue(messages: readonly ChatMessage[]): string {
  const names = { system: 'System', user: 'User', assistant: 'Assistant', tool: 'Tool' }
  const turns = messages.map(({ role, content }) => `${names[role]}: ${content}`)
  return [...turns, 'Assistant:'].join('\n')
}

function commonPrefix(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let i = 0
  while (i < a.length && i < b.length && a[i] === b[i]) i++
  return i
}

/**
 * The answers to one prompt as requests whose scored tokens begin at the same place, also where an answer's first letters are
 * one token with the prompt's last.
 *
 * @throws EvaluationError `eval/data` for an answer without a token
 */
export function answersTo(prompt: AskedPrompt, answers: readonly string[]): LikelihoodRequest[] {
  const requests = answers.map((answer) => prompt.continued(answer))
  const from = Math.min(...requests.map((request) => request.from))
  const empty = requests.findIndex(({ ids }) => ids.length <= from)
  if (empty >= 0) {
    throw new EvaluationError(
      'eval/data',
      `the choice ${JSON.stringify(answers[empty])} has no token of its own; leave such examples out`,
    )
  }
  return requests.map(({ ids }) => ({ ids, from }))
}
