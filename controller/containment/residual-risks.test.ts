import assert from 'node:assert/strict'
import type { ContainmentPolicy } from '../incident/incident.ts'
import { PLAIN_INSTANCE } from '../triage/facts-for-tests.ts'
import type { InstanceFacts, InterfaceFacts, RoleFacts, Surroundings } from '../triage/target-facts.ts'
import { DEFAULT_CONTAINMENT_POLICY, type Rung } from './plan.ts'
import { residualRisks } from './residual-risks.ts'

const FIRST: InterfaceFacts = {
  interfaceId: 'eni-1',
  kind: 'interface',
  deviceIndex: 0,
  networkCardIndex: 0,
  subnetId: 'subnet-1',
  securityGroupIds: ['sg-web'],
  privateAddresses: ['10.0.0.5'],
  ipv6Addresses: [],
  elasticAddresses: []
}
const PLAIN: InstanceFacts = {
  ...PLAIN_INSTANCE,
  interfaces: [FIRST]
}
const NEIGHBOURS: Surroundings = {
  targets: [],
  classicLoadBalancers: [],
  subnets: [{ subnetId: 'subnet-1', networkAclId: 'acl-1', associationId: 'aclassoc-1', neighbours: ['eni-9 of i-9'] }],
  othersInVpc: ['i-9'],
  ssmEndpoints: [],
  accessKeys: [],
  flowLogs: [],
  scheduledEvents: [],
  unread: []
}
const ALONE: Surroundings = { ...NEIGHBOURS, subnets: [{ ...NEIGHBOURS.subnets[0]!, neighbours: [] }], othersInVpc: [] }
const ROLE: RoleFacts = { roleName: 'app', roleArn: 'arn:aws:iam::123456789012:role/app', roleId: 'AROA1', serviceLinked: false, otherInstances: [], otherPrincipals: [] }
const PROFILE = { ...PLAIN, instanceProfileArn: 'arn:aws:iam::123456789012:instance-profile/app' }

interface Case { facts?: InstanceFacts, around?: Surroundings, policy?: Partial<ContainmentPolicy>, rungs?: Rung[], captureEnded?: boolean }
const risks = ({ facts = PLAIN, around = NEIGHBOURS, policy = {}, rungs = [], captureEnded = false }: Case = {}): string =>
  residualRisks(facts, around, { ...DEFAULT_CONTAINMENT_POLICY, ...policy }, rungs, captureEnded).join('\n')

