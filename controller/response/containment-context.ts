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
 * @param known the isolation group that an earlier round or containment made
 */
export function actionContext (clients: AwsClients, { incidentId, ticket, target }: ContextOf, actions: ContainmentAction[] = [], known?: string): ActionContext {
  const isolationGroupId = groupOf(actions, 'prepare-isolation-group') ?? known
  const untrackingGroupId = actions.some(({ action, state }) => action === 'remove-untracking-group' && state !== 'planned' && state !== 'failed')
    ? undefined
    : groupOf(actions, 'prepare-untracking-group')
  return {
    clients: containmentClients(clients, target),
    incidentId,
    instanceId: target.instanceId,
    ticket,
    ...isolationGroupId !== undefined && { isolationGroupId },
    ...untrackingGroupId !== undefined && { untrackingGroupId }
  }
}

export function groupOf (actions: ContainmentAction[], kind: string): string | undefined {
  const made = actions.findLast(({ action, state }) => action === kind && state !== 'failed')
  return (made?.after as { groupId?: string } | undefined)?.groupId
}
