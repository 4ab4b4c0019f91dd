import type { ChatMessage } from '../../text/index.js'
import { promptMessages } from '../conversations/dialogues.js'
import { checkDialogue, type Fields, optionalText, readMessages } from '../conversations/messages.js'
import { type RecordOptions, readRecords, Unfit } from '../conversations/records.js'

/** Answers to one prompt, which people judge. */
export interface LabelItem {
  readonly id: string
  readonly prompt: readonly ChatMessage[]
  readonly answers: readonly string[]
  readonly category?: string
  readonly check?: unknown
}

/**
 * What is to be judged, from JSON Lines or arrays: `prompt` (a text or messages) with `answers` or `answer`, also `chosen` and
 * `rejected`; or a dialogue, whose last message is the answer. Ids are made where there are none.
 * @throws DataError as `readDialogues`; `Unfit` records are passed over
 */
export async function* readLabelItems(
  paths: readonly string[],
  options: RecordOptions = {},
): AsyncGenerator<LabelItem> {
  const taken = new Set<string>()
  let count = 0
  yield* readRecords(paths, 'item to label', options, (fields) => {
    count++
    const { prompt, answers } = answersOf(fields)
    checkDialogue(prompt)
    if (prompt.at(-1)?.role !== 'user' && prompt.at(-1)?.role !== 'tool')
      throw new Unfit('there is no question of a user before the answers')
    const id = fields.id === undefined ? `item-${count}` : String(fields.id)
    if (taken.has(id)) throw new Unfit(`the id ${JSON.stringify(id)} stands there twice`)
    taken.add(id)
    const category = optionalText(fields, 'category')
    return [
      {
        id,
        prompt,
        answers,
        ...(category === undefined ? {} : { category }),
        ...(fields.check === undefined ? {} : { check: fields.check }),
      },
    ]
  })
}

function answersOf(fields: Fields): { prompt: ChatMessage[]; answers: string[] } {
  if (fields.prompt !== undefined) {
    const { answers = [fields.answer, fields.chosen, fields.rejected].filter((one) => one !== undefined) } =
      fields
    if (!Array.isArray(answers) || answers.length === 0 || answers.some((one) => typeof one !== 'string'))
      throw new Unfit('"answers" must be a list of texts')
    return { prompt: promptMessages(fields), answers }
  }
  if (fields.messages === undefined)
    throw new Unfit('it should have "prompt" and "answers", or "messages" that end with an answer')
  const messages = readMessages(fields.messages, 'messages')
  const answer = messages.at(-1)!
  if (answer.role !== 'assistant')
    throw new Unfit('the dialogue does not end with an answer of the assistant')
  return { prompt: messages.slice(0, -1), answers: [answer.content] }
}
