/**
 * Takes the instance out of a classic load balancer, and registers it again at release.
 *
 * Not being registered is success: someone, or Auto Scaling after the step before, may have been faster.
 *
 * Source: Elastic Load Balancing API Reference (2012-06-01), "DeregisterInstancesFromLoadBalancer".
 */
import {
  DeregisterInstancesFromLoadBalancerCommand, DescribeLoadBalancersCommand, RegisterInstancesWithLoadBalancerCommand
} from '@aws-sdk/client-elastic-load-balancing'
import { awsCode, isGone } from '../../aws/aws-errors.ts'
import type { PlannedAction } from '../plan.ts'
import type { Action, ActionContext, State } from './action.ts'
import { INSTANCE_GONE, undone } from './take-back.ts'

/** State: whether it is registered; null when the load balancer is gone. */
async function registration ({ clients: { elb }, instanceId }: ActionContext, planned: PlannedAction): Promise<State> {
  try {
    const answer = await elb.send(new DescribeLoadBalancersCommand({ LoadBalancerNames: [planned.resource] }))
    const instances = answer.LoadBalancerDescriptions?.[0]?.Instances ?? []
    return { registered: instances.some(({ InstanceId }) => InstanceId === instanceId) }
  } catch (error) {
    if (isGone(error)) return { registered: null }
    throw error
  }
}

function subject ({ instanceId }: ActionContext, { resource }: PlannedAction): { LoadBalancerName: string, Instances: Array<{ InstanceId: string }> } {
  return { LoadBalancerName: resource, Instances: [{ InstanceId: instanceId }] }
}

/** Elastic Load Balancing forgets a terminated instance by itself, and does not know it any more. */
function isInstanceGone (error: unknown): boolean {
  return /^(InvalidInstance|InvalidEndPointException)$/.test(awsCode(error) ?? '')
}

export const leaveClassicLoadBalancer: Action = {
  observe: registration,
  apply: async (context, planned) => {
    const now = await registration(context, planned)
    if (now.registered !== true) return now
    try {
      await context.clients.elb.send(new DeregisterInstancesFromLoadBalancerCommand(subject(context, planned)))
    } catch (error) {
      if (!isGone(error) && !isInstanceGone(error)) throw error
    }
    return await registration(context, planned)
  },
  undo: async (context, planned, { before }) => {
    const now = await registration(context, planned)
    if (now.registered === null) return undone(before, now, 'The load balancer was deleted.')
    if (before.registered !== true || now.registered === true) return undone(before, now)
    try {
      await context.clients.elb.send(new RegisterInstancesWithLoadBalancerCommand(subject(context, planned)))
    } catch (error) {
      if (isInstanceGone(error)) return undone(before, now, INSTANCE_GONE)
      if (isGone(error)) return undone(before, { registered: null }, 'The load balancer was deleted.')
      throw error
    }
    return undone(before, await registration(context, planned))
  }
}
