import { addedTokens, checkSpecialTokens } from './added-tokens.js'
import { pairKey } from './bpe.js'
import { TokenizerError } from './errors.js'
import { byteLevelJson } from './gpt2.js'
import { tokenizerFromJson } from './json-tokenizer.js'
import { split } from './pipeline.js'
import { translateRegex } from './regex.js'
import type { Tokenizer } from './tokenizer.js'
import { byteToChar, encodeUtf8, wellFormed } from './unicode.js'

/**
 * How text is cut into words before training and encoding. GPT-2's pattern with what was learnt since:
 * - numbers in groups of at most three digits, and contractions in either case, as GPT-4;
 * - line breaks apart from other white space, and kept with the punctuation before them, as GPT-4;
 * - combining marks belong to the letters before them, so Hindi or Thai words stay whole;
 * - only a space may be glued to the front of a word. GPT-4 glues any one sign there, which in Chinese, where nothing
 *   but punctuation stands between clauses, spends the vocabulary on pairs such as `，我` and `。不`.
 */
export const defaultPattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)| ?[\\p{L}\\p{M}]+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

export interface TrainBpeOptions {
  /** Number of tokens: 256 bytes, the merges, and the special tokens. */
  vocabSize: number
  /** Get the last ids. Default `['<|endoftext|>']`. */
  specialTokens?: readonly string[]
  /** Starts a document. Default: the first special token. */
  bosToken?: string
  /** Ends a document. Default: the first special token. */
  eosToken?: string
  /** Pairs seen less often are not merged. Default 2. */
  minFrequency?: number
  /** Cuts text into words, in the syntax of `tokenizer.json`. Default {@link defaultPattern}. */
  pattern?: string
  signal?: AbortSignal
  /** Told now and then how far training is: words counted, then merges made out of those wanted. */
  onProgress?: (progress: { stage: 'count' | 'merge'; done: number; total?: number }) => void
}

/**
 * Trains a byte-level BPE tokenizer. The most frequent pair is merged first; among equals, the one whose ids come first,
 * as in the Hugging Face trainer, so equal text gives an equal tokenizer everywhere.
 *
 * @param texts documents, or pieces of them; `readTexts` gives those of files
 * @throws TokenizerError `tokenizer_vocab_size` where `vocabSize` is below 256 + specials or above what the text allows
 *   (the message says how large it can be), `tokenizer_options`; the signal's reason when aborted
 */
export async function trainBpe(
  texts: string | Iterable<string> | AsyncIterable<string>,
  options: TrainBpeOptions,
): Promise<Tokenizer> {
  const { vocabSize, specialTokens = ['<|endoftext|>'], minFrequency = 2, pattern = defaultPattern } = options
  checkSpecialTokens(specialTokens)
  const smallest = 256 + specialTokens.length
  if (!Number.isInteger(vocabSize) || vocabSize < smallest || vocabSize > 1 << 21) {
    throw new TokenizerError(
      'tokenizer_vocab_size',
      `A byte-level vocabulary of ${vocabSize} is not possible: it needs a whole number of tokens, at least ${smallest} ` +
        `(256 bytes and ${specialTokens.length} special) and at most ${1 << 21}.`,
    )
  }
  const { bosToken = specialTokens[0], eosToken = specialTokens[0] } = options
  for (const token of [bosToken, eosToken]) {
    if (token !== undefined && !specialTokens.includes(token)) {
      throw new TokenizerError('tokenizer_options', `${JSON.stringify(token)} must be one of specialTokens.`)
    }
  }
  const pace = new Pace(options.signal)
  const words = await countWords(typeof texts === 'string' ? [texts] : texts, pattern, pace, options)
  const wanted = vocabSize - specialTokens.length
  const { tokens, merges } = await learnMerges(
    words,
    wanted,
    minFrequency,
    new Set(specialTokens),
    pace,
    options,
  )
  if (tokens.length < wanted) {
    throw new TokenizerError(
      'tokenizer_vocab_size',
      `The text allows a vocabulary of at most ${tokens.length + specialTokens.length} tokens, and ${vocabSize} were asked for ` +
        `(pairs must be seen ${minFrequency} times). Ask for fewer, or train on more text.`,
    )
  }
  return tokenizerFromJson(
    byteLevelJson({
      vocab: Object.fromEntries([...tokens, ...specialTokens].map((token, id) => [token, id])),
      merges,
      addedTokens: addedTokens(specialTokens, tokens.length),
      preTokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
        ],
      },
    }),
    { ...(bosToken ? { bosToken } : {}), ...(eosToken ? { eosToken } : {}) },
  )
}

async function countWords(
  texts: Iterable<string> | AsyncIterable<string>,
  pattern: string,
  pace: Pace,
  { onProgress }: TrainBpeOptions,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  const cut = split(translateRegex(pattern, 'pattern'))
  let done = 0
  const count = (word: string) => {
    counts.set(word, (counts.get(word) ?? 0) + 1)
    done++
  }
  for await (const text of texts) {
    cut(wellFormed(text), true, count)
    if (pace.isDue()) {
      await pace.breathe()
      onProgress?.({ stage: 'count', done })
    }
  }
  return counts
}

interface Learnt {
  /** By id: the 256 bytes in the byte alphabet, then what each merge made. */
  tokens: string[]
  merges: [string, string][]
}

