import assert from 'node:assert/strict'
import { COPY_DEVICES, SCRATCH_DEVICE } from '../../stacks/clean-room/device-names.ts'
import type { SnapshotRecord } from '../incident/incident.ts'
import { assignDevices } from './device-names.ts'

const snapshots = (count: number, prefix = 'a'): SnapshotRecord[] => Array.from({ length: count }, (_, index) => ({
  snapshotId: `snap-${prefix}${index}`, volumeId: `vol-${prefix}${index}`, device: '/dev/xvda', sizeGiB: 8, state: 'completed', progress: 100
}))

describe('The devices of a room', () => {
  it('are those that EC2 recommends for data, in order', () => {
    assert.deepEqual(assignDevices([{ instanceId: 'i-1', snapshots: snapshots(2) }]), [
      { snapshotId: 'snap-a0', sourceVolumeId: 'vol-a0', instanceId: 'i-1', sizeGiB: 8, device: '/dev/sdf' },
      { snapshotId: 'snap-a1', sourceVolumeId: 'vol-a1', instanceId: 'i-1', sizeGiB: 8, device: '/dev/sdg' }
    ])
  })

  it('stay with their disks when another instance\'s disks are added', () => {
    const first = { instanceId: 'i-1', snapshots: snapshots(3) }
    const before = assignDevices([first])
    assert.deepEqual(assignDevices([first, { instanceId: 'i-2', snapshots: snapshots(3, 'b') }]).slice(0, 3), before)
  })

  it('are never the same twice, nor the scratch volume\'s', () => {
    const devices = assignDevices([{ instanceId: 'i-1', snapshots: snapshots(COPY_DEVICES.length) }]).map(({ device }) => device)
    assert.equal(new Set([...devices, SCRATCH_DEVICE]).size, COPY_DEVICES.length + 1)
  })

  it('run out with a word on what to do', () => {
    assert.throws(() => assignDevices([{ instanceId: 'i-1', snapshots: snapshots(COPY_DEVICES.length + 1) }]), { code: 'INVALID_REQUEST', message: /21 disks/ })
  })
})
