/**
 * Proof that a room is closed, read back from AWS and not from what we asked for.
 *
 * Whatever could carry a packet out is looked for by name, and then once more by its trace: anything
 * with an interface in the room that isn't the workstation's or a planned endpoint's is a way out.
 * Each check says what was expected and what AWS answered; one that can't be made has failed.
 */
import * as EC2 from '@aws-sdk/client-ec2'
import * as IAM from '@aws-sdk/client-iam'
import { isDeepStrictEqual } from 'node:util'
import type { BaselineOutputs } from '../../stacks/baseline/outputs.ts'
import { planEndpoints } from '../../stacks/clean-room/network-plan.ts'
import { WORKSTATION_TRUST, workstationPolicy } from '../../stacks/clean-room/permissions.ts'
import { ROOM_IAM_PATH } from '../../stacks/clean-room/room-input.ts'
import { messageOf } from '../incident/errors.ts'
import type { Check, Proof } from '../incident/incident.ts'
import { collect, type Cloud } from './room-resources.ts'
import { expectedRules, ruleInWords } from './group-rules.ts'

export interface RoomToProve {
  incidentId: string
  baseline: BaselineOutputs
  vpcId: string
  workstationId: string
  workstationRoleName: string
}

/** What breaks the promise, in words; nothing when it holds. */
type Look = () => Promise<string[]>

/** Never throws: what AWS refuses to answer is a failed check. */
export async function proveIsolation (cloud: Cloud, room: RoomToProve): Promise<Proof> {
  const seen = readRoom(cloud, room)
  const looks: Array<[name: string, expected: string, look: Look]> = [
    ...gateways(cloud, room),
    ['routes', 'only the VPC itself and the S3 endpoint', () => strayRoutes(seen)],
    ['endpoints', 'exactly those planned, each with its planned policy', () => strayEndpoints(seen, room)],
    ['security groups', 'nothing in; out 443 to the endpoints and S3', () => strayRules(cloud, seen)],
    ['interfaces', 'only the workstation\'s and the endpoints\'', () => strayInterfaces(seen, room)],
    ['public addresses', 'none', () => publicAddresses(seen)],
    ['instances', 'only the workstation', () => strayInstances(seen, room)],
    ['workstation', 'no key pair, IMDSv2 only, one hop', () => looseSettings(seen, room)],
    ['disks', 'encrypted with the evidence key', () => openDisks(cloud, room)],
    ['workstation role', 'this incident\'s alone, inside the boundary', () => looseRole(cloud, seen, room)],
    ['flow logs', 'all traffic, to this incident\'s evidence', () => missingFlowLog(cloud, room)]
  ]
  const checks = await Promise.all(looks.map(async ([name, expected, look]): Promise<Check> => {
    try {
      const broken = await look()
      return { name, ok: broken.length === 0, expected, observed: broken.length === 0 ? 'as expected' : broken.join('; ') }
    } catch (error) {
      return { name, ok: false, expected, observed: `could not be asked: ${messageOf(error)}` }
    }
  }))
  return { ok: checks.every(({ ok }) => ok), at: new Date().toISOString(), checks }
}

type Seen = ReturnType<typeof readRoom>

/** What several checks look at, each asked for once. A refusal fails every check that needs the answer. */
function readRoom ({ ec2 }: Cloud, { vpcId }: RoomToProve) {
  const client = { client: ec2 }
  const Filters = [{ Name: 'vpc-id', Values: [vpcId] }]
  const seen = {
    routeTables: collect(EC2.paginateDescribeRouteTables(client, { Filters }), page => page.RouteTables),
    endpoints: collect(EC2.paginateDescribeVpcEndpoints(client, { Filters }), page => page.VpcEndpoints),
    groups: collect(EC2.paginateDescribeSecurityGroups(client, { Filters }), page => page.SecurityGroups),
    interfaces: collect(EC2.paginateDescribeNetworkInterfaces(client, { Filters }), page => page.NetworkInterfaces),
    instances: collect(EC2.paginateDescribeInstances(client, { Filters }), page => page.Reservations?.flatMap(({ Instances = [] }) => Instances))
      .then(all => all.filter(({ State }) => State?.Name !== 'terminated'))
  }
  // A refusal is reported by the checks that await it, not by the process.
  for (const answer of Object.values(seen)) answer.catch(() => {})
  return seen
}

