/**
 * Which actions cut an instance off and keep it from vanishing, in which order. Pure: facts in, plan out.
 *
 * The order follows the AWS Security Incident Response Guide ("Developing containment strategies") and
 * the field's lessons: what would destroy evidence is disarmed first; the instance leaves its Auto
 * Scaling group before isolation can fail a health check and have it replaced; every interface is
 * isolated; traffic is taken away and the tags say so last.
 */
import type { InstanceFacts } from '../triage/target-facts.ts'

export const ACTION_KINDS = [
  'protect-from-termination', 'protect-from-stop', 'stop-on-shutdown', 'keep-volumes', 'leave-auto-scaling',
  'prepare-isolation-group', 'isolate-interface', 'leave-target-group', 'leave-classic-load-balancer', 'tag-quarantined'
] as const
export type ActionKind = typeof ACTION_KINDS[number]

/** Actions of one stage run side by side; a failed one holds no other up. */
export const STAGES = ['disarm', 'isolate', 'divert'] as const
export type Stage = typeof STAGES[number]

export interface PlannedAction {
  kind: ActionKind
  stage: Stage
  /** The AWS resource that is changed. */
  resource: string
  /** What will change, for a person. */
  words: string
  parameters: Record<string, unknown>
  /** The state triage found, where an earlier action may change it before this one looks. */
  before?: Record<string, unknown>
}

export interface ContainmentPolicy {
  /** Whether the Auto Scaling group replaces the instance (keeps its capacity) or shrinks by it. */
  replaceInAutoScaling: boolean
}

export const DEFAULT_CONTAINMENT_POLICY: ContainmentPolicy = { replaceInAutoScaling: true }

/** The whole plan for one instance: no duplicates, stages in order, the same plan for the same facts. */
export function planContainment (facts: InstanceFacts, policy: ContainmentPolicy = DEFAULT_CONTAINMENT_POLICY): PlannedAction[] {
  const { instanceId, autoScaling } = facts
  const actions: PlannedAction[] = [
    action('disarm', 'protect-from-termination', instanceId, 'Refuse termination by API'),
    action('disarm', 'protect-from-stop', instanceId, 'Refuse a stop by API, which would lose memory'),
    action('disarm', 'stop-on-shutdown', instanceId, 'Stop instead of terminate when the operating system shuts down')
  ]
  if (facts.volumes.some(({ deleteOnTermination }) => deleteOnTermination)) {
    actions.push(action('disarm', 'keep-volumes', instanceId, 'Keep every volume when the instance is terminated', {
      devices: facts.volumes.map(({ device }) => device)
    }))
  }
  if (autoScaling) {
    actions.push(action('disarm', 'leave-auto-scaling', autoScaling.group,
      policy.replaceInAutoScaling ? 'Detach from the Auto Scaling group, which starts a replacement' : 'Detach from the Auto Scaling group, which shrinks by one',
      { instanceId, decrement: !policy.replaceInAutoScaling }))
  }
  actions.push(action('disarm', 'prepare-isolation-group', facts.vpcId, 'Make a security group without any rule', { vpcId: facts.vpcId }))
  for (const { interfaceId } of facts.interfaces) actions.push(isolateInterface(interfaceId))
  for (const { targetGroupArn, targetId, port, availabilityZone } of facts.targets) {
    actions.push(action('divert', 'leave-target-group', targetGroupArn, `Deregister ${targetId} from the target group`, { targetId, port, availabilityZone }, REGISTERED))
  }
  for (const name of facts.classicLoadBalancers) {
    actions.push(action('divert', 'leave-classic-load-balancer', name, 'Deregister from the classic load balancer', { instanceId }, REGISTERED))
  }
  actions.push(action('divert', 'tag-quarantined', instanceId, 'Tag as quarantined, with the ticket'))
  return actions
}

/** Isolation of one interface, also for one that turned up after the plan was made. */
export function isolateInterface (interfaceId: string): PlannedAction {
  return action('isolate', 'isolate-interface', interfaceId, 'Replace all security groups by the one without rules')
}

/** Leaving Auto Scaling deregisters the instance too: what is undone later is what triage found. */
const REGISTERED = { registered: true }

function action (
  stage: Stage, kind: ActionKind, resource: string, words: string, parameters: Record<string, unknown> = {}, before?: Record<string, unknown>
): PlannedAction {
  return { kind, stage, resource, words, parameters: JSON.parse(JSON.stringify(parameters)) as Record<string, unknown>, ...before && { before } }
}
