/** TruthfulQA's CSV (Lin et al. 2022) as questions with several answers. */
import { z } from 'zod'
import { type Loaded, type LoadOptions, loadRows } from '../task.js'

export interface TruthfulExample {
  readonly question: string
  readonly choices: readonly string[]
  readonly gold: readonly number[]
}

const rowSchema = z.object({
  Question: z.string().min(1),
  'Best Answer': z.string().min(1),
  'Correct Answers': z.string().min(1),
  'Incorrect Answers': z.string().min(1),
})

/** 'best': the best answer against the wrong ones (MC1). 'all': all right answers against all wrong ones (MC2). */
export function loadTruthful(options: LoadOptions, right: 'best' | 'all'): Promise<Loaded<TruthfulExample>> {
  return loadRows(options, rowSchema, (row): TruthfulExample[] => {
    const best = sentence(row['Best Answer'])
    const correct = right === 'best' ? [best] : [...new Set([best, ...sentences(row['Correct Answers'])])]
    const wrong = sentences(row['Incorrect Answers']).filter((answer) => !correct.includes(answer))
    if (wrong.length === 0) return []
    return [{ question: row.Question, choices: [...correct, ...wrong], gold: correct.map((_, i) => i) }]
  })
}

const sentences = (list: string) => [...new Set(list.split(';').map(sentence).filter(Boolean))]

/** Answers of both kinds end alike, so that the full stop decides nothing. */
function sentence(text: string): string {
  const trimmed = text.trim()
  return trimmed === '' || /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`
}
