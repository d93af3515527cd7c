/**
 * All that AWS shows of an instance from outside, as plain data that can be compared before and after.
 *
 * Whole answers are kept but for what AWS renews by itself, so that a change nobody thought of shows as well.
 * `own` is the instance's alone; `shared` is what it has in common with others, where a change need not be about it.
 */
import { DescribeAutoScalingGroupsCommand, DescribeAutoScalingInstancesCommand, type AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import {
  DescribeInstanceAttributeCommand, DescribeInstancesCommand, DescribeNetworkAclsCommand, DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupRulesCommand, DescribeSecurityGroupsCommand, DescribeTrunkInterfaceAssociationsCommand, DescribeVolumesCommand,
  type EC2Client, type InstanceAttributeName, type NetworkInterface
} from '@aws-sdk/client-ec2'
import { paginateDescribeLoadBalancers, type ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing'
import { DescribeTargetHealthCommand, paginateDescribeTargetGroups, type ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import {
  GetAccessKeyLastUsedCommand, GetInstanceProfileCommand, GetRoleCommand, GetRolePolicyCommand, paginateListAccessKeys, paginateListAttachedRolePolicies,
  paginateListRolePolicies, type IAMClient
} from '@aws-sdk/client-iam'
import type { ResolverClient } from '../../controller/aws/resolver-client.ts'

export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain }
export interface Portrait { own: Record<string, Plain>, shared: Record<string, Plain> }

export interface PortraitClients {
  ec2: EC2Client
  autoScaling: AutoScalingClient
  elb: ElasticLoadBalancingClient
  elbv2: ElasticLoadBalancingV2Client
  iam: IAMClient
  resolver: ResolverClient
}

const ATTRIBUTES: InstanceAttributeName[] = ['disableApiTermination', 'disableApiStop', 'instanceInitiatedShutdownBehavior', 'userData']

/** What AWS renews by itself: associations made again, times and reasons of the last start or stop. */
const VOLATILE = ['AssociationId', 'NetworkAclAssociationId', 'LaunchTime', 'StateReason', 'StateTransitionReason', 'UsageOperationUpdateTime', '$metadata']

/**
 * @param accessKeyIds keys of users whose state belongs to the picture
 * @throws what AWS answers when the instance does not exist
 */
export async function portray (clients: PortraitClients, instanceId: string, accessKeyIds: string[] = []): Promise<Portrait> {
  const { ec2 } = clients
  const [described, interfaces, ...attributes] = await Promise.all([
    ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] })),
    interfacesOf(clients, instanceId),
    ...ATTRIBUTES.map(async (Attribute) => await ec2.send(new DescribeInstanceAttributeCommand({ InstanceId: instanceId, Attribute })))
  ])
  const { NetworkInterfaces: _, State, MetadataOptions: { State: __, ...metadataOptions } = {}, ...instance } = described.Reservations![0]!.Instances![0]!
  const profileArn = instance.IamInstanceProfile?.Arn
  const [volumes, membership, targets, classicLoadBalancers, subnets, accessKeys, group, roles, cleanroom] = await Promise.all([
    ec2.send(new DescribeVolumesCommand({ Filters: [{ Name: 'attachment.instance-id', Values: [instanceId] }] })),
    clients.autoScaling.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] })),
    targetsOf(clients, [instanceId, ...interfaces.flatMap(addressesOf)]),
    classicBalancersOf(clients, instanceId),
    networkAclsOf(clients, [...new Set(interfaces.map(({ SubnetId }) => SubnetId!))]),
    Promise.all(accessKeyIds.map(async (id) => await accessKey(clients, id))),
    autoScalingGroupOf(clients, instanceId),
    profileArn ? rolesOf(clients, profileArn) : [],
    instance.VpcId ? cleanroomIn(clients, instance.VpcId) : {}
  ])
  return {
    own: plain({
      instance: { ...instance, State: State?.Name, MetadataOptions: metadataOptions },
      attributes: Object.assign({}, ...attributes),
      interfaces: interfaces.map(({ NetworkInterfaceId, ...rest }) => ({ id: NetworkInterfaceId, ...rest })),
      volumes: volumes.Volumes,
      autoScaling: membership.AutoScalingInstances,
      targets,
      classicLoadBalancers,
      subnets,
      accessKeys
    }),
    shared: plain({ autoScalingGroup: group, roles, ...cleanroom })
  }
}

