/**
 * What a clean room is made from and what it answers: plain JSON, so that it can be checkpointed and run again.
 */
import type { RoomVolume } from '../../controller/incident/incident.ts'
import type { BaselineOutputs } from '../baseline/outputs.ts'

/** One disk to copy into the room. */
export interface RoomDisk {
  snapshotId: string
  sourceVolumeId: string
  /** The suspected instance the snapshot comes from. */
  instanceId: string
  sizeGiB: number
  /** The copy's device name in the room; must stay the same for the life of a room. */
  device: string
}

/** What names and policies follow from. A room lives in the baseline's account and Region. */
export interface RoomIdentity {
  incidentId: string
  baseline: BaselineOutputs
}

export interface CleanRoomInput extends RoomIdentity {
  /** Where the workstation runs; absent: AWS chooses. Must stay the same for the life of a room. */
  availabilityZone?: string
  /** The room's address range, RFC 1918, /16 to /28. Rooms are connected to nothing: all may have the same. */
  cidr: string
  instanceType: string
  volumes: RoomDisk[]
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
