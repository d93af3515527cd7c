/**
 * Every kind of thing a room is made of: how to find an incident's in AWS, how to remove one.
 *
 * One table for all who must not trust the stack's state: the recovery of an interrupted engine, the
 * proof of absence, whoever looks for forgotten rooms. A look-up asks by the room's tags and checks
 * them again in the answer, because what it finds may be deleted.
 */
import * as EC2 from '@aws-sdk/client-ec2'
import * as IAM from '@aws-sdk/client-iam'
import { setTimeout as sleep } from 'node:timers/promises'
import { isGone } from '../aws/aws-errors.ts'
import { namedTags, ROOM_IAM_PATH, ROOT_DISK, roomTags } from '../../stacks/clean-room/room-input.ts'

export interface Cloud {
  ec2: EC2.EC2Client
  iam: IAM.IAMClient
}

export interface RoomResourceKind {
  /** The resource's type in the stack. */
  type: string
  /** Ids of the incident's, in the form that `identity` gives the state's. */
  list: (cloud: Cloud, incidentId: string) => Promise<string[]>
  /** Removes one and returns when AWS no longer has it. One that is gone already is a success. */
  remove: (cloud: Cloud, id: string) => Promise<void>
  /** The same id from the resource's outputs in the state; absent: the resource's own id. */
  identity?: (outputs: Record<string, unknown>) => string
  /** The type that it comes and goes with, where AWS makes and removes it by itself. */
  dependsOn?: string
}

type Filters = EC2.Filter[]

