/** Measures a step of PPO with its pieces, and its answers against those written without a cache or one by one. */
import { type Effort, type Measurement, type Settings, takeTurn } from './measure.js'
import { Peer } from './peer.js'
import { PIECES, type Piece, type RolloutWay, rolloutWays } from './pieces.js'
import type { Burst } from './protocol.js'
import { median, pairwise } from './statistics.js'

/** Steps before those that count: each new shape of a round's rows is compiled when it first comes. */
const SETTLING_STEPS = 10

export interface PpoResult {
  readonly episodes: number
  readonly stepSeconds: number
  readonly parts: Readonly<Record<Piece, number>>
  /** With its compiling. */
  readonly firstStepSeconds: number
  readonly peakMemoryBytes: number
  readonly rollouts: RolloutResult
}

export interface RolloutResult {
  readonly tokensPerSecond: Readonly<Record<RolloutWay, number>>
  /** PPO's way against answers that are written one by one with a cache, and against those without: medians over rounds. */
  readonly overSingle: number
  readonly overPlain: number
}

export async function measurePpo(settings: Settings): Promise<PpoResult> {
  const { threads, effort, log } = settings
  log('ppo: a step')
  const peer = await Peer.ours('a step of PPO', 'ppo', { threads, name: 'ppoLearning' })
  let step: Omit<PpoResult, 'rollouts'>
  try {
    const first = await peer.run({ seconds: 0, count: 1 })
    await peer.run({ seconds: 0, count: effort.rounds > 2 ? SETTLING_STEPS : 1 })
    const bursts: Burst[] = []
    for (let round = 0; round < effort.rounds; round++) bursts.push(await peer.steadyBurst(effort.turn))
    const parts = PIECES.map((piece) => [piece, median(bursts.flatMap(({ parts }) => parts?.[piece] ?? []))])
    step = {
      episodes: peer.ready.tokens!,
      stepSeconds: median(bursts.flatMap(({ seconds }) => seconds)),
      parts: Object.fromEntries(parts),
      firstStepSeconds: first.seconds[0]!,
      peakMemoryBytes: peer.peakMemoryBytes,
    }
  } finally {
    await peer.stop()
  }
  return { ...step, rollouts: await measureRollouts(threads, effort, log) }
}

async function measureRollouts(
  threads: number,
  effort: Effort,
  log: Settings['log'],
): Promise<RolloutResult> {
  const started: Measurement[] = []
  try {
    for (const way of rolloutWays) {
      log(`ppo: answers, ${way}`)
      const options = { threads, name: 'ppoLearning', way }
      started.push({ peer: await Peer.ours(`answers, ${way}`, 'rollout', options), turns: [] })
    }
    for (let round = 0; round < effort.rounds; round++)
      for (const measurement of started) await takeTurn(measurement, effort.turn)
    return rolloutResult(started.map(({ peer, turns }) => ({ tokens: peer.ready.tokens!, turns })))
  } finally {
    await Promise.all(started.map(({ peer }) => peer.stop()))
  }
}

/** From the turns of each way, in the order of `rolloutWays`: `tokens` is what a repetition writes. */
export function rolloutResult(
  ways: readonly { readonly tokens: number; readonly turns: readonly (readonly number[])[] }[],
): RolloutResult {
  const rates = ways.map(({ tokens, turns }) => turns.map((turn) => tokens / median(turn)))
  const [batched, single, plain] = rates as [number[], number[], number[]]
  return {
    tokensPerSecond: { batched: median(batched), single: median(single), plain: median(plain) },
    overSingle: median(pairwise(batched, single)),
    overPlain: median(pairwise(batched, plain)),
  }
}
