/** What a teacher costs, and when to stop asking. */
import type { ChatUsage } from '../../infer/openai/index.js'

export interface Limits {
  readonly requests?: number | undefined
  /** Of prompts and answers together. */
  readonly tokens?: number | undefined
  readonly cost?: number | undefined
}

/** For a million tokens. */
export interface Price {
  readonly input: number
  readonly output: number
}

export interface Spending extends ChatUsage {
  /** Requests of this session; answers from the cache take none. */
  readonly requests: number
  /** Answers that came from the cache. */
  readonly cached: number
  /** Answers whose tokens the endpoint did not count, and that were estimated from their bytes. */
  readonly estimated: number
  readonly cost: number
}

/** The next request might go beyond the budget. */
export class BudgetSpent extends Error {}

/**
 * Counts what was used; answers from the cache count like those that were paid now, so that a budget is for the whole collection,
 * however often it is interrupted. What is under way is counted at its most until it is known.
 */
export class Ledger {
  readonly #limits: Limits
  readonly #price: Price
  #used = { requests: 0, cached: 0, estimated: 0, promptTokens: 0, completionTokens: 0 }
  #underWay = { promptTokens: 0, completionTokens: 0 }

  constructor(limits: Limits, price: Price) {
    this.#limits = limits
    this.#price = price
  }

  get spending(): Spending {
    return { ...this.#used, cost: this.#costOf(this.#used) }
  }

  /** Counts a request that is about to be sent. @throws BudgetSpent */
  countRequest(): void {
    const { requests = Number.POSITIVE_INFINITY } = this.#limits
    if (this.#used.requests >= requests)
      throw new BudgetSpent(`the budget of ${requests} requests is used up`)
    this.#used.requests++
  }

  /** Sets tokens aside for an answer. @throws BudgetSpent */
  reserve(most: ChatUsage): void {
    const { tokens, cost } = this.#limits
    const after = {
      promptTokens: this.#used.promptTokens + this.#underWay.promptTokens + most.promptTokens,
      completionTokens: this.#used.completionTokens + this.#underWay.completionTokens + most.completionTokens,
    }
    if (tokens !== undefined && after.promptTokens + after.completionTokens > tokens)
      throw new BudgetSpent(`the budget of ${tokens} tokens is used up`)
    if (cost !== undefined && this.#costOf(after) > cost)
      throw new BudgetSpent(`the budget of ${cost} is used up`)
    this.#underWay.promptTokens += most.promptTokens
    this.#underWay.completionTokens += most.completionTokens
  }

  /** What was set aside is no longer needed. */
  release(most: ChatUsage): void {
    this.#underWay.promptTokens -= most.promptTokens
    this.#underWay.completionTokens -= most.completionTokens
  }

  /** Books an answer. */
  book(
    usage: ChatUsage,
    { cached, estimated }: { readonly cached: boolean; readonly estimated: boolean },
  ): void {
    this.#used.promptTokens += usage.promptTokens
    this.#used.completionTokens += usage.completionTokens
    if (cached) this.#used.cached++
    if (estimated) this.#used.estimated++
  }

  #costOf({ promptTokens, completionTokens }: ChatUsage): number {
    return (promptTokens * this.#price.input + completionTokens * this.#price.output) / 1e6
  }
}
