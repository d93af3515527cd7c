/**
 * What serves, keeps up and empowers a machine in tests of containment: groups, balancers, profiles, keys.
 */
import assert from 'node:assert/strict'
import * as AutoScaling from '@aws-sdk/client-auto-scaling'
import * as EC2 from '@aws-sdk/client-ec2'
import * as Classic from '@aws-sdk/client-elastic-load-balancing'
import * as Elb from '@aws-sdk/client-elastic-load-balancing-v2'
import * as IAM from '@aws-sdk/client-iam'
import type { Action, ActionContext, State, Undone } from '../../controller/containment/actions/action.ts'
import type { PlannedAction } from '../../controller/containment/plan.ts'
import type { ActionWorld, Network } from './action-world.ts'

let made = 0
/** A name that nothing else has. */
export const unique = (kind: string): string => `${kind}-${++made}`

/** One action on one instance, as the lane would run it: what it found is recorded once. */
export class Rehearsal {
  readonly action: Action
  readonly context: ActionContext
  readonly planned: PlannedAction
  before: State = {}
  after: State = {}

  constructor (action: Action, context: ActionContext, planned: PlannedAction) {
    this.action = action
    this.context = context
    this.planned = planned
  }

  observe = async (): Promise<State> => recorded(await this.action.observe(this.context, this.planned))

  /** Applies it for the first time. */
  apply = async (): Promise<State> => {
    this.before = await this.observe()
    return await this.repeat()
  }

  /** Applies it again, as after a crash. */
  repeat = async (): Promise<State> => {
    this.after = recorded(await this.action.apply(this.context, this.planned, this.before))
    return this.after
  }

  undo = async (parameters: Record<string, unknown> = {}): Promise<Undone> =>
    await this.action.undo(this.context, { ...this.planned, parameters: { ...this.planned.parameters, ...parameters } }, { before: this.before, after: this.after })

  /** Takes it back and asserts that AWS shows what it showed before, also when it is taken back again. */
  undoWhole = async (): Promise<Undone> => {
    const undone = await this.undo()
    assert.deepEqual([undone.restored, undone.now], [true, this.before], undone.note)
    assert.deepEqual(await this.observe(), this.before)
    const again = await this.undo()
    assert.deepEqual([again.restored, again.now], [true, this.before], again.note)
    return undone
  }
}

/** As the chain of custody gives it back. */
function recorded (state: State): State {
  return JSON.parse(JSON.stringify(state)) as State
}

export interface GroupOptions { minSize?: number, maxSize?: number, targetGroupArns?: string[], classicLoadBalancers?: string[], protectNew?: boolean }

/** An Auto Scaling group that has adopted the machines, all of them in service. */
export async function autoScalingGroup (
  { clients: { autoScaling, ec2 } }: ActionWorld, network: Network, instanceIds: string[],
  { minSize = 1, maxSize = instanceIds.length + 2, targetGroupArns = [], classicLoadBalancers = [], protectNew = false }: GroupOptions = {}
): Promise<string> {
  const name = unique('web')
  const described = await ec2.send(new EC2.DescribeInstancesCommand({ InstanceIds: instanceIds.slice(0, 1) }))
  await ec2.send(new EC2.CreateLaunchTemplateCommand({
    LaunchTemplateName: name, LaunchTemplateData: { ImageId: described.Reservations![0]!.Instances![0]!.ImageId!, InstanceType: 't3.micro' }
  }))
  await autoScaling.send(new AutoScaling.CreateAutoScalingGroupCommand({
    AutoScalingGroupName: name,
    LaunchTemplate: { LaunchTemplateName: name, Version: '$Latest' },
    MinSize: 0,
    MaxSize: maxSize,
    DesiredCapacity: 0,
    VPCZoneIdentifier: network.subnetId,
    NewInstancesProtectedFromScaleIn: protectNew,
    ...targetGroupArns.length > 0 && { TargetGroupARNs: targetGroupArns },
    ...classicLoadBalancers.length > 0 && { LoadBalancerNames: classicLoadBalancers }
  }))
  await autoScaling.send(new AutoScaling.AttachInstancesCommand({ AutoScalingGroupName: name, InstanceIds: instanceIds }))
  await autoScaling.send(new AutoScaling.UpdateAutoScalingGroupCommand({ AutoScalingGroupName: name, MinSize: minSize }))
  return name
}

