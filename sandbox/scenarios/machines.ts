/**
 * A scenario's machines: image, volumes with their bytes, interfaces, address, profile.
 */
import { join } from 'node:path'
import {
  AllocateAddressCommand, AssignIpv6AddressesCommand, AssociateAddressCommand, AttachNetworkInterfaceCommand, CreateNetworkInterfaceCommand,
  DescribeImagesCommand, DescribeInstancesCommand, ModifyNetworkInterfaceAttributeCommand, RegisterImageCommand, RunInstancesCommand,
  waitUntilInstanceRunning, type EC2Client, type Instance
} from '@aws-sdk/client-ec2'
import { CreateKeyCommand } from '@aws-sdk/client-kms'
import { buildImage } from '../disks/build-image.ts'
import { bind, named, type SandboxAws } from './aws.ts'
import { interfacesOf, type WholeInterface } from './interfaces.ts'
import type { ScenarioNetwork } from './network.ts'
import { readAttributes, several, type ScenarioInstance, type ScenarioVolume } from './scenario-file.ts'

const MIB_PER_GIB = 1024

export interface LoadedInterface {
  interfaceId: string
  subnetId: string
  securityGroupIds: string[]
  ipv6Addresses: string[]
  elasticIp?: string
}

export interface LoadedInstance {
  instanceId: string
  /** In the order of the scenario's volumes. */
  volumeIds: string[]
  /** The primary interface first. */
  interfaceIds: string[]
  /** The same, with what each has. */
  interfaces: LoadedInterface[]
  vpcId: string
  /** The primary interface's, as are the groups. */
  subnetId: string
  securityGroupIds: string[]
  privateIp: string
  autoScalingGroup?: string
  /** The first of its target groups. */
  targetGroupArn?: string
  targetGroupArns: string[]
  classicLoadBalancer?: string
  /** The first of its Elastic IPs. */
  elasticIp?: string
  elasticIpAllocationIds: string[]
  instanceProfile?: string
  roleName?: string
}

/** The machine image that the scenario's machines start from; registered once. */
export async function registerServerImage ({ ec2 }: SandboxAws): Promise<string> {
  const name = 'debian-12-amd64-20260901'
  const known = await ec2.send(new DescribeImagesCommand({ Filters: [{ Name: 'name', Values: [name] }] }))
  if (known.Images?.[0]?.ImageId) return known.Images[0].ImageId
  const image = await ec2.send(new RegisterImageCommand({
    Name: name,
    Description: 'Debian 12',
    Architecture: 'x86_64',
    VirtualizationType: 'hvm',
    EnaSupport: true,
    RootDeviceName: '/dev/xvda',
    BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 1, DeleteOnTermination: true } }]
  }))
  return image.ImageId!
}

export interface MachineContext {
  aws: SandboxAws
  directory: string
  scenario: string
  network: ScenarioNetwork
  imageId: string
  /** Roles by instance profile. */
  roles: Map<string, string>
  /** Base URL of the emulator's control API; left out, volumes stay empty. */
  control: string | undefined
  cacheDir: string | undefined
}

/** Starts one machine of the scenario and gives it everything the scenario says it has. */
export async function startMachine (context: MachineContext, spec: ScenarioInstance): Promise<LoadedInstance> {
  const { aws: { ec2 }, network, control } = context
  const [primary, ...more] = interfacesOf(spec)
  const { instance, volumeIds } = await launch(context, spec, primary!)
  const instanceId = instance.InstanceId!
  const ids = [instance.NetworkInterfaces![0]!.NetworkInterfaceId!]
  for (const [index, wanted] of more.entries()) ids.push(await addInterface(context, spec, instanceId, index + 1, wanted))
  const loaded: LoadedInstance = {
    instanceId,
    volumeIds,
    interfaceIds: ids,
    interfaces: [],
    vpcId: network.vpcId,
    ...placeOf(network, primary!),
    privateIp: instance.PrivateIpAddress!,
    targetGroupArns: [],
    elasticIpAllocationIds: []
  }
  for (const [index, wanted] of [primary!, ...more].entries()) {
    const interfaceId = ids[index]!
    const address = wanted.elasticIp ? await giveElasticIp(ec2, spec.name, interfaceId) : undefined
    const ipv6Addresses = wanted.ipv6 ? await giveIpv6Address(ec2, interfaceId) : []
    loaded.interfaces.push({ interfaceId, ...placeOf(network, wanted), ipv6Addresses, ...address && { elasticIp: address.publicIp } })
    if (!address) continue
    loaded.elasticIp ??= address.publicIp
    loaded.elasticIpAllocationIds.push(address.allocationId)
  }
  if (spec.instanceProfile) Object.assign(loaded, { instanceProfile: spec.instanceProfile, roleName: context.roles.get(spec.instanceProfile)! })
  if (control) await bindMachine(context, spec, loaded)
  return loaded
}

function placeOf ({ subnets, groups }: ScenarioNetwork, { subnet, securityGroups }: WholeInterface): { subnetId: string, securityGroupIds: string[] } {
  return { subnetId: subnets.get(subnet)!, securityGroupIds: securityGroups.map((name) => groups.get(name)!) }
}

