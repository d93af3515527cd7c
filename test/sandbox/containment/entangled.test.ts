import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AttachNetworkInterfaceCommand, CreateNetworkInterfaceCommand, DeleteSecurityGroupCommand, ModifyInstanceAttributeCommand, ModifyNetworkInterfaceAttributeCommand,
  TerminateInstancesCommand, waitUntilInstanceTerminated
} from '@aws-sdk/client-ec2'
import type { Containment, ContainmentAction, Decision, Incident } from '../../../controller/incident/incident.ts'
import { ApiClient } from '../../../sandbox/demo/api-client.ts'
import { CloudWitness } from '../../../sandbox/demo/cloud-witness.ts'
import { startSandbox, type RunningSandbox } from '../../../sandbox/sandbox.ts'

interface Call { start: number, end: number, service: string, action: string, status: number, principal: string, resource?: string }
interface PlannedStep { order: number, phase: string, action: string, resource: string, change: string, needs?: string[] }
interface DryRun { targets: Array<{ instanceId: string, actions: PlannedStep[], rungs: Array<{ rung: string, hits: string[] }>, permissions: { checked: boolean, lacking?: unknown[] } }> }
interface Awaiting { awaiting: string, decisionId: string, decision: Decision }

const SCENARIO = join(import.meta.dirname, '../../../sandbox/scenarios/entangled')
const reads = /^(Describe|Get|List|Head|AssumeRole|Lookup|Filter|Simulate)/

