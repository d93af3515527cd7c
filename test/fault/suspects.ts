/**
 * Suspected instances with everything around them that containment takes away, each in a network of its own.
 */
import { AttachInstancesCommand, CreateAutoScalingGroupCommand, UpdateAutoScalingGroupCommand } from '@aws-sdk/client-auto-scaling'
import {
  AllocateAddressCommand, AssociateAddressCommand, AttachNetworkInterfaceCommand, AuthorizeSecurityGroupIngressCommand, CreateLaunchTemplateCommand,
  CreateNetworkInterfaceCommand, CreateSecurityGroupCommand, CreateSubnetCommand, CreateVpcCommand, CreateVpcEndpointCommand,
  DescribeIamInstanceProfileAssociationsCommand, DescribeNetworkAclsCommand, RegisterImageCommand, RunInstancesCommand, type IpPermission
} from '@aws-sdk/client-ec2'
import { CreateLoadBalancerCommand, RegisterInstancesWithLoadBalancerCommand } from '@aws-sdk/client-elastic-load-balancing'
import { CreateTargetGroupCommand, RegisterTargetsCommand } from '@aws-sdk/client-elastic-load-balancing-v2'
import { AddRoleToInstanceProfileCommand, CreateAccessKeyCommand, CreateInstanceProfileCommand, CreateRoleCommand, CreateUserCommand } from '@aws-sdk/client-iam'
import type { SandboxAws } from '../../sandbox/scenarios/aws.ts'

export interface Suspect {
  name: string
  instanceId: string
  vpcId: string
  /** Nobody else is in it. */
  subnetId: string
  aclAssociationId: string
  /** The primary first. */
  interfaceIds: string[]
  /** Of each interface. */
  securityGroupIds: string[]
  autoScalingGroup: string
  /** One by instance, one by address. */
  targetGroupArns: string[]
  classicLoadBalancer: string
  addressAssociationId: string
  profileAssociationId: string
  roleName: string
  userName: string
  accessKeyId: string
}

const INTERFACES = 2
const EVERYBODY = [{ CidrIp: '0.0.0.0/0' }]
const EVERYBODY_6 = [{ CidrIpv6: '::/0' }]
const tcp = (port: number): IpPermission => ({ IpProtocol: 'tcp', FromPort: port, ToPort: port, IpRanges: EVERYBODY, Ipv6Ranges: EVERYBODY_6 })

export async function registerImage ({ ec2 }: SandboxAws): Promise<string> {
  const image = await ec2.send(new RegisterImageCommand({
    Name: 'server',
    Architecture: 'x86_64',
    VirtualizationType: 'hvm',
    RootDeviceName: '/dev/xvda',
    BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 1, DeleteOnTermination: true } }]
  }))
  return image.ImageId!
}

/** @param name no other suspect has it */
export async function makeSuspect (aws: SandboxAws, name: string, imageId: string, { systemsManager = false } = {}): Promise<Suspect> {
  const { ec2, region } = aws
  const AvailabilityZone = `${region}a`
  const vpcId = (await ec2.send(new CreateVpcCommand({ CidrBlock: '10.40.0.0/16', AmazonProvidedIpv6CidrBlock: true }))).Vpc!.VpcId!
  const subnet = async (CidrBlock: string): Promise<string> =>
    (await ec2.send(new CreateSubnetCommand({ VpcId: vpcId, CidrBlock, AvailabilityZone }))).Subnet!.SubnetId!
  const group = async (GroupName: string, IpPermissions: IpPermission[]): Promise<string> => {
    const { GroupId } = await ec2.send(new CreateSecurityGroupCommand({ VpcId: vpcId, GroupName, Description: GroupName }))
    await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }))
    return GroupId!
  }
  const [subnetId, sharedSubnetId, administration, web, { roleName, accessKeyId }] = await Promise.all([
    subnet('10.40.1.0/24'), subnet('10.40.2.0/24'),
    group('administration', [{ IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '10.0.0.0/8' }] }]), group('web', [tcp(80), tcp(443)]),
    makePowers(aws, name)
  ])
  const groups = [administration, web]
  const [suspect, neighbour] = await Promise.all([
    runInstance(aws, { imageId, subnetId, groups, profile: name }), runInstance(aws, { imageId, subnetId: sharedSubnetId, groups })
  ])
  const { instanceId } = suspect
  const others = await Promise.all(Array.from({ length: INTERFACES - 1 }, async (_, index) => {
    const { NetworkInterface } = await ec2.send(new CreateNetworkInterfaceCommand({ SubnetId: subnetId, Groups: groups }))
    const NetworkInterfaceId = NetworkInterface!.NetworkInterfaceId!
    await ec2.send(new AttachNetworkInterfaceCommand({ NetworkInterfaceId, InstanceId: instanceId, DeviceIndex: index + 1 }))
    return NetworkInterfaceId
  }))
  const interfaceIds = [suspect.interfaceId, ...others]
  const [targetGroupArns, addressAssociationId] = await Promise.all([
    serve(aws, name, vpcId, suspect),
    giveAddress(aws, interfaceIds[1]!),
    keepUp(aws, { name, imageId, subnetId: sharedSubnetId, groups, members: [instanceId, neighbour.instanceId] }),
    serveClassic(aws, name, sharedSubnetId, [instanceId, neighbour.instanceId]),
    ...systemsManager ? [offerSystemsManager(aws, vpcId, sharedSubnetId, administration)] : []
  ])
  const [acls, profiles] = await Promise.all([
    ec2.send(new DescribeNetworkAclsCommand({ Filters: [{ Name: 'association.subnet-id', Values: [subnetId] }] })),
    ec2.send(new DescribeIamInstanceProfileAssociationsCommand({ Filters: [{ Name: 'instance-id', Values: [instanceId] }] }))
  ])
  return {
    name,
    instanceId,
    vpcId,
    subnetId,
    aclAssociationId: acls.NetworkAcls!.flatMap(({ Associations }) => Associations!).find(({ SubnetId }) => SubnetId === subnetId)!.NetworkAclAssociationId!,
    interfaceIds,
    securityGroupIds: groups,
    autoScalingGroup: name,
    targetGroupArns,
    classicLoadBalancer: name,
    addressAssociationId,
    profileAssociationId: profiles.IamInstanceProfileAssociations![0]!.AssociationId!,
    roleName,
    userName: name,
    accessKeyId
  }
}

