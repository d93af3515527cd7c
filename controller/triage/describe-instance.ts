/**
 * Reads everything AWS knows of an instance, before anything is changed.
 *
 * The order of volatility (RFC 3227; AWS Security Incident Response Guide, "Collect and analyse forensic
 * evidence"): metadata first. What containment needs must be readable; the rest is kept where AWS
 * gives it, and the reason where it does not, so that one missing permission never holds a response up.
 */
import { DescribeAutoScalingGroupsCommand, DescribeAutoScalingInstancesCommand, type AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import {
  DescribeIamInstanceProfileAssociationsCommand, DescribeImagesCommand, DescribeInstanceAttributeCommand,
  DescribeInstanceStatusCommand, DescribeInstancesCommand, DescribeNetworkAclsCommand, DescribeNetworkInterfacesCommand,
  DescribeRouteTablesCommand, DescribeSecurityGroupRulesCommand, DescribeSecurityGroupsCommand, DescribeSubnetsCommand,
  DescribeVolumesCommand, DescribeVpcsCommand, DescribeAddressesCommand,
  type EC2Client, type Instance, type InstanceAttributeName, type NetworkInterface, type Volume
} from '@aws-sdk/client-ec2'
import type { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing'
import type { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import {
  GetInstanceProfileCommand, GetRolePolicyCommand, ListAttachedRolePoliciesCommand, ListRolePoliciesCommand, type IAMClient
} from '@aws-sdk/client-iam'
import { awsCode, attempt, fromAws } from '../aws/aws-errors.ts'
import type { AwsScope } from '../aws/clients.ts'
import { CleanroomError } from '../incident/errors.ts'
import { classicMemberships, targetMemberships } from './load-balancer-memberships.ts'
import type { AutoScalingFacts, InstanceDescription, InstanceFacts, Section } from './target-facts.ts'

export interface TriageClients {
  ec2: EC2Client
  autoScaling: AutoScalingClient
  elb: ElasticLoadBalancingClient
  elbv2: ElasticLoadBalancingV2Client
  iam: IAMClient
}

const ATTRIBUTES = ['disableApiTermination', 'disableApiStop', 'instanceInitiatedShutdownBehavior', 'userData'] satisfies InstanceAttributeName[]

/**
 * The instance as AWS has it now.
 * @throws CleanroomError INSTANCE_NOT_FOUND, INSTANCE_TERMINATED, AWS_*
 */
export async function findInstance (ec2: EC2Client, instanceId: string): Promise<Instance> {
  let found: Instance | undefined
  try {
    const answer = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }))
    found = answer.Reservations?.flatMap(({ Instances = [] }) => Instances)[0]
  } catch (error) {
    if (!/^InvalidInstanceID/.test(awsCode(error) ?? '')) throw fromAws(error, `describing ${instanceId}`)
  }
  if (!found) throw new CleanroomError('INSTANCE_NOT_FOUND', `EC2 knows no instance ${instanceId} here.`)
  if (found.State?.Name === 'terminated' || found.State?.Name === 'shutting-down') {
    throw new CleanroomError('INSTANCE_TERMINATED', `Instance ${instanceId} is ${found.State.Name}.`)
  }
  return found
}

/**
 * Facts for the response and the full description for the evidence vault. Reads only.
 * @throws CleanroomError when the instance, its interfaces, volumes or memberships can't be read
 */
