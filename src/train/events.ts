/** What a training stage reports while it works. The command line draws it; a server can stream it. */

export type TrainEvent =
  /** `part` where the message opens a part of a longer run, by the part's name. */
  | { readonly type: 'message'; readonly text: string; readonly part?: string }
  | { readonly type: 'warning'; readonly text: string }
  /** Every setting the run uses, chosen or derived, in the order to print. */
  | { readonly type: 'settings'; readonly settings: Readonly<Record<string, string | number | boolean>> }
  /** Longer preparation: reading, training a tokenizer, encoding. `total` is absent where it is not known. */
  | {
      readonly type: 'progress'
      readonly label: string
      readonly done: number
      readonly total?: number
      readonly unit: string
    }
  | StepEvent
  | MetricsEvent
  | EvalEvent
  | { readonly type: 'sample'; readonly step: number; readonly prompt: string; readonly text: string }
  | { readonly type: 'checkpoint'; readonly step: number; readonly dir: string }

/** A logged optimizer step; also one line of metrics.jsonl. */
export interface StepEvent {
  readonly type: 'step'
  /** Steps done, this one included; the first is 1. */
  readonly step: number
  readonly steps: number
  /** Nats per token. */
  readonly loss: number
  readonly lr: number
  readonly gradNorm: number
  readonly tokensPerSecond: number
  readonly secondsLeft: number
}

/** A logged step of a stage whose progress is more than one loss; also one line of metrics.jsonl. */
export interface MetricsEvent {
  readonly type: 'metrics'
  readonly step: number
  readonly steps: number
  /** By the field's names, such as `objective/kl`. */
  readonly metrics: Readonly<Record<string, number>>
  readonly secondsLeft: number
}

/** Loss on held-out data. */
export interface EvalEvent {
  readonly type: 'eval'
  readonly step: number
  /** Nats per token. */
  readonly loss: number
  readonly perplexity: number
  /** Where the text has a length in bytes; answers in a dialogue have none of their own. */
  readonly bitsPerByte?: number
}

export type OnEvent = (event: TrainEvent) => void
