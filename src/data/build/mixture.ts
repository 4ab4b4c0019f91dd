/** Which documents are held out, and how often each of the others is seen: functions of the documents and the seed alone. */
import { mix32 } from '../clean/analysis.js'
import { emptyVolume, type Volume } from '../clean/counts.js'
import type { BuildConfig } from './config.js'
import { BuildError } from './errors.js'
import { HAS_EXACT, readRecords, recordLayout } from './records.js'
import type { BuildState } from './state.js'

/** What is done with a document of a shard. */
export const SKIP = 0
export const TRAIN = 1
export const HELD_OUT = 2
/** Its beginning is trained on, its end held out. */
export const CUT = 3

export interface ShardPlan {
  readonly actions: Uint8Array
  /** For `CUT`: code points that are trained on. */
  readonly cut: number
}

export interface Mixture {
  /** How often each source is seen. */
  readonly passes: readonly number[]
  /** Whole passes over the shards, the partial one included. */
  readonly rounds: number
  /** Of all documents that are trained on, repetitions counted. */
  readonly train: Volume
  readonly heldOut: Volume
  readonly bySource: readonly { readonly train: Volume; readonly heldOut: Volume }[]
  plan(round: number, shard: number): Promise<ShardPlan>
}

/** Below so many documents the end of the text is held out instead of documents. */
const FEW = 10

/** @throws BuildError when nothing is left to train on */
export async function planMixture(dir: string, config: BuildConfig, state: BuildState): Promise<Mixture> {
  const layout = recordLayout(config.cleaning.near.bands)
  const passes = passesOf(config, state)
  const starts = [0]
  for (const { documents } of state.shards) starts.push(starts[starts.length - 1]! + documents)
  const total = starts[starts.length - 1]!

  const records = (shard: number) => readRecords(dir, shard, state.shards[shard]!.documents, layout)
  /** A number in [0, 1) that belongs to a document and a purpose. */
  const chance = (words: Int32Array, at: number, ordinal: number, purpose: number): number => {
    const exact = (words[at + layout.flags]! & HAS_EXACT) !== 0
    const [a, b] = exact ? [words[at]!, words[at + 1]!] : [ordinal, 0x5bd1e995]
    const key = mix32(config.seed ^ mix32(purpose + Math.floor(config.seed / 2 ** 32)))
    const high = mix32(a ^ mix32(b ^ key)) >>> 5
    const low = mix32(b ^ mix32(a ^ ~key)) >>> 6
    return (high * 2 ** 26 + low) / 2 ** 53
  }
  const copies = (words: Int32Array, at: number, ordinal: number): number => {
    const wanted = passes[words[at + layout.source]!]!
    const whole = Math.floor(wanted)
    return whole + (chance(words, at, ordinal, 1) < wanted - whole ? 1 : 0)
  }

  // One number for each document, to find the held-out ones: 8 bytes each.
  const ranks = new Float64Array(total).fill(Number.POSITIVE_INFINITY)
  let candidates = 0
  let characters = 0
  for (const shard of state.shards.keys()) {
    const words = await records(shard)
    for (let i = 0, at = 0; at < words.length; i++, at += layout.words) {
      const ordinal = starts[shard]! + i
      if (copies(words, at, ordinal) === 0) continue
      ranks[ordinal] = chance(words, at, ordinal, 2)
      candidates++
      characters += words[at + layout.characters]!
    }
  }
  if (candidates === 0 || characters < 2) {
    throw new BuildError(
      'build-empty',
      'nothing is left to train on: every document was dropped; data-card.md says why, softer settings or another preset keep more',
    )
  }
  const tail = candidates < FEW
  const boundary = Math.max(1, Math.floor(characters * (1 - config.heldOutFraction)))
  const held = Math.max(1, Math.round(config.heldOutFraction * candidates))
  const threshold = tail ? -1 : ranks.toSorted()[held - 1]!

  const plan = async (round: number, shard: number): Promise<ShardPlan> => {
    const words = await records(shard)
    const actions = new Uint8Array(state.shards[shard]!.documents)
    let cut = 0
    let before = tail ? await charactersBefore(shard) : 0
    for (let i = 0, at = 0; at < words.length; i++, at += layout.words) {
      const ordinal = starts[shard]! + i
      const times = copies(words, at, ordinal)
      if (times === 0) continue
      if (!tail) {
        const isHeld = ranks[ordinal]! <= threshold
        actions[i] = isHeld ? (round === 0 ? HELD_OUT : SKIP) : round < times ? TRAIN : SKIP
        continue
      }
      const size = words[at + layout.characters]!
      if (before + size <= boundary) actions[i] = round < times ? TRAIN : SKIP
      else if (before >= boundary) actions[i] = round === 0 ? HELD_OUT : SKIP
      else if (round === 0) {
        actions[i] = CUT
        cut = boundary - before
      }
      before += size
    }
    return { actions, cut }
  }
  const charactersBefore = async (shard: number): Promise<number> => {
    let sum = 0
    for (let earlier = 0; earlier < shard; earlier++) {
      const words = await records(earlier)
      for (let i = 0, at = 0; at < words.length; i++, at += layout.words) {
        if (copies(words, at, starts[earlier]! + i) > 0) sum += words[at + layout.characters]!
      }
    }
    return sum
  }

  const rounds = Math.max(...passes.map(Math.ceil))
  const bySource = config.sources.map(() => ({ train: emptyVolume(), heldOut: emptyVolume() }))
  const train = emptyVolume()
  const heldOut = emptyVolume()
  for (let round = 0; round < rounds; round++) {
    for (const shard of state.shards.keys()) {
      const { actions, cut } = await plan(round, shard)
      const words = await records(shard)
      for (const [i, action] of actions.entries()) {
        if (action === SKIP) continue
        const at = i * layout.words
        const bytes = words[at + layout.bytes]!
        const size = words[at + layout.characters]!
        const source = bySource[words[at + layout.source]!]!
        const part = action === CUT ? cut / size : action === TRAIN ? 1 : 0
        for (const [volumes, fraction] of [
          [[train, source.train], part],
          [[heldOut, source.heldOut], 1 - part],
        ] as const) {
          if (fraction === 0) continue
          for (const volume of volumes) {
            volume.documents++
            volume.bytes += Math.round(bytes * fraction)
            volume.characters += Math.round(size * fraction)
          }
        }
      }
    }
  }
  return { passes, rounds, train, heldOut, bySource, plan }
}

/** How often each source is seen. Shares are of bytes, and the source that runs out first is seen `maxPasses` times. */
function passesOf({ sources, mixture }: BuildConfig, state: BuildState): number[] {
  if (mixture.weights === 'passes') return sources.map(({ weight }) => weight)
  const total = sources.reduce((sum, { weight }) => sum + weight, 0)
  const perShare = sources.map(({ weight }, i) =>
    weight === 0 ? Number.POSITIVE_INFINITY : state.sources[i]!.kept.bytes / (weight / total),
  )
  const emptySource = perShare.indexOf(0)
  if (emptySource >= 0) {
    throw new BuildError(
      'build-empty',
      `nothing of ${sources[emptySource]!.name} is left, so it cannot have its share; give it the weight 0 or softer settings`,
    )
  }
  const smallest = Math.min(...perShare)
  return sources.map(({ weight }, i) => (weight === 0 ? 0 : (mixture.maxPasses * smallest) / perShare[i]!))
}
