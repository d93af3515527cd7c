/**
 * How reachable an instance is and what it may do, as AWS says, and whether that is more than it was.
 *
 * Security group rules are compared by what they let pass, not by their ids: a rule is no more than before
 * when one rule from before lets all of it pass.
 */
import { BlockList, isIPv6 } from 'node:net'
import { DescribeLoadBalancersCommand } from '@aws-sdk/client-elastic-load-balancing'
import { DescribeTargetHealthCommand } from '@aws-sdk/client-elastic-load-balancing-v2'
import {
  DescribeAddressesCommand, DescribeIamInstanceProfileAssociationsCommand, DescribeNetworkAclsCommand, DescribeNetworkInterfacesCommand, DescribeSecurityGroupRulesCommand,
  type NetworkAcl, type SecurityGroupRule
} from '@aws-sdk/client-ec2'
import { ListAccessKeysCommand } from '@aws-sdk/client-iam'
import type { SandboxAws } from '../../sandbox/scenarios/aws.ts'

/** What one rule lets pass; protocol `-1` and ports -1 are all of them, as in EC2. */
export interface Passage { direction: 'in' | 'out', protocol: string, from: number, to: number, /** CIDR block, prefix list or group. */ peer: string }

export interface Reachability {
  /** What the rules of all groups of an interface let pass, by interface. */
  interfaces: Record<string, Passage[]>
  /** What lets something in from outside or gives the instance powers, one string each. */
  ways: string[]
}

export interface Subject { instanceId: string, subnetId: string, userName: string, targetGroupArns: string[], classicLoadBalancer: string }

export async function readReachability (aws: SandboxAws, { instanceId, subnetId, userName, targetGroupArns, classicLoadBalancer }: Subject): Promise<Reachability> {
  const { ec2, elb, iam } = aws
  const [attached, acls, profiles, targets, classic, keys] = await Promise.all([
    ec2.send(new DescribeNetworkInterfacesCommand({ Filters: [{ Name: 'attachment.instance-id', Values: [instanceId] }] })),
    ec2.send(new DescribeNetworkAclsCommand({ Filters: [{ Name: 'association.subnet-id', Values: [subnetId] }] })),
    ec2.send(new DescribeIamInstanceProfileAssociationsCommand({ Filters: [{ Name: 'instance-id', Values: [instanceId] }] })),
    registrations(aws, targetGroupArns),
    elb.send(new DescribeLoadBalancersCommand({ LoadBalancerNames: [classicLoadBalancer] })),
    iam.send(new ListAccessKeysCommand({ UserName: userName }))
  ])
  const interfaces = attached.NetworkInterfaces!
  const addresses = interfaces.flatMap(({ PrivateIpAddresses }) => PrivateIpAddresses!.map(({ PrivateIpAddress }) => PrivateIpAddress!))
  const groupIds = [...new Set(interfaces.flatMap(({ Groups }) => Groups!.map(({ GroupId }) => GroupId!)))]
  const held = await ec2.send(new DescribeAddressesCommand({ Filters: [{ Name: 'network-interface-id', Values: interfaces.map(({ NetworkInterfaceId }) => NetworkInterfaceId!) }] }))
  const passages = new Map(await Promise.all(groupIds.map(async (groupId): Promise<[string, Passage[]]> => {
    const answer = await ec2.send(new DescribeSecurityGroupRulesCommand({ Filters: [{ Name: 'group-id', Values: [groupId] }] }))
    return [groupId, answer.SecurityGroupRules!.map(passageOf)]
  })))
  return {
    interfaces: Object.fromEntries(interfaces.map(({ NetworkInterfaceId, Groups }) =>
      [NetworkInterfaceId!, Groups!.flatMap(({ GroupId }) => passages.get(GroupId!)!)])),
    ways: [
      ...held.Addresses!.map(({ PublicIp }) => `public address ${PublicIp}`),
      ...targets.filter(({ id }) => id === instanceId || addresses.includes(id)).map(({ arn, id, port }) => `target ${id}:${port} of ${arn}`),
      ...classic.LoadBalancerDescriptions!.flatMap(({ Instances }) => Instances!.filter(({ InstanceId }) => InstanceId === instanceId).map(() => `instance of ${classicLoadBalancer}`)),
      ...(profiles.IamInstanceProfileAssociations ?? []).filter(({ State }) => State === 'associated').map(({ IamInstanceProfile }) => `profile ${IamInstanceProfile!.Arn}`),
      ...keys.AccessKeyMetadata!.filter(({ Status }) => Status === 'Active').map(({ AccessKeyId }) => `access key ${AccessKeyId}`),
      ...(acls.NetworkAcls ?? []).flatMap(allowances)
    ].sort()
  }
}

/** Registered targets, but for those that are only being drained. */
async function registrations ({ elbv2 }: SandboxAws, targetGroupArns: string[]): Promise<Array<{ arn: string, id: string, port: number | undefined }>> {
  const health = await Promise.all(targetGroupArns.map(async (TargetGroupArn) => {
    const answer = await elbv2.send(new DescribeTargetHealthCommand({ TargetGroupArn }))
    return answer.TargetHealthDescriptions!
      .filter(({ TargetHealth }) => TargetHealth!.State !== 'draining')
      .map(({ Target }) => ({ arn: TargetGroupArn, id: Target!.Id!, port: Target!.Port }))
  }))
  return health.flat()
}

function passageOf (rule: SecurityGroupRule): Passage {
  return {
    direction: rule.IsEgress ? 'out' : 'in',
    protocol: rule.IpProtocol!,
    from: rule.FromPort ?? -1,
    to: rule.ToPort ?? -1,
    peer: (rule.CidrIpv4 ?? rule.CidrIpv6 ?? rule.PrefixListId ?? rule.ReferencedGroupInfo?.GroupId)!
  }
}

function allowances ({ Entries }: NetworkAcl): string[] {
  return (Entries ?? []).filter(({ RuleAction }) => RuleAction === 'allow')
    .map(({ Egress, Protocol, CidrBlock, Ipv6CidrBlock }) => `network ACL lets ${Egress ? 'out' : 'in'} ${Protocol} ${CidrBlock ?? Ipv6CidrBlock}`)
}

/** What of `now` was not there before, in words; nothing when the instance is no more reachable than it was. */
export function moreThan (before: Reachability, now: Reachability): string[] {
  const passing = Object.entries(now.interfaces).flatMap(([id, passages]) => passages
    .filter((passage) => !(before.interfaces[id] ?? []).some((known) => covers(known, passage)))
    .map(({ direction, protocol, from, to, peer }) => `${id} lets ${direction} ${protocol} ${from}-${to} ${peer}`))
  return [...passing, ...now.ways.filter((way) => !before.ways.includes(way))]
}

function covers (wide: Passage, narrow: Passage): boolean {
  if (wide.direction !== narrow.direction || !coversPeer(wide.peer, narrow.peer)) return false
  if (wide.protocol === '-1') return true
  return wide.protocol === narrow.protocol && (wide.from === -1 || (wide.from <= narrow.from && narrow.to <= wide.to))
}

function coversPeer (wide: string, narrow: string): boolean {
  if (wide === narrow) return true
  const [network, prefix] = wide.split('/')
  const [address, length] = narrow.split('/')
  if (prefix === undefined || length === undefined || isIPv6(network!) !== isIPv6(address!) || Number(prefix) > Number(length)) return false
  const family = isIPv6(network!) ? 'ipv6' : 'ipv4'
  const list = new BlockList()
  list.addSubnet(network!, Number(prefix), family)
  return list.check(address!, family)
}
