import type { ChatMessage } from '../../text/index.js'
import { instructed, labelsOf, promptMessages, systemOf } from './dialogues.js'
import { checkDialogue, type Fields, isObject, optionalText, readMessage, readMessages } from './messages.js'
import { type RecordOptions, readRecords, Unfit } from './records.js'
import type { Pair, Ranking } from './types.js'

/**
 * Pairs of a better and a worse answer. A record may be written as
 * - `prompt` (a text or messages), `chosen` and `rejected`, each a text, a message or messages (TRL, UltraFeedback);
 * - `chosen` and `rejected` as whole dialogues in Anthropic's "\n\nHuman: …\n\nAssistant: …" (hh-rlhf);
 * - `conversations`, `chosen` and `rejected` (LLaMA-Factory); `instruction`, `input`, `chosen` and `rejected`;
 * - a ranking, of which every two answers that are not tied make a pair.
 *
 * Passed over, besides what is broken: answers that are equal or empty, and rankings in which all answers are tied.
 * @param as what becomes of a pair; where it throws {@link Unfit}, the record is passed over as well
 * @throws DataError as `readDialogues`
 */
export function readPairs<T = Pair>(
  paths: readonly string[],
  options: RecordOptions = {},
  as: (pair: Pair) => T = (pair) => pair as T,
): AsyncGenerator<T> {
  return readRecords(paths, 'pair', options, (fields) => {
    if (fields.answers === undefined) return [as(pairOf(fields))]
    const pairs = pairsOfRanking(rankingOf(fields))
    if (pairs.length === 0) throw new Unfit('all answers are tied')
    return pairs.map(as)
  })
}

/**
 * Rankings of two or more answers; a pair (in any form of {@link readPairs}) is a ranking of two. All answers may be tied.
 * @param as as in {@link readPairs}
 * @throws DataError as `readDialogues`
 */
export function readRankings<T = Ranking>(
  paths: readonly string[],
  options: RecordOptions = {},
  as: (ranking: Ranking) => T = (ranking) => ranking as T,
): AsyncGenerator<T> {
  return readRecords(paths, 'ranking', options, (fields) => {
    if (fields.answers !== undefined) return [as(rankingOf(fields))]
    const { chosen, rejected, ...others } = pairOf(fields)
    return [as({ ...others, answers: [chosen, rejected], ranks: [1, 2] })]
  })
}

/** Every two answers of a ranking that are not tied. */
export function pairsOfRanking({ answers, ranks, labeler: _, margin: __, ...others }: Ranking): Pair[] {
  return answers.flatMap((chosen, i) =>
    answers.flatMap((rejected, j) =>
      ranks[i]! < ranks[j]! && chosen !== rejected ? [{ ...others, chosen, rejected }] : [],
    ),
  )
}

function rankingOf(fields: Fields): Ranking {
  const { answers, ranks } = fields
  const prompt = checkedPrompt(promptMessages(fields))
  if (!Array.isArray(answers) || !answers.every((answer) => typeof answer === 'string'))
    throw new Unfit('"answers" must be a list of texts')
  if (answers.length < 2) throw new Unfit('a ranking needs two answers or more')
  if (!Array.isArray(ranks) || !ranks.every((rank) => Number.isInteger(rank) && rank >= 1))
    throw new Unfit('"ranks" must be a list of whole numbers from 1 on')
  if (ranks.length !== answers.length)
    throw new Unfit(`there are ${answers.length} answers and ${ranks.length} ranks`)
  const labeler = optionalText(fields, 'labeler')
  return { ...extrasOf(fields), prompt, answers, ranks, ...(labeler === undefined ? {} : { labeler }) }
}

