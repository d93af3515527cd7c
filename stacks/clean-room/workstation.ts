/**
 * The analyst's machine: no public address, no key pair, no way in but Systems Manager, every disk encrypted.
 */
import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import { SCRATCH_DEVICE } from './device-names.ts'
import { namedTags, ROOT_DISK } from './room-input.ts'

const SCRATCH_GIB = 50

export interface WorkstationArgs {
  incidentId: string
  /** AMI id, or the name of the SSM parameter that holds one. */
  image: string
  instanceType: string
  subnet: aws.ec2.Subnet
  groupId: pulumi.Input<string>
  profileName: pulumi.Input<string>
  kmsKeyArn: string
}

export class Workstation extends pulumi.ComponentResource {
  readonly instanceId: pulumi.Output<string>
  readonly availabilityZone: pulumi.Output<string>
  readonly scratchVolumeId: pulumi.Output<string>

  constructor (name: string, args: WorkstationArgs, opts?: pulumi.ComponentResourceOptions) {
    super('cleanroom:room:Workstation', name, {}, opts)
    const parent = { parent: this }
    const encrypted = { encrypted: true, kmsKeyId: args.kmsKeyArn }
    const tags = (part: string) => namedTags(args.incidentId, part)

    const instance = new aws.ec2.Instance(`${name}-instance`, {
      ami: this.imageId(args.image),
      instanceType: args.instanceType,
      subnetId: args.subnet.id,
      vpcSecurityGroupIds: [args.groupId],
      associatePublicIpAddress: false,
      iamInstanceProfile: args.profileName,
      metadataOptions: { httpEndpoint: 'enabled', httpTokens: 'required', httpPutResponseHopLimit: 1, instanceMetadataTags: 'disabled' },
      rootBlockDevice: { ...encrypted, volumeType: 'gp3', deleteOnTermination: true },
      disableApiTermination: false,
      tags: tags('workstation'),
      // In the launching call, unlike the root device's own `tags`.
      volumeTags: tags(ROOT_DISK)
    }, {
      ...parent,
      // A newer image must not replace a workstation at work; volumeTags would claim the copies too.
      ignoreChanges: ['ami', 'volumeTags']
    })

    const scratch = new aws.ebs.Volume(`${name}-scratch`, {
      ...encrypted, availabilityZone: args.subnet.availabilityZone, size: SCRATCH_GIB, type: 'gp3', tags: tags('scratch')
    }, parent)
    const attachment = new aws.ec2.VolumeAttachment(`${name}-scratch-attachment`, {
      deviceName: SCRATCH_DEVICE, instanceId: instance.id, volumeId: scratch.id
    }, parent)

    this.instanceId = instance.id
    this.availabilityZone = args.subnet.availabilityZone
    this.scratchVolumeId = attachment.volumeId
    this.registerOutputs({ instanceId: this.instanceId, availabilityZone: this.availabilityZone, scratchVolumeId: this.scratchVolumeId })
  }

  private imageId (image: string): pulumi.Input<string> {
    if (image.startsWith('ami-')) return image
    return aws.ssm.getParameterOutput({ name: image }, { parent: this }).value
  }
}
