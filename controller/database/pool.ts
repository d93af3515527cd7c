/** Connections to the incident database. */
import pg from 'pg'
import { fromDatabase, wasCut } from './database-errors.ts'

const CONNECT_LIMIT_MS = 10_000
const CONNECTIONS = 10
/** A statement that changes nothing by itself. */
const READS = /^\s*SELECT\b/i

/**
 * A pool of connections whose `query`, outside of transactions, rejects with DATABASE_UNAVAILABLE when the
 * database is away, and asks a read again when only its connection was cut. `onError` hears of an idle
 * connection that broke, for example because the server was restarted: the pool replaces it by itself, and
 * without a listener it would end the process.
 */
export function createPool (url: string, onError: (error: Error) => void): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'cleanroom',
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_LIMIT_MS
  })
  // A connection that ends while the pool is being closed is no news.
  pool.on('error', error => { if (!pool.ending) onError(error) })
  const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<pg.QueryResult>
  const answered = async (...args: unknown[]): Promise<pg.QueryResult> => {
    // Every idle connection may have been cut before the pool hears of it; a new one follows the last of them.
    for (let left = READS.test(String(args[0])) ? CONNECTIONS : 0; ; left--) {
      try {
        return await query(...args)
      } catch (error) {
        if (left === 0 || !wasCut(error)) throw fromDatabase(error)
      }
    }
  }
  pool.query = answered as typeof pool.query
  return pool
}

/**
 * Runs `work` in one transaction: all of it is kept when it resolves, nothing when it rejects, but for
 * DATABASE_UNAVAILABLE: when the connection is lost while it commits, nobody knows.
 */
export async function inTransaction<T> (pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => { throw fromDatabase(error) })
  let broken: Error | undefined
  // A connection that breaks while it is in use would otherwise end the process.
  const onBroken = (error: Error): void => { broken = error }
  client.on('error', onBroken)
  try {
    await client.query('BEGIN')
    const result = await work(client)
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch((cause: Error) => { broken = cause })
    throw fromDatabase(error)
  } finally {
    client.off('error', onBroken)
    client.release(broken)
  }
}
