import {
  DescribeAvailabilityZonesCommand, DescribeImagesCommand, DescribeManagedPrefixListsCommand, DescribePrefixListsCommand, DescribeVpcEndpointServicesCommand,
  GetManagedPrefixListEntriesCommand, type Image
} from '@aws-sdk/client-ec2'
import type { GetAmiArgs } from '@pulumi/aws/ec2/getAmi.js'
import type { GetManagedPrefixListArgs } from '@pulumi/aws/ec2/getManagedPrefixList.js'
import type { GetPrefixListArgs } from '@pulumi/aws/ec2/getPrefixList.js'
import type { GetVpcEndpointServiceArgs } from '@pulumi/aws/ec2/getVpcEndpointService.js'
import type { GetAvailabilityZonesArgs } from '@pulumi/aws/getAvailabilityZones.js'
import { Type } from 'typebox'
import { lookUp } from '../engine/function-type.ts'
import { may } from '../engine/schema.ts'
import { arn, ec2, filter, tagMap } from './client.ts'
import { filterInputs, filterRequest, only } from './filters.ts'

function newest (images: Image[]): Image {
  return images.toSorted((a, b) => Date.parse(b.CreationDate ?? '') - Date.parse(a.CreationDate ?? ''))[0]!
}

export const getAmi = lookUp<GetAmiArgs>()({
  allowUnsafeFilter: may.flag(),
  executableUsers: may.list(Type.String()),
  filters: filterInputs,
  includeDeprecated: may.flag(),
  mostRecent: may.flag(),
  nameRegex: may.text(),
  owners: may.list(Type.String()),
  region: may.text(),
  tags: may.map()
}, async (call, inputs) => {
  const { Images = [] } = await ec2(call).send(new DescribeImagesCommand({
    ExecutableUsers: inputs.executableUsers,
    Filters: filterRequest(inputs.filters, inputs.tags),
    IncludeDeprecated: inputs.includeDeprecated,
    Owners: inputs.owners
  }))
  const pattern = inputs.nameRegex === undefined ? undefined : new RegExp(inputs.nameRegex)
  const matching = Images.filter(({ Name = '' }) => pattern?.test(Name) ?? true)
  if (matching.length === 0) throw new Error('Your query returned no results. Please change your search criteria and try again.')
  if (matching.length > 1 && !inputs.mostRecent) {
    throw new Error('Your query returned more than one result. Please try a more specific search criteria, or set `mostRecent` to true.')
  }
  const image = newest(matching)
  const root = image.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === image.RootDeviceName)
  return {
    ...inputs,
    architecture: image.Architecture,
    arn: arn(call, `image/${image.ImageId}`, ''),
    blockDeviceMappings: (image.BlockDeviceMappings ?? []).map(({ DeviceName, Ebs, NoDevice, VirtualName }) => ({
      deviceName: DeviceName ?? '',
      noDevice: NoDevice ?? '',
      virtualName: VirtualName ?? '',
      ebs: Ebs
        ? {
            delete_on_termination: String(Ebs.DeleteOnTermination ?? false),
            encrypted: String(Ebs.Encrypted ?? false),
            iops: String(Ebs.Iops ?? 0),
            snapshot_id: Ebs.SnapshotId ?? '',
            throughput: String(Ebs.Throughput ?? 0),
            volume_size: String(Ebs.VolumeSize ?? 0),
            volume_type: Ebs.VolumeType ?? ''
          }
        : {}
    })),
    bootMode: image.BootMode ?? '',
    creationDate: image.CreationDate ?? '',
    deprecationTime: image.DeprecationTime ?? '',
    description: image.Description ?? '',
    enaSupport: image.EnaSupport ?? false,
    hypervisor: image.Hypervisor ?? '',
    id: image.ImageId,
    imageId: image.ImageId,
    imageLocation: image.ImageLocation ?? '',
    imageOwnerAlias: image.ImageOwnerAlias ?? '',
    imageType: image.ImageType ?? '',
    imdsSupport: image.ImdsSupport ?? '',
    kernelId: image.KernelId ?? '',
    lastLaunchedTime: image.LastLaunchedTime ?? '',
    name: image.Name ?? '',
    ownerId: image.OwnerId ?? '',
    platform: image.Platform ?? '',
    platformDetails: image.PlatformDetails ?? '',
    productCodes: (image.ProductCodes ?? []).map(({ ProductCodeId, ProductCodeType }) => ({ productCodeId: ProductCodeId, productCodeType: ProductCodeType })),
    public: image.Public ?? false,
    ramdiskId: image.RamdiskId ?? '',
    region: call.region,
    rootDeviceName: image.RootDeviceName ?? '',
    rootDeviceType: image.RootDeviceType ?? '',
    rootSnapshotId: root?.Ebs?.SnapshotId ?? '',
    sriovNetSupport: image.SriovNetSupport ?? '',
    state: image.State ?? '',
    stateReason: { code: image.StateReason?.Code ?? 'UNSET', message: image.StateReason?.Message ?? 'UNSET' },
    tags: tagMap(image.Tags),
    tpmSupport: image.TpmSupport ?? '',
    usageOperation: image.UsageOperation ?? '',
    virtualizationType: image.VirtualizationType ?? ''
  }
})

