/**
 * What the store keeps. Times (`created`, `updated`, …) are milliseconds since 1970 in UTC; ids are random texts with a prefix that sort
 * by the time they were made. Fields that are not there are left out, never null.
 */
import type { ChatMessage, ToolCall } from '../text/index.js'

/** A JSON object whose fields are the caller's. */
export type JsonObject = Readonly<Record<string, unknown>>

export interface Conversation {
  /** `conv_…` */
  readonly id: string
  readonly user: string
  readonly title: string
  /** The name (not the version) of the model that new answers come from. */
  readonly model?: string
  readonly preset?: string
  readonly collection?: string
  /** What the studio wants to remember: sampling, the leaf that was shown last, … */
  readonly settings?: JsonObject
  readonly created: number
  /** Also moved by every new message. */
  readonly updated: number
}

export interface TokenUsage {
  readonly promptTokens: number
  readonly cachedTokens?: number
  readonly completionTokens: number
}

/** A passage that an answer names as its source. */
export interface Citation {
  readonly document: string
  readonly passage?: string
  readonly title?: string
  /** The words that were retrieved. */
  readonly text?: string
  readonly score?: number
}

/** A turn of a conversation. Messages form trees by `parent`: editing a message or trying again makes a sibling. */
export interface Message {
  /** `msg_…` */
  readonly id: string
  readonly conversation: string
  /** The conversation's. */
  readonly user: string
  /** The message before it; none for the first. */
  readonly parent?: string
  readonly role: ChatMessage['role']
  readonly content: string
  readonly name?: string
  readonly toolCalls?: readonly ToolCall[]
  readonly toolCallId?: string
  /** The model's name, and exactly which weights wrote this. */
  readonly model?: string
  readonly modelVersion?: string
  /** As they were used: temperature, topP, seed, … */
  readonly sampling?: JsonObject
  readonly usage?: TokenUsage
  readonly citations?: readonly Citation[]
  /** Why it ends: stop, length, tool_calls, cancelled, error. */
  readonly finish?: string
  readonly created: number
}

export const FEEDBACK_KINDS = ['thumb', 'ranking', 'correction', 'rubric'] as const
export type FeedbackKind = (typeof FEEDBACK_KINDS)[number]

export interface FeedbackAnswer {
  readonly text: string
  readonly model?: string
  readonly modelVersion?: string
  readonly message?: string
}

/** Each from 0 (bad) to 1 (good); what was not judged is left out. */
export interface Rubric {
  readonly quality?: number
  readonly safety?: number
  readonly groundedness?: number
}

interface FeedbackBase {
  /** `fb_…` */
  readonly id: string
  /** Whose account it came from. */
  readonly user: string
  /** The name under which the person judged; the user where none was given. */
  readonly labeler: string
  readonly conversation?: string
  /** The message that was judged. */
  readonly message?: string
  /** Everything before the answers, the system message included. */
  readonly prompt: readonly ChatMessage[]
  /** One for thumbs, corrections and the rubric; two to nine for rankings. */
  readonly answers: readonly FeedbackAnswer[]
  readonly reason?: string
  /** The comparison or labeling task that it answers. */
  readonly comparison?: string
  readonly task?: string
  /** The first round that took it. */
  readonly round?: string
  readonly created: number
}

/** `value`: 1 or -1; a rank for each answer (1 is best, ties are equal); the better text; the rubric of the one answer. */
export type FeedbackJudgement =
  | { readonly kind: 'thumb'; readonly value: 1 | -1 }
  | { readonly kind: 'ranking'; readonly value: readonly number[] }
  | { readonly kind: 'correction'; readonly value: string }
  | { readonly kind: 'rubric'; readonly value: Rubric }

export type Feedback = FeedbackBase & FeedbackJudgement

/** Answers that are shown without their models' names until they are ranked. */
export interface Comparison {
  /** `cmp_…` */
  readonly id: string
  readonly user: string
  readonly prompt: readonly ChatMessage[]
  /** In the order in which they are shown (slot A, B, …). */
  readonly answers: readonly (FeedbackAnswer & { readonly sampling?: JsonObject })[]
  /** One for each answer; there once it has been ranked. */
  readonly ranks?: readonly number[]
  readonly ranked?: number
  readonly created: number
}

export interface LabelTask {
  /** `task_…` */
  readonly id: string
  readonly kind: FeedbackKind
  readonly prompt: readonly ChatMessage[]
  readonly answers: readonly FeedbackAnswer[]
  readonly category?: string
  /** How many different people should judge it. */
  readonly overlap: number
  /** Higher comes first. Default 0. */
  readonly priority: number
  /** Who made it; whose prompt it is, where it comes from a conversation. */
  readonly user: string
  readonly conversation?: string
  readonly created: number
}

/** What one labeler said of one task, or that they passed it over. */
export interface LabelJudgement {
  /** `judge_…` */
  readonly id: string
  readonly task: string
  readonly user: string
  readonly labeler: string
  readonly skipped: boolean
  /** Of the task's kind; for thumbs, corrections and the rubric one for each answer (null: left out). */
  readonly values?: readonly (number | string | Rubric | null)[]
  readonly reason?: string
  readonly created: number
}

/** What a preset asks for, and where it goes in its template. */
export interface PresetParameter {
  readonly name: string
  readonly label?: string
  readonly description?: string
  readonly default?: string
  readonly required?: boolean
  readonly multiline?: boolean
  /** The values that can be chosen. */
  readonly options?: readonly string[]
}

