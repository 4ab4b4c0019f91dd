/** Text that arrives in pieces, up to the first of several stop strings. */
export interface StopText {
  /** The text that is now certain to come before any stop string. After a stop string was found: ''. */
  push(piece: string): string
  /** What was held back because a stop string might have begun in it. */
  flush(): string
  readonly stopped: boolean
  /** The stop string that was found. */
  readonly found: string | undefined
}

/** Finds stop strings across the borders of pieces; holds back no more than the beginning of one. */
export function createStopText(stops: readonly string[]): StopText {
  let held = ''
  let stopped = false
  let found: string | undefined
  return {
    push(piece) {
      if (stopped) return ''
      held += piece
      let first = Number.POSITIVE_INFINITY
      for (const stop of stops) {
        const at = held.indexOf(stop)
        if (at < 0 || at >= first) continue
        first = at
        found = stop
      }
      if (found !== undefined) {
        stopped = true
        return held.slice(0, first)
      }
      const keep = Math.max(0, ...stops.map((stop) => beginning(held, stop)))
      const sure = held.slice(0, held.length - keep)
      held = held.slice(held.length - keep)
      return sure
    },
    flush() {
      const rest = stopped ? '' : held
      held = ''
      return rest
    },
    get stopped() {
      return stopped
    },
    get found() {
      return found
    },
  }
}

/** Length of the longest end of `text` that `stop` begins with. */
function beginning(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length
  }
  return 0
}
