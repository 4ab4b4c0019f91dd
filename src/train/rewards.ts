/** Rewards that a program can give: what an answer says against what the prompt's `check` expects. */
import { createContext, Script } from 'node:vm'
import type { Prompt } from '../data/index.js'
import { TrainError } from './errors.js'
import type { RewardFunction } from './ppo/scoring.js'

interface Reward {
  readonly summary: string
  /** Makes the reward from what follows "=" in its name. @throws TrainError */
  readonly create: (argument: string | undefined) => (answer: string, check: unknown) => number
}

/** Known rewards; each gives 0 to 1. */
export const rewards: Readonly<Record<string, Reward>> = {
  exact: {
    summary: 'the answer is one of the expected ones, but for case, spaces and punctuation around it',
    create: () => (answer, check) => Number(expected(check).some((each) => plain(each) === plain(answer))),
  },
  contains: {
    summary: 'the answer contains one of the expected ones, as whole words',
    create: () => (answer, check) =>
      Number(expected(check).some((each) => ` ${plain(answer)} `.includes(` ${plain(each)} `))),
  },
  numeric: {
    summary: 'the last number in the answer is the expected one',
    create: () => (answer, check) => {
      const said = lastNumber(answer)
      return Number(
        said !== undefined && expected(check).some((each) => same(said, lastNumber(each) ?? Number.NaN)),
      )
    },
  },
  regex: {
    summary: 'the answer matches a pattern: regex=PATTERN, or "pattern" in check',
    create: (argument) => {
      const given = argument === undefined ? undefined : safePattern(argument)
      return (answer, check) => {
        const pattern = given ?? safePattern(patternOf(check))
        return Number(pattern(answer))
      }
    },
  },
  length: {
    summary: 'length=N: 1 up to N words, then N over their number',
    create: (argument) => {
      const limit = Number(argument)
      if (!(limit > 0))
        throw new TrainError('recipe', `the reward length needs a number of words, as in length=30`)
      return (answer) => {
        const words = answer.trim() === '' ? 0 : answer.trim().split(/\s+/).length
        return words === 0 ? 0 : Math.min(1, limit / words)
      }
    },
  },
  format: {
    summary: 'format=json: the answer is JSON; format=tags: it is <think>…</think><answer>…</answer>',
    create: (argument) => {
      if (argument === 'json') return (answer) => Number(isJson(answer))
      if (argument === 'tags')
        return (answer) => Number(/^\s*<think>[^<]*<\/think>\s*<answer>[^<]*<\/answer>\s*$/.test(answer))
      throw new TrainError(
        'recipe',
        `the reward format is format=json or format=tags, not ${JSON.stringify(argument)}`,
      )
    },
  },
}

/**
 * The sum of rewards by name: `exact`, `regex=^\\d+$`, with a weight as in `0.2*length=30`.
 * @throws TrainError for a name that is not known, and, when called, where a prompt's `check` lacks what a reward needs
 */
export function createReward(specs: readonly string[]): RewardFunction {
  const parts = specs.map((spec) => {
    const [, weight, name, , argument] = /^(?:(-?[\d.]+)\*)?([a-z]+)(=(.*))?$/s.exec(spec.trim()) ?? []
    const reward = name !== undefined && Object.hasOwn(rewards, name) ? rewards[name] : undefined
    if (!reward || (weight !== undefined && !Number.isFinite(Number(weight)))) {
      const known = Object.entries(rewards).map(([each, { summary }]) => `${each} (${summary})`)
      throw new TrainError(
        'recipe',
        `there is no reward ${JSON.stringify(spec)}; there are ${known.join(', ')}`,
      )
    }
    return { weight: weight === undefined ? 1 : Number(weight), score: reward.create(argument) }
  })
  return (prompts: readonly Prompt[], answers) =>
    answers.map((answer, i) =>
      parts.reduce((sum, { weight, score }) => sum + weight * score(answer, prompts[i]!.check), 0),
    )
}

/** What a check expects: text or a number, `{ answer }`, `{ answers: [...] }`, or GSM8K's text with "#### 42" at its end. */
function expected(check: unknown): string[] {
  if (typeof check === 'number') return [String(check)]
  if (typeof check === 'string') return [check.includes('####') ? check.split('####').at(-1)!.trim() : check]
  if (Array.isArray(check)) return check.flatMap(expected)
  if (typeof check === 'object' && check !== null) {
    if ('answers' in check) return expected(check.answers)
    if ('answer' in check) return expected(check.answer)
  }
  throw new TrainError(
    'data',
    `a prompt's check is ${JSON.stringify(check) ?? 'missing'} and says no expected answer; give text, a number, {"answer": …} or {"answers": […]}`,
  )
}

function plain(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}.\-+%]+/gu, ' ')
    .replace(/\.(?=\s|$)/g, ' ')
    .trim()
    .replace(/\s+/g, ' ')
}

function lastNumber(text: string): number | undefined {
  const last = text.match(/-?\d[\d,]*(?:\.\d+)?/g)?.at(-1)
  return last === undefined ? undefined : Number(last.replaceAll(',', ''))
}

function same(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b))
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function patternOf(check: unknown): string {
  const pattern =
    typeof check === 'object' && check !== null && 'pattern' in check ? check.pattern : undefined
  if (typeof pattern === 'string') return pattern
  throw new TrainError(
    'data',
    `a prompt's check has no "pattern" for the reward regex: ${JSON.stringify(check)}`,
  )
}

/** Patterns may come with data, and some take longer than the universe lasts: one that is slow does not match. */
const PATTERN_MILLISECONDS = 50

function safePattern(pattern: string): (text: string) => boolean {
  try {
    new RegExp(pattern, 'u')
  } catch (error) {
    throw new TrainError('data', `the reward regex got a pattern that is none: ${(error as Error).message}`)
  }
  const script = new Script('new RegExp(pattern, "u").test(text)')
  return (text) => {
    try {
      return script.runInContext(createContext({ pattern, text }), { timeout: PATTERN_MILLISECONDS }) === true
    } catch {
      return false
    }
  }
}