export interface Preset {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly system?: string
  /** Text with a place for each parameter. */
  readonly template: string
  readonly parameters: readonly PresetParameter[]
  readonly model?: string
  readonly sampling?: JsonObject
  /** Anything else, such as texts in other languages. */
  readonly extra?: JsonObject
  readonly user?: string
  readonly created: number
  readonly updated: number
}

export const SCOPES = ['chat', 'feedback', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

export interface KeyLimits {
  readonly requestsPerMinute?: number
  readonly tokensPerMinute?: number
  readonly tokensPerDay?: number
}

/** An API key. The secret itself is never stored. */
export interface ApiKey {
  /** `key_…` */
  readonly id: string
  readonly name: string
  readonly user: string
  readonly scopes: readonly Scope[]
  /** The first characters of the secret, to recognise it by. */
  readonly hint: string
  readonly limits?: KeyLimits
  readonly created: number
  readonly expires?: number
  readonly revoked?: number
  /** To the minute. */
  readonly lastUsed?: number
}

export interface UsageCounts {
  readonly requests: number
  readonly errors: number
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly completionTokens: number
}

/** What was used on one day (`YYYY-MM-DD`, UTC) with one key ('' without) by one user of one model's version. */
export interface Usage extends UsageCounts {
  readonly day: string
  readonly key: string
  readonly user: string
  readonly model: string
  readonly modelVersion: string
}

export interface AuditEntry {
  /** `audit_…` */
  readonly id: string
  /** Who did it. */
  readonly user: string
  readonly key?: string
  /** What, as `key.create` or `model.promote`. */
  readonly action: string
  /** To which. */
  readonly target?: string
  readonly details?: JsonObject
  readonly request?: string
  readonly created: number
}

export const RUN_STATES = ['queued', 'running', 'paused', 'done', 'failed', 'stopped'] as const
export type RunState = (typeof RUN_STATES)[number]

/** A training run that the server started or knows of; everything else about it stands in its directory. */
export interface Run {
  /** `run_…` */
  readonly id: string
  readonly stage: string
  readonly name: string
  readonly dir: string
  readonly settings: JsonObject
  readonly state: RunState
  readonly pid?: number
  readonly error?: string
  readonly result?: JsonObject
  readonly user?: string
  readonly created: number
  readonly started?: number
  readonly ended?: number
  readonly updated: number
}

/** A name that requests use. It stands for versions, of which one is live. */
export interface Model {
  readonly name: string
  readonly live?: string
  /** Shares by version, which add up to 1; without it the live one takes all. */
  readonly traffic?: Readonly<Record<string, number>>
  readonly created: number
  readonly updated: number
}

export interface ModelVersion {
  readonly model: string
  /** The engine's: 16 hexadecimal characters of the weights' and the configuration's SHA-256. */
  readonly version: string
  readonly dir: string
  readonly kind: 'decoder' | 'reward'
  /** Where it comes from: base version, data, stages, licence, … */
  readonly lineage?: JsonObject
  readonly scores?: JsonObject
  readonly run?: string
  readonly round?: string
  readonly note?: string
  readonly created: number
}

/** What happened to a model's name, newest last; `rollback` goes back by it. */
export interface ModelEvent {
  /** `mev_…` */
  readonly id: string
  readonly model: string
  readonly action: 'add' | 'remove' | 'promote' | 'rollback' | 'traffic'
  /** The live versions before and after. */
  readonly from?: string
  readonly to?: string
  readonly traffic?: Readonly<Record<string, number>>
  readonly user?: string
  readonly reason?: string
  readonly created: number
}

export interface Collection {
  readonly name: string
  readonly description?: string
  readonly user?: string
  /** How it is cut and embedded. */
  readonly settings?: JsonObject
  /** Grows with every change of its documents: an index made from it is current while this is the same. */
  readonly revision: number
  readonly created: number
  readonly updated: number
}

export interface Document {
  /** `doc_…` */
  readonly id: string
  readonly collection: string
  readonly title: string
  /** The file's name or address. */
  readonly source?: string
  readonly mime: string
  /** Of what was uploaded. */
  readonly bytes: number
  readonly sha256: string
  readonly text?: string
  readonly user?: string
  readonly created: number
}

export interface Passage {
  /** `pas_…` */
  readonly id: string
  readonly collection: string
  readonly document: string
  /** Its place in the document, from 0. */
  readonly index: number
  readonly text: string
  /** The headings above it. */
  readonly heading?: string
  /** Where it stands in the document's text (UTF-16 units). */
  readonly start?: number
  readonly end?: number
  readonly embedding?: Float32Array
  /** What made the embedding (model and version): others cannot be compared with it. */
  readonly embedder?: string
}

export const ROUND_STATES = ['running', 'promoted', 'rejected', 'failed', 'too-little'] as const
export type RoundState = (typeof ROUND_STATES)[number]

/** One turn of the loop: feedback in, perhaps a better version out. */
export interface Round {
  /** `round_…` */
  readonly id: string
  readonly model: string
  /** The version that was live, and the one that was trained. */
  readonly from?: string
  readonly to?: string
  readonly state: RoundState
  readonly run?: string
  /** What was taken and left, and why. */
  readonly counts?: JsonObject
  /** What was measured. */
  readonly result?: JsonObject
  readonly error?: string
  readonly user?: string
  readonly created: number
  readonly ended?: number
}

/** What a round did with a piece of feedback. */
export interface RoundFeedback {
  readonly round: string
  readonly feedback: string
  readonly use: 'train' | 'heldout' | 'dropped'
  /** Why it was dropped. */
  readonly reason?: string
}

export interface Setting {
  readonly name: string
  readonly value: unknown
  readonly updated: number
}
