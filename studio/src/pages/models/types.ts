/** Models as the server tells of them. */
export interface Score {
  readonly value?: number
  readonly low?: number
  readonly high?: number
}

export interface ModelVersion {
  readonly version: string
  readonly kind: 'decoder' | 'reward'
  readonly state: 'idle' | 'loading' | 'ready' | 'failed'
  readonly dir?: string
  readonly run?: string
  readonly round?: string
  readonly note?: string
  readonly created: number
  readonly bytes: number
  readonly parameters?: number
  readonly contextLength?: number
  readonly architecture?: string
  readonly licence?: string
  readonly lineage: Readonly<Record<string, unknown>>
  readonly scores: Readonly<Record<string, unknown>>
  readonly missing?: boolean
}

export interface Model {
  readonly name: string
  readonly live?: string
  readonly traffic?: Readonly<Record<string, number>>
  readonly created: number
  readonly updated: number
  /** Newest first. */
  readonly versions: readonly ModelVersion[]
  readonly history: readonly {
    readonly action: string
    readonly from?: string
    readonly to?: string
    readonly user?: string
    readonly reason?: string
    readonly created: number
  }[]
}

export interface NextModel {
  readonly model: string
  readonly live?: string
  readonly feedback: number
  readonly kinds: Readonly<Record<'thumb' | 'ranking' | 'correction' | 'rubric', number>>
  readonly have: Counts
  readonly need: Counts
  readonly enough: boolean
  readonly running?: string
}

export interface Counts {
  readonly comparisons: number
  readonly people: number
  readonly questions: number
}

export interface Round {
  readonly id: string
  readonly model: string
  readonly from?: string
  readonly to?: string
  readonly state: 'running' | 'promoted' | 'rejected' | 'failed' | 'too-little'
  readonly run?: string
  readonly counts?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: string
  readonly created: number
  readonly ended?: number
}
