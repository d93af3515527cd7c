import assert from 'node:assert/strict'
import type { Instance, NetworkAcl, SecurityGroupRule } from '@aws-sdk/client-ec2'
import fc from 'fast-check'
import { PLAIN_INSTANCE } from '../triage/facts-for-tests.ts'
import type { InterfaceFacts, Surroundings } from '../triage/target-facts.ts'
import { DEFAULT_CONTAINMENT_POLICY } from './plan.ts'
import {
  aclFound, autoScalingFound, dnsFound, isolationChecks, metadataFound, sessionsFound, tagsFound, volumesFound, type DnsRule, type GroupMembership,
  type IsolationSeen, type ProofSubject
} from './proof-findings.ts'

const NOTHING: Surroundings = {
  targets: [], classicLoadBalancers: [], subnets: [], othersInVpc: [], ssmEndpoints: [], accessKeys: [], flowLogs: [], scheduledEvents: [], unread: []
}
const subject = (more: Partial<ProofSubject> = {}): ProofSubject => ({
  incidentId: 'inc-1',
  facts: PLAIN_INSTANCE,
  around: NOTHING,
  policy: DEFAULT_CONTAINMENT_POLICY,
  rungs: [],
  mode: 'full',
  isolationGroupId: 'sg-iso',
  ...more
})
const networkInterface = (interfaceId: string, ...securityGroupIds: string[]): InterfaceFacts => ({
  interfaceId,
  kind: 'interface',
  deviceIndex: 0,
  networkCardIndex: 0,
  subnetId: 'subnet-1',
  securityGroupIds,
  privateAddresses: ['10.0.0.4'],
  ipv6Addresses: ['2001:db8::4'],
  elasticAddresses: []
})
const rule = (more: Partial<SecurityGroupRule> = {}): SecurityGroupRule =>
  ({ IsEgress: false, IpProtocol: 'tcp', FromPort: 22, ToPort: 22, CidrIpv4: '0.0.0.0/0', ...more })
const seen = (interfaces: InterfaceFacts[], rules: Record<string, SecurityGroupRule[]> = {}, ours = ['sg-iso'], existing = ['sg-iso']): IsolationSeen => ({
  instance: { State: { Name: 'running' } }, interfaces, ours, existing, rules: new Map(Object.entries({ 'sg-iso': [], ...rules }))
})
const checkOf = (proof: ReturnType<typeof isolationChecks>, name: string) => proof.checks.find((each) => each.name === name)!

