/**
 * `npm run demo`: one incident from opened to verified closure, told as it happens. Every claim is checked
 * against the AWS API with credentials of the demo's own, never against Cleanroom's word.
 */
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import type { Incident } from '../controller/incident/incident.ts'
import { ApiClient } from './demo/api-client.ts'
import { CloudWitness } from './demo/cloud-witness.ts'
import { checkContainment, checkEvidence, checkFindings, checkLeftovers, checkRoom, type DemoCase } from './demo/claims.ts'
import { DemoReport } from './demo/report.ts'
import { tellProgress } from './demo/progress.ts'
import { DEMO_SCENARIO, startSandbox, type RunningSandbox } from './sandbox.ts'

/** The suspected server of the scenario, and the one beside it that nothing may happen to. */
const SUSPECT = 'web1'
const NEIGHBOUR = 'web2'

/** Times as they are felt on AWS, shortened. */
const PENDING = 'snapshot=4,volume=1,instance=2'

async function main (): Promise<void> {
  const { values } = parseArgs({ options: { report: { type: 'string' }, keep: { type: 'boolean' } } })
  const report = new DemoReport()
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { resolve() })
  })
  let sandbox: RunningSandbox | undefined
  let incidentId: string | undefined
  try {
    report.begin('Starting AWS for a laptop, with Cleanroom on it')
    sandbox = await startSandbox({ scenario: DEMO_SCENARIO, pending: PENDING, say: (words) => { report.note(words) } })
    await Promise.race([
      respond(sandbox, report, (id) => { incidentId = id }),
      interrupted.then(() => { throw new Error('interrupted') })
    ])
  } catch (error) {
    report.check('the demo ran to its end', false, error instanceof Error ? error.message : String(error))
    if (sandbox) report.note(`Logs are in ${sandbox.stateDir}`)
  }
  report.end()
  if (values.report) await writeFile(values.report, JSON.stringify({ ok: report.ok, incidentId, steps: report.steps }, null, 2))
  process.exitCode = report.ok ? 0 : 1
  if (values.keep && sandbox) {
    report.note(`Left running: page and API at ${sandbox.api}, AWS at ${sandbox.awsEndpoint}. Ctrl-C ends it.`)
    report.note(`A token for looking around: ${sandbox.tokens.admin}`)
    await interrupted
  }
  await (report.ok ? sandbox?.stop() : sandbox?.abandon())
}

async function respond (sandbox: RunningSandbox, report: DemoReport, opened: (id: string) => void): Promise<void> {
  const { tokens, scenario, baseline } = sandbox
  const suspect = scenario.instances[SUSPECT]!
  const neighbour = scenario.instances[NEIGHBOUR]!
  const api = new ApiClient(() => sandbox.api!)
  const witness = new CloudWitness(sandbox.awsEndpoint, sandbox.region)
  const suspectWasTarget = await witness.isTarget(suspect.targetGroupArn!, suspect.instanceId)
  const { own: neighbourBefore } = await witness.portrait(neighbour.instanceId)

  report.begin(`Opening an incident on ${SUSPECT} (${suspect.instanceId})`)
  const { id } = await api.call<Incident>('POST', '/incidents', tokens.responder, {
    instanceId: suspect.instanceId, reason: 'Outbound traffic to a mining pool', severity: 'high', ticket: 'SEC-1042'
  })
  opened(id)
  report.note(`Incident ${id}`)
  const telling = tellProgress(sandbox.api!, id, tokens.analyst, (words) => { report.note(words) })
  const reviewed = await api.reach(id, tokens.analyst, 'in-review')
  const about: DemoCase = { api, witness, report, incident: reviewed, token: tokens.analyst, baseline: baseline! }

  report.begin('Asking AWS whether it is so')
  await checkContainment(about, suspect, suspectWasTarget, { instance: neighbour, before: neighbourBefore })
  await checkRoom(about)
  await checkFindings(about, DEMO_SCENARIO, scenario.instances)

  report.begin('The analyst closes the case')
  await api.call('POST', `/incidents/${id}/review`, tokens.analyst, { decision: 'close', comment: 'Confirmed: web shell, miner and rogue key. Rebuild from the image.' })
  const closed = { ...about, incident: await api.reach(id, tokens.analyst, 'closed') }
  telling.stop()

  report.begin('Asking AWS what is left')
  await checkLeftovers(closed, suspect, { instance: neighbour, before: neighbourBefore })
  await checkEvidence(closed)
}

await main()
