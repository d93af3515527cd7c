/**
 * What AWS's answers say about containment, as checks in plain words. Pure.
 */
import type { SecurityGroupRule, Instance, NetworkAcl } from '@aws-sdk/client-ec2'
import { isIPv6, SocketAddress } from 'node:net'
import type { Check, ContainmentPolicy } from '../incident/incident.ts'
import { TAG } from '../incident/tags.ts'
import type { InstanceFacts, InterfaceFacts, Surroundings } from '../triage/target-facts.ts'
import { isEveryName, type FirewallRule } from '../aws/resolver-client.ts'
import { standingOf, type Membership } from './actions/auto-scaling-group.ts'
import { REPLACING_PROCESSES } from './actions/auto-scaling.ts'
import { suffices, type Revocation, type SessionScope } from './actions/role-sessions.ts'
import type { Rung } from './plan.ts'

/**
 * What is proved: which checks apply follows from the policy and the rungs, what is named in them from triage.
 * How it stands is read from AWS.
 */
export interface ProofSubject {
  incidentId: string
  facts: InstanceFacts
  around: Surroundings
  policy: ContainmentPolicy
  /** Approved ones. */
  rungs: Rung[]
  /** The mode in force: `ssm` while a way to Systems Manager is left for live capture. */
  mode: 'full' | 'ssm'
  isolationGroupId?: string
  /** Of the other VPCs that it has interfaces in, by VPC id. */
  otherIsolationGroups?: Record<string, string>
}

/** What was found where something was expected. */
export interface Found { ok: boolean, observed: string }

export function found (ok: boolean, observed: string): Found {
  return { ok, observed }
}

/** The interfaces of an instance with the rules of all groups that matter, as EC2 has them now. */
export interface IsolationSeen {
  instance: Instance
  /** Attached ones, and the branches of a trunk. */
  interfaces: InterfaceFacts[]
  /** Groups that containment made for this incident and instance, by their tags. */
  ours: string[]
  /** Those of the isolation groups that EC2 still knows. */
  existing: string[]
  /** By group id: of ours, of the isolation group and of every group that an interface has. */
  rules: Map<string, SecurityGroupRule[]>
}

/** Every interface and every group; exposed is an interface that anything but a planned rule reaches. */
export function isolationChecks (subject: ProofSubject, seen: IsolationSeen): { checks: Check[], exposedInterfaces: string[] } {
  const { isolationGroupId, otherIsolationGroups = {} } = subject
  const elsewhere = Object.values(otherIsolationGroups)
  const groupFor = ({ vpcId }: InterfaceFacts): string | undefined => vpcId === undefined ? isolationGroupId : otherIsolationGroups[vpcId]
  const { interfaces, ours, existing, rules } = seen
  const ways = plannedWays(subject)
  const ownGroups = new Set([...ours, ...elsewhere, ...isolationGroupId !== undefined ? [isolationGroupId] : []])
  const inWords = (groupId: string): string[] => (rules.get(groupId) ?? []).map(ruleInWords).sort()
  const unplanned = (groupId: string): string[] => inWords(groupId).filter((rule) => groupId !== isolationGroupId || !ways.includes(rule))
  const isSafe = (groupId: string): boolean => ownGroups.has(groupId) && unplanned(groupId).length === 0
  const exposed = interfaces.filter(({ securityGroupIds }) => securityGroupIds.length === 0 || !securityGroupIds.every(isSafe))
  // Cut off by a group of ours that is on its way out, as after a call that AWS carried out late.
  const isAstray = (each: InterfaceFacts): boolean => each.securityGroupIds.length !== 1 || each.securityGroupIds[0] !== groupFor(each)
  const standing = (each: InterfaceFacts): string => exposed.includes(each) ? '; OPEN' : isAstray(each) ? '; cut off, but not by the isolation group alone: contain again' : ''

  const nothing = ways.length === 0 ? 'no rules' : `no rules but these: ${ways.join('; ')}`
  const ruleList = (groupId: string): string => inWords(groupId).join('; ') || 'no rules'
  const others = ours.filter((groupId) => groupId !== isolationGroupId && !elsewhere.includes(groupId))
  const open = others.filter((groupId) => inWords(groupId).length > 0)
  // A group that is gone has no rules, and isolates nothing that is attached later.
  const isEmpty = (groupId: string, rest: string): Check => {
    const exists = existing.includes(groupId)
    return {
      name: 'isolation-group-empty', ok: exists && unplanned(groupId).length === 0, expected: `${groupId}: ${rest}`, observed: exists ? ruleList(groupId) : 'it does not exist any more'
    }
  }
  const missing = isolationGroupId === undefined ? ways : ways.filter((way) => !inWords(isolationGroupId).includes(way))
  const checks: Check[] = [
    { name: 'instance-exists', ok: true, expected: 'EC2 knows it', observed: seen.instance.State?.Name ?? 'EC2 knows it' },
    isolationGroupId === undefined
      ? { name: 'isolation-group-empty', ok: false, expected: nothing, observed: 'no isolation group was made' }
      : isEmpty(isolationGroupId, nothing),
    ...elsewhere.map((groupId) => isEmpty(groupId, 'no rules')),
    {
      name: 'interfaces-found', ok: interfaces.length > 0, expected: 'every attached interface', observed: interfaces.map(({ interfaceId }) => interfaceId).join(', ') || 'none'
    },
    ...interfaces.map((each): Check => ({
      name: `interface-isolated ${each.interfaceId}`,
      ok: !exposed.includes(each) && !isAstray(each),
      expected: `${groupFor(each) ?? 'the isolation group'} alone, with ${nothing}`,
      observed: `${each.securityGroupIds.map((groupId) => `${groupId}${ownGroups.has(groupId) ? '' : ' (not ours)'}: ${ruleList(groupId)}`).join(', ') || 'no groups'}; addresses ${addressesOf(each, seen.instance)}${standing(each)}`
    })),
    {
      name: 'untracking-group-closed',
      ok: open.length === 0,
      expected: 'no other group that was made for this incident and instance has rules',
      observed: open.map((groupId) => `${groupId}: ${ruleList(groupId)}`).join(', ') || (others.length > 0 ? `${others.join(', ')}: no rules` : 'there is none')
    },
    ...ways.length > 0
      ? [{ name: 'ssm-path-open', ok: missing.length === 0, expected: ways.join('; '), observed: missing.length === 0 ? 'all of these' : `missing: ${missing.join('; ')}` }]
      : []
  ]
  return { checks, exposedInterfaces: exposed.map(({ interfaceId }) => interfaceId) }
}

