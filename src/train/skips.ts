import type { RecordOptions, SkippedRecord } from '../data/index.js'
import type { OnEvent } from './events.js'

/** Records named one by one before only their number is told. */
const NAMED = 5

/** Tells of records that cannot be used: the first few with their lines, then how many there were. */
export class SkipLog {
  #count = 0

  constructor(
    private readonly onEvent: OnEvent,
    private readonly limit: number,
  ) {}

  /** What the readers of records take. */
  get options(): RecordOptions {
    return {
      limit: this.limit,
      onSkip: ({ file, line, reason }: SkippedRecord) => {
        if (++this.#count > NAMED) return
        this.onEvent({ type: 'warning', text: `${file}:${line} was passed over: ${reason}` })
      },
    }
  }

  /** Records passed over. */
  get count(): number {
    return this.#count
  }

  /** To be called when all is read. */
  finish(): void {
    if (this.#count > NAMED)
      this.onEvent({ type: 'warning', text: `${this.#count} records were passed over in all` })
  }
}
