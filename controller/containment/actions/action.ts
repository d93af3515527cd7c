/**
 * What every containment action is: it reads the state it finds, changes it, reads it back, and can take
 * its change back.
 */
import type { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import type { EC2Client } from '@aws-sdk/client-ec2'
import type { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing'
import type { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { IAMClient } from '@aws-sdk/client-iam'
import type { ResolverClient } from '../../aws/resolver-client.ts'
import type { PlannedAction } from '../plan.ts'

export interface ContainmentClients {
  ec2: EC2Client
  autoScaling: AutoScalingClient
  elb: ElasticLoadBalancingClient
  elbv2: ElasticLoadBalancingV2Client
  iam: IAMClient
  resolver: ResolverClient
}

export interface ActionContext {
  clients: ContainmentClients
  incidentId: string
  instanceId: string
  ticket: string
  /** The group without rules, or with a way to Systems Manager alone, once it is made. */
  isolationGroupId?: string
  /** The group through which connections stop being tracked, while it is there. */
  untrackingGroupId?: string
  /** Notes that access is about to be widened for a moment; false when it was noted before. */
  noteWidening?: () => Promise<boolean>
  /** Says in the action's record what a person should know though the action is done. */
  remark?: (text: string) => void
}

/** A state as plain JSON: it goes into the chain of custody and back into the undo. Nothing volatile stands in it. */
export type State = Record<string, unknown>

/** What was found before an action and what it left. */
export interface Recorded { before: State, after: State }

/** What came of taking an action back. */
export interface Undone {
  /** Read back from AWS. */
  now: State
  /** Whether all of `before` is there again. */
  restored: boolean
  /** What is not, and what a person can do about it; also what was left alone because somebody else changed it. */
  note?: string
}

export interface Action {
  /** The state of the resource now; of one that is gone, a state that says so. */
  observe: (context: ActionContext, planned: PlannedAction) => Promise<State>
  /** Makes the change, also when it was made already; answers the state read back from AWS. */
  apply: (context: ActionContext, planned: PlannedAction, before: State) => Promise<State>
  /**
   * Brings `before` back where what stands now is still this action's doing, also when that was done
   * already. What is gone meanwhile is told in the note, never thrown.
   */
  undo: (context: ActionContext, planned: PlannedAction, recorded: Recorded) => Promise<Undone>
}
