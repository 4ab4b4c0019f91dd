/** One flag for every value of a recipe, so that whatever a preset or the depth derives can be overridden. */
import { type Command, Option } from 'commander'
import type { RecipeInput } from '../train/recipe.js'
import { decimal, integer, oneOf, seed, text } from './numbers.js'

interface RecipeFlag {
  readonly flag: string
  readonly help: string
  /** Absent for a switch, which also gets its --no- form. */
  readonly parse?: (value: string) => string | number
}

const size = integer({ min: 1 })
const count = integer({ min: 0 })
const fraction = decimal({ min: 0, max: 1 })
const beta = decimal({ min: 0, below: 1 })
const rate = decimal({ above: 0 })

/** The values that every run is asked for; they head the help. */
const mainFlags = {
  tokenizer: {
    flag: '--tokenizer <kind>',
    help: 'char, bpe:N (a vocabulary of N), or a folder with tokenizer.json',
    parse: text,
  },
  steps: { flag: '--steps <n>', help: 'optimizer steps', parse: size },
  seed: { flag: '--seed <n>', help: 'decides everything random', parse: seed },
  checkpointEvery: { flag: '--checkpoint-every <n>', help: 'steps between checkpoints', parse: size },
} as const satisfies Partial<Record<keyof RecipeInput, RecipeFlag>>

const derivedFlags = {
  architecture: {
    flag: '--architecture <name>',
    help: 'gpt2, llama or athanor',
    parse: oneOf(['gpt2', 'llama', 'athanor']),
  },
  nLayer: { flag: '--layers <n>', help: 'transformer blocks', parse: size },
  nHead: { flag: '--heads <n>', help: 'attention heads', parse: size },
  nKvHead: { flag: '--kv-heads <n>', help: 'heads of keys and values', parse: size },
  width: { flag: '--width <n>', help: 'size of the residual stream', parse: size },
  contextLength: { flag: '--context-length <n>', help: 'tokens the model sees at once', parse: size },
  bias: { flag: '--bias', help: 'biases in linear layers and norms; or --no-bias' },
  tied: { flag: '--tied', help: 'one matrix for embedding and output; or --no-tied' },
  dropout: {
    flag: '--dropout <p>',
    help: 'part of the activations dropped',
    parse: decimal({ min: 0, max: 0.9 }),
  },
  batchSize: { flag: '--batch-size <n>', help: 'sequences in one pass', parse: size },
  accumulation: { flag: '--accumulation <n>', help: 'passes averaged for one step', parse: size },
  optimizer: { flag: '--optimizer <name>', help: 'adamw or muon', parse: oneOf(['adamw', 'muon']) },
  learningRate: { flag: '--learning-rate <x>', help: 'peak rate of AdamW', parse: rate },
  muonLearningRate: { flag: '--muon-learning-rate <x>', help: "peak rate of Muon's matrices", parse: rate },
  schedule: {
    flag: '--schedule <name>',
    help: 'cosine, linear, wsd or constant',
    parse: oneOf(['cosine', 'linear', 'wsd', 'constant']),
  },
  warmup: { flag: '--warmup <n>', help: 'steps over which the rate rises', parse: count },
  lrFloor: { flag: '--lr-floor <x>', help: 'last rate as a part of the peak', parse: fraction },
  decayFraction: {
    flag: '--decay-fraction <x>',
    help: 'wsd: part of the steps that decays',
    parse: fraction,
  },
  beta1: { flag: '--beta1 <x>', help: 'AdamW: decay of the mean', parse: beta },
  beta2: { flag: '--beta2 <x>', help: 'AdamW: decay of the square', parse: beta },
  epsilon: { flag: '--epsilon <x>', help: 'AdamW: added to the root of the square', parse: rate },
  weightDecay: { flag: '--weight-decay <x>', help: 'decoupled weight decay', parse: decimal({ min: 0 }) },
  gradClip: {
    flag: '--grad-clip <x>',
    help: 'largest norm of the gradient; 0 for none',
    parse: decimal({ min: 0 }),
  },
  heldOut: {
    flag: '--held-out <kind>',
    help: 'auto, documents, or tail of the text',
    parse: oneOf(['auto', 'documents', 'tail']),
  },
  heldOutFraction: {
    flag: '--held-out-fraction <x>',
    help: 'part kept to measure on',
    parse: decimal({ above: 0, max: 0.5 }),
  },
  order: {
    flag: '--order <kind>',
    help: 'random windows, or each once an epoch: shuffle',
    parse: oneOf(['random', 'shuffle']),
  },
  evalEvery: { flag: '--eval-every <n>', help: 'steps between measurements; 0: at the end', parse: count },
  evalTokens: { flag: '--eval-tokens <n>', help: 'held-out tokens of one in between', parse: size },
  logEvery: { flag: '--log-every <n>', help: 'steps between lines of metrics.jsonl', parse: size },
  sampleEvery: {
    flag: '--sample-every <n>',
    help: 'steps between samples; 0: none in between',
    parse: count,
  },
} as const satisfies Partial<Record<keyof RecipeInput, RecipeFlag>>

/** Every value of a recipe that has a flag. */
export const recipeFlags: Readonly<Partial<Record<keyof RecipeInput, RecipeFlag>>> = {
  ...mainFlags,
  ...derivedFlags,
}

/** Adds the flags that every run is asked for. */
export const addMainFlags = (command: Command): Command => addFlags(command, mainFlags)

/** Adds the flags for what a preset or the depth derives, under a heading of their own. */
export const addDerivedFlags = (command: Command): Command =>
  addFlags(command, derivedFlags, 'Overrides of what the preset or the depth sets:')

function addFlags(command: Command, flags: Readonly<Record<string, RecipeFlag>>, heading?: string): Command {
  for (const { flag, help, parse } of Object.values(flags)) {
    const option = new Option(flag, help)
    if (heading !== undefined) option.helpGroup(heading)
    if (parse) option.argParser(parse)
    command.addOption(option)
    if (!parse) command.addOption(new Option(flag.replace('--', '--no-')).hideHelp())
  }
  return command
}

/** The values of a recipe that the user gave, out of all options of a command. */
export function recipeOverrides(options: Readonly<Record<string, unknown>>): Partial<RecipeInput> {
  const given = Object.entries(recipeFlags).flatMap(([key, { flag }]) => {
    const value = options[attributeName(flag)]
    return value === undefined ? [] : [[key, value] as const]
  })
  return Object.fromEntries(given)
}

function attributeName(flag: string): string {
  return new Option(flag).attributeName()
}
