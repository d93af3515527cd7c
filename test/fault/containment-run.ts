/**
 * One mishap, met by a controller with an AWS of its own: suspects for all rows, contained side by side while the
 * calls of their rows are broken.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { openSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateRoleCommand } from '@aws-sdk/client-iam'
import { build } from 'esbuild'
import pg from 'pg'
import type { RequestLimits } from '../../controller/aws/clients.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../controller/database/embedded-postgres.ts'
import { IncidentStore } from '../../controller/database/incident-store.ts'
import { migrate } from '../../controller/database/migrate.ts'
import { createPool } from '../../controller/database/pool.ts'
import { CustodyStore } from '../../controller/evidence/custody-store.ts'
import type { Containment, Incident, LedgerEntry } from '../../controller/incident/incident.ts'
import { startEmulator } from '../../sandbox/emulator-process.ts'
import { sandboxAws, type SandboxAws } from '../../sandbox/scenarios/aws.ts'
import { REPOSITORY } from '../../sandbox/toolchain/paths.mjs'
import type { BaselineOutputs } from '../../stacks/baseline/outputs.ts'
import type { FaultRule } from '../sandbox/action-world.ts'
import { policyOf, sharedOut, type Mishap, type Row } from './cells.ts'
import type { Job, Orders } from './containment-process.ts'
import { moreThan, readReachability, type Reachability } from './reachability.ts'
import { makeSuspect, registerImage, type Suspect } from './suspects.ts'

const REGION = 'eu-central-1'
const ACCOUNT = '123456789012'
/** Instances that are made, contained or looked at side by side: more would only wait for one another. */
const AT_ONCE = 6
const STRUCK_LIMIT_MS = 90_000
const RUN_LIMIT_MS = 240_000

/** An entry of the emulator's log of calls. */
export interface Call { seq: number, start: number, end: number, action: string, status: number, lostStatus?: number, principal: string, resource?: string, parameters: Record<string, string> }

/** What became of one row. */
export interface Result {
  suspect: Suspect
  /** The rows that were broken at this suspect, this one among them. */
  together: Row[]
  incidentId: string
  /** What of its reachability was not there before the incident, in words. */
  more: string[]
  /** The same at the moment at which the controller was killed. */
  moreAtDeath: string[]
  /** How often the fault struck. */
  struck: number
  containment: Containment
  ledger: LedgerEntry[]
}

/** By the row's name, and all calls that anybody made. */
export interface Outcome { results: Map<string, Result>, calls: Call[] }

/** What all runs share: the controller's code as one file, and a database server. */
export interface Workshop {
  /** @param rows each with a name of its own */
  run: (mishap: Mishap, rows: Row[]) => Promise<Outcome>
  stop: () => Promise<void>
}

export async function openWorkshop (): Promise<Workshop> {
  const directory = await mkdtemp(join(tmpdir(), 'cleanroom-matrix-'))
  // The database server's own account passes through.
  await chmod(directory, 0o711)
  const [controller, postgres] = await Promise.all([
    bundleController(directory),
    startEmbeddedPostgres({ dataDir: join(directory, 'postgres'), logFile: join(directory, 'postgres.log') })
  ])
  let runs = 0
  return {
    run: async (mishap, rows) => await runMishap(mishap, rows, { directory: join(directory, `run-${++runs}`), controller, postgres }),
    stop: async () => {
      await postgres.stop()
      await rm(directory, { recursive: true, force: true })
    }
  }
}