function pairOf(fields: Fields): Pair {
  const { chosen, rejected, margin } = fields
  if (chosen === undefined || rejected === undefined) {
    throw new Unfit(
      `no known form of a preference: it has ${Object.keys(fields).slice(0, 8).join(', ') || 'no field'}; ` +
        'it should have chosen and rejected, or answers and ranks',
    )
  }
  if (margin !== undefined && margin !== null && !(typeof margin === 'number' && Number.isFinite(margin)))
    throw new Unfit('"margin" must be a number')
  const pair = answersOf(fields)
  for (const name of ['chosen', 'rejected'] as const) {
    if (pair[name].trim() === '') throw new Unfit(`the ${name} answer is empty`)
  }
  if (pair.chosen === pair.rejected) throw new Unfit('the chosen and the rejected answer are the same')
  return {
    ...extrasOf(fields),
    ...pair,
    prompt: checkedPrompt(pair.prompt),
    ...(typeof margin === 'number' ? { margin } : {}),
  }
}

interface Answers {
  readonly prompt: readonly ChatMessage[]
  readonly chosen: string
  readonly rejected: string
}

function answersOf(fields: Fields): Answers {
  const { chosen, rejected } = fields
  const conversation = fields.conversations ?? fields.messages
  const instruction = optionalText(fields, 'instruction')
  const prompt =
    fields.prompt !== undefined && fields.prompt !== null
      ? promptMessages(fields)
      : conversation !== undefined
        ? [...systemOf(fields), ...readMessages(conversation, 'conversations')]
        : instruction !== undefined
          ? [...systemOf(fields), { role: 'user' as const, content: instructed(instruction, fields) }]
          : undefined
  if (prompt) {
    return {
      prompt,
      chosen: answerOf(chosen, 'chosen', prompt),
      rejected: answerOf(rejected, 'rejected', prompt),
    }
  }
  return apart(transcriptOf(chosen, 'chosen'), transcriptOf(rejected, 'rejected'))
}

/** A text, a message, or messages that may repeat the prompt. */
function answerOf(value: unknown, name: string, prompt: readonly ChatMessage[]): string {
  if (typeof value === 'string') return value
  if (isObject(value)) return readMessage(value, `the ${name} answer`).content
  const spoken = (messages: readonly ChatMessage[]) => messages.filter(({ role }) => role !== 'system')
  const messages = spoken(readMessages(value, name))
  const isWhole = messages.length === 1 || messages.length === spoken(prompt).length + 1
  const last = messages.at(-1)
  if (isWhole && last?.role === 'assistant') return last.content
  throw new Unfit(`"${name}" must end with one answer of the assistant`)
}

/** A whole dialogue, as a transcript or as messages. */
function transcriptOf(value: unknown, name: string): ChatMessage[] {
  if (typeof value !== 'string') return readMessages(value, name)
  const [before, ...parts] = `\n\n${value.trim()}`.split(/\n\n(Human|Assistant):/)
  if (parts.length === 0 || before!.trim() !== '') {
    throw new Unfit(
      `"${name}" is an answer without a prompt, or a dialogue that does not begin with "Human:"`,
    )
  }
  return Array.from({ length: parts.length / 2 }, (_, i) => ({
    role: parts[2 * i] === 'Human' ? 'user' : 'assistant',
    content: parts[2 * i + 1]!.trim(),
  }))
}

/** Two dialogues that are the same up to the last answer. */
function apart(chosen: readonly ChatMessage[], rejected: readonly ChatMessage[]): Answers {
  const [good, bad] = [chosen.at(-1)!, rejected.at(-1)!]
  const prompt = chosen.slice(0, -1)
  const isShared =
    chosen.length === rejected.length &&
    prompt.every(({ role, content }, i) => role === rejected[i]!.role && content === rejected[i]!.content)
  if (!isShared) throw new Unfit('the chosen and the rejected dialogue differ before their last answers')
  if (good.role !== 'assistant' || bad.role !== 'assistant')
    throw new Unfit('the dialogues do not end with an answer of the assistant')
  return { prompt, chosen: good.content, rejected: bad.content }
}

function checkedPrompt(prompt: readonly ChatMessage[]): readonly ChatMessage[] {
  checkDialogue(prompt)
  const last = prompt.at(-1)?.role
  if (last !== 'user' && last !== 'tool') throw new Unfit('the prompt must end with a message of the user')
  return prompt
}

function extrasOf(fields: Fields) {
  return { ...labelsOf(fields), ...(fields.check === undefined ? {} : { check: fields.check }) }
}
