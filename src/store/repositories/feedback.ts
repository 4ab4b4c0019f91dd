import { type SelectQueryBuilder, sql } from 'kysely'
import { StoreError } from '../errors.js'
import { page, type Session } from '../session.js'
import { fromRow, type Schema, toColumns } from '../sql/tables.js'
import {
  type Access,
  type Comparisons,
  FEEDBACK_KINDS,
  type Feedback,
  type FeedbackQuery,
  type FeedbackRepository,
  type NewFeedback,
} from '../types.js'

const DAY = 86_400_000

export function feedbackOf(session: Session): FeedbackRepository {
  const list = (access: Access, { cursor, limit, ...query }: FeedbackQuery = {}) =>
    page(
      selectFeedback(session, access, query).selectAll(),
      { cursor, limit },
      { table: 'feedback', by: 'created' },
    )
  return {
    list,
    get: (id, access) => session.getOwn('feedback', id, access, 'feedback'),
    add: (...feedback) => session.transaction((inside) => addFeedback(inside, feedback)),

    async *each(access, query) {
      for (let cursor: string | undefined; ; ) {
        const { items, next } = await list(access, { ...query, cursor, limit: 500 })
        yield* items
        if (next === undefined) return
        cursor = next
      }
    },

    async stats(access) {
      const select = () => selectFeedback(session, access, {})
      const count = sql<number>`count(*)`.as('count')
      const total = await select()
        .select([
          count,
          sql<number>`count(*) - count(round)`.as('unused'),
          sql<number>`count(DISTINCT "user")`.as('users'),
        ])
        .executeTakeFirstOrThrow()
      const kinds = await select().select(['kind', count]).groupBy('kind').execute()
      const thumbs = await select()
        .where('kind', '=', 'thumb')
        .select(['value', count])
        .groupBy('value')
        .execute()
      // Both databases divide whole numbers to whole numbers.
      const day = sql<number>`created / ${sql.lit(DAY)}`
      const days = await select()
        .select([day.as('day'), count])
        .groupBy(day)
        .orderBy(day)
        .execute()
      const ofThumb = (value: string) => Number(thumbs.find((one) => one.value === value)?.count ?? 0)
      return {
        total: Number(total.count),
        unused: Number(total.unused),
        users: Number(total.users),
        kinds: Object.fromEntries(
          FEEDBACK_KINDS.map((kind) => [kind, Number(kinds.find((one) => one.kind === kind)?.count ?? 0)]),
        ) as Record<(typeof FEEDBACK_KINDS)[number], number>,
        thumbs: { up: ofThumb('1'), down: ofThumb('-1') },
        days: days.map((one) => ({
          day: new Date(Number(one.day) * DAY).toISOString().slice(0, 10),
          count: Number(one.count),
        })),
      }
    },

    remove: (id, access) =>
      session.transaction(async (inside) => {
        await inside.getOwn('feedback', id, access, 'feedback')
        await inside.db.deleteFrom('roundFeedback').where('feedback', '=', id).execute()
        await inside.db.deleteFrom('feedback').where('id', '=', id).execute()
      }),
  }
}

function selectFeedback({ db, dialect }: Session, access: Access, query: FeedbackQuery) {
  let select: SelectQueryBuilder<Schema, 'feedback', object> = db.selectFrom('feedback')
  if (access !== 'anyone') select = select.where('user', '=', access.user)
  if (query.since !== undefined) select = select.where('created', '>=', query.since)
  if (query.until !== undefined) select = select.where('created', '<', query.until)
  if (query.kind !== undefined) select = select.where('kind', '=', query.kind)
  if (query.message !== undefined) select = select.where('message', '=', query.message)
  if (query.conversation !== undefined) select = select.where('conversation', '=', query.conversation)
  if (query.unused) select = select.where('round', 'is', null)
  if (query.model !== undefined) {
    // Within a text of JSON the quotes would have a backslash, so only the fields themselves are found.
    const position = sql.raw(dialect === 'postgres' ? 'strpos' : 'instr')
    const has = (field: string) =>
      sql<boolean>`${position}(answers, ${`"${field}":${JSON.stringify(query.model)}`}) > 0`
    select = select.where((where) => where.or([has('model'), has('modelVersion')]))
  }
  return select
}

