import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts'
import { recordedPostmaster } from './postmaster.ts'

const SEARCHABLE = 0o711

describe('the embedded database', function () {
  this.timeout(60_000)
  let state: string
  let options: { dataDir: string, logFile: string }
  let servers: EmbeddedPostgres[]

  beforeEach(async () => {
    state = await mkdtemp(join(tmpdir(), 'cleanroom-database-'))
    await chmod(state, SEARCHABLE)
    options = { dataDir: join(state, 'data'), logFile: join(state, 'postgres.log') }
    servers = []
  })

  afterEach(async () => {
    for (const server of servers) await server.stop()
    await rm(state, { recursive: true, force: true })
  })

  async function start (): Promise<EmbeddedPostgres> {
    const server = await startEmbeddedPostgres(options)
    servers.push(server)
    return server
  }

  it('keeps what was written across a stop and a start', async () => {
    const first = await start()
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer')
    await first.stop()
    assert.equal(await recordedPostmaster(options.dataDir), undefined)

    const second = await start()
    assert.equal(second.adopted, false)
    assert.deepEqual(await query(second.url, 'SELECT answer FROM kept'), [{ answer: 42 }])
  })

  it('outlives a controller that is killed, and is adopted by the next', async () => {
    const { controller, url } = await startInAnotherProcess(options)
    await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer')
    const before = await recordedPostmaster(options.dataDir)
    controller.kill('SIGKILL')
    await once(controller, 'exit')

    const next = await start()
    assert.equal(next.adopted, true)
    assert.equal(next.url, url)
    assert.deepEqual(await query(next.url, 'SELECT answer FROM kept'), [{ answer: 42 }])
    assert.deepEqual(await recordedPostmaster(options.dataDir), before)

    await next.stop()
    await assert.rejects(query(url, 'SELECT 1'), { code: 'ECONNREFUSED' })
  })

  it('is one server when two controllers start at once on the same data', async () => {
    const [one, other] = await Promise.all([start(), start()])
    assert.equal(one.url, other.url)
    assert.deepEqual([one.adopted, other.adopted].sort(), [false, true])
  })

  it('starts after its server was killed and another process got its number', async () => {
    const first = await start()
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer')
    const { pid } = (await recordedPostmaster(options.dataDir))!
    process.kill(pid, 'SIGKILL')
    const bystander = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    try {
      await once(bystander, 'spawn')
      const pidFile = join(options.dataDir, 'postmaster.pid')
      await writeFile(pidFile, (await readFile(pidFile, 'utf8')).replace(/^\d+/, String(bystander.pid)))

      const second = await start()
      assert.equal(second.adopted, false)
      assert.deepEqual(await query(second.url, 'SELECT answer FROM kept'), [{ answer: 42 }])
      assert.equal(bystander.exitCode, null)
    } finally {
      bystander.kill()
    }
  })

  it('listens on the loopback address alone, and only for who has the password', async () => {
    const { url } = await start()
    assert.deepEqual(await query(url, 'SHOW listen_addresses'), [{ listen_addresses: '127.0.0.1' }])
    await assert.rejects(query(url.replace(/:[^:@]+@/, ':guess@'), 'SELECT 1'), { code: '28P01' })
    const { mode } = await stat(`${options.dataDir}.password`)
    assert.equal(mode & 0o777, 0o600)
  })

  it('refuses data of another major version and leaves it alone', async () => {
    await (await start()).stop()
    await writeFile(join(options.dataDir, 'PG_VERSION'), '9\n')
    await assert.rejects(start(), /was made by PostgreSQL 9/)
    assert.equal(await readFile(join(options.dataDir, 'PG_VERSION'), 'utf8'), '9\n')
  })

  it('says why it could not start', async () => {
    await (await start()).stop()
    await writeFile(join(options.dataDir, 'postgresql.conf'), 'no_such_setting = 1\n')
    await assert.rejects(start(), /no_such_setting/)
  })

  it('keeps the data elsewhere when root\'s state directory is private, and finds it again', async function () {
    if (process.getuid?.() !== 0) this.skip()
    await chmod(state, 0o700)
    const first = await start()
    const place = await realpath(options.dataDir)
    try {
      assert.notEqual(dirname(place), await realpath(state))
      await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer')
      await first.stop()
      assert.deepEqual(await query((await start()).url, 'SELECT answer FROM kept'), [{ answer: 42 }])
    } finally {
      for (const server of servers) await server.stop()
      await rm(place, { recursive: true })
    }
  })
})

async function query (url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** A controller that starts the database and then only lives. */
async function startInAnotherProcess (options: object): Promise<{ controller: ChildProcess, url: string }> {
  const module = new URL('./embedded-postgres.ts', import.meta.url).href
  const program = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(module)})
    console.log((await startEmbeddedPostgres(${JSON.stringify(options)})).url)
    setInterval(() => {}, 1000)`
  const controller = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [url] = await once(createInterface({ input: controller.stdout }), 'line') as [string]
  return { controller, url }
}
