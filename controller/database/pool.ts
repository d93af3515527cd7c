/** Connections to the incident database. */
import pg from 'pg'

const CONNECT_LIMIT_MS = 10_000
const CONNECTIONS = 10

/**
 * A pool of connections. `onError` hears of an idle connection that broke, for example because the server
 * was restarted: the pool replaces it by itself, and without a listener it would end the process.
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
  return pool
}

/** Runs `work` in one transaction: all of it is kept when it resolves, nothing when it rejects. */
export async function inTransaction<T> (pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
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
    throw error
  } finally {
    client.off('error', onBroken)
    client.release(broken)
  }
}
