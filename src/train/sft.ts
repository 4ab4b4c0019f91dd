/**
 * Supervised fine-tuning: a language model learns to answer, from demonstrations (Ouyang et al. 2022, section 3.5).
 *
 * Only what the assistant wrote is learnt. Dialogues are packed into rows of the context's length; those in one row cannot
 * see each other and each counts its positions from 0, so a packed example trains exactly as one alone.
 */
import type { z } from 'zod'
import { gptLoss } from '../models/index.js'
import { prepareRows } from './dialogue-rows.js'
import { type DialogueObjective, type LearntDialogues, learnDialogues } from './dialogue-training.js'
import { TrainError } from './errors.js'
import { type SftRecipe, sftSchema } from './sft-recipe.js'
import { openStage, type StageOptions } from './stage.js'

export interface SftOptions extends StageOptions {
  /** Files of dialogues; see `readDialogues`. Needed unless a run is resumed. */
  readonly data?: readonly string[]
  /** Dialogues to measure on. Default: a part of the data. */
  readonly heldOut?: readonly string[]
  readonly overrides?: z.input<typeof sftSchema>
}

export type SftResult = LearntDialogues

/** @throws TrainError, DataError, TokenizerError, RunError, StorageError */
export async function sft(options: SftOptions): Promise<SftResult> {
  const { onEvent = () => {}, signal } = options
  const stage = await openStage<SftRecipe>(
    {
      stage: 'sft',
      schema: sftSchema,
      overrides: options.overrides,
      inputs: { data: options.data, heldOut: options.heldOut },
    },
    options,
  )
  try {
    const { recipe, chat, config, inputs } = stage
    if (!inputs.data?.length) throw new TrainError('recipe', 'sft needs dialogues; give a file of them')
    const contextLength = recipe.contextLength ?? config.contextLength
    const { data, heldOut } = inputs
    const rows = await prepareRows({ data, heldOut, chat, contextLength, recipe, onEvent, signal })
    return await learnDialogues(stage, rows, nextTokens, options)
  } finally {
    await stage.model.dispose()
    await stage.close()
  }
}

/** Each token of the assistant, given those before it. */
export const nextTokens: DialogueObjective = {
  loss: (config, params, { ids, targets, ...rows }, { dropoutKey }) => ({
    loss: gptLoss(config, params, ids, targets, { ...rows, ...(dropoutKey ? { dropoutKey } : {}) }),
  }),
}
