/**
 * What every containment action is: it reads the state it finds, changes it, and reads it back.
 */
import type { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import type { EC2Client } from '@aws-sdk/client-ec2'
import type { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing'
import type { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { PlannedAction } from '../plan.ts'

export interface ContainmentClients {
  ec2: EC2Client
  autoScaling: AutoScalingClient
  elb: ElasticLoadBalancingClient
  elbv2: ElasticLoadBalancingV2Client
}

export interface ActionContext {
  clients: ContainmentClients
  incidentId: string
  instanceId: string
  ticket: string
  /** The group without rules, once it is made. */
  isolationGroupId?: string
}

/** A state as plain JSON: it goes into the chain of custody and back into the undo. */
export type State = Record<string, unknown>

export interface Action {
  /** The state of the resource now. */
  observe: (context: ActionContext, planned: PlannedAction) => Promise<State>
  /** Makes the change, also when it was made already; answers the state read back from AWS. */
  apply: (context: ActionContext, planned: PlannedAction, before: State) => Promise<State>
}