/** The process is started a few dozen times, and loading the AWS SDK file by file takes most of a start. */
async function bundleController (directory: string): Promise<string> {
  const outfile = join(directory, 'containment-process.mjs')
  await symlink(join(REPOSITORY, 'node_modules'), join(directory, 'node_modules'))
  await build({
    entryPoints: [join(import.meta.dirname, 'containment-process.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    mainFields: ['module', 'main'],
    // They look for files of their own, or load packages that are not there.
    external: ['@dbos-inc/dbos-sdk', 'pg'],
    logLevel: 'error',
    // CommonJS packages call require for Node's own modules.
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" }
  })
  return outfile
}

interface Tools { directory: string, controller: string, postgres: EmbeddedPostgres }
interface Cell { rows: Row[], suspect: Suspect, job: Job, before: Reachability }
interface Stage { aws: SandboxAws, faults: Faults, mishap: Mishap, cells: Cell[], /** Only one runs at a time. */ contain: (jobs: Job[], limits?: RequestLimits) => Promise<Controller> }

async function runMishap (mishap: Mishap, rows: Row[], { directory, controller, postgres }: Tools): Promise<Outcome> {
  await mkdir(directory)
  const emulator = await startEmulator({ stateDir: directory })
  const databaseUrl = await newDatabase(postgres.url)
  const pool = createPool(databaseUrl, () => {})
  let running: Controller | undefined
  try {
    await migrate(pool)
    const aws = sandboxAws(emulator.endpoint, REGION)
    const faults = faultsAt(emulator.endpoint)
    const cells = await makeCells(aws, rows)
    const contain = async (jobs: Job[], limits = mishap.limits): Promise<Controller> => {
      running = await startController({ databaseUrl, baseline: baseline(), limits, jobs, atOnce: AT_ONCE }, { directory, controller, endpoint: emulator.endpoint })
      return running
    }
    const first = cells.filter(({ job }) => job.again).map(({ job: { again, ...job } }) => ({ ...job, rungs: [] }))
    await (await contain(first, { requestTimeoutMs: 20_000, maxAttempts: 3 })).ended()
    const stage = { aws, faults, mishap, cells, contain }
    const struck = mishap.kill ? await containThroughDeath(stage) : await containBroken(stage)
    const [incidents, custody] = [new IncidentStore(pool), new CustodyStore(pool)]
    const results = await each(cells, async (cell): Promise<Array<[string, Result]>> => {
      const { rows: together, suspect, job: { incident: { id } } } = cell
      const seen = {
        suspect,
        together,
        incidentId: id,
        more: await moreReachable(aws, cell),
        moreAtDeath: [],
        containment: (await incidents.get(id)).targets[0]!.containment,
        ledger: await custody.list(id)
      }
      return together.map((row) => [row.name, { ...seen, ...struck.get(row)! }])
    })
    return { results: new Map(results.flat()), calls: await faults.calls() }
  } finally {
    await running?.kill()
    await pool.end()
    await emulator.stop()
  }
}

type Struck = Map<Row, Pick<Result, 'struck'> & Partial<Pick<Result, 'moreAtDeath'>>>

async function containBroken ({ faults, mishap, cells, contain }: Stage): Promise<Struck> {
  await breakCalls(faults, mishap, cells)
  await (await contain(jobsOf(cells))).ended()
  // A call that is held up is in the log once it is let go.
  await sleep(mishap.heldMs)
  const rows = rowsOf(cells)
  return new Map((await faults.struck()).map((struck, index) => [rows[index]!, { struck }]))
}

/** Batch by batch: a controller that starts again takes up all of its incidents in one moment. */
async function containThroughDeath ({ aws, faults, mishap, cells, contain }: Stage): Promise<Struck> {
  const struck: Struck = new Map()
  let letGo: Promise<void> | undefined
  for (const batch of batchesOf(cells)) {
    await breakCalls(faults, mishap, batch)
    const doomed = await contain(jobsOf(batch))
    await allStruck(faults, batch, doomed)
    await doomed.kill()
    letGo ??= sleep(mishap.heldMs)
    const counts = await faults.struck()
    for (const [index, row] of rowsOf(batch).entries()) {
      struck.set(row, { struck: counts[index]!, moreAtDeath: await moreReachable(aws, batch.find(({ rows }) => rows.includes(row))!) })
    }
    await faults.set([])
    await (await contain(jobsOf(batch))).ended()
  }
  // As above; the calls that the log must show, those on interfaces, were in the first batch.
  await letGo
  return struck
}

async function breakCalls (faults: Faults, { rule }: Mishap, cells: Cell[]): Promise<void> {
  await faults.set(cells.flatMap(({ rows, suspect, job }) => rows.map((row) => rule(row.aim(suspect, job.incident.id)))))
}

async function moreReachable (aws: SandboxAws, { suspect, before }: Cell): Promise<string[]> {
  return moreThan(before, await readReachability(aws, suspect))
}

function rowsOf (cells: Cell[]): Row[] {
  return cells.flatMap(({ rows }) => rows)
}

function jobsOf (cells: Cell[]): Job[] {
  return cells.map(({ job }) => job)
}

async function newDatabase (serverUrl: string): Promise<string> {
  const name = `matrix_${randomBytes(4).toString('hex')}`
  const client = new pg.Client(serverUrl)
  await client.connect()
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  const url = new URL(serverUrl)
  url.pathname = name
  return url.href
}

async function makeCells (aws: SandboxAws, rows: Row[]): Promise<Cell[]> {
  for (const role of ['contain', 'acquire']) await aws.iam.send(new CreateRoleCommand({ RoleName: `cleanroom-${role}`, AssumeRolePolicyDocument: TRUST }))
  const imageId = await registerImage(aws)
  return await each(sharedOut(rows), async (together, index) => {
    const row = together[0]!
    const suspect = await makeSuspect(aws, `suspect-${index}`, imageId, { systemsManager: row.policy?.mode === 'ssm' })
    const job = { incident: incidentOn(row, suspect), rungs: row.rungs ?? [], ...row.again && { again: row.again } }
    return { rows: together, suspect, job, before: await readReachability(aws, suspect) }
  })
}

const TRUST = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'sts:AssumeRole' }] })

