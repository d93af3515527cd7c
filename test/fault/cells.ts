/**
 * What the matrix is made of: for each kind of action the AWS call that decides it, and the ways to break a call.
 */
import type { RequestLimits } from '../../controller/aws/clients.ts'
import { isolationGroupName } from '../../controller/containment/actions/isolation.ts'
import { untrackingGroupName } from '../../controller/containment/actions/untracking.ts'
import { DEFAULT_CONTAINMENT_POLICY, KINDS, type ActionKind, type Rung } from '../../controller/containment/plan.ts'
import type { ContainmentPolicy } from '../../controller/incident/incident.ts'
import type { FaultRule } from '../sandbox/action-world.ts'
import type { Column } from './documented-outcomes.ts'
import type { Suspect } from './suspects.ts'

/** Which calls a rule is about; `resource` and `parameter` are those of the emulator's fault rules. */
export interface Aim { service: string, action: string, resource: string, parameter?: string, /** So many such calls pass first. */ after?: number }

export interface Row {
  /** As in docs/failure-modes.md. */
  name: string
  kind: ActionKind
  /** The resource of the action that is broken, where there are several of the kind. */
  resource?: (suspect: Suspect) => string
  aim: (suspect: Suspect, incidentId: string) => Aim
  policy?: Partial<ContainmentPolicy>
  rungs?: Rung[]
  /** The action belongs to a further containment; a whole one goes before. */
  again?: { occasion: string, captureEnded: boolean }
}

const onInstance = (action: string, parameter?: string) => ({ instanceId }: Suspect): Aim => ({ service: 'ec2', action, resource: instanceId, ...parameter !== undefined && { parameter } })
const isolationGroup = ({ instanceId }: Suspect, incidentId: string): string => isolationGroupName({ incidentId, instanceId })
const untrackingGroup = ({ instanceId }: Suspect, incidentId: string): string => untrackingGroupName({ incidentId, instanceId })
/** Not the first: what is done to the others must not depend on their order. */
const brokenInterface = ({ interfaceIds }: Suspect): string => interfaceIds[1]!
const onInterface = (suspect: Suspect): Aim => ({ service: 'ec2', action: 'ModifyNetworkInterfaceAttribute', resource: brokenInterface(suspect) })

const DECISIVE: Record<ActionKind, Omit<Row, 'name' | 'kind'>> = {
  'tag-quarantined': { aim: onInstance('CreateTags') },
  'protect-from-termination': { aim: onInstance('ModifyInstanceAttribute', 'DisableApiTermination.Value') },
  'protect-from-stop': { aim: onInstance('ModifyInstanceAttribute', 'DisableApiStop.Value') },
  'stop-on-shutdown': { aim: onInstance('ModifyInstanceAttribute', 'InstanceInitiatedShutdownBehavior.Value') },
  'keep-volumes': { aim: onInstance('ModifyInstanceAttribute', 'BlockDeviceMapping.1.DeviceName') },
  'prepare-isolation-group': { aim: (suspect, incidentId) => ({ service: 'ec2', action: 'CreateSecurityGroup', resource: isolationGroup(suspect, incidentId) }) },
  'prepare-untracking-group': { aim: (suspect, incidentId) => ({ service: 'ec2', action: 'CreateSecurityGroup', resource: untrackingGroup(suspect, incidentId) }) },
  'isolate-interface': { resource: brokenInterface, aim: onInterface },
  'remove-untracking-group': { aim: (suspect, incidentId) => ({ service: 'ec2', action: 'DeleteSecurityGroup', resource: untrackingGroup(suspect, incidentId) }) },
  'allow-ssm-endpoints': {
    aim: (suspect, incidentId) => ({ service: 'ec2', action: 'AuthorizeSecurityGroupEgress', resource: isolationGroup(suspect, incidentId) }),
    policy: { mode: 'ssm' }
  },
  'isolate-subnet': { aim: ({ aclAssociationId }) => ({ service: 'ec2', action: 'ReplaceNetworkAclAssociation', resource: aclAssociationId }) },
  'block-dns': { aim: ({ vpcId }) => ({ service: 'route53resolver', action: 'AssociateFirewallRuleGroup', resource: vpcId }), rungs: ['dns-firewall'] },
  'leave-auto-scaling': { aim: ({ instanceId }) => ({ service: 'autoscaling', action: 'DetachInstances', resource: instanceId }) },
  'leave-target-group': {
    resource: ({ targetGroupArns }) => targetGroupArns[0]!,
    aim: ({ targetGroupArns }) => ({ service: 'elasticloadbalancing', action: 'DeregisterTargets', resource: targetGroupArns[0]! })
  },
  'leave-classic-load-balancer': {
    aim: ({ classicLoadBalancer }) => ({ service: 'elasticloadbalancing', action: 'DeregisterInstancesFromLoadBalancer', resource: classicLoadBalancer })
  },
  'disassociate-address': { aim: ({ addressAssociationId }) => ({ service: 'ec2', action: 'DisassociateAddress', resource: addressAssociationId }) },
  'remove-instance-profile': { aim: ({ profileAssociationId }) => ({ service: 'ec2', action: 'DisassociateIamInstanceProfile', resource: profileAssociationId }) },
  'revoke-role-sessions': { aim: ({ roleName }) => ({ service: 'iam', action: 'PutRolePolicy', resource: roleName }) },
  'deactivate-access-key': { aim: ({ accessKeyId }) => ({ service: 'iam', action: 'UpdateAccessKey', resource: accessKeyId }) },
  'restrict-metadata': { aim: onInstance('ModifyInstanceMetadataOptions') },
  'close-ssm-path': {
    aim: (suspect, incidentId) => ({ service: 'ec2', action: 'RevokeSecurityGroupEgress', resource: isolationGroup(suspect, incidentId) }),
    policy: { mode: 'ssm' },
    again: { occasion: 'capture-ended', captureEnded: true }
  },
  'stop-instance': { aim: onInstance('StopInstances'), rungs: ['stop-instance'], again: { occasion: 'escalated', captureEnded: true } }
}

