/**
 * Who sends an instance work, who replaces it, what it may do in AWS and who shares what with it: all that
 * containment would touch or hit beyond the instance itself.
 *
 * All parts are read side by side, each in a time of its own, and none is needed: a part that fails is named
 * in `unread`, so that whoever plans knows that an empty list there means nothing. What a part had found
 * before it failed is kept.
 */
import { DescribeAutoScalingGroupsCommand, DescribeAutoScalingInstancesCommand } from '@aws-sdk/client-auto-scaling'
import {
  DescribeInstanceStatusCommand, DescribeInstanceTypesCommand, paginateDescribeFlowLogs, paginateDescribeInstances, paginateDescribeNetworkAcls,
  paginateDescribeNetworkInterfaces, paginateDescribeVpcEndpoints,
  type EC2Client, type Filter, type FlowLog, type NetworkInterface, type _InstanceType
} from '@aws-sdk/client-ec2'
import {
  GetAccessKeyLastUsedCommand, GetInstanceProfileCommand, GetRoleCommand, paginateListAccessKeys, paginateListInstanceProfilesForRole
} from '@aws-sdk/client-iam'
import { fromAws } from '../aws/aws-errors.ts'
import { filtersBy } from '../aws/filters.ts'
import type { TriageClients } from './describe-instance.ts'
import { classicMemberships, targetMemberships } from './load-balancer-memberships.ts'
import { within, type Limited } from './sections.ts'
import { vpcIdsOf, type AccessKeyFacts, type FlowLogFacts, type InstanceFacts, type Read, type RoleFacts, type Sections, type Surroundings, type TargetFacts } from './target-facts.ts'
import { principalsOf } from './trust-policy.ts'

type Parts = Omit<Surroundings, 'unread'>
type Part = keyof Parts

/** Milliseconds for each part. */
export type SurveyLimits = Record<Part, number>

const LIMITS: SurveyLimits = {
  autoScaling: 10_000,
  // Every target group of the Region may have to be asked.
  targets: 20_000,
  classicLoadBalancers: 10_000,
  role: 10_000,
  subnets: 10_000,
  othersInVpc: 10_000,
  ssmEndpoints: 10_000,
  accessKeys: 10_000,
  flowLogs: 10_000,
  scheduledEvents: 10_000,
  instanceStore: 10_000
}

/** What one part reads with. */
interface Survey extends TriageClients {
  facts: InstanceFacts
  accessKeyIds: string[]
  limited: Limited
  /** AWS's own answer, as a section of the description; its name is none of a part. */
  keep: (section: string, answer: unknown) => void
  /** Something of the part that could not be read, while the rest goes on. */
  missing: (error: unknown, doing: string) => void
}

/** Tells its part, also more than once: the latest word counts, in case there is no later one. */
type Readers = { [P in Part]: (survey: Survey, found: (value: NonNullable<Parts[P]>) => void) => Promise<void> }

/** Never fails as a whole: what can't be read is named in `unread`. */
export async function surveyInstance (
  clients: TriageClients, facts: InstanceFacts, { accessKeyIds, limits = {} }: { accessKeyIds: string[], limits?: Partial<SurveyLimits> }
): Promise<Read<Surroundings>> {
  const around: Surroundings = {
    targets: [], classicLoadBalancers: [], subnets: [], othersInVpc: [], ssmEndpoints: [], accessKeys: [], flowLogs: [], scheduledEvents: [], unread: []
  }
  const sections: Sections = {}
  const readPart = async <P extends Part>(what: P): Promise<void> => {
    const doing = `reading ${WORDS[what]}`
    const missing = (error: unknown, doing: string): void => {
      const { code, message } = fromAws(error, doing)
      around.unread.push({ what, code, message })
      sections[what] = { error: { code, message: around.unread.filter((each) => each.what === what).map((each) => each.message).join('; ') } }
    }
    let ended = false
    // A part whose time was up may be answered yet; by then somebody has planned with what there was.
    const inTime = <A extends unknown[]>(note: (...args: A) => void) => (...args: A): void => { if (!ended) note(...args) }
    try {
      await within(limits[what] ?? LIMITS[what], doing, async (limited) => {
        await READERS[what]({
          ...clients,
          facts,
          accessKeyIds,
          limited,
          missing: inTime(missing),
          keep: inTime((section, answer) => { sections[section] = { data: answer ?? null } })
        }, inTime((value) => { around[what] = value }))
      })
    } catch (error) {
      missing(error, doing)
    } finally {
      ended = true
    }
  }
  await Promise.all((Object.keys(READERS) as Part[]).map(readPart))
  around.unread.sort((a, b) => a.what.localeCompare(b.what))
  return { facts: around, sections }
}

