import {
  AssociateIamInstanceProfileCommand, CreateTagsCommand, DescribeImagesCommand, DisassociateIamInstanceProfileCommand, ModifyInstanceAttributeCommand,
  ModifyInstanceMetadataOptionsCommand, ModifyNetworkInterfaceAttributeCommand, ModifyVolumeCommand, MonitorInstancesCommand,
  ReplaceIamInstanceProfileAssociationCommand, RunInstancesCommand, StartInstancesCommand, StopInstancesCommand,
  TerminateInstancesCommand, UnmonitorInstancesCommand, type BlockDeviceMapping, type RunInstancesCommandInput, type VolumeType, type _InstanceType
} from '@aws-sdk/client-ec2'
import type { InstanceArgs } from '@pulumi/aws/ec2/instance.js'
import { Type } from 'typebox'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource, type InputsOf } from '../engine/resource-type.ts'
import { may, must } from '../engine/schema.ts'
import { unlessGone, until, whileRefused } from '../engine/wait.ts'
import { ec2, pairs, patience, tagged, tagging } from './client.ts'
import { describeInstance, GONE, instanceProperties, profileAssociation } from './instance-state.ts'

const rootDevice = {
  deleteOnTermination: may.flag({ default: true }),
  encrypted: may.flag({ computed: true, replaces: true }),
  iops: may.number({ computed: true }),
  kmsKeyId: may.text({ computed: true, replaces: true }),
  tags: may.map(),
  throughput: may.number({ computed: true }),
  volumeSize: may.number({ computed: true }),
  volumeType: may.text({ computed: true })
}
const dataDevice = must.object({ ...rootDevice, deviceName: must.text(), snapshotId: may.text({ computed: true }) })

const metadata = {
  httpEndpoint: may.text({ computed: true, enum: ['enabled', 'disabled'] }),
  httpProtocolIpv6: may.text({ default: 'disabled', enum: ['enabled', 'disabled'] }),
  httpPutResponseHopLimit: may.number({ computed: true, minimum: 1, maximum: 64 }),
  httpTokens: may.text({ computed: true, enum: ['optional', 'required'] }),
  instanceMetadataTags: may.text({ computed: true, enum: ['enabled', 'disabled'] })
}

const inputs = {
  ami: may.text({ computed: true, replaces: true }),
  associatePublicIpAddress: may.flag({ computed: true, replaces: true }),
  availabilityZone: may.text({ computed: true, replaces: true }),
  disableApiStop: may.flag({ computed: true }),
  disableApiTermination: may.flag({ computed: true }),
  ebsBlockDevices: may.set(dataDevice, { computed: true, replaces: true }),
  ebsOptimized: may.flag({ computed: true, replaces: true }),
  forceDestroy: may.flag({ default: false }),
  getPasswordData: may.flag({ default: false }),
  hibernation: may.flag({ replaces: true }),
  iamInstanceProfile: may.text({ computed: true }),
  instanceInitiatedShutdownBehavior: may.text({ computed: true, enum: ['stop', 'terminate'] }),
  instanceType: may.text({ computed: true }),
  keyName: may.text({ computed: true, replaces: true }),
  metadataOptions: may.object(metadata, { computed: true }),
  monitoring: may.flag({ computed: true }),
  privateIp: may.text({ computed: true, replaces: true }),
  rootBlockDevice: may.object(rootDevice, { computed: true }),
  sourceDestCheck: may.flag({ default: true }),
  subnetId: may.text({ computed: true, replaces: true }),
  tenancy: may.text({ computed: true, replaces: true }),
  userData: may.text({ computed: true }),
  userDataBase64: may.text({ computed: true }),
  userDataReplaceOnChange: may.flag({ default: false }),
  volumeTags: may.map(),
  vpcSecurityGroupIds: may.set(Type.String(), { computed: true })
}
type Inputs = InputsOf<typeof inputs>

type Device = InputsOf<typeof rootDevice> & { deviceName?: string, snapshotId?: string }

function mapping (DeviceName: string, device: Device): BlockDeviceMapping {
  return {
    DeviceName,
    Ebs: {
      DeleteOnTermination: device.deleteOnTermination,
      Encrypted: device.encrypted,
      Iops: device.iops,
      KmsKeyId: device.kmsKeyId,
      SnapshotId: device.snapshotId,
      Throughput: device.throughput,
      VolumeSize: device.volumeSize,
      VolumeType: device.volumeType as VolumeType | undefined
    }
  }
}

