/**
 * Takes the instance out of its Auto Scaling group's hands, which could terminate it at any time, and brings
 * it back at release so that the group is as before.
 *
 * By policy: detached, and the group starts a replacement or shrinks; put on standby, and the group starts a
 * replacement; or left in service while what could end it is suspended. Nothing here terminates an instance.
 *
 * Sources: Amazon EC2 Auto Scaling User Guide, "Detach or attach instances", "Temporarily remove instances",
 * "Suspend and resume processes", "Use instance scale-in protection", "Health checks".
 */
import {
  AttachInstancesCommand, DescribeAutoScalingGroupsCommand, DescribeAutoScalingInstancesCommand, DetachInstancesCommand,
  EnterStandbyCommand, ExitStandbyCommand, ResumeProcessesCommand, SetInstanceHealthCommand, SetInstanceProtectionCommand,
  SuspendProcessesCommand, type AutoScalingGroup, type AutoScalingInstanceDetails
} from '@aws-sdk/client-auto-scaling'
import { DescribeTagsCommand } from '@aws-sdk/client-ec2'
import { awsCode } from '../../aws/aws-errors.ts'
import { CleanroomError } from '../../incident/errors.ts'
import { TAG } from '../../incident/tags.ts'
import type { PlannedAction } from '../plan.ts'
import type { Action, ActionContext, Recorded, State, Undone } from './action.ts'
import { accountOf, differences, planReturn, standingOf, stateOf, type Account, type Group, type Leaving, type Membership, type WayOut } from './auto-scaling-group.ts'
import { livingInstance } from './described-instance.ts'
import { INSTANCE_GONE, undone } from './take-back.ts'

/**
 * What ends an instance that scale-in protection does not keep: replacing it as unhealthy, which isolation
 * makes it to load balancers; an instance refresh that is told to refresh protected instances; moving it to
 * another zone. Terminate is not among them: the group could not scale in any more, and would grow beyond its
 * maximum when rebalancing.
 */
export const REPLACING_PROCESSES: readonly string[] = ['AZRebalance', 'InstanceRefresh', 'ReplaceUnhealthy']

interface Now {
  own?: Membership
  /** The planned group; absent once it is deleted. */
  group?: Group
}

async function read ({ clients: { autoScaling }, instanceId }: ActionContext, { resource }: PlannedAction): Promise<Now> {
  const [instances, groups] = await Promise.all([
    autoScaling.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] })),
    autoScaling.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [resource] }))
  ])
  const [own, group] = [instances.AutoScalingInstances?.[0], groups.AutoScalingGroups?.[0]]
  return { ...own && { own: membershipOf(own) }, ...group && { group: groupOf(group) } }
}

function membershipOf ({ AutoScalingGroupName, LifecycleState, ProtectedFromScaleIn, HealthStatus }: AutoScalingInstanceDetails): Membership {
  return {
    group: AutoScalingGroupName!,
    lifecycleState: LifecycleState!,
    standing: standingOf(LifecycleState),
    protectedFromScaleIn: ProtectedFromScaleIn ?? false,
    healthy: HealthStatus?.toLowerCase() !== 'unhealthy'
  }
}

function groupOf (group: AutoScalingGroup): Group {
  const members = (group.Instances ?? []).map(({ InstanceId, LifecycleState }) => ({ instanceId: InstanceId!, standing: standingOf(LifecycleState) }))
  return {
    name: group.AutoScalingGroupName!,
    desiredCapacity: group.DesiredCapacity!,
    minSize: group.MinSize!,
    maxSize: group.MaxSize!,
    members: members.filter(({ standing }) => standing !== 'out' && standing !== 'ending'),
    suspendedProcesses: (group.SuspendedProcesses ?? []).map(({ ProcessName }) => ProcessName!).sort()
  }
}

function howOf ({ parameters }: PlannedAction): Leaving {
  return parameters.how as Leaving
}

async function observe (context: ActionContext, planned: PlannedAction): Promise<State> {
  const { own, group } = await read(context, planned)
  return stateOf(howOf(planned), own, group)
}

