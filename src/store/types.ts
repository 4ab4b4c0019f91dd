/** What the store can do. Every promise that a writing function returns is fulfilled when the data would survive a power cut. */

import type * as r from './records.js'
import type { Feedback, FeedbackJudgement, FeedbackKind } from './records.js'

export * from './records.js'

/** Whose records a caller may see: one user's, or everybody's. There is no default, so that nobody forgets to ask. */
export type Access = { readonly user: string } | 'anyone'

export interface PageQuery {
  /** The `next` of the page before. */
  readonly cursor?: string
  /** Default 50, at most 1,000. */
  readonly limit?: number
}

export interface Page<T> {
  readonly items: readonly T[]
  /** There where more follow. */
  readonly next?: string
}

/** A record to be written: the store fills in what is left out. */
export type New<T, Filled extends keyof T = never> = Omit<T, Filled | 'id' | 'created' | 'updated'> &
  Partial<Pick<T, Filled | Extract<keyof T, 'id' | 'created'>>>

export interface Conversations {
  create(conversation: New<r.Conversation, 'title'>): Promise<r.Conversation>
  /** @throws StoreError `store/not-found`, also where it is somebody else's */
  get(id: string, access: Access): Promise<r.Conversation>
  /** Newest change first. `q` looks for a text in titles and messages. */
  list(access: Access, query?: PageQuery & { readonly q?: string }): Promise<Page<r.Conversation>>
  /** Fields that are given replace what was there; `null` removes. */
  update(
    id: string,
    change: Change<r.Conversation, 'title' | 'model' | 'preset' | 'collection' | 'settings'>,
    access: Access,
  ): Promise<r.Conversation>
  /** With its messages. */
  remove(id: string, access: Access): Promise<void>
}

export type Change<T, Names extends keyof T> = { readonly [Name in Names]?: T[Name] | null }

export interface Messages {
  /** All or none. The conversation must be there, belong to `user`, and hold `parent` (or the same call does). */
  add(...messages: readonly New<r.Message>[]): Promise<r.Message[]>
  get(id: string, access: Access): Promise<r.Message>
  /** The whole tree of a conversation, oldest first. */
  list(conversation: string, access: Access): Promise<r.Message[]>
  /** From the first message down to this one. */
  path(id: string, access: Access): Promise<r.Message[]>
}

export type NewFeedback = Omit<r.Feedback, 'id' | 'created' | 'kind' | 'value' | 'labeler' | 'round'> & {
  readonly id?: string
  readonly created?: number
  readonly labeler?: string
} & FeedbackJudgement

export interface FeedbackQuery extends PageQuery {
  /** From this time on (milliseconds), and before that one. */
  readonly since?: number
  readonly until?: number
  readonly kind?: FeedbackKind
  readonly message?: string
  readonly conversation?: string
  /** The model's name or version in one of its answers. */
  readonly model?: string
  /** Only what no round has taken. */
  readonly unused?: boolean
}

export interface FeedbackStats {
  readonly total: number
  /** Not taken by a round yet. */
  readonly unused: number
  readonly users: number
  readonly kinds: Readonly<Record<FeedbackKind, number>>
  readonly thumbs: { readonly up: number; readonly down: number }
  readonly days: readonly { readonly day: string; readonly count: number }[]
}

export interface FeedbackRepository {
  /**
   * What a person says again of the same message (thumb, correction, rubric) replaces what they said before, unless a round has taken it.
   * @throws StoreError `store/invalid` where value and answers do not fit together
   */
  add(...feedback: readonly NewFeedback[]): Promise<Feedback[]>
  get(id: string, access: Access): Promise<Feedback>
  /** Oldest first. */
  list(access: Access, query?: FeedbackQuery): Promise<Page<Feedback>>
  /** All of it, page by page. */
  each(access: Access, query?: Omit<FeedbackQuery, 'cursor' | 'limit'>): AsyncIterable<Feedback>
  stats(access: Access): Promise<FeedbackStats>
  remove(id: string, access: Access): Promise<void>
}

export interface Comparisons {
  create(comparison: Omit<New<r.Comparison>, 'ranks' | 'ranked'>): Promise<r.Comparison>
  get(id: string, access: Access): Promise<r.Comparison>
  /** Ranks it and adds the feedback, in one step. @throws StoreError `store/conflict` where it was ranked before */
  rank(
    id: string,
    ranks: readonly number[],
    feedback: readonly NewFeedback[],
    access: Access,
  ): Promise<{ readonly comparison: r.Comparison; readonly feedback: readonly Feedback[] }>
}

export interface LabelProgress {
  readonly tasks: number
  /** Judged by as many as it asks for. */
  readonly done: number
  readonly labelers: readonly {
    readonly labeler: string
    readonly judged: number
    readonly skipped: number
  }[]
}

