/** SQuAD's JSON, versions 1.1 and 2.0, and sets in its form (XQuAD, CMRC 2018). */
import { z } from 'zod'
import { EvaluationError } from '../errors.js'
import { type Loaded, type LoadOptions, loadFiles } from '../task.js'
import { parseJson, readText, type Skipped } from './records.js'

export interface SquadExample {
  readonly id: string
  readonly context: string
  readonly question: string
  /** Empty where the context has no answer (SQuAD 2.0). */
  readonly answers: readonly string[]
}

const squadSchema = z.object({
  data: z.array(
    z.object({
      paragraphs: z.array(z.object({ context: z.string().min(1), qas: z.array(z.unknown()) })),
    }),
  ),
})
const questionSchema = z.object({
  id: z.union([z.string(), z.number()]).transform(String),
  question: z.string().min(1),
  answers: z.array(z.object({ text: z.string() })).default([]),
  is_impossible: z.boolean().default(false),
})

/** Loads SQuAD files. @throws EvaluationError `eval/data` */
export function loadSquad(options: LoadOptions): Promise<Loaded<SquadExample>> {
  return loadFiles(options, async (file) => {
    const parsed = squadSchema.safeParse(parseJson(file, await readText(file, options)))
    if (!parsed.success) {
      const [issue] = parsed.error.issues
      throw new EvaluationError(
        'eval/data',
        `${file} is not in SQuAD's form (data, paragraphs, context, qas): ${issue!.path.join('.')}: ${issue!.message}`,
      )
    }
    const rows: SquadExample[] = []
    const skipped: Skipped[] = []
    let number = 0
    for (const { context, qas } of parsed.data.data.flatMap(({ paragraphs }) => paragraphs)) {
      for (const qa of qas) {
        number++
        const question = questionSchema.safeParse(qa)
        const answers = question.data?.answers.map(({ text }) => text).filter((text) => text !== '') ?? []
        if (question.success && (answers.length > 0 || question.data.is_impossible))
          rows.push({ id: question.data.id, context, question: question.data.question, answers })
        else skipped.push({ file, line: number, reason: 'a question without id, text or answer' })
      }
    }
    if (rows.length === 0) throw new EvaluationError('eval/data', `${file} has no questions with answers`)
    return { rows, skipped }
  })
}

/** A passage with its question, in the question's language. */
export function squadPrompt({ context, question }: SquadExample, isChinese: boolean) {
  const text = isChinese
    ? `文章：${context}\n问题：${question}\n答案：`
    : `Passage: ${context}\nQuestion: ${question}\nAnswer:`
  const user = isChinese
    ? `请用文章中的原文简短回答问题。\n\n文章：${context}\n\n问题：${question}`
    : `Answer the question with as few words of the passage as possible.\n\nPassage: ${context}\n\nQuestion: ${question}`
  return { text, user }
}
