import { addedTokens } from './added-tokens.js'
import { TokenizerError } from './errors.js'
import { tokenizerFromJson } from './json-tokenizer.js'
import { byteFallbackToken } from './token-decoder.js'
import type { Tokenizer } from './tokenizer.js'
import { decodeUtf8 } from './unicode.js'

const firstPiece = 3 + 256 // <unk>, <s>, </s>, then a token for every byte
const mark = '▁'

/**
 * The tokenizer of a llama2.c model (`tokenizer.bin`, `tok512.bin`): a SentencePiece BPE model whose merges are implied
 * by the scores of the pieces. Layout, little-endian: int32 longest piece; then for every token float32 score, int32
 * length, bytes.
 *
 * The result is a Llama 2 style `tokenizer.json`: U+2581 for spaces, a dummy space in front of every text, bytes for
 * what no piece covers. As in SentencePiece, a U+2581 in the text is read as a space.
 *
 * @throws TokenizerError `tokenizer_invalid` naming the byte offset where the file is broken
 */
export function importLlama2cTokenizer(bytes: Uint8Array, name = 'llama2.c tokenizer'): Tokenizer {
  const pieces = readPieces(bytes, name)
  checkFixedPieces(pieces, name)
  const vocab = new Map<string, number>()
  for (const [id, { text }] of pieces.entries()) {
    if (vocab.has(text))
      throw invalid(name, `tokens ${vocab.get(text)} and ${id} are both ${JSON.stringify(text)}`)
    vocab.set(text, id)
  }
  return tokenizerFromJson(
    {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: addedTokens(['<unk>', '<s>', '</s>'], 0),
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: mark },
          { type: 'Replace', pattern: { String: ' ' }, content: mark },
        ],
      },
      pre_tokenizer: null,
      post_processor: {
        type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
        pair: [
          { SpecialToken: { id: '<s>', type_id: 0 } },
          { Sequence: { id: 'A', type_id: 0 } },
          { SpecialToken: { id: '<s>', type_id: 1 } },
          { Sequence: { id: 'B', type_id: 1 } },
        ],
        special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
      },
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: mark }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          { type: 'Strip', content: ' ', start: 1, stop: 0 },
        ],
      },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: '<unk>',
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: true,
        byte_fallback: true,
        ignore_merges: false,
        vocab: Object.fromEntries(vocab),
        merges: mergesOf(pieces, vocab),
      },
    },
    { name, bosToken: '<s>', eosToken: '</s>' },
  )
}

interface Piece {
  text: string
  score: number
}

function readPieces(bytes: Uint8Array, name: string): Piece[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 4) throw invalid(name, `the file has ${bytes.length} bytes and needs at least 4`)
  const longest = view.getInt32(0, true)
  const pieces: Piece[] = []
  let at = 4
  while (at < bytes.length) {
    const id = pieces.length
    if (at + 8 > bytes.length)
      throw invalid(name, `the file ends at byte ${bytes.length}, inside the header of token ${id}`)
    const score = view.getFloat32(at, true)
    const length = view.getInt32(at + 4, true)
    at += 8
    if (length <= 0 || length > longest || at + length > bytes.length) {
      throw invalid(
        name,
        `token ${id} at byte ${at - 8} claims ${length} bytes; ${bytes.length - at} are left and the longest has ${longest}`,
      )
    }
    if (Number.isNaN(score)) throw invalid(name, `token ${id} at byte ${at - 8} has no number as its score`)
    const text = decodeUtf8(bytes.subarray(at, at + length), `${name}: token ${id}`)
    // Older exports write the two sentence marks with line breaks around them.
    pieces.push({ text: id < 3 ? text.trim() : text.replaceAll(' ', mark), score })
    at += length
  }
  return pieces
}

function checkFixedPieces(pieces: Piece[], name: string): void {
  const expected = (id: number) => ['<unk>', '<s>', '</s>'][id] ?? byteFallbackToken(id - 3)
  for (let id = 0; id < firstPiece; id++) {
    if (pieces[id]?.text === expected(id)) continue
    const found = pieces[id] ? JSON.stringify(pieces[id]?.text) : 'missing'
    throw invalid(name, `token ${id} must be ${expected(id)} and is ${found}`)
  }
}

/**
 * SentencePiece merges the adjacent pieces whose union has the highest score. So every way to cut a piece in two pieces
 * is a merge, and merges are ranked by the score of what they make.
 */
function mergesOf(pieces: Piece[], vocab: Map<string, number>): [string, string][] {
  const isPiece = (text: string) => (vocab.get(text) ?? 0) >= firstPiece
  return pieces
    .map((piece, id) => ({ ...piece, id }))
    .slice(firstPiece)
    .sort((a, b) => b.score - a.score || a.id - b.id)
    .flatMap(({ text }) => {
      const chars = [...text]
      return chars
        .slice(1)
        .map((_, i): [string, string] => [chars.slice(0, i + 1).join(''), chars.slice(i + 1).join('')])
        .filter(([left, right]) => isPiece(left) && isPiece(right))
    })
}

const invalid = (name: string, what: string) =>
  new TokenizerError(
    'tokenizer_invalid',
    `${name} is not a llama2.c tokenizer: ${what}. Fetch the file again.`,
  )
