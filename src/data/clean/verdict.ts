/** What a rule says of a document that it refuses: a stable reason for counting, and the number that decided, for the reader. */
export interface Refusal {
  /** Such as `mean-word-length`. */
  readonly reason: string
  /** Such as `mean word of 11.2 characters`. */
  readonly detail: string
}

export function refuse(reason: string, detail: string): Refusal {
  return { reason, detail }
}

/** 0.1234 -> "12.3 %" */
export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`
}
