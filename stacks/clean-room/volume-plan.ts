/**
 * Which device name each copy gets in the room: by its place in the list, so that adding never moves one.
 */
import type { VolumeToCopy } from './room-input.ts'

/**
 * Names for data volumes: the recommended /dev/sdf to /dev/sdp first, then the rest that EC2 allows
 * (EC2 User Guide, "Device names for volumes"). /dev/sdz is the scratch volume's.
 */
export const COPY_DEVICES = [...'fghijklmnopqrstuvwxy'].map(letter => `/dev/sd${letter}`)
export const SCRATCH_DEVICE = '/dev/sdz'

export interface PlannedCopy extends VolumeToCopy {
  roomDevice: string
}

/** @throws RangeError when one workstation can't take so many, or a snapshot is named twice */
export function planCopies (volumes: VolumeToCopy[]): PlannedCopy[] {
  if (volumes.length > COPY_DEVICES.length) {
    throw new RangeError(`${volumes.length} disks: one workstation takes ${COPY_DEVICES.length} copies; open a second incident for the rest`)
  }
  const twice = volumes.find(({ snapshotId }, index) => volumes.findIndex(other => other.snapshotId === snapshotId) !== index)
  if (twice) throw new RangeError(`${twice.snapshotId} is named twice`)
  return volumes.map((volume, index) => ({ ...volume, roomDevice: COPY_DEVICES[index] as string }))
}