export async function describeInstance (clients: TriageClients, scope: AwsScope, instanceId: string, now: Date): Promise<InstanceDescription> {
  const { ec2, autoScaling, elb, elbv2, iam } = clients
  const attached = [{ Name: 'attachment.instance-id', Values: [instanceId] }]
  const [instance, interfaces, volumes, membership] = await Promise.all([
    findInstance(ec2, instanceId),
    attempt(`describing the interfaces of ${instanceId}`, async () =>
      (await ec2.send(new DescribeNetworkInterfacesCommand({ Filters: attached }))).NetworkInterfaces ?? []),
    attempt(`describing the volumes of ${instanceId}`, async () =>
      (await ec2.send(new DescribeVolumesCommand({ Filters: attached }))).Volumes ?? []),
    attempt(`describing the Auto Scaling membership of ${instanceId}`, async () =>
      (await autoScaling.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] }))).AutoScalingInstances?.[0])
  ])
  const addresses = interfaces.flatMap((each) => each.PrivateIpAddresses?.map(({ PrivateIpAddress }) => PrivateIpAddress!) ?? [])
  const [targets, classicLoadBalancers] = await Promise.all([
    attempt('reading target groups', () => targetMemberships(elbv2, [instanceId, ...addresses], instance.VpcId!)),
    attempt('reading classic load balancers', () => classicMemberships(elb, instanceId))
  ])
  const facts = factsOf(scope, instance, interfaces, volumes,
    membership && { group: membership.AutoScalingGroupName!, lifecycleState: membership.LifecycleState! }, targets, classicLoadBalancers)
  const groups = [...new Set(facts.interfaces.flatMap(({ securityGroupIds }) => securityGroupIds))]
  const inVpc = [{ Name: 'vpc-id', Values: [facts.vpcId] }]
  const reads: Record<string, () => Promise<unknown>> = {
    securityGroups: async () => (await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: groups }))).SecurityGroups,
    securityGroupRules: async () => (await ec2.send(new DescribeSecurityGroupRulesCommand({ Filters: [{ Name: 'group-id', Values: groups }] }))).SecurityGroupRules,
    subnet: async () => (await ec2.send(new DescribeSubnetsCommand({ SubnetIds: [facts.subnetId] }))).Subnets,
    vpc: async () => (await ec2.send(new DescribeVpcsCommand({ VpcIds: [facts.vpcId] }))).Vpcs,
    networkAcls: async () => (await ec2.send(new DescribeNetworkAclsCommand({ Filters: inVpc }))).NetworkAcls,
    routeTables: async () => (await ec2.send(new DescribeRouteTablesCommand({ Filters: inVpc }))).RouteTables,
    elasticAddresses: async () => (await ec2.send(new DescribeAddressesCommand({ Filters: [{ Name: 'instance-id', Values: [instanceId] }] }))).Addresses,
    image: async () => (await ec2.send(new DescribeImagesCommand({ ImageIds: [instance.ImageId!] }))).Images,
    status: async () => (await ec2.send(new DescribeInstanceStatusCommand({ InstanceIds: [instanceId], IncludeAllInstances: true }))).InstanceStatuses,
    instanceProfileAssociation: async () => (await ec2.send(new DescribeIamInstanceProfileAssociationsCommand({ Filters: [{ Name: 'instance-id', Values: [instanceId] }] }))).IamInstanceProfileAssociations,
    ...Object.fromEntries(ATTRIBUTES.map((Attribute) => [Attribute, async () => {
      const { $metadata, ...answer } = await ec2.send(new DescribeInstanceAttributeCommand({ InstanceId: instanceId, Attribute }))
      return answer
    }])),
    ...facts.autoScaling && {
      autoScalingGroup: async () => (await autoScaling.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [facts.autoScaling!.group] }))).AutoScalingGroups
    },
    ...facts.instanceProfileArn && { instanceProfile: () => describeProfile(iam, facts.instanceProfileArn!) }
  }
  const names = Object.keys(reads)
  const read = await Promise.all(names.map((name) => section(reads[name]!)))
  return {
    describedAt: now.toISOString(),
    facts,
    sections: {
      instance: { data: instance },
      networkInterfaces: { data: interfaces },
      volumes: { data: volumes },
      targetGroupMemberships: { data: targets },
      classicLoadBalancers: { data: classicLoadBalancers },
      ...Object.fromEntries(names.map((name, index) => [name, read[index]!]))
    }
  }
}

async function section (read: () => Promise<unknown>): Promise<Section> {
  try {
    return { data: await read() ?? null }
  } catch (error) {
    const { code, message } = fromAws(error, 'not readable')
    return { error: { code, message } }
  }
}

