/**
 * What may survive containment, in plain words for the report: only what applies to this instance and policy. Pure.
 *
 * Sources: Amazon EC2 User Guide, "Security group connection tracking" (idle timeouts, untracked and automatically
 * tracked connections), "Instance store", "Spot Instance interruptions", "Scheduled events", "Elastic IP addresses";
 * Amazon VPC User Guide, "Security groups" and "Network ACLs" (what neither filters); IAM User Guide, "Revoke IAM
 * role temporary security credentials".
 */
import type { ContainmentPolicy } from '../incident/incident.ts'
import type { InstanceFacts, Surroundings } from '../triage/target-facts.ts'
import { hitBySubnet, planSurroundings, type ActionKind, type Rung } from './plan.ts'

/** What the risks are told from. */
interface Known {
  facts: InstanceFacts
  around: Surroundings
  policy: ContainmentPolicy
  rungs: Rung[]
  /** Whether an action of this kind, on any or on one resource, is in the plan and in force by now. */
  inForce: (kind: ActionKind, resource?: string) => boolean
  /** Whether a way to Systems Manager is left for live capture. */
  pathOpen: boolean
}

/**
 * @param rungs approved ones
 * @param captureEnded live capture is over, and what waited for its end is done
 */
export function residualRisks (facts: InstanceFacts, around: Surroundings, policy: ContainmentPolicy, rungs: Rung[] = [], captureEnded = false): string[] {
  const planned = planSurroundings(facts, around, policy, rungs)
  const known: Known = {
    facts,
    around,
    policy,
    rungs,
    inForce: (kind, resource) => planned.some((each) => each.kind === kind && (resource === undefined || each.resource === resource) && (captureEnded || each.after === undefined)),
    pathOpen: !captureEnded && planned.some(({ kind }) => kind === 'allow-ssm-endpoints')
  }
  return [...network(known), ...names(known), ...local(known), ...credentials(known), ...disappearance(known), ...unread(known)]
}

/** Amazon EC2 User Guide, "Security group connection tracking", Automatically tracked connections: all that its versions name. */
const ALWAYS_TRACKED = 'NAT gateways, Network Load Balancers, Gateway Load Balancers, interface endpoints (PrivateLink), Global Accelerator, Network Firewall, transit gateways, egress-only internet gateways, Lambda (Hyperplane interfaces) and gateway endpoints of DynamoDB'
const UNTIL_IDLE = 'until they were idle for their time-out: up to five days for TCP (350 seconds on newer instance types), three minutes for UDP'

function network ({ facts, around, policy, rungs, inForce, pathOpen }: Known): string[] {
  const subnetIds = [...new Set(facts.interfaces.map(({ subnetId }) => subnetId))]
  const uncut = subnetIds.filter((subnetId) => !inForce('isolate-subnet', subnetId))
  const shared = around.subnets.map((subnet) => ({ subnetId: subnet.subnetId, others: hitBySubnet(subnet, around) }))
    .filter(({ subnetId, others }) => others.length > 0 && uncut.includes(subnetId))
  const odd = facts.interfaces.filter(({ kind }) => kind === 'trunk' || kind === 'branch')
  return [
    ...uncut.length > 0
      ? [
          ...policy.trackedConnections === 'leave'
            ? [`Connections that were open and tracked when the groups changed go on ${UNTIL_IDLE}; by policy they were left.`]
            : [
                `Connections through ${ALWAYS_TRACKED} stay tracked whatever the groups; open ones go on ${UNTIL_IDLE}.`,
                'Other connections went through a group that ends their tracking; AWS\'s own documents disagree on whether that cuts each of them at once. Flow logs show it; a network ACL or a stop makes sure.'
              ],
          'ICMP is always tracked, and of other protocols than TCP, UDP and ICMP answers are let in for ten minutes: an exchange that was going on may go on.'
        ]
      : [],
    ...shared.length > 0 && !rungs.includes('network-acl')
      ? shared.map(({ subnetId, others }) => `${subnetId} has others in it, or may have (${others.join(', ')}), so no network ACL was used there, which would cut open connections at once.`)
      : [],
    ...pathOpen ? ['A way to the endpoints of Systems Manager (port 443) is left until live capture ends; who may use Systems Manager can reach the instance by it, and what the endpoints let through can leave by it.'] : [],
    ...policy.mode === 'ssm' && around.ssmEndpoints.length === 0 && around.unread.every(({ what }) => what !== 'ssmEndpoints')
      ? ['Isolation was to leave a way to Systems Manager, but the VPC has not all of the endpoints that it takes, so the instance is cut off whole and live capture is not possible.']
      : [],
    ...odd.length > 0 ? [`${odd.map(({ interfaceId, kind }) => `${interfaceId} (${kind})`).join(', ')}: containers may come and go behind a trunk interface; a branch that is added later is not isolated by itself.`] : [],
    ...lentAddress(facts, policy)
  ]
}

/** Amazon EC2 User Guide, "Elastic IP addresses": only where the primary interface is the only one. */
function lentAddress ({ interfaces }: InstanceFacts, { elasticIp }: ContainmentPolicy): string[] {
  const [only, ...more] = interfaces.filter(({ kind }) => kind !== 'branch')
  const leaves = elasticIp === 'disassociate' && only !== undefined && more.length === 0 && only.elasticAddresses.length > 0
  return leaves ? [`AWS may give ${only.interfaceId} a public IPv4 address of its own now that the Elastic IP is gone; isolation covers it as well.`] : []
}

function names ({ inForce }: Known): string[] {
  return inForce('block-dns')
    ? []
    : ['Security groups and network ACLs do not filter the VPC\'s own DNS resolver: data can still leave in DNS queries, and commands come in their answers.']
}

