/** Small models in folders, for tests of whole stages. */
import { join } from 'node:path'
import { writeModelDirectory } from '../../../hub/index.js'
import {
  configToHf,
  gptConfig,
  initGpt,
  initRewardModel,
  rewardConfigToHf,
  rewardWeightsToHf,
  weightsToHf,
} from '../../../models/index.js'
import { Rng } from '../../../rng.js'
import { CHATML_TOKENS, trainCharTokenizer, withSpecialTokens } from '../../../text/index.js'

export interface ModelFolders {
  readonly model: string
  readonly rewardModel: string
}

/** Writes a random policy and a random reward model of the same characters. */
export async function writeModels(dir: string): Promise<ModelFolders> {
  const tokenizer = withSpecialTokens(trainCharTokenizer(['abcdefghijklmnopqrstuvwxyz \n?']), CHATML_TOKENS)
  const config = gptConfig({
    vocabSize: tokenizer.vocabSize + 3,
    contextLength: 64,
    nLayer: 1,
    nHead: 2,
    nKvHead: 2,
    width: 16,
    headDim: 8,
    mlpWidth: 32,
  })
  const params = initGpt(config, Rng.seed(5))
  const content = { tokenizer: { json: JSON.stringify(tokenizer.toJSON()) } }
  const [model, rewardModel] = [join(dir, 'policy'), join(dir, 'reward')]
  await writeModelDirectory(model, {
    ...content,
    config: configToHf(config),
    tensors: weightsToHf(config, params),
  })
  const scorer = initRewardModel(config, initGpt(config, Rng.seed(6)), Rng.seed(7))
  await writeModelDirectory(rewardModel, {
    ...content,
    config: rewardConfigToHf(scorer.config),
    tensors: rewardWeightsToHf(scorer.config, scorer.params),
  })
  return { model, rewardModel }
}