const WORDS: Record<Part, string> = {
  autoScaling: 'the Auto Scaling group',
  targets: 'target groups',
  classicLoadBalancers: 'classic load balancers',
  role: 'the role and who else uses it',
  subnets: 'network ACLs and neighbours',
  othersInVpc: 'who else is in the VPC',
  ssmEndpoints: 'endpoints of Systems Manager',
  accessKeys: 'access keys',
  flowLogs: 'flow logs',
  scheduledEvents: 'scheduled events',
  instanceStore: 'disks of the host'
}

const READERS: Readers = {
  autoScaling: async ({ autoScaling, facts: { instanceId }, limited, keep }, found) => {
    const { AutoScalingInstances = [] } = await autoScaling.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] }), limited)
    keep('autoScalingInstance', AutoScalingInstances)
    const membership = AutoScalingInstances[0]
    if (!membership) return
    const group = membership.AutoScalingGroupName!
    const { AutoScalingGroups = [] } = await autoScaling.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [group] }), limited)
    keep('autoScalingGroup', AutoScalingGroups)
    const described = AutoScalingGroups[0]
    if (!described) return
    found({
      group,
      lifecycleState: membership.LifecycleState!,
      desiredCapacity: described.DesiredCapacity!,
      minSize: described.MinSize!,
      maxSize: described.MaxSize!,
      members: described.Instances?.map(({ InstanceId }) => InstanceId!).sort() ?? [],
      subnetIds: (described.VPCZoneIdentifier ?? '').split(',').map((id) => id.trim()).filter(Boolean).sort(),
      targetGroupArns: [...new Set([
        ...described.TargetGroupARNs ?? [],
        ...described.TrafficSources?.filter(({ Type }) => Type === 'elbv2').map(({ Identifier }) => Identifier!) ?? []
      ])].sort()
    })
  },

  targets: async ({ elbv2, facts, limited, keep }, found) => {
    const addresses = facts.interfaces.flatMap(({ privateAddresses, ipv6Addresses }) => [...privateAddresses, ...ipv6Addresses])
    const targets: TargetFacts[] = []
    const groups = new Map<string, unknown>()
    await targetMemberships(elbv2, [facts.instanceId, ...addresses], vpcIdsOf(facts), (membership, group) => {
      targets.push(membership)
      groups.set(membership.targetGroupArn, group)
      found([...targets].sort((a, b) => sortKey(a).localeCompare(sortKey(b))))
      keep('targetGroups', [...groups.values()])
      keep('targetGroupMemberships', [...targets])
    }, limited)
  },

  classicLoadBalancers: async ({ elb, facts: { instanceId }, limited, keep }, found) => {
    const balancers = await classicMemberships(elb, instanceId, limited)
    keep('classicLoadBalancerDescriptions', balancers)
    found(balancers.map(({ LoadBalancerName }) => LoadBalancerName!))
  },

  // The role's name may differ from the profile's; a profile holds one role at most.
  role: async ({ iam, ec2, facts, limited, keep, missing }, found) => {
    const arn = facts.instanceProfileArn
    if (!arn) return
    const { InstanceProfile } = await iam.send(new GetInstanceProfileCommand({ InstanceProfileName: arn.slice(arn.lastIndexOf('/') + 1) }), limited)
    const role = InstanceProfile?.Roles?.[0]
    if (!role) return
    const known: RoleFacts = {
      roleName: role.RoleName!,
      roleArn: role.Arn!,
      roleId: role.RoleId!,
      serviceLinked: role.Path!.startsWith('/aws-service-role/'),
      otherInstances: [],
      otherPrincipals: []
    }
    found({ ...known })
    await Promise.all([
      attemptPart(missing, `reading the trust policy of ${known.roleName}`, async () => {
        const document = role.AssumeRolePolicyDocument ??
          (await iam.send(new GetRoleCommand({ RoleName: known.roleName }), limited)).Role!.AssumeRolePolicyDocument!
        known.otherPrincipals = principalsOf(document)
        found({ ...known })
      }),
      attemptPart(missing, `reading which other instances have ${known.roleName}`, async () => {
        const profiles: string[] = []
        for await (const page of paginateListInstanceProfilesForRole({ client: iam }, { RoleName: known.roleName }, limited)) {
          profiles.push(...page.InstanceProfiles?.map(({ Arn }) => Arn!) ?? [])
        }
        keep('instanceProfilesOfRole', profiles)
        known.otherInstances = await instanceIds(ec2, [{ Name: 'iam-instance-profile.arn', Values: profiles }], facts.instanceId, limited)
        found({ ...known })
      })
    ])
  },

  subnets: async ({ ec2, facts, limited, keep }, found) => {
    const vpcs = new Map(facts.interfaces.map(({ subnetId, vpcId }) => [subnetId, vpcId]))
    const subnetIds = [...vpcs.keys()].sort()
    const own = new Set(facts.interfaces.map(({ interfaceId }) => interfaceId))
    const [acls, interfaces] = await Promise.all([
      collect(paginateDescribeNetworkAcls({ client: ec2 }, { Filters: [{ Name: 'association.subnet-id', Values: subnetIds }] }, limited), (page) => page.NetworkAcls),
      interfacesBy(ec2, { Name: 'subnet-id', Values: subnetIds }, limited)
    ])
    keep('networkAclsOfSubnets', acls)
    found(subnetIds.map((subnetId) => {
      const association = acls.flatMap(({ Associations = [] }) => Associations).find(({ SubnetId }) => SubnetId === subnetId)
      if (!association) throw new Error(`EC2 names no network ACL of ${subnetId}`)
      const vpcId = vpcs.get(subnetId)
      return {
        subnetId,
        ...vpcId !== undefined && { vpcId },
        networkAclId: association.NetworkAclId!,
        associationId: association.NetworkAclAssociationId!,
        neighbours: interfaces.filter((each) => each.SubnetId === subnetId && !own.has(each.NetworkInterfaceId!)).map(inWords).sort()
      }
    }))
  },

  // What is no instance (functions, containers, databases) asks the VPC's DNS as well.
  othersInVpc: async ({ ec2, facts, limited }, found) => {
    const inVpc = { Name: 'vpc-id', Values: [facts.vpcId] }
    const own = new Set(facts.interfaces.map(({ interfaceId }) => interfaceId))
    const [instances, interfaces] = await Promise.all([
      instanceIds(ec2, [inVpc], facts.instanceId, limited),
      interfacesBy(ec2, inVpc, limited)
    ])
    const ofNoInstance = interfaces.filter((each) => !own.has(each.NetworkInterfaceId!) && !each.Attachment?.InstanceId && !ASK_NO_DNS.has(each.InterfaceType ?? ''))
    found([...instances, ...ofNoInstance.filter(({ Status }) => Status !== 'available').map(inWords).sort()])
  },

  ssmEndpoints: async ({ ec2, facts, limited, keep }, found) => {
    const Filters = [{ Name: 'vpc-id', Values: [facts.vpcId] }, { Name: 'vpc-endpoint-type', Values: ['Interface'] }]
    const endpoints = (await collect(paginateDescribeVpcEndpoints({ client: ec2 }, { Filters }, limited), (page) => page.VpcEndpoints))
      .filter(({ ServiceName, State }) => SSM_SERVICES.includes(lastOf(ServiceName!)) && /^available$/i.test(State ?? ''))
    keep('ssmVpcEndpoints', endpoints)
    const offered = new Set(endpoints.map(({ ServiceName }) => lastOf(ServiceName!)))
    if (!SSM_NEEDS.every((service) => offered.has(service))) return
    const ids = endpoints.flatMap(({ NetworkInterfaceIds = [] }) => NetworkInterfaceIds)
    const interfaces = await interfacesBy(ec2, { Name: 'network-interface-id', Values: ids }, limited)
    found(endpoints.map(({ VpcEndpointId, ServiceName, NetworkInterfaceIds = [] }) => ({
      endpointId: VpcEndpointId!,
      service: lastOf(ServiceName!),
      addresses: interfaces.filter(({ NetworkInterfaceId }) => NetworkInterfaceIds.includes(NetworkInterfaceId!)).flatMap(addressesOf).sort()
    })).sort((a, b) => a.endpointId.localeCompare(b.endpointId)))
  },

  // IAM finds a key's user only through its last use.
  accessKeys: async ({ iam, accessKeyIds, limited, missing }, found) => {
    const keys: AccessKeyFacts[] = []
    await Promise.all(accessKeyIds.map(async (accessKeyId) => {
      await attemptPart(missing, `looking up access key ${accessKeyId}`, async () => {
        const { UserName } = await iam.send(new GetAccessKeyLastUsedCommand({ AccessKeyId: accessKeyId }), limited)
        if (!UserName) throw new Error('IAM names no user of it')
        const listed = await collect(paginateListAccessKeys({ client: iam }, { UserName }, limited), (page) => page.AccessKeyMetadata)
        const key = listed.find(({ AccessKeyId }) => AccessKeyId === accessKeyId)
        if (!key) throw new Error(`${UserName} has no such key`)
        keys.push({ accessKeyId, userName: UserName, active: key.Status === 'Active' })
        found([...keys].sort((a, b) => a.accessKeyId.localeCompare(b.accessKeyId)))
      })
    }))
  },

  flowLogs: async ({ ec2, facts, limited, keep }, found) => {
    const resources = [facts.vpcId, ...facts.interfaces.flatMap(({ interfaceId, subnetId }) => [interfaceId, subnetId])]
    const logs = await byValues('resource-id', [...new Set(resources)], async (filter) =>
      await collect(paginateDescribeFlowLogs({ client: ec2 }, { Filter: [filter] }, limited), (page) => page.FlowLogs))
    keep('flowLogDescriptions', logs)
    // One that records refusals alone can't show whether traffic goes on.
    found(logs.filter(({ FlowLogStatus, TrafficType }) => FlowLogStatus === 'ACTIVE' && TrafficType !== 'REJECT').map(flowLogFacts)
      .sort((a, b) => a.flowLogId.localeCompare(b.flowLogId)))
  },

  scheduledEvents: async ({ ec2, facts: { instanceId }, limited, keep }, found) => {
    const { InstanceStatuses = [] } = await ec2.send(new DescribeInstanceStatusCommand({ InstanceIds: [instanceId], IncludeAllInstances: true }), limited)
    keep('status', InstanceStatuses)
    // Amazon EC2 User Guide, "Scheduled events": one that is over stays for a week, marked in its description.
    found(InstanceStatuses.flatMap(({ Events = [] }) => Events)
      .filter(({ Description }) => !/^\[(Completed|Canceled)\]/.test(Description ?? ''))
      .map(({ Code, Description, NotBefore, NotAfter }) =>
        `${Code}${NotBefore ? ` not before ${NotBefore.toISOString()}` : ''}${NotAfter ? ` and not after ${NotAfter.toISOString()}` : ''}: ${Description ?? 'no description'}`))
  },

  // Amazon EC2 User Guide, "Instance store": which disks of its host an instance has goes by its type, and the
  // block devices that EC2 tells of an instance are volumes alone.
  instanceStore: async ({ ec2, facts, limited, keep }, found) => {
    const { InstanceTypes = [] } = await ec2.send(new DescribeInstanceTypesCommand({ InstanceTypes: [facts.instanceType as _InstanceType] }), limited)
    keep('instanceType', InstanceTypes)
    const { Disks = [], TotalSizeInGB = 0 } = InstanceTypes[0]?.InstanceStorageInfo ?? {}
    const disks = Disks.reduce((sum, { Count = 0 }) => sum + Count, 0)
    if (disks > 0) found({ disks, gib: Math.round(TotalSizeInGB * 1e9 / 2 ** 30) })
  }
}

