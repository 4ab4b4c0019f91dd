import { alternatives, readAdded, withoutSpace } from './added-tokens.js'
import { MergeTable } from './bpe.js'
import { TokenizerError } from './errors.js'
import { type Cutter, cutterOf, type Normalize, normalizerOf, unsupported } from './pipeline.js'
import { type AddedToken, parseTokenizerJson, readMerges, readVocab, type TokenizerJson } from './schema.js'
import { byteFallbackToken, decoderOf } from './token-decoder.js'
import type { DecodeOptions, EncodeOptions, Tokenizer } from './tokenizer.js'
import { byteToChar, describeChar, encodeUtf8, wellFormed } from './unicode.js'

export interface FromJsonOptions {
  /** What errors call the file. Default `tokenizer.json`. */
  name?: string
  /** The token that starts a document. Where neither is given, the usual names are looked for. */
  bosToken?: string
  /** The token that ends a document. */
  eosToken?: string
}

const usualBos = ['<s>', '<|begin_of_text|>', '<|bos|>', '<bos>', '<|startoftext|>', '<|endoftext|>']
const usualEos = ['</s>', '<|end_of_text|>', '<|eos|>', '<eos>', '<|endoftext|>']

/**
 * The tokenizer that a Hugging Face `tokenizer.json` describes. BPE models are read (byte-level as GPT-2, Llama 3 and
 * Qwen; SentencePiece-style as Llama 2; plain characters); the post-processor is kept but never run, since `encode`
 * adds no tokens by itself.
 *
 * @throws TokenizerError `tokenizer_invalid`, `tokenizer_unsupported`
 */
export function tokenizerFromJson(json: unknown, options: FromJsonOptions = {}): Tokenizer {
  return new JsonTokenizer(parseTokenizerJson(json, options.name ?? 'tokenizer.json'), options)
}

/** Words are looked up before they are merged again; past this many the memory is emptied. */
const cacheLimit = 1 << 16
const cachedLength = 64

class JsonTokenizer implements Tokenizer {
  readonly vocabSize: number
  readonly bosId: number | undefined
  readonly eosId: number | undefined
  readonly specialTokens: ReadonlyMap<string, number>
  readonly stripsLeadingSpace: boolean

  readonly #name: string
  readonly #json: TokenizerJson
  readonly #ids: Map<string, number> // the model's vocabulary and the added tokens
  readonly #tokens: (string | undefined)[]
  readonly #added: Map<string, AddedToken>
  readonly #specialIds: Set<number>
  readonly #addedPattern: RegExp | undefined // added tokens that are not special: always read
  readonly #specialPattern: RegExp | undefined // all added tokens
  readonly #normalize: Normalize
  readonly #cutter: Cutter
  readonly #merges: MergeTable
  readonly #modelIds: Map<string, number>
  readonly #byteIds: Int32Array | undefined // id of every byte: of its stand-in, or of <0xNN>
  readonly #unkId: number | undefined
  readonly #decodeToken: (token: string) => Uint8Array
  readonly #bytes: (Uint8Array | undefined)[] = []
  readonly #cache = new Map<string, Int32Array>()

