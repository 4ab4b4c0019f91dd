/** Coding problems as HumanEval (Chen et al. 2021) and MultiPL-E (Cassano et al. 2022) have them. */
import { z } from 'zod'

export const problemRow = z
  .object({
    task_id: z.string().optional(),
    name: z.string().optional(),
    prompt: z.string().min(1),
    entry_point: z.string().min(1).optional(),
    canonical_solution: z.string().optional(),
    test: z.string().optional(),
    tests: z.string().optional(),
    language: z.string().optional(),
  })
  .refine(
    ({ test, tests, entry_point }) =>
      (test !== undefined && entry_point !== undefined) || tests !== undefined,
    {
      message: 'it needs test and entry_point, or tests',
    },
  )

export type Problem = z.infer<typeof problemRow>

/** Extensions of files by the names that sets give languages. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  python: '.py',
  py: '.py',
  javascript: '.mjs',
  js: '.mjs',
  typescript: '.ts',
  ts: '.ts',
}

export const extensionOf = ({ language = 'python' }: Problem) => EXTENSIONS[language.toLowerCase()] ?? '.txt'

/** The program that passes where the completion is right: it ends with exit code 0. */
export function programOf(problem: Problem, completion: string): string {
  const { prompt, test, tests, entry_point: entry } = problem
  const source = `${prompt}${completion}\n`
  if (tests !== undefined) return `${source}\n${tests}\n`
  // HumanEval's tests define check(candidate); in Python as in JavaScript it is called alike.
  return `${source}\n${test}\ncheck(${entry})\n`
}

/** A completion ends before the next thing on the top level. */
export const PROBLEM_STOPS = [
  '\nclass ',
  '\ndef ',
  '\n#',
  '\n@',
  '\nif ',
  '\nprint',
  '\nassert',
  '\n```',
  '\nfunction ',
  '\nconst ',
  '\nexport ',
]

/** The code of an answer in chat form: its first fenced block, whole; undefined where there is none. */
export function fencedCode(answer: string): string | undefined {
  return /```[\w+-]*\n([\s\S]*?)(?:```|$)/.exec(answer)?.[1]
}
