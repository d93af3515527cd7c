import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts'
import { migrate } from './migrate.ts'
import { createPool, inTransaction } from './pool.ts'

describe('the schema of the incident database', function () {
  this.timeout(60_000)
  let state: string
  let server: EmbeddedPostgres
  let pool: pg.Pool
  let directory: string

  before(async () => {
    state = await mkdtemp(join(tmpdir(), 'cleanroom-migrate-'))
    await chmod(state, 0o711)
    server = await startEmbeddedPostgres({ dataDir: join(state, 'data'), logFile: join(state, 'postgres.log') })
  })

  after(async () => {
    await server?.stop()
    await rm(state, { recursive: true, force: true })
  })

  beforeEach(async () => {
    pool = createPool(server.url, error => { throw error })
    directory = await mkdtemp(join(state, 'migrations-'))
    await pool.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
  })

  afterEach(() => pool.end())

  const write = (name: string, sql: string) => writeFile(join(directory, name), sql)
  const tables = async () => (await pool.query<{ tablename: string }>(
    'SELECT tablename FROM pg_tables WHERE schemaname = \'public\' ORDER BY tablename')).rows.map(row => row.tablename)

  it('is made by the product\'s own migrations, and made only once', async () => {
    assert.deepEqual((await migrate(pool))[0], '001-incidents.sql')
    assert.ok((await tables()).includes('custody'))
    assert.deepEqual(await migrate(pool), [])
  })

  it('grows by what is new, in order', async () => {
    await write('001-first.sql', 'CREATE TABLE first (id int)')
    assert.deepEqual(await migrate(pool, directory), ['001-first.sql'])
    await write('002-second.sql', 'ALTER TABLE first RENAME TO second')
    assert.deepEqual(await migrate(pool, directory), ['002-second.sql'])
    assert.deepEqual(await tables(), ['schema_migrations', 'second'])
  })

  it('is made once by controllers that start at the same time', async () => {
    await write('001-first.sql', 'SELECT pg_sleep(0.2); CREATE TABLE first (id int)')
    const applied = await Promise.all(Array.from({ length: 4 }, () => migrate(pool, directory)))
    assert.deepEqual(applied.flat(), ['001-first.sql'])
  })

  it('stays as it was when a migration fails, whatever came before it', async () => {
    await write('001-first.sql', 'CREATE TABLE first (id int)')
    await write('002-second.sql', 'CREATE TABLE second (id int); SELECT no_such_function()')
    await assert.rejects(migrate(pool, directory), /002-second\.sql failed.*no_such_function/)
    assert.deepEqual(await tables(), [])
  })

  it('refuses a migration that was changed after it was applied', async () => {
    await write('001-first.sql', 'CREATE TABLE first (id int)')
    await migrate(pool, directory)
    await write('001-first.sql', 'CREATE TABLE first (id bigint)')
    await assert.rejects(migrate(pool, directory), /001-first\.sql was changed/)
  })

  it('refuses a database that a newer version has changed', async () => {
    await write('001-first.sql', 'CREATE TABLE first (id int)')
    await write('002-second.sql', 'CREATE TABLE second (id int)')
    await migrate(pool, directory)
    await rm(join(directory, '002-second.sql'))
    await assert.rejects(migrate(pool, directory), /has migration 002-second\.sql/)
  })

  it('refuses migrations with a gap in their numbers', async () => {
    await write('001-first.sql', 'CREATE TABLE first (id int)')
    await write('003-third.sql', 'CREATE TABLE third (id int)')
    await assert.rejects(migrate(pool, directory), /003-third\.sql is not number 2/)
  })

  it('keeps nothing of a transaction whose work fails, and the connection stays usable', async () => {
    await pool.query('CREATE TABLE kept (id int)')
    await assert.rejects(inTransaction(pool, async client => {
      await client.query('INSERT INTO kept VALUES (1)')
      throw new Error('no')
    }), /no/)
    assert.equal(await inTransaction(pool, async client => (await client.query('SELECT * FROM kept')).rowCount), 0)
  })

  it('survives the loss of idle connections and says so', async () => {
    const errors: Error[] = []
    const other = createPool(server.url, error => errors.push(error))
    const client = await other.connect()
    const { rows: [row] } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const lost = new Promise(resolve => other.once('error', resolve))
    client.release()
    await pool.query('SELECT pg_terminate_backend($1)', [row!.pid])
    await lost
    assert.equal(errors.length, 1)
    assert.deepEqual((await other.query('SELECT 1 AS one')).rows, [{ one: 1 }])
    await other.end()
  })
})