/** A role with its profile, and a user with a key, all of one name. */
async function makePowers ({ iam }: SandboxAws, name: string): Promise<{ roleName: string, accessKeyId: string }> {
  await iam.send(new CreateRoleCommand({
    RoleName: name,
    AssumeRolePolicyDocument: JSON.stringify({
      Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }]
    })
  }))
  await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: name }))
  await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: name }))
  await iam.send(new CreateUserCommand({ UserName: name }))
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: name }))
  return { roleName: name, accessKeyId: AccessKey!.AccessKeyId! }
}

interface Machine { instanceId: string, interfaceId: string, privateIp: string }

async function runInstance (
  { ec2 }: SandboxAws, { imageId, subnetId, groups, profile }: { imageId: string, subnetId: string, groups: string[], profile?: string }
): Promise<Machine> {
  const started = await ec2.send(new RunInstancesCommand({
    ImageId: imageId,
    InstanceType: 't3.micro',
    MinCount: 1,
    MaxCount: 1,
    SubnetId: subnetId,
    SecurityGroupIds: groups,
    InstanceInitiatedShutdownBehavior: 'terminate',
    ...profile !== undefined && { IamInstanceProfile: { Name: profile } }
  }))
  const { InstanceId, NetworkInterfaces, PrivateIpAddress } = started.Instances![0]!
  return { instanceId: InstanceId!, interfaceId: NetworkInterfaces![0]!.NetworkInterfaceId!, privateIp: PrivateIpAddress! }
}

async function serve ({ elbv2 }: SandboxAws, name: string, VpcId: string, { instanceId, privateIp }: Machine): Promise<string[]> {
  const group = async (Name: string, TargetType: 'instance' | 'ip', Id: string): Promise<string> => {
    const made = await elbv2.send(new CreateTargetGroupCommand({ Name, Protocol: 'HTTP', Port: 80, VpcId, TargetType }))
    const TargetGroupArn = made.TargetGroups![0]!.TargetGroupArn!
    await elbv2.send(new RegisterTargetsCommand({ TargetGroupArn, Targets: [{ Id, Port: 80 }] }))
    return TargetGroupArn
  }
  return await Promise.all([group(`${name}-i`, 'instance', instanceId), group(`${name}-a`, 'ip', privateIp)])
}

async function serveClassic ({ elb }: SandboxAws, name: string, subnetId: string, instanceIds: string[]): Promise<void> {
  await elb.send(new CreateLoadBalancerCommand({
    LoadBalancerName: name, Listeners: [{ Protocol: 'HTTP', LoadBalancerPort: 80, InstanceProtocol: 'HTTP', InstancePort: 80 }], Subnets: [subnetId]
  }))
  await elb.send(new RegisterInstancesWithLoadBalancerCommand({ LoadBalancerName: name, Instances: instanceIds.map((InstanceId) => ({ InstanceId })) }))
}

async function giveAddress ({ ec2 }: SandboxAws, interfaceId: string): Promise<string> {
  const { AllocationId } = await ec2.send(new AllocateAddressCommand({ Domain: 'vpc' }))
  return (await ec2.send(new AssociateAddressCommand({ AllocationId: AllocationId!, NetworkInterfaceId: interfaceId }))).AssociationId!
}

/** The group's replacements go where the neighbour is, so that the suspect stays alone in its subnet. */
async function keepUp (
  { autoScaling, ec2 }: SandboxAws, { name, imageId, subnetId, groups, members }: { name: string, imageId: string, subnetId: string, groups: string[], members: string[] }
): Promise<void> {
  await ec2.send(new CreateLaunchTemplateCommand({ LaunchTemplateName: name, LaunchTemplateData: { ImageId: imageId, InstanceType: 't3.micro', SecurityGroupIds: groups } }))
  await autoScaling.send(new CreateAutoScalingGroupCommand({
    AutoScalingGroupName: name,
    LaunchTemplate: { LaunchTemplateName: name, Version: '$Latest' },
    MinSize: 0,
    MaxSize: members.length + 2,
    DesiredCapacity: 0,
    VPCZoneIdentifier: subnetId,
    HealthCheckType: 'EC2'
  }))
  await autoScaling.send(new AttachInstancesCommand({ AutoScalingGroupName: name, InstanceIds: members }))
  await autoScaling.send(new UpdateAutoScalingGroupCommand({ AutoScalingGroupName: name, MinSize: 1 }))
}

async function offerSystemsManager ({ ec2, region }: SandboxAws, vpcId: string, subnetId: string, groupId: string): Promise<void> {
  await Promise.all(['ssm', 'ssmmessages', 'ec2messages'].map(async (service) => {
    await ec2.send(new CreateVpcEndpointCommand({
      VpcId: vpcId, VpcEndpointType: 'Interface', ServiceName: `com.amazonaws.${region}.${service}`, SubnetIds: [subnetId], SecurityGroupIds: [groupId], PrivateDnsEnabled: false
    }))
  }))
}