/** The image says what its root device is called. */
async function blockDevices (call: AwsCall, inputs: Inputs): Promise<BlockDeviceMapping[]> {
  const data = (inputs.ebsBlockDevices ?? []).map(device => mapping(device.deviceName, device))
  if (!inputs.rootBlockDevice) return data
  const { Images = [] } = await ec2(call).send(new DescribeImagesCommand({ ImageIds: [inputs.ami!] }))
  const root = Images[0]?.RootDeviceName
  if (!root) throw new Error(`image ${inputs.ami} has no root device`)
  return [mapping(root, inputs.rootBlockDevice), ...data]
}

function metadataRequest (options: NonNullable<Inputs['metadataOptions']>) {
  return {
    HttpEndpoint: options.httpEndpoint as 'enabled' | undefined,
    HttpProtocolIpv6: options.httpEndpoint === 'disabled' ? undefined : options.httpProtocolIpv6 as 'enabled' | undefined,
    HttpPutResponseHopLimit: options.httpPutResponseHopLimit,
    HttpTokens: options.httpTokens as 'required' | undefined,
    InstanceMetadataTags: options.instanceMetadataTags as 'enabled' | undefined
  }
}

/** Addresses and groups belong to the interface when its public address is decided here. */
function network (inputs: Inputs): Partial<RunInstancesCommandInput> {
  if (inputs.associatePublicIpAddress === undefined) {
    return { SubnetId: inputs.subnetId, SecurityGroupIds: inputs.vpcSecurityGroupIds, PrivateIpAddress: inputs.privateIp }
  }
  return {
    NetworkInterfaces: [{
      AssociatePublicIpAddress: inputs.associatePublicIpAddress,
      DeleteOnTermination: true,
      DeviceIndex: 0,
      SubnetId: inputs.subnetId,
      Groups: inputs.vpcSecurityGroupIds,
      PrivateIpAddress: inputs.privateIp
    }]
  }
}

function encodedUserData ({ userData, userDataBase64 }: Pick<Inputs, 'userData' | 'userDataBase64'>): string | undefined {
  return userDataBase64 ?? (userData === undefined ? undefined : Buffer.from(userData).toString('base64'))
}

async function untilState (call: AwsCall, id: string, wanted: string, seconds: number) {
  await until(`instance ${id} to be ${wanted}`, async () => {
    const instance = await describeInstance(call, id)
    const state = instance?.State?.Name
    if (wanted === 'running' && (state === 'terminated' || state === 'shutting-down')) {
      throw new Error(`instance ${id} is ${state}: ${instance?.StateReason?.Message ?? 'no reason given'}`)
    }
    return state === wanted || undefined
  }, patience(call, seconds))
}

/** Root and data volumes carry the instance's `volumeTags`, or each its own tags. */
async function tagVolumes (call: AwsCall, id: string, inputs: Inputs) {
  const instance = await describeInstance(call, id)
  for (const { DeviceName, Ebs } of instance?.BlockDeviceMappings ?? []) {
    const own = DeviceName === instance?.RootDeviceName
      ? inputs.rootBlockDevice?.tags
      : inputs.ebsBlockDevices?.find(({ deviceName }) => deviceName === DeviceName)?.tags
    if (own && Object.keys(own).length > 0) await ec2(call).send(new CreateTagsCommand({ Resources: [Ebs!.VolumeId!], Tags: pairs(own) }))
  }
}