/** The incremental algorithm: only words that hold the merged pair are touched, and a queue knows the best pair. */
async function learnMerges(
  words: Map<string, number>,
  wanted: number,
  minFrequency: number,
  reserved: ReadonlySet<string>,
  pace: Pace,
  { onProgress }: TrainBpeOptions,
): Promise<Learnt> {
  const tokens = [...byteToChar].sort()
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const pairs = new PairTable(minFrequency)
  const corpus: Int32Array[] = [] // the symbols of every distinct word
  const counts: number[] = []
  const idOfByte = Int32Array.from(byteToChar, (char) => ids.get(char)!)
  for (const [word, count] of words) {
    const symbols = Int32Array.from(encodeUtf8(word), (byte) => idOfByte[byte]!)
    for (let i = 0; i + 1 < symbols.length; i++) pairs.add(symbols[i]!, symbols[i + 1]!, count, corpus.length)
    corpus.push(symbols)
    counts.push(count)
    if (pace.isDue()) await pace.breathe()
  }
  pairs.enqueueTouched()

  const merges: [string, string][] = []
  while (tokens.length < wanted) {
    const best = pairs.takeBest()
    if (best === undefined) break
    const { left, right } = best
    const token = tokens[left]! + tokens[right]!
    if (reserved.has(token)) continue
    // Two merges can spell the same token ("a" + "bc", "ab" + "c"): it keeps its first id.
    const merged = ids.get(token) ?? tokens.push(token) - 1
    ids.set(token, merged)
    merges.push([tokens[left]!, tokens[right]!])
    for (const word of best.words) {
      corpus[word] = mergeIn(corpus[word]!, left, right, merged, counts[word]!, word, pairs)
    }
    pairs.enqueueTouched()
    if (!pace.isDue()) continue
    await pace.breathe()
    onProgress?.({ stage: 'merge', done: merges.length, total: wanted - 256 })
  }
  return { tokens, merges }
}

/** Replaces every (left, right) in `symbols` by `merged`, keeping `pairs` true, and returns what is left of `symbols`. */
function mergeIn(
  symbols: Int32Array,
  left: number,
  right: number,
  merged: number,
  count: number,
  word: number,
  pairs: PairTable,
): Int32Array {
  let length = 0
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] !== left || symbols[i + 1] !== right) {
      symbols[length++] = symbols[i]!
      continue
    }
    if (length > 0) {
      const before = symbols[length - 1]!
      pairs.remove(before, left, count)
      pairs.add(before, merged, count, word)
    }
    if (i + 2 < symbols.length) {
      const after = symbols[i + 2]!
      pairs.remove(right, after, count)
      pairs.add(merged, after, count, word)
    }
    symbols[length++] = merged
    i++
  }
  return symbols.subarray(0, length)
}

/** How often each pair occurs, in which words, and a queue of the pairs by count. */
class PairTable {
  readonly #minFrequency: number
  readonly #index = new Map<number, number>() // key of a pair -> its place in the arrays
  readonly #key: number[] = []
  readonly #left: number[] = []
  readonly #right: number[] = []
  readonly #count: number[] = []
  readonly #words: number[][] = []
  #touched: number[] = [] // pairs that gained since the last enqueueTouched
  readonly #isTouched: boolean[] = []
  readonly #heap: { count: number; pair: number }[] = [] // counts in here may be out of date

  constructor(minFrequency: number) {
    this.#minFrequency = Math.max(1, minFrequency)
  }

  add(left: number, right: number, count: number, word: number): void {
    const key = pairKey(left, right)
    let pair = this.#index.get(key)
    if (pair === undefined) {
      pair = this.#key.push(key) - 1
      this.#index.set(key, pair)
      this.#left.push(left)
      this.#right.push(right)
      this.#count.push(0)
      this.#words.push([])
      this.#isTouched.push(false)
    }
    this.#count[pair]! += count
    const words = this.#words[pair]!
    if (words[words.length - 1] !== word) words.push(word)
    if (this.#isTouched[pair]) return
    this.#isTouched[pair] = true
    this.#touched.push(pair)
  }

  remove(left: number, right: number, count: number): void {
    const pair = this.#index.get(pairKey(left, right))
    if (pair !== undefined) this.#count[pair]! -= count
  }

  enqueueTouched(): void {
    for (const pair of this.#touched) {
      this.#isTouched[pair] = false
      this.#push(pair)
    }
    this.#touched = []
  }

  /** Takes the most frequent pair out; undefined when none is frequent enough. */
  takeBest(): { left: number; right: number; words: number[] } | undefined {
    for (;;) {
      const top = this.#pop()
      if (top === undefined) return undefined
      const { pair } = top
      if (top.count !== this.#count[pair]) {
        if (top.count > this.#count[pair]!) this.#push(pair)
        continue
      }
      this.#count[pair] = 0
      const words = this.#words[pair]!
      this.#words[pair] = []
      return { left: this.#left[pair]!, right: this.#right[pair]!, words }
    }
  }

  #before(a: { count: number; pair: number }, b: { count: number; pair: number }): boolean {
    return a.count !== b.count ? a.count > b.count : this.#key[a.pair]! < this.#key[b.pair]!
  }

  #push(pair: number): void {
    const entry = { count: this.#count[pair]!, pair }
    if (entry.count < this.#minFrequency) return
    const heap = this.#heap
    let i = heap.push(entry) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!this.#before(entry, heap[parent]!)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = entry
  }

  #pop(): { count: number; pair: number } | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (last === undefined || last === top) return top
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && this.#before(heap[child + 1]!, heap[child]!)) child++
      if (!this.#before(heap[child]!, last)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
    return top
  }
}

/** Lets timers, signals and screens have their turn during long work. */
class Pace {
  readonly #signal: AbortSignal | undefined
  #last = Date.now()

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
    signal?.throwIfAborted()
  }

  /** Whether 50 ms have passed since the event loop had a turn. */
  isDue(): boolean {
    return Date.now() - this.#last >= 50
  }

  /** Gives the event loop a turn. @throws the signal's reason when aborted */
  async breathe(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve))
    this.#signal?.throwIfAborted()
    this.#last = Date.now()
  }
}
