/**
 * A real PostgreSQL of our own, for an installation without a database server.
 *
 * The server is a process apart, in a session of its own: it outlives a controller that is killed, and
 * the next start adopts it instead of failing on its lock. It listens on 127.0.0.1 alone, at a port that
 * PostgreSQL records in the data directory, with a random password that is kept beside the data directory
 * in a file that only its owner can read.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile, realpath } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { ROLE, SERVER_ENVIRONMENT, preparedData } from './data-directory.ts'
import { postgresBinaries, type PostgresBinaries } from './postgres-binaries.ts'
import { disownStalePidFile, isServing, recordedPostmaster, type Postmaster } from './postmaster.ts'
import { serverAccount, type ServerAccount } from './server-account.ts'

const DATABASE = 'cleanroom'
/** A port that was free may be taken before the server has it; processes of a killed server take a moment to end. */
const START_TRIES = 4
const TRY_AGAIN_MS = 500
const START_LIMIT_MS = 60_000
const STOP_LIMIT_MS = 30_000
const LOOK_AGAIN_MS = 50

/** The server is not ready to answer yet: connection refused, or SQLSTATE 57P03 while it starts or stops. */
const NOT_YET = new Set(['ECONNREFUSED', 'ECONNRESET', '57P03'])
/** SQLSTATEs of a database that another start has just made. */
const MADE_BY_ANOTHER = new Set(['42P04', '23505'])

export interface EmbeddedPostgres {
  /** `postgresql://` with role, password, port and database. */
  url: string
  /** Whether the server was already running. */
  adopted: boolean
  /** Ends the server, whoever started it: clients are cut off, everything is written. Safe to call twice. */
  stop: () => Promise<void>
}

export interface EmbeddedPostgresOptions {
  /** Made when absent. Its parent, too, must be kept: the password is in it. */
  dataDir: string
  /** The server's log, appended to. */
  logFile: string
}

/**
 * Starts the server on a data directory, or adopts the one that runs on it.
 * Two starts at once end in one server: one starts it, the other adopts it.
 */
export async function startEmbeddedPostgres ({ dataDir: place, logFile }: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const account = await serverAccount()
  const binaries = await postgresBinaries(account)
  const password = await preparedData(place, binaries, account)
  const dataDir = await realpath(place)
  const server: Server = { dataDir, password, until: Date.now() + START_LIMIT_MS }

  let answering = await answer(server, () => false)
  let started: ChildProcess | undefined
  for (let tries = 0; !answering && tries < START_TRIES; tries++) {
    if (tries > 0) await sleep(TRY_AGAIN_MS)
    started = await launch(dataDir, logFile, binaries, account)
    answering = await answer(server, () => started?.exitCode === null && started.signalCode === null)
  }
  if (!answering) throw new Error(`PostgreSQL did not start on ${place}:\n${await lastLines(logFile)}`)

  const urlOf = (database: string) => `postgresql://${ROLE}:${password}@127.0.0.1:${answering.port}/${database}`
  await ensureDatabase(urlOf('postgres'))
  return { url: urlOf(DATABASE), adopted: answering.pid !== started?.pid, stop: () => stopServer(dataDir) }
}

interface Server {
  dataDir: string
  password: string
  /** Epoch milliseconds after which nobody waits any longer. */
  until: number
}

/** The server that runs on the data once it answers; undefined when none runs and none is coming up. */
async function answer ({ dataDir, password, until }: Server, isComing: () => boolean): Promise<Postmaster | undefined> {
  while (Date.now() < until) {
    const recorded = await recordedPostmaster(dataDir)
    if (recorded && await isServing(recorded.pid, dataDir)) {
      if (recorded.port > 0 && await answers(`postgresql://${ROLE}:${password}@127.0.0.1:${recorded.port}/postgres`)) return recorded
    } else if (!isComing()) {
      return undefined
    }
    await sleep(LOOK_AGAIN_MS)
  }
  return undefined
}

async function answers (url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  try {
    await client.connect()
    return true
  } catch (error) {
    if (NOT_YET.has((error as { code?: string }).code ?? '')) return false
    throw error
  } finally {
    await client.end().catch(() => {})
  }
}

/** Starts the server process; resolves as soon as it runs, which is before it answers. */
async function launch (dataDir: string, logFile: string, { postgres }: PostgresBinaries, account: ServerAccount): Promise<ChildProcess> {
  await disownStalePidFile(dataDir)
  await mkdir(dirname(logFile), { recursive: true })
  const log = await open(logFile, 'a', 0o600)
  try {
    const child = spawn(postgres, ['-D', dataDir, '-p', String(await freePort())], {
      ...account,
      cwd: '/',
      env: SERVER_ENVIRONMENT,
      detached: true,
      stdio: ['ignore', log.fd, log.fd]
    })
    await once(child, 'spawn')
    child.unref()
    return child
  } finally {
    await log.close()
  }
}

async function stopServer (dataDir: string): Promise<void> {
  const recorded = await recordedPostmaster(dataDir)
  if (!recorded) return
  // Fast shutdown; then, should a process hang, immediate shutdown: the next start recovers from the log.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    const until = Date.now() + STOP_LIMIT_MS
    if (await isServing(recorded.pid, dataDir)) process.kill(recorded.pid, signal)
    while (await isServing(recorded.pid, dataDir) && Date.now() < until) await sleep(LOOK_AGAIN_MS)
    if (!await isServing(recorded.pid, dataDir)) return
  }
  throw new Error(`PostgreSQL (process ${recorded.pid}) did not stop`)
}

async function ensureDatabase (url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`)
  } catch (error) {
    if (!MADE_BY_ANOTHER.has((error as { code?: string }).code ?? '')) throw error
  } finally {
    await client.end()
  }
}

function freePort (): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

async function lastLines (file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.trimEnd().split('\n').slice(-8).join('\n')
}