async function attemptPart (missing: Survey['missing'], doing: string, read: () => Promise<void>): Promise<void> {
  try {
    await read()
  } catch (error) {
    missing(error, doing)
  }
}

async function collect<Page, T> (pages: AsyncIterable<Page>, itemsOf: (page: Page) => T[] | undefined): Promise<T[]> {
  const items: T[] = []
  for await (const page of pages) items.push(...itemsOf(page) ?? [])
  return items
}

async function byValues<T> (name: string, values: string[], read: (filter: Filter) => Promise<T[]>): Promise<T[]> {
  return (await Promise.all(filtersBy(name, values).map(read))).flat()
}

/** Every state but `terminated`; an instance that is shutting down still acts. */
const ALIVE = { Name: 'instance-state-name', Values: ['pending', 'running', 'shutting-down', 'stopping', 'stopped'] }

async function instanceIds (ec2: EC2Client, filters: Filter[], except: string, limited: Limited): Promise<string[]> {
  const instances = await collect(paginateDescribeInstances({ client: ec2 }, { Filters: [...filters, ALIVE] }, limited),
    (page) => page.Reservations?.flatMap(({ Instances = [] }) => Instances))
  return instances.map(({ InstanceId }) => InstanceId!).filter((id) => id !== except).sort()
}

