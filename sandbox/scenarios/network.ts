/**
 * The network that a scenario's machines live in: one VPC with IPv4 and IPv6, its subnets, its security groups.
 */
import {
  AssociateRouteTableCommand, AttachInternetGatewayCommand, AuthorizeSecurityGroupIngressCommand, CreateInternetGatewayCommand, CreateRouteCommand,
  CreateRouteTableCommand, CreateSecurityGroupCommand, CreateSubnetCommand, CreateVpcCommand, DescribeVpcsCommand, ModifyVpcAttributeCommand,
  type EC2Client, type IpPermission
} from '@aws-sdk/client-ec2'
import { named, type SandboxAws } from './aws.ts'
import { ANYWHERE, zoneOf } from './interfaces.ts'
import type { ScenarioGroup } from './scenario-file.ts'

export interface ScenarioNetwork {
  vpcId: string
  /** Subnet ids by the scenario's letters for them. */
  subnets: Map<string, string>
  /** Security group ids by the scenario's names for them. */
  groups: Map<string, string>
}

const RANGE = '10.20.0.0/16'
const IPV4_EVERYWHERE = '0.0.0.0/0'
const IPV6_EVERYWHERE = '::/0'

export async function buildNetwork ({ ec2, region }: SandboxAws, scenario: string, subnetLetters: string[], groups: ScenarioGroup[]): Promise<ScenarioNetwork> {
  const { vpcId, ipv6Range } = await makeVpc(ec2, scenario)
  const routes = await makeRoutes(ec2, scenario, vpcId)
  const makeSubnet = async (letter: string): Promise<[string, string]> => {
    const number = letter.charCodeAt(0) - 'a'.charCodeAt(0) + 1
    const created = await ec2.send(new CreateSubnetCommand({
      VpcId: vpcId,
      CidrBlock: RANGE.replace('.0.0/16', `.${number}.0/24`),
      // Amazon gives a VPC a /56, whose last byte before the host part is free; a subnet has a /64.
      Ipv6CidrBlock: ipv6Range.replace(/00::\/56$/, `0${number}::/64`),
      AvailabilityZone: `${region}${zoneOf(letter)}`,
      TagSpecifications: named('subnet', `${scenario}-${letter}`)
    }))
    const subnetId = created.Subnet!.SubnetId!
    await ec2.send(new AssociateRouteTableCommand({ RouteTableId: routes, SubnetId: subnetId }))
    return [letter, subnetId]
  }
  const [subnets, made] = await Promise.all([
    Promise.all(subnetLetters.map(makeSubnet)),
    Promise.all(groups.map(async ({ name }): Promise<[string, string]> => [name, await makeGroup(ec2, vpcId, scenario, name)]))
  ])
  const ids = new Map(made)
  // Rules name other groups, so they come when all are there.
  await Promise.all(groups.map(async (group) => { await letIn(ec2, group, ids) }))
  return { vpcId, subnets: new Map(subnets), groups: ids }
}

async function makeVpc (ec2: EC2Client, scenario: string): Promise<{ vpcId: string, ipv6Range: string }> {
  const created = await ec2.send(new CreateVpcCommand({ CidrBlock: RANGE, AmazonProvidedIpv6CidrBlock: true, TagSpecifications: named('vpc', scenario) }))
  const vpcId = created.Vpc!.VpcId!
  await ec2.send(new ModifyVpcAttributeCommand({ VpcId: vpcId, EnableDnsHostnames: { Value: true } }))
  const described = await ec2.send(new DescribeVpcsCommand({ VpcIds: [vpcId] }))
  return { vpcId, ipv6Range: described.Vpcs![0]!.Ipv6CidrBlockAssociationSet![0]!.Ipv6CidrBlock! }
}

async function makeRoutes (ec2: EC2Client, scenario: string, vpcId: string): Promise<string> {
  const gateway = (await ec2.send(new CreateInternetGatewayCommand({ TagSpecifications: named('internet-gateway', scenario) }))).InternetGateway!.InternetGatewayId!
  await ec2.send(new AttachInternetGatewayCommand({ VpcId: vpcId, InternetGatewayId: gateway }))
  const routes = (await ec2.send(new CreateRouteTableCommand({ VpcId: vpcId, TagSpecifications: named('route-table', scenario) }))).RouteTable!.RouteTableId!
  await ec2.send(new CreateRouteCommand({ RouteTableId: routes, DestinationCidrBlock: IPV4_EVERYWHERE, GatewayId: gateway }))
  await ec2.send(new CreateRouteCommand({ RouteTableId: routes, DestinationIpv6CidrBlock: IPV6_EVERYWHERE, GatewayId: gateway }))
  return routes
}

async function makeGroup (ec2: EC2Client, vpcId: string, scenario: string, name: string): Promise<string> {
  const created = await ec2.send(new CreateSecurityGroupCommand({
    VpcId: vpcId, GroupName: `${scenario}-${name}`, Description: `${scenario}: ${name}`, TagSpecifications: named('security-group', `${scenario}-${name}`)
  }))
  return created.GroupId!
}

async function letIn (ec2: EC2Client, { name, ingress }: ScenarioGroup, ids: Map<string, string>): Promise<void> {
  if (ingress.length === 0) return
  await ec2.send(new AuthorizeSecurityGroupIngressCommand({
    GroupId: ids.get(name)!,
    IpPermissions: ingress.map(({ port, from }): IpPermission => ({ IpProtocol: 'tcp', FromPort: port, ToPort: port, ...source(from, ids) }))
  }))
}

function source (from: string, ids: Map<string, string>): IpPermission {
  if (from === ANYWHERE) return { IpRanges: [{ CidrIp: IPV4_EVERYWHERE }], Ipv6Ranges: [{ CidrIpv6: IPV6_EVERYWHERE }] }
  const groupId = ids.get(from)
  if (groupId) return { UserIdGroupPairs: [{ GroupId: groupId }] }
  return from.includes(':') ? { Ipv6Ranges: [{ CidrIpv6: from }] } : { IpRanges: [{ CidrIp: from }] }
}