/** The rules that isolation leaves, as `ruleInWords` says them. */
function plannedWays ({ mode, around }: ProofSubject): string[] {
  if (mode !== 'ssm') return []
  const addresses = around.ssmEndpoints.flatMap((endpoint) => endpoint.addresses)
  return [...new Set(addresses.map((address) => `out to ${range(`${address}/${isIPv6(address) ? 128 : 32}`)}, tcp 443`))].sort()
}

export function ruleInWords (rule: SecurityGroupRule): string {
  const { IsEgress, IpProtocol, FromPort, ToPort, CidrIpv4, CidrIpv6, PrefixListId, ReferencedGroupInfo } = rule
  const peer = CidrIpv4 ?? CidrIpv6 ?? PrefixListId ?? ReferencedGroupInfo?.GroupId ?? 'an unknown peer'
  const ports = FromPort === undefined || FromPort === -1 ? '' : FromPort === ToPort ? ` ${FromPort}` : ` ${FromPort}-${ToPort}`
  return `${IsEgress ? 'out to' : 'in from'} ${range(peer)}, ${IpProtocol === '-1' ? 'all traffic' : `${IpProtocol}${ports}`}`
}

/** One spelling for each IPv6 range. */
function range (peer: string): string {
  const [address, length] = peer.split('/')
  return length !== undefined && isIPv6(address!) ? `${new SocketAddress({ address: address!, family: 'ipv6' }).address}/${length}` : peer
}

function addressesOf ({ interfaceId, privateAddresses, ipv6Addresses, elasticAddresses }: InterfaceFacts, instance: Instance): string {
  const elastic = elasticAddresses.map(({ publicIp }) => publicIp)
  const lent = publicAddressesOf(instance, interfaceId).filter((address) => !elastic.includes(address))
  const all = [...privateAddresses, ...ipv6Addresses, ...elastic.map((address) => `${address} (Elastic IP)`), ...lent.map((address) => `${address} (public)`)]
  return all.join(', ') || 'none'
}

function publicAddressesOf ({ NetworkInterfaces = [] }: Instance, interfaceId: string): string[] {
  const own = NetworkInterfaces.find(({ NetworkInterfaceId }) => NetworkInterfaceId === interfaceId)
  return own?.PrivateIpAddresses?.flatMap(({ Association }) => Association?.PublicIp ?? []) ?? []
}

/** Planned: none is deleted on termination. */
export function volumesFound ({ BlockDeviceMappings = [] }: Instance): Found {
  const volumes = BlockDeviceMappings.filter(({ Ebs }) => Ebs !== undefined).map(({ DeviceName, Ebs }) => ({ words: `${DeviceName} (${Ebs!.VolumeId})`, goes: Ebs!.DeleteOnTermination === true }))
  const going = volumes.filter(({ goes }) => goes)
  if (going.length > 0) return found(false, `deleted with it: ${going.map(({ words }) => words).join(', ')}`)
  return found(true, volumes.length > 0 ? `kept: ${volumes.map(({ words }) => words).join(', ')}` : 'it has no volume')
}

export function tagsFound ({ Tags = [] }: Instance, incidentId: string): Found {
  const tags = new Map(Tags.map(({ Key, Value }) => [Key, Value]))
  const shown = [TAG.status, TAG.incident].map((key) => `${key}=${tags.get(key) ?? '(no such tag)'}`)
  return found(tags.get(TAG.status) === 'quarantined' && tags.get(TAG.incident) === incidentId, shown.join(', '))
}

