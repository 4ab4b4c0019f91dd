/** A tokenizer as GGUF's metadata, such that llama.cpp cuts text as we do. */
import type { GgufValue } from '../hub/index.js'
import { defaultPattern, type Tokenizer, type TokenizerJson } from '../text/index.js'
import { ExportError } from './errors.js'

const NORMAL = 1
const UNKNOWN = 2
const CONTROL = 3
const USER_DEFINED = 4
const UNUSED = 5
const BYTE = 6

const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
const llama3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
const qwen2 = llama3.replace('{1,3}', '')

/**
 * llama.cpp's names for patterns that cut text into words. `dbrx` is Llama 3's without the look-up of whole words. It also serves
 * our own pattern: that one cuts before a letter after a sign where Llama 3's does not, but tokens learned with it never reach across
 * that place, so the tokens are the same; only combining marks are cut in another way.
 */
const PATTERNS: Readonly<Record<string, string>> = {
  [gpt2]: 'gpt-2',
  [llama3]: 'dbrx',
  [qwen2]: 'qwen2',
  [defaultPattern]: 'dbrx',
}

/**
 * Metadata under `tokenizer.`; ids from the tokenizer's to `rows` are filled up with unused tokens.
 * @throws ExportError for tokenizers that llama.cpp has nothing like (characters, other patterns)
 */
export function ggufTokenizer(
  tokenizer: Tokenizer,
  rows: number,
  options: {
    bosId?: number | undefined
    eosId?: number | undefined
    addBos: boolean
    idsOnly?: boolean
    chatTemplate?: string | undefined
  },
): [string, GgufValue][] {
  const json = tokenizer.toJSON()
  const added = new Map(json.added_tokens.map((token) => [token.id, token]))
  const spm = json.model.byte_fallback === true || options.idsOnly === true
  const unknown = json.model.unk_token
  const tokens: string[] = []
  const types = new Int32Array(rows).fill(UNUSED)
  for (let id = 0; id < rows; id++) {
    const token = tokenizer.idToToken(id)
    tokens.push(token ?? `[unused${id}]`)
    if (token === undefined) continue
    const isByte = spm && /^<0x[0-9A-F]{2}>$/.test(token)
    const special = added.get(id)
    types[id] =
      token === unknown
        ? UNKNOWN
        : special
          ? special.special
            ? CONTROL
            : USER_DEFINED
          : isByte
            ? BYTE
            : NORMAL
  }
  const merges = mergesOf(json)
  const entries: [string, GgufValue][] = spm
    ? [
        ['model', { type: 'string', value: 'llama' }],
        ['scores', { type: 'array', of: 'f32', value: scores(tokens, merges) }],
        ['add_space_prefix', { type: 'bool', value: tokenizer.stripsLeadingSpace }],
      ]
    : [
        ['model', { type: 'string', value: 'gpt2' }],
        ['pre', { type: 'string', value: preTokenizer(json) }],
        ['merges', { type: 'strings', value: merges.map((pair) => pair.join(' ')) }],
      ]
  entries.push(
    ['tokens', { type: 'strings', value: tokens }],
    ['token_type', { type: 'array', of: 'i32', value: types }],
    ['add_bos_token', { type: 'bool', value: options.addBos }],
    ['add_eos_token', { type: 'bool', value: false }],
  )
  const id = (name: string, value: number | undefined) => {
    if (value !== undefined) entries.push([`${name}_token_id`, { type: 'u32', value }])
  }
  id('bos', options.bosId)
  id('eos', options.eosId)
  id('eot', tokenizer.tokenToId('<|im_end|>'))
  id('unknown', typeof unknown === 'string' ? tokenizer.tokenToId(unknown) : undefined)
  const named = entries.map(([key, value]): [string, GgufValue] => [`tokenizer.ggml.${key}`, value])
  if (options.chatTemplate !== undefined)
    named.push(['tokenizer.chat_template', { type: 'string', value: options.chatTemplate }])
  return named
}

function mergesOf({ model }: TokenizerJson): string[][] {
  const merges = (model.merges ?? []) as readonly (string | readonly string[])[]
  return merges.map((merge) => (typeof merge === 'string' ? merge.split(' ') : [...merge]))
}

/** SentencePiece joins the pair whose token scores highest: the earlier a merge makes a token, the higher. */
function scores(tokens: readonly string[], merges: readonly (readonly string[])[]): Float32Array {
  const rank = new Map<string, number>()
  merges.forEach((pair, i) => {
    const token = pair.join('')
    if (!rank.has(token)) rank.set(token, i)
  })
  return Float32Array.from(tokens, (token) => -(rank.get(token) ?? merges.length))
}

/** llama.cpp's name for how the text is cut. */
function preTokenizer({ pre_tokenizer: spec }: TokenizerJson): string {
  const steps = spec?.type === 'Sequence' ? (spec.pretokenizers as { type: string }[]) : spec ? [spec] : []
  const bytes = steps.at(-1) as { type: string; use_regex?: boolean; add_prefix_space?: boolean } | undefined
  if (bytes?.type !== 'ByteLevel' || bytes.add_prefix_space === true) {
    throw new ExportError(
      'llama.cpp reads byte-level and SentencePiece-style tokenizers, and this is neither; train the model with a tokenizer of the kind bpe:N',
    )
  }
  if (steps.length === 1 && bytes.use_regex !== false) return PATTERNS[gpt2]!
  const [split] = steps as { type: string; pattern?: { Regex?: string } }[]
  const pattern = steps.length === 2 && split?.type === 'Split' ? split.pattern?.Regex : undefined
  const found = pattern === undefined ? undefined : PATTERNS[pattern]
  if (found) return found
  throw new ExportError(
    `llama.cpp has no pre-tokenizer for the pattern ${JSON.stringify(pattern ?? steps.map(({ type }) => type))}; it would cut text in other places than the model learned`,
  )
}