/** One check per kind of gateway that a VPC can have. */
function gateways ({ ec2 }: Cloud, { vpcId }: RoomToProve): Array<[string, string, Look]> {
  const client = { client: ec2 }
  const filter = (...names: string[]) => names.map(name => ({ Name: name, Values: [vpcId] }))
  const none = (kind: string, look: Look): [string, string, Look] => [kind, 'none', look]
  const ended = /^(deleted|rejected|expired|failed|detached)$/
  return [
    none('internet gateway', () => collect(
      EC2.paginateDescribeInternetGateways(client, { Filters: filter('attachment.vpc-id') }),
      page => page.InternetGateways?.map(({ InternetGatewayId }) => `${InternetGatewayId}`))),
    none('egress-only internet gateway', () => collect(
      EC2.paginateDescribeEgressOnlyInternetGateways(client, {}),
      page => page.EgressOnlyInternetGateways?.filter(({ Attachments = [] }) => Attachments.some(({ VpcId }) => VpcId === vpcId))
        .map(({ EgressOnlyInternetGatewayId }) => `${EgressOnlyInternetGatewayId}`))),
    none('carrier gateway', () => collect(
      EC2.paginateDescribeCarrierGateways(client, { Filters: filter('vpc-id') }),
      page => page.CarrierGateways?.map(({ CarrierGatewayId }) => `${CarrierGatewayId}`))),
    none('NAT gateway', () => collect(
      EC2.paginateDescribeNatGateways(client, { Filter: filter('vpc-id') }),
      page => page.NatGateways?.filter(({ State = '' }) => !ended.test(State)).map(({ NatGatewayId }) => `${NatGatewayId}`))),
    none('transit gateway attachment', () => collect(
      EC2.paginateDescribeTransitGatewayVpcAttachments(client, { Filters: filter('vpc-id') }),
      page => page.TransitGatewayVpcAttachments?.filter(({ State = '' }) => !ended.test(State))
        .map(({ TransitGatewayAttachmentId }) => `${TransitGatewayAttachmentId}`))),
    none('VPN gateway', async () => {
      const { VpnGateways = [] } = await ec2.send(new EC2.DescribeVpnGatewaysCommand({ Filters: filter('attachment.vpc-id') }))
      return VpnGateways.filter(({ VpcAttachments = [] }) => VpcAttachments.some(({ VpcId, State = '' }) => VpcId === vpcId && !ended.test(State)))
        .map(({ VpnGatewayId }) => `${VpnGatewayId}`)
    }),
    none('peering connection', async () => {
      const sides = await Promise.all(filter('requester-vpc-info.vpc-id', 'accepter-vpc-info.vpc-id').map(async side => await collect(
        EC2.paginateDescribeVpcPeeringConnections(client, { Filters: [side] }), page => page.VpcPeeringConnections)))
      return sides.flat().filter(({ Status }) => !ended.test(Status?.Code ?? '')).map(({ VpcPeeringConnectionId }) => `${VpcPeeringConnectionId}`)
    }),
    none('IPv6 range', async () => {
      const { Vpcs = [] } = await ec2.send(new EC2.DescribeVpcsCommand({ VpcIds: [vpcId] }))
      return Vpcs.flatMap(({ Ipv6CidrBlockAssociationSet = [] }) => Ipv6CidrBlockAssociationSet.map(({ Ipv6CidrBlock }) => `${Ipv6CidrBlock}`))
    })
  ]
}

async function strayRoutes (seen: Seen): Promise<string[]> {
  const gatewayEndpoints = (await seen.endpoints).filter(({ VpcEndpointType }) => VpcEndpointType === 'Gateway').map(({ VpcEndpointId }) => VpcEndpointId)
  return (await seen.routeTables).flatMap(({ RouteTableId, Routes = [] }) => Routes
    .filter(({ GatewayId, DestinationPrefixListId }) => GatewayId !== 'local' && !(DestinationPrefixListId && gatewayEndpoints.includes(GatewayId)))
    .map(({ DestinationCidrBlock, DestinationIpv6CidrBlock, DestinationPrefixListId, ...target }) =>
      `${RouteTableId}: ${DestinationCidrBlock ?? DestinationIpv6CidrBlock ?? DestinationPrefixListId} to ${target.GatewayId ?? target.NatGatewayId ?? target.TransitGatewayId ?? JSON.stringify(target)}`))
}

