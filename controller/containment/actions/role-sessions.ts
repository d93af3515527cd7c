/**
 * Denies everything to sessions of the instance's role that began before now: credentials that were taken from
 * the instance stay good for hours otherwise, wherever they are used.
 *
 * An inline policy of the role, named for the incident and the instance, so that no other incident's is touched.
 * With scope `instance` it denies the instance's own sessions alone: those of EC2 have the user id
 * `role-id:instance-id`. With scope `role` it denies everybody's.
 *
 * Sources: IAM User Guide, "Revoke IAM role temporary security credentials", and "IAM policy elements:
 * Variables and tags", principal key values (aws:userid).
 */
import { isDeepStrictEqual } from 'node:util'
import { DeleteRolePolicyCommand, GetRoleCommand, GetRolePolicyCommand, PutRolePolicyCommand, type IAMClient } from '@aws-sdk/client-iam'
import { awsCode, isGone } from '../../aws/aws-errors.ts'
import { CleanroomError } from '../../incident/errors.ts'
import type { PlannedAction } from '../plan.ts'
import type { Action, ActionContext, State } from './action.ts'
import { undone } from './take-back.ts'

export type SessionScope = 'instance' | 'role'

/** What a revocation says; `revokedBefore` is ISO 8601 in UTC. */
export interface Revocation { scope: SessionScope, revokedBefore: string, roleId: string, instanceId: string }

interface SessionPolicy {
  Version: string
  Statement: Array<{ Sid: string, Effect: string, Action: string[], Resource: string[], Condition: Record<string, Record<string, string>> }>
}

const SID = 'CleanroomRevokeOlderSessions'

/** Pure. */
export function sessionPolicy ({ scope, revokedBefore, roleId, instanceId }: Revocation): SessionPolicy {
  return {
    Version: '2012-10-17',
    Statement: [{
      Sid: SID,
      Effect: 'Deny',
      Action: ['*'],
      Resource: ['*'],
      Condition: {
        DateLessThan: { 'aws:TokenIssueTime': revokedBefore },
        ...scope === 'instance' && { StringEquals: { 'aws:userid': `${roleId}:${instanceId}` } }
      }
    }]
  }
}

/**
 * What a policy document revokes, as IAM answers it (URL-encoded, RFC 3986); undefined for one that is not, to
 * the letter, one of ours: somebody changed it, and nobody may rely on what it denies. Pure.
 */
export function readSessionPolicy (document: string, roleId: string, instanceId: string): Pick<Revocation, 'scope' | 'revokedBefore'> | undefined {
  try {
    const parsed = JSON.parse(decodeURIComponent(document)) as Partial<SessionPolicy>
    const condition = parsed.Statement?.[0]?.Condition ?? {}
    const revokedBefore = condition.DateLessThan?.['aws:TokenIssueTime']
    if (revokedBefore === undefined || !(Date.parse(revokedBefore) > 0)) return undefined
    const scope = 'StringEquals' in condition ? 'instance' : 'role'
    return isDeepStrictEqual(parsed, sessionPolicy({ scope, revokedBefore, roleId, instanceId })) ? { scope, revokedBefore } : undefined
  } catch {
    return undefined
  }
}

const WIDTH: Record<SessionScope, number> = { instance: 1, role: 2 }

/**
 * How old a policy may be, in milliseconds, and still count as written by this very step: as long as its retries go on.
 */
const OWN_STEP_MS = 60_000

/**
 * What has to be written, if anything. A retry of the step keeps the policy and its time. Done again later, the time moves
 * on to now: somebody may have given the instance its profile back meanwhile, and with it credentials that began after
 * the time that stands. It never moves back, and the scope is never narrowed. Pure.
 */
export function revocationDue (standing: Pick<SessionState, 'scope' | 'revokedBefore'>, wanted: SessionScope, now: Date): Pick<Revocation, 'scope' | 'revokedBefore'> | undefined {
  const at = standing.revokedBefore === null ? undefined : Date.parse(standing.revokedBefore)
  const isWide = suffices(standing.scope, wanted)
  if (isWide && at !== undefined && now.getTime() - at <= OWN_STEP_MS) return undefined
  return { scope: isWide ? standing.scope! : wanted, revokedBefore: new Date(Math.max(now.getTime(), at ?? 0)).toISOString() }
}