export async function describeGroup ({ clients: { autoScaling } }: ActionWorld, name: string): Promise<AutoScaling.AutoScalingGroup> {
  const answer = await autoScaling.send(new AutoScaling.DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] }))
  return answer.AutoScalingGroups![0]!
}

export async function instanceStates ({ clients: { ec2 } }: ActionWorld, instanceIds: string[]): Promise<string[]> {
  const answer = await ec2.send(new EC2.DescribeInstancesCommand({ InstanceIds: instanceIds }))
  const states = new Map(answer.Reservations!.flatMap(({ Instances = [] }) => Instances).map(({ InstanceId, State }) => [InstanceId, State!.Name!]))
  return instanceIds.map((id) => states.get(id)!)
}

/** A target group behind an Application Load Balancer. */
export async function targetGroup ({ clients: { elbv2 } }: ActionWorld, { vpcId, subnetId }: Network, TargetType: 'instance' | 'ip' = 'instance'): Promise<string> {
  const name = unique('service')
  const group = await elbv2.send(new Elb.CreateTargetGroupCommand({ Name: name, Protocol: 'HTTP', Port: 80, VpcId: vpcId, TargetType }))
  const balancer = await elbv2.send(new Elb.CreateLoadBalancerCommand({ Name: name, Subnets: [subnetId], Type: 'application' }))
  const targetGroupArn = group.TargetGroups![0]!.TargetGroupArn!
  await elbv2.send(new Elb.CreateListenerCommand({
    LoadBalancerArn: balancer.LoadBalancers![0]!.LoadBalancerArn!, Protocol: 'HTTP', Port: 80, DefaultActions: [{ Type: 'forward', TargetGroupArn: targetGroupArn }]
  }))
  return targetGroupArn
}

/** Ids and ports of a target group's targets, without those that are draining. */
export async function targetsOf ({ clients: { elbv2 } }: ActionWorld, TargetGroupArn: string): Promise<string[]> {
  const answer = await elbv2.send(new Elb.DescribeTargetHealthCommand({ TargetGroupArn }))
  return answer.TargetHealthDescriptions!
    .filter(({ TargetHealth }) => TargetHealth!.State !== 'draining')
    .map(({ Target }) => `${Target!.Id}:${Target!.Port}`).sort()
}

export async function classicLoadBalancer ({ clients: { elb } }: ActionWorld, { subnetId }: Network, instanceIds: string[] = []): Promise<string> {
  const name = unique('classic')
  await elb.send(new Classic.CreateLoadBalancerCommand({
    LoadBalancerName: name, Subnets: [subnetId], Listeners: [{ Protocol: 'HTTP', LoadBalancerPort: 80, InstanceProtocol: 'HTTP', InstancePort: 80 }]
  }))
  if (instanceIds.length > 0) {
    await elb.send(new Classic.RegisterInstancesWithLoadBalancerCommand({ LoadBalancerName: name, Instances: instanceIds.map((InstanceId) => ({ InstanceId })) }))
  }
  return name
}

export interface Role { roleName: string, roleId: string, profileName: string, profileArn: string }

/** A role with an instance profile of another name, as those that were not made in the console have. */
export async function role ({ clients: { iam } }: ActionWorld): Promise<Role> {
  const [roleName, profileName] = [unique('app-role'), unique('app-profile')]
  const { Role } = await iam.send(new IAM.CreateRoleCommand({
    RoleName: roleName,
    AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }] })
  }))
  const profileArn = await instanceProfile(iam, profileName, roleName)
  return { roleName, roleId: Role!.RoleId!, profileName, profileArn }
}

export async function instanceProfile (iam: IAM.IAMClient, InstanceProfileName: string, RoleName: string): Promise<string> {
  const { InstanceProfile } = await iam.send(new IAM.CreateInstanceProfileCommand({ InstanceProfileName }))
  await iam.send(new IAM.AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName }))
  return InstanceProfile!.Arn!
}

export async function deleteInstanceProfile (iam: IAM.IAMClient, InstanceProfileName: string, RoleName: string): Promise<void> {
  await iam.send(new IAM.RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName }))
  await iam.send(new IAM.DeleteInstanceProfileCommand({ InstanceProfileName }))
}
