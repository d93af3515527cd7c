/** An instance as AWS has it, in the provider's terms. */
import {
  DescribeIamInstanceProfileAssociationsCommand, DescribeInstanceAttributeCommand, DescribeInstancesCommand, DescribeVolumesCommand,
  type Instance, type InstanceAttributeName, type Volume
} from '@aws-sdk/client-ec2'
import type { AwsCall } from '../engine/aws-call.ts'
import { isRecord, type Properties } from '../engine/schema.ts'
import { unlessGone } from '../engine/wait.ts'
import { arn, ec2, filter, tagMap } from './client.ts'

export const GONE = ['InvalidInstanceID.NotFound']

export async function describeInstance (call: AwsCall, id: string): Promise<Instance | undefined> {
  const found = await unlessGone(GONE, async () => await ec2(call).send(new DescribeInstancesCommand({ InstanceIds: [id] })))
  return found?.Reservations?.[0]?.Instances?.[0]
}

/** The profile's association that still counts. */
export async function profileAssociation (call: AwsCall, instanceId: string) {
  const { IamInstanceProfileAssociations = [] } = await ec2(call).send(
    new DescribeIamInstanceProfileAssociationsCommand({ Filters: [filter('instance-id', instanceId)] }))
  return IamInstanceProfileAssociations.find(({ State }) => State === 'associated' || State === 'associating')
}

async function attribute (call: AwsCall, InstanceId: string, Attribute: InstanceAttributeName) {
  return await ec2(call).send(new DescribeInstanceAttributeCommand({ InstanceId, Attribute }))
}

function blockDevice (device: string | undefined, deleteOnTermination: boolean | undefined, volume: Volume | undefined, known: unknown): Properties {
  const tags = tagMap(volume?.Tags)
  return {
    deleteOnTermination: deleteOnTermination ?? false,
    deviceName: device,
    encrypted: volume?.Encrypted ?? false,
    iops: volume?.Iops ?? 0,
    kmsKeyId: volume?.KmsKeyId ?? '',
    // Tags that the program gave by other means (`volumeTags`) are not the device's own.
    ...(isRecord(known) && known.tags !== undefined && { tags }),
    tagsAll: tags,
    throughput: volume?.Throughput ?? 0,
    volumeId: volume?.VolumeId,
    volumeSize: volume?.Size,
    volumeType: volume?.VolumeType
  }
}

export async function instanceProperties (call: AwsCall, instance: Instance, known: Properties): Promise<Properties> {
  const id = instance.InstanceId!
  const devices = instance.BlockDeviceMappings ?? []
  const volumeIds = devices.flatMap(({ Ebs }) => Ebs?.VolumeId ?? [])
  const [termination, stop, shutdown, userData, volumes] = await Promise.all([
    attribute(call, id, 'disableApiTermination'),
    attribute(call, id, 'disableApiStop'),
    attribute(call, id, 'instanceInitiatedShutdownBehavior'),
    attribute(call, id, 'userData'),
    volumeIds.length === 0 ? [] : ec2(call).send(new DescribeVolumesCommand({ VolumeIds: volumeIds })).then(({ Volumes = [] }) => Volumes)
  ])
  const device = (name: string | undefined, former: unknown) => {
    const { Ebs } = devices.find(({ DeviceName }) => DeviceName === name) ?? {}
    return blockDevice(name, Ebs?.DeleteOnTermination, volumes.find(({ VolumeId }) => VolumeId === Ebs?.VolumeId), former)
  }
  const encoded = userData.UserData?.Value
  const primary = instance.NetworkInterfaces?.find(({ Attachment }) => Attachment?.DeviceIndex === 0)
  const { MetadataOptions: metadata, Placement: placement } = instance
  const root = volumes.find(({ Attachments }) => Attachments?.some(({ Device }) => Device === instance.RootDeviceName))
  const profileArn = instance.IamInstanceProfile?.Arn
  return {
    ami: instance.ImageId,
    arn: arn(call, `instance/${id}`),
    associatePublicIpAddress: primary?.Association?.PublicIp !== undefined || (primary === undefined && !!instance.PublicIpAddress),
    availabilityZone: placement?.AvailabilityZone,
    disableApiStop: stop.DisableApiStop?.Value ?? false,
    disableApiTermination: termination.DisableApiTermination?.Value ?? false,
    // Volumes that another resource attached are none of the instance's.
    ebsBlockDevices: Array.isArray(known.ebsBlockDevices)
      ? (known.ebsBlockDevices as Properties[]).filter(({ deviceName }) => devices.some(({ DeviceName }) => DeviceName === deviceName))
          .map(former => ({ ...device(String(former.deviceName), former), ...(former.snapshotId ? { snapshotId: former.snapshotId } : {}) }))
      : [],
    ebsOptimized: instance.EbsOptimized ?? false,
    hibernation: instance.HibernationOptions?.Configured ?? false,
    iamInstanceProfile: profileArn?.slice(profileArn.lastIndexOf('/') + 1) ?? '',
    instanceInitiatedShutdownBehavior: shutdown.InstanceInitiatedShutdownBehavior?.Value ?? 'stop',
    instanceLifecycle: instance.InstanceLifecycle ?? '',
    instanceState: instance.State?.Name,
    instanceType: instance.InstanceType,
    keyName: instance.KeyName ?? '',
    metadataOptions: {
      httpEndpoint: metadata?.HttpEndpoint ?? 'enabled',
      httpProtocolIpv6: metadata?.HttpProtocolIpv6 ?? 'disabled',
      httpPutResponseHopLimit: metadata?.HttpPutResponseHopLimit ?? 1,
      httpTokens: metadata?.HttpTokens ?? 'optional',
      instanceMetadataTags: metadata?.InstanceMetadataTags ?? 'disabled'
    },
    monitoring: instance.Monitoring?.State === 'enabled' || instance.Monitoring?.State === 'pending',
    outpostArn: instance.OutpostArn ?? '',
    passwordData: '',
    primaryNetworkInterfaceId: primary?.NetworkInterfaceId ?? '',
    privateDns: instance.PrivateDnsName ?? '',
    privateIp: instance.PrivateIpAddress ?? '',
    publicDns: instance.PublicDnsName ?? '',
    publicIp: instance.PublicIpAddress ?? '',
    rootBlockDevice: device(instance.RootDeviceName, known.rootBlockDevice),
    sourceDestCheck: instance.SourceDestCheck ?? true,
    spotInstanceRequestId: instance.SpotInstanceRequestId ?? '',
    subnetId: instance.SubnetId ?? '',
    tenancy: placement?.Tenancy ?? 'default',
    ...(known.userDataBase64 !== undefined
      ? { userDataBase64: encoded }
      : { userData: encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString() }),
    ...(known.volumeTags !== undefined && { volumeTags: tagMap(root?.Tags) }),
    vpcSecurityGroupIds: (primary?.Groups ?? instance.SecurityGroups ?? []).map(({ GroupId }) => GroupId),
    tags: tagMap(instance.Tags)
  }
}