export function metadataFound ({ MetadataOptions }: Instance): Found {
  const { HttpEndpoint = 'not told', State } = MetadataOptions ?? {}
  return found(HttpEndpoint === 'disabled' && State !== 'pending', `${HttpEndpoint}${State === 'pending' ? ', not yet applied' : ''}`)
}

/** A stop that EC2 took is not taken back. */
export function stopFound ({ State }: Instance): Found {
  return found(State?.Name === 'stopped' || State?.Name === 'stopping', State?.Name ?? 'not told')
}

/** With the policy's way out of the group; in no group is right in any case. */
export const AUTO_SCALING_EXPECTED: Record<ContainmentPolicy['autoScaling'], string> = {
  replace: 'in no Auto Scaling group',
  shrink: 'in no Auto Scaling group',
  standby: 'on standby, or in no Auto Scaling group',
  suspend: `protected from scale-in with ${REPLACING_PROCESSES.join(', ')} suspended, or in no Auto Scaling group`
}

export type GroupMembership = Pick<Membership, 'group' | 'lifecycleState' | 'protectedFromScaleIn'> & { suspendedProcesses: string[] }

/** A member that is leaving is no longer replaced or counted; its connections may be drained for minutes. */
export function autoScalingFound (how: ContainmentPolicy['autoScaling'], own: GroupMembership | undefined): Found {
  const standing = standingOf(own?.lifecycleState)
  if (own === undefined || standing === 'out') return found(true, own ? `leaving ${own.group} (${own.lifecycleState})` : 'in no Auto Scaling group')
  const where = `${own.lifecycleState} in ${own.group}`
  if (how === 'standby') return found(standing === 'standby' || standing === 'entering-standby', where)
  if (how !== 'suspend') return found(false, where)
  const running = REPLACING_PROCESSES.filter((name) => !own.suspendedProcesses.includes(name))
  const wrong = [...own.protectedFromScaleIn ? [] : ['not protected from scale-in'], ...running.map((name) => `${name} runs`)]
  return found(standing === 'in-service' && wrong.length === 0, [where, ...wrong].join(', '))
}

/** Every entry counts, also those that only let some traffic pass. */
export function aclFound (acl: NetworkAcl | undefined): Found {
  if (acl === undefined) return found(false, 'EC2 names no network ACL of it')
  const open = (acl.Entries ?? []).filter(({ RuleAction }) => RuleAction === 'allow')
    .map(({ Egress, RuleNumber, CidrBlock, Ipv6CidrBlock }) => `rule ${RuleNumber} lets traffic ${Egress ? 'out to' : 'in from'} ${CidrBlock ?? Ipv6CidrBlock}`)
  return found(open.length === 0, `${acl.NetworkAclId}: ${open.join('; ') || 'denies everything'}`)
}

export interface SessionsQuestion { wanted: SessionScope, revocation: Pick<Revocation, 'scope' | 'revokedBefore'> | undefined, now: Date }

export const SESSION_WORDS: Record<SessionScope, string> = {
  instance: 'the instance\'s own sessions of the role that began before containment are denied everything',
  role: 'all sessions of the role that began before containment are denied everything'
}

/** Of a policy document that is ours to the letter; of any other nobody knows what it denies. */
export function sessionsFound ({ wanted, revocation, now }: SessionsQuestion): Found {
  if (revocation === undefined) return found(false, 'the policy does not say what containment wrote')
  const { scope, revokedBefore } = revocation
  const past = Date.parse(revokedBefore) <= now.getTime()
  return found(past && suffices(scope, wanted),
    `${scope === 'role' ? 'all sessions' : 'the instance\'s own sessions'} that began before ${revokedBefore} are denied${past ? '' : ', which is yet to come'}`)
}

/** A rule of DNS Firewall as far as the proof reads it; domains of rules that block, alone. */
export type DnsRule = Pick<FirewallRule, 'Name' | 'Action' | 'Qtype'> & { group: string, domains: string[] }

/** A rule may be for one type of query alone. */
export function blocksEverything ({ Action, Qtype, domains }: DnsRule): boolean {
  return Action === 'BLOCK' && Qtype === undefined && domains.some(isEveryName)
}

/**
 * @param rules of all groups of the VPC, in the order in which they are asked: the first that fits a query decides
 * (Amazon Route 53 Developer Guide, "How Route 53 Resolver DNS Firewall works"), and ALERT lets it pass.
 */
export function dnsFound (rules: DnsRule[]): Found {
  const all = rules.findIndex(blocksEverything)
  if (all === -1) return found(false, 'no rule blocks every domain')
  const before = rules.slice(0, all).filter(({ Action }) => Action !== 'BLOCK')
  return found(before.length === 0, before.length === 0
    ? `${rules[all]!.group} blocks every domain`
    : `asked before the rule that blocks every domain: ${before.map(({ Name, Action, group }) => `${Name} of ${group} (${Action})`).join(', ')}`)
}
