/**
 * An Auto Scaling group as containment sees it, and what bringing an instance back into it takes. Pure.
 *
 * What a group counts (Amazon EC2 Auto Scaling User Guide, "Detach or attach instances", "Temporarily remove
 * instances"): members in service or starting count for the desired capacity, members on standby do not.
 * Detaching and standby without decrement make the group start a replacement. Attaching and leaving standby
 * add one to the desired capacity, and are refused beyond the maximum.
 */
import type { ContainmentPolicy } from '../../incident/incident.ts'
import type { State } from './action.ts'

export type Leaving = ContainmentPolicy['autoScaling']
export type WayOut = Exclude<Leaving, 'suspend'>

/**
 * Where a member stands: `changing` ones will be somewhere else soon, `warm` ones wait in a warm pool,
 * `ending` ones are being terminated, `out` ones have left.
 */
export type Standing = 'in-service' | 'standby' | 'entering-standby' | 'changing' | 'warm' | 'ending' | 'out'

/** Amazon EC2 Auto Scaling User Guide, "Amazon EC2 Auto Scaling instance lifecycle". */
const STANDINGS: Array<[lifecycleState: RegExp, standing: Standing]> = [
  [/^InService$/, 'in-service'],
  [/^Standby$/, 'standby'],
  [/^EnteringStandby$/, 'entering-standby'],
  [/^Detach/, 'out'],
  [/^Terminat/, 'ending'],
  [/^Warmed:Terminat/, 'ending'],
  [/^Warmed:/, 'warm']
]

export function standingOf (lifecycleState: string | undefined): Standing {
  if (lifecycleState === undefined) return 'out'
  return STANDINGS.find(([pattern]) => pattern.test(lifecycleState))?.[1] ?? 'changing'
}

export interface Member { instanceId: string, standing: Standing }

export interface Group {
  name: string
  desiredCapacity: number
  minSize: number
  maxSize: number
  /** Those that have left or are ending are not among them. */
  members: Member[]
  /** Sorted. */
  suspendedProcesses: string[]
}

/** The instance's own membership. */
export interface Membership { group: string, lifecycleState: string, standing: Standing, protectedFromScaleIn: boolean, healthy: boolean }

/** What release restores of a group's account. */
export interface Account { desiredCapacity: number, members: string[] }

/**
 * The state of `leave-auto-scaling`. The account stands in it only while the instance is in service: a group
 * goes on living without the instance, and that is not this action's doing.
 */
export function stateOf (how: Leaving, own: Membership | undefined, group: Group | undefined): State {
  if (!group) return { member: false, groupDeleted: true }
  const member = own !== undefined && own.standing !== 'out' && own.group === group.name
  if (how === 'suspend') {
    return { member, group: group.name, protectedFromScaleIn: member ? own.protectedFromScaleIn : null, suspendedProcesses: group.suspendedProcesses }
  }
  if (!member) return { member }
  const standby = own.standing === 'standby' || own.standing === 'entering-standby'
  return { member, group: group.name, standby, protectedFromScaleIn: own.protectedFromScaleIn, ...!standby && accountOf(group) }
}

export function accountOf ({ desiredCapacity, members }: Group): Account {
  return { desiredCapacity, members: members.map(({ instanceId }) => instanceId).sort() }
}

export interface ReturnQuestion {
  instanceId: string
  how: WayOut
  before: Account
  group: Group
  /** Members of before that are out of the group because they are contained, too. */
  contained: string[]
  keepReplacement: boolean
}

export type Return =
  | {
    can: 'return'
    /** Started in the instance's stead; they leave again, each taking one off the desired capacity. */
    replacements: string[]
    /** Whether they must leave before there is room for the instance. */
    makeRoom: boolean
  }
  /** A replacement is still starting, and can't leave yet. */
  | { can: 'wait', why: string }
  | { can: 'not-return', whatToDo: string }

/**
 * How the instance comes back so that the group is as before. Only what shows to be the doing of its leaving
 * is taken back: the group has one member more than before, nobody else has left, and the number fits.
 * Whatever else changed the group since, the instance is brought back and the group left as it is.
 */
export function planReturn ({ instanceId, how, before, group, contained, keepReplacement }: ReturnQuestion): Return {
  const isBack = group.members.some((each) => each.instanceId === instanceId && (each.standing === 'in-service' || each.standing === 'changing'))
  const others = group.members.filter((each) => each.instanceId !== instanceId)
  const newcomers = others.filter((each) => !before.members.includes(each.instanceId)).sort((a, b) => a.instanceId.localeCompare(b.instanceId))
  const left = before.members.filter((id) => id !== instanceId && others.every((each) => each.instanceId !== id))
  const surplus = group.desiredCapacity + (isBack ? 0 : 1) - before.desiredCapacity
  const nobodyElse = left.every((id) => contained.includes(id))
  const replaced = how !== 'shrink' && surplus === 1 && nobodyElse && !keepReplacement
  const fits = newcomers.length === 1 + left.length && newcomers.every(({ standing }) => standing === 'in-service' || standing === 'changing')
  const replacements = replaced && fits ? newcomers.filter(({ standing }) => standing === 'in-service').slice(0, 1).map((each) => each.instanceId) : []
  const launching = newcomers.length < 1 + left.length && !group.suspendedProcesses.includes('Launch')
  if (replaced && (launching || (fits && replacements.length === 0))) {
    return { can: 'wait', why: `${group.name} is still starting a replacement for ${instanceId}; it can leave once it is in service. To go on without waiting, keep it.` }
  }
  const isFull = !isBack && group.desiredCapacity + 1 > group.maxSize
  if (isFull && replacements.length === 0) {
    return { can: 'not-return', whatToDo: `${group.name} is full (desired capacity and maximum ${group.maxSize}). Raise its maximum or detach a member, then attach ${instanceId}.` }
  }
  if (isFull && group.desiredCapacity - 1 < group.minSize) {
    return {
      can: 'not-return',
      whatToDo: `${group.name} can neither grow nor shrink (minimum and maximum ${group.maxSize}). Raise its maximum by one, attach ${instanceId}, then detach ${replacements.join(', ')} with decrement.`
    }
  }
  return { can: 'return', replacements, makeRoom: isFull }
}

/** What is still otherwise than before, in words; undefined when nothing is. */
export function differences (before: Account, now: Account): string | undefined {
  const came = now.members.filter((id) => !before.members.includes(id))
  const left = before.members.filter((id) => !now.members.includes(id))
  const words = [
    ...now.desiredCapacity !== before.desiredCapacity ? [`its desired capacity is ${now.desiredCapacity} and was ${before.desiredCapacity}`] : [],
    ...came.length > 0 ? [`${came.join(', ')} came`] : [],
    ...left.length > 0 ? [`${left.join(', ')} left`] : []
  ]
  return words.length > 0 ? words.join('; ') : undefined
}
