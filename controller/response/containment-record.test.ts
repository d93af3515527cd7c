import assert from 'node:assert/strict'
import { DEFAULT_CONTAINMENT_POLICY, planCutOff, type PlannedAction } from '../containment/plan.ts'
import type { Containment, ContainmentAction, Incident } from '../incident/incident.ts'
import { PLAIN_INSTANCE } from '../triage/facts-for-tests.ts'
import type { InstanceFacts, Surroundings } from '../triage/target-facts.ts'
import { claim, recordNoOutcome, recordPlan, sparingItsGroup, startRound, type Turn } from './containment-record.ts'
import type { ResponseParts } from './parts.ts'

const turn: Turn = { incidentId: 'inc', target: { instanceId: 'i-1', accountId: '123456789012', region: 'eu-central-1' }, workflowId: 'contain/inc/i-1/1' }

/** An incident with one target in memory. */
function recordOf (containment: Partial<Containment>): { parts: Pick<ResponseParts, 'incidents' | 'custody'>, now: () => Containment } {
  const incident = { targets: [{ instanceId: 'i-1', containment: { state: 'pending', actions: [], residualRisks: [], ...containment } }] } as unknown as Incident
  const incidents = {
    get: async () => structuredClone(incident),
    update: async (_id: string, change: (incident: Incident) => void) => {
      change(incident)
      return incident
    }
  }
  return { parts: { incidents, custody: { append: async () => {} } } as unknown as ResponseParts, now: () => incident.targets[0]!.containment }
}

const action = (kind: string, state: ContainmentAction['state'], more: Partial<ContainmentAction> = {}): ContainmentAction =>
  ({ key: `contain/i-1/${kind}/vpc-1`, action: kind, resource: 'vpc-1', state, ...more })
const ready = action('prepare-isolation-group', 'done', { before: { groupId: null }, after: { groupId: 'sg-iso', rules: 0 } })

const FACTS: InstanceFacts = {
  ...PLAIN_INSTANCE,
  interfaces: [{ interfaceId: 'eni-1', kind: 'interface', deviceIndex: 0, networkCardIndex: 0, subnetId: 'subnet-1', securityGroupIds: ['sg-iso'], privateAddresses: ['10.0.0.5'], ipv6Addresses: [], elasticAddresses: [] }]
}

describe('the turn at a containment', () => {
  it('begins with the first generation and names the workflow that has it', async () => {
    const { parts, now } = recordOf({})
    assert.deepEqual(await claim(parts, turn, { onWord: false, rungs: [] }), { granted: true, generation: 1, rungs: [] })
    assert.equal(now().underway, turn.workflowId)
  })

  it('is not given for a released instance unless somebody asked for it', async () => {
    const released = recordOf({ state: 'released', generation: 1, actions: [action('isolate-interface', 'undone')] })
    assert.deepEqual(await claim(released.parts, turn, { onWord: false, rungs: [] }), { granted: false, why: 'released' })
    assert.deepEqual([released.now().state, released.now().underway, released.now().actions.length], ['released', undefined, 1])
  })

  it('begins a containment anew after a release: nothing of the one before stays in its record', async () => {
    const { parts, now } = recordOf({
      state: 'released', generation: 1, containedAt: '2026-01-01T00:00:00.000Z', approvedRungs: ['stop-instance'], actions: [action('isolate-interface', 'undone')]
    })
    assert.deepEqual(await claim(parts, turn, { onWord: true, rungs: [] }), { granted: true, generation: 2, rungs: [] })
    assert.deepEqual([now().state, now().actions, now().containedAt, now().approvedRungs], ['pending', [], undefined, undefined])
  })

  it('keeps what was approved for a containment in every later time it is done again', async () => {
    const { parts } = recordOf({ state: 'contained', generation: 1, approvedRungs: ['network-acl'] })
    assert.deepEqual(await claim(parts, turn, { onWord: true, rungs: ['stop-instance'] }), { granted: true, generation: 1, rungs: ['network-acl', 'stop-instance'] })
  })

  it('is handed on by the workflow that took it for this one', async () => {
    const { parts } = recordOf({ state: 'contained', generation: 1, underway: 'contain-again/inc/x' })
    assert.equal((await claim(parts, turn, { onWord: true, claimedAs: 'contain-again/inc/x', rungs: [] })).granted, true)
  })

  it('never leaves a containment that was not proved as contained or pending', async () => {
    for (const [state, then] of [['pending', 'failed'], ['contained', 'partial']] as const) {
      const { parts, now } = recordOf({ state, underway: turn.workflowId })
      await recordNoOutcome(parts, turn, { generation: 1, occasion: '1', message: 'AWS was away', gone: false })
      assert.deepEqual([now().state, now().underway], [then, undefined])
    }
  })
})