function baseline (): BaselineOutputs {
  const role = (name: string): string => `arn:aws:iam::${ACCOUNT}:role/cleanroom-${name}`
  // Of the baseline, clients read where it is and which roles they assume.
  return { accountId: ACCOUNT, region: REGION, partition: 'aws', roles: { contain: role('contain'), acquire: role('acquire') } } as unknown as BaselineOutputs
}

function incidentOn (row: Row, suspect: Suspect): Incident {
  const id = `inc-${suspect.name}`
  const at = new Date().toISOString()
  return {
    id,
    phase: 'received',
    phaseSince: at,
    severity: 'high',
    reason: row.name,
    ticket: 'SEC-7',
    openedBy: 'responder@example.org',
    openedAt: at,
    targets: [{
      instanceId: suspect.instanceId,
      accountId: ACCOUNT,
      region: REGION,
      vpcId: suspect.vpcId,
      containment: { state: 'pending', generation: 1, actions: [], residualRisks: [] },
      acquisition: { snapshots: [], memory: { state: 'not-requested' } }
    }],
    cleanRoom: { state: 'absent', stack: `clean-room-${id}`, region: REGION, volumes: [] },
    analyses: [],
    timings: {},
    plan: { containment: policyOf(row, suspect), analyses: [] },
    findingsSummary: { total: 0, bySeverity: {} }
  }
}

interface Faults { set: (rules: FaultRule[]) => Promise<void>, struck: () => Promise<number[]>, calls: () => Promise<Call[]> }

function faultsAt (endpoint: string): Faults {
  const ask = async (path: string, init?: RequestInit): Promise<unknown> => {
    const answer = await fetch(`${endpoint}/_sandbox/${path}`, init)
    if (!answer.ok) throw new Error(`the emulator refused ${path}: ${await answer.text()}`)
    return await answer.json()
  }
  return {
    set: async (rules) => { await ask('faults', { method: 'PUT', body: JSON.stringify(rules) }) },
    struck: async () => (await ask('faults') as Array<{ done: number }>).map(({ done }) => done),
    calls: async () => await ask('calls?parameters') as Call[]
  }
}

interface Controller { ended: () => Promise<void>, kill: () => Promise<void>, isRunning: () => boolean }

async function startController (orders: Orders, { directory, controller, endpoint }: { directory: string, controller: string, endpoint: string }): Promise<Controller> {
  const file = join(directory, 'orders.json')
  const output = join(directory, 'controller.log')
  await writeFile(file, JSON.stringify(orders))
  const child = spawn(process.execPath, ['--no-warnings', controller, file], {
    env: {
      PATH: process.env.PATH,
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: 'sandbox',
      AWS_SECRET_ACCESS_KEY: 'sandbox',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true'
    },
    stdio: ['ignore', openSync(output, 'a'), openSync(output, 'a')]
  })
  const exit = exitOf(child)
  return {
    isRunning: () => child.exitCode === null && child.signalCode === null,
    kill: async () => {
      child.kill('SIGKILL')
      await exit
    },
    ended: async () => {
      const limit = setTimeout(() => child.kill('SIGKILL'), RUN_LIMIT_MS)
      const code = await exit
      clearTimeout(limit)
      if (code !== 0) throw new Error(`The controller ended with ${code}. The end of its output:\n${(await readFile(output, 'utf8')).slice(-4000)}`)
    }
  }
}

function exitOf (child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => { child.once('exit', (code) => { resolve(code) }) })
}

/** Every call of the batch is being held up: whoever dies now dies in the middle of all of them. */
async function allStruck (faults: Faults, batch: Cell[], doomed: Controller): Promise<void> {
  const until = Date.now() + STRUCK_LIMIT_MS
  for (let struck = await faults.struck(); struck.includes(0); struck = await faults.struck()) {
    const missing = rowsOf(batch).filter((_, index) => struck[index] === 0).map(({ name }) => name)
    if (!doomed.isRunning() || Date.now() > until) throw new Error(`never called: ${missing.join(', ')}`)
    await sleep(100)
  }
}

function batchesOf (cells: Cell[]): Cell[][] {
  const onInterfaces = ({ rows }: Cell): boolean => rows.some(({ kind }) => kind === 'isolate-interface')
  const sorted = [...cells.filter(onInterfaces), ...cells.filter((cell) => !onInterfaces(cell))]
  return Array.from({ length: Math.ceil(sorted.length / AT_ONCE) }, (_, index) => sorted.slice(index * AT_ONCE, (index + 1) * AT_ONCE))
}

/** Some at a time, in order. */
async function each<T, R> (items: T[], make: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await make(items[index]!, index)
  }))
  return results
}