function local ({ facts, policy, inForce }: Known): string[] {
  const metadata = !inForce('restrict-metadata')
  return [
    ...metadata
      ? [`The instance still reaches the instance metadata service${policy.instanceProfile === 'remove' ? '' : ', and gets new credentials of its role there'}.`]
      : [],
    `The instance still reaches the Amazon time service and DHCP${facts.platform === 'windows' ? ', and AWS\'s licence activation for Windows' : ''}.`
  ]
}

function credentials ({ facts, around, policy, rungs, inForce }: Known): string[] {
  const { role } = around
  const risks: string[] = []
  const roleUnread = around.unread.find(({ what }) => what === 'role')
  if (facts.instanceProfileArn && policy.instanceProfile === 'keep') {
    risks.push('By policy the instance keeps its instance profile, and with it a source of new credentials.')
  } else if (facts.instanceProfileArn && !inForce('remove-instance-profile')) {
    risks.push('The instance keeps its instance profile, and with it its credentials, until live capture ends.')
  }
  if (role?.serviceLinked) {
    risks.push(`${role.roleName} belongs to an AWS service, so its sessions can't be revoked; credentials that were taken stay good until they expire, which takes hours.`)
  } else if (role && policy.sessions === 'keep') {
    risks.push(`By policy sessions of ${role.roleName} were left; credentials that were taken stay good until they expire, which takes hours.`)
  } else if (role && !inForce('revoke-role-sessions')) {
    risks.push(`Sessions of ${role.roleName} are revoked once live capture ends; until then credentials that were taken stay good.`)
  } else if (role) {
    risks.push('A denial may take minutes until every part of AWS knows it.')
    if (!rungs.includes('role-sessions')) {
      risks.push(`Only the instance's own sessions of ${role.roleName} are denied. Whoever took another role with them, or got a session of this role otherwise, goes on with it.`)
      const others = [...role.otherInstances, ...role.otherPrincipals]
      if (others.length > 0) risks.push(`${others.join(', ')} can act with ${role.roleName} too; if it was misused there, those sessions go on.`)
    } else {
      risks.push(`Sessions of other roles that were taken with ${role.roleName} go on.`)
    }
  } else if (facts.instanceProfileArn && !roleUnread) {
    risks.push('The instance profile has no role, so no session was revoked.')
  } else if (roleUnread && policy.sessions !== 'keep') {
    risks.push('Which role the instance acts with could not be read, so no session was revoked; credentials that were taken stay good until they expire, which takes hours.')
  }
  const unknown = policy.accessKeyIds.filter((id) => around.accessKeys.every(({ accessKeyId }) => accessKeyId !== id))
  if (unknown.length > 0) risks.push(`${unknown.join(', ')}: no user of this account was found who has it, so it may stay good elsewhere.`)
  const users = [...new Set(around.accessKeys.map(({ userName }) => userName))].sort()
  if (users.length > 0) risks.push(`Sessions that ${users.join(', ')} began with an access key before it was deactivated, and other keys and passwords, stay good.`)
  risks.push('Secrets on its disks and in its memory (keys of users, passwords, tokens of other services) stay good wherever they were copied; only those who issued them can withdraw them.')
  return risks
}

function disappearance ({ facts, around, policy, inForce }: Known): string[] {
  const { spot, hibernationConfigured, instanceStoreDevices } = facts
  const store = around.instanceStore
  const disks = [
    ...instanceStoreDevices.length > 0 ? [instanceStoreDevices.join(', ')] : [],
    ...store ? [`${store.disks} instance-store ${store.disks === 1 ? 'disk' : 'disks'} of ${store.gib} GiB in all`] : []
  ].join('; ')
  return [
    ...spot ? ['It is a Spot Instance: EC2 may interrupt it at two minutes\' notice, and ends, stops or hibernates it then, whatever is protected.'] : [],
    ...around.scheduledEvents.map((event) => `AWS has scheduled an event, which protection does not hold off: ${event}`),
    ...disks ? [`What is on instance-store disks (${disks}) is in no snapshot and is gone when the instance stops${inForce('stop-instance') ? ', as it has' : ''}.`] : [],
    ...hibernationConfigured ? ['Hibernation is configured: hibernating writes memory over what is free on the root volume, and ends the state in memory.'] : [],
    ...around.autoScaling && policy.autoScaling === 'suspend' ? [`It stays in ${around.autoScaling.group}: whoever terminates instances there by name, or deletes the group, ends it.`] : [],
    ...around.autoScaling && policy.autoScaling === 'standby' ? [`It stays in ${around.autoScaling.group} on standby: deleting the group ends it.`] : [],
    ...inForce('stop-instance') ? [] : ['Whoever is on the instance can still delete, encrypt or shut it down from within; the snapshots are what is safe.']
  ]
}

const PARTS: Record<Surroundings['unread'][number]['what'], string> = {
  autoScaling: 'whether it is in an Auto Scaling group, which may end or replace it',
  targets: 'which target groups send it requests',
  classicLoadBalancers: 'which classic load balancers send it requests',
  role: 'its role, or who else uses it',
  subnets: 'who else is in its subnets',
  othersInVpc: 'who else is in its VPC',
  ssmEndpoints: 'the endpoints of Systems Manager',
  accessKeys: 'the access keys that were named',
  flowLogs: 'its flow logs',
  instanceStore: 'whether it has instance-store disks',
  scheduledEvents: 'events that AWS has scheduled'
}

function unread ({ around }: Known): string[] {
  const parts = [...new Set(around.unread.map(({ what }) => what))]
  return parts.map((what) => `Not readable, so that nothing could be planned or said about it: ${PARTS[what]}.`)
}
