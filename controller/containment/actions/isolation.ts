/**
 * Cuts the instance off by security groups: every interface gets one group that has no rule at all.
 *
 * The group is made for this instance and incident and asserted empty by its id before use: a group of a known name
 * could hold rules that drift or an attacker put there. Interfaces are changed one by one, since
 * ModifyInstanceAttribute refuses an instance with more than one (Amazon EC2 API Reference,
 * "ModifyInstanceAttribute", Groups).
 *
 * A connection that a group tracks outlives any change of groups, one that no group tracks does not (Amazon EC2 User
 * Guide, "Security group connection tracking", Untracked connections). So an interface may go through a group that
 * lets all traffic pass, whose connections are not tracked, before it gets the one without rules. Whatever becomes of
 * the first step, the second is made; when that fails, the group that lets traffic pass loses its rules, or the
 * interface gets back what it had, and so on in turn until one of them is done.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { DescribeNetworkInterfacesCommand, DescribeSecurityGroupsCommand, ModifyNetworkInterfaceAttributeCommand, type EC2Client, type SecurityGroup } from '@aws-sdk/client-ec2'
import { awsCode, onceKnown } from '../../aws/aws-errors.ts'
import { CleanroomError } from '../../incident/errors.ts'
import type { Action, ActionContext, State } from './action.ts'
import { changeAndReadBack, isUnanswered } from './read-back.ts'
import { deleteGroup, emptyGroup, exists, findGroup, groupState, isOurs, makeGroup, usersOf } from './security-groups.ts'
import { closeUntrackingGroup } from './untracking.ts'

/** The name of the group without rules; others find it by this, its tags and its VPC. */
export function isolationGroupName ({ incidentId, instanceId }: Pick<ActionContext, 'incidentId' | 'instanceId'>): string {
  return `cleanroom-isolation-${incidentId}-${instanceId}`
}

async function isolationGroup (context: ActionContext, vpcId: string): Promise<State> {
  return { ...await groupState(context.clients.ec2, await findGroup(context, vpcId, isolationGroupName(context))) }
}

export const prepareIsolationGroup: Action = {
  observe: async (context, planned) => await isolationGroup(context, planned.resource),
  // Four calls on the first run, each needing the one before: make, read the rules, revoke them, read again.
  apply: async (context, planned) => {
    const { groupId, fresh } = await makeGroup(context, planned.resource, {
      name: isolationGroupName(context), description: `Isolation of ${context.instanceId} for incident ${context.incidentId}: no rules`
    })
    await emptyGroup(context.clients.ec2, groupId, { fresh })
    if (fresh !== true && !await exists(context.clients.ec2, groupId)) {
      throw new CleanroomError('AWS_BUSY', `${groupId} went while it was made ready; the next attempt makes another.`)
    }
    return { groupId, rules: 0 }
  },
  undo: async (context, planned, { after }) => {
    const { ec2 } = context.clients
    const groupId = typeof after.groupId === 'string' ? after.groupId : await findGroup(context, planned.resource, isolationGroupName(context))
    if (groupId === undefined || await deleteGroup(ec2, groupId)) return { now: { groupId: null }, restored: true }
    return {
      now: await isolationGroup(context, planned.resource),
      restored: false,
      note: `${groupId} is still used by ${await usersOf(ec2, groupId)}; delete it when nothing uses it any more.`
    }
  }
}

/** Of an interface that does not exist any more, `{gone: true}`. */
async function groupsOf (ec2: EC2Client, interfaceId: string): Promise<State> {
  try {
    const answer = await ec2.send(new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [interfaceId] }))
    return { securityGroupIds: answer.NetworkInterfaces?.[0]?.Groups?.map(({ GroupId }) => GroupId!).sort() ?? [] }
  } catch (error) {
    if (isInterfaceGone(error)) return { gone: true }
    throw error
  }
}

/** Not every NotFound: a group that is gone must not pass for an interface that is. */
function isInterfaceGone (error: unknown): boolean {
  return awsCode(error) === 'InvalidNetworkInterfaceID.NotFound'
}

/** Milliseconds for each step of the swap with all its retries: an interface must not stand open for longer. */
const STEP_LIMIT_MS = 6_000
/** Milliseconds for all of the swap, well within the time of a durable step. */
const SWAP_LIMIT_MS = 25_000
/** Between rounds of the last resort; the last goes on. */
const PAUSES_MS = [250, 500, 1000, 2000]

