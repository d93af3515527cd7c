import {
  CreateNetworkAclCommand, CreateNetworkAclEntryCommand, DeleteNetworkAclCommand, DeleteNetworkAclEntryCommand, DescribeNetworkAclsCommand,
  ReplaceNetworkAclAssociationCommand, type NetworkAcl, type NetworkAclEntry, type RuleAction
} from '@aws-sdk/client-ec2'
import type { DefaultNetworkAclArgs } from '@pulumi/aws/ec2/defaultNetworkAcl.js'
import type { NetworkAclArgs } from '@pulumi/aws/ec2/networkAcl.js'
import type { NetworkAclAssociationArgs } from '@pulumi/aws/ec2/networkAclAssociation.js'
import type { NetworkAclRuleArgs } from '@pulumi/aws/ec2/networkAclRule.js'
import { Type, type Static } from 'typebox'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may, must, type Properties } from '../engine/schema.ts'
import { unlessGone, until, whileRefused } from '../engine/wait.ts'
import { arn, ec2, filter, patience, tagged, tagging, tagMap } from './client.ts'

const GONE = ['InvalidNetworkAclID.NotFound']
const ENTRY_GONE = ['InvalidNetworkAclEntry.NotFound', ...GONE]
/** The last rule of every list: AWS's own, can't be changed. */
const DENY_ALL = 32767

async function describe (call: AwsCall, id: string) {
  const found = await unlessGone(GONE, async () => await ec2(call).send(new DescribeNetworkAclsCommand({ NetworkAclIds: [id] })))
  return found?.NetworkAcls?.[0]
}

const PROTOCOL_NUMBERS: Record<string, string> = { all: '-1', icmp: '1', tcp: '6', udp: '17', icmpv6: '58', 'ipv6-icmp': '58' }

function protocolNumber (protocol: string): string {
  return PROTOCOL_NUMBERS[protocol.toLowerCase()] ?? protocol
}

const entrySchema = must.object({
  action: must.text(),
  cidrBlock: may.text(),
  fromPort: must.number(),
  icmpCode: may.number(),
  icmpType: may.number(),
  ipv6CidrBlock: may.text(),
  protocol: must.text(),
  ruleNo: must.number(),
  toPort: must.number()
})
type Entry = Static<typeof entrySchema>

interface Rule {
  ruleNumber: number,
  protocol: string,
  ruleAction: string,
  egress?: boolean,
  cidrBlock?: string,
  ipv6CidrBlock?: string
  fromPort?: number,
  toPort?: number,
  icmpType?: number,
  icmpCode?: number
}

function request (NetworkAclId: string, rule: Rule) {
  const Protocol = protocolNumber(rule.protocol)
  return {
    NetworkAclId,
    Egress: rule.egress ?? false,
    RuleNumber: rule.ruleNumber,
    RuleAction: rule.ruleAction.toLowerCase() as RuleAction,
    Protocol,
    CidrBlock: rule.cidrBlock,
    Ipv6CidrBlock: rule.ipv6CidrBlock,
    ...((Protocol === '6' || Protocol === '17') && { PortRange: { From: rule.fromPort ?? 0, To: rule.toPort ?? 0 } }),
    ...((Protocol === '1' || Protocol === '58') && { IcmpTypeCode: { Type: rule.icmpType ?? 0, Code: rule.icmpCode ?? 0 } })
  }
}

function inline (entry: NetworkAclEntry): Entry {
  return {
    action: entry.RuleAction!,
    cidrBlock: entry.CidrBlock ?? '',
    fromPort: entry.PortRange?.From ?? 0,
    icmpCode: entry.IcmpTypeCode?.Code ?? 0,
    icmpType: entry.IcmpTypeCode?.Type ?? 0,
    ipv6CidrBlock: entry.Ipv6CidrBlock ?? '',
    protocol: entry.Protocol!,
    ruleNo: entry.RuleNumber!,
    toPort: entry.PortRange?.To ?? 0
  }
}

