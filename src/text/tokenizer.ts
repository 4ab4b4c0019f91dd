import type { TokenizerJson } from './schema.js'

export interface EncodeOptions {
  /**
   * Read special tokens written out in the text (`<|endoftext|>`) as those tokens. Off by default: text from people
   * and files must not be able to end a document or open a turn.
   */
  special?: boolean
}

export interface DecodeOptions {
  /** Leave special tokens out of the text. Off by default, so that `decode` undoes `encode(text, { special: true })`. */
  skipSpecial?: boolean
}

/** Text to token ids and back. Synchronous and free of platform code: the same object works in Node and in a browser. */
export interface Tokenizer {
  /** One more than the highest id: the number of rows an embedding table needs. */
  readonly vocabSize: number
  /** Starts a document; undefined where the tokenizer has no such token. `encode` never adds it by itself. */
  readonly bosId: number | undefined
  /** Ends a document; undefined where the tokenizer has no such token. `encode` never adds it by itself. */
  readonly eosId: number | undefined
  /** The special tokens and their ids, in order of id. */
  readonly specialTokens: ReadonlyMap<string, number>

  /**
   * The ids of `text`. Lone surrogates, which no encoding can write, are read as U+FFFD.
   * @throws TokenizerError `tokenizer_unknown_text`, naming the character and its place, where the vocabulary cannot
   *   spell the text and has no unknown token.
   */
  encode(text: string, options?: EncodeOptions): Int32Array
  encodeBatch(texts: readonly string[], options?: EncodeOptions): Int32Array[]

  /**
   * The text of `ids`; bytes that are not UTF-8 become U+FFFD.
   * @throws TokenizerError `tokenizer_unknown_id` where an id is not in the vocabulary.
   */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string

  /** The bytes that one token adds to the text; a token may hold part of a character. */
  idToBytes(id: number): Uint8Array
  /** Whether decoding drops one space at the very start of a text (SentencePiece's dummy prefix). */
  readonly stripsLeadingSpace: boolean

  /** The token as the vocabulary spells it (`Ġthe`, `▁the`, `<0x0A>`), or undefined. */
  idToToken(id: number): string | undefined
  tokenToId(token: string): number | undefined

  /** The Hugging Face `tokenizer.json` object. */
  toJSON(): TokenizerJson
}