describe('the isolation of an instance', () => {
  it('is proved when every interface has the isolation group alone, and that has no rule', () => {
    const proof = isolationChecks(subject(), seen([networkInterface('eni-1', 'sg-iso'), networkInterface('eni-2', 'sg-iso')]))
    assert.deepEqual(proof.checks.filter(({ ok }) => !ok), [])
    assert.deepEqual(proof.exposedInterfaces, [])
    assert.match(checkOf(proof, 'interface-isolated eni-1').observed, /sg-iso: no rules; addresses 10\.0\.0\.4, 2001:db8::4/)
  })

  it('is open where an interface has a group that is not ours, even one without rules', () => {
    const proof = isolationChecks(subject(), seen([networkInterface('eni-1', 'sg-iso'), networkInterface('eni-2', 'sg-iso', 'sg-web')], { 'sg-web': [] }))
    assert.deepEqual(proof.exposedInterfaces, ['eni-2'])
    assert.equal(checkOf(proof, 'interface-isolated eni-1').ok, true)
    assert.match(checkOf(proof, 'interface-isolated eni-2').observed, /sg-web \(not ours\).*OPEN/)
  })

  it('is open on every interface when somebody gave the isolation group a rule, of either direction', () => {
    for (const each of [rule(), rule({ IsEgress: true }), rule({ IpProtocol: '-1' }), rule({ ReferencedGroupInfo: { GroupId: 'sg-9' } })]) {
      const proof = isolationChecks(subject(), seen([networkInterface('eni-1', 'sg-iso')], { 'sg-iso': [each] }))
      assert.deepEqual(proof.exposedInterfaces, ['eni-1'])
      assert.equal(checkOf(proof, 'isolation-group-empty').ok, false)
    }
  })

  it('is not proved for an interface without any group, or without interfaces at all', () => {
    assert.deepEqual(isolationChecks(subject(), seen([networkInterface('eni-1')])).exposedInterfaces, ['eni-1'])
    assert.equal(checkOf(isolationChecks(subject(), seen([])), 'interfaces-found').ok, false)
  })

  it('is not proved without an isolation group', () => {
    const { isolationGroupId, ...without } = subject()
    const proof = isolationChecks(without, seen([networkInterface('eni-1', 'sg-web')], { 'sg-web': [rule()] }, []))
    assert.equal(checkOf(proof, 'isolation-group-empty').ok, false)
    assert.deepEqual(proof.exposedInterfaces, ['eni-1'])
  })

  it('is not proved by a group that EC2 does not know any more, in whatever VPC, though that has no rules', () => {
    const gone = isolationChecks(subject(), seen([networkInterface('eni-1', 'sg-web')], { 'sg-web': [rule()] }, [], []))
    assert.deepEqual([checkOf(gone, 'isolation-group-empty').ok, checkOf(gone, 'isolation-group-empty').observed], [false, 'it does not exist any more'])
    const two = subject({ otherIsolationGroups: { 'vpc-2': 'sg-iso2' } })
    const elsewhere = isolationChecks(two, seen([networkInterface('eni-1', 'sg-iso')], { 'sg-iso2': [] }, ['sg-iso'], ['sg-iso']))
    const checks = elsewhere.checks.filter(({ name }) => name === 'isolation-group-empty')
    assert.deepEqual(checks.map(({ ok, observed }) => [ok, observed]), [[true, 'no rules'], [false, 'it does not exist any more']])
    const there = isolationChecks(two, seen([networkInterface('eni-1', 'sg-iso')], { 'sg-iso2': [] }, ['sg-iso'], ['sg-iso', 'sg-iso2']))
    assert.deepEqual(there.checks.filter(({ ok }) => !ok), [])
  })

  it('names an interface that another group of ours cuts off, without calling it open', () => {
    const proof = isolationChecks(subject(), seen([networkInterface('eni-1', 'sg-through')], { 'sg-through': [] }, ['sg-iso', 'sg-through']))
    assert.deepEqual(proof.exposedInterfaces, [])
    assert.match(checkOf(proof, 'interface-isolated eni-1').observed, /contain again/)
    assert.equal(checkOf(proof, 'interface-isolated eni-1').ok, false)
  })

  it('names a group of ours that still lets all traffic pass, attached or not', () => {
    const everything = rule({ IpProtocol: '-1', CidrIpv4: '0.0.0.0/0' })
    const proof = isolationChecks(subject(), seen([networkInterface('eni-1', 'sg-iso')], { 'sg-through': [everything] }, ['sg-iso', 'sg-through']))
    assert.deepEqual(proof.exposedInterfaces, [])
    assert.equal(checkOf(proof, 'untracking-group-closed').ok, false)
    assert.match(checkOf(proof, 'untracking-group-closed').observed, /sg-through: in from 0\.0\.0\.0\/0, all traffic/)
  })

  describe('with a way left to Systems Manager', () => {
    const ssm = subject({
      mode: 'ssm', around: { ...NOTHING, ssmEndpoints: [{ endpointId: 'vpce-1', service: 'ssm', addresses: ['10.0.0.20', '2001:DB8:0::20'] }] }
    })
    const way = rule({ IsEgress: true, FromPort: 443, ToPort: 443, CidrIpv4: '10.0.0.20/32' })
    const { CidrIpv4: _, ...of6 } = way
    const way6: SecurityGroupRule = { ...of6, CidrIpv6: '2001:db8::20/128' }

    it('has exactly these rules', () => {
      const proof = isolationChecks(ssm, seen([networkInterface('eni-1', 'sg-iso')], { 'sg-iso': [way, way6] }))
      assert.deepEqual(proof.checks.filter(({ ok }) => !ok), [])
    })

    it('is cut off, but no capture is possible, while one of them is missing', () => {
      const proof = isolationChecks(ssm, seen([networkInterface('eni-1', 'sg-iso')], { 'sg-iso': [way] }))
      assert.deepEqual(proof.checks.filter(({ ok }) => !ok).map(({ name }) => name), ['ssm-path-open'])
    })

    it('is open with any other rule, however like it', () => {
      for (const more of [{ CidrIpv4: '10.0.0.21/32' }, { CidrIpv4: '10.0.0.20/31' }, { ToPort: 444 }, { IpProtocol: 'udp' }, { IsEgress: false }, { IpProtocol: '-1' }]) {
        const proof = isolationChecks(ssm, seen([networkInterface('eni-1', 'sg-iso')], { 'sg-iso': [way, way6, { ...way, ...more }] }))
        assert.deepEqual(proof.exposedInterfaces, ['eni-1'], JSON.stringify(more))
        assert.equal(checkOf(proof, 'isolation-group-empty').ok, false)
      }
    })

    it('is open by the same rules in another group, and once capture has ended', () => {
      assert.deepEqual(isolationChecks(ssm, seen([networkInterface('eni-1', 'sg-through')], { 'sg-through': [way] }, ['sg-iso', 'sg-through'])).exposedInterfaces, ['eni-1'])
      assert.deepEqual(isolationChecks({ ...ssm, mode: 'full' }, seen([networkInterface('eni-1', 'sg-iso')], { 'sg-iso': [way] })).exposedInterfaces, ['eni-1'])
    })
  })

  it('calls an interface safe only when all its groups are ours and have no rule', () => {
    const group = fc.record({ id: fc.constantFrom('sg-iso', 'sg-through', 'sg-a', 'sg-b'), rules: fc.nat(2) })
    fc.assert(fc.property(fc.uniqueArray(group, { selector: ({ id }) => id }), (groups) => {
      const rules = Object.fromEntries(groups.map(({ id, rules }) => [id, Array.from({ length: rules }, () => rule())]))
      const proof = isolationChecks(subject(), seen([networkInterface('eni-1', ...groups.map(({ id }) => id))], rules, ['sg-iso', 'sg-through']))
      const safe = groups.length > 0 && groups.every(({ id, rules }) => ['sg-iso', 'sg-through'].includes(id) && rules === 0)
      assert.equal(proof.exposedInterfaces.length === 0, safe)
      assert.equal(checkOf(proof, 'interface-isolated eni-1').ok, safe && groups.length === 1 && groups[0]!.id === 'sg-iso')
    }))
  })
})

