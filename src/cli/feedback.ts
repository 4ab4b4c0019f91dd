/** `athanor feedback`: what people said, out of the database and into another one. */
import { createReadStream } from 'node:fs'
import { access } from 'node:fs/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { toStorageError, writeFileAtomic } from '../atomic.js'
import type { Counts } from '../store/index.js'
import { addVerb, type Context } from './context.js'
import { addDatabase, type DatabaseFlags, withStore } from './database.js'
import { CommandError } from './errors.js'
import { grouped, table } from './format.js'
import { text } from './numbers.js'
import { printResult } from './output.js'

interface ExportFlags extends DatabaseFlags {
  readonly out: string
  readonly since?: number
  readonly everything?: boolean
  readonly overwrite?: boolean
}

interface ImportFlags extends DatabaseFlags {
  readonly in: string
}

export function addFeedback(program: Command, context: Context): void {
  const feedback = addVerb(program, 'feedback', 'take what people said out of the database, or put it in', [
    'athanor feedback export --out feedback.jsonl --since 2026-01-31',
    'athanor feedback export --everything --out backup.jsonl',
    'athanor feedback import --in feedback.jsonl --database postgres://me@host/athanor',
  ])
  addDatabase(
    addVerb(feedback, 'export', 'write feedback as JSON Lines', [
      'athanor feedback export --out feedback.jsonl',
      'athanor feedback export --everything --out backup.jsonl',
    ]),
  )
    .requiredOption('--out <file>', 'file to write', text)
    .option(
      '--since <date>',
      'only what is from this day on: 2026-01-31, or a time as 2026-01-31T12:00Z',
      date,
    )
    .option('--everything', 'conversations, models, keys (as hashes), … too: all that the database holds')
    .option('--overwrite', 'replace a file that is there')
    .action((flags: ExportFlags) => exportVerb(context, flags))
  addDatabase(
    addVerb(feedback, 'import', 'add what an export holds; what is there already stays as it is', [
      'athanor feedback import --in feedback.jsonl',
    ]),
  )
    .requiredOption('--in <file>', 'file that feedback export wrote', text)
    .action((flags: ImportFlags) => importVerb(context, flags))
}

async function exportVerb(context: Context, flags: ExportFlags): Promise<void> {
  const { out, since, everything, overwrite, json } = flags
  if (!overwrite && (await isThere(out)))
    throw new CommandError('exists', `${out} is there already; choose another name, or --overwrite`)
  await withStore(context, flags, async (store) => {
    const lines = store.export({
      ...(everything ? {} : { only: ['feedback'] }),
      ...(since === undefined ? {} : { since }),
    })
    // The header and the last line are no records.
    let records = -2
    await writeFileAtomic(out, async (file) => {
      for await (const line of lines) {
        await file.appendFile(line)
        records++
      }
    })
    printResult(context.io, json, { out, records }, `${grouped(records)} records, in ${out}\n`)
  })
}

async function importVerb(context: Context, flags: ImportFlags): Promise<void> {
  await withStore(context, flags, async (store) => {
    const { added, known } = await store.import(fileOf(flags.in))
    const total = (counts: Counts) => Object.values(counts).reduce((sum, count) => sum + count, 0)
    const rows = Object.entries(added).map(
      ([kind, count]) => [kind, `${grouped(count)} new, ${grouped(known[kind] ?? 0)} known`] as const,
    )
    printResult(
      context.io,
      flags.json,
      { added, known },
      `${grouped(total(added))} records came, ${grouped(total(known))} were there\n${table(rows)}`,
    )
  })
}

async function* fileOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path)
  } catch (error) {
    throw toStorageError(error, 'read', path)
  }
}

function date(value: string): number {
  const time = /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(time)) throw new InvalidArgumentError('It must be a date as 2026-01-31.')
  return time
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