export const getPrefixList = lookUp<GetPrefixListArgs>()({
  filters: filterInputs, name: may.text(), prefixListId: may.text(), region: may.text()
}, async (call, inputs) => {
  const { PrefixLists = [] } = await ec2(call).send(new DescribePrefixListsCommand({
    Filters: [...filterRequest(inputs.filters), ...(inputs.name ? [filter('prefix-list-name', inputs.name)] : [])],
    ...(inputs.prefixListId && { PrefixListIds: [inputs.prefixListId] })
  }))
  const list = only('EC2 Prefix List', PrefixLists)
  return { ...inputs, id: list.PrefixListId, name: list.PrefixListName, cidrBlocks: list.Cidrs ?? [], region: call.region }
})

export const getManagedPrefixList = lookUp<GetManagedPrefixListArgs>()({
  filters: filterInputs, id: may.text(), name: may.text(), region: may.text(), tags: may.map()
}, async (call, inputs) => {
  const { PrefixLists = [] } = await ec2(call).send(new DescribeManagedPrefixListsCommand({
    Filters: [...filterRequest(inputs.filters, inputs.tags), ...(inputs.name ? [filter('prefix-list-name', inputs.name)] : [])],
    ...(inputs.id && { PrefixListIds: [inputs.id] })
  }))
  const list = only('EC2 Managed Prefix List', PrefixLists)
  const { Entries = [] } = await ec2(call).send(new GetManagedPrefixListEntriesCommand({ PrefixListId: list.PrefixListId }))
  return {
    ...inputs,
    addressFamily: list.AddressFamily ?? '',
    arn: list.PrefixListArn,
    entries: Entries.map(({ Cidr, Description }) => ({ cidr: Cidr, description: Description ?? '' })),
    id: list.PrefixListId,
    maxEntries: list.MaxEntries ?? 0,
    name: list.PrefixListName,
    ownerId: list.OwnerId ?? '',
    region: call.region,
    tags: tagMap(list.Tags),
    version: list.Version ?? 0
  }
})

export const getVpcEndpointService = lookUp<GetVpcEndpointServiceArgs>()({
  filters: filterInputs,
  service: may.text(),
  serviceName: may.text(),
  serviceRegions: may.list(Type.String()),
  serviceType: may.text(),
  tags: may.map()
}, async (call, inputs) => {
  const serviceName = inputs.serviceName ?? (inputs.service && `com.amazonaws.${call.region}.${inputs.service}`)
  const { ServiceDetails = [] } = await ec2(call).send(new DescribeVpcEndpointServicesCommand({
    Filters: filterRequest(inputs.filters, inputs.tags),
    ...(serviceName && { ServiceNames: [serviceName] }),
    ServiceRegions: inputs.serviceRegions
  }))
  const service = only('EC2 VPC Endpoint Service', ServiceDetails.filter(({ ServiceType }) =>
    inputs.serviceType === undefined || ServiceType?.some(kind => kind.ServiceType === inputs.serviceType)))
  return {
    ...inputs,
    acceptanceRequired: service.AcceptanceRequired ?? false,
    arn: arn(call, `vpc-endpoint-service/${service.ServiceId}`),
    availabilityZones: service.AvailabilityZones ?? [],
    baseEndpointDnsNames: service.BaseEndpointDnsNames ?? [],
    id: service.ServiceId ?? service.ServiceName,
    managesVpcEndpoints: service.ManagesVpcEndpoints ?? false,
    owner: service.Owner ?? '',
    privateDnsName: service.PrivateDnsName ?? '',
    privateDnsNames: (service.PrivateDnsNames ?? []).map(({ PrivateDnsName }) => PrivateDnsName),
    region: call.region,
    serviceId: service.ServiceId ?? '',
    serviceName: service.ServiceName,
    serviceRegion: service.ServiceRegion ?? call.region,
    serviceType: service.ServiceType?.[0]?.ServiceType ?? '',
    supportedIpAddressTypes: service.SupportedIpAddressTypes ?? [],
    tags: tagMap(service.Tags),
    vpcEndpointPolicySupported: service.VpcEndpointPolicySupported ?? false
  }
})

export const getAvailabilityZones = lookUp<GetAvailabilityZonesArgs>()({
  allAvailabilityZones: may.flag(),
  excludeNames: may.list(Type.String()),
  excludeZoneIds: may.list(Type.String()),
  filters: filterInputs,
  region: may.text(),
  state: may.text({ enum: ['available', 'information', 'impaired', 'unavailable', 'constrained'] })
}, async (call, inputs) => {
  const { AvailabilityZones = [] } = await ec2(call).send(new DescribeAvailabilityZonesCommand({
    AllAvailabilityZones: inputs.allAvailabilityZones,
    Filters: [...filterRequest(inputs.filters), ...(inputs.state ? [{ Name: 'state', Values: [inputs.state] }] : [])]
  }))
  const zones = AvailabilityZones.filter(({ ZoneName = '', ZoneId = '' }) =>
    !inputs.excludeNames?.includes(ZoneName) && !inputs.excludeZoneIds?.includes(ZoneId))
    .sort((a, b) => a.ZoneName! < b.ZoneName! ? -1 : 1)
  return {
    ...inputs,
    id: call.region,
    region: call.region,
    names: zones.map(({ ZoneName }) => ZoneName),
    zoneIds: zones.map(({ ZoneId }) => ZoneId),
    groupNames: [...new Set(zones.map(({ GroupName }) => GroupName ?? call.region))]
  }
})
