/** What verbs that work on a server's database have in common. */
import type { Command } from 'commander'
import type { Store } from '../store/index.js'
import type { Context } from './context.js'
import { text } from './numbers.js'

export interface DatabaseFlags {
  readonly database?: string
  readonly json?: boolean
}

export function addDatabase(verb: Command): Command {
  return verb
    .option(
      '--database <url>',
      'the server’s: file:PATH or postgres://… (default: ATHANOR_DATABASE, or file:athanor.db)',
      text,
    )
    .option('--json', 'print the result as JSON')
}

/** Opens the database that the flags name, else the environment, else the file that a server makes by itself. */
export async function withStore<T>(
  { io, library }: Context,
  { database }: DatabaseFlags,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const { openStore } = await library.store()
  const store = await openStore({ url: database ?? (io.env.ATHANOR_DATABASE || 'file:athanor.db') })
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}