export interface Labeling {
  addTasks(...tasks: readonly New<r.LabelTask, 'overlap' | 'priority'>[]): Promise<r.LabelTask[]>
  task(id: string): Promise<r.LabelTask>
  tasks(query?: PageQuery & { readonly kind?: FeedbackKind }): Promise<Page<r.LabelTask>>
  removeTask(id: string): Promise<void>
  /** A task for this labeler, kept for them for half an hour; undefined where nothing is left for them. */
  next(labeler: string, query?: { readonly kind?: FeedbackKind }): Promise<r.LabelTask | undefined>
  /** @throws StoreError `store/conflict` where this labeler has judged it */
  judge(
    judgement: New<r.LabelJudgement>,
    feedback: readonly NewFeedback[],
  ): Promise<{ readonly judgement: r.LabelJudgement; readonly feedback: readonly Feedback[] }>
  /** With their tasks, oldest first. */
  judgements(query?: {
    readonly kind?: FeedbackKind
    readonly labeler?: string
  }): AsyncIterable<{ readonly task: r.LabelTask; readonly judgement: r.LabelJudgement }>
  progress(): Promise<LabelProgress>
}

export interface Presets {
  list(): Promise<r.Preset[]>
  get(name: string): Promise<r.Preset>
  find(name: string): Promise<r.Preset | undefined>
  /** Makes it or replaces it. */
  put(preset: New<r.Preset>): Promise<r.Preset>
  remove(name: string): Promise<void>
}

export interface Keys {
  /** The secret is told this once. */
  create(key: {
    readonly name: string
    readonly user: string
    readonly scopes: readonly r.Scope[]
    readonly limits?: r.KeyLimits
    readonly expires?: number
  }): Promise<{ readonly key: r.ApiKey; readonly secret: string }>
  /** The key of a secret, revoked and expired ones too (`keyState` tells); undefined for what was never a key. */
  find(secret: string): Promise<r.ApiKey | undefined>
  get(id: string): Promise<r.ApiKey>
  list(): Promise<r.ApiKey[]>
  /** Whether there is any key that works. */
  any(): Promise<boolean>
  revoke(id: string): Promise<r.ApiKey>
  /** Remembers that it was used; writes at most once a minute. */
  touch(id: string): Promise<void>
}

export interface UsageQuery {
  readonly by: 'day' | 'key' | 'model' | 'user'
  /** Days, `YYYY-MM-DD`, both included. */
  readonly from?: string
  readonly to?: string
  readonly key?: string
  readonly user?: string
}

export interface UsageRepository {
  /** Adds to the day's counts; concurrent calls, also of other servers, lose nothing. */
  add(
    usage: { readonly user: string; readonly model: string } & Partial<Omit<r.Usage, 'user' | 'model'>>,
  ): Promise<void>
  sum(query: UsageQuery): Promise<(r.UsageCounts & { readonly group: string })[]>
  /** Prompt and completion tokens of a key on a day (default: today). */
  tokens(key: string, day?: string): Promise<number>
}

export interface Audit {
  add(entry: New<r.AuditEntry>): Promise<r.AuditEntry>
  /** Newest first. */
  list(query?: PageQuery & { readonly action?: string; readonly user?: string }): Promise<Page<r.AuditEntry>>
}

export interface Runs {
  create(run: New<r.Run, 'state'>): Promise<r.Run>
  get(id: string): Promise<r.Run>
  /** The run in a directory. */
  at(dir: string): Promise<r.Run | undefined>
  /** Newest first. */
  list(query?: PageQuery & { readonly stage?: string; readonly state?: r.RunState }): Promise<Page<r.Run>>
  update(
    id: string,
    change: Change<r.Run, 'name' | 'state' | 'pid' | 'error' | 'result' | 'started' | 'ended' | 'settings'>,
  ): Promise<r.Run>
  remove(id: string): Promise<void>
}

/** Who changes what is live, and why. */
export interface ChangeNote {
  readonly user?: string
  readonly reason?: string
}

