/** `athanor keys`: who may use the server. */
import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import type { ApiKey, Scope } from '../store/index.js'
import { addVerb, type Context } from './context.js'
import { addDatabase, type DatabaseFlags, withStore } from './database.js'
import { integer, text } from './numbers.js'
import { printResult } from './output.js'

const scopes = ['chat', 'feedback', 'admin'] as const
const DAY = 86_400_000

interface CreateFlags extends DatabaseFlags {
  readonly name: string
  readonly user?: string
  readonly scope?: Scope[]
  readonly expires?: number
  readonly requestsPerMinute?: number
  readonly tokensPerMinute?: number
  readonly tokensPerDay?: number
}

export function addKeys(program: Command, context: Context): void {
  const keys = addVerb(program, 'keys', 'make, list and revoke API keys', [
    'athanor keys create --name me --scope admin',
    'athanor keys create --name "our app" --user app --requests-per-minute 60 --expires 90',
    'athanor keys revoke key_01k…',
  ])
  addDatabase(addVerb(keys, 'create', 'make an API key; its secret is shown once'))
    .requiredOption('--name <name>', 'what it is for', text)
    .option('--user <user>', 'whose conversations and feedback it sees and makes (default: the name)', text)
    .option('--scope <scope...>', 'chat, feedback, admin (all of them); default: chat and feedback', scopeOf)
    .option('--expires <days>', 'days until it ends (default: never)', integer({ min: 1, max: 36_500 }))
    .option('--requests-per-minute <n>', 'requests in a minute at most', integer({ min: 1 }))
    .option('--tokens-per-minute <n>', 'tokens, read and written, in a minute at most', integer({ min: 1 }))
    .option('--tokens-per-day <n>', 'tokens on a day (UTC) at most', integer({ min: 1 }))
    .action((flags: CreateFlags) => create(context, flags))
  addDatabase(addVerb(keys, 'list', 'list the API keys')).action((flags: DatabaseFlags) =>
    list(context, flags),
  )
  addDatabase(addVerb(keys, 'revoke', 'end an API key at once'))
    .argument('<id>', 'the key’s id, as athanor keys list shows it')
    .action((id: string, flags: DatabaseFlags) => revoke(context, id, flags))
}

async function create(context: Context, flags: CreateFlags): Promise<void> {
  const { name, user = name, scope = ['chat', 'feedback'], expires, json } = flags
  const limits = Object.fromEntries(
    (['requestsPerMinute', 'tokensPerMinute', 'tokensPerDay'] as const).flatMap((limit) =>
      flags[limit] === undefined ? [] : [[limit, flags[limit]] as const],
    ),
  )
  await withStore(context, flags, async (store) => {
    const { key, secret } = await store.keys.create({
      name,
      user,
      scopes: scopes.filter((each) => scope.includes(each)),
      ...(Object.keys(limits).length > 0 ? { limits } : {}),
      ...(expires === undefined ? {} : { expires: Date.now() + expires * DAY }),
    })
    await store.audit.add({
      user: 'local',
      action: 'key.create',
      target: key.id,
      details: { scopes: key.scopes, via: 'cli' },
    })
    const lines = `${secret}\n`
    printResult(context.io, json, { ...key, secret }, lines)
    if (!json) context.io.stderr.write(`${key.id} (${name}); keep the key now, it is not shown again\n`)
  })
}

async function list(context: Context, flags: DatabaseFlags): Promise<void> {
  await withStore(context, flags, async (store) => {
    const keys = await store.keys.list()
    const rows = keys.map((key) => [key.id, key.hint, stateOf(key), key.scopes.join(' '), key.user, key.name])
    printResult(
      context.io,
      flags.json,
      keys,
      columns([['id', 'key', 'state', 'scopes', 'user', 'name'], ...rows]),
    )
    if (keys.length === 0 && !flags.json)
      context.io.stderr.write(
        'there are no keys; make one with athanor keys create --name me --scope admin\n',
      )
  })
}

async function revoke(context: Context, id: string, flags: DatabaseFlags): Promise<void> {
  await withStore(context, flags, async (store) => {
    const key = await store.keys.revoke(id)
    await store.audit.add({ user: 'local', action: 'key.revoke', target: id, details: { via: 'cli' } })
    printResult(context.io, flags.json, key, `${id} (${key.name}) opens nothing any more\n`)
  })
}

function scopeOf(value: string, previous: readonly Scope[] | undefined): Scope[] {
  const given = value.split(',').map((word) => {
    const scope = scopes.find((each) => each === word.trim())
    if (scope === undefined) throw new InvalidArgumentError(`It must be one of ${scopes.join(', ')}.`)
    return scope
  })
  return [...(previous ?? []), ...given]
}

function stateOf({ revoked, expires }: ApiKey): string {
  if (revoked !== undefined) return 'revoked'
  if (expires === undefined) return 'valid'
  const day = new Date(expires).toISOString().slice(0, 10)
  return expires <= Date.now() ? `expired ${day}` : `until ${day}`
}

/** Rows under a heading, each column as wide as it needs. */
function columns(rows: readonly (readonly string[])[]): string {
  if (rows.length === 1) return ''
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