function ownEntries (acl: NetworkAcl | undefined, egress: boolean): NetworkAclEntry[] {
  return (acl?.Entries ?? []).filter(({ Egress, RuleNumber }) => Egress === egress && RuleNumber! < DENY_ALL)
}

const comparable = (entry: Entry) => JSON.stringify([
  entry.action.toLowerCase(), entry.cidrBlock ?? '', entry.fromPort, entry.icmpCode ?? 0, entry.icmpType ?? 0, entry.ipv6CidrBlock ?? '',
  protocolNumber(entry.protocol), entry.ruleNo, entry.toPort
])

/** The program's wording of protocols and unset fields stays where it comes to the same entries. */
function entriesAs (known: unknown, acl: NetworkAcl, egress: boolean): Entry[] {
  const actual = ownEntries(acl, egress).map(inline)
  const text = (entries: Entry[]) => entries.map(comparable).sort().join()
  return Array.isArray(known) && text(known as Entry[]) === text(actual) ? known as Entry[] : actual
}

async function setEntries (call: AwsCall, id: string, acl: NetworkAcl | undefined, egress: boolean, wanted: Entry[]) {
  const now = ownEntries(acl, egress).map(inline)
  const differs = (list: Entry[]) => (entry: Entry) => !list.some(other => comparable(other) === comparable(entry))
  for (const entry of now.filter(differs(wanted))) {
    await unlessGone(ENTRY_GONE, async () =>
      await ec2(call).send(new DeleteNetworkAclEntryCommand({ NetworkAclId: id, Egress: egress, RuleNumber: entry.ruleNo })))
  }
  for (const entry of wanted.filter(differs(now))) {
    await ec2(call).send(new CreateNetworkAclEntryCommand(request(id, {
      ...entry,
      egress,
      ruleNumber: entry.ruleNo,
      ruleAction: entry.action,
      cidrBlock: entry.cidrBlock || undefined,
      ipv6CidrBlock: entry.ipv6CidrBlock || undefined
    })))
  }
}

async function aclOfSubnet (call: AwsCall, subnetId: string) {
  const { NetworkAcls = [] } = await ec2(call).send(new DescribeNetworkAclsCommand({ Filters: [filter('association.subnet-id', subnetId)] }))
  return NetworkAcls.flatMap(({ Associations }) => Associations ?? []).find(({ SubnetId }) => SubnetId === subnetId)
}

/** A subnet always has exactly one list, so joining is replacing. */
async function associate (call: AwsCall, NetworkAclId: string, subnetId: string): Promise<string> {
  const current = await aclOfSubnet(call, subnetId)
  if (!current) throw new Error(`subnet ${subnetId} has no network ACL association`)
  if (current.NetworkAclId === NetworkAclId) return current.NetworkAclAssociationId!
  const { NewAssociationId } = await ec2(call).send(new ReplaceNetworkAclAssociationCommand({
    AssociationId: current.NetworkAclAssociationId, NetworkAclId
  }))
  return NewAssociationId!
}

/** Subnets that leave a list go back to their VPC's default one. */
async function release (call: AwsCall, acl: NetworkAcl | undefined, subnetIds: string[]) {
  const leaving = (acl?.Associations ?? []).filter(({ SubnetId }) => subnetIds.includes(SubnetId!))
  if (leaving.length === 0) return
  const { NetworkAcls = [] } = await ec2(call).send(new DescribeNetworkAclsCommand({
    Filters: [filter('vpc-id', acl!.VpcId!), filter('default', 'true')]
  }))
  for (const { NetworkAclAssociationId: AssociationId } of leaving) {
    await unlessGone(['InvalidAssociationID.NotFound'], async () => await ec2(call).send(
      new ReplaceNetworkAclAssociationCommand({ AssociationId, NetworkAclId: NetworkAcls[0]!.NetworkAclId })))
  }
}

async function setSubnets (call: AwsCall, id: string, acl: NetworkAcl | undefined, wanted: string[]) {
  const now = (acl?.Associations ?? []).map(({ SubnetId }) => SubnetId!)
  await release(call, acl, now.filter(subnet => !wanted.includes(subnet)))
  for (const subnet of wanted.filter(subnet => !now.includes(subnet))) await associate(call, id, subnet)
}