function factsOf (
  { accountId, region }: AwsScope, instance: Instance, interfaces: NetworkInterface[], volumes: Volume[],
  autoScaling: AutoScalingFacts | undefined, targets: InstanceFacts['targets'], classicLoadBalancers: string[]
): InstanceFacts {
  const ebsDevices = new Set(volumes.flatMap(({ Attachments = [] }) => Attachments.map(({ Device }) => Device)))
  const mapped = instance.BlockDeviceMappings ?? []
  return {
    instanceId: instance.InstanceId!,
    accountId,
    region,
    state: instance.State!.Name!,
    vpcId: instance.VpcId!,
    subnetId: instance.SubnetId!,
    availabilityZone: instance.Placement!.AvailabilityZone!,
    instanceType: instance.InstanceType!,
    architecture: instance.Architecture ?? 'x86_64',
    platform: instance.Platform === 'Windows' ? 'windows' : 'linux',
    interfaces: interfaces
      .map((each) => ({
        interfaceId: each.NetworkInterfaceId!,
        deviceIndex: each.Attachment?.DeviceIndex ?? 0,
        networkCardIndex: each.Attachment?.NetworkCardIndex ?? 0,
        securityGroupIds: each.Groups?.map(({ GroupId }) => GroupId!) ?? [],
        privateAddresses: each.PrivateIpAddresses?.map(({ PrivateIpAddress }) => PrivateIpAddress!) ?? [],
        ipv6Addresses: each.Ipv6Addresses?.map(({ Ipv6Address }) => Ipv6Address!) ?? []
      }))
      .sort((a, b) => a.networkCardIndex - b.networkCardIndex || a.deviceIndex - b.deviceIndex),
    volumes: volumes
      .map((each) => {
        const attachment = each.Attachments!.find(({ InstanceId }) => InstanceId === instance.InstanceId)!
        return {
          volumeId: each.VolumeId!,
          device: attachment.Device!,
          sizeGiB: each.Size!,
          encrypted: each.Encrypted ?? false,
          ...each.KmsKeyId && { kmsKeyId: each.KmsKeyId },
          deleteOnTermination: attachment.DeleteOnTermination ?? false
        }
      })
      .sort((a, b) => a.device.localeCompare(b.device)),
    instanceStoreDevices: mapped.filter(({ DeviceName, Ebs }) => !Ebs && !ebsDevices.has(DeviceName)).map(({ DeviceName }) => DeviceName!),
    hibernationConfigured: instance.HibernationOptions?.Configured ?? false,
    ...autoScaling && { autoScaling },
    targets,
    classicLoadBalancers,
    ...instance.IamInstanceProfile?.Arn && { instanceProfileArn: instance.IamInstanceProfile.Arn },
    tags: Object.fromEntries(instance.Tags?.map(({ Key, Value }) => [Key!, Value!]) ?? [])
  }
}

/** The profile's roles and what they may do. The role's name may differ from the profile's. */
async function describeProfile (iam: IAMClient, profileArn: string): Promise<unknown> {
  const name = profileArn.slice(profileArn.lastIndexOf('/') + 1)
  const { InstanceProfile } = await iam.send(new GetInstanceProfileCommand({ InstanceProfileName: name }))
  const roles = await Promise.all((InstanceProfile?.Roles ?? []).map(async (role) => {
    const RoleName = role.RoleName!
    const [{ PolicyNames = [] }, { AttachedPolicies = [] }] = await Promise.all([
      iam.send(new ListRolePoliciesCommand({ RoleName })),
      iam.send(new ListAttachedRolePoliciesCommand({ RoleName }))
    ])
    const inlinePolicies = await Promise.all(PolicyNames.map(async (PolicyName) => {
      const { PolicyDocument } = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }))
      return { PolicyName, PolicyDocument: decodeURIComponent(PolicyDocument ?? '') }
    }))
    return { role, inlinePolicies, attachedPolicies: AttachedPolicies }
  }))
  return { profile: InstanceProfile, roles }
}
