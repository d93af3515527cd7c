import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import pg from 'pg'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../database/embedded-postgres.ts'
import { CleanroomError } from '../incident/errors.ts'
import { cancel, launch, receive, send, shutdown, start, statusOf, step, workflow } from './durable.ts'

const ONCE = { timeoutMs: 5_000, attempts: 1, pauseMs: 10 }
const quiet = { info: () => {}, debug: () => {}, warn: () => {}, error: () => {} }

describe('durable execution', function () {
  this.timeout(60_000)
  let directory: string
  let postgres: EmbeddedPostgres

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cleanroom-durable-'))
    await chmod(directory, 0o711)
    postgres = await startEmbeddedPostgres({ dataDir: join(directory, 'data'), logFile: join(directory, 'postgres.log') })
  })

  after(async () => {
    await postgres.stop()
    await rm(directory, { recursive: true, force: true })
  })

  async function freshDatabase (name: string): Promise<string> {
    const client = new pg.Client(postgres.url)
    await client.connect()
    await client.query(`CREATE DATABASE ${name}`)
    await client.end()
    const url = new URL(postgres.url)
    url.pathname = `/${name}`
    return url.href
  }

  for (const dieIn of ['a.first', 'b.second', 'last']) {
    it(`goes on behind the last finished step when the process is killed in ${dieIn}`, async () => {
      const url = await freshDatabase(`crash_${dieIn.replace('.', '_')}`)
      const journal = join(directory, `${dieIn}.journal`)
      await writeFile(journal, '')
      const run = async (where: string): Promise<{ output: string, signal: NodeJS.Signals | null }> => {
        const child = spawn(process.execPath, ['--import=tsx', join(import.meta.dirname, 'crash-rehearsal.ts'), url, journal, where], { stdio: ['ignore', 'pipe', 'inherit'] })
        const ended = new Promise<NodeJS.Signals | null>((resolve) => { child.once('exit', (_code, signal) => { resolve(signal) }) })
        return { output: await text(child.stdout), signal: await ended }
      }
      assert.equal((await run(dieIn)).signal, 'SIGKILL')
      const { output } = await run('nowhere')
      assert.equal((JSON.parse(output) as { ok: boolean, value: { ok: boolean } }).value.ok, true)
      const acted = (await readFile(journal, 'utf8')).trim().split('\n')
      for (const name of ['a.first', 'a.second', 'b.first', 'b.second', 'last']) {
        // A step that was under way when the process died runs again; one that had ended never does.
        assert.ok(acted.includes(name), `${name} was lost`)
      }
      assert.equal(acted.filter((name) => name === dieIn).length, 2)
      assert.ok(acted.length <= 7, acted.join(' '))
    })
  }

  describe('in one process', () => {
    let attempts = 0
    const flaky = workflow('flaky', async (failures: number, code: 'AWS_THROTTLED' | 'AWS_ACCESS_DENIED') =>
      await step('flaky', { ...ONCE, attempts: 3 }, async () => {
        attempts += 1
        if (attempts <= failures) throw new CleanroomError(code, `attempt ${attempts}`, { extra: { attempts } })
        return attempts
      }))
    const slow = workflow('slow', async () => await step('slow', { ...ONCE, timeoutMs: 50 }, () => new Promise(() => {})))
    const waiting = workflow('waiting', async () => await receive<string>('word', 30_000))

    before(async () => { await launch({ databaseUrl: await freshDatabase('one_process'), version: 'test', log: quiet }) })
    after(async () => { await shutdown() })
    beforeEach(() => { attempts = 0 })

    it('is started once, however often it is started under one id', async () => {
      const outcomes = await Promise.all([1, 2, 3].map(async () => await (await start(flaky, 'same-id', 0, 'AWS_THROTTLED')).outcome()))
      assert.equal(attempts, 1)
      assert.deepEqual(outcomes, Array(3).fill({ ok: true, value: 1 }))
    })

    it('tries again what AWS throttles, and only that', async () => {
      assert.deepEqual(await (await start(flaky, 'throttled', 2, 'AWS_THROTTLED')).outcome(), { ok: true, value: 3 })
      attempts = 0
      const denied = await (await start(flaky, 'denied', 2, 'AWS_ACCESS_DENIED')).outcome()
      assert.deepEqual(denied, { ok: false, error: { code: 'AWS_ACCESS_DENIED', message: 'attempt 1', extra: { attempts: 1 } } })
    })

    it('says the last error, with its code, once it gives up', async () => {
      assert.deepEqual(await (await start(flaky, 'hopeless', 9, 'AWS_THROTTLED')).outcome(),
        { ok: false, error: { code: 'AWS_THROTTLED', message: 'attempt 3', extra: { attempts: 3 } } })
    })

    it('ends a step that overruns its limit', async () => {
      const outcome = await (await start(slow, 'slow')).outcome()
      assert.equal(outcome.ok, false)
      assert.equal(!outcome.ok && outcome.error.code, 'TIMED_OUT')
    })

    it('takes a message once, however often it is sent under one key', async () => {
      const running = await start(waiting, 'waiting')
      await send('waiting', 'word', 'first', 'key-1')
      await send('waiting', 'word', 'first', 'key-1')
      assert.deepEqual(await running.outcome(), { ok: true, value: 'first' })
    })

    it('runs no further step of a workflow that was cancelled', async () => {
      const running = await start(waiting, 'to-cancel')
      await cancel('to-cancel')
      await assert.rejects(running.outcome())
      assert.equal(await statusOf('to-cancel'), 'CANCELLED')
      assert.equal(await statusOf('never-started'), undefined)
    })
  })
})
