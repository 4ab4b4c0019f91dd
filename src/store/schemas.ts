/** What records look like, for those that come from outside. */
import { z } from 'zod'
import { CHAT_ROLES } from '../text/index.js'
import { FEEDBACK_KINDS, ROUND_STATES, RUN_STATES, SCOPES } from './records.js'
import type { Stored, TableName } from './sql/tables.js'

const name = z.string().min(1).max(500)
const text = z.string()
/** Ids that callers chose themselves are taken too. */
const id = name
const time = z.int().min(0)
const count = z.int().min(0)
const object = z.record(z.string(), z.unknown())

export const toolCallSchema = z.strictObject({ id: text.optional(), name: text, arguments: object })

export const chatMessageSchema = z.strictObject({
  role: z.enum(CHAT_ROLES),
  content: text,
  name: text.optional(),
  toolCalls: z.array(toolCallSchema).optional(),
  toolCallId: text.optional(),
  weight: z.union([z.literal(0), z.literal(1)]).optional(),
})

export const feedbackAnswerSchema = z.strictObject({
  text,
  model: name.optional(),
  modelVersion: name.optional(),
  message: name.optional(),
})

const score = z.number().min(0).max(1)
export const rubricSchema = z.strictObject({
  quality: score.optional(),
  safety: score.optional(),
  groundedness: score.optional(),
})

const prompt = z.array(chatMessageSchema).min(1)
const answers = z.array(feedbackAnswerSchema).min(1).max(9)
const ranks = z.array(z.int().min(1).max(9)).min(2).max(9)

const feedback = {
  id,
  user: name,
  labeler: name,
  conversation: name.optional(),
  message: name.optional(),
  prompt,
  answers,
  reason: text.optional(),
  comparison: name.optional(),
  task: name.optional(),
  round: name.optional(),
  created: time,
}

/** Base64 of 32-bit floats, lowest byte first. */
const floats = z.base64().transform((encoded, context) => {
  const bytes = Uint8Array.from(Buffer.from(encoded, 'base64'))
  if (bytes.length % 4 === 0) return new Float32Array(bytes.buffer)
  context.addIssue({ code: 'custom', message: 'is not a list of 32-bit floats' })
  return z.NEVER
})