async function interfacesBy (ec2: EC2Client, { Name, Values }: Filter, limited: Limited): Promise<NetworkInterface[]> {
  return await byValues(Name!, Values!, async (filter) =>
    await collect(paginateDescribeNetworkInterfaces({ client: ec2 }, { Filters: [filter] }, limited), (page) => page.NetworkInterfaces))
}

/** `eni-1 of i-1`, `eni-2 (Interface for NAT Gateway nat-1)`. A description is somebody's text: one short line of it. */
function inWords ({ NetworkInterfaceId, Attachment, Description, InterfaceType, RequesterId }: NetworkInterface): string {
  if (Attachment?.InstanceId) return `${NetworkInterfaceId} of ${Attachment.InstanceId}`
  const of = Description?.replace(/[\p{C}\s]+/gu, ' ').trim().slice(0, 100)
  return `${NetworkInterfaceId} (${[of, InterfaceType === 'interface' ? RequesterId : InterfaceType?.replaceAll('_', ' ')].find(Boolean) ?? 'of nobody that EC2 names'})`
}

/** AWS's own network devices, which look up no names for anybody (EC2 API Reference, "NetworkInterface", interfaceType). */
const ASK_NO_DNS = new Set(['nat_gateway', 'vpc_endpoint', 'gateway_load_balancer', 'gateway_load_balancer_endpoint', 'network_load_balancer', 'transit_gateway'])

