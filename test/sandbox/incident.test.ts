import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { RunInstancesCommand, TerminateInstancesCommand, DescribeInstancesCommand, waitUntilInstanceTerminated } from '@aws-sdk/client-ec2'
import type { Incident } from '../../controller/incident/incident.ts'
import { ApiClient } from '../../sandbox/demo/api-client.ts'
import { CloudWitness } from '../../sandbox/demo/cloud-witness.ts'
import { DEMO_SCENARIO, startSandbox, type RunningSandbox } from '../../sandbox/sandbox.ts'

interface Call { action: string, service: string, principal: string | null, status: number, resource?: string | null }

/** Whether a call of AWS's could have changed something. */
const changes = ({ action }: Call): boolean => !/^(Describe|Get|List|Head|AssumeRole|Lookup|Simulate)/.test(action)

describe('an incident on the sandbox', function () {
  this.timeout(10 * 60_000)
  let sandbox: RunningSandbox
  let api: ApiClient
  let witness: CloudWitness

  before(async () => {
    sandbox = await startSandbox({ scenario: DEMO_SCENARIO, pending: 'snapshot=2,volume=1,instance=1' })
    api = new ApiClient(() => sandbox.api!)
    witness = new CloudWitness(sandbox.awsEndpoint, sandbox.region)
  })

  after(async () => { await sandbox?.stop() })

  async function calls (): Promise<Call[]> {
    return (await readFile(sandbox.emulatorLog, 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Call)
  }

  async function post (path: string, body: unknown, headers: Record<string, string> = { authorization: `Bearer ${sandbox.tokens.responder}` }): Promise<{ status: number, type: string | null, body: Record<string, unknown> }> {
    const answer = await fetch(`${sandbox.api!}${path}`, {
      method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body)
    })
    return { status: answer.status, type: answer.headers.get('content-type'), body: await answer.json() as Record<string, unknown> }
  }

  async function incidents (): Promise<string[]> {
    const { items } = await api.call<{ items: Incident[] }>('GET', '/incidents', sandbox.tokens.analyst)
    return items.map(({ id }) => id)
  }

  describe('is refused, with a problem document that names what to mend and nothing touched,', () => {
    const reason = 'suspicious'
    let terminated: string

    before(async () => {
      const { ImageId } = (await witness.ec2.send(new DescribeInstancesCommand({ InstanceIds: [sandbox.scenario.instances.web1!.instanceId] }))).Reservations![0]!.Instances![0]!
      const started = await witness.ec2.send(new RunInstancesCommand({ ImageId, MinCount: 1, MaxCount: 1, InstanceType: 't3.micro' }))
      terminated = started.Instances![0]!.InstanceId!
      await witness.ec2.send(new TerminateInstancesCommand({ InstanceIds: [terminated] }))
      await waitUntilInstanceTerminated({ client: witness.ec2, minDelay: 1, maxDelay: 1, maxWaitTime: 60 }, { InstanceIds: [terminated] })
    })

    const refusals: Array<[what: string, body: () => unknown, status: number, code: string, headers?: () => Record<string, string>]> = [
      ['a malformed instance id', () => ({ instanceId: 'web1', reason }), 400, 'INVALID_REQUEST'],
      ['an unknown instance', () => ({ instanceId: 'i-00000000000000000', reason }), 404, 'INSTANCE_NOT_FOUND'],
      ['a terminated instance', () => ({ instanceId: terminated, reason }), 409, 'INSTANCE_TERMINATED'],
      ['another account\'s instance', () => ({ instanceId: sandbox.scenario.instances.web1!.instanceId, accountId: '210987654321', reason }), 403, 'ACCOUNT_NOT_ALLOWED'],
      ['another Region\'s instance', () => ({ instanceId: sandbox.scenario.instances.web1!.instanceId, region: 'us-west-2', reason }), 403, 'REGION_NOT_ALLOWED'],
      ['a body with unknown fields', () => ({ instanceId: sandbox.scenario.instances.web1!.instanceId, reason, colour: 'red' }), 400, 'INVALID_REQUEST'],
      ['a body that is no JSON', () => '{', 400, 'INVALID_REQUEST'],
      ['a missing reason', () => ({ instanceId: sandbox.scenario.instances.web1!.instanceId }), 400, 'INVALID_REQUEST'],
      ['a missing token', () => ({ instanceId: sandbox.scenario.instances.web1!.instanceId, reason }), 401, 'UNAUTHENTICATED', () => ({})],
      ['a token that is none', () => ({ instanceId: sandbox.scenario.instances.web1!.instanceId, reason }), 401, 'UNAUTHENTICATED', () => ({ authorization: 'Bearer nonsense' })],
      ['a role that may not', () => ({ instanceId: sandbox.scenario.instances.web1!.instanceId, reason }), 403, 'FORBIDDEN', () => ({ authorization: `Bearer ${sandbox.tokens.approver}` })]
    ]
    for (const [what, body, status, code, headers] of refusals) {
      it(what, async () => {
        const before = (await calls()).filter(changes).length
        const known = await incidents()
        const answer = await post('/incidents', body(), headers?.())
        assert.deepEqual([answer.status, answer.body.code], [status, code])
        assert.match(answer.type!, /application\/problem\+json/)
        assert.ok(typeof answer.body.detail === 'string' && answer.body.detail.length > 0)
        assert.ok(answer.body.fix ?? answer.body.errors, 'says how to mend it')
        assert.equal((await calls()).filter(changes).length, before)
        assert.deepEqual(await incidents(), known)
      })
    }

    it('a dry run: the plan is answered, in order, from reads alone', async () => {
      const { instanceId, interfaceIds, volumeIds } = sandbox.scenario.instances.web1!
      const before = (await calls()).filter(changes).length
      const { status, body } = await post('/incidents', { instanceId, reason, dryRun: true })
      assert.equal(status, 200)
      const [target] = body.targets as Array<{ actions: Array<{ order: number, action: string, resource: string }> }>
      assert.deepEqual(target!.actions.map(({ order }) => order), target!.actions.map((_, index) => index + 1))
      assert.deepEqual(target!.actions.filter(({ action }) => action === 'isolate-interface').map(({ resource }) => resource).sort(), [...interfaceIds].sort())
      assert.deepEqual(target!.actions.filter(({ action }) => action === 'snapshot-volume').map(({ resource }) => resource).sort(), [...volumeIds].sort())
      assert.equal((await calls()).filter(changes).length, before)
    })
  })

  it('of two instances in one VPC contains each with a group of its own and brings both their disks into one room', async () => {
    const { web2, batch1 } = sandbox.scenario.instances
    const instanceIds = [web2!.instanceId, batch1!.instanceId]
    const { id } = await api.call<Incident>('POST', '/incidents', sandbox.tokens.responder, { instanceIds, reason: 'two in one' })
    const reviewed = await api.reach(id, sandbox.tokens.analyst, 'in-review')
    assert.deepEqual(reviewed.targets.map(({ containment }) => containment.state), ['contained', 'contained'])
    const groups = (await Promise.all(instanceIds.map((instanceId) => witness.interfaces(instanceId)))).map((each) => new Set(each.flatMap((one) => one.groups)))
    assert.deepEqual(groups.map(({ size }) => size), [1, 1])
    assert.equal(new Set(groups.flatMap((each) => [...each])).size, 2)
    assert.equal(reviewed.cleanRoom.volumes.length, web2!.volumeIds.length + batch1!.volumeIds.length)
    assert.deepEqual([...new Set(reviewed.cleanRoom.volumes.map(({ instanceId }) => instanceId))].sort(), [...instanceIds].sort())
    await api.call('POST', `/incidents/${id}/review`, sandbox.tokens.analyst, { decision: 'close', comment: 'done' })
    await api.reach(id, sandbox.tokens.analyst, 'closed')
  })

  describe('and another on a different instance, both at once,', () => {
    let first: Incident
    let second: Incident

    before(async () => {
      const { web1, batch1 } = sandbox.scenario.instances
      const opened = await Promise.all([web1!, batch1!].map(async ({ instanceId }) =>
        await api.call<Incident>('POST', '/incidents', sandbox.tokens.responder, { instanceId, reason: 'two at once' })))
      const reached = await Promise.all(opened.map(async ({ id }) => await api.reach(id, sandbox.tokens.analyst, 'in-review')));
      [first, second] = reached as [Incident, Incident]
    })

    it('each have a room and a workstation of their own', () => {
      assert.notEqual(first.cleanRoom.vpcId, second.cleanRoom.vpcId)
      assert.notEqual(first.cleanRoom.workstationId, second.cleanRoom.workstationId)
    })

    it('each contain their own instance and prove it', async () => {
      for (const { targets: [target] } of [first, second]) {
        assert.equal(target!.containment.state, 'contained')
        assert.equal(target!.containment.proof!.ok, true)
        for (const { groups } of await witness.interfaces(target!.instanceId)) {
          assert.equal(groups.length, 1)
          assert.equal(await witness.rules(groups[0]!), 0)
        }
      }
    })

    it('each copy their own disks and no other', async () => {
      const takenOf = ({ targets: [target] }: Incident): string[] => target!.acquisition.snapshots.map(({ snapshotId }) => snapshotId).sort()
      const all = [first, second].flatMap(takenOf)
      for (const incident of [first, second]) {
        const attached = await witness.attachedCopies(incident.cleanRoom.workstationId!)
        assert.deepEqual(attached.filter((snapshotId) => all.includes(snapshotId)).sort(), takenOf(incident))
      }
    })

    it('give their findings to the right instance', async () => {
      for (const { id, targets: [target] } of [first, second]) {
        const findings = await api.findings(id, sandbox.tokens.analyst)
        assert.ok(findings.length > 0)
        assert.ok(findings.every(({ instanceId }) => instanceId === undefined || instanceId === target!.instanceId))
      }
    })

    it('answer a second request for their instance with themselves', async () => {
      const { instanceId } = first.targets[0]!
      const { status, body } = await post('/incidents', { instanceId, reason: 'again' })
      assert.deepEqual([status, body.id], [202, first.id])
    })

    it('can be closed one without the other: only the closed one\'s room goes', async () => {
      await api.call('POST', `/incidents/${first.id}/review`, sandbox.tokens.analyst, { decision: 'close', comment: 'done' })
      await api.reach(first.id, sandbox.tokens.analyst, 'closed')
      assert.deepEqual(await witness.remains(first.id, first.cleanRoom.vpcId!), [])
      assert.equal((await api.incident(second.id, sandbox.tokens.analyst)).phase, 'in-review')
      const attached = await witness.attachedCopies(second.cleanRoom.workstationId!)
      assert.ok(second.cleanRoom.volumes.every(({ snapshotId }) => attached.includes(snapshotId)))
    })

    it('keep containment and evidence when they are cancelled', async () => {
      await api.call('POST', `/incidents/${second.id}/cancel`, sandbox.tokens.responder)
      await api.reach(second.id, sandbox.tokens.analyst, 'closed')
      assert.deepEqual(await witness.remains(second.id, second.cleanRoom.vpcId!), [])
      for (const { groups } of await witness.interfaces(second.targets[0]!.instanceId)) assert.equal(await witness.rules(groups[0]!), 0)
      assert.equal((await witness.snapshots(second.id)).length, second.targets[0]!.acquisition.snapshots.length)
      assert.ok((await api.evidence(second.id, sandbox.tokens.analyst)).some(({ kind }) => kind === 'manifest'))
    })

    it('took every change on AWS in the role of its phase', async () => {
      const roleOf = ({ principal }: Call): string | undefined => /assumed-role\/cleanroom-([a-z-]+)\//.exec(principal ?? '')?.[1]
      const made = await calls()
      for (const [action, role] of [
        ['ModifyNetworkInterfaceAttribute', 'contain'], ['DetachInstances', 'contain'], ['CreateSnapshots', 'acquire'], ['SendCommand', 'analyse']
      ]) {
        const roles = made.filter((call) => call.action === action && roleOf(call) !== undefined).map(roleOf)
        assert.deepEqual([...new Set(roles)], [role], action)
      }
    })
  })
})
