/**
 * What is measured: pretraining of three sizes of GPT, each in GPT-2's architecture (as nanoGPT trains it) and in Athanor's own, and
 * the updates of the stages after it.
 */
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
  /** The tiny speedrun's. */
  assistant: { nLayer: 4, nHead: 4, width: 192, contextLength: 256, batchSize: 8, vocabSize: 2048 },
} as const satisfies Record<string, Shape>

export const caseNames = [
  'small',
  'middle',
  'large',
  'smallAthanor',
  'middleAthanor',
  'largeAthanor',
  'sft',
  'reward',
  'ppoLearning',
] as const

export type CaseName = (typeof caseNames)[number]

/** The models that generate. */
export const generationNames = ['small', 'middle', 'large'] as const satisfies readonly CaseName[]

/** What is learnt: text, the assistant's part of packed dialogues, comparisons of answers, or a round of PPO's answers. */
export type Task = 'pretrain' | 'sft' | 'reward' | 'ppo'

export interface Case extends Shape {
  readonly name: CaseName
  readonly task: Task
  /** 'gpt2': learned positions, LayerNorm, erf GELU. 'athanor': rotary, RMSNorm, QK norm, squared ReLU. Both tied, no biases. */
  readonly architecture: 'gpt2' | 'athanor'
}

export function caseOf(name: CaseName): Case {
  if (name === 'sft' || name === 'reward' || name === 'ppoLearning') {
    const task = name === 'ppoLearning' ? 'ppo' : name
    return { name, task, architecture: 'athanor', ...shapes.assistant }
  }
  const size = name.replace('Athanor', '') as keyof typeof shapes
  return { name, task: 'pretrain', architecture: name === size ? 'gpt2' : 'athanor', ...shapes[size] }
}

export interface Learning {
  readonly learningRate: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  readonly gradClip: number
}

const nanogpt: Learning = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  gradClip: 1,
}

/** AdamW's settings, the same for PyTorch: nanoGPT's and those that the stages have by default, at a constant rate. */
export const learning: Readonly<Record<Task, Learning>> = {
  pretrain: nanogpt,
  sft: { ...nanogpt, weightDecay: 0 },
  reward: { ...nanogpt, learningRate: 3e-4, epsilon: 1e-5, weightDecay: 0.01 },
  ppo: { ...nanogpt, learningRate: 1e-5, beta2: 0.999, epsilon: 1e-5, weightDecay: 0 },
}

/** Steps at the start whose losses are compared with PyTorch's ... */
export const PARITY_STEPS = 3
/** ... and how far they may differ. */
export const PARITY_TOLERANCE = 1e-4

export function recipeOf({ vocabSize: _, name: __, task, ...shape }: Case): RecipeInput {
  return { ...shape, ...learning[task], steps: 1_000_000, schedule: 'constant' }
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