describe('what else is proved', () => {
  it('volumes: none may be deleted with the instance', () => {
    const volume = (DeviceName: string, DeleteOnTermination: boolean) => ({ DeviceName, Ebs: { VolumeId: `vol-${DeviceName}`, DeleteOnTermination } })
    assert.equal(volumesFound({ BlockDeviceMappings: [volume('a', false), volume('b', false)] }).ok, true)
    assert.deepEqual(volumesFound({ BlockDeviceMappings: [volume('a', false), volume('b', true)] }), { ok: false, observed: 'deleted with it: b (vol-b)' })
    assert.equal(volumesFound({}).ok, true)
  })

  it('tags: quarantined, and by this incident', () => {
    const tagged = (status: string, incident: string): Instance => ({ Tags: [{ Key: 'cleanroom:status', Value: status }, { Key: 'cleanroom:incident', Value: incident }] })
    assert.equal(tagsFound(tagged('quarantined', 'inc-1'), 'inc-1').ok, true)
    assert.equal(tagsFound(tagged('quarantined', 'inc-2'), 'inc-1').ok, false)
    assert.equal(tagsFound({}, 'inc-1').ok, false)
  })

  it('metadata: off, and applied', () => {
    assert.equal(metadataFound({ MetadataOptions: { HttpEndpoint: 'disabled', State: 'applied' } }).ok, true)
    assert.equal(metadataFound({ MetadataOptions: { HttpEndpoint: 'disabled', State: 'pending' } }).ok, false)
    assert.equal(metadataFound({ MetadataOptions: { HttpEndpoint: 'enabled', State: 'applied' } }).ok, false)
    assert.equal(metadataFound({}).ok, false)
  })

  it('Auto Scaling: as the policy has it, and out of it always', () => {
    const PROCESSES = ['AZRebalance', 'InstanceRefresh', 'ReplaceUnhealthy']
    const member = (lifecycleState: string, more: Partial<GroupMembership> = {}): GroupMembership =>
      ({ group: 'web', lifecycleState, protectedFromScaleIn: false, suspendedProcesses: [], ...more })
    for (const how of ['replace', 'shrink', 'standby', 'suspend'] as const) {
      assert.equal(autoScalingFound(how, undefined).ok, true)
      assert.equal(autoScalingFound(how, member('Detaching')).ok, true)
      assert.equal(autoScalingFound(how, member('InService')).ok, false)
      assert.equal(autoScalingFound(how, member('Terminating:Wait', { protectedFromScaleIn: true, suspendedProcesses: PROCESSES })).ok, false)
      assert.equal(autoScalingFound(how, member('Standby')).ok, how === 'standby')
      assert.equal(autoScalingFound(how, member('InService', { protectedFromScaleIn: true, suspendedProcesses: PROCESSES })).ok, how === 'suspend')
    }
    assert.equal(autoScalingFound('suspend', member('InService', { suspendedProcesses: PROCESSES })).ok, false)
    assert.match(autoScalingFound('suspend', member('InService', { protectedFromScaleIn: true, suspendedProcesses: ['AZRebalance', 'InstanceRefresh'] })).observed, /ReplaceUnhealthy runs/)
  })

  it('network ACL: lets nothing pass, by whatever rule', () => {
    const deny = { RuleNumber: 32767, RuleAction: 'deny', Egress: true, CidrBlock: '0.0.0.0/0' } as const
    const acl = (...Entries: NetworkAcl['Entries'] & {}): NetworkAcl => ({ NetworkAclId: 'acl-1', Entries })
    assert.equal(aclFound(acl(deny)).ok, true)
    assert.equal(aclFound(acl()).ok, true)
    assert.deepEqual(aclFound(acl(deny, { RuleNumber: 100, RuleAction: 'allow', Egress: false, Ipv6CidrBlock: '::/0' })), {
      ok: false, observed: 'acl-1: rule 100 lets traffic in from ::/0'
    })
    assert.equal(aclFound(undefined).ok, false)
  })

  it('sessions: denied up to a moment that has passed, at least as widely as was planned', () => {
    const now = new Date('2026-01-02T00:00:00Z')
    const revoked = (scope: 'instance' | 'role', revokedBefore = '2026-01-01T00:00:00.000Z') => ({ scope, revokedBefore })
    assert.equal(sessionsFound({ wanted: 'instance', revocation: revoked('instance'), now }).ok, true)
    assert.equal(sessionsFound({ wanted: 'instance', revocation: revoked('role'), now }).ok, true)
    assert.equal(sessionsFound({ wanted: 'role', revocation: revoked('instance'), now }).ok, false)
    assert.equal(sessionsFound({ wanted: 'instance', revocation: revoked('instance', '2026-01-03T00:00:00.000Z'), now }).ok, false)
    assert.equal(sessionsFound({ wanted: 'instance', revocation: undefined, now }).ok, false)
  })

  it('DNS: blocked by a rule before which none lets a query pass', () => {
    const dns = (Action: DnsRule['Action'], ...domains: string[]): DnsRule => ({ Name: Action, Action, group: 'rslvr-frg-1', domains })
    assert.equal(dnsFound([dns('BLOCK', '*')]).ok, true)
    assert.equal(dnsFound([dns('BLOCK', '*.')]).ok, true)
    assert.equal(dnsFound([{ ...dns('BLOCK', '*'), Qtype: 'TXT' }]).ok, false)
    assert.equal(dnsFound([dns('BLOCK', 'evil.example'), dns('BLOCK', '*'), dns('ALLOW')]).ok, true)
    assert.equal(dnsFound([dns('ALLOW'), dns('BLOCK', '*')]).ok, false)
    assert.equal(dnsFound([dns('ALERT'), dns('BLOCK', '*')]).ok, false)
    assert.equal(dnsFound([dns('BLOCK', 'evil.example')]).ok, false)
    assert.equal(dnsFound([]).ok, false)
  })
})
