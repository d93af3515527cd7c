/**
 * Takes the instance out of a target group, and registers it again at release.
 *
 * Not being a target is success: someone, or Auto Scaling after the step before, may have been faster. A
 * target that is draining gets no new requests and counts as out.
 *
 * Source: Elastic Load Balancing API Reference (2015-12-01), "DeregisterTargets", "TargetHealth".
 */
import {
  DeregisterTargetsCommand, DescribeTargetHealthCommand, RegisterTargetsCommand, type TargetDescription
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { awsCode, isGone } from '../../aws/aws-errors.ts'
import type { PlannedAction } from '../plan.ts'
import type { Action, ActionContext, State } from './action.ts'
import { undone } from './take-back.ts'

function targetOf ({ parameters }: PlannedAction): TargetDescription {
  const { targetId, port, availabilityZone } = parameters as { targetId: string, port?: number, availabilityZone?: string }
  return { Id: targetId, ...port !== undefined && { Port: port }, ...availabilityZone !== undefined && { AvailabilityZone: availabilityZone } }
}

function isInvalidTarget (error: unknown): boolean {
  return /^InvalidTarget(Exception)?$/.test(awsCode(error) ?? '')
}

/** @throws the SDK's TargetGroupNotFound */
async function isRegistered ({ clients: { elbv2 } }: ActionContext, planned: PlannedAction): Promise<boolean> {
  const answer = await elbv2.send(new DescribeTargetHealthCommand({ TargetGroupArn: planned.resource, Targets: [targetOf(planned)] }))
  const { State: state, Reason } = answer.TargetHealthDescriptions?.[0]?.TargetHealth ?? {}
  // Unused is registered, too, but for this one reason.
  return state !== undefined && state !== 'draining' && Reason !== 'Target.NotRegistered'
}

/** State: whether it is registered; null when the target group is gone. */
async function registration (context: ActionContext, planned: PlannedAction): Promise<State> {
  try {
    return { registered: await isRegistered(context, planned) }
  } catch (error) {
    if (isGone(error)) return { registered: null }
    // A target that can't be one any more: a terminated instance, an address that left the subnet.
    if (isInvalidTarget(error)) return { registered: false }
    throw error
  }
}

export const leaveTargetGroup: Action = {
  observe: registration,
  apply: async (context, planned) => {
    const now = await registration(context, planned)
    if (now.registered !== true) return now
    await context.clients.elbv2.send(new DeregisterTargetsCommand({ TargetGroupArn: planned.resource, Targets: [targetOf(planned)] }))
    return await registration(context, planned)
  },
  undo: async (context, planned, { before }) => {
    const now = await registration(context, planned)
    if (now.registered === null) return undone(before, now, 'The target group was deleted.')
    if (before.registered !== true || now.registered === true) return undone(before, now)
    try {
      await context.clients.elbv2.send(new RegisterTargetsCommand({ TargetGroupArn: planned.resource, Targets: [targetOf(planned)] }))
    } catch (error) {
      if (isGone(error)) return undone(before, { registered: null }, 'The target group was deleted.')
      // Only what runs in the group's VPC can be registered, so this is about the instance, not about us.
      if (!isInvalidTarget(error)) throw error
      return undone(before, now, `Elastic Load Balancing takes ${targetOf(planned).Id} no more (${(error as Error).message}). Register it again once it runs.`)
    }
    return undone(before, await registration(context, planned))
  }
}