describe('an instance that is entangled with all that AWS offers', function () {
  this.timeout(5 * 60_000)
  let sandbox: RunningSandbox
  let api: ApiClient
  let witness: CloudWitness

  before(async () => {
    sandbox = await startSandbox({ scenario: SCENARIO })
    api = new ApiClient(() => sandbox.api!)
    witness = new CloudWitness(sandbox.awsEndpoint, sandbox.region)
  })

  after(async () => { await sandbox?.stop() })

  const suspect = () => sandbox.scenario.instances.api1!
  const neighbour = () => sandbox.scenario.instances.api2!
  const containmentOf = ({ targets }: Incident): Containment => targets[0]!.containment

  async function calls (since = 0): Promise<Call[]> {
    const all = (await readFile(sandbox.emulatorLog, 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Call)
    return all.slice(since)
  }

  async function delayed (delayMs: number, act: () => Promise<void>): Promise<void> {
    const set = async (rules: unknown[]): Promise<void> => {
      await fetch(`${sandbox.awsEndpoint}/_sandbox/faults`, { method: 'PUT', body: JSON.stringify(rules), headers: { 'content-type': 'application/json' } })
    }
    await set([{ service: 'ec2', delayMs }])
    try {
      await act()
    } finally {
      await set([])
    }
  }

  /** The incident once its first target's containment says what `until` asks for. */
  async function settled (id: string, until: (containment: Containment) => boolean): Promise<Incident> {
    for (let asked = 0; asked < 600; asked++) {
      const incident = await api.incident(id, sandbox.tokens.analyst)
      if (until(containmentOf(incident))) return incident
      await sleep(200)
    }
    throw new Error(`the containment of ${id} never came so far`)
  }

  async function release (id: string): Promise<Incident> {
    const { decisionId } = await api.call<Awaiting>('POST', `/incidents/${id}/review`, sandbox.tokens.analyst, { decision: 'release', comment: 'A scanner of our own' })
    await api.call('POST', `/incidents/${id}/approvals`, sandbox.tokens.approver, { decisionId, approve: true, comment: 'Agreed' })
    return await settled(id, ({ release: released, underway }) => released?.decisionId === decisionId && underway === undefined)
  }

  const failing = ({ proof }: Containment): string[] => proof!.checks.filter(({ ok }) => !ok).map(({ name, expected, observed }) => `${name}: expected ${expected}, observed ${observed}`)

  describe('from the dry run to the release', () => {
    let suspectBefore: Awaited<ReturnType<CloudWitness['portrait']>>
    let besideBefore: Awaited<ReturnType<CloudWitness['portrait']>>
    let dryRun: DryRun
    let incident: Incident
    let fromOpening: number
    let unanswered: string

    before(async () => {
      suspectBefore = await witness.portrait(suspect().instanceId)
      besideBefore = await witness.portrait(neighbour().instanceId)
    })

    it('is planned by a dry run from reads alone, with what the role lacks and whom further rungs would hit', async () => {
      const since = (await calls()).length
      dryRun = await api.call<DryRun>('POST', '/incidents', sandbox.tokens.responder, { instanceId: suspect().instanceId, reason: 'drill', dryRun: true })
      assert.deepEqual((await calls(since)).filter(({ action }) => !reads.test(action)), [])
      const { rungs, permissions } = dryRun.targets[0]!
      assert.deepEqual([permissions.checked, permissions.lacking], [true, []])
      assert.ok(rungs.find(({ rung }) => rung === 'role-sessions')!.hits.includes(neighbour().instanceId))
      assert.deepEqual(await witness.portrait(suspect().instanceId), suspectBefore)
    })

    it('is cut off by the fewest calls one after the other, all interfaces side by side', async () => {
      fromOpening = (await calls()).length
      await delayed(800, async () => {
        ({ id: incident.id } = incident = await api.call<Incident>('POST', '/incidents', sandbox.tokens.responder, { instanceId: suspect().instanceId, reason: 'Beacon' }))
        await settled(incident.id, ({ actions }) => {
          const isolations = actions.filter(({ action }) => action === 'isolate-interface')
          return isolations.length > 0 && isolations.every(({ state }) => state === 'done')
        })
      })
      const ec2 = (await calls(fromOpening)).filter(({ service }) => service === 'ec2')
      const contain = ec2.filter(({ principal }) => principal.includes('contain'))
      const named = (action: string, resource?: string): Call[] => contain.filter((call) => call.action === action && (resource === undefined || call.resource === resource))
      const swaps = named('ModifyNetworkInterfaceAttribute').sort((a, b) => a.start - b.start)
      const count = suspect().interfaceIds.length
      assert.equal(count, 3)
      assert.deepEqual(swaps.map(({ status }) => status), Array(2 * count).fill(200))
      const perInterface = suspect().interfaceIds.map((id) => swaps.filter(({ resource }) => resource === id))
      for (const round of [0, 1]) {
        const changed = perInterface.map((each) => each[round]!)
        assert.ok(Math.max(...changed.map(({ start }) => start)) < Math.min(...changed.map(({ end }) => end)), 'the interfaces are changed side by side')
      }
      const [opened, closed] = perInterface[0]!

      const [made] = named('CreateSecurityGroup').sort((a, b) => a.start - b.start)
      const asked = ec2.find(({ action }) => action === 'DescribeInstances')!
      const isolationGroup = named('RevokeSecurityGroupEgress')[0]!.resource!
      const read = ec2.find(({ action, start }) => action === 'DescribeNetworkInterfaces' && start >= asked.end)!
      assert.ok(read.start < made!.end, 'the group is made beside the reads of the interfaces')
      const rules = named('DescribeSecurityGroupRules', isolationGroup).filter(({ end }) => end <= opened!.start)
      const revoked = named('RevokeSecurityGroupEgress', isolationGroup)[0]!
      const chain = [asked, named('CreateSecurityGroup', isolationGroup)[0]!, rules[0]!, revoked, rules[1]!, opened!, closed!]
      assert.equal(chain.length, 7)
      for (const [index, call] of chain.entries()) {
        const next = chain[index + 1]
        if (!next) break
        assert.ok(call.end <= next.start, `${call.action} comes before ${next.action}`)
        const between = contain.filter(({ start, end }) => start >= call.end && end <= next.start)
        assert.deepEqual(between.map(({ action }) => action), [], `nothing is waited for between ${call.action} and ${next.action}`)
      }
    })

    it('is contained as planned, and each check of the proof is told', async () => {
      incident = await settled(incident.id, ({ state, underway }) => state !== 'pending' && underway === undefined)
      const containment = containmentOf(incident)
      assert.deepEqual(failing(containment), [])
      assert.equal(containment.state, 'contained')
      const planned = dryRun.targets[0]!.actions.filter(({ phase }) => phase === 'containing')
      assert.deepEqual(containment.actions.map(({ action, resource, change }) => ({ action, resource, change })),
        planned.map(({ action, resource, change }) => ({ action, resource, change })))
      assert.deepEqual(containment.actions.filter(({ state }) => state !== 'done' && state !== 'unchanged'), [])
      for (const kind of ['leave-auto-scaling', 'leave-target-group', 'leave-classic-load-balancer', 'disassociate-address', 'remove-instance-profile', 'revoke-role-sessions', 'isolate-interface']) {
        assert.ok(containment.actions.some(({ action }) => action === kind), kind)
      }
      for (const interfaceId of suspect().interfaceIds) {
        assert.ok(containment.proof!.checks.some(({ name }) => name.includes(interfaceId)), interfaceId)
      }
      assert.ok(containment.residualRisks.length > 0)
    })

    it('is cut off as AWS itself shows it', async () => {
      for (const { groups } of await witness.interfaces(suspect().instanceId)) {
        assert.equal(groups.length, 1)
        assert.equal(await witness.rules(groups[0]!), 0)
      }
      const { own } = await witness.portrait(suspect().instanceId)
      assert.notDeepEqual(own, suspectBefore.own)
    })

    it('leaves the neighbour beside it as it was', async () => {
      assert.deepEqual((await witness.portrait(neighbour().instanceId)).own, besideBefore.own)
    })

    it('changed nothing but what its plan named', async () => {
      const changing = (await calls(fromOpening)).filter(({ action, principal, status }) => !reads.test(action) && principal.includes('contain') && status === 200)
      const ours = new Set([suspect().instanceId, ...suspect().interfaceIds, ...containmentOf(incident).actions.flatMap(({ resource, parameters }) =>
        [resource, ...Object.values(parameters ?? {}).filter((value) => typeof value === 'string')])])
      const strange = changing.filter(({ resource, action }) => resource && !ours.has(resource) && !/SecurityGroup/.test(action) && !/^eipassoc-|^iip-assoc-/.test(resource))
      assert.deepEqual(strange.map(({ action, resource }) => `${action} ${resource}`), [])
    })

    it('is contained again without changing anything', async () => {
      const since = (await calls()).length
      await api.call('POST', `/incidents/${incident.id}/containment`, sandbox.tokens.responder, { comment: 'once more' })
      incident = await settled(incident.id, ({ underway }) => underway === undefined)
      assert.equal(containmentOf(incident).state, 'contained')
      const widened = (await calls(since)).filter(({ action, principal }) => principal.includes('contain') && /Authorize|CreateSecurityGroup$/.test(action))
      assert.deepEqual(widened.filter(({ status }) => status === 200).map(({ action }) => action), [])
      assert.deepEqual(containmentOf(incident).actions.find(({ action }) => action === 'isolate-interface')!.before, actionOf(containmentOf(incident), 'isolate-interface').before)
    })

    it('is cut off again after somebody opened it and gave it one more interface', async () => {
      const [{ groups: [isolation] = [] } = { groups: [] }] = await witness.interfaces(suspect().instanceId)
      await witness.ec2.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: suspect().interfaceIds[1]!, Groups: neighbour().securityGroupIds }))
      const made = await witness.ec2.send(new CreateNetworkInterfaceCommand({ SubnetId: suspect().subnetId, Groups: neighbour().securityGroupIds }))
      const extra = made.NetworkInterface!.NetworkInterfaceId!
      await witness.ec2.send(new AttachNetworkInterfaceCommand({ NetworkInterfaceId: extra, InstanceId: suspect().instanceId, DeviceIndex: 5 }))
      await api.call('POST', `/incidents/${incident.id}/containment`, sandbox.tokens.responder, { comment: 'somebody opened it' })
      incident = await settled(incident.id, ({ underway }) => underway === undefined)
      assert.equal(containmentOf(incident).state, 'contained')
      for (const { groups } of await witness.interfaces(suspect().instanceId)) assert.deepEqual(groups, [isolation])
    })

    it('is released only by a second person, who sees what would change', async () => {
      const asked = await api.call<Awaiting>('POST', `/incidents/${incident.id}/review`, sandbox.tokens.admin, { decision: 'release', comment: 'false alarm' })
      assert.equal(asked.awaiting, 'approval')
      const preview = asked.decision.preview as { targets: Array<{ changes: Array<{ effect: string, before: unknown, now: unknown }> }> }
      assert.ok(preview.targets[0]!.changes.some(({ effect }) => effect === 'restores'))
      const approve = (token: string, approves: boolean): Promise<unknown> =>
        api.call('POST', `/incidents/${incident.id}/approvals`, token, { decisionId: asked.decisionId, approve: approves, comment: 'hm' })
      await assert.rejects(approve(sandbox.tokens.admin, true), /403 .*SAME_PERSON/)
      await assert.rejects(approve(sandbox.tokens.analyst, true), /403 .*FORBIDDEN/)
      await approve(sandbox.tokens.approver, false)
      await assert.rejects(approve(sandbox.tokens.approver, true), /409 .*DECISION_MADE/)
      assert.equal(containmentOf(await api.incident(incident.id, sandbox.tokens.analyst)).state, 'contained')
      unanswered = (await api.call<Awaiting>('POST', `/incidents/${incident.id}/review`, sandbox.tokens.analyst, { decision: 'release', comment: 'perhaps' })).decisionId
    })

    it('is, once released, field by field as it was before', async () => {
      incident = await release(incident.id)
      const { state, release: released, actions } = containmentOf(incident)
      assert.deepEqual(released!.proof.checks.filter(({ ok }) => !ok), [])
      assert.equal(state, 'released')
      const kept = actions.filter(({ action, before: found, state: left }) => found !== undefined && !['undone', 'unchanged'].includes(left) && action !== 'remove-untracking-group')
      assert.deepEqual(kept, [])
      const now = await witness.portrait(suspect().instanceId)
      // The interface that somebody attached meanwhile is not ours to take away; its own groups are back.
      assert.deepEqual(withoutExtra(now, suspect().interfaceIds), withoutExtra(suspectBefore, suspect().interfaceIds))
      assert.deepEqual((await witness.portrait(neighbour().instanceId)).own, besideBefore.own)
    })

    it('is contained anew after the release, from the state it was in then', async () => {
      await api.call('POST', `/incidents/${incident.id}/containment`, sandbox.tokens.responder, { comment: 'it was real' })
      incident = await settled(incident.id, ({ state, underway, generation }) => generation === 2 && state !== 'pending' && underway === undefined)
      assert.deepEqual(failing(containmentOf(incident)), [])
      assert.equal(containmentOf(incident).state, 'contained')
      const approve = api.call('POST', `/incidents/${incident.id}/approvals`, sandbox.tokens.approver, { decisionId: unanswered, approve: true, comment: 'late' })
      await assert.rejects(approve, /409 .*CONFLICT/, 'what was asked for another containment')
      incident = await release(incident.id)
      assert.deepEqual(withoutExtra(await witness.portrait(suspect().instanceId), suspect().interfaceIds), withoutExtra(suspectBefore, suspect().interfaceIds))
    })
  })

  describe('alone in its subnet', () => {
    it('has the subnet denied as well, and released again though a group it had is gone', async () => {
      const { instanceId, interfaceIds, subnetId } = sandbox.scenario.instances.lone1!
      const before = await witness.portrait(instanceId)
      const { id } = await api.call<Incident>('POST', '/incidents', sandbox.tokens.responder, { instanceId, reason: 'alone' })
      const contained = containmentOf(await settled(id, ({ state, underway }) => state !== 'pending' && underway === undefined))
      assert.deepEqual(failing(contained), [])
      assert.equal(actionOf(contained, 'isolate-subnet').resource, subnetId)
      const { securityGroupIds } = actionOf(contained, 'isolate-interface').before as { securityGroupIds: string[] }
      assert.ok(securityGroupIds.length > 1)
      await witness.ec2.send(new DeleteSecurityGroupCommand({ GroupId: securityGroupIds[0]! }))
      const released = containmentOf(await release(id))
      assert.equal(released.state, 'released')
      assert.match(actionOf(released, 'isolate-interface').note!, new RegExp(securityGroupIds[0]!))
      const interfaces = await witness.interfaces(instanceId)
      assert.deepEqual(interfaces.map((each) => [each.id, each.groups]), [[interfaceIds[0], securityGroupIds.slice(1)]])
      assert.notDeepEqual(before, await witness.portrait(instanceId))
    })

    it('that is terminated meanwhile ends partial, with nothing thrown, and can be released for what is left', async () => {
      const { instanceId } = sandbox.scenario.instances.lone1!
      const { items } = await api.call<{ items: Incident[] }>('GET', '/incidents', sandbox.tokens.analyst)
      const id = items.find(({ targets }) => targets[0]!.instanceId === instanceId)!.id
      await witness.ec2.send(new ModifyInstanceAttributeCommand({ InstanceId: instanceId, DisableApiTermination: { Value: false } }))
      await witness.ec2.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }))
      await waitUntilInstanceTerminated({ client: witness.ec2, minDelay: 1, maxDelay: 1, maxWaitTime: 60 }, { InstanceIds: [instanceId] })
      const answer = await fetch(`${sandbox.api!}/incidents/${id}/containment`, {
        method: 'POST', headers: { authorization: `Bearer ${sandbox.tokens.responder}`, 'content-type': 'application/json' }, body: JSON.stringify({ comment: 'is it gone?' })
      })
      assert.equal(answer.status, 202)
      const after = containmentOf(await settled(id, ({ underway }) => underway === undefined))
      assert.equal(after.state, 'partial')
      assert.match(failing(after).join(), /instance-exists.*terminated/)
    })
  })
})

function actionOf ({ actions }: Containment, kind: string): ContainmentAction {
  const found = actions.find(({ action }) => action === kind)
  assert.ok(found, `there is no ${kind}`)
  return found
}

/** A portrait with the interfaces of the scenario alone. */
function withoutExtra (portrait: Awaited<ReturnType<CloudWitness['portrait']>>, interfaceIds: string[]): unknown {
  return JSON.parse(JSON.stringify(portrait), (_key, value: unknown) =>
    Array.isArray(value) ? value.filter((each) => !(each as { id?: string } | null)?.id?.startsWith('eni-') || interfaceIds.includes((each as { id: string }).id)) : value)
}
