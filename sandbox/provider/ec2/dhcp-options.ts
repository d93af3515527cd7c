import {
  AssociateDhcpOptionsCommand, CreateDhcpOptionsCommand, DeleteDhcpOptionsCommand, DescribeDhcpOptionsCommand, DescribeVpcsCommand
} from '@aws-sdk/client-ec2'
import type { VpcDhcpOptionsArgs } from '@pulumi/aws/ec2/vpcDhcpOptions.js'
import type { VpcDhcpOptionsAssociationArgs } from '@pulumi/aws/ec2/vpcDhcpOptionsAssociation.js'
import { Type } from 'typebox'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may, must } from '../engine/schema.ts'
import { unlessGone, whileRefused } from '../engine/wait.ts'
import { arn, ec2, patience, tagged, tagging, tagMap } from './client.ts'

const GONE = ['InvalidDhcpOptionID.NotFound', 'InvalidDhcpOptionsID.NotFound']

/** Input name and DHCP's name of each option. */
const OPTIONS = {
  domainName: 'domain-name',
  domainNameServers: 'domain-name-servers',
  ipv6AddressPreferredLeaseTime: 'ipv6-address-preferred-lease-time',
  netbiosNameServers: 'netbios-name-servers',
  netbiosNodeType: 'netbios-node-type',
  ntpServers: 'ntp-servers'
} as const
const LISTS = new Set<string>(['domainNameServers', 'netbiosNameServers', 'ntpServers'])

export const vpcDhcpOptions = resource<VpcDhcpOptionsArgs>()({
  inputs: {
    domainName: may.text({ replaces: true }),
    domainNameServers: may.list(Type.String(), { replaces: true }),
    ipv6AddressPreferredLeaseTime: may.text({ replaces: true }),
    netbiosNameServers: may.list(Type.String(), { replaces: true }),
    netbiosNodeType: may.text({ replaces: true }),
    ntpServers: may.list(Type.String(), { replaces: true })
  },
  outputs: ['arn', 'ownerId'],
  tagging,
  async create (call, inputs) {
    const DhcpConfigurations = Object.entries(OPTIONS).flatMap(([key, Key]) => {
      const value = inputs[key as keyof typeof OPTIONS]
      return value === undefined ? [] : [{ Key, Values: [value].flat() }]
    })
    const { DhcpOptions } = await ec2(call).send(new CreateDhcpOptionsCommand({ DhcpConfigurations, ...tagged('dhcp-options', call.tags) }))
    return DhcpOptions!.DhcpOptionsId!
  },
  async read (call, id) {
    const found = await unlessGone(GONE, async () => await ec2(call).send(new DescribeDhcpOptionsCommand({ DhcpOptionsIds: [id] })))
    const options = found?.DhcpOptions?.[0]
    if (!options) return undefined
    const values = new Map((options.DhcpConfigurations ?? []).map(({ Key, Values }) => [Key, (Values ?? []).map(({ Value }) => Value)]))
    return {
      ...Object.fromEntries(Object.entries(OPTIONS).map(([key, name]) => [key, LISTS.has(key) ? values.get(name) : values.get(name)?.[0]])),
      arn: arn(call, `dhcp-options/${id}`, options.OwnerId),
      ownerId: options.OwnerId,
      tags: tagMap(options.Tags)
    }
  },
  async delete (call, id) {
    await unlessGone(GONE, async () => await whileRefused(['DependencyViolation'], async () =>
      await ec2(call).send(new DeleteDhcpOptionsCommand({ DhcpOptionsId: id })), patience(call, 180)))
  }
})

async function associate (call: AwsCall, VpcId: string, DhcpOptionsId: string) {
  await ec2(call).send(new AssociateDhcpOptionsCommand({ VpcId, DhcpOptionsId }))
}

export const vpcDhcpOptionsAssociation = resource<VpcDhcpOptionsAssociationArgs>()({
  inputs: { dhcpOptionsId: must.text({ replaces: true }), vpcId: must.text({ replaces: true }) },
  outputs: [],
  deleteBeforeReplace: true,
  async create (call, inputs) {
    await associate(call, inputs.vpcId, inputs.dhcpOptionsId)
    return `${inputs.dhcpOptionsId}-${inputs.vpcId}`
  },
  async read (call, id, known) {
    // An import names the VPC alone.
    const vpcId = known.vpcId ?? id
    const found = await unlessGone(['InvalidVpcID.NotFound'], async () => await ec2(call).send(new DescribeVpcsCommand({ VpcIds: [vpcId] })))
    const dhcpOptionsId = found?.Vpcs?.[0]?.DhcpOptionsId
    if (!dhcpOptionsId || dhcpOptionsId === 'default') return undefined
    return { id: `${dhcpOptionsId}-${vpcId}`, vpcId, dhcpOptionsId }
  },
  async delete (call, _id, { vpcId }) {
    await unlessGone(['InvalidVpcID.NotFound'], async () => { await associate(call, vpcId!, 'default') })
  }
})