export const leaveAutoScaling: Action = {
  observe,
  apply: async (context, planned) => {
    const { own, group } = await read(context, planned)
    if (!isMember(own) || !group) return stateOf(howOf(planned), own, group)
    if (own.group !== group.name) {
      throw new CleanroomError('AWS_BUSY', `${context.instanceId} moved from ${group.name} to ${own.group} since it was read.`)
    }
    const how = howOf(planned)
    if (how === 'suspend') await suspendReplacing(context, own, group)
    else await leave(context, planned, own, group, how)
    return await observe(context, planned)
  },
  undo: async (context, planned, recorded) => {
    const { before, after } = recorded
    const { own, group } = await read(context, planned)
    const how = howOf(planned)
    const now = stateOf(how, own, group)
    if (before.member !== true) return undone(before, now)
    if (!group) return undone(before, now, `The Auto Scaling group ${planned.resource} was deleted; the instance runs on without one.`)
    if (how === 'suspend') return await resumeReplacing(context, planned, recorded, own, group)
    // It never left, so nothing that became of the group is this action's doing.
    const stayed = after.member === true && after.standby === before.standby
    return stayed ? undone(before, now, otherwise(before, group)) : await comeBack(context, planned, before, own, group)
  }
}

/** The three ways out. @throws CleanroomError AWS_BUSY while it is on its way elsewhere, AWS_ERROR where there is no way out */
async function leave (
  context: ActionContext, planned: PlannedAction, { standing, lifecycleState }: Membership, group: Group, how: WayOut
): Promise<void> {
  const { clients: { autoScaling }, instanceId } = context
  const one = { AutoScalingGroupName: group.name, InstanceIds: [instanceId] }
  if (how === 'standby' && (standing === 'standby' || standing === 'entering-standby')) return
  refuseNoWayOut(instanceId, group.name, standing, lifecycleState)
  if (how === 'standby') {
    await move(context, planned, () => autoScaling.send(new EnterStandbyCommand({ ...one, ShouldDecrementDesiredCapacity: false })), ({ own }) => isStandby(own))
    return
  }
  // One on standby does not count: a decrement would end another member.
  const decrement = how === 'shrink' && standing !== 'standby'
  if (decrement && group.desiredCapacity - 1 < group.minSize) {
    throw new CleanroomError('AWS_ERROR',
      `${group.name} can't shrink below its minimum of ${group.minSize}. Contain with autoScaling "replace" or "standby", or lower the minimum and retry.`)
  }
  await move(context, planned, () => autoScaling.send(new DetachInstancesCommand({ ...one, ShouldDecrementDesiredCapacity: decrement })), ({ own }) => !isMember(own))
}

/**
 * Auto Scaling refuses a move that is made already, and a call whose answer was lost is sent again by the SDK:
 * what then stands decides.
 */
async function move (context: ActionContext, planned: PlannedAction, call: () => Promise<unknown>, isDone: (now: Now) => boolean): Promise<void> {
  try {
    await call()
  } catch (error) {
    if (!/^ValidationError(Exception)?$/.test(awsCode(error) ?? '') || !isDone(await read(context, planned))) throw error
  }
}

function isMember (own: Membership | undefined): own is Membership {
  return own !== undefined && own.standing !== 'out'
}

function isStandby (own: Membership | undefined): boolean {
  return own?.standing === 'standby' || own?.standing === 'entering-standby'
}

function refuseNoWayOut (instanceId: string, group: string, standing: Membership['standing'], lifecycleState: string): void {
  if (standing === 'ending') {
    throw new CleanroomError('AWS_ERROR', `Auto Scaling is terminating ${instanceId} (${lifecycleState} in ${group}), and nothing takes it out any more. Take snapshots first. ${
      lifecycleState.endsWith(':Wait')
        ? 'A lifecycle hook holds it: keep it there with RecordLifecycleActionHeartbeat until evidence is taken, and let it go with CompleteLifecycleAction.'
        : 'It is a matter of minutes.'}`)
  }
  if (standing === 'warm') {
    throw new CleanroomError('AWS_ERROR', `${instanceId} waits in the warm pool of ${group} (${lifecycleState}), from which no instance can be detached; the group may start, stop or terminate it. Take snapshots first; then suspend Launch and Terminate of the group, or delete its warm pool once evidence is taken.`)
  }
  if (standing !== 'in-service' && standing !== 'standby') {
    throw new CleanroomError('AWS_BUSY', `${instanceId} is ${lifecycleState} in ${group}; it can leave once it is in service.`)
  }
}