/** Those attached to it, and the branches of its trunks. */
async function interfacesOf ({ ec2 }: PortraitClients, instanceId: string): Promise<NetworkInterface[]> {
  const { NetworkInterfaces = [] } = await ec2.send(new DescribeNetworkInterfacesCommand({ Filters: [{ Name: 'attachment.instance-id', Values: [instanceId] }] }))
  const trunks = NetworkInterfaces.filter(({ InterfaceType }) => InterfaceType === 'trunk').map(({ NetworkInterfaceId }) => NetworkInterfaceId)
  if (trunks.length === 0) return NetworkInterfaces
  const { InterfaceAssociations = [] } = await ec2.send(new DescribeTrunkInterfaceAssociationsCommand({}))
  const ids = InterfaceAssociations.filter(({ TrunkInterfaceId }) => trunks.includes(TrunkInterfaceId)).map(({ BranchInterfaceId }) => BranchInterfaceId!)
  if (ids.length === 0) return NetworkInterfaces
  const branches = await ec2.send(new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: ids }))
  return [...NetworkInterfaces, ...branches.NetworkInterfaces!]
}

function addressesOf ({ PrivateIpAddresses = [], Ipv6Addresses = [] }: NetworkInterface): string[] {
  return [...PrivateIpAddresses.map(({ PrivateIpAddress }) => PrivateIpAddress!), ...Ipv6Addresses.map(({ Ipv6Address }) => Ipv6Address!)]
}

/** Its registrations in every target group there is; how healthy it is found there changes by itself. */
async function targetsOf ({ elbv2 }: PortraitClients, ids: string[]): Promise<unknown[]> {
  const registered: unknown[] = []
  for await (const page of paginateDescribeTargetGroups({ client: elbv2 }, {})) {
    await Promise.all(page.TargetGroups!.map(async ({ TargetGroupArn }) => {
      const { TargetHealthDescriptions = [] } = await elbv2.send(new DescribeTargetHealthCommand({ TargetGroupArn: TargetGroupArn! }))
      for (const { Target, TargetHealth } of TargetHealthDescriptions) {
        const leaving = TargetHealth?.State === 'draining' || TargetHealth?.Reason === 'Target.NotRegistered'
        if (ids.includes(Target!.Id!) && !leaving) registered.push({ targetGroup: TargetGroupArn, ...Target })
      }
    }))
  }
  return registered
}

async function classicBalancersOf ({ elb }: PortraitClients, instanceId: string): Promise<string[]> {
  const names: string[] = []
  for await (const page of paginateDescribeLoadBalancers({ client: elb }, {})) {
    for (const { LoadBalancerName, Instances = [] } of page.LoadBalancerDescriptions!) {
      if (Instances.some(({ InstanceId }) => InstanceId === instanceId)) names.push(LoadBalancerName!)
    }
  }
  return names
}

async function networkAclsOf ({ ec2 }: PortraitClients, subnetIds: string[]): Promise<unknown[]> {
  return await Promise.all(subnetIds.map(async (subnetId) => {
    const answer = await ec2.send(new DescribeNetworkAclsCommand({ Filters: [{ Name: 'association.subnet-id', Values: [subnetId] }] }))
    return { subnetId, networkAcls: answer.NetworkAcls!.map(({ NetworkAclId, Entries }) => ({ NetworkAclId, Entries })) }
  }))
}

async function accessKey ({ iam }: PortraitClients, id: string): Promise<unknown> {
  const { UserName } = await iam.send(new GetAccessKeyLastUsedCommand({ AccessKeyId: id }))
  for await (const page of paginateListAccessKeys({ client: iam }, { UserName: UserName! })) {
    const found = page.AccessKeyMetadata!.find(({ AccessKeyId }) => AccessKeyId === id)
    if (found) return { id, userName: UserName, status: found.Status }
  }
  return { id, userName: UserName, status: null }
}

async function autoScalingGroupOf ({ autoScaling }: PortraitClients, instanceId: string): Promise<unknown> {
  const { AutoScalingInstances = [] } = await autoScaling.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] }))
  const name = AutoScalingInstances[0]?.AutoScalingGroupName
  if (name === undefined) return null
  const { AutoScalingGroups = [] } = await autoScaling.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] }))
  const { MinSize, MaxSize, DesiredCapacity, Instances = [], SuspendedProcesses = [], TargetGroupARNs, LoadBalancerNames } = AutoScalingGroups[0]!
  return {
    name,
    MinSize,
    MaxSize,
    DesiredCapacity,
    members: Instances.map(({ InstanceId, LifecycleState, HealthStatus, ProtectedFromScaleIn }) => ({ InstanceId, LifecycleState, HealthStatus, ProtectedFromScaleIn })),
    suspendedProcesses: SuspendedProcesses.map(({ ProcessName }) => ProcessName),
    TargetGroupARNs,
    LoadBalancerNames
  }
}

