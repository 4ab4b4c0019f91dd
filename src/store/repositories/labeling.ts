import { sql } from 'kysely'
import { StoreError } from '../errors.js'
import { notFound, page, type Session } from '../session.js'
import { fromRow } from '../sql/tables.js'
import type { FeedbackKind, Labeling, LabelJudgement, LabelTask } from '../types.js'
import { addFeedback } from './feedback.js'

/** How long a task is kept for a labeler who was given it. */
const LEASE = 30 * 60_000

export function labelingOf(session: Session): Labeling {
  const getTask = (id: string) => session.get('labelTasks', { id }, 'labeling task')
  return {
    task: getTask,

    addTasks: (...given) =>
      session.transaction(async (inside) => {
        const tasks = given.map((one): LabelTask => {
          checkTask(one.kind, one.answers.length)
          return { overlap: 1, priority: 0, ...one, ...inside.stamp('task', one) }
        })
        await inside.insert('labelTasks', tasks)
        return tasks
      }),

    async tasks({ kind, ...query } = {}) {
      let select = session.db.selectFrom('labelTasks').selectAll()
      if (kind !== undefined) select = select.where('kind', '=', kind)
      return page(select, query, { table: 'labelTasks', by: 'created' })
    },

    async removeTask(id) {
      const { numDeletedRows } = await session.db
        .deleteFrom('labelTasks')
        .where('id', '=', id)
        .executeTakeFirst()
      if (numDeletedRows === 0n) throw notFound('labeling task', id)
    },

    next: (labeler, query = {}) =>
      session.transaction(async (inside) => {
        // Two labelers at once must not both get the last free place of a task.
        await inside.lock('labeling queue')
        return nextTask(inside, labeler, query.kind)
      }),

    judge: (given, feedback) =>
      session.transaction(async (inside) => {
        const task = await inside.get('labelTasks', { id: given.task }, 'labeling task')
        const before = await inside.find('labelJudgements', { task: task.id, labeler: given.labeler })
        if (before && !before.skipped) {
          throw new StoreError('conflict', `${given.labeler} has judged the task ${task.id} already`)
        }
        if (!given.skipped && given.values?.length !== task.answers.length)
          throw new StoreError('invalid', `the task ${task.id} needs one value for each answer`)
        // Who passed it over may come back to it.
        if (before) await inside.db.deleteFrom('labelJudgements').where('id', '=', before.id).execute()
        const judgement: LabelJudgement = { ...given, ...inside.stamp('judge', given) }
        await inside.insert('labelJudgements', [judgement])
        await inside.db
          .deleteFrom('labelLeases')
          .where('task', '=', task.id)
          .where('labeler', '=', given.labeler)
          .execute()
        const added = await addFeedback(
          inside,
          feedback.map((one) => ({ ...one, task: task.id })),
        )
        return { judgement, feedback: added }
      }),

    async *judgements({ kind, labeler } = {}) {
      for (let after = ''; ; ) {
        let select = session.db
          .selectFrom('labelJudgements')
          .innerJoin('labelTasks', 'labelTasks.id', 'labelJudgements.task')
          .selectAll('labelJudgements')
          .where('labelJudgements.id', '>', after)
        if (kind !== undefined) select = select.where('labelTasks.kind', '=', kind)
        if (labeler !== undefined) select = select.where('labelJudgements.labeler', '=', labeler)
        const rows = await select.orderBy('labelJudgements.id').limit(PAGE).execute()
        const judgements = rows.map((row) => fromRow('labelJudgements', row))
        if (judgements.length === 0) return
        const ids = [...new Set(judgements.map(({ task }) => task))]
        const found = await session.db.selectFrom('labelTasks').selectAll().where('id', 'in', ids).execute()
        const tasks = new Map(found.map((row) => [row.id, fromRow('labelTasks', row)]))
        for (const judgement of judgements) {
          const task = tasks.get(judgement.task)
          if (task) yield { task, judgement }
        }
        if (judgements.length < PAGE) return
        after = judgements.at(-1)!.id
      }
    },

    async progress() {
      const { tasks } = await session.db
        .selectFrom('labelTasks')
        .select(sql<number>`count(*)`.as('tasks'))
        .executeTakeFirstOrThrow()
      const { done } = await session.db
        .selectFrom('labelTasks')
        .select(sql<number>`count(*)`.as('done'))
        .where(judgedBy, '>=', sql<number>`"labelTasks".overlap`)
        .executeTakeFirstOrThrow()
      const labelers = await session.db
        .selectFrom('labelJudgements')
        .select([
          'labeler',
          sql<number>`sum(1 - skipped)`.as('judged'),
          sql<number>`sum(skipped)`.as('skipped'),
        ])
        .groupBy('labeler')
        .orderBy('labeler')
        .execute()
      return {
        tasks: Number(tasks),
        done: Number(done),
        labelers: labelers.map((one) => ({
          labeler: one.labeler ?? '',
          judged: Number(one.judged),
          skipped: Number(one.skipped),
        })),
      }
    },
  }
}

const PAGE = 500

/** How many have judged a task; a condition's left side. */
const judgedBy = sql<number>`(SELECT count(*) FROM "labelJudgements" AS j WHERE j.task = "labelTasks".id AND j.skipped = 0)`

function checkTask(kind: FeedbackKind, answers: number): void {
  const [least, most] = kind === 'ranking' ? [2, 9] : [1, 9]
  if (answers < least || answers > most)
    throw new StoreError('invalid', `a ${kind} task needs ${least} to ${most} answers, not ${answers}`)
}

async function nextTask(
  { db, ticks }: Session,
  labeler: string,
  kind: FeedbackKind | undefined,
): Promise<LabelTask | undefined> {
  const now = ticks()
  await db.deleteFrom('labelLeases').where('until', '<', now).execute()
  const kept = sql<number>`(SELECT count(*) FROM "labelLeases" AS l WHERE l.task = "labelTasks".id AND l.labeler <> ${labeler})`
  const mine = sql<number>`(SELECT count(*) FROM "labelLeases" AS l WHERE l.task = "labelTasks".id AND l.labeler = ${labeler})`
  let select = db
    .selectFrom('labelTasks')
    .selectAll()
    .where(sql<boolean>`${judgedBy} + ${kept} < overlap`)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('labelJudgements')
            .select('labelJudgements.id')
            .whereRef('labelJudgements.task', '=', 'labelTasks.id')
            .where('labelJudgements.labeler', '=', labeler),
        ),
      ),
    )
  if (kind !== undefined) select = select.where('kind', '=', kind)
  // What they hold already, then what is important, then what others have begun, so that tasks get done.
  const row = await select
    .orderBy(mine, 'desc')
    .orderBy('priority', 'desc')
    .orderBy(judgedBy, 'desc')
    .orderBy('created')
    .orderBy('id')
    .executeTakeFirst()
  if (row === undefined) return undefined
  const task = fromRow('labelTasks', row)
  await db
    .insertInto('labelLeases')
    .values({ task: task.id, labeler, until: now + LEASE })
    .onConflict((conflict) => conflict.columns(['task', 'labeler']).doUpdateSet({ until: now + LEASE }))
    .execute()
  return task
}
