/**
 * Every kind of containment action and what carries it out.
 */
import type { ActionKind } from '../plan.ts'
import type { Action } from './action.ts'
import { keepVolumes, protectFromStop, protectFromTermination, stopOnShutdown } from './instance-protection.ts'
import { isolateInterface, prepareIsolationGroup } from './isolation.ts'
import { tagQuarantined } from './tags.ts'
import { leaveAutoScaling, leaveClassicLoadBalancer, leaveTargetGroup } from './traffic.ts'

export const ACTIONS: Record<ActionKind, Action> = {
  'protect-from-termination': protectFromTermination,
  'protect-from-stop': protectFromStop,
  'stop-on-shutdown': stopOnShutdown,
  'keep-volumes': keepVolumes,
  'leave-auto-scaling': leaveAutoScaling,
  'prepare-isolation-group': prepareIsolationGroup,
  'isolate-interface': isolateInterface,
  'leave-target-group': leaveTargetGroup,
  'leave-classic-load-balancer': leaveClassicLoadBalancer,
  'tag-quarantined': tagQuarantined
}
