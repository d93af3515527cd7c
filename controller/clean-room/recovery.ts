/**
 * Bringing a stack and AWS together again after an engine was interrupted.
 *
 * An engine that dies in mid-create leaves a lock, pending operations without an id, and resources
 * that AWS made but the state never learnt. Left alone, the next `up` collides with them and a
 * `destroy` fails with DependencyViolation for ever. So before any operation on a stack that exists,
 * AWS is asked by tag, for every kind of thing a room is made of:
 * what AWS has and the state has not is an orphan and is removed (nothing can depend on it: whatever
 * did would have needed its id); what the state has and AWS has not is lost, and a refresh forgets it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Deployment } from '@pulumi/pulumi/automation/index.js'
import { attempt } from '../aws/aws-errors.ts'
import { ROOM_RESOURCES, type Cloud } from './room-resources.ts'

export interface StateResource {
  urn: string
  type: string
  id?: string
  outputs?: Record<string, unknown>
}

/** The part of an exported stack that matters here. */
export interface StackState {
  resources: StateResource[]
  pending: Array<{ type: string, resource: StateResource }>
}

export interface RoomResource {
  type: string
  id: string
}

export interface Difference {
  /** In AWS, unknown to the state; in the order in which they can be removed. */
  orphans: RoomResource[]
  /** In the state, unknown to AWS. */
  lost: RoomResource[]
}

/** @param deployment as `exportStack` gives it */
export function readState (deployment: Deployment): StackState {
  const { resources = [], pending_operations: pending = [] } = deployment.deployment as {
    resources?: StateResource[], pending_operations?: StackState['pending']
  } | undefined ?? {}
  return { resources, pending }
}

/** What of the incident's room AWS has, in the order in which it can be removed. */
export async function findRoom (cloud: Cloud, incidentId: string): Promise<RoomResource[]> {
  const found = await Promise.all(ROOM_RESOURCES.map(async ({ type, list }) =>
    (await attempt(`Looking for ${type} of ${incidentId}`, () => list(cloud, incidentId))).map(id => ({ type, id }))))
  return found.flat()
}

/** Pure: how the stack's state and AWS differ. */
export function compare (state: StackState, found: RoomResource[]): Difference {
  const kinds = new Map(ROOM_RESOURCES.map(kind => [kind.type, kind]))
  const known: RoomResource[] = state.resources.flatMap(({ type, id, outputs }) => {
    const kind = kinds.get(type)
    return kind && id ? [{ type, id: kind.identity?.(outputs ?? {}) ?? id }] : []
  })
  const key = ({ type, id }: RoomResource) => `${type} ${id}`
  const [knownKeys, foundKeys] = [new Set(known.map(key)), new Set(found.map(key))]
  const present = new Set(found.map(({ type }) => type))
  return {
    orphans: found.filter(resource => {
      const owner = kinds.get(resource.type)?.dependsOn
      return !knownKeys.has(key(resource)) && !(owner && present.has(owner))
    }),
    lost: known.filter(resource => !foundKeys.has(key(resource)))
  }
}

export interface Reconciled extends Difference {
  /** How many operations the interrupted engine had begun and not finished. */
  interrupted: number
  /** Whether the state still holds what AWS doesn't: the next operation must refresh first. */
  stale: boolean
}

/** What of a stack this needs. */
export interface StateOwner {
  exportStack: () => Promise<Deployment>
  importStack: (state: Deployment) => Promise<void>
}

/** Removes the orphans and clears what the interrupted engine left pending. @throws CleanroomError */
export async function reconcile (stack: StateOwner, cloud: Cloud, incidentId: string): Promise<Reconciled> {
  const [deployment, seen] = await Promise.all([stack.exportStack(), findRoom(cloud, incidentId)])
  const state = readState(deployment)
  // A call of the dead engine may land after we have looked.
  const found = state.pending.length > 0 ? await settled(cloud, incidentId, seen) : seen
  const difference = compare(state, found)
  await removeAll(cloud, difference.orphans)
  if (state.pending.length > 0) {
    await stack.importStack({ ...deployment, deployment: { ...deployment.deployment, pending_operations: undefined } })
  }
  return {
    ...difference,
    interrupted: state.pending.length,
    stale: difference.lost.length > 0 || state.pending.some(({ type }) => type !== 'creating')
  }
}

/** Removes them kind by kind, in the order of the table. @throws CleanroomError */
export async function removeAll (cloud: Cloud, resources: RoomResource[]): Promise<void> {
  for (const { type, remove } of ROOM_RESOURCES) {
    await Promise.all(resources.filter(resource => resource.type === type)
      .map(async ({ id }) => await attempt(`Removing ${type} ${id}`, () => remove(cloud, id))))
  }
}

/** EC2 is eventually consistent: what it shows counts when it shows it twice, two seconds apart. */
async function settled (cloud: Cloud, incidentId: string, first: RoomResource[]): Promise<RoomResource[]> {
  for (let before = first, tries = 0; ; tries += 1) {
    await sleep(2000)
    const now = await findRoom(cloud, incidentId)
    if (tries === 10 || sameResources(before, now)) return now
    before = now
  }
}

function sameResources (a: RoomResource[], b: RoomResource[]): boolean {
  const words = (resources: RoomResource[]) => resources.map(({ type, id }) => `${type} ${id}`).sort().join()
  return words(a) === words(b)
}