function state (call: AwsCall, acl: NetworkAcl, known: Properties): Properties {
  return {
    arn: arn(call, `network-acl/${acl.NetworkAclId}`, acl.OwnerId),
    ownerId: acl.OwnerId,
    vpcId: acl.VpcId,
    egress: entriesAs(known.egress, acl, true),
    ingress: entriesAs(known.ingress, acl, false),
    subnetIds: (acl.Associations ?? []).map(({ SubnetId }) => SubnetId),
    tags: tagMap(acl.Tags)
  }
}

export const networkAcl = resource<NetworkAclArgs>()({
  inputs: {
    egress: Type.Optional(Type.Array(entrySchema, { set: true, computed: true })),
    ingress: Type.Optional(Type.Array(entrySchema, { set: true, computed: true })),
    subnetIds: may.set(Type.String(), { computed: true }),
    vpcId: must.text({ replaces: true })
  },
  outputs: ['arn', 'ownerId'],
  tagging,
  async create (call, inputs) {
    const { NetworkAcl } = await ec2(call).send(new CreateNetworkAclCommand({ VpcId: inputs.vpcId, ...tagged('network-acl', call.tags) }))
    const id = NetworkAcl!.NetworkAclId!
    call.created(id)
    const acl = await until('the network ACL to show', async () => await describe(call, id), patience(call, 300))
    await setEntries(call, id, acl, true, inputs.egress ?? [])
    await setEntries(call, id, acl, false, inputs.ingress ?? [])
    await setSubnets(call, id, acl, inputs.subnetIds ?? [])
    return id
  },
  async read (call, id, known) {
    const acl = await describe(call, id)
    return acl && state(call, acl, known)
  },
  async update (call, id, news, _olds, changed) {
    const acl = await describe(call, id)
    if (changed.has('egress')) await setEntries(call, id, acl, true, news.egress ?? [])
    if (changed.has('ingress')) await setEntries(call, id, acl, false, news.ingress ?? [])
    if (changed.has('subnetIds')) await setSubnets(call, id, acl, news.subnetIds ?? [])
  },
  async delete (call, id) {
    const acl = await describe(call, id)
    if (!acl) return
    await setSubnets(call, id, acl, [])
    await unlessGone(GONE, async () => await whileRefused(['DependencyViolation'], async () =>
      await ec2(call).send(new DeleteNetworkAclCommand({ NetworkAclId: id })), patience(call, 300)))
  }
})

/** Adopts the list that came with the VPC: its entries become exactly the program's, none unless given. Deleting lets go of it. */
export const defaultNetworkAcl = resource<DefaultNetworkAclArgs>()({
  inputs: {
    defaultNetworkAclId: must.text({ replaces: true }),
    egress: Type.Optional(Type.Array(entrySchema, { set: true })),
    ingress: Type.Optional(Type.Array(entrySchema, { set: true })),
    subnetIds: may.set(Type.String(), { computed: true })
  },
  outputs: ['arn', 'ownerId', 'vpcId'],
  tagging,
  async create (call, inputs) {
    const id = inputs.defaultNetworkAclId
    const acl = await describe(call, id)
    if (!acl) throw new Error(`there is no network ACL ${id}`)
    await setEntries(call, id, acl, true, inputs.egress ?? [])
    await setEntries(call, id, acl, false, inputs.ingress ?? [])
    for (const subnet of inputs.subnetIds ?? []) await associate(call, id, subnet)
    if (Object.keys(call.tags).length > 0) await tagging.set(call, id, {}, call.tags)
    return id
  },
  async read (call, id, known) {
    const acl = await describe(call, id)
    return acl && { ...state(call, acl, known), defaultNetworkAclId: id }
  },
  async update (call, id, news) {
    const acl = await describe(call, id)
    await setEntries(call, id, acl, true, news.egress ?? [])
    await setEntries(call, id, acl, false, news.ingress ?? [])
    for (const subnet of news.subnetIds ?? []) await associate(call, id, subnet)
  },
  delete: async () => {}
})

