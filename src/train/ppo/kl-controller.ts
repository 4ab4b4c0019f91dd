/** The weight of the KL penalty over a run. */

export interface KlController {
  /** The weight in force: beta. */
  readonly coefficient: number
  /** Told of the mean KL per answer (nats) over `episodes` answers. */
  update(kl: number, episodes: number): void
}

/** The same weight throughout (InstructGPT: 0.02). */
export function fixedKl(coefficient: number): KlController {
  return { coefficient, update: () => {} }
}

export interface AdaptiveKlOptions {
  /** KL per answer (nats) that is steered to. Ziegler et al. 2019: 6. */
  readonly target: number
  /** Episodes over which the weight can change by a fifth. Ziegler et al. 2019: 10,000. */
  readonly horizon: number
}

/**
 * Proportional control (Ziegler et al. 2019): beta <- beta (1 + clip(KL / target - 1, -0.2, 0.2) episodes / horizon).
 * To resume, start from the coefficient that was in force.
 */
export function adaptiveKl(start: number, { target, horizon }: AdaptiveKlOptions): KlController {
  let coefficient = start
  return {
    get coefficient() {
      return coefficient
    },
    update(kl, episodes) {
      const error = Math.min(0.2, Math.max(-0.2, kl / target - 1))
      coefficient *= 1 + (error * episodes) / horizon
    },
  }
}
