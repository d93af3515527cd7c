import {
  AttachVolumeCommand, CreateSnapshotCommand, CreateVolumeCommand, DeleteVolumeCommand, DescribeInstancesCommand, DescribeVolumesCommand,
  DetachVolumeCommand, ModifyVolumeCommand, StopInstancesCommand, type Volume, type VolumeType
} from '@aws-sdk/client-ec2'
import type { VolumeArgs } from '@pulumi/aws/ebs/volume.js'
import type { VolumeAttachmentArgs } from '@pulumi/aws/ec2/volumeAttachment.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { crc32 } from '../engine/crc32.ts'
import { resource } from '../engine/resource-type.ts'
import { may, must } from '../engine/schema.ts'
import { unlessGone, until, whileRefused } from '../engine/wait.ts'
import { arn, ec2, patience, tagged, tagging, tagMap } from './client.ts'

const GONE = ['InvalidVolume.NotFound']

async function describe (call: AwsCall, id: string): Promise<Volume | undefined> {
  const found = await unlessGone(GONE, async () => await ec2(call).send(new DescribeVolumesCommand({ VolumeIds: [id] })))
  return found?.Volumes?.[0]
}

async function untilUsable (call: AwsCall, id: string) {
  await until(`volume ${id} to become available`, async () => {
    const volume = await describe(call, id)
    if (volume?.State === 'error') throw new Error(`volume ${id} is in state error`)
    return volume?.State === 'available' || volume?.State === 'in-use' || undefined
  }, patience(call, 300))
}

/** Only these types take these settings; for the others AWS reports values that are not settings. */
const takesIops = (type: string | undefined) => type === 'io1' || type === 'io2' || type === 'gp3'

export const volume = resource<VolumeArgs>()({
  inputs: {
    availabilityZone: must.text({ replaces: true }),
    encrypted: may.flag({ computed: true, replaces: true }),
    finalSnapshot: may.flag({ default: false }),
    iops: may.number({ computed: true }),
    kmsKeyId: may.text({ computed: true, replaces: true }),
    multiAttachEnabled: may.flag({ replaces: true }),
    size: may.number({ computed: true }),
    snapshotId: may.text({ computed: true, replaces: true }),
    throughput: may.number({ computed: true, minimum: 125, maximum: 2000 }),
    type: may.text({ computed: true, enum: ['standard', 'io1', 'io2', 'gp2', 'sc1', 'st1', 'gp3'] }),
    volumeInitializationRate: may.number({ replaces: true, minimum: 100, maximum: 300 })
  },
  outputs: ['arn', 'createTime'],
  tagging,
  check: ({ size, snapshotId }) => size === undefined && snapshotId === undefined
    ? [{ property: 'size', reason: 'one of size, snapshotId must be given' }]
    : [],
  async create (call, inputs) {
    const { VolumeId: id = '' } = await ec2(call).send(new CreateVolumeCommand({
      AvailabilityZone: inputs.availabilityZone,
      Encrypted: inputs.encrypted,
      Iops: inputs.iops,
      KmsKeyId: inputs.kmsKeyId,
      MultiAttachEnabled: inputs.multiAttachEnabled,
      Size: inputs.size,
      SnapshotId: inputs.snapshotId,
      Throughput: inputs.throughput,
      VolumeType: inputs.type as VolumeType | undefined,
      VolumeInitializationRate: inputs.volumeInitializationRate,
      ...tagged('volume', call.tags)
    }))
    call.created(id)
    await untilUsable(call, id)
    return id
  },
  async read (call, id) {
    const volume = await describe(call, id)
    if (!volume || volume.State === 'deleted' || volume.State === 'deleting') return undefined
    return {
      arn: arn(call, `volume/${id}`),
      availabilityZone: volume.AvailabilityZone,
      createTime: volume.CreateTime?.toISOString(),
      encrypted: volume.Encrypted ?? false,
      iops: volume.Iops ?? 0,
      kmsKeyId: volume.KmsKeyId ?? '',
      multiAttachEnabled: volume.MultiAttachEnabled ?? false,
      size: volume.Size,
      snapshotId: volume.SnapshotId ?? '',
      throughput: volume.Throughput ?? 0,
      type: volume.VolumeType,
      tags: tagMap(volume.Tags)
    }
  },
  async update (call, id, news, _olds, changed) {
    if (!['iops', 'size', 'throughput', 'type'].some(key => changed.has(key))) return
    await ec2(call).send(new ModifyVolumeCommand({
      VolumeId: id,
      ...(changed.has('size') && { Size: news.size }),
      ...(changed.has('type') && { VolumeType: news.type as VolumeType }),
      ...(takesIops(news.type) && changed.has('iops') && { Iops: news.iops }),
      ...(news.type === 'gp3' && changed.has('throughput') && { Throughput: news.throughput })
    }))
    await untilUsable(call, id)
  },
  async delete (call, id, { finalSnapshot }) {
    if (finalSnapshot) {
      await unlessGone(GONE, async () => await ec2(call).send(new CreateSnapshotCommand({ VolumeId: id, ...tagged('snapshot', call.tags) })))
    }
    await unlessGone(GONE, async () => await whileRefused(['VolumeInUse'], async () =>
      await ec2(call).send(new DeleteVolumeCommand({ VolumeId: id })), patience(call, 300)))
    await until(`volume ${id} to be deleted`, async () => {
      const volume = await describe(call, id)
      return !volume || volume.State === 'deleted' ? true : undefined
    }, patience(call, 600))
  }
})

