/**
 * What the actions on one instance are given: clients with the containing role, and whose incident it is.
 */
import type { AwsClients } from '../aws/clients.ts'
import type { ActionContext, ContainmentClients } from '../containment/actions/action.ts'
import type { ContainmentAction } from '../incident/incident.ts'

export interface ContextOf { incidentId: string, ticket: string, target: { instanceId: string, accountId: string, region: string } }

export function containmentClients (clients: AwsClients, target: ContextOf['target']): ContainmentClients {
  return {
    ec2: clients.ec2(target, 'contain'),
    autoScaling: clients.autoScaling(target, 'contain'),
    elb: clients.elb(target, 'contain'),
    elbv2: clients.elbv2(target, 'contain'),
    iam: clients.iam(target, 'contain'),
    resolver: clients.resolver(target, 'contain')
  }
}

/**
 * @param actions what was done so far: it tells the groups that were made
 * @param vpcId the VPC that the action is in
 * @param known isolation groups that an earlier round or containment made, by VPC
 */
export function actionContext (
  clients: AwsClients, { incidentId, ticket, target }: ContextOf, actions: ContainmentAction[], vpcId: string | undefined, known: Record<string, string> = {}
): ActionContext {
  const groups = { ...known, ...groupsOf(actions, 'prepare-isolation-group') }
  const isolationGroupId = vpcId === undefined ? undefined : groups[vpcId]
  const removed = actions.some(({ action, resource, state }) => action === 'remove-untracking-group' && resource === vpcId && state !== 'planned' && state !== 'failed')
  const untrackingGroupId = removed || vpcId === undefined ? undefined : groupsOf(actions, 'prepare-untracking-group')[vpcId]
  return {
    clients: containmentClients(clients, target),
    incidentId,
    instanceId: target.instanceId,
    ticket,
    ...isolationGroupId !== undefined && { isolationGroupId },
    ...untrackingGroupId !== undefined && { untrackingGroupId }
  }
}

/** The groups that actions of the kind made, by VPC. */
export function groupsOf (actions: ContainmentAction[], kind: 'prepare-isolation-group' | 'prepare-untracking-group'): Record<string, string> {
  const made = actions.filter(({ action, state }) => action === kind && state !== 'failed')
  return Object.fromEntries(made.flatMap(({ resource, after }) => {
    const groupId = (after as { groupId?: string | null } | undefined)?.groupId
    return groupId ? [[resource, groupId]] : []
  }))
}

/** The VPC that an action is in, where it matters: its resource, or that of its interface. */
export function vpcOf ({ resource, parameters }: { resource: string, parameters?: Record<string, unknown> }, instanceVpcId: string | undefined): string | undefined {
  return resource.startsWith('vpc-') ? resource : parameters?.vpcId as string | undefined ?? instanceVpcId
}