const STILL_TRACKED = 'Isolated, perhaps without ending connection tracking: connections that were open and tracked may go on.'

type Send = (options: { abortSignal?: AbortSignal }) => Promise<unknown>

/** Sends within the limit; after it nothing more is sent, though AWS may still carry out what was. */
async function withinLimit (step: string, send: Send, limitMs: number): Promise<void> {
  const abortSignal = AbortSignal.timeout(limitMs)
  const late = new Promise<never>((_resolve, reject) => {
    abortSignal.addEventListener('abort', () => {
      reject(Object.assign(new Error(`${step} was not answered in ${limitMs} ms`), { name: 'TimeoutError' }))
    })
  })
  await Promise.race([send({ abortSignal }), late])
}

/** What the swap needs, so that tests can be as impatient as they like. */
export interface SwapLimits { stepLimitMs: number, swapLimitMs?: number }

export function isolateInterfaceWithin ({ stepLimitMs, swapLimitMs = SWAP_LIMIT_MS }: SwapLimits): Action {
  return {
    observe: async ({ clients: { ec2 } }, planned) => await groupsOf(ec2, planned.resource),
    apply: async (context, planned, before) => {
      const { clients: { ec2 }, isolationGroupId, untrackingGroupId, noteWidening } = context
      if (isolationGroupId === undefined) {
        throw new CleanroomError('ISOLATION_GROUP_NOT_EMPTY', 'There is no empty group to isolate with; see prepare-isolation-group.')
      }
      const isolated = { securityGroupIds: [isolationGroupId] }
      const put = (...groupIds: string[]): Send => async (options) =>
        await ec2.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: planned.resource, Groups: groupIds }), options)
      const isolate: Send = async (options) => await onceKnown(isolationGroupId, put(isolationGroupId)(options))
      const untracks = planned.parameters.untrack === true && !isDeepStrictEqual(before.securityGroupIds, isolated.securityGroupIds)
      const widens = untracks && untrackingGroupId !== undefined && await noteWidening?.() === true
      const read = (): Promise<State> => groupsOf(ec2, planned.resource)
      const isIsolated = (state: State): boolean => isDeepStrictEqual(state, isolated)
      const straight = (): Promise<State> => changeAndReadBack(() => isolate({}), read, isIsolated)
      try {
        if (!untracks || untrackingGroupId === undefined) {
          const after = await straight()
          if (untracks) context.remark?.(STILL_TRACKED)
          return after
        }
        const former = (before.securityGroupIds ?? []) as string[]
        await swap(context, {
          untrackingGroupId,
          isolate,
          read,
          isIsolated,
          stepLimitMs,
          swapLimitMs,
          ...widens && { open: put(untrackingGroupId) },
          ...former.length > 0 && !former.includes(untrackingGroupId) && { putBack: put(...former) }
        })
        const after = await read()
        // The first step's call may come to be carried out after the second's.
        return after.gone === true || isIsolated(after) ? after : await straight()
      } catch (error) {
        if (isInterfaceGone(error)) return { gone: true }
        throw error
      }
    },
    undo: async (context, planned, { before }) => {
      const { clients: { ec2 }, isolationGroupId } = context
      const interfaceId = planned.resource
      const now = await groupsOf(ec2, interfaceId)
      if (isDeepStrictEqual(now, before)) return { now, restored: true }
      if (now.gone === true) return { now, restored: false, note: `${interfaceId} is gone; there is nothing left to give its groups back to.` }
      const [present, former] = [now.securityGroupIds as string[], (before.securityGroupIds ?? []) as string[]]
      const existing = await describe(ec2, [...present, ...former])
      const foreign = present.filter((id) => id !== isolationGroupId && !existing.some((group) => group.GroupId === id && isOurs(context, group)))
      if (foreign.length > 0) {
        return { now, restored: false, note: `Somebody gave ${interfaceId} ${foreign.join(', ')} since; its groups were left as they are.` }
      }
      const [found, lost] = partition(former, (id) => existing.some(({ GroupId }) => GroupId === id))
      if (found.length === 0) {
        return { now, restored: false, note: `None of the groups of ${interfaceId} exists any more (${former.join(', ') || 'it had none'}); it stays isolated until somebody gives it groups.` }
      }
      const restored = await changeAndReadBack(
        () => ec2.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: interfaceId, Groups: found })),
        () => groupsOf(ec2, interfaceId), (state) => isDeepStrictEqual(state, { securityGroupIds: [...found].sort() }))
      return {
        now: restored,
        restored: isDeepStrictEqual(restored, before),
        ...lost.length > 0 && { note: `${interfaceId} has ${found.join(', ')} again; ${lost.join(', ')} no longer exists.` }
      }
    }
  }
}