async function attachment (call: AwsCall, volumeId: string, instanceId: string) {
  const volume = await describe(call, volumeId)
  return volume?.Attachments?.find(({ InstanceId, State }) => InstanceId === instanceId && State !== 'detached')
}

async function instanceState (call: AwsCall, id: string): Promise<string | undefined> {
  const found = await unlessGone(['InvalidInstanceID.NotFound'], async () =>
    await ec2(call).send(new DescribeInstancesCommand({ InstanceIds: [id] })))
  return found?.Reservations?.[0]?.Instances?.[0]?.State?.Name
}

/** The id the real provider gives: a hash of what is attached where. */
function attachmentId (deviceName: string, volumeId: string, instanceId: string): string {
  return `vai-${crc32(`${deviceName}-${instanceId}-${volumeId}-`)}`
}

export const volumeAttachment = resource<VolumeAttachmentArgs>()({
  inputs: {
    deviceName: must.text({ replaces: true }),
    forceDetach: may.flag(),
    instanceId: must.text({ replaces: true }),
    skipDestroy: may.flag(),
    stopInstanceBeforeDetaching: may.flag(),
    volumeId: must.text({ replaces: true })
  },
  outputs: [],
  deleteBeforeReplace: true,
  async create (call, { deviceName, volumeId, instanceId }) {
    const id = attachmentId(deviceName, volumeId, instanceId)
    const existing = await attachment(call, volumeId, instanceId)
    if (existing?.Device !== deviceName) {
      // A volume can be attached only to an instance that has left pending.
      await until(`instance ${instanceId} to be running or stopped`, async () => {
        const state = await instanceState(call, instanceId)
        return state === 'running' || state === 'stopped' || undefined
      }, patience(call, 600))
      await ec2(call).send(new AttachVolumeCommand({ Device: deviceName, InstanceId: instanceId, VolumeId: volumeId }))
    }
    call.created(id)
    await until(`volume ${volumeId} to be attached`, async () =>
      (await attachment(call, volumeId, instanceId))?.State === 'attached' || undefined, patience(call, 300))
    return id
  },
  async read (call, id, known) {
    // An import names it as DEVICE:VOLUME:INSTANCE.
    const [device, volume, instance] = known.volumeId ? [] : id.split(':')
    const volumeId = known.volumeId ?? volume!
    const instanceId = known.instanceId ?? instance!
    const found = await attachment(call, volumeId, instanceId)
    if (!found) return undefined
    const deviceName = found.Device ?? known.deviceName ?? device!
    return { id: attachmentId(deviceName, volumeId, instanceId), deviceName, volumeId, instanceId }
  },
  async update () {
    // Only how it will be detached can change in place; there is nothing to tell AWS.
  },
  async delete (call, _id, state) {
    const { volumeId = '', instanceId = '', deviceName } = state
    if (state.skipDestroy) return
    if (state.stopInstanceBeforeDetaching && await instanceState(call, instanceId) === 'running') {
      await ec2(call).send(new StopInstancesCommand({ InstanceIds: [instanceId] }))
      await until(`instance ${instanceId} to stop`, async () => await instanceState(call, instanceId) === 'stopped' || undefined, patience(call, 600))
    }
    if (!await attachment(call, volumeId, instanceId)) return
    await unlessGone([...GONE, 'IncorrectState', 'InvalidAttachment.NotFound', 'InvalidInstanceID.NotFound'], async () =>
      await ec2(call).send(new DetachVolumeCommand({ Device: deviceName, InstanceId: instanceId, VolumeId: volumeId, Force: state.forceDetach ?? false })))
    await until(`volume ${volumeId} to be detached`, async () => await attachment(call, volumeId, instanceId) ? undefined : true, patience(call, 300))
  }
})
