import { z } from 'zod'
import { TokenizerError } from './errors.js'

/**
 * The `tokenizer.json` of the Hugging Face `tokenizers` library, as far as this library reads it. Components are open
 * objects: what is not understood is reported by the code that would have to run it.
 */
const component = z.looseObject({ type: z.string() })
export type Component = z.infer<typeof component>

const addedToken = z.looseObject({
  id: z.int().min(0),
  content: z.string().min(1),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().default(false),
  special: z.boolean().default(false),
})
export type AddedToken = z.infer<typeof addedToken>

/** The vocabulary and the merges are checked by {@link readVocab} and {@link readMerges}: they may hold a million entries. */
const document = z.looseObject({
  version: z.string().optional(),
  added_tokens: z.array(addedToken).default([]),
  normalizer: component.nullish(),
  pre_tokenizer: component.nullish(),
  post_processor: component.nullish(),
  decoder: component.nullish(),
  model: z.looseObject({
    type: z.string().optional(),
    vocab: z.unknown(),
    merges: z.unknown().optional(),
    unk_token: z.string().nullish(),
    fuse_unk: z.boolean().nullish(),
    byte_fallback: z.boolean().nullish(),
    ignore_merges: z.boolean().nullish(),
    dropout: z.number().nullish(),
    continuing_subword_prefix: z.string().nullish(),
    end_of_word_suffix: z.string().nullish(),
  }),
})

export type TokenizerJson = z.infer<typeof document>

/** Ids must fit two to a number key, and a table of this length is still cheap. */
const maxVocab = 1 << 22

const invalid = (name: string, what: string) => new TokenizerError('tokenizer_invalid', `${name}: ${what}`)

/** Checks the shape of a `tokenizer.json` object. @throws TokenizerError `tokenizer_invalid` naming the field */
export function parseTokenizerJson(value: unknown, name: string): TokenizerJson {
  const parsed = document.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = issue?.path.join('.') || 'the top level'
  throw invalid(name, `not a tokenizer.json: ${path}: ${issue?.message}. Fetch or train the tokenizer again.`)
}

/** `model.vocab` as a map from token to id; ids are distinct and small. */
export function readVocab(vocab: unknown, name: string): Map<string, number> {
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab)) {
    throw invalid(name, 'model.vocab must be an object from token to id.')
  }
  const entries = Object.entries(vocab)
  if (entries.length > maxVocab)
    throw invalid(name, `model.vocab has ${entries.length} tokens; at most ${maxVocab}.`)
  const owner = new Map<number, string>()
  for (const [token, id] of entries as [string, unknown][]) {
    checkId(id, token, name)
    const other = owner.get(id)
    if (other !== undefined) {
      throw invalid(name, `tokens ${JSON.stringify(other)} and ${JSON.stringify(token)} share the id ${id}.`)
    }
    owner.set(id, token)
  }
  return new Map(entries as [string, number][])
}

/** @throws TokenizerError where `id` is not a whole number from 0 to the largest vocabulary */
export function checkId(id: unknown, token: string, name: string): asserts id is number {
  if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= maxVocab) {
    throw invalid(
      name,
      `token ${JSON.stringify(token)} has the id ${JSON.stringify(id)}; ids are 0 to ${maxVocab - 1}.`,
    )
  }
}

/** `model.merges` in either spelling, `"a b"` or `["a", "b"]`, as pairs. */
export function readMerges(merges: unknown, name: string): [string, string][] {
  if (merges === undefined || merges === null) return []
  if (!Array.isArray(merges)) throw invalid(name, 'model.merges must be an array.')
  if (merges.length > maxVocab)
    throw invalid(name, `model.merges has ${merges.length} entries; at most ${maxVocab}.`)
  return merges.map((merge: unknown, index) => {
    const pair = typeof merge === 'string' ? merge.split(' ') : merge
    if (
      Array.isArray(pair) &&
      pair.length === 2 &&
      typeof pair[0] === 'string' &&
      typeof pair[1] === 'string'
    ) {
      return [pair[0], pair[1]]
    }
    throw invalid(name, `model.merges[${index}] is ${JSON.stringify(merge)}; it must name two tokens.`)
  })
}
