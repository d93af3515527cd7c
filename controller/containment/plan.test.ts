import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ContainmentPolicy } from '../incident/incident.ts'
import { PLAIN_INSTANCE } from '../triage/facts-for-tests.ts'
import type { InstanceFacts, Surroundings } from '../triage/target-facts.ts'
import { DEFAULT_CONTAINMENT_POLICY, KINDS, offeredRungs, planContainment, planCutOff, STAGES, type PlannedAction, type Rung } from './plan.ts'

const WEB: InstanceFacts = {
  ...PLAIN_INSTANCE,
  instanceId: 'i-0123456789abcdef0',
  interfaces: [
    {
      interfaceId: 'eni-1',
      kind: 'interface',
      deviceIndex: 0,
      networkCardIndex: 0,
      subnetId: 'subnet-1',
      securityGroupIds: ['sg-web', 'sg-db'],
      privateAddresses: ['10.0.0.5'],
      ipv6Addresses: ['2001:db8::5'],
      elasticAddresses: [{ allocationId: 'eipalloc-1', associationId: 'eipassoc-1', publicIp: '192.0.2.1', privateAddress: '10.0.0.5' }]
    },
    { interfaceId: 'eni-2', kind: 'branch', deviceIndex: 1, networkCardIndex: 0, subnetId: 'subnet-2', securityGroupIds: ['sg-web'], privateAddresses: ['10.0.1.6'], ipv6Addresses: [], elasticAddresses: [] }
  ],
  volumes: [
    { volumeId: 'vol-1', device: '/dev/xvda', sizeGiB: 8, encrypted: false, deleteOnTermination: true },
    { volumeId: 'vol-2', device: '/dev/xvdf', sizeGiB: 20, encrypted: true, deleteOnTermination: false }
  ],
  instanceProfileArn: 'arn:aws:iam::123456789012:instance-profile/web'
}
const AROUND: Surroundings = {
  autoScaling: { group: 'web', lifecycleState: 'InService', desiredCapacity: 2, minSize: 1, maxSize: 4, members: [WEB.instanceId, 'i-other'], subnetIds: ['subnet-1'], targetGroupArns: ['arn:tg/web'] },
  targets: [{ targetGroupArn: 'arn:tg/web', targetId: WEB.instanceId, port: 80 }],
  classicLoadBalancers: ['old-web'],
  role: { roleName: 'web', roleArn: 'arn:aws:iam::123456789012:role/web', roleId: 'AROA1', serviceLinked: false, otherInstances: ['i-other'], otherPrincipals: [] },
  subnets: [
    { subnetId: 'subnet-1', networkAclId: 'acl-1', associationId: 'aclassoc-1', neighbours: ['eni-9 of i-other'] },
    { subnetId: 'subnet-2', networkAclId: 'acl-1', associationId: 'aclassoc-2', neighbours: [] }
  ],
  othersInVpc: ['i-other'],
  ssmEndpoints: [
    { endpointId: 'vpce-1', service: 'ssm', addresses: ['10.0.0.20'] },
    { endpointId: 'vpce-2', service: 'ssmmessages', addresses: ['10.0.0.21'] }
  ],
  accessKeys: [{ accessKeyId: 'AKIAEXAMPLEEXAMPLE', userName: 'deploy', active: true }],
  flowLogs: [],
  scheduledEvents: [],
  unread: []
}

const plan = (policy: Partial<ContainmentPolicy> = {}, around: Partial<Surroundings> = {}, rungs: Rung[] = []): PlannedAction[] =>
  planContainment(WEB, { ...AROUND, ...around }, { ...DEFAULT_CONTAINMENT_POLICY, ...policy }, rungs)
const of = (actions: PlannedAction[], kind: string): PlannedAction[] => actions.filter((each) => each.kind === kind)
const kinds = (actions: PlannedAction[]): string[] => actions.map(({ kind }) => kind)

