import {
  CreateVpcEndpointCommand, DeleteVpcEndpointsCommand, DescribePrefixListsCommand, DescribeVpcEndpointsCommand, ModifyVpcEndpointCommand,
  type IpAddressType, type VpcEndpoint, type VpcEndpointType
} from '@aws-sdk/client-ec2'
import type { VpcEndpointArgs } from '@pulumi/aws/ec2/vpcEndpoint.js'
import type { VpcEndpointPolicyArgs } from '@pulumi/aws/ec2/vpcEndpointPolicy.js'
import { Type } from 'typebox'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may, must } from '../engine/schema.ts'
import { unlessGone, until } from '../engine/wait.ts'
import { arn, ec2, filter, patience, tagged, tagging, tagMap } from './client.ts'

const GONE = ['InvalidVpcEndpointId.NotFound', 'InvalidVpcEndpoint.NotFound']

/** A deleted endpoint stays in AWS's answers for a while, as deleted. */
async function describe (call: AwsCall, id: string): Promise<VpcEndpoint | undefined> {
  const found = await unlessGone(GONE, async () => await ec2(call).send(new DescribeVpcEndpointsCommand({ VpcEndpointIds: [id] })))
  const endpoint = found?.VpcEndpoints?.find(({ VpcEndpointId }) => VpcEndpointId === id)
  return endpoint && state(endpoint) === 'deleted' ? undefined : endpoint
}

/** AWS writes the state in several ways of capitals. */
function state (endpoint: VpcEndpoint): string {
  return endpoint.State?.toLowerCase() ?? ''
}

async function untilReady (call: AwsCall, id: string) {
  await until(`VPC endpoint ${id} to become available`, async () => {
    const endpoint = await describe(call, id)
    const now = endpoint && state(endpoint)
    if (now === 'failed' || now === 'rejected') throw new Error(`VPC endpoint ${id} is ${now}: ${endpoint?.LastError?.Message ?? ''}`)
    return now === 'available' || now === 'pendingacceptance' || undefined
  }, patience(call, 600))
}

async function prefixList (call: AwsCall, endpoint: VpcEndpoint) {
  if (endpoint.VpcEndpointType !== 'Gateway') return undefined
  const { PrefixLists = [] } = await ec2(call).send(new DescribePrefixListsCommand({ Filters: [filter('prefix-list-name', endpoint.ServiceName!)] }))
  return PrefixLists[0]
}

function addedAndRemoved (before: readonly string[] = [], after: readonly string[] = []) {
  return { added: after.filter(item => !before.includes(item)), removed: before.filter(item => !after.includes(item)) }
}

