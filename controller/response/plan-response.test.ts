import assert from 'node:assert/strict'
import { DEFAULT_CONTAINMENT_POLICY, planContainment } from '../containment/plan.ts'
import type { Plan } from '../incident/incident.ts'
import { PLAIN_INSTANCE } from '../triage/facts-for-tests.ts'
import type { InstanceFacts, Surroundings } from '../triage/target-facts.ts'
import { estimate } from './estimate.ts'
import { notes, plannedSteps } from './plan-response.ts'

const FACTS: InstanceFacts = {
  ...PLAIN_INSTANCE,
  interfaces: [{ interfaceId: 'eni-1', kind: 'interface', deviceIndex: 0, networkCardIndex: 0, subnetId: 'subnet-1', securityGroupIds: ['sg-web', 'sg-db'], privateAddresses: ['10.0.0.5'], ipv6Addresses: [], elasticAddresses: [] }],
  volumes: [
    { volumeId: 'vol-1', device: '/dev/xvda', sizeGiB: 8, encrypted: false, deleteOnTermination: true },
    { volumeId: 'vol-2', device: '/dev/xvdf', sizeGiB: 0, encrypted: false, deleteOnTermination: false }
  ],
  instanceProfileArn: 'arn:aws:iam::123456789012:instance-profile/web'
}

const AROUND: Surroundings = {
  targets: [{ targetGroupArn: 'arn:tg/web', targetId: 'i-1', port: 80 }],
  classicLoadBalancers: [],
  subnets: [],
  othersInVpc: ['i-2'],
  ssmEndpoints: [{ endpointId: 'vpce-1', service: 'ssm', addresses: ['10.0.0.9'] }],
  accessKeys: [],
  flowLogs: [],
  scheduledEvents: [],
  unread: []
}

const PLAN: Plan = { containment: DEFAULT_CONTAINMENT_POLICY, analyses: ['disk-analysis'] }

describe('the plan of a response', () => {
  it('tells every step once, numbered in the order in which they begin', () => {
    const steps = plannedSteps(FACTS, AROUND, PLAN)
    assert.deepEqual(steps.map(({ order }) => order), steps.map((_, index) => index + 1))
    const phases = [...new Set(steps.map(({ phase }) => phase))]
    assert.deepEqual(phases, ['triaging', 'containing', 'acquiring', 'preparing', 'analysing'])
    assert.deepEqual(steps.filter(({ phase }) => phase === 'acquiring').map(({ resource }) => resource), ['vol-1', 'vol-2'])
    assert.match(steps.find(({ resource }) => resource === 'vol-2')!.change, /size not known/)
  })

  it('tells exactly the containment that a response does, with what it needs and what it found', () => {
    const told = plannedSteps(FACTS, AROUND, PLAN).filter(({ phase }) => phase === 'containing')
    const done = planContainment(FACTS, AROUND, PLAN.containment)
    assert.deepEqual(told.map(({ action, resource, change, needs, before }) => [action, resource, change, needs, before]),
      done.map(({ kind, resource, words, needs, before }) => [kind, resource, words, needs, before]))
    const isolate = told.find(({ action }) => action === 'isolate-interface')!
    assert.deepEqual(isolate.before, { securityGroupIds: ['sg-db', 'sg-web'] })
    assert.deepEqual(isolate.needs, ['ec2:ModifyNetworkInterfaceAttribute'])
  })

  it('tells in words what waits for the end of live capture', () => {
    const ssm = plannedSteps(FACTS, AROUND, { ...PLAN, containment: { ...PLAN.containment, mode: 'ssm' } })
    const waiting = ssm.filter(({ after }) => after !== undefined)
    assert.ok(waiting.some(({ action }) => action === 'close-ssm-path'))
    assert.ok(waiting.some(({ action }) => action === 'remove-instance-profile'))
    assert.ok(waiting.every(({ after }) => after === 'The end of live capture through Systems Manager'))
    assert.ok(plannedSteps(FACTS, AROUND, PLAN).every(({ after }) => after === undefined))
  })

  it('isolates whole at once where there is no way to leave for live capture', () => {
    const ssm: Plan = { ...PLAN, containment: { ...PLAN.containment, mode: 'ssm' } }
    assert.ok(plannedSteps(FACTS, { ...AROUND, ssmEndpoints: [] }, ssm).every(({ action, after }) => action !== 'allow-ssm-endpoints' && !after))
  })

  it('says when the Auto Scaling group can\'t shrink', () => {
    const shrink: Plan = { ...PLAN, containment: { ...PLAN.containment, autoScaling: 'shrink' } }
    const autoScaling = { group: 'web', lifecycleState: 'InService', desiredCapacity: 2, minSize: 2, maxSize: 4, members: [], targetGroupArns: [], subnetIds: [] }
    assert.match(notes({ ...AROUND, autoScaling }, shrink)[0]!, /web wants 2 instances and may not have fewer than 2/)
    assert.deepEqual(notes({ ...AROUND, autoScaling: { ...autoScaling, minSize: 1 } }, shrink), [])
    assert.deepEqual(notes({ ...AROUND, autoScaling }, PLAN), [])
  })

  it('says which of the access keys are inactive already', () => {
    const accessKeys = [{ accessKeyId: 'AKIAA', userName: 'mallory', active: false }, { accessKeyId: 'AKIAB', userName: 'mallory', active: true }]
    assert.deepEqual(notes({ ...AROUND, accessKeys }, PLAN), ['Inactive already: AKIAA'])
  })
})

describe('the estimate of a response', () => {
  it('says that it is rough and what it assumes', () => {
    assert.match(estimate(FACTS, PLAN.containment).basis, /Rough.*No promise/)
  })

  it('counts a call more where connections are untracked', () => {
    const calls = (trackedConnections: 'swap' | 'leave') => estimate(FACTS, { ...PLAN.containment, trackedConnections }).sequentialCalls.length
    assert.equal(calls('swap'), calls('leave') + 1)
  })

  it('tells no time for disks of which no size could be read', () => {
    assert.equal(estimate(FACTS, PLAN.containment).minutesToSnapshot, 2)
    assert.ok(!('minutesToSnapshot' in estimate({ volumes: [FACTS.volumes[1]!] }, PLAN.containment)))
  })
})
