/**
 * The suspected disks, again: an encrypted volume from each snapshot, attached to the workstation.
 */
import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { RoomVolume } from '../../controller/incident/incident.ts'
import { namedTags, type RoomDisk } from './room-input.ts'

export interface VolumeCopiesArgs {
  incidentId: string
  volumes: RoomDisk[]
  availabilityZone: pulumi.Input<string>
  instanceId: pulumi.Input<string>
  kmsKeyArn: string
}

export class VolumeCopies extends pulumi.ComponentResource {
  readonly volumes: pulumi.Output<RoomVolume[]>

  constructor (name: string, args: VolumeCopiesArgs, opts?: pulumi.ComponentResourceOptions) {
    super('cleanroom:room:VolumeCopies', name, {}, opts)
    const parent = { parent: this }

    this.volumes = pulumi.all(args.volumes.map(copy => {
      // Named for its snapshot, not its place: the same disk stays the same resource.
      const part = `copy-${copy.snapshotId}`
      const volume = new aws.ebs.Volume(`${name}-${part}`, {
        availabilityZone: args.availabilityZone,
        snapshotId: copy.snapshotId,
        size: copy.sizeGiB,
        type: 'gp3',
        encrypted: true,
        kmsKeyId: args.kmsKeyArn,
        tags: {
          ...namedTags(args.incidentId, part),
          'cleanroom:source-instance': copy.instanceId,
          'cleanroom:source-volume': copy.sourceVolumeId
        }
      }, parent)
      const attachment = new aws.ec2.VolumeAttachment(`${name}-${part}-attachment`, {
        deviceName: copy.device, instanceId: args.instanceId, volumeId: volume.id
      }, parent)
      return attachment.volumeId.apply((volumeId): RoomVolume => ({
        volumeId,
        snapshotId: copy.snapshotId,
        device: copy.device,
        instanceId: copy.instanceId,
        sourceVolumeId: copy.sourceVolumeId
      }))
    }))
    this.registerOutputs({ volumes: this.volumes })
  }
}