describe('a round of containment', () => {
  it('widens nothing for interfaces that are isolated already', async () => {
    const { parts } = recordOf({ actions: [ready] })
    assert.equal((await startRound(parts, turn, DEFAULT_CONTAINMENT_POLICY, FACTS)).policy.trackedConnections, 'leave')
    const open = { ...FACTS, interfaces: [{ ...FACTS.interfaces[0]!, securityGroupIds: ['sg-web'] }] }
    assert.equal((await startRound(parts, turn, DEFAULT_CONTAINMENT_POLICY, open)).policy.trackedConnections, 'swap')
  })

  it('takes up what failed before, and the group that is ready', async () => {
    const failed = action('leave-target-group', 'failed', { before: { registered: true } })
    const { parts } = recordOf({ actions: [ready, failed, action('tag-quarantined', 'done')] })
    assert.deepEqual((await startRound(parts, turn, DEFAULT_CONTAINMENT_POLICY, FACTS)).known, [ready, failed])
  })

  it('goes on removing the group that lets all pass until it is gone', async () => {
    const made = action('prepare-untracking-group', 'done')
    for (const [removal, goesOn] of [['failed', true], ['planned', true], ['done', false]] as const) {
      const { parts } = recordOf({ actions: [ready, made, action('remove-untracking-group', removal)] })
      assert.equal((await startRound(parts, turn, DEFAULT_CONTAINMENT_POLICY, FACTS)).removeUntracking, goesOn, removal)
    }
  })

  it('knows the role of an instance whose profile containment took away', async () => {
    const { parts } = recordOf({ actions: [action('remove-instance-profile', 'done', { before: { instanceProfileArn: 'arn:profile' } })] })
    assert.equal((await startRound(parts, turn, DEFAULT_CONTAINMENT_POLICY, FACTS)).facts.instanceProfileArn, 'arn:profile')
  })

  it('plans each action once, in the order of the plan, whichever lane comes first', async () => {
    const { parts, now } = recordOf({})
    const plan = planCutOff(FACTS, DEFAULT_CONTAINMENT_POLICY)
    await recordPlan(parts, turn, plan.slice(3))
    await recordPlan(parts, turn, plan)
    assert.deepEqual([...now().actions.map(({ action: kind }) => kind)].sort(), plan.map(({ kind }) => kind).sort())
    assert.equal(now().actions[0]!.action, 'tag-quarantined')
  })

  it('does not take a subnet for empty because its instance has left the Auto Scaling group', async () => {
    const deny = { kind: 'isolate-subnet', stage: 'isolate', resource: 'subnet-1', words: '', needs: [], parameters: {} } satisfies PlannedAction
    const around = {} as Surroundings
    const { parts } = recordOf({ actions: [action('leave-auto-scaling', 'done')] })
    assert.deepEqual(await sparingItsGroup(parts, turn, [deny], around, []), [])
    assert.deepEqual(await sparingItsGroup(parts, turn, [deny], around, ['isolate-subnet']), [deny])
    const planned = recordOf({ actions: [action('leave-auto-scaling', 'done'), { ...action('isolate-subnet', 'done'), key: 'contain/i-1/isolate-subnet/subnet-1' }] })
    assert.deepEqual(await sparingItsGroup(planned.parts, turn, [deny], around, []), [deny])
  })
})
