/** Training runs as the server tells of them. */

export type RunState =
  | 'queued'
  | 'running'
  | 'pausing'
  | 'paused'
  | 'stopping'
  | 'stopped'
  | 'finished'
  | 'failed'
  | 'interrupted'

export interface RunPart {
  readonly name: string
  readonly state: 'waiting' | 'running' | 'done'
  readonly seconds?: number
}

export interface RunProgress {
  readonly message?: string
  readonly parts?: readonly RunPart[]
  readonly part?: string
  readonly step?: number
  readonly steps?: number
  readonly secondsLeft?: number
  readonly tokensPerSecond?: number
  readonly preparing?: {
    readonly label: string
    readonly done: number
    readonly total?: number
    readonly unit: string
  }
  readonly latest?: Readonly<Record<string, number>>
}

export interface Run {
  readonly id: string
  readonly stage: string
  readonly name: string
  readonly dir: string
  readonly state: RunState
  readonly created: number
  readonly started?: number
  readonly ended?: number
  readonly error?: { readonly code: string; readonly message: string }
  readonly settings: Readonly<Record<string, unknown>>
  readonly inputs: Readonly<Record<string, readonly string[]>>
  readonly progress: RunProgress
  readonly resumable: boolean
  readonly model?: string
  readonly found?: boolean
}

export interface RunEvent {
  readonly seq: number
  readonly time: number
  readonly type: string
  readonly [field: string]: unknown
}

export interface Curve {
  readonly part: string
  readonly metric: string
  readonly steps: readonly number[]
  readonly values: readonly (number | null)[]
}

/** What `z.toJSONSchema` says of a setting. */
export interface Setting {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
}

export interface StageInput {
  readonly key: string
  readonly kind: 'files' | 'model' | 'reward-model' | 'texts'
  readonly description: string
  readonly required: boolean
  readonly several: boolean
}

export interface Stage {
  readonly name: string
  readonly summary: string
  readonly inputs: readonly StageInput[]
  readonly main: readonly string[]
  readonly settings: { readonly properties: Readonly<Record<string, Setting>> }
  readonly presets?: readonly {
    readonly name: string
    readonly summary: string
    readonly settings: Readonly<Record<string, unknown>>
  }[]
}

export interface Workspace {
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  readonly models: readonly { readonly path: string; readonly name?: string; readonly kind?: string }[]
}

export const isActive = (state: RunState): boolean =>
  state === 'running' || state === 'pausing' || state === 'stopping'
export const isAtRest = (state: RunState): boolean => !isActive(state) && state !== 'queued'