/** The processes first: they end an instance whatever its protection. */
async function suspendReplacing ({ clients: { autoScaling }, instanceId }: ActionContext, own: Membership, group: Group): Promise<void> {
  const running = REPLACING_PROCESSES.filter((name) => !group.suspendedProcesses.includes(name))
  if (running.length > 0) {
    await autoScaling.send(new SuspendProcessesCommand({ AutoScalingGroupName: group.name, ScalingProcesses: running }))
  }
  refuseNoWayOut(instanceId, group.name, own.standing, own.lifecycleState)
  if (!own.protectedFromScaleIn) await protect({ autoScaling }, instanceId, group.name, true)
}

async function protect ({ autoScaling }: Pick<ActionContext['clients'], 'autoScaling'>, instanceId: string, AutoScalingGroupName: string, ProtectedFromScaleIn: boolean): Promise<void> {
  await autoScaling.send(new SetInstanceProtectionCommand({ AutoScalingGroupName, InstanceIds: [instanceId], ProtectedFromScaleIn }))
}

/** Attaches, or ends standby; each step only where it is still to be done, so that it can be run again. */
async function comeBack (context: ActionContext, planned: PlannedAction, before: State, own: Membership | undefined, group: Group): Promise<Undone> {
  const { clients, instanceId } = context
  const { autoScaling } = clients
  const how = howOf(planned) as WayOut
  const now = stateOf(how, own, group)
  const lifecycleState = own?.lifecycleState
  const inGroup = isMember(own)
  const one = { AutoScalingGroupName: group.name, InstanceIds: [instanceId] }
  if (inGroup && own.group !== group.name) return undone(before, now, `Somebody put the instance into the Auto Scaling group ${own.group}; it was left there.`)
  if (own?.standing === 'ending') return undone(before, now, INSTANCE_GONE)
  if (!inGroup) {
    const state = (await livingInstance(clients.ec2, instanceId))?.State?.Name
    if (state === undefined) return undone(before, now, INSTANCE_GONE)
    if (state !== 'running') return undone(before, now, `Only a running instance can be attached, and this one is ${state}. Start it, then attach it to ${group.name}.`)
    // Still on its way out: what is detaching can't be attached yet.
    if (lifecycleState !== undefined) throw new CleanroomError('AWS_BUSY', `${instanceId} is still ${lifecycleState} in ${group.name}.`)
  }
  const onStandby = isStandby(own)
  if (before.standby === true) {
    if (!onStandby) await backToStandby(context, planned, inGroup)
    return undone(before, await observe(context, planned))
  }
  const account = before as unknown as Account
  const gone = account.members.filter((id) => id !== instanceId && group.members.every((each) => each.instanceId !== id))
  const way = planReturn({
    instanceId,
    how,
    before: account,
    group,
    contained: await quarantined(context, gone),
    keepReplacement: planned.parameters.keepReplacement === true
  })
  if (way.can === 'wait') throw new CleanroomError('AWS_BUSY', way.why)
  if (way.can === 'not-return') return undone(before, now, way.whatToDo)
  const detachReplacements = async (): Promise<void> => {
    if (way.replacements.length === 0) return
    await move(context, planned,
      () => autoScaling.send(new DetachInstancesCommand({ AutoScalingGroupName: group.name, InstanceIds: way.replacements, ShouldDecrementDesiredCapacity: true })),
      (now) => now.group !== undefined && now.group.members.every((each) => !way.replacements.includes(each.instanceId)))
  }
  if (way.makeRoom) await detachReplacements()
  const isBack = ({ own }: Now): boolean => isMember(own) && !isStandby(own)
  if (onStandby) await move(context, planned, () => autoScaling.send(new ExitStandbyCommand(one)), isBack)
  else if (!inGroup) await move(context, planned, () => autoScaling.send(new AttachInstancesCommand(one)), isBack)
  if (!way.makeRoom) await detachReplacements()
  await protectAsBefore(context, planned, before)
  const after = await read(context, planned)
  return undone(before, stateOf(how, after.own, after.group),
    way.replacements.length > 0 ? `${way.replacements.join(', ')} had been started in its stead; it was detached from ${group.name} and runs on. Terminate it if nobody needs it.` : undefined,
    after.group && otherwise(before, after.group))
}

/** What is otherwise in the group than before and was left so. */
function otherwise (before: State, group: Group): string | undefined {
  const account = before as Partial<Account>
  const still = account.members && differences(account as Account, accountOf(group))
  return still && `${group.name} is otherwise than before: ${still}. Nothing of that was changed.`
}

