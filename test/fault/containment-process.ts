/**
 * A controller with containment alone: it contains what a file tells it to and ends with 0 once all is done.
 *
 * Killed and started again with the same file and database it goes on where it was, as the whole controller would.
 */
import { readFile } from 'node:fs/promises'
import { AwsClients, type RequestLimits } from '../../controller/aws/clients.ts'
import type { Rung } from '../../controller/containment/plan.ts'
import { IncidentStore } from '../../controller/database/incident-store.ts'
import { createPool } from '../../controller/database/pool.ts'
import { launch, shutdown, start, valueOf, workflow } from '../../controller/durable/durable.ts'
import { CustodyStore } from '../../controller/evidence/custody-store.ts'
import type { Incident } from '../../controller/incident/incident.ts'
import { containmentId, registerContainment } from '../../controller/response/containment-lane.ts'
import type { ResponseParts } from '../../controller/response/parts.ts'
import { registerSurvey, registerTriage } from '../../controller/response/triage-lane.ts'
import type { BaselineOutputs } from '../../stacks/baseline/outputs.ts'

/** One instance to be contained, or to be contained once more. */
export interface Job {
  incident: Incident
  rungs: Rung[]
  /** Left out: the incident's first containment, with triage before it. */
  again?: { occasion: string, captureEnded: boolean }
}

/** All that the process is told. */
export interface Orders {
  /** With the product's schema. */
  databaseUrl: string
  baseline: BaselineOutputs
  limits: RequestLimits
  jobs: Job[]
  /** How many of them are done side by side. */
  atOnce: number
}

const quiet = { info: () => {}, debug: () => {}, warn: () => {}, error: (entry: unknown) => { process.stderr.write(`${String(entry)}\n`) } }

const { databaseUrl, baseline, limits, jobs, atOnce } = JSON.parse(await readFile(process.argv[2]!, 'utf8')) as Orders
const pool = createPool(databaseUrl, (error) => { process.stderr.write(`${error.message}\n`) })
const incidents = new IncidentStore(pool)
// Containment is given the whole of the response's parts and touches no other than these.
const parts = { clients: new AwsClients(baseline, limits), incidents, custody: new CustodyStore(pool) } as unknown as ResponseParts
const triage = registerTriage(parts)
// What a containment leaves behind is not broken here: a job of its own says when live capture ends.
const followers = { endLiveCapture: workflow('end-live-capture', async () => {}), watchTraffic: workflow('watch-traffic', async () => {}) }
const contain = registerContainment(parts, registerSurvey(parts), () => followers)
for (const { incident } of jobs) await incidents.open(incident, { key: incident.id, requestHash: incident.id })
await launch({ databaseUrl, version: 'test', log: quiet })
const waiting = jobs.values()
await Promise.all(Array.from({ length: atOnce }, async () => {
  for (const job of waiting) await (job.again ? containAgain(job, job.again) : respond(job))
}))
await shutdown()
await pool.end()

async function respond ({ incident, rungs }: Job): Promise<void> {
  const { id: incidentId, ticket, plan: { containment: policy }, targets } = incident
  const target = targets[0]!
  const triaging = await start(triage, `triage/${incidentId}/${target.instanceId}/1`, { incidentId, ticket, target, policy, attempt: 1 })
  const { facts, prepared } = valueOf(await triaging.outcome())
  const input = { incidentId, ticket, target, policy, rungs, captureEnded: false, onWord: false, occasion: '1', facts, prepared }
  await (await start(contain, containmentId(input), input)).outcome()
}

async function containAgain ({ incident, rungs }: Job, again: NonNullable<Job['again']>): Promise<void> {
  const { id: incidentId, ticket, plan: { containment: policy }, targets } = incident
  const input = { incidentId, ticket, target: targets[0]!, policy, rungs, onWord: true, ...again }
  await (await start(contain, containmentId(input), input)).outcome()
}