/** Whether what stands revokes at least what is wanted. Pure. */
export function suffices (standing: SessionScope | null, wanted: SessionScope): boolean {
  return standing !== null && WIDTH[standing] >= WIDTH[wanted]
}

interface SessionState extends State {
  /** Null when there is no policy of that name. */
  policyName: string | null
  /** Null when there is none, or one that somebody changed. */
  revokedBefore: string | null
  scope: SessionScope | null
}

const NONE: SessionState = { policyName: null, revokedBefore: null, scope: null }

export function sessionPolicyName ({ incidentId, instanceId }: { incidentId: string, instanceId: string }): string {
  return `cleanroom-revoke-${incidentId}-${instanceId}`
}

/** Our policy as it stands; none, too, when the role is gone. */
async function standing (context: ActionContext, { resource, parameters }: PlannedAction): Promise<SessionState> {
  const policyName = sessionPolicyName(context)
  try {
    const { PolicyDocument = '' } = await context.clients.iam.send(new GetRolePolicyCommand({ RoleName: resource, PolicyName: policyName }))
    const read = readSessionPolicy(PolicyDocument, parameters.roleId as string, context.instanceId)
    return { policyName, revokedBefore: read?.revokedBefore ?? null, scope: read?.scope ?? null }
  } catch (error) {
    if (isGone(error)) return NONE
    throw error
  }
}

/** What a person can do where IAM refuses (IAM API Reference, "PutRolePolicy", Errors). */
const REFUSALS: Array<[code: RegExp, whatToDo: string]> = [
  [/^UnmodifiableEntity/, 'It belongs to an AWS service, which alone can change it. Its sessions end by themselves within hours; take the instance profile away so that no new ones begin.'],
  [/^LimitExceeded/, 'Its inline policies have no room left. Move one of them into a managed policy, then retry.']
]

export const revokeRoleSessions: Action = {
  observe: standing,
  apply: async (context, planned) => {
    const now = await standing(context, planned)
    const due = revocationDue(now, planned.parameters.scope as SessionScope, new Date())
    if (due === undefined) return now
    const document = sessionPolicy({ ...due, roleId: planned.parameters.roleId as string, instanceId: context.instanceId })
    try {
      await context.clients.iam.send(new PutRolePolicyCommand({
        RoleName: planned.resource, PolicyName: sessionPolicyName(context), PolicyDocument: JSON.stringify(document)
      }))
    } catch (error) {
      // A role that is gone has no sessions that AWS would still serve.
      if (isGone(error)) return NONE
      const whatToDo = REFUSALS.find(([code]) => code.test(awsCode(error) ?? ''))?.[1]
      if (whatToDo === undefined) throw error
      throw new CleanroomError('AWS_ERROR', `IAM does not let the sessions of ${planned.resource} be revoked. ${whatToDo}`, { cause: error })
    }
    return await standing(context, planned)
  },
  // The policy's name is this incident's alone, so the state to come back to is always that there is none.
  undo: async (context, planned) => {
    const { clients: { iam } } = context
    const now = await standing(context, planned)
    if (now.policyName === null) return undone(NONE, now, await hasRole(iam, planned.resource) ? undefined : `The role ${planned.resource} was deleted.`)
    if (now.scope === null) {
      return undone(NONE, now, `Somebody changed the policy ${now.policyName}; it was left alone. Delete it from the role ${planned.resource} if its sessions are trusted again.`)
    }
    try {
      await iam.send(new DeleteRolePolicyCommand({ RoleName: planned.resource, PolicyName: now.policyName }))
    } catch (error) {
      if (!isGone(error)) throw error
    }
    return undone(NONE, await standing(context, planned))
  }
}

async function hasRole (iam: IAMClient, RoleName: string): Promise<boolean> {
  try {
    await iam.send(new GetRoleCommand({ RoleName }))
    return true
  } catch (error) {
    if (isGone(error)) return false
    throw error
  }
}