export const networkAclRule = resource<NetworkAclRuleArgs>()({
  inputs: {
    cidrBlock: may.text({ replaces: true }),
    egress: may.flag({ default: false, replaces: true }),
    fromPort: may.number({ replaces: true }),
    icmpCode: may.number({ replaces: true }),
    icmpType: may.number({ replaces: true }),
    ipv6CidrBlock: may.text({ replaces: true }),
    networkAclId: must.text({ replaces: true }),
    protocol: must.text({ replaces: true }),
    ruleAction: must.text({ replaces: true, enum: ['allow', 'deny', 'ALLOW', 'DENY'] }),
    ruleNumber: must.number({ replaces: true, minimum: 1, maximum: 32766 }),
    toPort: may.number({ replaces: true })
  },
  outputs: [],
  deleteBeforeReplace: true,
  check: ({ cidrBlock, ipv6CidrBlock }) => (cidrBlock === undefined) === (ipv6CidrBlock === undefined)
    ? [{ property: 'cidrBlock', reason: 'exactly one of cidrBlock, ipv6CidrBlock must be given' }]
    : [],
  async create (call, rule) {
    await ec2(call).send(new CreateNetworkAclEntryCommand(request(rule.networkAclId, rule)))
    return `nacl-${[rule.networkAclId, rule.ruleNumber, rule.egress, protocolNumber(rule.protocol)].join('-')}`
  },
  async read (call, id, known) {
    // An import names it as ACL:NUMBER:PROTOCOL:EGRESS.
    const [acl, number, , egress] = id.includes(':') ? id.split(':') : []
    const networkAclId = known.networkAclId ?? acl!
    const ruleNumber = known.ruleNumber ?? Number(number)
    const direction = known.egress ?? egress === 'true'
    const found = ownEntries(await describe(call, networkAclId), direction).find(({ RuleNumber }) => RuleNumber === ruleNumber)
    if (!found) return undefined
    const entry = inline(found)
    const sameProtocol = known.protocol !== undefined && protocolNumber(known.protocol) === entry.protocol
    return {
      networkAclId,
      ruleNumber,
      egress: direction,
      protocol: sameProtocol ? known.protocol : entry.protocol,
      ruleAction: known.ruleAction?.toLowerCase() === entry.action ? known.ruleAction : entry.action,
      cidrBlock: entry.cidrBlock || undefined,
      ipv6CidrBlock: entry.ipv6CidrBlock || undefined,
      ...(found.PortRange && { fromPort: found.PortRange.From, toPort: found.PortRange.To }),
      ...(found.IcmpTypeCode && { icmpType: found.IcmpTypeCode.Type, icmpCode: found.IcmpTypeCode.Code })
    }
  },
  async delete (call, _id, rule) {
    await unlessGone(ENTRY_GONE, async () => await ec2(call).send(new DeleteNetworkAclEntryCommand({
      NetworkAclId: rule.networkAclId, RuleNumber: rule.ruleNumber, Egress: rule.egress ?? false
    })))
  }
})

export const networkAclAssociation = resource<NetworkAclAssociationArgs>()({
  inputs: { networkAclId: must.text({ replaces: true }), subnetId: must.text({ replaces: true }) },
  outputs: [],
  create: async (call, inputs) => await associate(call, inputs.networkAclId, inputs.subnetId),
  async read (call, id, known) {
    const { NetworkAcls = [] } = await ec2(call).send(new DescribeNetworkAclsCommand({ Filters: [filter('association.association-id', id)] }))
    const found = NetworkAcls.flatMap(({ Associations }) => Associations ?? []).find(({ NetworkAclAssociationId }) => NetworkAclAssociationId === id)
    return found && { networkAclId: found.NetworkAclId ?? known.networkAclId, subnetId: found.SubnetId }
  },
  async delete (call, _id, { networkAclId, subnetId }) {
    await release(call, await describe(call, networkAclId!), [subnetId!])
  }
})
