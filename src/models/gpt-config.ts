/** The shape of a decoder. One configuration spans GPT-2, GPT-3, Llama, Qwen, PaLM and nanochat. */
import { z } from 'zod'
import { AthanorError } from '../errors.js'

/** A model's configuration or weights do not make a model that Athanor can build. */
export class ModelError extends AthanorError {
  constructor(code: 'config' | 'weights' | 'unsupported', message: string) {
    super(`model/${code}`, message)
  }
}

const size = z.number().int().positive()

export const gptConfigSchema = z
  .strictObject({
    vocabSize: size,
    /** Longest sequence the positions are made for. */
    contextLength: size,
    nLayer: size,
    nHead: size,
    /** Heads of keys and values: nHead for multi-head, 1 for multi-query, between for grouped attention. */
    nKvHead: size,
    width: size,
    headDim: size,
    mlpWidth: size,
    positions: z.enum(['learned', 'rotary', 'none']).default('rotary'),
    ropeTheta: z.number().positive().default(10000),
    norm: z.enum(['layerNorm', 'rmsNorm']).default('rmsNorm'),
    normEpsilon: z.number().positive().default(1e-6),
    /** Whether norms have a learned weight. */
    normWeight: z.boolean().default(true),
    /** Whether linear layers and LayerNorms have biases. */
    bias: z.boolean().default(false),
    /** Biases on the query, key and value projections only (Qwen 2). */
    qkvBias: z.boolean().default(false),
    activation: z.enum(['gelu', 'geluTanh', 'relu', 'reluSquared', 'silu']).default('reluSquared'),
    /** A gate multiplies the activation: SwiGLU with silu, GEGLU with gelu. */
    gated: z.boolean().default(false),
    /** Normalise each head's queries and keys. */
    qkNorm: z.boolean().default(false),
    /** Attention and MLP read the same input and are added together (GPT-J, PaLM). */
    parallel: z.boolean().default(false),
    /** The output matrix is the embedding. */
    tied: z.boolean().default(true),
    /** Normalise the embeddings before the first block (nanochat). */
    embeddingNorm: z.boolean().default(false),
    logitSoftCap: z.number().positive().optional(),
    /** Positions each position sees, itself included; all when absent. */
    window: size.optional(),
    dropout: z.number().min(0).max(0.99).default(0),
  })
  .refine((c) => c.nHead % c.nKvHead === 0, { message: 'nKvHead must divide nHead', path: ['nKvHead'] })
  .refine((c) => c.positions !== 'rotary' || c.headDim % 2 === 0, {
    message: 'rotary positions need an even headDim',
    path: ['headDim'],
  })

export type GptConfig = z.output<typeof gptConfigSchema>
export type GptConfigInput = z.input<typeof gptConfigSchema>

/** Checks a configuration and fills in the defaults. @throws ModelError naming each wrong field. */
export function gptConfig(input: unknown, source = 'the configuration'): GptConfig {
  const parsed = gptConfigSchema.safeParse(input)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`)
  throw new ModelError('config', `${source} does not describe a decoder: ${problems.join('; ')}`)
}

/** The sizes that every architecture needs; the rest follows from them. */
export interface DecoderShape {
  readonly vocabSize: number
  readonly contextLength: number
  readonly nLayer: number
  readonly nHead: number
  readonly width: number
}

/** GPT-2's architecture (Radford et al. 2019), also GPT-3's at other sizes. */
export function gpt2Config(shape: DecoderShape & { dropout?: number; bias?: boolean }): GptConfig {
  return gptConfig({
    ...shape,
    nKvHead: shape.nHead,
    headDim: shape.width / shape.nHead,
    mlpWidth: 4 * shape.width,
    positions: 'learned',
    norm: 'layerNorm',
    normEpsilon: 1e-5,
    bias: shape.bias ?? true,
    activation: 'geluTanh',
  })
}

/** Llama's (Touvron et al. 2023): rotary positions, RMSNorm, a gated MLP of 8/3 the width, no biases. */
export function llamaConfig(shape: DecoderShape & { nKvHead?: number; tied?: boolean }): GptConfig {
  return gptConfig({
    nKvHead: shape.nHead,
    ...shape,
    headDim: shape.width / shape.nHead,
    // To a multiple of 32, which quantized blocks want.
    mlpWidth: 32 * Math.ceil((8 * shape.width) / 3 / 32),
    normEpsilon: 1e-5,
    activation: 'silu',
    gated: true,
  })
}

/** Athanor's own: rotary positions, RMSNorm without weights, normalised queries and keys, squared ReLU, no biases. */
export function athanorConfig(
  shape: DecoderShape & { nKvHead?: number; tied?: boolean; logitSoftCap?: number },
): GptConfig {
  return gptConfig({
    nKvHead: shape.nHead,
    ...shape,
    headDim: shape.width / shape.nHead,
    mlpWidth: 4 * shape.width,
    normWeight: false,
    qkNorm: true,
    embeddingNorm: true,
  })
}