/** Checks and adds, within a transaction. */
export async function addFeedback(session: Session, given: readonly NewFeedback[]): Promise<Feedback[]> {
  const added: Feedback[] = []
  for (const one of given) {
    checkFeedback(one)
    const feedback = { ...one, labeler: one.labeler ?? one.user, ...session.stamp('fb', one) } as Feedback
    if (feedback.message !== undefined && feedback.kind !== 'ranking') {
      // Who presses twice at once must not be counted twice.
      await session.lock(`feedback ${feedback.message}`)
      await session.db
        .deleteFrom('feedback')
        .where('message', '=', feedback.message)
        .where('kind', '=', feedback.kind)
        .where('user', '=', feedback.user)
        .where('labeler', '=', feedback.labeler)
        .where('round', 'is', null)
        .execute()
    }
    await session.insert('feedback', [feedback])
    added.push(feedback)
  }
  return added
}

/** @throws StoreError `store/invalid` where the value is not one for these answers */
export function checkFeedback({ kind, value, answers, prompt }: NewFeedback): void {
  const wrong = (problem: string) => new StoreError('invalid', `this ${kind} ${problem}`)
  if (prompt.length === 0) throw wrong('has no prompt: give the messages before the answers')
  if (kind === 'ranking') {
    if (answers.length < 2 || answers.length > 9) throw wrong('needs two to nine answers')
    checkRanks(value, answers.length)
    return
  }
  if (answers.length !== 1) throw wrong('is about one answer')
  if (kind === 'thumb' && value !== 1 && value !== -1) throw wrong('must be 1 or -1')
  if (kind === 'correction' && (typeof value !== 'string' || value.trim() === ''))
    throw wrong('needs the better text')
  if (kind === 'rubric') {
    const scores = Object.values(value).filter((score) => score !== undefined)
    if (scores.length === 0 || scores.some((score) => !(score >= 0 && score <= 1)))
      throw wrong('needs quality, safety or groundedness, each from 0 to 1')
  }
}

/** @throws StoreError `store/invalid` where there is not a whole number from 1 to `answers` for each answer */
export function checkRanks(ranks: readonly number[], answers: number): void {
  const isRank = (rank: number) => Number.isInteger(rank) && rank >= 1 && rank <= answers
  if (ranks.length !== answers || !ranks.every(isRank))
    throw new StoreError(
      'invalid',
      `ranks must be ${answers} whole numbers from 1 to ${answers}, one for each answer`,
    )
}

export function comparisonsOf(session: Session): Comparisons {
  const get = (id: string, access: Access) => session.getOwn('comparisons', id, access, 'comparison')
  return {
    get,

    async create(given) {
      const comparison = { ...given, ...session.stamp('cmp', given) }
      await session.insert('comparisons', [comparison])
      return comparison
    },

    rank: (id, ranks, feedback, access) =>
      session.transaction(async (inside) => {
        await inside.lock(`comparison ${id}`)
        const before = await inside.getOwn('comparisons', id, access, 'comparison')
        if (before.ranked !== undefined)
          throw new StoreError('conflict', `the comparison ${id} was ranked before`)
        checkRanks(ranks, before.answers.length)
        const row = await inside.db
          .updateTable('comparisons')
          .set(toColumns('comparisons', { ranks, ranked: inside.ticks() }))
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirstOrThrow()
        return {
          comparison: fromRow('comparisons', row),
          feedback: await addFeedback(
            inside,
            feedback.map((one) => ({ ...one, comparison: id })),
          ),
        }
      }),
  }
}
