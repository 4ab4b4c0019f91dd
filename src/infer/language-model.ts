/** A model ready to be asked: its parameters, its tokenizer, a device, and the programs compiled for it so far. */
import { z } from 'zod'
import type { GptConfig, Quantization } from '../models/index.js'
import type { Device, NDArray } from '../tensor/index.js'
import { CHATML_TOKENS, type ChatFormat, createChatFormat, type Tokenizer } from '../text/index.js'
import { InferError } from './errors.js'

export interface LanguageModelParts {
  readonly config: GptConfig
  readonly params: Readonly<Record<string, NDArray>>
  readonly device: Device
  /** How `params` are kept. Default 'none'. */
  readonly quantization?: Quantization | undefined
  readonly tokenizer?: Tokenizer | undefined
  /** Default: that of `chatTemplate`, or else ChatML where the tokenizer has its tokens. */
  readonly chat?: ChatFormat | undefined
  /** The model's own template, in Jinja. */
  readonly chatTemplate?: string | undefined
  /** Where it was loaded from; '' for a model that was never saved. */
  readonly dir?: string
  /** Default: the tokenizer's. */
  readonly bosId?: number | undefined
  /** Tokens that end a text. Default: the tokenizer's. */
  readonly eosIds?: readonly number[] | undefined
}

interface Program {
  dispose(): Promise<void>
}

export class LanguageModel {
  readonly config: GptConfig
  readonly tokenizer: Tokenizer | undefined
  readonly device: Device
  readonly quantization: Quantization
  readonly dir: string
  readonly bosId: number | undefined
  readonly eosIds: readonly number[]
  /** May be replaced by others of the same shapes between calls (in training); see `GeneratorOptions.weights`. */
  params: Readonly<Record<string, NDArray>>
  readonly #programs = new Map<string, Promise<Program>>()
  readonly #chatTemplate: string | undefined
  #chat: ChatFormat | undefined

  constructor(parts: LanguageModelParts) {
    const { config, params, device, tokenizer, chat, chatTemplate, dir = '', bosId, eosIds } = parts
    this.config = config
    this.params = params
    this.device = device
    this.quantization = parts.quantization ?? 'none'
    this.tokenizer = tokenizer
    this.#chat = chat
    this.#chatTemplate = chatTemplate
    this.dir = dir
    this.bosId = bosId ?? tokenizer?.bosId
    this.eosIds = eosIds ?? (tokenizer?.eosId === undefined ? [] : [tokenizer.eosId])
    if (tokenizer && tokenizer.vocabSize > config.vocabSize) {
      throw new InferError(
        'infer/tokenizer',
        `the tokenizer has ${tokenizer.vocabSize} tokens and the model only ${config.vocabSize}: they do not belong together`,
      )
    }
  }

  /**
   * How dialogues are written for this model; undefined where it has no format for them.
   * @throws ChatError where the model's template cannot be read
   */
  get chat(): ChatFormat | undefined {
    const { tokenizer } = this
    if (this.#chat || !tokenizer) return this.#chat
    const template = this.#chatTemplate
    if (template !== undefined) this.#chat = createChatFormat(tokenizer, { template })
    else if (CHATML_TOKENS.every((token) => tokenizer.tokenToId(token) !== undefined))
      this.#chat = createChatFormat(tokenizer)
    return this.#chat
  }

  /** The program of this name, compiled at the first call and kept until `dispose`. */
  program<T extends Program>(name: string, build: () => Promise<T>): Promise<T> {
    const known = this.#programs.get(name) as Promise<T> | undefined
    if (known) return known
    const built = build()
    this.#programs.set(name, built)
    built.catch(() => this.#programs.delete(name))
    return built
  }

  /** What a document starts after: the start token, or else the end of the document before it. */
  get startId(): number | undefined {
    return this.bosId ?? this.eosIds[0]
  }

  /**
   * Ids of a prompt, with the start token in front where the tokenizer's own template puts it there (as transformers does), or
   * where there would be nothing else.
   */
  encodePrompt(text: string): number[] {
    if (!this.tokenizer) {
      throw new InferError(
        'infer/prompt',
        `${this.dir || 'this model'} has no tokenizer; give the prompt as token ids`,
      )
    }
    const ids = [...this.tokenizer.encode(text)]
    const { startId } = this
    if (startId !== undefined && (ids.length === 0 || templateStart(this.tokenizer) === startId))
      return [startId, ...ids]
    return ids
  }

  /** Frees the compiled programs. */
  async dispose(): Promise<void> {
    const programs = [...this.#programs.values()]
    this.#programs.clear()
    await Promise.all(
      programs.map((program) =>
        program.then(
          (ready) => ready.dispose(),
          () => undefined,
        ),
      ),
    )
  }
}

const templateSchema = z.looseObject({
  type: z.literal('TemplateProcessing'),
  single: z.tuple([z.looseObject({ SpecialToken: z.looseObject({ id: z.string() }) })], z.unknown()),
})

/** The token that the tokenizer's post-processor puts in front of a text. */
function templateStart(tokenizer: Tokenizer): number | undefined {
  const processor = tokenizer.toJSON().post_processor
  const steps: unknown = processor?.type === 'Sequence' ? processor.processors : [processor]
  const template = Array.isArray(steps)
    ? steps.map((step) => templateSchema.safeParse(step).data).find(Boolean)
    : undefined
  return template && tokenizer.tokenToId(template.single[0].SpecialToken.id)
}