async function giveElasticIp (ec2: EC2Client, name: string, interfaceId: string): Promise<{ publicIp: string, allocationId: string }> {
  const { PublicIp, AllocationId } = await ec2.send(new AllocateAddressCommand({ Domain: 'vpc', TagSpecifications: named('elastic-ip', name) }))
  // By interface: EC2 refuses an instance id when there is more than one.
  await ec2.send(new AssociateAddressCommand({ AllocationId: AllocationId!, NetworkInterfaceId: interfaceId }))
  return { publicIp: PublicIp!, allocationId: AllocationId! }
}

async function giveIpv6Address (ec2: EC2Client, interfaceId: string): Promise<string[]> {
  const answer = await ec2.send(new AssignIpv6AddressesCommand({ NetworkInterfaceId: interfaceId, Ipv6AddressCount: 1 }))
  return answer.AssignedIpv6Addresses!
}

async function launch (
  { aws, scenario, network, imageId }: MachineContext, spec: ScenarioInstance, primary: WholeInterface
): Promise<{ instance: Instance, volumeIds: string[] }> {
  const { subnetId, securityGroupIds } = placeOf(network, primary)
  const mappings = await Promise.all(spec.volumes.map(async (volume) => ({
    DeviceName: volume.device,
    Ebs: { VolumeSize: Math.ceil(volume.sizeMiB / MIB_PER_GIB), VolumeType: 'gp3' as const, DeleteOnTermination: true, ...await encryptionOf(aws, spec, volume) }
  })))
  const started = await aws.ec2.send(new RunInstancesCommand({
    ImageId: imageId,
    InstanceType: spec.type as never,
    MinCount: 1,
    MaxCount: 1,
    SubnetId: subnetId,
    SecurityGroupIds: securityGroupIds,
    BlockDeviceMappings: mappings,
    IamInstanceProfile: spec.instanceProfile ? { Name: spec.instanceProfile } : undefined,
    UserData: Buffer.from(spec.userData ?? `#cloud-config\nhostname: ${spec.name}\n`).toString('base64'),
    TagSpecifications: [...named('instance', spec.name, { scenario }), ...named('volume', spec.name, { scenario })]
  }))
  const instanceId = started.Instances![0]!.InstanceId!
  await waitUntilInstanceRunning({ client: aws.ec2, minDelay: 1, maxDelay: 1, maxWaitTime: 120 }, { InstanceIds: [instanceId] })
  const described = await aws.ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }))
  const instance = described.Reservations![0]!.Instances![0]!
  const volumeIds = spec.volumes.map(({ device }) => {
    const volumeId = instance.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === device)?.Ebs?.VolumeId
    if (!volumeId) throw new Error(`${spec.name} was started without its volume ${device}`)
    return volumeId
  })
  return { instance, volumeIds }
}

async function encryptionOf ({ kms }: SandboxAws, spec: ScenarioInstance, { encryption = 'none', device }: ScenarioVolume): Promise<{ Encrypted: boolean, KmsKeyId?: string }> {
  if (encryption === 'none') return { Encrypted: false }
  if (encryption === 'aws/ebs') return { Encrypted: true }
  const key = await kms.send(new CreateKeyCommand({ Description: `${spec.name} ${device}` }))
  return { Encrypted: true, KmsKeyId: key.KeyMetadata!.Arn! }
}

async function addInterface (
  { aws: { ec2 }, network }: MachineContext, spec: ScenarioInstance, instanceId: string, index: number, wanted: WholeInterface
): Promise<string> {
  const { subnetId, securityGroupIds } = placeOf(network, wanted)
  const created = await ec2.send(new CreateNetworkInterfaceCommand({
    SubnetId: subnetId, Groups: securityGroupIds, Description: `${spec.name} interface ${index}`, TagSpecifications: named('network-interface', `${spec.name}-${index}`)
  }))
  const id = created.NetworkInterface!.NetworkInterfaceId!
  const attached = await ec2.send(new AttachNetworkInterfaceCommand({ NetworkInterfaceId: id, InstanceId: instanceId, DeviceIndex: index }))
  await ec2.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: id, Attachment: { AttachmentId: attached.AttachmentId!, DeleteOnTermination: true } }))
  return id
}

async function bindMachine ({ control, directory, cacheDir }: MachineContext, spec: ScenarioInstance, { instanceId, volumeIds }: LoadedInstance): Promise<void> {
  for (const [index, volume] of spec.volumes.entries()) {
    await bind(control!, `volumes/${volumeIds[index]!}`, { image: await volumeImage(directory, volume, cacheDir) })
  }
  await bind(control!, `instances/${instanceId}`, {
    ssmAgent: spec.ssmAgent ?? 'online', ...spec.memory ? { memory: join(directory, spec.memory) } : {}
  })
}

/** The image of a scenario's volume: what its trees and tables say. */
export async function volumeImage (directory: string, volume: ScenarioVolume, cacheDir?: string): Promise<string> {
  const { sizeMiB, filesystem, partition, label, modified } = volume
  return await buildImage({
    trees: several(volume.tree).map((tree) => join(directory, tree)),
    files: readAttributes(directory, volume),
    sizeMiB,
    filesystem,
    ...partition && { partition },
    ...label && { label },
    ...modified && { modified }
  }, cacheDir)
}
