/**
 * What cutting an instance off needs, in one round of reads side by side.
 *
 * Only the instance itself is essential. Its interfaces and volumes stand in DescribeInstances' answer
 * too, with less about each, so what their own calls do not give (a permission that lacks, an answer that
 * lags) is taken from there: no interface is left out because one of two answers left it out.
 *
 * A trunk interface carries branch interfaces that are attached to no instance (Amazon EC2 API Reference,
 * "AssociateTrunkInterface"); a machine with a trunk costs a second round.
 */
import {
  DescribeNetworkInterfacesCommand, DescribeVolumesCommand, paginateDescribeNetworkInterfaces, paginateDescribeTrunkInterfaceAssociations,
  type EC2Client, type Instance, type InstanceNetworkInterface, type NetworkInterface, type TrunkInterfaceAssociation, type Volume
} from '@aws-sdk/client-ec2'
import type { AwsScope } from '../aws/clients.ts'
import { filtersBy } from '../aws/filters.ts'
import { findInstance } from './describe-instance.ts'
import { readSections, section, within, type Limited } from './sections.ts'
import type { ElasticAddress, InstanceFacts, InterfaceFacts, Read, Section, Sections, VolumeFacts } from './target-facts.ts'

/** Milliseconds for what the response can do without. */
export interface ReadLimits { interfacesMs: number, volumesMs: number, branchesMs: number }

const LIMITS: ReadLimits = { interfacesMs: 15_000, volumesMs: 15_000, branchesMs: 15_000 }

/**
 * The instance with its interfaces and volumes. What could not be read is a section that holds the error.
 * @throws CleanroomError INSTANCE_NOT_FOUND, INSTANCE_TERMINATED, AWS_*
 */
export async function readInstance (
  { ec2 }: { ec2: EC2Client }, scope: AwsScope, instanceId: string, now: Date, limits: ReadLimits = LIMITS
): Promise<Read<InstanceFacts>> {
  const attached = [{ Name: 'attachment.instance-id', Values: [instanceId] }]
  const [instance, interfaces, volumes] = await Promise.all([
    findInstance(ec2, instanceId),
    limitedSection(`describing the interfaces of ${instanceId}`, limits.interfacesMs, async (limited) =>
      (await ec2.send(new DescribeNetworkInterfacesCommand({ Filters: attached }), limited)).NetworkInterfaces ?? []),
    limitedSection(`describing the volumes of ${instanceId}`, limits.volumesMs, async (limited) =>
      (await ec2.send(new DescribeVolumesCommand({ Filters: attached }), limited)).Volumes ?? [])
  ])
  const own = interfacesOf(instance, dataOf<NetworkInterface[]>(interfaces) ?? [])
  const trunks = own.filter(({ kind }) => kind === 'trunk').map(({ interfaceId }) => interfaceId)
  const branches = trunks.length > 0 ? await readBranches(ec2, trunks, instance.VpcId, limits.branchesMs) : { facts: [], sections: {} }
  const attachedIds = new Set(own.map(({ interfaceId }) => interfaceId))
  const all = [...own, ...branches.facts.filter(({ interfaceId }) => !attachedIds.has(interfaceId))]
  return {
    facts: factsOf(scope, instance, all, volumesOf(instance, dataOf<Volume[]>(volumes) ?? [])),
    sections: { readAt: { data: now.toISOString() }, instance: { data: instance }, networkInterfaces: interfaces, volumes, ...branches.sections }
  }
}

async function limitedSection (doing: string, limitMs: number, read: (limited: Limited) => Promise<unknown>): Promise<Section> {
  return await section(doing, () => within(limitMs, doing, read))
}

function dataOf<T> (read: Section): T | undefined {
  return 'data' in read ? read.data as T : undefined
}

/** Interfaces behind the trunks. AWS has no filter for a trunk's id, so all associations are listed. */
async function readBranches (ec2: EC2Client, trunkIds: string[], instanceVpcId: string | undefined, limitMs: number): Promise<Read<InterfaceFacts[]>> {
  const found: NetworkInterface[] = []
  const sections: Sections = await readSections({
    branchInterfaces: () => within(limitMs, `describing the branches of ${trunkIds.join(', ')}`, async (limited) => {
      const associations: TrunkInterfaceAssociation[] = []
      for await (const page of paginateDescribeTrunkInterfaceAssociations({ client: ec2 }, {}, limited)) {
        associations.push(...page.InterfaceAssociations?.filter(({ TrunkInterfaceId }) => trunkIds.includes(TrunkInterfaceId!)) ?? [])
      }
      const ids = associations.map(({ BranchInterfaceId }) => BranchInterfaceId!)
      // By filter and not by id: a branch that has gone since would fail the call for all.
      for (const filter of filtersBy('network-interface-id', ids)) {
        for await (const page of paginateDescribeNetworkInterfaces({ client: ec2 }, { Filters: [filter] }, limited)) found.push(...page.NetworkInterfaces ?? [])
      }
      return { associations, interfaces: found }
    })
  })
  const facts = found.map((each) => ({ ...interfaceFacts(each, instanceVpcId), kind: 'branch' })).sort((a, b) => a.interfaceId.localeCompare(b.interfaceId))
  return { facts, sections }
}

