/** A chat format for a model that was pretrained without one. */
import { LanguageModel } from '../infer/index.js'
import { NDArray } from '../tensor/index.js'
import {
  CHAT_ROLES,
  CHATML_TOKENS,
  createChatFormat,
  type Tokenizer,
  TokenizerError,
  withSpecialTokens,
} from '../text/index.js'
import { TrainError } from './errors.js'
import type { Weights } from './training-step.js'

/**
 * The model itself where it can chat; otherwise with ChatML's tokens, whose embeddings (and output rows) start as the mean of
 * those there are: a new token is then as likely as an average one, and disturbs nothing (Hewitt 2021).
 * @throws TrainError where the vocabulary cannot spell the names of the roles
 */
export function withChatTokens(model: LanguageModel): LanguageModel {
  if (model.chat || !model.tokenizer) return model
  const tokenizer = withSpecialTokens(model.tokenizer, CHATML_TOKENS)
  checkRoles(tokenizer, model.dir)
  const vocabSize = Math.max(model.config.vocabSize, tokenizer.vocabSize)
  const { config, device, dir, bosId, eosIds } = model
  const params = growVocabulary(model.params, model.tokenizer.vocabSize, vocabSize)
  return new LanguageModel({
    config: { ...config, vocabSize },
    params,
    device,
    tokenizer,
    chat: createChatFormat(tokenizer),
    dir,
    bosId,
    eosIds,
  })
}

/** A vocabulary of characters may lack a letter that every turn begins with. */
function checkRoles(tokenizer: Tokenizer, dir: string): void {
  for (const role of CHAT_ROLES) {
    try {
      tokenizer.encode(`${role}\n`)
    } catch (error) {
      if (!(error instanceof TokenizerError) || error.code !== 'tokenizer_unknown_text') throw error
      throw new TrainError(
        'recipe',
        `the vocabulary of ${dir} cannot spell ${JSON.stringify(`${role}\n`)}, which begins a turn of a dialogue; pretrain with --tokenizer bpe:N, or on text that has every letter of ${CHAT_ROLES.join(', ')} and line ends`,
      )
    }
  }
}

/** The parameters for `to` tokens; rows from `from` on (padding included) become the mean of those before. */
function growVocabulary(params: Weights, from: number, to: number): Weights {
  const grown: Record<string, NDArray> = { ...params }
  for (const name of ['model.embed_tokens.weight', 'lm_head.weight']) {
    const table = params[name]
    if (!table) continue
    const width = table.shape[1]!
    const old = table.data as Float32Array
    const data = new Float32Array(to * width)
    data.set(old.subarray(0, from * width))
    const mean = new Float64Array(width)
    for (let i = 0; i < from * width; i++) mean[i % width]! += old[i]! / from
    for (let row = from; row < to; row++) data.set(mean, row * width)
    grown[name] = new NDArray('f32', [to, width], data)
  }
  return grown
}