export const vpcEndpoint = resource<VpcEndpointArgs>()({
  inputs: {
    autoAccept: may.flag(),
    dnsOptions: may.object({
      dnsRecordIpType: may.text({ computed: true }),
      privateDnsOnlyForInboundResolverEndpoint: may.flag({ computed: true })
    }, { computed: true }),
    ipAddressType: may.text({ computed: true, enum: ['ipv4', 'dualstack', 'ipv6'] }),
    policy: may.json({ computed: true }),
    privateDnsEnabled: may.flag({ computed: true }),
    routeTableIds: may.set(Type.String(), { computed: true }),
    securityGroupIds: may.set(Type.String(), { computed: true }),
    serviceName: must.text({ replaces: true }),
    serviceRegion: may.text({ computed: true, replaces: true }),
    subnetIds: may.set(Type.String(), { computed: true }),
    vpcEndpointType: may.text({ default: 'Gateway', replaces: true, enum: ['Gateway', 'GatewayLoadBalancer', 'Interface', 'Resource', 'ServiceNetwork'] }),
    vpcId: must.text({ replaces: true })
  },
  outputs: ['arn', 'cidrBlocks', 'dnsEntries', 'networkInterfaceIds', 'ownerId', 'prefixListId', 'requesterManaged', 'state'],
  tagging,
  async create (call, inputs) {
    const { dnsOptions } = inputs
    const { VpcEndpoint } = await ec2(call).send(new CreateVpcEndpointCommand({
      VpcId: inputs.vpcId,
      ServiceName: inputs.serviceName,
      ServiceRegion: inputs.serviceRegion,
      VpcEndpointType: inputs.vpcEndpointType as VpcEndpointType,
      PolicyDocument: inputs.policy,
      PrivateDnsEnabled: inputs.privateDnsEnabled ?? false,
      RouteTableIds: inputs.routeTableIds,
      SecurityGroupIds: inputs.securityGroupIds,
      SubnetIds: inputs.subnetIds,
      IpAddressType: inputs.ipAddressType as IpAddressType | undefined,
      ...(dnsOptions && { DnsOptions: dnsRequest(dnsOptions) }),
      ...tagged('vpc-endpoint', call.tags)
    }))
    const id = VpcEndpoint!.VpcEndpointId!
    call.created(id)
    await untilReady(call, id)
    return id
  },
  async read (call, id) {
    const endpoint = await describe(call, id)
    if (!endpoint) return undefined
    const list = await prefixList(call, endpoint)
    return {
      arn: arn(call, `vpc-endpoint/${id}`, endpoint.OwnerId),
      cidrBlocks: list?.Cidrs ?? [],
      prefixListId: list?.PrefixListId,
      dnsEntries: (endpoint.DnsEntries ?? []).map(({ DnsName, HostedZoneId }) => ({ dnsName: DnsName ?? '', hostedZoneId: HostedZoneId ?? '' })),
      dnsOptions: endpoint.DnsOptions && {
        dnsRecordIpType: endpoint.DnsOptions.DnsRecordIpType,
        privateDnsOnlyForInboundResolverEndpoint: endpoint.DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint
      },
      ipAddressType: endpoint.IpAddressType,
      networkInterfaceIds: endpoint.NetworkInterfaceIds ?? [],
      ownerId: endpoint.OwnerId,
      policy: endpoint.PolicyDocument,
      privateDnsEnabled: endpoint.PrivateDnsEnabled ?? false,
      requesterManaged: endpoint.RequesterManaged ?? false,
      routeTableIds: endpoint.RouteTableIds ?? [],
      securityGroupIds: (endpoint.Groups ?? []).map(({ GroupId }) => GroupId),
      serviceName: endpoint.ServiceName,
      serviceRegion: endpoint.ServiceRegion ?? call.region,
      state: state(endpoint),
      subnetIds: endpoint.SubnetIds ?? [],
      vpcEndpointType: endpoint.VpcEndpointType,
      vpcId: endpoint.VpcId,
      tags: tagMap(endpoint.Tags)
    }
  },
  async update (call, id, news, _olds, changed) {
    const now = await describe(call, id)
    const tables = addedAndRemoved(now?.RouteTableIds, news.routeTableIds)
    const subnets = addedAndRemoved(now?.SubnetIds, news.subnetIds)
    const groups = addedAndRemoved((now?.Groups ?? []).map(({ GroupId }) => GroupId!), news.securityGroupIds)
    await ec2(call).send(new ModifyVpcEndpointCommand({
      VpcEndpointId: id,
      ...(changed.has('routeTableIds') && { AddRouteTableIds: tables.added, RemoveRouteTableIds: tables.removed }),
      ...(changed.has('subnetIds') && { AddSubnetIds: subnets.added, RemoveSubnetIds: subnets.removed }),
      ...(changed.has('securityGroupIds') && { AddSecurityGroupIds: groups.added, RemoveSecurityGroupIds: groups.removed }),
      ...(changed.has('policy') && (news.policy ? { PolicyDocument: news.policy } : { ResetPolicy: true })),
      ...(changed.has('privateDnsEnabled') && { PrivateDnsEnabled: news.privateDnsEnabled ?? false }),
      ...(changed.has('ipAddressType') && { IpAddressType: news.ipAddressType as IpAddressType }),
      ...(changed.has('dnsOptions') && news.dnsOptions && { DnsOptions: dnsRequest(news.dnsOptions) })
    }))
    await untilReady(call, id)
  },
  async delete (call, id) {
    const result = await unlessGone(GONE, async () => await ec2(call).send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [id] })))
    const refused = result?.Unsuccessful?.[0]?.Error
    if (refused && !GONE.includes(refused.Code ?? '')) throw Object.assign(new Error(refused.Message), { name: refused.Code })
    // Its interfaces are gone only when it is; until then nothing below it can be deleted.
    await until(`VPC endpoint ${id} to be deleted`, async () => await describe(call, id) ? undefined : true, patience(call, 600))
  }
})

function dnsRequest (options: { dnsRecordIpType?: string, privateDnsOnlyForInboundResolverEndpoint?: boolean }) {
  return {
    DnsRecordIpType: options.dnsRecordIpType as 'ipv4' | undefined,
    PrivateDnsOnlyForInboundResolverEndpoint: options.privateDnsOnlyForInboundResolverEndpoint
  }
}

export const vpcEndpointPolicy = resource<VpcEndpointPolicyArgs>()({
  inputs: { policy: may.json({ computed: true }), vpcEndpointId: must.text({ replaces: true }) },
  outputs: [],
  async create (call, inputs) {
    await setPolicy(call, inputs.vpcEndpointId, inputs.policy)
    return inputs.vpcEndpointId
  },
  async read (call, id) {
    const endpoint = await describe(call, id)
    return endpoint && { vpcEndpointId: id, policy: endpoint.PolicyDocument }
  },
  async update (call, id, news) {
    await setPolicy(call, id, news.policy)
  },
  async delete (call, id) {
    await unlessGone(GONE, async () => { await setPolicy(call, id, undefined) })
  }
})

async function setPolicy (call: AwsCall, VpcEndpointId: string, policy: string | undefined) {
  await ec2(call).send(new ModifyVpcEndpointCommand({ VpcEndpointId, ...(policy ? { PolicyDocument: policy } : { ResetPolicy: true }) }))
}
