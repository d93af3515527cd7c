/**
 * What a clean room is made from and what it answers: plain JSON, so that it can be checkpointed and run again.
 */
import type { RoomVolume } from '../../controller/incident/incident.ts'
import type { BaselineOutputs } from '../baseline/outputs.ts'

/** One disk to copy into the room. */
export interface VolumeToCopy {
  snapshotId: string
  sourceVolumeId: string
  /** The suspected instance the snapshot comes from. */
  instanceId: string
  sizeGiB: number
  /** Its name on the suspected instance; in the room the copy gets a name of the room's own. */
  device: string
}

export interface CleanRoomInput {
  incidentId: string
  region: string
  accountId: string
  baseline: BaselineOutputs
  /** Where the workstation runs; absent: AWS chooses. Must stay the same for the life of a room. */
  availabilityZone?: string
  /** The room's address range, RFC 1918, /16 to /28. */
  cidr: string
  instanceType: string
  /** Append only: a copy's device follows from its place. */
  volumes: VolumeToCopy[]
  /** ISO 8601, UTC. */
  expiresAt: string
}

export interface RoomOutputs {
  vpcId: string
  subnetIds: string[]
  workstationId: string
  availabilityZone: string
  workstationRoleName: string
  /** `device` is the name in the room. */
  volumes: RoomVolume[]
  scratchVolumeId: string
}

export const ROOM_PURPOSE = 'clean-room'

/** The part that the workstation's own disk is: it comes and goes with the instance. */
export const ROOT_DISK = 'workstation-root'

/**
 * The tags of everything in a room. Containment tags the victim with the same incident: only all
 * three tags together say that a resource belongs to the room and may go with it.
 */
export function roomTags (incidentId: string): Record<string, string> {
  return {
    'cleanroom:managed': 'true',
    'cleanroom:incident': incidentId,
    'cleanroom:purpose': ROOM_PURPOSE
  }
}

/** The tags of one resource, with the name a person sees in the console. */
export function namedTags (incidentId: string, part: string): Record<string, string> {
  return { ...roomTags(incidentId), Name: `clean-room-${incidentId}-${part}` }
}

/** Path of every identity of a room: what the build role may make and the look-up searches. */
export const ROOM_IAM_PATH = '/cleanroom/rooms/'

/** Name of the incident's workstation role and of its instance profile; IAM allows 64 characters. */
export function workstationRoleName (incidentId: string): string {
  return `cleanroom-${incidentId}`
}