/** Every kind of record that is exported. */
export const recordSchemas = {
  settings: z.strictObject({ name, value: z.unknown().refine((value) => value != null), updated: time }),
  models: z.strictObject({
    name,
    live: name.optional(),
    traffic: z.record(name, z.number()).optional(),
    created: time,
    updated: time,
  }),
  modelVersions: z.strictObject({
    model: name,
    version: name,
    dir: text,
    kind: z.enum(['decoder', 'reward']),
    lineage: object.optional(),
    scores: object.optional(),
    run: name.optional(),
    round: name.optional(),
    note: text.optional(),
    created: time,
  }),
  modelEvents: z.strictObject({
    id,
    model: name,
    action: z.enum(['add', 'remove', 'promote', 'rollback', 'traffic']),
    from: name.optional(),
    to: name.optional(),
    traffic: z.record(name, z.number()).optional(),
    user: name.optional(),
    reason: text.optional(),
    created: time,
  }),
  runs: z.strictObject({
    id,
    stage: name,
    name,
    dir: text,
    settings: object,
    state: z.enum(RUN_STATES),
    pid: z.int().optional(),
    error: text.optional(),
    result: object.optional(),
    user: name.optional(),
    created: time,
    started: time.optional(),
    ended: time.optional(),
    updated: time,
  }),
  rounds: z.strictObject({
    id,
    model: name,
    from: name.optional(),
    to: name.optional(),
    state: z.enum(ROUND_STATES),
    run: name.optional(),
    counts: object.optional(),
    result: object.optional(),
    error: text.optional(),
    user: name.optional(),
    created: time,
    ended: time.optional(),
  }),
  presets: z.strictObject({
    name,
    title: text.optional(),
    description: text.optional(),
    system: text.optional(),
    template: text,
    parameters: z.array(
      z.strictObject({
        name,
        label: text.optional(),
        description: text.optional(),
        default: text.optional(),
        required: z.boolean().optional(),
        multiline: z.boolean().optional(),
        options: z.array(text).optional(),
      }),
    ),
    model: name.optional(),
    sampling: object.optional(),
    extra: object.optional(),
    user: name.optional(),
    created: time,
    updated: time,
  }),
  apiKeys: z.strictObject({
    id,
    name: text,
    // Empty where it is left of somebody whose data was deleted.
    user: z.string().max(500),
    scopes: z.array(z.enum(SCOPES)).min(1),
    hint: text,
    hash: z.string().regex(/^[0-9a-f]{64}$/),
    limits: z
      .strictObject({
        requestsPerMinute: count.optional(),
        tokensPerMinute: count.optional(),
        tokensPerDay: count.optional(),
      })
      .optional(),
    created: time,
    expires: time.optional(),
    revoked: time.optional(),
    lastUsed: time.optional(),
  }),
  usage: z.strictObject({
    day: z.iso.date(),
    key: text,
    user: text,
    model: text,
    modelVersion: text,
    requests: count,
    errors: count,
    promptTokens: count,
    cachedTokens: count,
    completionTokens: count,
  }),
  audit: z.strictObject({
    id,
    user: text,
    key: name.optional(),
    action: name,
    target: text.optional(),
    details: object.optional(),
    request: text.optional(),
    created: time,
  }),
  conversations: z.strictObject({
    id,
    user: name,
    title: text,
    model: name.optional(),
    preset: name.optional(),
    collection: name.optional(),
    settings: object.optional(),
    created: time,
    updated: time,
  }),
  messages: z.strictObject({
    id,
    conversation: id,
    user: name,
    parent: id.optional(),
    role: z.enum(CHAT_ROLES),
    content: text,
    name: text.optional(),
    toolCalls: z.array(toolCallSchema).optional(),
    toolCallId: text.optional(),
    model: name.optional(),
    modelVersion: name.optional(),
    sampling: object.optional(),
    usage: z
      .strictObject({ promptTokens: count, cachedTokens: count.optional(), completionTokens: count })
      .optional(),
    citations: z
      .array(
        z.strictObject({
          document: text,
          passage: text.optional(),
          title: text.optional(),
          text: text.optional(),
          score: z.number().optional(),
        }),
      )
      .optional(),
    finish: text.optional(),
    created: time,
  }),
  comparisons: z.strictObject({
    id,
    user: name,
    prompt,
    answers: z
      .array(feedbackAnswerSchema.extend({ sampling: object.optional() }))
      .min(2)
      .max(9),
    ranks: ranks.optional(),
    ranked: time.optional(),
    created: time,
  }),
  labelTasks: z.strictObject({
    id,
    kind: z.enum(FEEDBACK_KINDS),
    prompt,
    answers,
    category: text.optional(),
    overlap: z.int().min(1),
    priority: z.int(),
    user: name,
    conversation: name.optional(),
    created: time,
  }),
  labelJudgements: z.strictObject({
    id,
    task: id,
    user: name,
    labeler: name,
    skipped: z.boolean(),
    values: z.array(z.union([z.number(), text, rubricSchema, z.null()])).optional(),
    reason: text.optional(),
    created: time,
  }),
  feedback: z.discriminatedUnion('kind', [
    z.strictObject({ ...feedback, kind: z.literal('thumb'), value: z.union([z.literal(1), z.literal(-1)]) }),
    z.strictObject({ ...feedback, kind: z.literal('ranking'), value: ranks }),
    z.strictObject({ ...feedback, kind: z.literal('correction'), value: text }),
    z.strictObject({ ...feedback, kind: z.literal('rubric'), value: rubricSchema }),
  ]),
  roundFeedback: z.strictObject({
    round: id,
    feedback: id,
    use: z.enum(['train', 'heldout', 'dropped']),
    reason: text.optional(),
  }),
  collections: z.strictObject({
    name,
    description: text.optional(),
    user: name.optional(),
    settings: object.optional(),
    revision: count,
    created: time,
    updated: time,
  }),
  documents: z.strictObject({
    id,
    collection: name,
    title: text,
    source: text.optional(),
    mime: text,
    bytes: count,
    sha256: text,
    text: text.optional(),
    user: name.optional(),
    created: time,
  }),
  passages: z.strictObject({
    id,
    collection: name,
    document: id,
    index: count,
    text,
    heading: text.optional(),
    start: count.optional(),
    end: count.optional(),
    embedding: floats.optional(),
    embedder: text.optional(),
  }),
} satisfies { readonly [Table in Exclude<TableName, 'labelLeases'>]: z.ZodType<Stored[Table]> }

export type ExportedTable = keyof typeof recordSchemas