/** Every kind, and the swap of an interface at its second step and without its first. */
export const ROWS: Row[] = [
  ...Object.keys(KINDS).map((kind) => ({ name: kind, kind: kind as ActionKind, ...DECISIVE[kind as ActionKind] })),
  { name: 'isolate-interface, second step', kind: 'isolate-interface', resource: brokenInterface, aim: (suspect) => ({ ...onInterface(suspect), after: 1 }) },
  { name: 'isolate-interface, without swap', kind: 'isolate-interface', resource: brokenInterface, aim: onInterface, policy: { trackedConnections: 'leave' } }
]

/** Wait for nothing and nothing waits for them, so that several are broken at one suspect. */
const BY_THEMSELVES: readonly ActionKind[] = [
  'tag-quarantined', 'protect-from-termination', 'protect-from-stop', 'stop-on-shutdown', 'keep-volumes', 'isolate-subnet', 'leave-auto-scaling', 'leave-target-group',
  'leave-classic-load-balancer', 'disassociate-address', 'remove-instance-profile', 'revoke-role-sessions', 'deactivate-access-key', 'restrict-metadata'
]
const PER_SUSPECT = 7

/** The rows of each suspect: one, or several that do not meet. */
export function sharedOut (rows: Row[]): Row[][] {
  const [shared, alone] = [rows.filter(({ kind }) => BY_THEMSELVES.includes(kind)), rows.filter(({ kind }) => !BY_THEMSELVES.includes(kind))]
  const packs = Array.from({ length: Math.ceil(shared.length / PER_SUSPECT) }, (_, index) => shared.slice(index * PER_SUSPECT, (index + 1) * PER_SUSPECT))
  return [...alone.map((row) => [row]), ...packs]
}

/** Everything that policy can choose, so that there is something of every kind beside the one that is broken. */
export function policyOf ({ policy }: Row, { accessKeyId }: Suspect): ContainmentPolicy {
  return { ...DEFAULT_CONTAINMENT_POLICY, metadata: 'disable', accessKeyIds: [accessKeyId], ...policy }
}

type ErrorKind = 'refused' | 'throttled' | 'broken'

/** In each service's own words: the common errors of its API reference. */
const ERRORS: Record<string, Record<ErrorKind, { code: string, status: number }>> = {
  ec2: {
    refused: { code: 'UnauthorizedOperation', status: 403 },
    throttled: { code: 'RequestLimitExceeded', status: 503 },
    broken: { code: 'InternalError', status: 500 }
  },
  autoscaling: queryErrors('InternalFailure'),
  elasticloadbalancing: queryErrors('InternalFailure'),
  iam: queryErrors('ServiceFailure'),
  route53resolver: {
    refused: { code: 'AccessDeniedException', status: 400 },
    throttled: { code: 'ThrottlingException', status: 400 },
    broken: { code: 'InternalServiceErrorException', status: 500 }
  }
}

function queryErrors (broken: string): Record<ErrorKind, { code: string, status: number }> {
  return { refused: { code: 'AccessDenied', status: 403 }, throttled: { code: 'Throttling', status: 400 }, broken: { code: broken, status: 500 } }
}

/** A way to break one call of every suspect, and who waits how long for whom. */
export interface Mishap {
  rule: (aim: Aim) => FaultRule
  /** The controller is killed while the calls are being held up, and started again. */
  kill?: boolean
  limits: RequestLimits
  /** How long a call or its answer is held up, in milliseconds. */
  heldMs: number
}

const PATIENT: RequestLimits = { requestTimeoutMs: 20_000, maxAttempts: 2 }
/** Gives up before what is held up is let go. */
const IMPATIENT: RequestLimits = { requestTimeoutMs: 5_000, maxAttempts: 1 }
const HELD_MS = 8_000
/** Still waiting when it is killed. */
const DOOMED: RequestLimits = { requestTimeoutMs: 60_000, maxAttempts: 2 }
const HELD_TO_DEATH_MS = 30_000

export const MISHAPS: Record<Column, Mishap> = {
  refused: { rule: (aim) => ({ ...aim, error: ERRORS[aim.service]!.refused }), limits: PATIENT, heldMs: 0 },
  throttled: { rule: (aim) => ({ ...aim, error: ERRORS[aim.service]!.throttled, times: 3 }), limits: PATIENT, heldMs: 0 },
  'time-out': { rule: (aim) => ({ ...aim, when: 'after', delayMs: HELD_MS }), limits: IMPATIENT, heldMs: HELD_MS },
  'server error': { rule: (aim) => ({ ...aim, error: ERRORS[aim.service]!.broken }), limits: PATIENT, heldMs: 0 },
  'killed before': {
    // Held up and then refused: it never takes effect.
    rule: (aim) => ({ ...aim, delayMs: HELD_TO_DEATH_MS, error: ERRORS[aim.service]!.throttled }), kill: true, limits: DOOMED, heldMs: HELD_TO_DEATH_MS
  },
  'killed after': { rule: (aim) => ({ ...aim, when: 'after', delayMs: HELD_TO_DEATH_MS }), kill: true, limits: DOOMED, heldMs: HELD_TO_DEATH_MS }
}

/** Once given up, and carried out all the same when the controller has gone on. */
export const LATE: Mishap = { rule: (aim) => ({ ...aim, times: 1, delayMs: HELD_MS }), limits: IMPATIENT, heldMs: HELD_MS }
