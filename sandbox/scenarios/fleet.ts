/**
 * What serves and keeps up a scenario's machines: target groups, load balancers, Auto Scaling groups, profiles.
 */
import { AttachInstancesCommand, CreateAutoScalingGroupCommand, UpdateAutoScalingGroupCommand } from '@aws-sdk/client-auto-scaling'
import { CreateLaunchTemplateCommand } from '@aws-sdk/client-ec2'
import { CreateLoadBalancerCommand as CreateClassicLoadBalancerCommand, RegisterInstancesWithLoadBalancerCommand } from '@aws-sdk/client-elastic-load-balancing'
import { CreateListenerCommand, CreateLoadBalancerCommand, CreateTargetGroupCommand, RegisterTargetsCommand } from '@aws-sdk/client-elastic-load-balancing-v2'
import { AddRoleToInstanceProfileCommand, CreateInstanceProfileCommand, CreateRoleCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam'
import { named, type SandboxAws } from './aws.ts'
import { BALANCER_SUBNETS } from './interfaces.ts'
import type { LoadedInstance } from './machines.ts'
import type { ScenarioNetwork } from './network.ts'
import { several, type ScenarioInstance } from './scenario-file.ts'

/** A machine as the scenario says and as it was started. */
export interface Member { spec: ScenarioInstance, loaded: LoadedInstance }

/** Makes the profiles, each with a role of its own name. Answers the roles by profile. */
export async function createProfiles ({ iam }: SandboxAws, profiles: string[]): Promise<Map<string, string>> {
  await Promise.all(profiles.map(async (name) => {
    await iam.send(new CreateRoleCommand({
      RoleName: name,
      AssumeRolePolicyDocument: JSON.stringify({
        Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }]
      })
    }))
    await iam.send(new PutRolePolicyCommand({
      RoleName: name,
      PolicyName: 'application',
      PolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Action: ['s3:GetObject', 's3:ListBucket'], Resource: ['arn:aws:s3:::application-assets', 'arn:aws:s3:::application-assets/*'] },
          { Effect: 'Allow', Action: ['ssm:UpdateInstanceInformation', 'ssmmessages:*', 'ec2messages:*'], Resource: '*' }
        ]
      })
    }))
    await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: name }))
    await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: name }))
  }))
  return new Map(profiles.map((name) => [name, name]))
}

/** Target groups behind an Application Load Balancer, then what registers in them: Auto Scaling, or by hand. */
export async function buildFleet (aws: SandboxAws, network: ScenarioNetwork, imageId: string, members: Member[]): Promise<void> {
  for (const [name, group] of byName(members, 'targetGroup')) await serve(aws, network, name, group)
  for (const [name, group] of byName(members, 'autoScalingGroup')) await keepUp(aws, imageId, name, group)
  for (const [name, group] of byName(members, 'classicLoadBalancer')) await serveClassic(aws, network, name, group)
}

async function serve ({ elbv2 }: SandboxAws, network: ScenarioNetwork, name: string, members: Member[]): Promise<void> {
  const group = await elbv2.send(new CreateTargetGroupCommand({ Name: name, Protocol: 'HTTP', Port: 80, VpcId: network.vpcId, TargetType: 'instance' }))
  const targetGroupArn = group.TargetGroups![0]!.TargetGroupArn!
  const balancer = await elbv2.send(new CreateLoadBalancerCommand({
    Name: name, Subnets: BALANCER_SUBNETS.map((letter) => network.subnets.get(letter)!), SecurityGroups: members[0]!.loaded.securityGroupIds, Type: 'application'
  }))
  await elbv2.send(new CreateListenerCommand({
    LoadBalancerArn: balancer.LoadBalancers![0]!.LoadBalancerArn!, Protocol: 'HTTP', Port: 80, DefaultActions: [{ Type: 'forward', TargetGroupArn: targetGroupArn }]
  }))
  await elbv2.send(new RegisterTargetsCommand({ TargetGroupArn: targetGroupArn, Targets: members.map(({ loaded }) => ({ Id: loaded.instanceId })) }))
  for (const { loaded } of members) {
    loaded.targetGroupArn ??= targetGroupArn
    loaded.targetGroupArns.push(targetGroupArn)
  }
}

async function keepUp ({ autoScaling, ec2 }: SandboxAws, imageId: string, name: string, members: Member[]): Promise<void> {
  const { spec, loaded } = members[0]!
  await ec2.send(new CreateLaunchTemplateCommand({
    LaunchTemplateName: name,
    LaunchTemplateData: {
      ImageId: imageId,
      InstanceType: spec.type as never,
      SecurityGroupIds: loaded.securityGroupIds,
      IamInstanceProfile: spec.instanceProfile ? { Name: spec.instanceProfile } : undefined
    },
    TagSpecifications: named('launch-template', name)
  }))
  const targetGroups = [...new Set(members.flatMap(({ loaded }) => loaded.targetGroupArns))]
  // Empty at first: the group adopts the machines that are there and starts none of its own.
  await autoScaling.send(new CreateAutoScalingGroupCommand({
    AutoScalingGroupName: name,
    LaunchTemplate: { LaunchTemplateName: name, Version: '$Latest' },
    MinSize: 0,
    MaxSize: members.length + 2,
    DesiredCapacity: 0,
    VPCZoneIdentifier: [...new Set(members.map((member) => member.loaded.subnetId))].join(','),
    HealthCheckType: 'EC2',
    ...targetGroups.length > 0 && { TargetGroupARNs: targetGroups }
  }))
  await autoScaling.send(new AttachInstancesCommand({ AutoScalingGroupName: name, InstanceIds: members.map(({ loaded }) => loaded.instanceId) }))
  await autoScaling.send(new UpdateAutoScalingGroupCommand({ AutoScalingGroupName: name, MinSize: 1 }))
  for (const { loaded } of members) loaded.autoScalingGroup = name
}

async function serveClassic ({ elb }: SandboxAws, network: ScenarioNetwork, name: string, members: Member[]): Promise<void> {
  await elb.send(new CreateClassicLoadBalancerCommand({
    LoadBalancerName: name,
    Listeners: [{ Protocol: 'HTTP', LoadBalancerPort: 80, InstanceProtocol: 'HTTP', InstancePort: 80 }],
    Subnets: BALANCER_SUBNETS.map((letter) => network.subnets.get(letter)!),
    SecurityGroups: members[0]!.loaded.securityGroupIds
  }))
  await elb.send(new RegisterInstancesWithLoadBalancerCommand({ LoadBalancerName: name, Instances: members.map(({ loaded }) => ({ InstanceId: loaded.instanceId })) }))
  for (const { loaded } of members) loaded.classicLoadBalancer = name
}

function byName (members: Member[], field: 'targetGroup' | 'autoScalingGroup' | 'classicLoadBalancer'): Map<string, Member[]> {
  const groups = new Map<string, Member[]>()
  for (const member of members) {
    for (const name of several(member.spec[field])) groups.set(name, [...groups.get(name) ?? [], member])
  }
  return groups
}
