/**
 * Every kind of containment action and what carries it out.
 */
import type { ActionKind } from '../plan.ts'
import { deactivateAccessKey } from './access-keys.ts'
import type { Action } from './action.ts'
import { disassociateAddress } from './address.ts'
import { leaveAutoScaling } from './auto-scaling.ts'
import { leaveClassicLoadBalancer } from './classic-load-balancers.ts'
import { blockDns } from './dns.ts'
import { removeInstanceProfile } from './instance-profile.ts'
import { keepVolumes, protectFromStop, protectFromTermination, stopOnShutdown } from './instance-protection.ts'
import { isolateInterface, prepareIsolationGroup } from './isolation.ts'
import { restrictMetadata } from './metadata.ts'
import { revokeRoleSessions } from './role-sessions.ts'
import { allowSsmEndpoints, closeSsmPath } from './ssm-path.ts'
import { stopInstance } from './stop.ts'
import { isolateSubnet } from './subnet.ts'
import { tagQuarantined } from './tags.ts'
import { leaveTargetGroup } from './target-groups.ts'
import { prepareUntrackingGroup, removeUntrackingGroup } from './untracking.ts'

export const ACTIONS: Record<ActionKind, Action> = {
  'tag-quarantined': tagQuarantined,
  'protect-from-termination': protectFromTermination,
  'protect-from-stop': protectFromStop,
  'stop-on-shutdown': stopOnShutdown,
  'keep-volumes': keepVolumes,
  'leave-auto-scaling': leaveAutoScaling,
  'leave-target-group': leaveTargetGroup,
  'leave-classic-load-balancer': leaveClassicLoadBalancer,
  'disassociate-address': disassociateAddress,
  'prepare-isolation-group': prepareIsolationGroup,
  'prepare-untracking-group': prepareUntrackingGroup,
  'isolate-interface': isolateInterface,
  'remove-untracking-group': removeUntrackingGroup,
  'allow-ssm-endpoints': allowSsmEndpoints,
  'isolate-subnet': isolateSubnet,
  'block-dns': blockDns,
  'remove-instance-profile': removeInstanceProfile,
  'revoke-role-sessions': revokeRoleSessions,
  'deactivate-access-key': deactivateAccessKey,
  'restrict-metadata': restrictMetadata,
  'close-ssm-path': closeSsmPath,
  'stop-instance': stopInstance
}