/** What sessions of the profile's role may do: its policies as they are written. */
async function rolesOf ({ iam }: PortraitClients, profileArn: string): Promise<unknown[]> {
  const { InstanceProfile } = await iam.send(new GetInstanceProfileCommand({ InstanceProfileName: profileArn.slice(profileArn.lastIndexOf('/') + 1) }))
  return await Promise.all(InstanceProfile!.Roles!.map(async ({ RoleName }) => {
    const { Role } = await iam.send(new GetRoleCommand({ RoleName: RoleName! }))
    const inline: Record<string, unknown> = {}
    for await (const page of paginateListRolePolicies({ client: iam }, { RoleName: RoleName! })) {
      for (const PolicyName of page.PolicyNames!) {
        const { PolicyDocument } = await iam.send(new GetRolePolicyCommand({ RoleName: RoleName!, PolicyName }))
        inline[PolicyName] = JSON.parse(decodeURIComponent(PolicyDocument!))
      }
    }
    const attached: unknown[] = []
    for await (const page of paginateListAttachedRolePolicies({ client: iam }, { RoleName: RoleName! })) attached.push(...page.AttachedPolicies!)
    return {
      role: Role!.Arn,
      id: Role!.RoleId,
      trust: JSON.parse(decodeURIComponent(Role!.AssumeRolePolicyDocument!)),
      boundary: Role!.PermissionsBoundary,
      inline,
      attached
    }
  }))
}

/** What Cleanroom has made in the VPC, and every DNS firewall of it. */
async function cleanroomIn ({ ec2, resolver }: PortraitClients, vpcId: string): Promise<Record<string, unknown>> {
  const Filters = [{ Name: 'vpc-id', Values: [vpcId] }, { Name: 'tag-key', Values: ['cleanroom:managed'] }]
  const [groups, acls, firewalls] = await Promise.all([
    ec2.send(new DescribeSecurityGroupsCommand({ Filters })),
    ec2.send(new DescribeNetworkAclsCommand({ Filters })),
    resolver.call('ListFirewallRuleGroupAssociations', { VpcId: vpcId })
  ])
  return {
    securityGroups: await Promise.all(groups.SecurityGroups!.map(async ({ GroupId, GroupName, Tags }) => {
      const { SecurityGroupRules } = await ec2.send(new DescribeSecurityGroupRulesCommand({ Filters: [{ Name: 'group-id', Values: [GroupId!] }] }))
      return { GroupId, GroupName, Tags, rules: SecurityGroupRules }
    })),
    networkAcls: acls.NetworkAcls!.map(({ NetworkAclId, Entries, Tags }) => ({ NetworkAclId, Entries, Tags })),
    dnsFirewalls: (firewalls.FirewallRuleGroupAssociations ?? []).map(({ FirewallRuleGroupId, Name, Priority }) => ({ FirewallRuleGroupId, Name, Priority }))
  }
}

/** As JSON has it, without what is volatile; lists are sorted, since AWS promises no order. */
function plain (value: Record<string, unknown>): Record<string, Plain> {
  const bare = JSON.parse(JSON.stringify(value, (key, each: unknown) => VOLATILE.includes(key) ? undefined : each)) as Plain
  return sorted(bare) as Record<string, Plain>
}

function sorted (value: Plain): Plain {
  if (Array.isArray(value)) return value.map(sorted).map((each) => [JSON.stringify(each), each] as const).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0).map(([, each]) => each)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0).map(([key, each]) => [key, sorted(each)]))
}

/** Where two pictures differ, in words: path, before, now. */
export function differences (before: Plain, now: Plain, path = ''): string[] {
  if (isObject(before) && isObject(now)) {
    const [was, is] = [Object.entries(before), Object.entries(now)].map((entries) => new Map(entries)) as [Map<string, Plain>, Map<string, Plain>]
    return [...new Set([...was.keys(), ...is.keys()])].flatMap((key) => differences(was.get(key) ?? null, is.get(key) ?? null, path ? `${path}.${key}` : key))
  }
  const [from, to] = [JSON.stringify(before), JSON.stringify(now)]
  return from === to ? [] : [`${path}: ${from} → ${to}`]
}

function isObject (value: Plain): value is Plain[] | { [key: string]: Plain } {
  return value !== null && typeof value === 'object'
}
