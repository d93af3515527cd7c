import {
  CreateSubnetCommand, DeleteSubnetCommand, DescribeSubnetsCommand, ModifySubnetAttributeCommand,
  type ModifySubnetAttributeCommandInput
} from '@aws-sdk/client-ec2'
import type { SubnetArgs } from '@pulumi/aws/ec2/subnet.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may, must } from '../engine/schema.ts'
import { unlessGone, until, whileRefused } from '../engine/wait.ts'
import { ec2, patience, tagged, tagging, tagMap } from './client.ts'

const GONE = ['InvalidSubnetID.NotFound']

async function describe (call: AwsCall, id: string) {
  const found = await unlessGone(GONE, async () => await ec2(call).send(new DescribeSubnetsCommand({ SubnetIds: [id] })))
  return found?.Subnets?.[0]
}

/** The flags that AWS changes one per call, by input name. */
const flags: Record<string, (Value: boolean) => Omit<ModifySubnetAttributeCommandInput, 'SubnetId'>> = {
  mapPublicIpOnLaunch: Value => ({ MapPublicIpOnLaunch: { Value } }),
  assignIpv6AddressOnCreation: Value => ({ AssignIpv6AddressOnCreation: { Value } }),
  enableDns64: Value => ({ EnableDns64: { Value } }),
  enableResourceNameDnsARecordOnLaunch: Value => ({ EnableResourceNameDnsARecordOnLaunch: { Value } }),
  enableResourceNameDnsAaaaRecordOnLaunch: Value => ({ EnableResourceNameDnsAAAARecordOnLaunch: { Value } })
}

export const subnet = resource<SubnetArgs>()({
  inputs: {
    assignIpv6AddressOnCreation: may.flag({ default: false }),
    availabilityZone: may.text({ computed: true, replaces: true }),
    availabilityZoneId: may.text({ computed: true, replaces: true }),
    cidrBlock: must.text({ replaces: true }),
    enableDns64: may.flag({ default: false }),
    enableResourceNameDnsARecordOnLaunch: may.flag({ default: false }),
    enableResourceNameDnsAaaaRecordOnLaunch: may.flag({ default: false }),
    mapPublicIpOnLaunch: may.flag({ default: false }),
    privateDnsHostnameTypeOnLaunch: may.text({ computed: true, enum: ['ip-name', 'resource-name'] }),
    vpcId: must.text({ replaces: true })
  },
  outputs: ['arn', 'ipv6CidrBlockAssociationId', 'ownerId'],
  tagging,
  async create (call, inputs) {
    const { Subnet } = await ec2(call).send(new CreateSubnetCommand({
      VpcId: inputs.vpcId,
      CidrBlock: inputs.cidrBlock,
      AvailabilityZone: inputs.availabilityZone,
      AvailabilityZoneId: inputs.availabilityZoneId,
      ...tagged('subnet', call.tags)
    }))
    const id = Subnet!.SubnetId!
    call.created(id)
    await until('the subnet to become available', async () => (await describe(call, id))?.State === 'available' || undefined, patience(call, 600))
    for (const [flag, change] of Object.entries(flags)) {
      if ((inputs as Record<string, unknown>)[flag]) await ec2(call).send(new ModifySubnetAttributeCommand({ SubnetId: id, ...change(true) }))
    }
    if (inputs.privateDnsHostnameTypeOnLaunch === 'resource-name') {
      await ec2(call).send(new ModifySubnetAttributeCommand({ SubnetId: id, PrivateDnsHostnameTypeOnLaunch: 'resource-name' }))
    }
    return id
  },
  async read (call, id) {
    const found = await describe(call, id)
    if (!found) return undefined
    return {
      arn: found.SubnetArn,
      assignIpv6AddressOnCreation: found.AssignIpv6AddressOnCreation ?? false,
      availabilityZone: found.AvailabilityZone,
      availabilityZoneId: found.AvailabilityZoneId,
      cidrBlock: found.CidrBlock,
      enableDns64: found.EnableDns64 ?? false,
      enableResourceNameDnsARecordOnLaunch: found.PrivateDnsNameOptionsOnLaunch?.EnableResourceNameDnsARecord ?? false,
      enableResourceNameDnsAaaaRecordOnLaunch: found.PrivateDnsNameOptionsOnLaunch?.EnableResourceNameDnsAAAARecord ?? false,
      privateDnsHostnameTypeOnLaunch: found.PrivateDnsNameOptionsOnLaunch?.HostnameType ?? 'ip-name',
      ipv6CidrBlockAssociationId: found.Ipv6CidrBlockAssociationSet?.[0]?.AssociationId ?? '',
      mapPublicIpOnLaunch: found.MapPublicIpOnLaunch ?? false,
      ownerId: found.OwnerId,
      vpcId: found.VpcId,
      tags: tagMap(found.Tags)
    }
  },
  async update (call, id, news, _olds, changed) {
    for (const [flag, change] of Object.entries(flags)) {
      if (changed.has(flag)) await ec2(call).send(new ModifySubnetAttributeCommand({ SubnetId: id, ...change((news as Record<string, unknown>)[flag] === true) }))
    }
    if (changed.has('privateDnsHostnameTypeOnLaunch')) {
      await ec2(call).send(new ModifySubnetAttributeCommand({
        SubnetId: id, PrivateDnsHostnameTypeOnLaunch: news.privateDnsHostnameTypeOnLaunch === 'resource-name' ? 'resource-name' : 'ip-name'
      }))
    }
  },
  async delete (call, id) {
    await unlessGone(GONE, async () => await whileRefused(['DependencyViolation'], async () =>
      await ec2(call).send(new DeleteSubnetCommand({ SubnetId: id })), patience(call, 1200)))
  }
})
