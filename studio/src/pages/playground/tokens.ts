/** The tokens of a completion with their probabilities, as POST /v1/completions streams them. */

export interface Token {
  readonly text: string
  /** Of this token; undefined where the server told none. */
  readonly logprob: number | undefined
  /** What else could have come, the likeliest first. */
  readonly top: readonly { readonly text: string; readonly logprob: number }[]
}

interface Logprobs {
  readonly tokens?: readonly string[]
  readonly token_logprobs?: readonly (number | null)[]
  readonly top_logprobs?: readonly (Readonly<Record<string, number>> | null)[] | null
}

export interface CompletionChunk {
  readonly choices?: readonly {
    readonly text?: string
    readonly logprobs?: Logprobs | null
    readonly finish_reason?: string | null
  }[]
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null
  readonly system_fingerprint?: string
  readonly error?: { readonly message: string; readonly code?: string }
}

/** The tokens of a chunk; text that comes without probabilities is one token. */
export function tokensOf({ choices }: CompletionChunk): Token[] {
  const choice = choices?.[0]
  const { tokens, token_logprobs: logprobs, top_logprobs: tops } = choice?.logprobs ?? {}
  if (!tokens || tokens.length === 0)
    return choice?.text ? [{ text: choice.text, logprob: undefined, top: [] }] : []
  return tokens.map((text, index) => ({
    text,
    logprob: logprobs?.[index] ?? undefined,
    top: Object.entries(tops?.[index] ?? {})
      .map(([other, logprob]) => ({ text: other, logprob }))
      .sort((a, b) => b.logprob - a.logprob),
  }))
}

/** One of five steps from certain (0) to surprising (4): above 80 %, 50 %, 20 %, 5 %, and below. */
export function surprise(logprob: number): number {
  const probability = Math.exp(logprob)
  return [0.8, 0.5, 0.2, 0.05].filter((edge) => probability < edge).length
}

/** A token that can be seen: spaces and line breaks as signs. */
export const visible = (text: string): string =>
  text.replaceAll(' ', '·').replaceAll('\n', '⏎').replaceAll('\t', '⇥') || '∅'

/** 2 to the mean surprise in bits: as many equally likely tokens the model hesitated between on average. */
export function perplexity(tokens: readonly Token[]): number | undefined {
  const known = tokens.flatMap(({ logprob }) => (logprob === undefined ? [] : [logprob]))
  if (known.length === 0) return undefined
  return Math.exp(-known.reduce((sum, logprob) => sum + logprob, 0) / known.length)
}