/** Each line: where it applies, where it does not, and what tells it. */
const LINES: Array<{ what: string, line: RegExp, told: Case[], untold: Case[] }> = [
  { what: 'connections that AWS tracks whatever the groups', line: /NAT gateways.*stay tracked/, told: [{}], untold: [{ around: ALONE }, { rungs: ['network-acl'] }, { policy: { trackedConnections: 'leave' } }] },
  { what: 'the doubt about the swap', line: /documents disagree/, told: [{}], untold: [{ around: ALONE }, { policy: { trackedConnections: 'leave' } }] },
  { what: 'tracked connections that were left by policy', line: /by policy they were left/, told: [{ policy: { trackedConnections: 'leave' } }], untold: [{}, { around: ALONE, policy: { trackedConnections: 'leave' } }] },
  { what: 'ICMP', line: /ICMP is always tracked/, told: [{}, { policy: { trackedConnections: 'leave' } }], untold: [{ around: ALONE }] },
  { what: 'neighbours that keep a network ACL from being used', line: /eni-9 of i-9.*no network ACL/, told: [{}], untold: [{ around: ALONE }, { rungs: ['network-acl'] }] },
  { what: 'an Auto Scaling group that starts others in the subnet', line: /new instances of Auto Scaling group web.*no network ACL/, told: [{ around: { ...ALONE, autoScaling: { group: 'web', lifecycleState: 'InService', desiredCapacity: 1, minSize: 1, maxSize: 2, members: ['i-1'], subnetIds: ['subnet-1'], targetGroupArns: [] } } }], untold: [{ around: ALONE }] },
  { what: 'a network ACL that waits for the capture\'s end', line: /stay tracked/, told: [{ around: { ...ALONE, ssmEndpoints: [{ endpointId: 'vpce-1', service: 'ssm', addresses: ['10.0.0.9'] }] }, policy: { mode: 'ssm' } }], untold: [{ around: { ...ALONE, ssmEndpoints: [{ endpointId: 'vpce-1', service: 'ssm', addresses: ['10.0.0.9'] }] }, policy: { mode: 'ssm' }, captureEnded: true }] },
  { what: 'the way to Systems Manager', line: /left until live capture ends/, told: [{ around: { ...ALONE, ssmEndpoints: [{ endpointId: 'vpce-1', service: 'ssm', addresses: ['10.0.0.9'] }] }, policy: { mode: 'ssm' } }], untold: [{}, { around: { ...ALONE, ssmEndpoints: [{ endpointId: 'vpce-1', service: 'ssm', addresses: ['10.0.0.9'] }] }, policy: { mode: 'ssm' }, captureEnded: true }] },
  { what: 'a VPC without endpoints of Systems Manager', line: /live capture is not possible/, told: [{ policy: { mode: 'ssm' } }], untold: [{}, { policy: { mode: 'ssm' }, around: { ...ALONE, unread: [{ what: 'ssmEndpoints', code: 'TIMED_OUT', message: 'no' }] } }] },
  { what: 'trunk interfaces', line: /eni-1 \(trunk\)/, told: [{ facts: { ...PLAIN, interfaces: [{ ...FIRST, kind: 'trunk' }] } }], untold: [{}] },
  {
    what: 'a public address that may come after an Elastic IP',
    line: /eni-1 a public IPv4 address/,
    told: [{ facts: { ...PLAIN, interfaces: [{ ...FIRST, elasticAddresses: [{ allocationId: 'a', associationId: 'b', publicIp: '192.0.2.1', privateAddress: '10.0.0.5' }] }] } }],
    untold: [
      {},
      { facts: { ...PLAIN, interfaces: [{ ...FIRST, elasticAddresses: [{ allocationId: 'a', associationId: 'b', publicIp: '192.0.2.1', privateAddress: '10.0.0.5' }] }, { ...FIRST, interfaceId: 'eni-2' }] } },
      { facts: { ...PLAIN, interfaces: [{ ...FIRST, elasticAddresses: [{ allocationId: 'a', associationId: 'b', publicIp: '192.0.2.1', privateAddress: '10.0.0.5' }] }] }, policy: { elasticIp: 'keep' } }
    ]
  },
  { what: 'DNS', line: /DNS queries/, told: [{}, { around: ALONE }], untold: [{ rungs: ['dns-firewall'] }, { around: ALONE, policy: { dnsFirewall: 'when-alone' } }] },
  { what: 'the metadata service', line: /metadata service/, told: [{}], untold: [{ policy: { metadata: 'disable' } }] },
  { what: 'the time service', line: /time service/, told: [{}], untold: [] },
  { what: 'a profile that was kept', line: /By policy the instance keeps its instance profile/, told: [{ facts: PROFILE, policy: { instanceProfile: 'keep' } }], untold: [{ facts: PROFILE }, {}] },
  { what: 'sessions that were kept', line: /By policy sessions of app were left/, told: [{ facts: PROFILE, around: { ...ALONE, role: ROLE }, policy: { sessions: 'keep' } }], untold: [{ facts: PROFILE, around: { ...ALONE, role: ROLE } }] },
  { what: 'a role that only AWS changes', line: /belongs to an AWS service/, told: [{ facts: PROFILE, around: { ...ALONE, role: { ...ROLE, serviceLinked: true } } }], untold: [{ facts: PROFILE, around: { ...ALONE, role: ROLE } }] },
  { what: 'a role that could not be read', line: /could not be read, so no session was revoked/, told: [{ facts: PROFILE, around: { ...ALONE, unread: [{ what: 'role', code: 'AWS_ACCESS_DENIED', message: 'no' }] } }], untold: [{ facts: PROFILE, around: { ...ALONE, role: ROLE } }, { facts: PROFILE }] },
  { what: 'who else has the role', line: /i-9, 123456789012 can act with app too/, told: [{ facts: PROFILE, around: { ...ALONE, role: { ...ROLE, otherInstances: ['i-9'], otherPrincipals: ['123456789012'] } } }], untold: [{ facts: PROFILE, around: { ...ALONE, role: ROLE } }, { facts: PROFILE, around: { ...ALONE, role: { ...ROLE, otherInstances: ['i-9'] } }, rungs: ['role-sessions'] }] },
  { what: 'sessions that the instance did not begin', line: /Only the instance's own sessions of app/, told: [{ facts: PROFILE, around: { ...ALONE, role: ROLE } }], untold: [{ facts: PROFILE, around: { ...ALONE, role: ROLE }, rungs: ['role-sessions'] }] },
  { what: 'keys that nobody has', line: /AKIAEXAMPLEEXAMPLE: no user/, told: [{ policy: { accessKeyIds: ['AKIAEXAMPLEEXAMPLE'] } }], untold: [{ policy: { accessKeyIds: ['AKIAEXAMPLEEXAMPLE'] }, around: { ...ALONE, accessKeys: [{ accessKeyId: 'AKIAEXAMPLEEXAMPLE', userName: 'deploy', active: false }] } }] },
  { what: 'sessions of a key\'s user', line: /Sessions that deploy began/, told: [{ policy: { accessKeyIds: ['AKIAEXAMPLEEXAMPLE'] }, around: { ...ALONE, accessKeys: [{ accessKeyId: 'AKIAEXAMPLEEXAMPLE', userName: 'deploy', active: false }] } }], untold: [{}] },
  { what: 'Spot interruption', line: /Spot Instance/, told: [{ facts: { ...PLAIN, spot: true } }], untold: [{}] },
  { what: 'scheduled events', line: /instance-retirement/, told: [{ around: { ...ALONE, scheduledEvents: ['instance-retirement not before 2026-01-01T00:00:00.000Z: hardware'] } }], untold: [{}] },
  { what: 'instance-store disks', line: /2 instance-store disks of 873 GiB in all/, told: [{ around: { ...ALONE, instanceStore: { disks: 2, gib: 873 } } }], untold: [{}] },
  { what: 'instance-store devices', line: /instance-store disks \(\/dev\/sdb\)/, told: [{ facts: { ...PLAIN, instanceStoreDevices: ['/dev/sdb'] } }], untold: [{}] },
  { what: 'hibernation', line: /[Hh]ibernat/, told: [{ facts: { ...PLAIN, hibernationConfigured: true } }], untold: [{}] },
  { what: 'a group that it stays in', line: /stays in web/, told: [{ around: { ...ALONE, autoScaling: { group: 'web', lifecycleState: 'InService', desiredCapacity: 1, minSize: 1, maxSize: 2, members: ['i-1'], subnetIds: ['subnet-1'], targetGroupArns: [] } }, policy: { autoScaling: 'suspend' } }], untold: [{ around: { ...ALONE, autoScaling: { group: 'web', lifecycleState: 'InService', desiredCapacity: 1, minSize: 1, maxSize: 2, members: ['i-1'], subnetIds: ['subnet-1'], targetGroupArns: [] } } }] },
  { what: 'what the host can do to itself', line: /from within/, told: [{}], untold: [{ rungs: ['stop-instance'] }] },
  { what: 'what was not readable', line: /Not readable.*which target groups/, told: [{ around: { ...ALONE, unread: [{ what: 'targets', code: 'AWS_ACCESS_DENIED', message: 'no' }] } }], untold: [{}] }
]

describe('what may survive containment', () => {
  for (const { what, line, told, untold } of LINES) {
    it(`names ${what} where it applies, and nowhere else`, () => {
      for (const each of told) assert.match(risks(each), line)
      for (const each of untold) assert.doesNotMatch(risks(each), line)
    })
  }

  it('says nothing twice, and ends every sentence', () => {
    const all = residualRisks({ ...PROFILE, spot: true, hibernationConfigured: true }, { ...NEIGHBOURS, role: ROLE, instanceStore: { disks: 1, gib: 75 } }, DEFAULT_CONTAINMENT_POLICY)
    assert.equal(new Set(all).size, all.length)
    for (const risk of all) assert.match(risk, /^\S.*\.$/)
  })
})
