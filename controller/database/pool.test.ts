import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { codeOf } from '../incident/errors.ts'
import { fromDatabase, mayBeRepeated } from './database-errors.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts'
import { createPool, inTransaction } from './pool.ts'

const APPLICATION = 'cleanroom'

describe('a pool whose database goes away', function () {
  this.timeout(60_000)
  let state: string
  let server: EmbeddedPostgres
  let pool: pg.Pool

  before(async () => {
    state = await mkdtemp(join(tmpdir(), 'cleanroom-pool-'))
    await chmod(state, 0o711)
    server = await startEmbeddedPostgres({ dataDir: join(state, 'data'), logFile: join(state, 'postgres.log') })
  })
  after(async () => {
    await server?.stop()
    await rm(state, { recursive: true, force: true })
  })
  beforeEach(async () => {
    pool = createPool(server.url, () => {})
    await pool.query('CREATE TABLE IF NOT EXISTS kept (id int)')
    await pool.query('TRUNCATE kept')
  })
  afterEach(async () => { await pool.end() })

  /** Ends every connection of the pool, as an operator or a failover does. */
  async function cutAll (): Promise<void> {
    const operator = new pg.Client({ connectionString: server.url })
    await operator.connect()
    await operator.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [APPLICATION])
    await operator.end()
  }

  /** As many connections as the pool has, all of them open. */
  async function warmUp (): Promise<void> {
    await Promise.all(Array.from({ length: 10 }, async () => await pool.query('SELECT pg_sleep(0.05)')))
  }

  it('answers a read although its connection was cut under it', async () => {
    const reading = pool.query<{ one: number }>('SELECT 1 AS one FROM pg_sleep(CASE WHEN EXISTS (SELECT FROM kept) THEN 0 ELSE 1 END)')
    await new Promise((resolve) => setTimeout(resolve, 300))
    await pool.query('INSERT INTO kept VALUES (1)')
    await cutAll()
    assert.deepEqual((await reading).rows, [{ one: 1 }])
  })

  it('answers reads when all of its connections were cut while they were idle', async () => {
    await warmUp()
    await cutAll()
    const answers = await Promise.all(Array.from({ length: 10 }, async () => (await pool.query<{ one: number }>('SELECT 1 AS one')).rows[0]!.one))
    assert.deepEqual(new Set(answers), new Set([1]))
  })

  it('says of a change whose connection was cut that the database is away, and does not repeat it', async () => {
    const changing = pool.query('INSERT INTO kept SELECT 1 FROM pg_sleep(1)')
    const refused = assert.rejects(changing, (error) => codeOf(error) === 'DATABASE_UNAVAILABLE' && /57P01/.test((error as Error).message))
    await new Promise((resolve) => setTimeout(resolve, 300))
    await cutAll()
    await refused
    assert.deepEqual((await pool.query('SELECT id FROM kept')).rows, [])
  })

  it('says the same of a transaction, keeps nothing of it and takes no harm', async () => {
    await assert.rejects(inTransaction(pool, async (db) => {
      await db.query('INSERT INTO kept VALUES (1)')
      await cutAll()
      await db.query('INSERT INTO kept VALUES (2)')
    }), (error) => codeOf(error) === 'DATABASE_UNAVAILABLE' && mayBeRepeated(error) === false)
    assert.equal(await inTransaction(pool, async (db) => (await db.query('SELECT id FROM kept')).rowCount), 0)
  })

  it('says the same while nobody listens at its address', async () => {
    const free = await listen(createServer())
    const { port } = free.address() as AddressInfo
    await new Promise((resolve) => free.close(resolve))
    for (const host of ['127.0.0.1', 'localhost']) {
      const away = createPool(`postgresql://nobody@${host}:${port}/none`, () => {})
      for (const ask of [async () => await away.query('SELECT 1'), async () => { await inTransaction(away, async () => {}) }]) {
        await assert.rejects(ask, (error) => codeOf(error) === 'DATABASE_UNAVAILABLE' && /\(ECONNREFUSED\)/.test((error as Error).message))
      }
      await away.end()
    }
  })

  it('says the same when the server ends the connection before it is ready', async () => {
    const closing = await listen(createServer((socket) => { socket.once('data', () => { socket.end() }) }))
    const away = createPool(`postgresql://nobody@127.0.0.1:${(closing.address() as AddressInfo).port}/none`, () => {})
    await assert.rejects(away.query('SELECT 1'), (error) => codeOf(error) === 'DATABASE_UNAVAILABLE')
    await away.end()
    await new Promise((resolve) => closing.close(resolve))
  })

  it('leaves a mistake in what was asked as it is', async () => {
    await assert.rejects(pool.query('SELECT nonsense'), { code: '42703' })
    await assert.rejects(inTransaction(pool, async (db) => await db.query('SELECT 1/0')), { code: '22012' })
  })
})

describe('an error of the database', () => {
  const sqlState = (code: string): Error => Object.assign(new Error('words of the server'), { code })
  for (const [what, error, away, repeat] of [
    ['a shutdown', sqlState('57P01'), true, true],
    ['a server that starts', sqlState('57P03'), true, true],
    ['a connection exception', sqlState('08006'), true, true],
    ['too many connections', sqlState('53300'), true, true],
    ['a wait for a connection that took too long', new Error('timeout exceeded when trying to connect'), true, true],
    ['a connection that was not made in time', new Error('Connection terminated due to connection timeout'), true, true],
    ['a name that does not resolve just now', Object.assign(new Error('getaddrinfo'), { code: 'EAI_AGAIN' }), true, true],
    ['a deadlock', sqlState('40P01'), false, true],
    ['a query that somebody cancelled', sqlState('57014'), false, false],
    ['a violated constraint', sqlState('23505'), false, false],
    ['a wrong password', sqlState('28P01'), false, false],
    ['something else', new Error('no'), false, false],
    ['nothing', undefined, false, false]
  ] as Array<[string, unknown, boolean, boolean]>) {
    it(`${what}: ${away ? 'away' : 'not away'}, ${repeat ? 'worth' : 'not worth'} repeating`, () => {
      assert.equal(codeOf(fromDatabase(error)), away ? 'DATABASE_UNAVAILABLE' : 'INTERNAL')
      assert.equal(mayBeRepeated(error), repeat)
    })
  }
})

async function listen (server: Server): Promise<Server> {
  return await new Promise((resolve) => { server.listen(0, '127.0.0.1', () => { resolve(server) }) })
}
