/**
 * Takes the instance out of what replaces it and what sends it work: Auto Scaling and load balancers.
 *
 * Not being a member is success: someone, or AWS itself after the step before, may have been faster.
 */
import { DescribeAutoScalingInstancesCommand, DetachInstancesCommand } from '@aws-sdk/client-auto-scaling'
import { DeregisterInstancesFromLoadBalancerCommand, DescribeLoadBalancersCommand } from '@aws-sdk/client-elastic-load-balancing'
import { DeregisterTargetsCommand, DescribeTargetHealthCommand, type TargetDescription } from '@aws-sdk/client-elastic-load-balancing-v2'
import { isGone } from '../../aws/aws-errors.ts'
import type { PlannedAction } from '../plan.ts'
import type { Action, ActionContext, State } from './action.ts'

async function membership ({ clients: { autoScaling }, instanceId }: ActionContext): Promise<State> {
  const answer = await autoScaling.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] }))
  const found = answer.AutoScalingInstances?.[0]
  return {
    member: found !== undefined,
    ...found && { group: found.AutoScalingGroupName, lifecycleState: found.LifecycleState, protectedFromScaleIn: found.ProtectedFromScaleIn ?? false }
  }
}

export const leaveAutoScaling: Action = {
  observe: membership,
  apply: async (context, planned) => {
    const now = await membership(context)
    // Amazon EC2 Auto Scaling User Guide, "Detach or attach instances": only these states can be detached.
    if (now.member && !/^(Detach|Terminat)/.test(String(now.lifecycleState))) {
      await context.clients.autoScaling.send(new DetachInstancesCommand({
        AutoScalingGroupName: planned.resource,
        InstanceIds: [context.instanceId],
        ShouldDecrementDesiredCapacity: planned.parameters.decrement === true
      }))
    }
    return await membership(context)
  }
}

function targetOf ({ parameters }: PlannedAction): TargetDescription {
  const { targetId, port, availabilityZone } = parameters as { targetId: string, port?: number, availabilityZone?: string }
  return { Id: targetId, ...port !== undefined && { Port: port }, ...availabilityZone && { AvailabilityZone: availabilityZone } }
}

async function health ({ clients: { elbv2 } }: ActionContext, planned: PlannedAction): Promise<State> {
  try {
    const answer = await elbv2.send(new DescribeTargetHealthCommand({ TargetGroupArn: planned.resource }))
    const { Id, Port } = targetOf(planned)
    const found = answer.TargetHealthDescriptions?.find(({ Target }) => Target!.Id === Id && (Port === undefined || Target!.Port === Port))
    const state = found?.TargetHealth?.State
    // Elastic Load Balancing API Reference, "TargetHealth": unused is registered, too, but for this one reason.
    const registered = state !== undefined && state !== 'draining' && found?.TargetHealth?.Reason !== 'Target.NotRegistered'
    return { registered, ...state && { health: state } }
  } catch (error) {
    if (isGone(error)) return { registered: false }
    throw error
  }
}

export const leaveTargetGroup: Action = {
  observe: health,
  apply: async (context, planned) => {
    const now = await health(context, planned)
    if (now.registered) {
      await context.clients.elbv2.send(new DeregisterTargetsCommand({ TargetGroupArn: planned.resource, Targets: [targetOf(planned)] }))
    }
    return await health(context, planned)
  }
}

async function classicMembership ({ clients: { elb }, instanceId }: ActionContext, planned: PlannedAction): Promise<State> {
  try {
    const answer = await elb.send(new DescribeLoadBalancersCommand({ LoadBalancerNames: [planned.resource] }))
    const instances = answer.LoadBalancerDescriptions?.[0]?.Instances ?? []
    return { registered: instances.some(({ InstanceId }) => InstanceId === instanceId) }
  } catch (error) {
    if (isGone(error)) return { registered: false }
    throw error
  }
}

export const leaveClassicLoadBalancer: Action = {
  observe: classicMembership,
  apply: async (context, planned) => {
    const now = await classicMembership(context, planned)
    if (now.registered) {
      await context.clients.elb.send(new DeregisterInstancesFromLoadBalancerCommand({
        LoadBalancerName: planned.resource, Instances: [{ InstanceId: context.instanceId }]
      }))
    }
    return await classicMembership(context, planned)
  }
}