export const isolateInterface = isolateInterfaceWithin({ stepLimitMs: STEP_LIMIT_MS })

interface Swap {
  untrackingGroupId: string
  /** Absent when an earlier attempt may have made the first step. */
  open?: Send
  isolate: Send
  /** Gives the interface the groups it had before the incident. */
  putBack?: Send
  read: () => Promise<State>
  isIsolated: (state: State) => boolean
  stepLimitMs: number
  swapLimitMs: number
}

/**
 * Both steps, nothing between them. When the second fails, the group that lets all pass is closed, or else the interface
 * gets back what it had, and again in turn: no single cause must leave it open.
 * @throws what the second step threw, once one of the others is done, or when the time is over
 */
async function swap ({ clients: { ec2 }, remark }: ActionContext, { untrackingGroupId, open, isolate, putBack, read, isIsolated, stepLimitMs, swapLimitMs }: Swap): Promise<void> {
  const end = Date.now() + swapLimitMs
  const left = (): number => end - Date.now()
  const modify = async (send: Send): Promise<void> => { await withinLimit(MODIFY, send, Math.max(1, Math.min(stepLimitMs, left()))) }
  const attempted = async (act: () => Promise<unknown>): Promise<{ error: unknown } | undefined> =>
    await act().then(() => undefined, (error: unknown) => ({ error }))
  const close = async (): Promise<boolean> => await attempted(async () => {
    await withinLimit('RevokeSecurityGroupIngress', async () => { await closeUntrackingGroup(ec2, untrackingGroupId) }, Math.max(1, Math.min(stepLimitMs, left())))
  }) === undefined

  const opened = open && await attempted(async () => { await modify(open) })
  // A call that was given up may be carried out later: then the interface must find a group without rules.
  const opensLate = opened !== undefined && isUnanswered(opened.error)
  const neverOpened = opened !== undefined && isRefusedAtOnce(opened.error)
  let wasPutBack = false
  for (let round = 0; ; round++) {
    const failed = await attempted(async () => { await modify(isolate) })
    if (!failed) break
    const { error } = failed
    if (isInterfaceGone(error)) throw error
    // The removal of the group runs in any case and says what kept its rules from being revoked.
    const [state, isClosed] = await Promise.all([read().catch(() => undefined), close()])
    if (state !== undefined && isUnanswered(error) && isIsolated(state)) break
    if (isClosed) throw error
    // Only from the open group: an interface that was isolated meanwhile must not be let out.
    const isOpen = (state?.securityGroupIds as string[] | undefined)?.includes(untrackingGroupId) === true
    if (isOpen && putBack && left() > 0 && !await attempted(async () => { await modify(putBack) })) {
      wasPutBack = true
      if (!opensLate) throw error
    }
    const pauseMs = PAUSES_MS[Math.min(round, PAUSES_MS.length - 1)]!
    if (neverOpened || left() <= pauseMs) throw error
    await sleep(pauseMs)
  }
  if (open && !opened && !wasPutBack) return
  remark?.(STILL_TRACKED)
  if (opensLate) await closeUntrackingGroup(ec2, untrackingGroupId)
}

const MODIFY = 'ModifyNetworkInterfaceAttribute'

/** Whether AWS answered the first and only try with a refusal, so that nothing can have changed or change later. */
function isRefusedAtOnce (error: unknown): boolean {
  return awsCode(error) !== undefined && !isUnanswered(error) && (error as { $metadata?: { attempts?: number } }).$metadata?.attempts === 1
}

async function describe (ec2: EC2Client, groupIds: string[]): Promise<SecurityGroup[]> {
  // By filter: asked for by id, one that does not exist fails the call.
  const answer = await ec2.send(new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'group-id', Values: [...new Set(groupIds)] }] }))
  return answer.SecurityGroups ?? []
}

function partition<T> (items: T[], holds: (item: T) => boolean): [yes: T[], no: T[]] {
  return [items.filter(holds), items.filter((item) => !holds(item))]
}
