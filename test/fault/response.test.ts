import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DescribeInstancesCommand, DescribeVpcsCommand } from '@aws-sdk/client-ec2'
import pg from 'pg'
import { startEmbeddedPostgres } from '../../controller/database/embedded-postgres.ts'
import { verifyChain } from '../../controller/evidence/custody-ledger.ts'
import type { Incident } from '../../controller/incident/incident.ts'
import { ApiClient } from '../../sandbox/demo/api-client.ts'
import { CloudWitness } from '../../sandbox/demo/cloud-witness.ts'
import { DEMO_SCENARIO, startSandbox, type RunningSandbox } from '../../sandbox/sandbox.ts'

describe('a response that is disturbed', function () {
  this.timeout(10 * 60_000)
  let sandbox: RunningSandbox
  let api: ApiClient
  let witness: CloudWitness

  before(async () => {
    sandbox = await startSandbox({ scenario: DEMO_SCENARIO, pending: 'snapshot=3,volume=1,instance=2' })
    api = new ApiClient(() => sandbox.api!)
    witness = new CloudWitness(sandbox.awsEndpoint, sandbox.region)
  })

  after(async () => { await sandbox?.stop() })

  const token = (): string => sandbox.tokens.analyst
  const open = async (name: string): Promise<Incident> => await api.call('POST', '/incidents', sandbox.tokens.responder, {
    instanceId: sandbox.scenario.instances[name]!.instanceId, reason: 'fault test'
  })
  const faults = async (rules: unknown[]): Promise<void> => {
    const answer = await fetch(`${sandbox.awsEndpoint}/_sandbox/faults`, { method: 'PUT', body: JSON.stringify(rules), headers: { 'content-type': 'application/json' } })
    assert.ok(answer.ok, await answer.text())
  }
  const vpcsOf = async (id: string): Promise<number> =>
    (await witness.ec2.send(new DescribeVpcsCommand({ Filters: [{ Name: 'tag:cleanroom:incident', Values: [id] }] }))).Vpcs!.length
  const workstationsOf = async (id: string): Promise<number> =>
    (await witness.ec2.send(new DescribeInstancesCommand({
      Filters: [{ Name: 'tag:cleanroom:incident', Values: [id] }, { Name: 'tag:cleanroom:purpose', Values: ['clean-room'] }]
    }))).Reservations!.flatMap(({ Instances }) => Instances!).filter(({ State }) => State!.Name !== 'terminated').length

  it('completes when the controller is killed while the room is coming up: no second room, no lost step', async () => {
    const { id } = await open('web1')
    while (await vpcsOf(id) === 0) await sleep(50)
    const killed = sandbox.controllerPid!
    process.kill(killed, 'SIGKILL')
    const reviewed = await api.reach(id, token(), 'in-review')
    assert.notEqual(sandbox.controllerPid, killed)
    assert.equal(await vpcsOf(id), 1)
    assert.equal(await workstationsOf(id), 1)

    const ledger = await api.ledger(id, token())
    assert.deepEqual(verifyChain(id, ledger), [])
    const actions = ledger.map(({ action }) => action)
    for (const once of ['incident.opened', 'containment.proved', 'acquisition.snapshots-started', 'acquisition.snapshots-completed', 'analysis.result']) {
      assert.equal(actions.filter((action) => action === once).length, 1, once)
    }
    assert.equal(reviewed.targets[0]!.containment.state, 'contained')
    assert.equal((await witness.snapshots(id)).length, sandbox.scenario.instances.web1!.volumeIds.length)

    await api.call('POST', `/incidents/${id}/review`, token(), { decision: 'close', comment: 'done' })
    await api.reach(id, token(), 'closed')
    assert.deepEqual(await witness.remains(id, reviewed.cleanRoom.vpcId!), [])
  })

  it('needs attention when the engine fails, with its diagnostics, contained and with its evidence; retry completes it', async () => {
    await faults([{ service: 'ec2', action: 'CreateVpcEndpoint', error: { code: 'VpcEndpointLimitExceeded', status: 400 } }])
    const { id, targets: [target] } = await open('batch1')
    let stuck: Incident
    do {
      await sleep(250)
      stuck = await api.incident(id, token())
    } while (stuck.phase !== 'needs-attention')
    assert.equal(stuck.problem!.code, 'ENGINE_FAILED')
    assert.match(stuck.problem!.diagnostics!.join('\n'), /VpcEndpointLimitExceeded/)
    assert.equal(stuck.targets[0]!.containment.state, 'contained')
    for (const { groups } of await witness.interfaces(target!.instanceId)) assert.equal(await witness.rules(groups[0]!), 0)
    assert.ok((await api.evidence(id, token())).some(({ kind }) => kind === 'metadata'))
    assert.equal((await witness.snapshots(id)).length, 1)

    await faults([])
    await api.call('POST', `/incidents/${id}/retry`, sandbox.tokens.responder)
    while ((await api.incident(id, token())).phase === 'needs-attention') await sleep(100)
    const reviewed = await api.reach(id, token(), 'in-review')
    assert.equal(reviewed.problem, undefined)
    assert.equal(await vpcsOf(id), 1)
    await api.call('POST', `/incidents/${id}/review`, token(), { decision: 'close', comment: 'done' })
    await api.reach(id, token(), 'closed')
    assert.deepEqual(await witness.remains(id, reviewed.cleanRoom.vpcId!), [])
  })

  it('survives the loss of every database connection in mid-response', async () => {
    const { id } = await open('batch1')
    while ((await api.incident(id, token())).phase === 'received') await sleep(50)
    const state = join(sandbox.stateDir, 'controller')
    const { url } = await startEmbeddedPostgres({ dataDir: join(state, 'postgres'), logFile: join(state, 'postgres.log') })
    const db = new pg.Client(url)
    await db.connect()
    await db.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = $1', ['client backend'])
    await db.end()
    await api.reach(id, token(), 'in-review')
    await api.call('POST', `/incidents/${id}/review`, token(), { decision: 'close', comment: 'done' })
    await api.reach(id, token(), 'closed')
  })

  it('contains all the same while AWS throttles a third of the calls', async () => {
    await faults([{ service: 'ec2', rate: 0.3, error: { code: 'RequestLimitExceeded', status: 503 } }])
    const { id, targets: [target] } = await open('web2')
    let now: Incident
    do {
      await sleep(250)
      now = await api.incident(id, token())
    } while (now.targets[0]!.containment.state === 'pending' && now.phase !== 'needs-attention')
    await faults([])
    assert.equal(now.targets[0]!.containment.state, 'contained')
    for (const { groups } of await witness.interfaces(target!.instanceId)) assert.equal(await witness.rules(groups[0]!), 0)
  })
})
