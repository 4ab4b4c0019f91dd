import {
  type Dialect,
  PostgresAdapter,
  PostgresDriver,
  PostgresIntrospector,
  type PostgresPoolClient,
  PostgresQueryCompiler,
} from 'kysely'
import pg from 'pg'
import { StorageError } from '../../atomic.js'
import { AthanorError } from '../../errors.js'
import { StoreError } from '../errors.js'

const INT8 = 20

export interface PostgresOptions {
  readonly url: string
  /** The URL without a password, for messages. */
  readonly name: string
  readonly connections?: number
  /** Throws where the caller stands in a transaction already: what it does would not be part of it. */
  readonly checkCaller?: () => void
}

/** PostgreSQL through pg, with its errors as ours and 64-bit integers as numbers. */
export class PostgresDialect implements Dialect {
  constructor(private readonly options: PostgresOptions) {}

  createDriver(): PostgresDriver {
    const { url, name, connections = 10, checkCaller } = this.options
    const pool = new pg.Pool({
      connectionString: url,
      max: connections,
      connectionTimeoutMillis: 15_000,
      application_name: 'athanor',
      types: {
        getTypeParser: (oid: number, format?: 'text' | 'binary') =>
          oid === INT8 ? Number : pg.types.getTypeParser(oid, format as 'text'),
      } as pg.CustomTypesConfig,
    })
    // What the promise of a write means, whatever the server's default is. What follows on the connection waits for it.
    pool.on('connect', (client) => void client.query('SET synchronous_commit TO on').catch(() => undefined))
    // A connection that breaks while nobody uses it: the next query opens another one.
    pool.on('error', () => undefined)
    const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
      try {
        return await work()
      } catch (error) {
        throw translate(error, name)
      }
    }
    return new PostgresDriver({
      pool: {
        async connect() {
          checkCaller?.()
          const client = await attempt(() => pool.connect())
          return {
            query: (sql: string, parameters: readonly unknown[]) =>
              attempt(() => client.query(sql, [...parameters])),
            release: () => client.release(),
          } as unknown as PostgresPoolClient
        },
        end: () => pool.end(),
      },
    })
  }

  createAdapter = () => new PostgresAdapter()
  createQueryCompiler = () => new PostgresQueryCompiler()
  createIntrospector = (db: ConstructorParameters<typeof PostgresIntrospector>[0]) =>
    new PostgresIntrospector(db)
}

/** What an error of PostgreSQL means; codes: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function translate(error: unknown, name: string): unknown {
  if (error instanceof AthanorError || !(error instanceof Error)) return error
  const because = { cause: error }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (['53100', '58030'].includes(code)) {
    return new StorageError(
      'full',
      name,
      `cannot write to the database ${name}: its disk is full or fails; free some space there, nothing that was saved is lost`,
      because,
    )
  }
  if (code === '23505') return new StoreError('conflict', 'there is such a record already', because)
  if (code.startsWith('23'))
    return new StoreError('invalid', `the record does not fit what is there (${error.message})`, because)
  if (code.startsWith('54'))
    return new StoreError('too-large', `the database refuses: ${error.message}`, because)
  if (['40001', '40P01', '55P03'].includes(code))
    return new StoreError('busy', `others change the same records in ${name}; try again`, because)
  if (code.startsWith('28') || code === '3D000') {
    return new StoreError(
      'unavailable',
      `cannot open the database ${name}: ${error.message}; check user, password and name in its URL`,
      because,
    )
  }
  if (code === '25006')
    return new StorageError('read-only', name, `the database ${name} is read-only`, because)
  if (code === '' || /^(E[A-Z]+|08...|57P..|53300)$/.test(code)) {
    return new StoreError(
      'unavailable',
      `the database ${name} does not answer: ${error.message || code}; check that it runs and can be reached`,
      because,
    )
  }
  return new StoreError('failed', `the database ${name} failed: ${error.message} (${code})`, because)
}
