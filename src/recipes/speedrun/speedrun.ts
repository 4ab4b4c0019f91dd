/**
 * The whole road in one run: from raw text to an assistant, and a report card that shows what each stage gave.
 *
 *     facts and text -> pretraining -> demonstrations (SFT) -> rankings -> reward model -> PPO -> report
 *
 * The demonstration answers questions about the countries of the World Factbook. Its writers and labelers are simulated by
 * rules (see `recipes/assistant`); for people's data, put their files in the place of those that `data` writes.
 */
import { appendFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { makeDirectory } from '../../atomic.js'
import { findLatestCheckpoint } from '../../hub/index.js'
import { type LanguageModel, loadModel } from '../../infer/index.js'
import {
  type OnEvent,
  type PpoOptions,
  type PretrainOptions,
  type PretrainResult,
  ppo,
  pretrain,
  resumePretrain,
  reward,
  sft,
  withChatTokens,
} from '../../train/index.js'
import { type DataCard, judge, writeAssistantData } from '../assistant/index.js'
import { RecipeError } from '../errors.js'
import { type Journal, openJournal } from './journal.js'
import { answerSuites, readSuites, type StageAnswers } from './measure.js'
import { ABLATIONS, findSpeedrunPreset, type SpeedrunPlan, type SpeedrunPreset } from './presets.js'
import { collectRankings } from './rankings.js'
import { type SpeedrunExam, writeSpeedrunReport } from './report.js'

export interface SpeedrunOptions {
  readonly out: string
  /** 'tiny' (default), 'small' or 'base'; or sizes of one's own, to be given again when the run is resumed. */
  readonly preset?: string | SpeedrunPreset
  /** Text of one's own, added to the pretraining text: files or folders. */
  readonly corpus?: readonly string[]
  readonly seed?: number
  /** PPO again with its details changed, for a table of what they are for. Default: as the preset says. */
  readonly ablations?: boolean
  /** A model at least five times as large with demonstrations only, to compare with. Default: no. */
  readonly larger?: boolean
  /** 'never' (default), 'must' or 'auto'; an interrupted run goes on where it was. */
  readonly resume?: 'never' | 'auto' | 'must'
  readonly threads?: number
  readonly signal?: AbortSignal
  readonly onEvent?: OnEvent
}

export interface SpeedrunResult {
  readonly dir: string
  /** The assistant: a model folder. */
  readonly model: string | undefined
  readonly report: { readonly markdown: string; readonly html: string; readonly json: string } | undefined
  /** What the report says first; undefined where the run was stopped. */
  readonly exam: SpeedrunExam | undefined
  /** False when the signal stopped it; it can be resumed. */
  readonly finished: boolean
  readonly seconds: number
}

/**
 * Runs, or goes on with, a speedrun. Where the signal stops it, the result says so and everything done is kept.
 * @throws RecipeError, TrainError, DataError, RunError, StorageError
 */
export async function speedrun(options: SpeedrunOptions): Promise<SpeedrunResult> {
  const dir = resolve(options.out)
  const journal = await openJournal(dir, planOf(options), options.resume ?? 'never')
  try {
    return { ...(await run(dir, journal, options)), finished: true }
  } catch (error) {
    if (!options.signal?.aborted) throw error
    return {
      dir,
      model: undefined,
      report: undefined,
      exam: undefined,
      finished: false,
      seconds: secondsOf(journal),
    }
  }
}

async function run(dir: string, journal: Journal, options: SpeedrunOptions) {
  const { signal, onEvent = () => {} } = options
  const { plan } = journal
  const { seed } = plan
  const preset = typeof options.preset === 'object' ? options.preset : findSpeedrunPreset(plan.preset)
  const at = (...parts: string[]) => join(dir, ...parts)
  const machine = options.threads === undefined ? {} : { threads: options.threads }
  const live = { ...machine, ...(signal ? { signal } : {}), onEvent }
  const stage = { ...live, resume: 'auto' as const }
  const part = <T>(name: string, title: string, work: () => Promise<T>) =>
    journal.once(name, () => {
      signal?.throwIfAborted()
      onEvent({ type: 'message', text: title, part: name })
      return work()
    })

  const card = await part('data', '1/6 facts, texts, dialogues', async (): Promise<DataCard> => {
    const { card } = await writeAssistantData(at('data'), {
      ...preset.data,
      seed,
      ...(signal ? { signal } : {}),
    })
    return card
  })

  await part('base', '2/6 pretraining: the model learns to read', () =>
    pretrainOnce({
      ...live,
      out: at('base'),
      data: [at('data', 'pretrain.jsonl'), ...plan.corpus],
      overrides: { ...preset.pretrain, seed },
    }),
  )

  const tune = async (out: string, model: string) => {
    complete(
      await sft({
        ...stage,
        out: at(out),
        model: at(model),
        data: [at('data', 'sft.jsonl')],
        heldOut: [at('data', 'sft-heldout.jsonl')],
        overrides: { ...preset.sft, seed },
      }),
    )
  }
  await part('sft', '3/6 demonstrations: it learns to answer', () => tune('sft', 'base'))

  const rankings = await part('rankings', '4/6 rankings by simulated people', () =>
    withModel(at('sft'), live, (model) =>
      collectRankings(model, at('data', 'prompts-reward.jsonl'), at('rankings.jsonl'), {
        ...preset.rankings,
        agreement: 0.73,
        labelers: 8,
        maxTokens: preset.ppo.maxTokens,
        seed,
        ...progressOf(onEvent, 'answering', signal),
      }),
    ),
  )

  await part('reward', 'the reward model learns what people prefer', async () =>
    complete(
      await reward({
        ...stage,
        out: at('reward'),
        model: at('sft'),
        data: [at('rankings.jsonl')],
        demonstrations: [at('data', 'sft-heldout.jsonl')],
        overrides: { ...preset.reward, seed },
      }),
    ),
  )

  const align = async (out: string, overrides: PpoOptions['overrides']) => {
    const { metrics } = complete(
      await ppo({
        ...stage,
        out: at(out),
        model: at('sft'),
        rewardModel: at('reward'),
        data: [at('data', 'prompts-ppo.jsonl')],
        // InstructGPT mixes pretraining text in; demonstrations hold the facts in the form in which they are asked.
        ptxDialogues: [at('data', 'sft.jsonl')],
        overrides: { ...preset.ppo, seed, ...overrides },
        onRollout: goldRecorder(at(`${out}-gold.jsonl`)),
      }),
    )
    return { kl: metrics['objective/kl']! }
  }
  const { kl } = await part('ppo', '5/6 PPO: it learns to be preferred', () => align('ppo', {}))

  const ablations: Record<string, { readonly kl: number }> = {}
  for (const { name, overrides } of plan.ablations ? ABLATIONS : []) {
    const out = `ablation-${name}`
    ablations[name] = await part(out, `PPO again: ${name}`, () => align(out, overrides(preset.ppo)))
  }
  if (plan.larger) {
    await part('larger-base', 'a larger model learns to read', () =>
      pretrainOnce({
        ...live,
        out: at('larger-base'),
        data: [at('data', 'pretrain.jsonl'), ...plan.corpus],
        overrides: { ...preset.larger, seed },
      }),
    )
    await part('larger-sft', 'and to answer', () => tune('larger-sft', 'larger-base'))
  }

  const suites = await readSuites(at('data', 'eval'))
  await makeDirectory(at('answers'))
  const answers: Record<string, StageAnswers> = {}
  const examined = ['base', 'sft', 'ppo', ...Object.keys(ablations).map((name) => `ablation-${name}`)]
  for (const name of plan.larger ? [...examined, 'larger-sft'] : examined) {
    answers[name] = await part(`answers ${name}`, `6/6 the exam: ${name}`, () =>
      withModel(at(name), live, (model) =>
        answerSuites(model, suites, at('answers', `${name}.jsonl`), {
          style: name === 'base' ? 'plain' : 'chat',
          maxTokens: preset.ppo.maxTokens,
          seed,
          ...progressOf(onEvent, `answering the exam (${name})`, signal),
        }),
      ),
    )
  }
  const { files: report, exam } = await writeSpeedrunReport(dir, {
    plan,
    card,
    suites,
    answers,
    rankings,
    klAtEnd: kl,
    ablations,
    times: journal.times,
    ...machine,
  })
  return { dir, model: at('ppo'), report, exam, seconds: secondsOf(journal) }
}

/** What the run is asked to be, and whether the user named any of it. */
function planOf({ preset, corpus, seed, ablations, larger }: SpeedrunOptions): {
  plan: SpeedrunPlan
  named: boolean
} {
  const sizes = typeof preset === 'object' ? preset : findSpeedrunPreset(preset ?? 'tiny')
  const plan = {
    preset: sizes.name,
    corpus: (corpus ?? []).map((path) => resolve(path)),
    seed: seed ?? 1,
    ablations: ablations ?? sizes.ablations,
    larger: larger ?? false,
  }
  return { plan, named: [preset, corpus, seed].some((given) => given !== undefined) }
}

function secondsOf({ times }: Journal): number {
  return Object.values(times).reduce((sum, { seconds }) => sum + seconds, 0)
}

/** Pretraining, begun or gone on with. */
async function pretrainOnce(options: PretrainOptions): Promise<PretrainResult> {
  const { latest } = await findLatestCheckpoint(options.out)
  return complete(latest ? await resumePretrain(options.out, options) : await pretrain(options))
}

/** A stage's result, where the stage came to its end. */
function complete<R extends { readonly finished: boolean; readonly dir: string }>(result: R): R {
  if (result.finished) return result
  throw new RecipeError('recipe/stopped', `${result.dir} was stopped; go on with --resume`)
}

async function withModel<T>(
  dir: string,
  { threads, signal }: { readonly threads?: number; readonly signal?: AbortSignal },
  work: (model: LanguageModel) => Promise<T>,
): Promise<T> {
  const model = withChatTokens(
    await loadModel(dir, { ...(threads === undefined ? {} : { threads }), ...(signal ? { signal } : {}) }),
  )
  try {
    return await work(model)
  } finally {
    await model.dispose()
  }
}

function progressOf(onEvent: OnEvent, label: string, signal: AbortSignal | undefined) {
  return {
    signal,
    onProgress: (done: number, total: number) =>
      onEvent({ type: 'progress', label, done, total, unit: 'answers' }),
  }
}

/** Notes at every step of PPO what the reward model and what the gold judge say of the same answers. PPO never sees the latter. */
function goldRecorder(path: string): NonNullable<PpoOptions['onRollout']> {
  return async ({ step, prompts, answers, scores, kl }) => {
    const gold = prompts.map((prompt, i) => judge(prompt, answers[i]!).score)
    const mean = (values: ArrayLike<number>) =>
      Array.from(values).reduce((sum, value) => sum + value, 0) / values.length
    await appendFile(
      path,
      `${JSON.stringify({ step, kl, proxy: mean(scores), gold: mean(gold), n: gold.length })}\n`,
    )
  }
}
