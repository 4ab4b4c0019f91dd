/** What a round is asked, and what becomes of it. */
import type { OnEvent } from '../../train/index.js'
import type { GatheredCounts, Shortage } from './gather.js'
import type { RoundStore } from './ledger.js'
import type { RoundReport } from './report.js'
import type { RoundPreset, roundSchema } from './settings.js'

export interface NextRoundOptions {
  readonly store: RoundStore
  /** Name of a model in the store, or a model folder, which is made the first version of a name where it is new. */
  readonly model: string
  /** The name of a model given as a folder. Default: the folder's. */
  readonly name?: string
  /** Folder of the round: data, runs of the stages, the candidate, `round.md` and `round.json`. */
  readonly out: string
  /**
   * Folder of a speedrun (or of its data): what is learnt again, and measured on. Default: that of the last round, or the speedrun
   * that the first version comes from.
   */
  readonly replay?: string
  /** 'tiny' (default), 'small', 'base', or sizes of one's own. */
  readonly preset?: string | RoundPreset
  readonly settings?: Parameters<typeof roundSchema.parse>[0]
  /** Give up a round of the same model that was never finished. */
  readonly abandon?: boolean
  /** The name of the weights in a folder; see `ModelVersion.version`. Default: the engine's. */
  readonly versionOf?: (dir: string) => Promise<string>
  readonly threads?: number
  readonly signal?: AbortSignal
  readonly onEvent?: OnEvent
  /** Who asked for the round. */
  readonly user?: string
}

export type RoundOutcome =
  /** There is not enough to learn from yet; nothing was used up. */
  | { readonly outcome: 'too-little'; readonly counts: GatheredCounts; readonly missing: readonly Shortage[] }
  | {
      readonly outcome: 'promoted' | 'rejected'
      readonly dir: string
      readonly candidate: string
      readonly report: RoundReport
    }
  /** The signal stopped it; the same call goes on. */
  | { readonly outcome: 'stopped'; readonly dir: string }