/** The described ones, and any that only the instance's own answer names; by network card and device index. */
function interfacesOf (instance: Instance, described: NetworkInterface[]): InterfaceFacts[] {
  const known = new Set(described.map(({ NetworkInterfaceId }) => NetworkInterfaceId))
  const rest = instance.NetworkInterfaces?.filter(({ NetworkInterfaceId }) => !known.has(NetworkInterfaceId)) ?? []
  return [...described, ...rest].map((each) => interfaceFacts(each, instance.VpcId))
    .sort((a, b) => a.networkCardIndex - b.networkCardIndex || a.deviceIndex - b.deviceIndex)
}

/** DescribeInstances names no allocation of a public address: of an interface that only it has, no Elastic IP is known. */
function interfaceFacts (each: NetworkInterface | InstanceNetworkInterface, instanceVpcId: string | undefined): InterfaceFacts {
  return {
    interfaceId: each.NetworkInterfaceId!,
    kind: each.InterfaceType ?? 'interface',
    deviceIndex: each.Attachment?.DeviceIndex ?? 0,
    networkCardIndex: each.Attachment?.NetworkCardIndex ?? 0,
    subnetId: each.SubnetId!,
    ...each.VpcId !== undefined && each.VpcId !== instanceVpcId && { vpcId: each.VpcId },
    securityGroupIds: each.Groups?.map(({ GroupId }) => GroupId!) ?? [],
    privateAddresses: each.PrivateIpAddresses?.map(({ PrivateIpAddress }) => PrivateIpAddress!) ?? [],
    ipv6Addresses: each.Ipv6Addresses?.map(({ Ipv6Address }) => Ipv6Address!) ?? [],
    elasticAddresses: each.PrivateIpAddresses?.flatMap(({ PrivateIpAddress, Association }): ElasticAddress[] => {
      // An address that AWS lends for the instance's run has neither id; it can't be taken off.
      if (!Association || !('AllocationId' in Association) || !Association.AllocationId || !Association.AssociationId) return []
      const { AllocationId, AssociationId, PublicIp } = Association
      return [{ allocationId: AllocationId, associationId: AssociationId, publicIp: PublicIp!, privateAddress: PrivateIpAddress! }]
    }) ?? []
  }
}

/** The described ones, and any that only the instance's block devices name: of those, size and key are not known. */
function volumesOf (instance: Instance, described: Volume[]): VolumeFacts[] {
  const known = described.map((each): VolumeFacts => {
    const attachment = each.Attachments!.find(({ InstanceId }) => InstanceId === instance.InstanceId)!
    return {
      volumeId: each.VolumeId!,
      device: attachment.Device!,
      sizeGiB: each.Size!,
      encrypted: each.Encrypted ?? false,
      ...each.KmsKeyId && { kmsKeyId: each.KmsKeyId },
      deleteOnTermination: attachment.DeleteOnTermination ?? false
    }
  })
  const rest = (instance.BlockDeviceMappings ?? [])
    .filter(({ Ebs }) => Ebs?.VolumeId && !known.some(({ volumeId }) => volumeId === Ebs.VolumeId))
    .map(({ DeviceName, Ebs }): VolumeFacts => ({
      volumeId: Ebs!.VolumeId!, device: DeviceName!, sizeGiB: 0, encrypted: false, deleteOnTermination: Ebs!.DeleteOnTermination ?? false
    }))
  return [...known, ...rest].sort((a, b) => a.device.localeCompare(b.device))
}

function factsOf ({ accountId, region }: AwsScope, instance: Instance, interfaces: InterfaceFacts[], volumes: VolumeFacts[]): InstanceFacts {
  const ebsDevices = new Set(volumes.map(({ device }) => device))
  const mapped = instance.BlockDeviceMappings ?? []
  return {
    instanceId: instance.InstanceId!,
    accountId,
    region,
    state: instance.State!.Name!,
    vpcId: instance.VpcId!,
    subnetId: instance.SubnetId!,
    availabilityZone: instance.Placement!.AvailabilityZone!,
    instanceType: instance.InstanceType!,
    architecture: instance.Architecture ?? 'x86_64',
    platform: /^windows$/i.test(instance.Platform ?? '') ? 'windows' : 'linux',
    interfaces,
    volumes,
    instanceStoreDevices: mapped.filter(({ DeviceName, Ebs }) => !Ebs && !ebsDevices.has(DeviceName!)).map(({ DeviceName }) => DeviceName!),
    hibernationConfigured: instance.HibernationOptions?.Configured ?? false,
    spot: instance.InstanceLifecycle === 'spot',
    ...instance.IamInstanceProfile?.Arn && { instanceProfileArn: instance.IamInstanceProfile.Arn },
    tags: Object.fromEntries(instance.Tags?.map(({ Key, Value }) => [Key!, Value!]) ?? [])
  }
}