export const instance = resource<InstanceArgs>()({
  inputs,
  outputs: [
    'arn', 'instanceLifecycle', 'instanceState', 'outpostArn', 'passwordData', 'primaryNetworkInterfaceId', 'privateDns', 'publicDns',
    'publicIp', 'spotInstanceRequestId'
  ],
  tagging,
  check ({ ami, instanceType, userData, userDataBase64 }) {
    return [
      ...(ami === undefined ? [{ property: 'ami', reason: 'one of ami, launchTemplate must be given' }] : []),
      ...(instanceType === undefined ? [{ property: 'instanceType', reason: 'one of instanceType, launchTemplate must be given' }] : []),
      ...(userData !== undefined && userDataBase64 !== undefined ? [{ property: 'userDataBase64', reason: 'conflicts with userData' }] : [])
    ]
  },
  replacesOn: (_olds, news) => news.userDataReplaceOnChange ? ['userData', 'userDataBase64'] : [],
  async create (call, inputs) {
    const request: RunInstancesCommandInput = {
      ImageId: inputs.ami,
      InstanceType: inputs.instanceType as _InstanceType,
      MinCount: 1,
      MaxCount: 1,
      BlockDeviceMappings: await blockDevices(call, inputs),
      DisableApiStop: inputs.disableApiStop,
      DisableApiTermination: inputs.disableApiTermination,
      EbsOptimized: inputs.ebsOptimized,
      ...(inputs.hibernation && { HibernationOptions: { Configured: true } }),
      ...(inputs.iamInstanceProfile && { IamInstanceProfile: { Name: inputs.iamInstanceProfile } }),
      InstanceInitiatedShutdownBehavior: inputs.instanceInitiatedShutdownBehavior as 'stop' | undefined,
      KeyName: inputs.keyName,
      ...(inputs.metadataOptions && { MetadataOptions: metadataRequest(inputs.metadataOptions) }),
      ...(inputs.monitoring !== undefined && { Monitoring: { Enabled: inputs.monitoring } }),
      ...network(inputs),
      ...((inputs.availabilityZone ?? inputs.tenancy) && {
        Placement: { AvailabilityZone: inputs.availabilityZone, Tenancy: inputs.tenancy as 'default' | undefined }
      }),
      UserData: encodedUserData(inputs),
      TagSpecifications: [
        ...tagged('instance', call.tags).TagSpecifications ?? [],
        ...tagged('volume', inputs.volumeTags ?? {}).TagSpecifications ?? []
      ]
    }
    const { Instances } = await whileRefused(profileUnknownYet, async () => await ec2(call).send(new RunInstancesCommand(request)), { seconds: 120 })
    const id = Instances![0]!.InstanceId!
    call.created(id)
    await untilState(call, id, 'running', 600)
    if (inputs.sourceDestCheck === false) {
      await ec2(call).send(new ModifyInstanceAttributeCommand({ InstanceId: id, SourceDestCheck: { Value: false } }))
    }
    await tagVolumes(call, id, inputs)
    return id
  },
  async read (call, id, known) {
    const found = await describeInstance(call, id)
    if (!found || found.State?.Name === 'terminated') return undefined
    return await instanceProperties(call, found, known)
  },
  async update (call, id, news, _olds, changed) {
    const modify = async (change: object) => await ec2(call).send(new ModifyInstanceAttributeCommand({ InstanceId: id, ...change }))
    if (changed.has('iamInstanceProfile')) await setProfile(call, id, news.iamInstanceProfile)
    if (changed.has('vpcSecurityGroupIds')) await setGroups(call, id, news.vpcSecurityGroupIds ?? [])
    if (changed.has('sourceDestCheck')) await modify({ SourceDestCheck: { Value: news.sourceDestCheck } })
    if (changed.has('disableApiStop')) await modify({ DisableApiStop: { Value: news.disableApiStop } })
    if (changed.has('disableApiTermination')) await modify({ DisableApiTermination: { Value: news.disableApiTermination } })
    if (changed.has('instanceInitiatedShutdownBehavior')) {
      await modify({ InstanceInitiatedShutdownBehavior: { Value: news.instanceInitiatedShutdownBehavior } })
    }
    if (changed.has('metadataOptions') && news.metadataOptions) {
      await ec2(call).send(new ModifyInstanceMetadataOptionsCommand({ InstanceId: id, ...metadataRequest(news.metadataOptions) }))
    }
    if (changed.has('monitoring')) {
      await ec2(call).send(news.monitoring ? new MonitorInstancesCommand({ InstanceIds: [id] }) : new UnmonitorInstancesCommand({ InstanceIds: [id] }))
    }
    if (changed.has('rootBlockDevice')) await setRootDevice(call, id, news)
    if (changed.has('volumeTags') && news.volumeTags) await setVolumeTags(call, id, news.volumeTags)
    const stopped = {
      ...(changed.has('instanceType') && { InstanceType: { Value: news.instanceType } }),
      ...((changed.has('userData') || changed.has('userDataBase64')) && { UserData: { Value: Buffer.from(encodedUserData(news) ?? '', 'base64') } })
    }
    if (Object.keys(stopped).length > 0) await whileStopped(call, id, async () => { for (const [key, value] of Object.entries(stopped)) await modify({ [key]: value }) })
  },
  async delete (call, id, state) {
    if (state.forceDestroy) {
      await unlessGone(GONE, async () => await ec2(call).send(new ModifyInstanceAttributeCommand({ InstanceId: id, DisableApiTermination: { Value: false } })))
      await unlessGone(GONE, async () => await ec2(call).send(new ModifyInstanceAttributeCommand({ InstanceId: id, DisableApiStop: { Value: false } })))
    }
    await unlessGone(GONE, async () => await ec2(call).send(new TerminateInstancesCommand({ InstanceIds: [id] })))
    await until(`instance ${id} to be terminated`, async () => {
      const found = await describeInstance(call, id)
      return !found || found.State?.Name === 'terminated' ? true : undefined
    }, patience(call, 1200))
  }
})

