/**
 * The group through which an interface goes so that its connections stop being tracked: it lets all traffic pass.
 *
 * Amazon EC2 User Guide, "Security group connection tracking", Untracked connections: a flow is not tracked when its
 * rule lets all sources and ports pass and a rule of the other direction does, too. As long as the group has rules it
 * is a way in, so it is emptied and deleted as soon as the interfaces are through. AWS may carry out a call late that
 * was given up: an interface that is put into the group then is in one without rules.
 */
import { AuthorizeSecurityGroupEgressCommand, AuthorizeSecurityGroupIngressCommand, type EC2Client, type IpPermission } from '@aws-sdk/client-ec2'
import { awsCode, onceKnown } from '../../aws/aws-errors.ts'
import type { Action, ActionContext, State } from './action.ts'
import { changeAndReadBack } from './read-back.ts'
import { deleteGroup, emptyGroup, findGroup, groupState, makeGroup, usersOf } from './security-groups.ts'

/** The purpose tag is that of the isolation group, so the name tells the two apart. */
export function untrackingGroupName ({ incidentId, instanceId }: Pick<ActionContext, 'incidentId' | 'instanceId'>): string {
  return `cleanroom-untracking-${incidentId}-${instanceId}`
}

const EVERYTHING: IpPermission[] = [
  { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
  { IpProtocol: '-1', Ipv6Ranges: [{ CidrIpv6: '::/0' }] }
]

/** One rule a call: a new group has some of them, and one duplicate fails a call whole. */
async function letEverythingPass (ec2: EC2Client, GroupId: string): Promise<void> {
  const results = await Promise.allSettled(EVERYTHING.flatMap((permission) => {
    const rule = { GroupId, IpPermissions: [permission] }
    return [
      ec2.send(new AuthorizeSecurityGroupIngressCommand(rule)),
      ec2.send(new AuthorizeSecurityGroupEgressCommand(rule))
    ].map(async (call) => {
      await onceKnown(GroupId, call).catch((error: unknown) => { if (awsCode(error) !== 'InvalidPermission.Duplicate') throw error })
    })
  }))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

async function untrackingGroup (context: ActionContext, vpcId: string): Promise<State> {
  return { ...await groupState(context.clients.ec2, await findGroup(context, vpcId, untrackingGroupName(context))) }
}

/** Revokes all its rules: nothing that is in it, or is put there later, is reachable through it. @throws CleanroomError ISOLATION_GROUP_NOT_EMPTY */
export async function closeUntrackingGroup (ec2: EC2Client, groupId: string): Promise<void> {
  await emptyGroup(ec2, groupId)
}

/** Empties and deletes the group. One that is still in use stays, without rules. */
async function remove (context: ActionContext, vpcId: string): Promise<State> {
  const { clients: { ec2 }, untrackingGroupId } = context
  const groupId = untrackingGroupId ?? await findGroup(context, vpcId, untrackingGroupName(context))
  if (groupId === undefined) return { groupId: null }
  const closed = await closeUntrackingGroup(ec2, groupId).catch((error: unknown) => ({ error }))
  if (await deleteGroup(ec2, groupId)) return { groupId: null }
  if (closed) throw closed.error
  return { ...await groupState(ec2, groupId) }
}

export const prepareUntrackingGroup: Action = {
  observe: async (context, planned) => await untrackingGroup(context, planned.resource),
  apply: async (context, planned) => {
    const { ec2 } = context.clients
    const { groupId } = await makeGroup(context, planned.resource, {
      name: untrackingGroupName(context), description: `Ends connection tracking of ${context.instanceId} for incident ${context.incidentId}, then goes`
    })
    return await changeAndReadBack<State>(
      () => letEverythingPass(ec2, groupId), async () => ({ ...await groupState(ec2, groupId) }), ({ rules }) => rules === 2 * EVERYTHING.length)
  },
  undo: async (context, planned) => {
    const now = await remove(context, planned.resource)
    if (now.groupId === null) return { now, restored: true }
    const groupId = now.groupId as string
    return {
      now,
      restored: false,
      note: `${groupId} has no rules, but is still used by ${await usersOf(context.clients.ec2, groupId)}; delete it when nothing uses it any more.`
    }
  }
}

export const removeUntrackingGroup: Action = {
  observe: async (context, planned) => await untrackingGroup(context, planned.resource),
  // In use by an interface that could not be isolated: without rules the group is as good as the isolation group.
  apply: async (context, planned) => await remove(context, planned.resource),
  undo: async (context, planned) => ({ now: await untrackingGroup(context, planned.resource), restored: true })
}
