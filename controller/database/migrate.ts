/**
 * Brings the database's schema up to date: files migrations/NNN-name.sql, applied in order and once.
 *
 * All that is pending is applied in one transaction under an advisory lock, so that controllers that
 * start at once take turns and a failure leaves the schema as it was. What was applied is recorded with
 * its checksum: a file that was changed afterwards, or one that is gone, is an error and not a guess.
 */
import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { inTransaction } from './pool.ts'

const MIGRATIONS = join(import.meta.dirname, 'migrations')
const FILE_NAME = /^\d{3}-[a-z0-9-]+\.sql$/
/** Any number, as long as every version of Cleanroom uses it and nothing else in the database does. */
const ADVISORY_LOCK = 7_013_461_702

export interface Migration {
  name: string
  sql: string
  /** SHA-256 of the file, lower-case hex. */
  checksum: string
}

/** Applies what is pending; resolves to the names of what it applied. */
export async function migrate (pool: pg.Pool, directory: string = MIGRATIONS): Promise<string[]> {
  const migrations = await readMigrations(directory)
  return inTransaction(pool, async client => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCK])
    await client.query('CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())')
    const applied = await client.query<{ name: string, checksum: string }>('SELECT name, checksum FROM schema_migrations ORDER BY name')
    const pending = pendingMigrations(migrations, applied.rows)
    for (const { name, sql, checksum } of pending) {
      await client.query(sql).catch((cause: Error) => { throw new Error(`Migration ${name} failed: ${cause.message}`, { cause }) })
      await client.query('INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)', [name, checksum])
    }
    return pending.map(({ name }) => name)
  })
}

/** What is still to be applied. Throws when what was applied is not the beginning of what there is. */
export function pendingMigrations (migrations: Migration[], applied: Array<Pick<Migration, 'name' | 'checksum'>>): Migration[] {
  for (const [index, { name, checksum }] of applied.entries()) {
    const known = migrations[index]
    if (known?.name !== name) throw new Error(`The database has migration ${name}, which this version of Cleanroom has not${known ? ` in the place of ${known.name}` : ''}: use the version that made it, or a newer one.`)
    if (known.checksum !== checksum) throw new Error(`Migration ${name} was changed after it was applied: restore it and add a new one.`)
  }
  return migrations.slice(applied.length)
}

async function readMigrations (directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter(name => name.endsWith('.sql')).sort()
  for (const [index, name] of names.entries()) {
    if (!FILE_NAME.test(name) || Number(name.slice(0, 3)) !== index + 1) throw new Error(`Migration ${name} is not number ${index + 1} or not named NNN-what-it-does.sql.`)
  }
  return Promise.all(names.map(async name => {
    const sql = await readFile(join(directory, name), 'utf8')
    return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
  }))
}
