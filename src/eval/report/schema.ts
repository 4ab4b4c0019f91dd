/**
 * Everything that a report card shows, as data. Recipes fill it in, `report.json` holds it, and the page and the markdown are
 * functions of it alone. Every part may be missing: what was not measured is left out of the report.
 */
import { z } from 'zod'
import { ReportError } from './errors.js'

/** Rises when a report of before could no longer be read. */
export const REPORT_VERSION = 1

const name = z.string().min(1)
const count = z.number().int().nonnegative()
const amount = z.number().nonnegative()

const estimateSchema = z.object({
  value: z.number(),
  /** Bounds of the interval (95 % unless the note beside it says otherwise). */
  low: z.number().optional(),
  high: z.number().optional(),
  /** Examples it rests on. */
  n: count.optional(),
})

const settingSchema = z.union([z.string(), z.number(), z.boolean(), z.null()])

const stageSchema = z.object({
  name,
  /** Where its run lies; relative to the report, or as the user gave it. */
  dir: z.string().optional(),
  /** Wall clock. */
  seconds: amount.optional(),
  /** Tokens trained on (pretraining, SFT) or generated and trained on (PPO). */
  tokens: amount.optional(),
  steps: count.optional(),
  parameters: count.optional(),
  /** Floating-point operations of training, as estimated by whoever filled this in. */
  flops: amount.optional(),
  peakMemoryBytes: amount.optional(),
  /** False where the stage was stopped before its end. */
  finished: z.boolean().optional(),
  settings: z.record(z.string(), settingSchema).default({}),
})

const curveSchema = z.object({
  title: name,
  stage: z.string().optional(),
  /** What the axes show, with units. */
  xLabel: z.string().default('step'),
  yLabel: z.string().default(''),
  /** A logarithmic y axis, where all values are positive. */
  log: z.boolean().default(false),
  /** Folded away below the main curves. */
  minor: z.boolean().default(false),
  series: z.array(z.object({ name, points: z.array(z.tuple([z.number(), z.number()])) })),
  /** Horizontal lines to compare with. */
  references: z.array(z.object({ name, value: z.number() })).default([]),
  note: z.string().optional(),
})

const scoreRowSchema = z.object({
  suite: name,
  description: z.string().optional(),
  /** 'fraction' is shown as per cent; anything else is printed behind the number. */
  unit: z.string().default('fraction'),
  better: z.enum(['higher', 'lower']).default('higher'),
  /** One cell for each of the stages of the table, null where it was not measured. */
  cells: z.array(estimateSchema.nullable()),
  bar: z.object({ target: z.number(), met: z.boolean() }).optional(),
})

const scoresSchema = z
  .object({ stages: z.array(name), rows: z.array(scoreRowSchema), note: z.string().optional() })
  .superRefine(({ stages, rows }, context) => {
    rows.forEach(({ suite, cells }, i) => {
      if (cells.length === stages.length) return
      const message = `'${suite}' has ${cells.length} cells for ${stages.length} stages`
      context.addIssue({ code: 'custom', path: ['rows', i, 'cells'], message })
    })
  })

const winsSchema = z.object({
  /** Who judged, said plainly. */
  judge: z.string(),
  stages: z.array(name),
  /** How often `stage` was preferred to `against`; a pair need stand here in one direction only. */
  cells: z.array(
    z.object({
      stage: name,
      against: name,
      wins: count,
      ties: count,
      losses: count,
      /** (wins + ties / 2) / all, with its interval. */
      rate: z.number().min(0).max(1),
      low: z.number().min(0).max(1),
      high: z.number().min(0).max(1),
    }),
  ),
  note: z.string().optional(),
})

const overOptimisationSchema = z.object({
  stage: z.string().optional(),
  points: z.array(
    z.object({
      /** Nats per answer from the reference model. */
      kl: amount,
      step: count.optional(),
      /** Mean score of the reward model that was trained on. */
      proxy: z.number(),
      /** Mean score of the gold judge. */
      gold: z.number(),
      low: z.number().optional(),
      high: z.number().optional(),
    }),
  ),
  /** The KL where gold is highest. Default: that of the highest point. */
  goldPeak: amount.optional(),
  note: z.string().optional(),
})

const ablationSchema = z.object({
  metrics: z.array(
    z.object({
      name,
      unit: z.string().default('fraction'),
      better: z.enum(['higher', 'lower']).default('higher'),
    }),
  ),
  rows: z.array(
    z.object({
      name,
      /** What was changed, and what it teaches. */
      lesson: z.string().optional(),
      /** The row that the others are compared with. */
      baseline: z.boolean().default(false),
      cells: z.array(estimateSchema.nullable()),
    }),
  ),
  note: z.string().optional(),
})