export interface Models {
  list(): Promise<r.Model[]>
  get(name: string): Promise<r.Model>
  find(name: string): Promise<r.Model | undefined>
  /** Oldest first. */
  versions(name: string): Promise<r.ModelVersion[]>
  version(name: string, version: string): Promise<r.ModelVersion>
  /** Makes the name where it is new; its first version is live at once. The same version again only moves its directory. */
  addVersion(version: New<r.ModelVersion>, note?: ChangeNote): Promise<r.ModelVersion>
  updateVersion(
    name: string,
    version: string,
    change: Change<r.ModelVersion, 'dir' | 'lineage' | 'scores' | 'run' | 'round' | 'note'>,
  ): Promise<r.ModelVersion>
  /** @throws StoreError `store/conflict` for one that is live or has a share of the traffic */
  removeVersion(name: string, version: string, note?: ChangeNote): Promise<void>
  /** Makes it live; ends a split of the traffic. `expect`: only if this one is live now, else StoreError `store/conflict`. */
  promote(name: string, version: string, note?: ChangeNote & { readonly expect?: string }): Promise<r.Model>
  /** Makes the version live that was before. @throws StoreError `store/conflict` where there is none */
  rollback(name: string, note?: ChangeNote): Promise<r.Model>
  /** Shares of versions, which are scaled to add up to 1; an empty object ends the split. */
  setTraffic(name: string, shares: Readonly<Record<string, number>>, note?: ChangeNote): Promise<r.Model>
  /** The version that answers: by the shares, always the same for the same `key` (a conversation) while they stay. */
  resolve(name: string, key?: string): Promise<r.ModelVersion>
  /** Newest last. */
  history(name: string): Promise<r.ModelEvent[]>
}

export interface Collections {
  list(): Promise<r.Collection[]>
  get(name: string): Promise<r.Collection>
  find(name: string): Promise<r.Collection | undefined>
  /** @throws StoreError `store/conflict` where the name is taken */
  create(collection: New<r.Collection, 'revision'>): Promise<r.Collection>
  update(name: string, change: Change<r.Collection, 'description' | 'settings'>): Promise<r.Collection>
  /** With its documents. */
  remove(name: string): Promise<void>
  documents(collection: string): Promise<Omit<r.Document, 'text'>[]>
  document(id: string): Promise<r.Document>
  /** A document with its passages, in one step. */
  addDocument(
    document: New<r.Document>,
    passages: readonly Omit<r.Passage, 'id' | 'collection' | 'document' | 'index'>[],
  ): Promise<{ readonly document: r.Document; readonly passages: readonly r.Passage[] }>
  removeDocument(id: string): Promise<void>
  /** In the order of documents and places. `missing`: only those without an embedding of this embedder. */
  passages(collection: string, query?: { readonly missing?: string }): AsyncIterable<r.Passage>
  passage(id: string): Promise<r.Passage>
  /** Does not change the collection's revision where nothing but embeddings came. */
  setEmbeddings(
    embedder: string,
    embeddings: readonly { readonly id: string; readonly embedding: Float32Array }[],
  ): Promise<void>
}

export interface Rounds {
  create(round: New<r.Round, 'state'>): Promise<r.Round>
  get(id: string): Promise<r.Round>
  /** Newest first. */
  list(query?: PageQuery & { readonly model?: string }): Promise<Page<r.Round>>
  /** What it did with which feedback; sets `round` of feedback that no round had taken before. */
  take(round: string, feedback: readonly Omit<r.RoundFeedback, 'round'>[]): Promise<void>
  feedback(round: string): Promise<r.RoundFeedback[]>
  update(
    id: string,
    change: Change<r.Round, 'state' | 'from' | 'to' | 'run' | 'counts' | 'result' | 'error' | 'ended'>,
  ): Promise<r.Round>
}

export interface Settings {
  get(name: string): Promise<unknown>
  all(): Promise<r.Setting[]>
  /** `undefined` removes it. */
  set(name: string, value: unknown): Promise<void>
}

/** How many records of each kind. */
export type Counts = Readonly<Record<string, number>>

export interface Users {
  list(): Promise<string[]>
  /** Everything that came from this user, and what others said of it. Tells how much went. */
  remove(user: string): Promise<Counts>
}

export interface ExportOptions {
  /** Kinds of records; default: all. */
  readonly only?: readonly string[]
  /** Only records made from this time on (those that have no time are all there). */
  readonly since?: number
}

export interface Store {
  /** Without a password. */
  readonly url: string
  readonly conversations: Conversations
  readonly messages: Messages
  readonly feedback: FeedbackRepository
  readonly comparisons: Comparisons
  readonly labeling: Labeling
  readonly presets: Presets
  readonly keys: Keys
  readonly usage: UsageRepository
  readonly audit: Audit
  readonly runs: Runs
  readonly models: Models
  readonly collections: Collections
  readonly rounds: Rounds
  readonly settings: Settings
  readonly users: Users
  /** All of `work` or nothing of it: its writes go through the store that it is given. Nesting joins the outer one. */
  transaction<T>(work: (store: Store) => Promise<T>): Promise<T>
  /** JSON Lines, a header first; a picture of one moment. */
  export(options?: ExportOptions): AsyncIterable<string>
  /** What `export` wrote; records that are there already stay as they are. All or nothing. */
  import(lines: AsyncIterable<Uint8Array>): Promise<{ readonly added: Counts; readonly known: Counts }>
  /** That the database answers. */
  ping(): Promise<void>
  close(): Promise<void>
}
