/** What a step of PPO consists of, and the ways its answers can be written. Apart, so that the bench itself loads no runtime. */

/** Seconds of the pieces of a step. */
export const PIECES = ['generation', 'scoring', 'evaluation', 'learning'] as const
export type Piece = (typeof PIECES)[number]

/** `batched` is what PPO does; `single` has the cache only, `plain` neither batch nor cache. */
export const rolloutWays = ['batched', 'single', 'plain'] as const
export type RolloutWay = (typeof rolloutWays)[number]
