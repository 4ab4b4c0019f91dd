/** What every route is given: the engine, the store, the settings, the log and the clock. */
import type { HttpBindings } from '@hono/node-server'
import { OpenAPIHono } from '@hono/zod-openapi'
import { type Logger, pino } from 'pino'
import type { Engine } from '../infer/engine/types.js'
import type { Citation, KeyLimits, Scope, Store } from '../store/index.js'
import type { ChatMessage } from '../text/index.js'
import type { ServeConfig } from './config.js'
import { type AskedFields, fromZodError } from './errors.js'
import { Meter } from './limits.js'
import { createMetrics, type Metrics } from './metrics.js'
import type { RunManager } from './runs/index.js'

/** Who asks. On loopback, as long as there is no admin key, it is the person at the machine: user `local` with every scope. */
export interface Caller {
  /** Id of the API key. */
  readonly key?: string
  readonly limits?: KeyLimits
  readonly user: string
  readonly scopes: readonly Scope[]
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
}

/** Named prompt templates, as `preset` and `parameters` of a chat request call for them. */
export interface PresetExpander {
  /** The messages of the template, followed by those of the request. @throws ApiError where it does not exist or a parameter is wrong */
  expand(
    name: string,
    parameters: Readonly<Record<string, unknown>>,
    messages: readonly ChatMessage[],
  ): Promise<ExpandedPreset>
}

export interface ExpandedPreset {
  readonly messages: readonly ChatMessage[]
  /** Sampling settings of the preset, for what the request leaves open. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** Passages of a collection for a question, as `collection` of a chat request calls for them. */
export interface Grounding {
  /** The messages with the passages put in, and what was put in. @throws ApiError where the collection does not exist */
  ground(
    collection: string,
    messages: readonly ChatMessage[],
    options: { readonly model: string; readonly signal: AbortSignal },
  ): Promise<GroundedMessages>
}

export interface GroundedMessages {
  readonly messages: readonly ChatMessage[]
  readonly citations: readonly Citation[]
  /** Said instead of asking the model, where nothing was found. */
  readonly answer?: string
}

export interface ServeContext {
  readonly engine: Engine
  readonly store: Store
  readonly config: ServeConfig
  readonly log: Logger
  readonly clock: Clock
  readonly metrics: Metrics
  readonly meter: Meter
  /** Of the package. */
  readonly version: string
  readonly startup: Startup
  /** Aborted when the server is told to end: answers are finished, but who only watches is not waited for. */
  readonly ending: AbortSignal
  readonly presets?: PresetExpander
  readonly grounding?: Grounding
  /** Training runs; absent on a server that trains nothing. */
  readonly runs?: RunManager
}

/** How far the server is since it began. */
export interface Startup {
  state: 'loading' | 'ready'
  /** The name of the model that new conversations ask, where one was chosen. */
  model?: string
  /** The speedrun that was begun with the server. */
  start?: () => StartState | undefined
}

export interface StartState {
  readonly state: 'running' | 'done' | 'failed'
  readonly run?: string
  readonly message?: string
}

export interface ContextParts
  extends Pick<ServeContext, 'engine' | 'store' | 'config'>,
    Partial<Omit<ServeContext, 'engine' | 'store' | 'config'>> {}

/** A context from what it stands on; the rest is made. */
export function createContext(parts: ContextParts): ServeContext {
  const { engine, store, config } = parts
  const clock = parts.clock ?? { now: () => Date.now() }
  return {
    log: pino({ level: 'silent' }),
    clock,
    metrics: createMetrics(engine),
    meter: new Meter(store, clock, config.requestsPerMinute),
    version: '0',
    startup: { state: 'ready' },
    ending: new AbortController().signal,
    ...parts,
  }
}

export interface ServeEnv {
  Bindings: Partial<HttpBindings>
  Variables: {
    requestId: string
    /** With the request's id in every line. */
    log: Logger
    caller: Caller
    /** Filled in by routes, for the line in the log and the metrics. */
    facts: RequestFacts
    /** Set by routes that do not read `messages` and `response_format`, for the `param` of errors. */
    asked?: AskedFields
  }
}

export interface RequestFacts {
  model?: string
  promptTokens?: number
  completionTokens?: number
}

/** A router whose validation errors have OpenAI's form. Every router starts with this. */
export function createRouter(): OpenAPIHono<ServeEnv> {
  return new OpenAPIHono<ServeEnv>({
    defaultHook: (result) => {
      if (!result.success) throw fromZodError(result.error)
    },
  })
}
