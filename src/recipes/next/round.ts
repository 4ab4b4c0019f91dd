/**
 * The loop that learns from people: what they said since the last round makes the next version, and the next version answers them
 * only where it is better.
 *
 *     feedback -> cleaned, weighed -> comparisons, demonstrations -> SFT -> reward model -> PPO -> candidate
 *     candidate against live version, on questions kept from training and on the guards -> promoted, or kept with the reason
 *
 * Every part is done once and written down (`journal.json`): a round that was stopped, by whatever, goes on where it was.
 */
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { makeDirectory, writeFileAtomic } from '../../atomic.js'
import type { Estimate } from '../../eval/index.js'
import { loadRewardModel } from '../../infer/index.js'
import { Rng } from '../../rng.js'
import type { JsonObject, ModelVersion } from '../../store/index.js'
import type { ChatMessage } from '../../text/index.js'
import { ppo, type RewardResult, reward, sft } from '../../train/index.js'
import { answerPrompts } from '../speedrun/answers.js'
import { type Cleaned, scrubVotes } from './clean.js'
import { checkGuards, decide } from './decide.js'
import { type GatheredCounts, gather, preferenceLines, type Shortage, shortages, voteOf } from './gather.js'
import { openRoundJournal, type RoundJournal } from './journal.js'
import {
  earlierRounds,
  findRound,
  finishRound,
  liveVersion,
  refuseOthers,
  unusedFeedback,
  usualReplay,
  versionOfFiles,
} from './ledger.js'
import {
  byScores,
  type Examined,
  examine,
  leaning,
  likelihoods,
  margins,
  preference,
  rewardScores,
  standardized,
} from './measure.js'
import type { NextRoundOptions, RoundOutcome } from './options.js'
import { rehearse } from './rehearsal.js'
import {
  exists,
  findReplay,
  type Replay,
  replayPrompts,
  replayRankings,
  replaySuites,
  splitText,
} from './replay.js'
import { type RoundReport, roundMarkdown } from './report.js'
import {
  findRoundPreset,
  parseSettings,
  type RoundPreset,
  type RoundSettings,
  withSettings,
} from './settings.js'
import { distinctPrompts, type Vote } from './votes.js'
import { complete, openWorkshop, withModel } from './workshop.js'

/** What there is to learn from, without learning from it: nothing is written, to the store or elsewhere. */
export async function previewRound({
  store,
  model,
  settings,
}: Pick<NextRoundOptions, 'store' | 'model' | 'settings'>): Promise<{
  counts: GatheredCounts
  missing: readonly Shortage[]
  needed: RoundSettings['minimum']
}> {
  const parsed = parseSettings(settings)
  const gathered = gather((await unusedFeedback(store, model)).map(voteOf), parsed)
  return {
    counts: gathered.counts,
    missing: shortages(gathered, parsed.minimum, parsed.heldOut),
    needed: parsed.minimum,
  }
}

/**
 * Runs a round, or goes on with it.
 * @throws RecipeError, StoreError, TrainError, DataError, RunError, StorageError
 */
export async function nextRound(options: NextRoundOptions): Promise<RoundOutcome> {
  const dir = resolve(options.out)
  const settings = parseSettings(options.settings)
  const chosen =
    typeof options.preset === 'object' ? options.preset : findRoundPreset(options.preset ?? 'tiny')
  const preset = withSettings(chosen, settings)
  const live = await liveVersion(options)
  const from = options.replay ?? (await usualReplay(options.store, live.model))
  const replay = from === undefined ? undefined : await findReplay(from)
  const known = await findRound(options.store, live.model, dir)
  const isOver = known?.state === 'promoted' || known?.state === 'rejected'
  if (!isOver) await refuseOthers(options, live.model, dir)
  if (!isOver && !(await exists(join(dir, 'journal.json')))) {
    // Before anything is written: is it worth it?
    const feedback = await unusedFeedback(options.store, live.model)
    const gathered = gather(feedback.map(voteOf), settings)
    const missing = shortages(gathered, settings.minimum, settings.heldOut)
    if (missing.length > 0) return { outcome: 'too-little', counts: gathered.counts, missing }
  }
  const journal = await openRoundJournal(dir, {
    model: live.model,
    preset: preset.name,
    replay: replay?.dir ?? null,
    settings,
  })
  // One that was given up, or had too little to learn from then.
  if (known && !isOver && known.state !== 'running')
    await options.store.rounds.update(known.id, { state: 'running', error: null, ended: null })
  try {
    return await run({ ...options, dir, settings, preset, replay }, journal, live)
  } catch (error) {
    if (options.signal?.aborted) return { outcome: 'stopped', dir }
    const round = await findRound(options.store, live.model, dir)
    if (round)
      await options.store.rounds.update(round.id, {
        error: error instanceof Error ? error.message : String(error),
      })
    throw error
  }
}