async function strayEndpoints (seen: Seen, room: RoomToProve): Promise<string[]> {
  const found = await seen.endpoints
  const plan = planEndpoints(room)
  const unplanned = found.filter(({ ServiceName }) => !plan.some(({ serviceName }) => serviceName === ServiceName))
  return [
    ...unplanned.map(({ ServiceName, VpcEndpointId }) => `${VpcEndpointId} to ${ServiceName} is not planned`),
    ...plan.flatMap(({ serviceName, type, policy }) => {
      const [endpoint, ...more] = found.filter(({ ServiceName }) => ServiceName === serviceName)
      if (!endpoint) return [`no endpoint to ${serviceName}`]
      return [
        ...more.map(({ VpcEndpointId }) => `${VpcEndpointId} is a second endpoint to ${serviceName}`),
        ...endpoint.VpcEndpointType === type ? [] : [`${serviceName} is of type ${endpoint.VpcEndpointType}`],
        ...isDeepStrictEqual(JSON.parse(endpoint.PolicyDocument ?? 'null'), policy) ? [] : [`${serviceName} has another policy: ${endpoint.PolicyDocument}`]
      ]
    })
  ]
}

async function strayRules ({ ec2 }: Cloud, seen: Seen): Promise<string[]> {
  const ofWorkstation = (await seen.instances).flatMap(({ SecurityGroups = [] }) => SecurityGroups.map(({ GroupId }) => `${GroupId}`))
  const ofEndpoints = (await seen.endpoints).flatMap(({ Groups = [] }) => Groups.map(({ GroupId }) => `${GroupId}`))
  const lists = await collect(EC2.paginateDescribePrefixLists({ client: ec2 }, {}), page => page.PrefixLists)
  const s3List = lists.find(({ PrefixListName }) => PrefixListName?.endsWith('.s3'))?.PrefixListId
  const allowed = expectedRules([...new Set(ofWorkstation)], [...new Set(ofEndpoints)], s3List)
  const groups = await seen.groups
  const rules = await collect(
    EC2.paginateDescribeSecurityGroupRules({ client: ec2 }, { Filters: [{ Name: 'group-id', Values: groups.map(({ GroupId }) => `${GroupId}`) }] }),
    page => page.SecurityGroupRules)
  const found = rules.map(ruleInWords)
  return [...found.filter(rule => !allowed.includes(rule)), ...allowed.filter(rule => !found.includes(rule)).map(rule => `missing: ${rule}`)]
}

async function strayInterfaces (seen: Seen, { workstationId }: RoomToProve): Promise<string[]> {
  const ofEndpoints = (await seen.endpoints).flatMap(({ NetworkInterfaceIds = [] }) => NetworkInterfaceIds)
  return (await seen.interfaces)
    .filter(({ NetworkInterfaceId = '', Attachment }) => Attachment?.InstanceId !== workstationId && !ofEndpoints.includes(NetworkInterfaceId))
    .map(({ NetworkInterfaceId, InterfaceType, Description }) => `${NetworkInterfaceId} (${InterfaceType ?? 'interface'}${Description ? `, ${Description}` : ''})`)
}

async function publicAddresses (seen: Seen): Promise<string[]> {
  return [
    ...(await seen.interfaces).flatMap(({ NetworkInterfaceId, Association, Ipv6Addresses = [] }) => [
      ...Association?.PublicIp ? [`${NetworkInterfaceId}: ${Association.PublicIp}`] : [],
      ...Ipv6Addresses.map(({ Ipv6Address }) => `${NetworkInterfaceId}: ${Ipv6Address}`)
    ]),
    ...(await seen.instances).flatMap(({ InstanceId, PublicIpAddress }) => PublicIpAddress ? [`${InstanceId}: ${PublicIpAddress}`] : [])
  ]
}

async function strayInstances (seen: Seen, { workstationId }: RoomToProve): Promise<string[]> {
  const found = (await seen.instances).map(({ InstanceId }) => `${InstanceId}`)
  return [...found.filter(id => id !== workstationId), ...found.includes(workstationId) ? [] : [`no ${workstationId}`]]
}