describe('the containment plan', () => {
  it('isolates every network interface, branches of a trunk too, from the groups that were found', () => {
    assert.deepEqual(of(plan(), 'isolate-interface').map(({ resource, before }) => [resource, before]), [
      ['eni-1', { securityGroupIds: ['sg-db', 'sg-web'] }], ['eni-2', { securityGroupIds: ['sg-web'] }]
    ])
  })

  it('makes a group in every VPC that the instance has an interface in', () => {
    const elsewhere = { ...WEB.interfaces[1]!, interfaceId: 'eni-3', vpcId: 'vpc-2' }
    const made = planCutOff({ ...WEB, interfaces: [...WEB.interfaces, elsewhere] }, DEFAULT_CONTAINMENT_POLICY)
    for (const kind of ['prepare-isolation-group', 'prepare-untracking-group', 'remove-untracking-group']) assert.deepEqual(of(made, kind).map(({ resource }) => resource), ['vpc-1', 'vpc-2'], kind)
    assert.deepEqual(of(made, 'isolate-interface').map(({ parameters }) => parameters.vpcId), [undefined, undefined, 'vpc-2'])
  })

  it('reads in the order of its stages, whose reverse puts the network back before the traffic', () => {
    const stages = plan().map(({ stage }) => STAGES.indexOf(stage))
    assert.deepEqual(stages, [...stages].sort((a, b) => a - b))
    assert.ok(STAGES.indexOf('divert') < STAGES.indexOf('isolate'))
    assert.equal(plan()[0]!.kind, 'tag-quarantined')
  })

  it('needs nothing but the instance, its interfaces and its volumes to cut it off', () => {
    const first = planCutOff(WEB, DEFAULT_CONTAINMENT_POLICY)
    for (const kind of ['protect-from-termination', 'protect-from-stop', 'stop-on-shutdown', 'keep-volumes', 'prepare-isolation-group', 'isolate-interface']) {
      assert.ok(kinds(first).includes(kind), kind)
    }
    assert.deepEqual(plan().filter((each) => kinds(first).includes(each.kind)), first)
  })

  it('keeps only the volumes that would be deleted', () => {
    assert.deepEqual(of(plan(), 'keep-volumes')[0]!.parameters, { devices: ['/dev/xvda'] })
  })

  it('takes away traffic of every kind of load balancer, and the Elastic IP', () => {
    for (const kind of ['leave-target-group', 'leave-classic-load-balancer', 'disassociate-address']) assert.equal(of(plan(), kind).length, 1, kind)
  })

  it('keeps the service\'s capacity by default, and otherwise does with it what policy says', () => {
    assert.equal(of(plan(), 'leave-auto-scaling')[0]!.parameters.how, 'replace')
    for (const how of ['shrink', 'standby', 'suspend'] as const) assert.equal(of(plan({ autoScaling: how }), 'leave-auto-scaling')[0]!.parameters.how, how)
  })

  it('ends connection tracking by a group of its own that goes again, unless policy leaves connections tracked', () => {
    const swap = kinds(plan())
    assert.ok(swap.indexOf('prepare-untracking-group') < swap.indexOf('isolate-interface'))
    assert.ok(swap.lastIndexOf('isolate-interface') < swap.indexOf('remove-untracking-group'))
    const leave = plan({ trackedConnections: 'leave' })
    assert.ok(!kinds(leave).some((kind) => kind.includes('untracking')))
    assert.ok(of(leave, 'isolate-interface').every(({ parameters }) => parameters.untrack === false))
  })

  it('removes the group of an earlier round, also where this one makes none', () => {
    const leave = planCutOff(WEB, { ...DEFAULT_CONTAINMENT_POLICY, trackedConnections: 'leave' }, { removeUntracking: true })
    assert.deepEqual(kinds(leave).filter((kind) => kind.includes('untracking')), ['remove-untracking-group'])
    assert.equal(kinds(leave).at(-1), 'remove-untracking-group')
    assert.deepEqual(planCutOff(WEB, DEFAULT_CONTAINMENT_POLICY, { removeUntracking: true }), planCutOff(WEB, DEFAULT_CONTAINMENT_POLICY))
  })

  it('denies no subnet in which Auto Scaling starts instances, whatever the way out of the group, but offers it with whom it hits', () => {
    const comes = 'new instances of Auto Scaling group web'
    const inBoth = { autoScaling: { ...AROUND.autoScaling!, subnetIds: ['subnet-1', 'subnet-2'] } }
    for (const autoScaling of ['replace', 'standby', 'shrink', 'suspend'] as const) assert.deepEqual(of(plan({ autoScaling }, inBoth), 'isolate-subnet'), [], autoScaling)
    assert.deepEqual(of(plan({}, { autoScaling: { ...AROUND.autoScaling!, subnetIds: [] } }), 'isolate-subnet'), [], 'default subnets')
    const acl = offeredRungs(WEB, { ...AROUND, ...inBoth }, DEFAULT_CONTAINMENT_POLICY).filter(({ rung }) => rung === 'network-acl')
    assert.deepEqual(acl.map(({ resource, hits }) => [resource, hits]), [['subnet-1', ['eni-9 of i-other', comes]], ['subnet-2', [comes]]])
    assert.match(of(plan({}, inBoth, ['network-acl']), 'isolate-subnet')[1]!.words, /this hits new instances of Auto Scaling group web/)
  })

  it('takes for shared what an Auto Scaling group that could not be read may use', () => {
    const { autoScaling, ...around } = AROUND
    const unread = { ...around, othersInVpc: [], unread: [{ what: 'autoScaling' as const, code: 'AWS_THROTTLED', message: '' }] }
    const policy = { ...DEFAULT_CONTAINMENT_POLICY, dnsFirewall: 'when-alone' as const }
    const made = planContainment(WEB, unread, policy)
    assert.deepEqual([...of(made, 'isolate-subnet'), ...of(made, 'block-dns')], [])
    const offered = offeredRungs(WEB, unread, policy).filter(({ rung }) => rung === 'network-acl' || rung === 'dns-firewall')
    assert.deepEqual(offered.map(({ resource }) => resource), ['subnet-1', 'subnet-2', 'vpc-1'])
    assert.ok(offered.every(({ hits }) => hits.some((each) => /could not be read/.test(each))))
  })

  it('makes a subnet\'s network ACL in the VPC of the subnet', () => {
    const around = { subnets: [{ ...AROUND.subnets[1]! }, { ...AROUND.subnets[1]!, subnetId: 'subnet-3', vpcId: 'vpc-2' }] }
    assert.deepEqual(of(plan({}, around), 'isolate-subnet').map(({ resource, parameters }) => [resource, parameters.vpcId]), [['subnet-2', 'vpc-1'], ['subnet-3', 'vpc-2']])
  })

  it('denies a subnet by network ACL only where nobody else is in it', () => {
    assert.deepEqual(of(plan(), 'isolate-subnet').map(({ resource }) => resource), ['subnet-2'])
    assert.deepEqual(of(plan({ networkAcl: 'never' }), 'isolate-subnet'), [])
    assert.deepEqual(of(plan({}, {}, ['network-acl']), 'isolate-subnet').map(({ resource }) => resource), ['subnet-1', 'subnet-2'])
  })

  it('revokes the instance\'s own sessions and says who else uses the role', () => {
    const [revoke] = of(plan(), 'revoke-role-sessions')
    assert.equal(revoke!.parameters.scope, 'instance')
    assert.match(revoke!.words, /i-other use the role too and go on/)
    assert.equal(of(plan({}, {}, ['role-sessions']), 'revoke-role-sessions')[0]!.parameters.scope, 'role')
    assert.deepEqual(of(plan({}, { role: { ...AROUND.role!, serviceLinked: true } }), 'revoke-role-sessions'), [])
  })

  it('deactivates the access keys that the request names, known to IAM or not', () => {
    const named = of(plan({ accessKeyIds: ['AKIAEXAMPLEEXAMPLE', 'AKIAUNKNOWNUNKNOWN'] }), 'deactivate-access-key')
    assert.deepEqual(named.map(({ resource, parameters }) => [resource, parameters]), [['AKIAEXAMPLEEXAMPLE', { userName: 'deploy' }], ['AKIAUNKNOWNUNKNOWN', {}]])
  })

  it('blocks DNS by itself only for a machine that is alone in its VPC, and never when that is not known', () => {
    assert.equal(of(plan({ dnsFirewall: 'when-alone' }), 'block-dns').length, 0)
    assert.equal(of(plan({ dnsFirewall: 'when-alone' }, { othersInVpc: [] }), 'block-dns').length, 0, 'its group starts others there')
    const { autoScaling, ...AROUND_ALONE } = { ...AROUND, othersInVpc: [] }
    const alone = (more: Partial<Surroundings> = {}): PlannedAction[] => planContainment(WEB, { ...AROUND_ALONE, ...more }, { ...DEFAULT_CONTAINMENT_POLICY, dnsFirewall: 'when-alone' })
    assert.equal(of(alone(), 'block-dns').length, 1)
    assert.equal(of(alone({ unread: [{ what: 'othersInVpc', code: 'AWS_THROTTLED', message: '' }] }), 'block-dns').length, 0)
  })

  it('leaves a way to Systems Manager for live capture, and what would end the capture waits for its end', () => {
    const ssm = plan({ mode: 'ssm' })
    assert.deepEqual(of(ssm, 'allow-ssm-endpoints')[0]!.parameters, { addresses: ['10.0.0.20', '10.0.0.21'] })
    const waiting = ssm.filter(({ after }) => after === 'live-capture').map(({ kind }) => kind).sort()
    assert.deepEqual(waiting, ['close-ssm-path', 'isolate-subnet', 'remove-instance-profile', 'revoke-role-sessions'])
    assert.ok(plan().every(({ after }) => after === undefined))
  })

  it('isolates fully when the VPC has no endpoint to leave a way to', () => {
    assert.deepEqual(plan({ mode: 'ssm' }, { ssmEndpoints: [] }), plan({ mode: 'full' }, { ssmEndpoints: [] }))
  })

  it('never stops the instance or hits others by itself: such rungs are offered, with whom they hit', () => {
    assert.equal(of(plan(), 'stop-instance').length, 0)
    assert.equal(of(plan({}, {}, ['stop-instance']), 'stop-instance').length, 1)
    const offered = offeredRungs(WEB, AROUND, DEFAULT_CONTAINMENT_POLICY)
    assert.deepEqual(offered.map(({ rung, resource, hits }) => [rung, resource, hits]), [
      ['network-acl', 'subnet-1', ['eni-9 of i-other', 'new instances of Auto Scaling group web']], ['role-sessions', 'web', ['i-other']], ['dns-firewall', 'vpc-1', ['i-other', 'new instances of Auto Scaling group web']], ['stop-instance', WEB.instanceId, []]
    ])
  })

  it('asks for nothing that there is nothing to do for', () => {
    const { instanceProfileArn, ...bare } = WEB
    const { autoScaling, role, ...around } = AROUND
    const lonely = planContainment(
      { ...bare, volumes: WEB.volumes.map((volume) => ({ ...volume, deleteOnTermination: false })), interfaces: [WEB.interfaces[1]!] },
      { ...around, targets: [], classicLoadBalancers: [], subnets: [] }, DEFAULT_CONTAINMENT_POLICY)
    for (const kind of ['leave-auto-scaling', 'leave-target-group', 'leave-classic-load-balancer', 'keep-volumes', 'disassociate-address', 'remove-instance-profile', 'revoke-role-sessions', 'isolate-subnet']) {
      assert.ok(!kinds(lonely).includes(kind), kind)
    }
  })

  it('says of every action what it changes and what permission it needs', () => {
    for (const each of plan({ mode: 'ssm', dnsFirewall: 'when-alone', metadata: 'disable', accessKeyIds: ['AKIAEXAMPLEEXAMPLE'] }, {}, ['stop-instance', 'dns-firewall', 'network-acl'])) {
      assert.ok(each.words.length > 10, each.kind)
      assert.ok(each.needs.length > 0 && each.needs.every((need) => /^[a-z0-9]+:[A-Z]\w+$/.test(need)), each.kind)
      assert.equal(each.stage, KINDS[each.kind].stage)
    }
  })

  it('names each action once and is the same for the same facts, whatever the facts', () => {
    const facts = fc.record({
      interfaces: fc.uniqueArray(fc.integer({ min: 1, max: 999 }), { maxLength: 8 }),
      groups: fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 3 })), { maxLength: 6, selector: ([arn, port]) => `${arn}:${port}` })
    }).map(({ interfaces, groups }) => ({
      facts: { ...WEB, interfaces: interfaces.map((id) => ({ ...WEB.interfaces[1]!, interfaceId: `eni-${id}` })) },
      around: { ...AROUND, targets: groups.map(([arn, port]) => ({ targetGroupArn: `arn:${arn}`, targetId: WEB.instanceId, port })) }
    }))
    fc.assert(fc.property(facts, (each) => {
      const made = planContainment(each.facts, each.around, DEFAULT_CONTAINMENT_POLICY)
      const names = made.map(({ kind, resource, parameters }) => JSON.stringify([kind, resource, parameters]))
      assert.equal(new Set(names).size, names.length)
      assert.deepEqual(made, planContainment(each.facts, each.around, DEFAULT_CONTAINMENT_POLICY))
      assert.equal(of(made, 'isolate-interface').length, each.facts.interfaces.length)
    }))
  })
})