/** In the order in which things can be removed: nothing stands before what depends on it. */
export const ROOM_RESOURCES: RoomResourceKind[] = [
  {
    type: 'aws:ec2/volumeAttachment:VolumeAttachment',
    list: async (cloud, incidentId) => (await disks(cloud, incidentId)).flatMap(({ VolumeId, Attachments = [] }) =>
      Attachments.filter(({ State }) => State !== 'detached').map(({ InstanceId }) => `${VolumeId}:${InstanceId}`)),
    remove: async ({ ec2 }, id) => {
      const [VolumeId = '', InstanceId] = id.split(':')
      await unlessGone(ec2.send(new EC2.DetachVolumeCommand({ VolumeId, InstanceId })))
      await untilGone(async () => (await ec2.send(new EC2.DescribeVolumesCommand({ VolumeIds: [VolumeId] }))).Volumes
        ?.filter(({ State }) => State !== 'available'))
    },
    identity: ({ volumeId, instanceId }) => `${volumeId}:${instanceId}`
  },
  {
    type: 'aws:ec2/instance:Instance',
    list: async ({ ec2 }, incidentId) => (await ourItems(incidentId,
      EC2.paginateDescribeInstances({ client: ec2 }, { Filters: byTags(incidentId) }), page => page.Reservations?.flatMap(({ Instances = [] }) => Instances)))
      .filter(({ State }) => State?.Name !== 'terminated').map(({ InstanceId }) => InstanceId as string),
    remove: async ({ ec2 }, id) => {
      await unlessGone(ec2.send(new EC2.TerminateInstancesCommand({ InstanceIds: [id] })))
      await untilGone(async () => (await ec2.send(new EC2.DescribeInstancesCommand({ InstanceIds: [id] }))).Reservations
        ?.flatMap(({ Instances = [] }) => Instances).filter(({ State }) => State?.Name !== 'terminated'))
    }
  },
  {
    type: 'root disk of the workstation',
    list: async (cloud, incidentId) => (await disks(cloud, incidentId, true)).map(({ VolumeId }) => VolumeId as string),
    remove: removeVolume,
    dependsOn: 'aws:ec2/instance:Instance'
  },
  {
    type: 'aws:ebs/volume:Volume',
    list: async (cloud, incidentId) => (await disks(cloud, incidentId)).map(({ VolumeId }) => VolumeId as string),
    remove: removeVolume
  },
  {
    type: 'aws:ec2/vpcEndpoint:VpcEndpoint',
    list: async ({ ec2 }, incidentId) => (await ourItems(incidentId,
      EC2.paginateDescribeVpcEndpoints({ client: ec2 }, { Filters: byTags(incidentId) }), page => page.VpcEndpoints))
      .filter(({ State }) => State?.toLowerCase() !== 'deleted').map(({ VpcEndpointId }) => VpcEndpointId as string),
    remove: async ({ ec2 }, id) => {
      await unlessGone(ec2.send(new EC2.DeleteVpcEndpointsCommand({ VpcEndpointIds: [id] })))
      await untilGone(async () => (await ec2.send(new EC2.DescribeVpcEndpointsCommand({ VpcEndpointIds: [id] }))).VpcEndpoints
        ?.filter(({ State }) => State?.toLowerCase() !== 'deleted'))
    }
  },
  {
    type: 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule',
    list: async (cloud, incidentId) => await groupRules(cloud, incidentId, false),
    remove: async ({ ec2 }, id) => await revoke(ec2, id, rule => ec2.send(new EC2.RevokeSecurityGroupIngressCommand(rule)))
  },
  {
    type: 'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule',
    list: async (cloud, incidentId) => await groupRules(cloud, incidentId, true),
    remove: async ({ ec2 }, id) => await revoke(ec2, id, rule => ec2.send(new EC2.RevokeSecurityGroupEgressCommand(rule)))
  },
  {
    type: 'aws:ec2/securityGroup:SecurityGroup',
    list: async (cloud, incidentId) => await groups(cloud, incidentId, name => name !== 'default'),
    remove: async ({ ec2 }, id) => { await unlessGone(ec2.send(new EC2.DeleteSecurityGroupCommand({ GroupId: id }))) }
  },
  {
    // AWS makes it with the VPC and removes it with the VPC; the stack only adopts it.
    type: 'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup',
    list: async (cloud, incidentId) => await groups(cloud, incidentId, name => name === 'default'),
    remove: async () => {},
    dependsOn: 'aws:ec2/vpc:Vpc'
  },
  {
    type: 'aws:ec2/flowLog:FlowLog',
    list: async ({ ec2 }, incidentId) => (await ourItems(incidentId,
      EC2.paginateDescribeFlowLogs({ client: ec2 }, { Filter: byTags(incidentId) }), page => page.FlowLogs))
      .map(({ FlowLogId }) => FlowLogId as string),
    remove: async ({ ec2 }, id) => { await unlessGone(ec2.send(new EC2.DeleteFlowLogsCommand({ FlowLogIds: [id] }))) }
  },
  {
    type: 'aws:ec2/routeTableAssociation:RouteTableAssociation',
    list: async (cloud, incidentId) => (await routeTables(cloud, incidentId)).flatMap(({ Associations = [] }) =>
      Associations.filter(({ Main }) => !Main).map(({ RouteTableAssociationId }) => RouteTableAssociationId as string)),
    remove: async ({ ec2 }, id) => { await unlessGone(ec2.send(new EC2.DisassociateRouteTableCommand({ AssociationId: id }))) }
  },
  {
    type: 'aws:ec2/routeTable:RouteTable',
    list: async (cloud, incidentId) => (await routeTables(cloud, incidentId)).map(({ RouteTableId }) => RouteTableId as string),
    remove: async ({ ec2 }, id) => { await unlessGone(ec2.send(new EC2.DeleteRouteTableCommand({ RouteTableId: id }))) }
  },
  {
    type: 'aws:ec2/subnet:Subnet',
    list: async ({ ec2 }, incidentId) => (await ourItems(incidentId,
      EC2.paginateDescribeSubnets({ client: ec2 }, { Filters: byTags(incidentId) }), page => page.Subnets))
      .map(({ SubnetId }) => SubnetId as string),
    remove: async ({ ec2 }, id) => { await unlessGone(ec2.send(new EC2.DeleteSubnetCommand({ SubnetId: id }))) }
  },
  {
    type: 'aws:ec2/vpc:Vpc',
    list: async ({ ec2 }, incidentId) => (await ourItems(incidentId,
      EC2.paginateDescribeVpcs({ client: ec2 }, { Filters: byTags(incidentId) }), page => page.Vpcs))
      .map(({ VpcId }) => VpcId as string),
    remove: async ({ ec2 }, id) => { await unlessGone(ec2.send(new EC2.DeleteVpcCommand({ VpcId: id }))) }
  },
  {
    type: 'aws:iam/instanceProfile:InstanceProfile',
    list: profileNames,
    remove: async ({ iam }, id) => {
      const found = await unlessGone(iam.send(new IAM.GetInstanceProfileCommand({ InstanceProfileName: id })))
      for (const { RoleName } of found?.InstanceProfile?.Roles ?? []) {
        await unlessGone(iam.send(new IAM.RemoveRoleFromInstanceProfileCommand({ InstanceProfileName: id, RoleName })))
      }
      await unlessGone(iam.send(new IAM.DeleteInstanceProfileCommand({ InstanceProfileName: id })))
    }
  },
  {
    type: 'aws:iam/rolePolicy:RolePolicy',
    list: async (cloud, incidentId) => {
      const perRole = await Promise.all((await roleNames(cloud, incidentId)).map(async role => (await inlinePolicies(cloud, role)).map(policy => `${role}:${policy}`)))
      return perRole.flat()
    },
    remove: async ({ iam }, id) => {
      const [RoleName, PolicyName] = id.split(':')
      await unlessGone(iam.send(new IAM.DeleteRolePolicyCommand({ RoleName, PolicyName })))
    }
  },
  {
    type: 'aws:iam/role:Role',
    list: roleNames,
    remove: async ({ iam }, id) => { await unlessGone(iam.send(new IAM.DeleteRoleCommand({ RoleName: id }))) }
  }
]

