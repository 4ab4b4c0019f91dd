import { EvaluationError } from '../errors.js'
import { execute } from '../execute.js'
import {
  extensionOf,
  fencedCode,
  PROBLEM_STOPS,
  type Problem,
  problemRow,
  programOf,
} from '../formats/human-eval.js'
import { passAtK } from '../metrics/pass-at-k.js'
import { defineTask, loadRows, type Settings } from '../task.js'

export const task = defineTask<Problem>({
  name: 'humaneval',
  summary:
    'coding problems; programs are run only with the setting execute (settings samples, timeout, memory)',
  kind: 'generation',
  data: 'JSON Lines (also .gz) with prompt, test and entry_point (HumanEval), or prompt and tests (MultiPL-E)',
  primary: 'pass@1',
  maxTokens: 384,
  stop: PROBLEM_STOPS,
  load: (options) => loadRows(options, problemRow),
  id: ({ task_id, name }) => task_id ?? name ?? '',
  prompt: ({ prompt }) => ({
    text: prompt.trimEnd(),
    user: `Complete this program. Give all of it in one code block.\n\n\`\`\`\n${prompt}\n\`\`\``,
  }),
  samples: (settings) => positive(settings, 'samples', 1),
  expected: ({ canonical_solution }) => canonical_solution ?? '',
  async score(_, problem, { answers, settings, signal }) {
    const written = { nonEmpty: answers.filter((answer) => answer.trim() !== '').length / answers.length }
    if (settings.execute === undefined) return written
    let passed = 0
    for (const answer of answers) {
      const { passed: ok } = await execute(sourceOf(problem, answer), {
        command: settings.execute,
        extension: extensionOf(problem),
        timeout: positive(settings, 'timeout', 10),
        memory: positive(settings, 'memory', 1024),
        signal,
      })
      if (ok) passed++
    }
    const pass = [1, 10, 100]
      .filter((k) => k <= answers.length)
      .map((k) => [`pass@${k}`, passAtK(answers.length, passed, k)] as const)
    return { ...written, ...Object.fromEntries(pass) }
  },
  notes: ({ execute: command }) =>
    command === undefined
      ? [
          'no program was run, so there is no pass@k; the completions are in the results. To run them: setting execute, such as execute=python3',
        ]
      : [
          `programs of the model were run with ${command}: limited in time and memory, but not kept from files and the network`,
        ],
})

/** A chat model repeats the whole program in a block; a base model goes on with the prompt. */
function sourceOf(problem: Problem, answer: string): string {
  const code = fencedCode(answer)
  const { entry_point: entry } = problem
  const isWhole = code !== undefined && (entry === undefined || code.includes(entry))
  if (isWhole) return programOf({ ...problem, prompt: '' }, code)
  return programOf({ ...problem, prompt: problem.prompt.trimEnd() }, code ?? answer)
}

function positive(settings: Settings, name: string, otherwise: number): number {
  const value = Number(settings[name] ?? otherwise)
  if (!Number.isInteger(value) || value < 1)
    throw new EvaluationError(
      'eval/options',
      `the setting ${name} is a positive whole number, not ${settings[name]}`,
    )
  return value
}