  constructor(json: TokenizerJson, options: FromJsonOptions) {
    const name = options.name ?? 'tokenizer.json'
    this.#name = name
    const model = json.model
    this.#json = json
    if ((model.type ?? 'BPE') !== 'BPE') throw unsupported(name, 'model', model.type ?? '')
    for (const field of ['continuing_subword_prefix', 'end_of_word_suffix', 'dropout'] as const) {
      if (model[field]) throw unsupported(name, 'model', `BPE with ${field}`)
    }
    this.#modelIds = readVocab(model.vocab, name)
    this.#ids = new Map(this.#modelIds)
    this.#added = readAdded(json.added_tokens, this.#ids, name)
    if (this.#ids.size === 0)
      throw new TokenizerError('tokenizer_invalid', `${name}: the vocabulary is empty.`)
    this.#tokens = []
    for (const [token, id] of this.#ids) this.#tokens[id] = token
    this.vocabSize = this.#tokens.length

    const special = json.added_tokens.filter((token) => token.special).sort((a, b) => a.id - b.id)
    this.specialTokens = new Map(special.map((token) => [token.content, token.id]))
    this.#specialIds = new Set(this.specialTokens.values())
    this.#addedPattern = alternatives(json.added_tokens.filter((token) => !token.special))
    this.#specialPattern = alternatives(json.added_tokens)

    this.#normalize = normalizerOf(json.normalizer, name)
    this.#cutter = cutterOf(json.pre_tokenizer, name)
    this.#merges = new MergeTable(mergeIds(readMerges(model.merges, name), this.#modelIds, name))
    this.#byteIds = this.#cutter.byteLevel
      ? byteTable((byte) => this.#modelIds.get(byteToChar[byte]!))
      : model.byte_fallback
        ? byteTable((byte) => this.#modelIds.get(byteFallbackToken(byte)))
        : undefined
    this.#unkId = typeof model.unk_token === 'string' ? this.#ids.get(model.unk_token) : undefined
    const decoder = decoderOf(json.decoder, name)
    this.#decodeToken = decoder.token
    this.stripsLeadingSpace = decoder.stripsLeadingSpace

    this.bosId = this.#named(options.bosToken, options.eosToken, usualBos)
    this.eosId = this.#named(options.eosToken, options.bosToken, usualEos)
  }

  encode(text: string, options: EncodeOptions = {}): Int32Array {
    const ids = new IdBuffer()
    const pattern = options.special ? this.#specialPattern : this.#addedPattern
    const clean = wellFormed(text)
    let start = 0
    if (pattern) {
      for (const match of clean.matchAll(pattern)) {
        const added = this.#added.get(match[0]) ?? this.#added.get(withoutSpace(match[0]))!
        this.#encodeText(clean.slice(start, match.index), start, ids)
        ids.push(added.id)
        start = match.index + match[0].length
      }
    }
    this.#encodeText(start === 0 ? clean : clean.slice(start), start, ids)
    return ids.toArray()
  }

  encodeBatch(texts: readonly string[], options?: EncodeOptions): Int32Array[] {
    return texts.map((text) => this.encode(text, options))
  }

  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const parts: Uint8Array[] = []
    let length = 0
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!
      const bytes = this.idToBytes(id)
      if (options.skipSpecial && this.#specialIds.has(id)) continue
      parts.push(bytes)
      length += bytes.length
    }
    const all = new Uint8Array(length)
    let at = 0
    for (const bytes of parts) {
      all.set(bytes, at)
      at += bytes.length
    }
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(all)
    return this.stripsLeadingSpace && text.startsWith(' ') ? text.slice(1) : text
  }

  idToBytes(id: number): Uint8Array {
    const known = this.#bytes[id]
    if (known) return known
    const token = this.idToToken(id)
    if (token === undefined) {
      throw new TokenizerError(
        'tokenizer_unknown_id',
        `${this.#name}: no token has the id ${id}; ids are 0 to ${this.vocabSize - 1}. Does the model belong to this tokenizer?`,
      )
    }
    const bytes = this.#added.has(token) ? encodeUtf8(token) : this.#decodeToken(token)
    this.#bytes[id] = bytes
    return bytes
  }

  idToToken(id: number): string | undefined {
    return this.#tokens[id]
  }

  tokenToId(token: string): number | undefined {
    return this.#ids.get(token)
  }

  toJSON(): TokenizerJson {
    return structuredClone(this.#json)
  }

  #named(wanted: string | undefined, other: string | undefined, usual: string[]): number | undefined {
    if (wanted === undefined) {
      return other === undefined
        ? usual.map((token) => this.specialTokens.get(token)).find((id) => id !== undefined)
        : undefined
    }
    const id = this.#ids.get(wanted)
    if (id !== undefined) return id
    throw new TokenizerError(
      'tokenizer_invalid',
      `${this.#name}: the vocabulary has no token ${JSON.stringify(wanted)}.`,
    )
  }

  /** Encodes text between added tokens; `offset` is where it starts, for errors. */
  #encodeText(text: string, offset: number, ids: IdBuffer): void {
    if (text === '') return
    const { cuts } = this.#cutter
    const run = (piece: string, depth: number, first: boolean) => {
      if (depth === cuts.length) return this.#encodeWord(piece, text, offset, ids)
      let head = first
      cuts[depth]!(piece, first, (part) => {
        run(part, depth + 1, head)
        head = false
      })
    }
    run(this.#normalize(text), 0, offset === 0)
  }

  #encodeWord(word: string, text: string, offset: number, ids: IdBuffer): void {
    let merged = this.#cache.get(word)
    if (!merged) {
      const symbols = this.#whole(word) ?? this.#spell(word, text, offset)
      merged = symbols.slice(0, this.#merges.merge(symbols))
      if (this.#cache.size >= cacheLimit) this.#cache.clear()
      if (word.length <= cachedLength) this.#cache.set(word, merged)
    }
    ids.append(merged)
  }

  /** With `ignore_merges`, a word that is a token is that token, whatever the merges would make of it. */
  #whole(word: string): Int32Array | undefined {
    if (!this.#json.model.ignore_merges) return undefined
    const token = this.#cutter.byteLevel
      ? Array.from(encodeUtf8(word), (byte) => byteToChar[byte]).join('')
      : word
    const id = this.#modelIds.get(token)
    return id === undefined || this.#specialIds.has(id) ? undefined : Int32Array.of(id)
  }

  /** The word as symbols, before any merge. */
  #spell(word: string, text: string, offset: number): Int32Array {
    if (this.#cutter.byteLevel && this.#byteIds) {
      const bytes = encodeUtf8(word)
      const symbols = new Int32Array(bytes.length)
      for (let i = 0; i < bytes.length; i++) symbols[i] = this.#byteIds[bytes[i]!]!
      return symbols
    }
    const symbols: number[] = []
    const unknown = (char: string) => {
      if (this.#unkId === undefined) throw this.#unknownChar(char, text, offset)
      // A run of unknown characters is one token with `fuse_unk`.
      if (!(this.#json.model.fuse_unk && symbols.at(-1) === this.#unkId)) symbols.push(this.#unkId)
    }
    if (this.#cutter.byteLevel) {
      // An alphabet that lacks some bytes.
      for (const char of word) {
        for (const byte of encodeUtf8(char)) {
          const id = this.#modelIds.get(byteToChar[byte]!)
          if (id === undefined) unknown(char)
          else symbols.push(id)
        }
      }
      return Int32Array.from(symbols)
    }
    for (const char of word) {
      const id = this.#modelIds.get(char)
      if (id !== undefined) symbols.push(id)
      else if (this.#byteIds) for (const byte of encodeUtf8(char)) symbols.push(this.#byteIds[byte]!)
      else unknown(char)
    }
    return Int32Array.from(symbols)
  }

  #unknownChar(char: string, text: string, offset: number): TokenizerError {
    const at = Math.max(0, text.indexOf(char))
    const before = text.slice(0, at)
    const line = before.split('\n').length
    const column = at - before.lastIndexOf('\n')
    return new TokenizerError(
      'tokenizer_unknown_text',
      `${this.#name}: the vocabulary cannot spell ${describeChar(char)}, at index ${offset + at} (line ${line}, column ` +
        `${column} of the text). Remove it, or train a tokenizer on text that has it; a byte-level one spells anything.`,
    )
  }
}

function* mergeIds(
  merges: [string, string][],
  ids: Map<string, number>,
  name: string,
): Generator<[number, number, number]> {
  for (const [index, [left, right]] of merges.entries()) {
    const triple = [left, right, left + right].map((token) => {
      const id = ids.get(token)
      if (id !== undefined) return id
      throw new TokenizerError(
        'tokenizer_invalid',
        `${name}: merge ${index} (${JSON.stringify([left, right])}) needs the token ${JSON.stringify(token)}, which the vocabulary lacks.`,
      )
    })
    yield triple as [number, number, number]
  }
}

/** Ids of all 256 bytes, or undefined where one is missing. */
function byteTable(idOf: (byte: number) => number | undefined): Int32Array | undefined {
  const table = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    const id = idOf(byte)
    if (id === undefined) return undefined
    table[byte] = id
  }
  return table
}

/** A growing array of ids. */
class IdBuffer {
  #ids = new Int32Array(64)
  #length = 0

  push(id: number): void {
    this.#reserve(1)
    this.#ids[this.#length++] = id
  }

  append(ids: Int32Array): void {
    this.#reserve(ids.length)
    this.#ids.set(ids, this.#length)
    this.#length += ids.length
  }

  toArray(): Int32Array {
    return this.#ids.slice(0, this.#length)
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#ids.length) return
    const grown = new Int32Array(Math.max(2 * this.#ids.length, this.#length + more))
    grown.set(this.#ids)
    this.#ids = grown
  }
}