/** Names of the inline policies of a role; none when it is gone. */
async function inlinePolicies ({ iam }: Pick<Cloud, 'iam'>, roleName: string): Promise<string[]> {
  return await collect(IAM.paginateListRolePolicies({ client: iam }, { RoleName: roleName }), page => page.PolicyNames).catch(nothingIfGone)
}

function byTags (incidentId: string): Filters {
  return Object.entries(roomTags(incidentId)).map(([key, value]) => ({ Name: `tag:${key}`, Values: [value] }))
}

function isOurs (tags: Array<{ Key?: string, Value?: string }> | undefined, incidentId: string): boolean {
  return Object.entries(roomTags(incidentId)).every(([key, value]) => tags?.some(tag => tag.Key === key && tag.Value === value))
}

export async function collect<Page, Item> (pages: AsyncIterable<Page>, items: (page: Page) => Item[] | undefined): Promise<Item[]> {
  const all: Item[] = []
  for await (const page of pages) all.push(...items(page) ?? [])
  return all
}

interface Tagged { Tags?: EC2.Tag[] }

async function ourItems<Page, Item extends Tagged> (
  incidentId: string, pages: AsyncIterable<Page>, items: (page: Page) => Item[] | undefined
): Promise<Item[]> {
  return (await collect(pages, items)).filter(({ Tags }) => isOurs(Tags, incidentId))
}

/** The workstation's root disk is launched and terminated with it; the other disks are resources of their own. */
async function disks ({ ec2 }: Cloud, incidentId: string, root = false): Promise<EC2.Volume[]> {
  const all = await ourItems(incidentId, EC2.paginateDescribeVolumes({ client: ec2 }, { Filters: byTags(incidentId) }), page => page.Volumes)
  const rootName = namedTags(incidentId, ROOT_DISK).Name
  return all.filter(({ Tags }) => (Tags?.find(({ Key }) => Key === 'Name')?.Value === rootName) === root)
}

async function removeVolume ({ ec2 }: Cloud, VolumeId: string): Promise<void> {
  await unlessGone(ec2.send(new EC2.DeleteVolumeCommand({ VolumeId })))
  await untilGone(async () => (await ec2.send(new EC2.DescribeVolumesCommand({ VolumeIds: [VolumeId] }))).Volumes)
}