const rewardModelSchema = z.object({
  accuracy: estimateSchema,
  /** The best accuracy that the noise of the labels allows. */
  ceiling: z.number().optional(),
  baselines: z.array(z.object({ name, accuracy: estimateSchema })).default([]),
  categories: z.array(z.object({ name, accuracy: estimateSchema })).default([]),
  /** Bins of the predicted probability that the chosen answer wins. */
  calibration: z
    .array(
      z.object({
        predicted: z.number().min(0).max(1),
        observed: z.number().min(0).max(1),
        low: z.number().optional(),
        high: z.number().optional(),
        n: count,
      }),
    )
    .default([]),
  note: z.string().optional(),
})

const dataSchema = z.object({
  description: z.string().optional(),
  sources: z
    .array(
      z.object({
        name,
        licence: z.string().optional(),
        documents: count.optional(),
        bytes: amount.optional(),
      }),
    )
    .default([]),
  stages: z
    .array(
      z.object({
        stage: name,
        examples: count.optional(),
        tokens: amount.optional(),
        bytes: amount.optional(),
        note: z.string().optional(),
      }),
    )
    .default([]),
  /** What no training stage has seen. */
  heldOut: z
    .array(z.object({ what: name, examples: count.optional(), note: z.string().optional() }))
    .default([]),
  /** What cleaning took away, and why. */
  removed: z.array(z.object({ reason: name, documents: count })).default([]),
})

const sampleSchema = z.object({
  prompt: z.array(z.object({ role: name, content: z.string() })).min(1),
  category: z.string().optional(),
  answers: z.array(
    z.object({
      stage: name,
      text: z.string(),
      /** What judges gave it: { gold: 0.9, 'reward model': 1.2 }. */
      scores: z.record(z.string(), z.number()).default({}),
    }),
  ),
})

const noteSchema = z.object({
  /** 'simulated': labelers or judges are programs; 'miss': a target that was not reached. */
  kind: z.enum(['simulated', 'miss', 'note']).default('note'),
  text: z.string().min(1),
})

export const reportSchema = z.object({
  version: z.literal(REPORT_VERSION).default(REPORT_VERSION),
  title: name,
  subtitle: z.string().optional(),
  preset: z.string().optional(),
  /** When it was made. */
  when: z.iso.datetime({ offset: true }),
  /** Made of run folders by `athanor report`, which makes it anew each time. */
  collected: z.boolean().default(false),
  /** athanor, node, onnxruntime, platform, threads, … */
  versions: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  seeds: z.record(z.string(), z.number()).default({}),
  notes: z.array(noteSchema).default([]),
  data: dataSchema.optional(),
  stages: z.array(stageSchema).default([]),
  curves: z.array(curveSchema).default([]),
  scores: scoresSchema.optional(),
  wins: winsSchema.optional(),
  overOptimisation: overOptimisationSchema.optional(),
  rewardModel: rewardModelSchema.optional(),
  ablation: ablationSchema.optional(),
  samples: z.array(sampleSchema).default([]),
})

/** A report, complete. */
export type ReportData = z.output<typeof reportSchema>
/** A report as a recipe writes it: what has a default may be left out. */
export type ReportInput = z.input<typeof reportSchema>
export type Estimate = z.output<typeof estimateSchema>
export type ReportStage = z.output<typeof stageSchema>
export type Curve = z.output<typeof curveSchema>
export type CurveInput = z.input<typeof curveSchema>
export type Scores = z.output<typeof scoresSchema>
export type ScoreRow = z.output<typeof scoreRowSchema>
export type Wins = z.output<typeof winsSchema>
export type OverOptimisation = z.output<typeof overOptimisationSchema>
export type Ablation = z.output<typeof ablationSchema>
export type RewardModelReport = z.output<typeof rewardModelSchema>
export type DataCard = z.output<typeof dataSchema>
export type ReportSample = z.output<typeof sampleSchema>
export type ReportNote = z.output<typeof noteSchema>

/**
 * Checks a report and fills in its defaults.
 * @param where named in the error: a path, or what made the report
 * @throws ReportError `report/data` naming what is wrong where, `report/version` for a report of a later Athanor
 */
export function parseReport(value: unknown, where = 'the report'): ReportData {
  const version =
    typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined
  if (typeof version === 'number' && version > REPORT_VERSION) {
    throw new ReportError(
      'report/version',
      `${where} has version ${version} and this Athanor reads up to ${REPORT_VERSION}; update Athanor`,
    )
  }
  const parsed = reportSchema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new ReportError('report/data', `${where} is not a report: ${z.prettifyError(parsed.error)}`)
}
