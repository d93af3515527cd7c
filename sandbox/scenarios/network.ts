/**
 * The network that a scenario's machines live in: one VPC, a subnet in each of two zones, a group per name.
 */
import {
  AssociateRouteTableCommand, AttachInternetGatewayCommand, AuthorizeSecurityGroupIngressCommand, CreateInternetGatewayCommand, CreateRouteCommand,
  CreateRouteTableCommand, CreateSecurityGroupCommand, CreateSubnetCommand, CreateVpcCommand, ModifyVpcAttributeCommand
} from '@aws-sdk/client-ec2'
import { named, type SandboxAws } from './aws.ts'

export interface ScenarioNetwork {
  vpcId: string
  /** The machines' subnet, then the second that load balancers ask for. */
  subnetIds: [string, string]
  availabilityZone: string
  /** Security group ids by the scenario's name for them. */
  groups: Map<string, string>
}

const RANGE = '10.20.0.0/16'
const SUBNETS = ['10.20.1.0/24', '10.20.2.0/24'] as const

export async function buildNetwork ({ ec2, region }: SandboxAws, scenario: string, groupNames: string[]): Promise<ScenarioNetwork> {
  const vpcId = (await ec2.send(new CreateVpcCommand({ CidrBlock: RANGE, TagSpecifications: named('vpc', scenario) }))).Vpc!.VpcId!
  await ec2.send(new ModifyVpcAttributeCommand({ VpcId: vpcId, EnableDnsHostnames: { Value: true } }))
  const gateway = (await ec2.send(new CreateInternetGatewayCommand({ TagSpecifications: named('internet-gateway', scenario) }))).InternetGateway!.InternetGatewayId!
  await ec2.send(new AttachInternetGatewayCommand({ VpcId: vpcId, InternetGatewayId: gateway }))
  const routes = (await ec2.send(new CreateRouteTableCommand({ VpcId: vpcId, TagSpecifications: named('route-table', scenario) }))).RouteTable!.RouteTableId!
  await ec2.send(new CreateRouteCommand({ RouteTableId: routes, DestinationCidrBlock: '0.0.0.0/0', GatewayId: gateway }))

  const subnet = async (zone: 'a' | 'b', range: string): Promise<string> => {
    const created = await ec2.send(new CreateSubnetCommand({
      VpcId: vpcId, CidrBlock: range, AvailabilityZone: `${region}${zone}`, TagSpecifications: named('subnet', `${scenario}-${zone}`)
    }))
    const id = created.Subnet!.SubnetId!
    await ec2.send(new AssociateRouteTableCommand({ RouteTableId: routes, SubnetId: id }))
    return id
  }
  const group = async (name: string): Promise<[string, string]> => {
    const created = await ec2.send(new CreateSecurityGroupCommand({
      VpcId: vpcId, GroupName: `${scenario}-${name}`, Description: `${scenario}: ${name}`, TagSpecifications: named('security-group', `${scenario}-${name}`)
    }))
    await ec2.send(new AuthorizeSecurityGroupIngressCommand({
      GroupId: created.GroupId!,
      IpPermissions: [
        { IpProtocol: 'tcp', FromPort: 80, ToPort: 80, IpRanges: [{ CidrIp: '0.0.0.0/0', Description: 'web' }] },
        { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: RANGE, Description: 'administration' }] }
      ]
    }))
    return [name, created.GroupId!]
  }
  const [first, second, ...groups] = await Promise.all([
    subnet('a', SUBNETS[0]), subnet('b', SUBNETS[1]), ...groupNames.map(group)
  ])
  return { vpcId, subnetIds: [first, second], availabilityZone: `${region}a`, groups: new Map(groups) }
}