/** Attached ones get the group's setting (User Guide, "Use instance scale-in protection"). */
async function protectAsBefore (context: ActionContext, planned: PlannedAction, before: State): Promise<void> {
  const { own, group } = await read(context, planned)
  const wanted = before.protectedFromScaleIn as boolean
  if (!own || !group || own.protectedFromScaleIn === wanted) return
  if (own.standing === 'changing') throw new CleanroomError('AWS_BUSY', `${context.instanceId} is ${own.lifecycleState} in ${group.name}; its scale-in protection can be set once it is in service.`)
  await protect(context.clients, context.instanceId, group.name, wanted)
}

/** It was on standby before: attached, which adds one to the capacity, and put there again, which takes it off. */
async function backToStandby (context: ActionContext, planned: PlannedAction, isAttached: boolean): Promise<void> {
  const { clients: { autoScaling }, instanceId } = context
  const one = { AutoScalingGroupName: planned.resource, InstanceIds: [instanceId] }
  if (!isAttached) await move(context, planned, () => autoScaling.send(new AttachInstancesCommand(one)), ({ own }) => isMember(own))
  const { own } = await read(context, planned)
  if (own?.standing !== 'in-service') throw new CleanroomError('AWS_BUSY', `${instanceId} is ${own?.lifecycleState ?? 'not'} in ${planned.resource} yet; it can go on standby once it is in service.`)
  await move(context, planned, () => autoScaling.send(new EnterStandbyCommand({ ...one, ShouldDecrementDesiredCapacity: true })), ({ own }) => isStandby(own))
}

/** Those of the instances that are contained, by their tag. */
async function quarantined ({ clients: { ec2 } }: ActionContext, instanceIds: string[]): Promise<string[]> {
  if (instanceIds.length === 0) return []
  const answer = await ec2.send(new DescribeTagsCommand({
    Filters: [{ Name: 'resource-id', Values: instanceIds }, { Name: 'key', Values: [TAG.status] }, { Name: 'value', Values: ['quarantined'] }]
  }))
  return (answer.Tags ?? []).map(({ ResourceId }) => ResourceId!)
}

/**
 * Resumes what this action suspended and nothing else, unless another contained member still needs it. What was suspended
 * before stays so: AWS does not say whether an operator did that or the containment of a member that is released by now,
 * and resuming an operator's would end instances. The note names it for a person to decide.
 */
async function resumeReplacing (
  context: ActionContext, planned: PlannedAction, { before, after }: Recorded, own: Membership | undefined, group: Group
): Promise<Undone> {
  const { clients: { autoScaling }, instanceId } = context
  const was = before.suspendedProcesses as string[]
  const ours = (after.suspendedProcesses as string[]).filter((name) => !was.includes(name) && group.suspendedProcesses.includes(name))
  const stays = REPLACING_PROCESSES.filter((name) => was.includes(name) && group.suspendedProcesses.includes(name))
  const others = ours.length > 0 || stays.length > 0
    ? await quarantined(context, group.members.map((each) => each.instanceId).filter((id) => id !== instanceId))
    : []
  const member = isMember(own) && own.group === group.name ? own : undefined
  // What isolation made unhealthy stays so, and would be terminated the moment that ReplaceUnhealthy resumes, whoever resumes it.
  if (member && !member.healthy) {
    await autoScaling.send(new SetInstanceHealthCommand({ InstanceId: instanceId, HealthStatus: 'Healthy', ShouldRespectGracePeriod: false }))
  }
  if (ours.length > 0 && others.length === 0) {
    await autoScaling.send(new ResumeProcessesCommand({ AutoScalingGroupName: group.name, ScalingProcesses: ours }))
  }
  if (member && before.protectedFromScaleIn === false && member.protectedFromScaleIn) await protect({ autoScaling }, instanceId, group.name, false)
  return undone(before, await observe(context, planned),
    member ? undefined : `Somebody took the instance out of ${group.name}; attach it if it belongs there.`,
    ours.length > 0 && others.length > 0 ? `${ours.join(', ')} of ${group.name} stay suspended for ${others.join(', ')}, contained as well; resume them when it is released.` : undefined,
    stays.length > 0
      ? `${stays.join(', ')} of ${group.name} had been suspended before this instance was contained and stay so${others.length > 0 ? `, also for ${others.join(', ')}, contained as well` : ''}. ` +
        'AWS does not say for whom: if it was for another contained member, resume them once every contained member of the group is released.'
      : undefined)
}
