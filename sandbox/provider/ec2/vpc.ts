import {
  CreateVpcCommand, DeleteVpcCommand, DescribeNetworkAclsCommand, DescribeRouteTablesCommand, DescribeSecurityGroupsCommand,
  DescribeVpcAttributeCommand, DescribeVpcsCommand, ModifyVpcAttributeCommand, ModifyVpcTenancyCommand, type Tenancy, type VpcAttributeName
} from '@aws-sdk/client-ec2'
import type { VpcArgs } from '@pulumi/aws/ec2/vpc.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may } from '../engine/schema.ts'
import { unlessGone, until, whileRefused } from '../engine/wait.ts'
import { arn, ec2, filter, patience, tagged, tagging, tagMap } from './client.ts'

const GONE = ['InvalidVpcID.NotFound']

async function describe (call: AwsCall, id: string) {
  const found = await unlessGone(GONE, async () => await ec2(call).send(new DescribeVpcsCommand({ VpcIds: [id] })))
  return found?.Vpcs?.[0]
}

async function attribute (call: AwsCall, VpcId: string, Attribute: VpcAttributeName) {
  const { EnableDnsHostnames, EnableDnsSupport, EnableNetworkAddressUsageMetrics } =
    await ec2(call).send(new DescribeVpcAttributeCommand({ VpcId, Attribute }))
  return (EnableDnsHostnames ?? EnableDnsSupport ?? EnableNetworkAddressUsageMetrics)?.Value ?? false
}

/** Each attribute takes a call of its own; what is as AWS makes it needs none. */
async function setAttributes (call: AwsCall, VpcId: string, wanted: { enableDnsHostnames?: boolean, enableDnsSupport?: boolean, enableNetworkAddressUsageMetrics?: boolean }) {
  const { enableDnsHostnames, enableDnsSupport, enableNetworkAddressUsageMetrics } = wanted
  if (enableDnsSupport !== undefined) {
    await ec2(call).send(new ModifyVpcAttributeCommand({ VpcId, EnableDnsSupport: { Value: enableDnsSupport } }))
  }
  if (enableDnsHostnames !== undefined) {
    await ec2(call).send(new ModifyVpcAttributeCommand({ VpcId, EnableDnsHostnames: { Value: enableDnsHostnames } }))
  }
  if (enableNetworkAddressUsageMetrics !== undefined) {
    await ec2(call).send(new ModifyVpcAttributeCommand({ VpcId, EnableNetworkAddressUsageMetrics: { Value: enableNetworkAddressUsageMetrics } }))
  }
}

export const vpc = resource<VpcArgs>()({
  inputs: {
    assignGeneratedIpv6CidrBlock: may.flag({ replaces: true }),
    cidrBlock: may.text({ computed: true, replaces: true }),
    enableDnsHostnames: may.flag({ computed: true }),
    enableDnsSupport: may.flag({ default: true }),
    enableNetworkAddressUsageMetrics: may.flag({ computed: true }),
    instanceTenancy: may.text({ default: 'default', enum: ['default', 'dedicated'] }),
    ipv6CidrBlock: may.text({ computed: true, replaces: true })
  },
  outputs: [
    'arn', 'defaultNetworkAclId', 'defaultRouteTableId', 'defaultSecurityGroupId', 'dhcpOptionsId', 'ipv6AssociationId',
    'mainRouteTableId', 'ownerId'
  ],
  tagging,
  check: ({ cidrBlock }) => cidrBlock ? [] : [{ property: 'cidrBlock', reason: 'Missing required argument' }],
  replacesOn: (olds, news) => olds.instanceTenancy !== news.instanceTenancy && news.instanceTenancy === 'dedicated' ? ['instanceTenancy'] : [],
  async create (call, inputs) {
    const { Vpc } = await ec2(call).send(new CreateVpcCommand({
      CidrBlock: inputs.cidrBlock,
      InstanceTenancy: inputs.instanceTenancy as Tenancy,
      ...(inputs.assignGeneratedIpv6CidrBlock && { AmazonProvidedIpv6CidrBlock: true }),
      ...tagged('vpc', call.tags)
    }))
    const id = Vpc!.VpcId!
    call.created(id)
    await until('the VPC to become available', async () => (await describe(call, id))?.State === 'available' || undefined, patience(call, 300))
    await setAttributes(call, id, {
      ...(inputs.enableDnsHostnames && { enableDnsHostnames: true }),
      ...(inputs.enableDnsSupport === false && { enableDnsSupport: false }),
      ...(inputs.enableNetworkAddressUsageMetrics && { enableNetworkAddressUsageMetrics: true })
    })
    return id
  },
  async read (call, id) {
    const found = await describe(call, id)
    if (!found) return undefined
    const ofVpc = filter('vpc-id', id)
    const [enableDnsHostnames, enableDnsSupport, enableNetworkAddressUsageMetrics, tables, acls, groups] = await Promise.all([
      attribute(call, id, 'enableDnsHostnames'),
      attribute(call, id, 'enableDnsSupport'),
      attribute(call, id, 'enableNetworkAddressUsageMetrics'),
      ec2(call).send(new DescribeRouteTablesCommand({ Filters: [ofVpc, filter('association.main', 'true')] })),
      ec2(call).send(new DescribeNetworkAclsCommand({ Filters: [ofVpc, filter('default', 'true')] })),
      ec2(call).send(new DescribeSecurityGroupsCommand({ Filters: [ofVpc, filter('group-name', 'default')] }))
    ])
    const mainRouteTableId = tables.RouteTables?.[0]?.RouteTableId
    return {
      arn: arn(call, `vpc/${id}`, found.OwnerId),
      assignGeneratedIpv6CidrBlock: (found.Ipv6CidrBlockAssociationSet ?? []).some(({ Ipv6Pool }) => Ipv6Pool === 'Amazon'),
      cidrBlock: found.CidrBlock,
      dhcpOptionsId: found.DhcpOptionsId,
      instanceTenancy: found.InstanceTenancy,
      ownerId: found.OwnerId,
      ipv6AssociationId: found.Ipv6CidrBlockAssociationSet?.[0]?.AssociationId ?? '',
      ipv6CidrBlock: found.Ipv6CidrBlockAssociationSet?.[0]?.Ipv6CidrBlock ?? '',
      enableDnsHostnames,
      enableDnsSupport,
      enableNetworkAddressUsageMetrics,
      mainRouteTableId,
      defaultRouteTableId: mainRouteTableId,
      defaultNetworkAclId: acls.NetworkAcls?.[0]?.NetworkAclId,
      defaultSecurityGroupId: groups.SecurityGroups?.[0]?.GroupId,
      tags: tagMap(found.Tags)
    }
  },
  async update (call, id, news, _olds, changed) {
    await setAttributes(call, id, {
      ...(changed.has('enableDnsSupport') && { enableDnsSupport: news.enableDnsSupport ?? true }),
      ...(changed.has('enableDnsHostnames') && { enableDnsHostnames: news.enableDnsHostnames ?? false }),
      ...(changed.has('enableNetworkAddressUsageMetrics') && { enableNetworkAddressUsageMetrics: news.enableNetworkAddressUsageMetrics ?? false })
    })
    if (changed.has('instanceTenancy')) await ec2(call).send(new ModifyVpcTenancyCommand({ VpcId: id, InstanceTenancy: 'default' }))
  },
  async delete (call, id) {
    await unlessGone(GONE, async () => await whileRefused(['DependencyViolation'], async () =>
      await ec2(call).send(new DeleteVpcCommand({ VpcId: id })), patience(call, 300)))
  }
})
