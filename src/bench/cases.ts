/** What is measured: three sizes of GPT, each in GPT-2's architecture (as nanoGPT trains it) and in Athanor's own. */
import type { GptConfig } from '../models/index.js'
import type { RecipeInput } from '../train/index.js'

export interface Shape {
  readonly nLayer: number
  readonly nHead: number
  readonly width: number
  readonly contextLength: number
  readonly batchSize: number
  readonly vocabSize: number
}

const shapes = {
  /** nanoGPT's settings for a CPU. */
  small: { nLayer: 4, nHead: 4, width: 128, contextLength: 64, batchSize: 12, vocabSize: 65 },
  middle: { nLayer: 6, nHead: 6, width: 384, contextLength: 256, batchSize: 8, vocabSize: 4096 },
  large: { nLayer: 12, nHead: 12, width: 768, contextLength: 256, batchSize: 2, vocabSize: 16384 },
} as const satisfies Record<string, Shape>

export const caseNames = [
  'small',
  'middle',
  'large',
  'smallAthanor',
  'middleAthanor',
  'largeAthanor',
] as const

export type CaseName = (typeof caseNames)[number]

/** The models that generate. */
export const generationNames = ['small', 'middle', 'large'] as const satisfies readonly CaseName[]

export interface Case extends Shape {
  readonly name: CaseName
  /** 'gpt2': learned positions, LayerNorm, erf GELU. 'athanor': rotary, RMSNorm, QK norm, squared ReLU. Both tied, no biases. */
  readonly architecture: 'gpt2' | 'athanor'
}

export function caseOf(name: CaseName): Case {
  const size = name.replace('Athanor', '') as keyof typeof shapes
  return { name, architecture: name === size ? 'gpt2' : 'athanor', ...shapes[size] }
}

/** The optimizer's settings, the same for PyTorch: nanoGPT's, at a constant rate. */
export const learning = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.95,
  weightDecay: 0.1,
  gradClip: 1,
} as const

/** Steps at the start whose losses are compared with PyTorch's ... */
export const PARITY_STEPS = 3
/** ... and how far they may differ. */
export const PARITY_TOLERANCE = 1e-4

export function recipeOf({ vocabSize: _, name: __, ...shape }: Case): RecipeInput {
  return { ...shape, ...learning, steps: 1_000_000, schedule: 'constant' }
}

/** Parameters that multiply: all but the table of positions, which is only looked up. A tied head counts once. */
export function multiplyingParameters(
  params: Readonly<Record<string, { readonly shape: readonly number[] }>>,
) {
  return Object.entries(params)
    .filter(([name]) => name !== 'model.embed_positions.weight')
    .reduce((total, [, { shape }]) => total + shape.reduce((product, size) => product * size, 1), 0)
}

/**
 * Floating-point operations of one training step, forward and backward: 6 N D for the weights and 12 L C T D for attention
 * (Kaplan et al. 2020; Chowdhery et al. 2022, appendix B), over D tokens. The causal half of attention counts in full.
 */
export function stepFlops(parameters: number, { nLayer, width, contextLength }: GptConfig, tokens: number) {
  return (6 * parameters + 12 * nLayer * width * contextLength) * tokens
}
