import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { InstanceFacts } from '../triage/target-facts.ts'
import { planContainment, STAGES } from './plan.ts'

export const WEB: InstanceFacts = {
  instanceId: 'i-0123456789abcdef0',
  accountId: '123456789012',
  region: 'eu-central-1',
  state: 'running',
  vpcId: 'vpc-1',
  subnetId: 'subnet-1',
  availabilityZone: 'eu-central-1a',
  instanceType: 'm5.large',
  architecture: 'x86_64',
  platform: 'linux',
  interfaces: [
    { interfaceId: 'eni-1', deviceIndex: 0, networkCardIndex: 0, securityGroupIds: ['sg-web'], privateAddresses: ['10.0.0.5'], ipv6Addresses: [] },
    { interfaceId: 'eni-2', deviceIndex: 1, networkCardIndex: 0, securityGroupIds: ['sg-web', 'sg-db'], privateAddresses: ['10.0.0.6'], ipv6Addresses: [] }
  ],
  volumes: [
    { volumeId: 'vol-1', device: '/dev/xvda', sizeGiB: 8, encrypted: false, deleteOnTermination: true },
    { volumeId: 'vol-2', device: '/dev/xvdf', sizeGiB: 20, encrypted: true, deleteOnTermination: false }
  ],
  instanceStoreDevices: [],
  hibernationConfigured: false,
  autoScaling: { group: 'web', lifecycleState: 'InService' },
  targets: [{ targetGroupArn: 'arn:tg/web', targetId: 'i-0123456789abcdef0', port: 80 }],
  classicLoadBalancers: ['old-web'],
  tags: {}
}

const kinds = (facts: InstanceFacts, policy?: { replaceInAutoScaling: boolean }): string[] => planContainment(facts, policy).map(({ kind }) => kind)

describe('the containment plan', () => {
  it('isolates every network interface, not only the first', () => {
    const isolated = planContainment(WEB).filter(({ kind }) => kind === 'isolate-interface').map(({ resource }) => resource)
    assert.deepEqual(isolated, ['eni-1', 'eni-2'])
  })

  it('disarms what would destroy the instance before it isolates', () => {
    const stages = planContainment(WEB).map(({ stage }) => STAGES.indexOf(stage))
    assert.deepEqual(stages, [...stages].sort((a, b) => a - b))
    const disarming = planContainment(WEB).filter(({ stage }) => stage === 'disarm').map(({ kind }) => kind)
    for (const kind of ['protect-from-termination', 'protect-from-stop', 'stop-on-shutdown', 'keep-volumes', 'leave-auto-scaling', 'prepare-isolation-group'] as const) {
      assert.ok(disarming.includes(kind), kind)
    }
  })

  it('takes away traffic of every kind of load balancer', () => {
    assert.ok(kinds(WEB).includes('leave-target-group'))
    assert.ok(kinds(WEB).includes('leave-classic-load-balancer'))
  })

  it('keeps the service\'s capacity by default, and shrinks it only when policy says so', () => {
    const decrement = (policy?: { replaceInAutoScaling: boolean }) => planContainment(WEB, policy).find(({ kind }) => kind === 'leave-auto-scaling')!.parameters.decrement
    assert.equal(decrement(), false)
    assert.equal(decrement({ replaceInAutoScaling: false }), true)
  })

  it('asks for nothing that there is nothing to do for', () => {
    const { autoScaling, ...alone } = WEB
    const lonely = { ...alone, targets: [], classicLoadBalancers: [], volumes: WEB.volumes.map((volume) => ({ ...volume, deleteOnTermination: false })) }
    for (const kind of ['leave-auto-scaling', 'leave-target-group', 'leave-classic-load-balancer', 'keep-volumes']) assert.ok(!kinds(lonely).includes(kind), kind)
  })

  it('names each action once and is the same for the same facts, whatever the facts', () => {
    const facts = fc.record({
      interfaces: fc.uniqueArray(fc.integer({ min: 1, max: 999 }), { maxLength: 8 }),
      groups: fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 3 })), { maxLength: 6, selector: ([arn, port]) => `${arn}:${port}` })
    }).map(({ interfaces, groups }): InstanceFacts => ({
      ...WEB,
      interfaces: interfaces.map((id) => ({ ...WEB.interfaces[0]!, interfaceId: `eni-${id}` })),
      targets: groups.map(([arn, port]) => ({ targetGroupArn: `arn:${arn}`, targetId: WEB.instanceId, port }))
    }))
    fc.assert(fc.property(facts, (each) => {
      const plan = planContainment(each)
      const names = plan.map(({ kind, resource, parameters }) => JSON.stringify([kind, resource, parameters]))
      assert.equal(new Set(names).size, names.length)
      assert.deepEqual(plan, planContainment(each))
      assert.equal(plan.filter(({ kind }) => kind === 'isolate-interface').length, each.interfaces.length)
    }))
  })
})