async function groups ({ ec2 }: Cloud, incidentId: string, accept: (name: string) => boolean): Promise<string[]> {
  const all = await ourItems(incidentId, EC2.paginateDescribeSecurityGroups({ client: ec2 }, { Filters: byTags(incidentId) }), page => page.SecurityGroups)
  return all.filter(({ GroupName }) => accept(GroupName ?? '')).map(({ GroupId }) => GroupId as string)
}

async function groupRules ({ ec2 }: Cloud, incidentId: string, egress: boolean): Promise<string[]> {
  const all = await ourItems(incidentId, EC2.paginateDescribeSecurityGroupRules({ client: ec2 }, { Filters: byTags(incidentId) }), page => page.SecurityGroupRules)
  return all.filter(({ IsEgress }) => IsEgress === egress).map(({ SecurityGroupRuleId }) => SecurityGroupRuleId as string)
}

async function revoke (
  ec2: EC2.EC2Client, ruleId: string, send: (rule: { GroupId: string, SecurityGroupRuleIds: string[] }) => Promise<unknown>
): Promise<void> {
  const found = await unlessGone(ec2.send(new EC2.DescribeSecurityGroupRulesCommand({ SecurityGroupRuleIds: [ruleId] })))
  const GroupId = found?.SecurityGroupRules?.[0]?.GroupId
  if (GroupId) await unlessGone(send({ GroupId, SecurityGroupRuleIds: [ruleId] }))
}

async function routeTables ({ ec2 }: Cloud, incidentId: string): Promise<EC2.RouteTable[]> {
  return await ourItems(incidentId, EC2.paginateDescribeRouteTables({ client: ec2 }, { Filters: byTags(incidentId) }), page => page.RouteTables)
}

/** IAM finds nothing by tag and lists without tags: the path narrows the search, the tags decide. */
async function roleNames ({ iam }: Cloud, incidentId: string): Promise<string[]> {
  const names = await collect(IAM.paginateListRoles({ client: iam }, { PathPrefix: ROOM_IAM_PATH }), page => page.Roles?.map(({ RoleName }) => RoleName as string))
  return await withOurTags(names, incidentId, async RoleName => (await iam.send(new IAM.GetRoleCommand({ RoleName }))).Role?.Tags)
}

async function profileNames ({ iam }: Cloud, incidentId: string): Promise<string[]> {
  const names = await collect(IAM.paginateListInstanceProfiles({ client: iam }, { PathPrefix: ROOM_IAM_PATH }),
    page => page.InstanceProfiles?.map(({ InstanceProfileName }) => InstanceProfileName as string))
  return await withOurTags(names, incidentId, async InstanceProfileName =>
    (await iam.send(new IAM.GetInstanceProfileCommand({ InstanceProfileName }))).InstanceProfile?.Tags)
}

async function withOurTags (names: string[], incidentId: string, tagsOf: (name: string) => Promise<IAM.Tag[] | undefined>): Promise<string[]> {
  const checked = await Promise.all(names.map(async name => isOurs(await unlessGone(tagsOf(name)), incidentId) ? [name] : []))
  return checked.flat()
}

/** The answer, or undefined when AWS says that the thing does not exist. */
async function unlessGone<T> (call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (!isGone(error)) throw error
  }
}

function nothingIfGone (error: unknown): never[] {
  if (isGone(error)) return []
  throw error
}

/** Interface endpoints take AWS minutes; nothing of a room takes longer. */
const REMOVAL_MS = 600_000

/** Looks again until nothing is left. @throws Error after ten minutes */
async function untilGone (look: () => Promise<unknown[] | undefined>): Promise<void> {
  const deadline = Date.now() + REMOVAL_MS
  for (let pause = 200; (await look().catch(nothingIfGone))?.length; pause = Math.min(pause * 2, 5000)) {
    if (Date.now() > deadline) throw new Error(`still there after ${REMOVAL_MS / 60_000} minutes`)
    await sleep(pause)
  }
}
