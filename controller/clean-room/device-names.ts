/**
 * Which device name each disk copy gets in the room.
 */
import { COPY_DEVICES } from '../../stacks/clean-room/device-names.ts'
import type { RoomDisk } from '../../stacks/clean-room/room-input.ts'
import { CleanroomError } from '../incident/errors.ts'
import type { SnapshotRecord } from '../incident/incident.ts'

export type { RoomDisk } from '../../stacks/clean-room/room-input.ts'

/** The disks of one suspected instance. */
export interface InstanceDisks {
  instanceId: string
  snapshots: SnapshotRecord[]
}

/**
 * By place in the list, so that disks added at its end never move the ones before.
 * @throws CleanroomError INVALID_REQUEST when one workstation can't take so many
 */
export function assignDevices (instances: InstanceDisks[]): RoomDisk[] {
  const disks = instances.flatMap(({ instanceId, snapshots }) => snapshots.map(snapshot => ({ instanceId, ...snapshot })))
  if (disks.length > COPY_DEVICES.length) {
    throw new CleanroomError('INVALID_REQUEST',
      `${disks.length} disks, but one workstation takes ${COPY_DEVICES.length} copies: open an incident for some of the instances alone.`)
  }
  return disks.map(({ snapshotId, volumeId, instanceId, sizeGiB }, index) => ({
    snapshotId, sourceVolumeId: volumeId, instanceId, sizeGiB, device: COPY_DEVICES[index] as string
  }))
}
