/** Data as the server tells of it. */
export interface Volume {
  readonly documents: number
  readonly characters: number
  readonly bytes: number
}

export interface DataSet {
  readonly id: string
  readonly path: string
  readonly kind: 'built' | 'recipe'
  readonly title: string
  readonly documents: number
}

export interface Reason {
  readonly stage: string
  readonly reason: string
  readonly documents: number
  readonly bytes: number
}

export interface DataCard extends DataSet {
  readonly about?: string
  readonly source?: string
  readonly simulated?: string
  readonly seed?: number
  readonly tokens?: number
  readonly kept?: Volume
  readonly train?: Volume
  readonly heldOut?: Volume
  readonly languages?: Readonly<Record<string, Volume>>
  readonly sources: readonly {
    readonly name: string
    readonly licence?: string
    readonly licences: Readonly<Record<string, number>>
    readonly read: Volume
    readonly kept: Volume
    readonly skipped: number
    readonly skips: readonly string[]
  }[]
  readonly dropped: readonly Reason[]
  readonly changed: readonly Reason[]
  readonly files: readonly { readonly path: string; readonly about: string; readonly records: number }[]
}

export interface DataFile {
  readonly id: string
  readonly path: string
  readonly bytes: number
}

export interface Overview {
  readonly sets: readonly DataSet[]
  readonly files: readonly DataFile[]
  readonly feedback: {
    readonly total: number
    readonly unused: number
    readonly users: number
    readonly kinds: Readonly<Record<'thumb' | 'ranking' | 'correction' | 'rubric', number>>
    readonly thumbs: { readonly up: number; readonly down: number }
    readonly days: readonly { readonly day: string; readonly count: number }[]
  }
}

export interface Turn {
  readonly role: string
  readonly content: string
}

export interface DataSample {
  readonly index: number
  readonly text?: string
  readonly title?: string
  readonly messages?: readonly Turn[]
  readonly json?: string
}

export interface DroppedSample {
  readonly stage: string
  readonly reason: string
  readonly action: 'dropped' | 'changed'
  readonly source: string
  readonly id: string
  readonly detail: string
  readonly excerpt: string
}

export interface Preference {
  readonly prompt: readonly Turn[]
  readonly answers: readonly { readonly text: string; readonly rank: number }[]
  readonly labeler?: string
  readonly created?: number
}