async function looseSettings (seen: Seen, { workstationId }: RoomToProve): Promise<string[]> {
  const workstation = (await seen.instances).find(({ InstanceId }) => InstanceId === workstationId)
  if (!workstation) return [`no ${workstationId}`]
  const { KeyName, MetadataOptions } = workstation
  return [
    ...KeyName ? [`key pair ${KeyName}`] : [],
    ...MetadataOptions?.HttpTokens === 'required' ? [] : [`metadata tokens ${MetadataOptions?.HttpTokens}`],
    ...MetadataOptions?.HttpPutResponseHopLimit === 1 ? [] : [`metadata hop limit ${MetadataOptions?.HttpPutResponseHopLimit}`]
  ]
}

async function openDisks ({ ec2 }: Cloud, { workstationId, baseline }: RoomToProve): Promise<string[]> {
  const attached = { Filters: [{ Name: 'attachment.instance-id', Values: [workstationId] }] }
  const disks = await collect(EC2.paginateDescribeVolumes({ client: ec2 }, attached), page => page.Volumes)
  if (disks.length === 0) return ['no disk found']
  return disks.filter(({ Encrypted, KmsKeyId }) => !Encrypted || KmsKeyId !== baseline.evidenceKeyArn)
    .map(({ VolumeId, Encrypted, KmsKeyId }) => `${VolumeId}: ${Encrypted ? `encrypted with ${KmsKeyId}` : 'not encrypted'}`)
}

async function looseRole ({ iam }: Cloud, seen: Seen, room: RoomToProve): Promise<string[]> {
  const { workstationRoleName: RoleName, baseline, workstationId } = room
  const profile = (await seen.instances).find(({ InstanceId }) => InstanceId === workstationId)?.IamInstanceProfile?.Arn
  const InstanceProfileName = profile?.split('/').at(-1)
  if (!InstanceProfileName) return ['no instance profile']
  const [{ InstanceProfile }, { Role }, inline, attached] = await Promise.all([
    iam.send(new IAM.GetInstanceProfileCommand({ InstanceProfileName })),
    iam.send(new IAM.GetRoleCommand({ RoleName })),
    collect(IAM.paginateListRolePolicies({ client: iam }, { RoleName }), page => page.PolicyNames),
    collect(IAM.paginateListAttachedRolePolicies({ client: iam }, { RoleName }), page => page.AttachedPolicies)
  ])
  const documents = await Promise.all(inline.map(async PolicyName =>
    decoded((await iam.send(new IAM.GetRolePolicyCommand({ RoleName, PolicyName }))).PolicyDocument)))
  const roles = InstanceProfile?.Roles?.map(role => role.RoleName) ?? []
  const boundary = Role?.PermissionsBoundary?.PermissionsBoundaryArn
  return [
    ...isDeepStrictEqual(roles, [RoleName]) ? [] : [`the profile gives ${roles.join(', ') || 'no role'}`],
    ...Role?.Path === ROOM_IAM_PATH ? [] : [`path ${Role?.Path}`],
    ...boundary === baseline.workstation.boundaryArn ? [] : [`boundary ${boundary ?? 'none'}`],
    ...isDeepStrictEqual(decoded(Role?.AssumeRolePolicyDocument), WORKSTATION_TRUST) ? [] : ['another trust policy'],
    ...isDeepStrictEqual(documents, [workstationPolicy(room)]) ? [] : [`other inline policies: ${inline.join(', ') || 'none'}`],
    ...attached.map(({ PolicyArn }) => `attached ${PolicyArn}`)
  ]
}

async function missingFlowLog ({ ec2 }: Cloud, { vpcId, incidentId, baseline }: RoomToProve): Promise<string[]> {
  const logs = await collect(EC2.paginateDescribeFlowLogs({ client: ec2 }, { Filter: [{ Name: 'resource-id', Values: [vpcId] }] }), page => page.FlowLogs)
  const prefix = `${baseline.evidenceBucket}/incidents/${incidentId}/flow-logs`
  const good = logs.some(({ FlowLogStatus, TrafficType, LogDestination }) =>
    FlowLogStatus === 'ACTIVE' && TrafficType === 'ALL' && LogDestination?.includes(prefix))
  return good ? [] : [logs.length === 0 ? 'none' : logs.map(({ FlowLogId, FlowLogStatus, LogDestination }) => `${FlowLogId} ${FlowLogStatus} to ${LogDestination}`).join(', ')]
}

/** IAM gives policies URL-encoded. */
function decoded (document: string | undefined): unknown {
  return JSON.parse(decodeURIComponent(document ?? 'null'))
}