interface Plan extends Omit<NextRoundOptions, 'settings' | 'preset' | 'replay'> {
  readonly dir: string
  readonly settings: RoundSettings
  readonly preset: RoundPreset
  readonly replay: Replay | undefined
}

async function run(plan: Plan, journal: RoundJournal, liveNow: ModelVersion): Promise<RoundOutcome> {
  const { store, dir, settings, preset, signal } = plan
  const { seed, level } = settings
  const replay: Partial<Replay> = plan.replay ?? {}
  const root = Rng.seed(seed).fork('round')
  const workshop = openWorkshop(plan, journal)
  const { at, machine, stage, part, stored, progress, using, write } = workshop
  await makeDirectory(at('data'))

  // ---- what people said ----
  const live = await part('live', '', async () => liveNow)
  const round = await part('round', '', async () => {
    const before = await findRound(store, live.model, dir)
    return (
      before ??
      store.rounds.create({
        model: live.model,
        from: live.version,
        result: { dir, ...(plan.replay ? { replay: plan.replay.dir } : {}) },
        ...(plan.user ? { user: plan.user } : {}),
      })
    )
  })
  // From here on the round's feedback is what it is, whatever else people say meanwhile.
  const { votes, scrubbed } = await stored<Pick<Cleaned, 'votes' | 'scrubbed'>>(
    'votes',
    '1/6 what people said',
    // No personal data is written down anywhere.
    async () => scrubVotes((await unusedFeedback(store, live.model)).map(voteOf)),
  )
  const lonely = gather(votes, settings).lonely
  const fresh = await stored<string[][]>(
    'fresh',
    lonely.length === 0 ? '' : 'fresh answers beside single thumbs',
    async () =>
      lonely.length === 0
        ? []
        : using(live.dir, (model) =>
            answerPrompts(model, promptsOf(lonely), {
              samples: preset.freshAnswers,
              temperature: 1,
              maxTokens: preset.maxTokens,
              seed: root.fork('fresh').uint32(),
              ...progress('answering beside thumbs'),
            }),
          ),
  )
  const earlier = await part('earlier', '', () => earlierRounds(store, live.model, round.id))
  const lastReward = earlier.reward ?? replay.reward
  // What the last reward model thinks of the answers helps to tell who can be believed.
  const known = await stored<Record<string, number>>('known', '', async () => {
    if (lastReward === undefined || votes.length === 0) return {}
    const beside = lonely.map(({ prompt }, i) => ({ prompt, answers: fresh[i] ?? [] }))
    return withModel(
      () => loadRewardModel(lastReward, machine),
      (model) => rewardScores(model, [...votes, ...beside], { signal }),
    )
  })
  const weighed = gather(votes, settings, { fresh, known: standardized(known) })
  const gathered = { ...weighed, counts: { ...weighed.counts, scrubbed } }
  const missing = shortages(gathered, settings.minimum, settings.heldOut)
  if (missing.length > 0) {
    // Thumbs whose fresh neighbours were the same answer again: the feedback is left for another time.
    await store.rounds.update(round.id, {
      state: 'too-little',
      counts: gathered.counts as unknown as JsonObject,
      ended: Date.now(),
    })
    await rm(at('journal.json'))
    return { outcome: 'too-little', counts: gathered.counts, missing }
  }

  // ---- data ----
  const data = await part('data', '2/6 data: this round’s, and earlier ones again', async () => {
    const rankings = await replayRankings(
      replay,
      Math.round(preset.replay.rankingsPerComparison * gathered.train.length),
      root.fork('rankings'),
    )
    await write('preferences.jsonl', preferenceLines(gathered.train))
    await write('preferences-heldout.jsonl', preferenceLines(gathered.heldOut))
    await write(
      'replay-rankings.jsonl',
      rankings.map((ranking) => JSON.stringify(ranking)),
    )
    await write('corrections.jsonl', gathered.demonstrations.map(demonstrationLine))
    await write(
      'dropped.jsonl',
      gathered.drops.map((drop) => JSON.stringify(drop)),
    )
    const asked = distinctPrompts(gathered.train.map(({ prompt }) => prompt))
    const before = await replayPrompts(replay, preset.replay.prompts, root.fork('prompts'))
    const prompts = [
      ...asked.map((messages) => ({ messages })),
      ...before.map(({ messages }) => ({ messages })),
    ]
    await write(
      'prompts.jsonl',
      prompts.map((prompt) => JSON.stringify(prompt)),
    )
    return { rankings: rankings.length, prompts: prompts.length }
  })
  const corrections = gathered.demonstrations.length
  const again = await part('again', corrections === 0 ? '' : 'what it must not forget', async () => {
    if (corrections === 0) return { own: 0, demonstrated: 0 }
    const answers = await rehearse(workshop, {
      live: live.dir,
      lastReward,
      replay,
      asked: gathered.train.map(({ prompt }) => prompt),
      count: Math.round(preset.replay.answersPerCorrection * corrections),
      maxTokens: preset.maxTokens,
      rng: root.fork('again'),
    })
    await write('again.jsonl', answers.map(demonstrationLine))
    const demonstrated = answers.filter((each) => each.demonstrated).length
    return { own: answers.length - demonstrated, demonstrated }
  })
  // What SFT is mixed with, and what PPO must not unlearn.
  const mixed = [
    ...earlier.demonstrations,
    ...(again.own + again.demonstrated > 0 ? [at('data', 'again.jsonl')] : []),
  ]

  const text = replay.text === undefined ? undefined : await splitText(replay)
  const learntText = await part('text', '', async () => {
    if (text === undefined) return []
    await write(
      'text.jsonl',
      text.train.map((document) => JSON.stringify({ text: document })),
    )
    return [at('data', 'text.jsonl')]
  })

  // ---- training ----
  const preferences = [at('data', 'preferences.jsonl'), ...earlier.preferences]
  const kept = [at('data', 'preferences-heldout.jsonl'), ...earlier.heldOut]
  const demonstrations =
    replay.demonstrations === undefined ? {} : { demonstrations: [replay.demonstrations] }
  const start = corrections === 0 ? live.dir : at('sft')
  const learnt =
    corrections === 0
      ? undefined
      : await part('sft', '3/6 corrections: it learns what people wrote', async () => {
          const data = [
            ...Array.from({ length: preset.replay.correctionCopies }, () => at('data', 'corrections.jsonl')),
            ...mixed,
          ]
          const result = await sft({
            ...stage,
            out: at('sft'),
            model: live.dir,
            data,
            overrides: { ...preset.sft, seed },
          })
          return { steps: complete(result).step, loss: result.loss ?? 0 }
        })
  const preferred = await part('reward', '4/6 reward model: what people prefer', async () => {
    const before = data.rankings > 0 ? [at('data', 'replay-rankings.jsonl')] : []
    const result = complete(
      await reward({
        ...stage,
        ...demonstrations,
        out: at('reward'),
        model: lastReward ?? live.dir,
        data: [...preferences, ...before],
        overrides: { ...preset.reward, seed },
      }),
    )
    return { steps: result.step, accuracy: accuracyOf(result) ?? null }
  })
  const aligned = await part('ppo', '5/6 PPO: it learns to be preferred', async () => {
    const result = complete(
      await ppo({
        ...stage,
        out: at('policy'),
        model: start,
        rewardModel: at('reward'),
        data: [at('data', 'prompts.jsonl')],
        ...(learntText.length === 0 ? {} : { ptxText: learntText }),
        ...(corrections === 0 ? {} : { ptxDialogues: [at('data', 'corrections.jsonl'), ...mixed] }),
        overrides: {
          ...preset.ppo,
          ...(learntText.length === 0 && corrections === 0 ? { ptxCoefficient: 0 } : {}),
          maxTokens: preset.maxTokens,
          seed,
        },
      }),
    )
    const { metrics } = result
    return { steps: result.step, kl: metrics['objective/kl'] ?? 0, score: metrics['objective/scores'] ?? 0 }
  })

  // ---- is it better? ----
  const judged = await part('judge', '6/6 is it better? A judge of the votes that were kept', async () => {
    const result = complete(
      await reward({
        ...stage,
        ...demonstrations,
        out: at('judge'),
        model: lastReward ?? live.dir,
        data: kept,
        heldOut: [at('data', 'preferences.jsonl')],
        overrides: { ...preset.judge, seed: seed + 1 },
      }),
    )
    return { steps: result.step, accuracy: accuracyOf(result) ?? null }
  })
  const questions = distinctPrompts(gathered.heldOut.map(({ prompt }) => prompt))
  const suites = await replaySuites(replay)
  const texts = text?.heldOut ?? []
  const examination = (folder: string, label: string) =>
    using(folder, (model) =>
      examine(model, {
        prompts: questions,
        suites,
        texts,
        samples: settings.samples,
        maxTokens: preset.maxTokens,
        seed: root.fork('exam').uint32(),
        ...progress(`answering the exam (${label})`),
      }),
    )
  const examined = {
    live: await stored<Examined>('exam-live', 'the live version’s exam', () =>
      examination(live.dir, 'live version'),
    ),
    candidate: await stored<Examined>('exam-candidate', 'the candidate’s exam', () =>
      examination(at('policy'), 'candidate'),
    ),
  }
  const measured = await part('measure', '', async () => {
    const answered = questions.map((prompt, i) => ({
      prompt,
      answers: [...examined.live.drawn[i]!, ...examined.candidate.drawn[i]!],
    }))
    const scores = await withModel(
      () => loadRewardModel(at('judge'), machine),
      (judge) => rewardScores(judge, answered, { signal }),
    )
    const intervals = { seed, level }
    const drawn = answered.flatMap(({ prompt }, i) =>
      examined.candidate.drawn[i]!.filter((answer) => answer !== '').map((answer) => ({ prompt, answer })),
    )
    const weigh = (folder: string) =>
      using(folder, async (model) => ({
        margins: await margins(model, gathered.heldOut, { signal }),
        own: await likelihoods(model, drawn, { signal }),
      }))
    const [before, after] = [await weigh(live.dir), await weigh(at('policy'))]
    return {
      preference: await preference(
        questions,
        examined.candidate.drawn,
        examined.live.drawn,
        byScores(scores),
        intervals,
      ),
      leaning: leaning(gathered.heldOut, after.margins, before.margins, intervals),
      kl: mean(after.own.map((value, i) => value - before.own[i]!)),
    }
  })

  // ---- and what follows ----
  const first = earlier.guards ?? examined.live.guards
  const guards = checkGuards(examined.candidate.guards, examined.live.guards, first, settings.guards)
  const verdict = decide({ ...measured, guards, judgeAccuracy: judged.accuracy ?? undefined })
  const version = await part('version', '', () => (plan.versionOf ?? versionOfFiles)(at('policy')))
  const report: RoundReport = {
    round: round.id,
    model: live.model,
    from: live.version,
    to: version,
    promoted: verdict.promote,
    reasons: verdict.reasons,
    counts: gathered.counts,
    people: gathered.people.filter(({ weight }) => weight < 1).sort((a, b) => a.weight - b.weight),
    ...measured,
    judge: { comparisons: gathered.heldOut.length, accuracy: judged.accuracy ?? undefined },
    rewardAccuracy: preferred.accuracy ?? undefined,
    guards,
    stages: {
      ...(learnt ? { sft: learnt } : {}),
      reward: { steps: preferred.steps },
      ppo: aligned,
      judge: { steps: judged.steps },
    },
    data: {
      'comparisons of this round': gathered.train.length,
      'comparisons of earlier rounds': earlier.comparisons,
      'rankings of earlier training': data.rankings,
      corrections,
      'own answers of the live version': again.own,
      'earlier demonstrations': again.demonstrated,
      'prompts of this round and of earlier training': data.prompts,
    },
    settings,
    preset: preset.name,
    seconds: journal.seconds,
  }
  const finished = await part('finish', '', () => finishRound(plan, round, live, gathered, report, first))
  const final = { ...report, ...finished }
  await writeFileAtomic(at('round.json'), `${JSON.stringify(final, null, 2)}\n`)
  await writeFileAtomic(at('round.md'), roundMarkdown(final))
  return { outcome: final.promoted ? 'promoted' : 'rejected', dir, candidate: at('policy'), report: final }
}

function accuracyOf({ report }: RewardResult): Estimate | undefined {
  if (!report) return undefined
  const { value, low, high, count } = report.accuracy
  return { value, low, high, n: count, level: 0.95, method: 'bootstrap' }
}

/** A dialogue of which only the last answer is learnt. */
function demonstrationLine({
  prompt,
  answer,
}: {
  readonly prompt: readonly ChatMessage[]
  readonly answer: string
}): string {
  const before = prompt.map((message) => (message.role === 'assistant' ? { ...message, weight: 0 } : message))
  return JSON.stringify({ messages: [...before, { role: 'assistant', content: answer }] })
}

const promptsOf = (votes: readonly Vote[]) => votes.map(({ prompt }) => prompt)

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