/** EC2 learns of a new instance profile, and of its role, some seconds after IAM has it. */
function profileUnknownYet (error: unknown): boolean {
  return error instanceof Error && /Invalid IAM Instance Profile|no associated IAM Roles/.test(error.message)
}

async function setProfile (call: AwsCall, InstanceId: string, name: string | undefined) {
  const current = await profileAssociation(call, InstanceId)
  if (!name) {
    if (current) await ec2(call).send(new DisassociateIamInstanceProfileCommand({ AssociationId: current.AssociationId }))
  } else if (current) {
    await ec2(call).send(new ReplaceIamInstanceProfileAssociationCommand({ AssociationId: current.AssociationId, IamInstanceProfile: { Name: name } }))
  } else {
    await ec2(call).send(new AssociateIamInstanceProfileCommand({ InstanceId, IamInstanceProfile: { Name: name } }))
  }
}

async function setGroups (call: AwsCall, id: string, Groups: string[]) {
  const found = await describeInstance(call, id)
  const primary = found?.NetworkInterfaces?.find(({ Attachment }) => Attachment?.DeviceIndex === 0)
  await ec2(call).send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: primary!.NetworkInterfaceId, Groups }))
}

async function setRootDevice (call: AwsCall, id: string, { rootBlockDevice }: Inputs) {
  const found = await describeInstance(call, id)
  const root = found?.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === found.RootDeviceName)
  if (!rootBlockDevice || !root?.Ebs) return
  const { volumeSize, volumeType, iops, throughput } = rootBlockDevice
  if (volumeSize ?? volumeType ?? iops ?? throughput) {
    await ec2(call).send(new ModifyVolumeCommand({
      VolumeId: root.Ebs.VolumeId, Size: volumeSize, VolumeType: volumeType as VolumeType | undefined, Iops: iops, Throughput: throughput
    }))
  }
  if (root.Ebs.DeleteOnTermination !== rootBlockDevice.deleteOnTermination) {
    await ec2(call).send(new ModifyInstanceAttributeCommand({
      InstanceId: id,
      BlockDeviceMappings: [{ DeviceName: root.DeviceName, Ebs: { DeleteOnTermination: rootBlockDevice.deleteOnTermination } }]
    }))
  }
  if (rootBlockDevice.tags) await ec2(call).send(new CreateTagsCommand({ Resources: [root.Ebs.VolumeId!], Tags: pairs(rootBlockDevice.tags) }))
}

async function setVolumeTags (call: AwsCall, id: string, tags: Record<string, string>) {
  const found = await describeInstance(call, id)
  const volumes = (found?.BlockDeviceMappings ?? []).flatMap(({ Ebs }) => Ebs?.VolumeId ?? [])
  await ec2(call).send(new CreateTagsCommand({ Resources: volumes, Tags: pairs(tags) }))
}

/** Some attributes change only while the instance is stopped; one that was running runs again after. */
async function whileStopped (call: AwsCall, id: string, change: () => Promise<void>) {
  const wasRunning = (await describeInstance(call, id))?.State?.Name === 'running'
  if (wasRunning) {
    await ec2(call).send(new StopInstancesCommand({ InstanceIds: [id] }))
    await untilState(call, id, 'stopped', 600)
  }
  await change()
  if (wasRunning) {
    await ec2(call).send(new StartInstancesCommand({ InstanceIds: [id] }))
    await untilState(call, id, 'running', 600)
  }
}