/** AWS Systems Manager User Guide, "Improve the security of EC2 instances by using VPC endpoints": the third is for older agents. */
const SSM_NEEDS = ['ssm', 'ssmmessages']
const SSM_SERVICES = [...SSM_NEEDS, 'ec2messages']

function lastOf (serviceName: string): string {
  return serviceName.slice(serviceName.lastIndexOf('.') + 1)
}

function addressesOf ({ PrivateIpAddresses = [], Ipv6Addresses = [] }: NetworkInterface): string[] {
  return [...PrivateIpAddresses.map(({ PrivateIpAddress }) => PrivateIpAddress!), ...Ipv6Addresses.map(({ Ipv6Address }) => Ipv6Address!)]
}

/** Amazon VPC User Guide, "Flow log records": the default format and the default interval. */
const DEFAULT_FORMAT = ['version', 'account-id', 'interface-id', 'srcaddr', 'dstaddr', 'srcport', 'dstport', 'protocol', 'packets', 'bytes', 'start', 'end', 'action', 'log-status']
  .map((field) => `\${${field}}`).join(' ')
const DEFAULT_INTERVAL_S = 600

function flowLogFacts ({ FlowLogId, ResourceId, LogDestinationType, LogGroupName, LogDestination, LogFormat, MaxAggregationInterval }: FlowLog): FlowLogFacts {
  const destination = LogDestinationType ?? 'cloud-watch-logs'
  // arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*
  const group = LogGroupName ?? LogDestination?.split(':')[6]
  return {
    flowLogId: FlowLogId!,
    resourceId: ResourceId!,
    destination,
    destinationName: destination === 'cloud-watch-logs' ? group! : LogDestination!,
    format: LogFormat ?? DEFAULT_FORMAT,
    aggregationSeconds: MaxAggregationInterval ?? DEFAULT_INTERVAL_S
  }
}

function sortKey ({ targetGroupArn, targetId, port }: TargetFacts): string {
  return `${targetGroupArn} ${targetId} ${port ?? ''}`
}
