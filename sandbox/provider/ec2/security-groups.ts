import {
  AuthorizeSecurityGroupEgressCommand, AuthorizeSecurityGroupIngressCommand, CreateSecurityGroupCommand, DeleteSecurityGroupCommand,
  DescribeSecurityGroupsCommand, RevokeSecurityGroupEgressCommand, RevokeSecurityGroupIngressCommand, type IpPermission,
  type SecurityGroup
} from '@aws-sdk/client-ec2'
import type { DefaultSecurityGroupArgs } from '@pulumi/aws/ec2/defaultSecurityGroup.js'
import type { SecurityGroupArgs } from '@pulumi/aws/ec2/securityGroup.js'
import { Type, type Static } from 'typebox'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may, must, type Properties } from '../engine/schema.ts'
import { unlessGone, until, whileRefused } from '../engine/wait.ts'
import { arn, ec2, filter, patience, tagged, tagging, tagMap } from './client.ts'

const GONE = ['InvalidGroup.NotFound', 'InvalidGroupId.Malformed']

async function describe (call: AwsCall, id: string) {
  const found = await unlessGone(GONE, async () => await ec2(call).send(new DescribeSecurityGroupsCommand({ GroupIds: [id] })))
  return found?.SecurityGroups?.[0]
}

const strings = Type.Optional(Type.Array(Type.String(), { set: true }))
const ruleSchema = must.object({
  cidrBlocks: strings,
  description: may.text(),
  fromPort: must.number(),
  ipv6CidrBlocks: strings,
  prefixListIds: strings,
  protocol: must.text(),
  securityGroups: strings,
  self: may.flag(),
  toPort: must.number()
})
type Rule = Static<typeof ruleSchema>
const rules = Type.Optional(Type.Array(ruleSchema, { set: true, computed: true }))

/** An inline rule taken apart into what AWS counts as rules: one peer each. */
function atoms (rule: Rule, groupId: string): IpPermission[] {
  const { description: Description } = rule
  const IpProtocol = rule.protocol === 'all' ? '-1' : rule.protocol
  const base = IpProtocol === '-1' ? { IpProtocol } : { IpProtocol, FromPort: rule.fromPort, ToPort: rule.toPort }
  return [
    ...(rule.cidrBlocks ?? []).map(CidrIp => ({ ...base, IpRanges: [{ CidrIp, Description }] })),
    ...(rule.ipv6CidrBlocks ?? []).map(CidrIpv6 => ({ ...base, Ipv6Ranges: [{ CidrIpv6, Description }] })),
    ...(rule.prefixListIds ?? []).map(PrefixListId => ({ ...base, PrefixListIds: [{ PrefixListId, Description }] })),
    ...[...rule.securityGroups ?? [], ...(rule.self ? [groupId] : [])].map(GroupId => ({ ...base, UserIdGroupPairs: [{ GroupId, Description }] }))
  ]
}

/** What AWS has, in the shape of inline rules: one per protocol, ports and description. */
function inlineRules (permissions: IpPermission[] | undefined, groupId: string): Rule[] {
  const grouped = new Map<string, Required<Rule>>()
  for (const { IpProtocol = '-1', FromPort = 0, ToPort = 0, IpRanges, Ipv6Ranges, PrefixListIds, UserIdGroupPairs } of permissions ?? []) {
    const rule = (description = '') => {
      const key = JSON.stringify([IpProtocol, FromPort, ToPort, description])
      const existing = grouped.get(key) ?? {
        protocol: IpProtocol, fromPort: FromPort, toPort: ToPort, description, cidrBlocks: [], ipv6CidrBlocks: [], prefixListIds: [], securityGroups: [], self: false
      }
      grouped.set(key, existing)
      return existing
    }
    for (const { CidrIp, Description } of IpRanges ?? []) rule(Description).cidrBlocks.push(CidrIp!)
    for (const { CidrIpv6, Description } of Ipv6Ranges ?? []) rule(Description).ipv6CidrBlocks.push(CidrIpv6!)
    for (const { PrefixListId, Description } of PrefixListIds ?? []) rule(Description).prefixListIds.push(PrefixListId!)
    for (const { GroupId, Description } of UserIdGroupPairs ?? []) {
      if (GroupId === groupId) rule(Description).self = true
      else rule(Description).securityGroups.push(GroupId!)
    }
  }
  return [...grouped.values()]
}

type Direction = 'ingress' | 'egress'

async function revoke (call: AwsCall, GroupId: string, direction: Direction, IpPermissions: IpPermission[] | undefined) {
  if (!IpPermissions?.length) return
  await unlessGone(['InvalidPermission.NotFound'], async () => direction === 'ingress'
    ? await ec2(call).send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions }))
    : await ec2(call).send(new RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions })))
}

async function authorize (call: AwsCall, GroupId: string, direction: Direction, IpPermissions: IpPermission[]) {
  if (IpPermissions.length === 0) return
  await (direction === 'ingress'
    ? ec2(call).send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }))
    : ec2(call).send(new AuthorizeSecurityGroupEgressCommand({ GroupId, IpPermissions })))
}

/** Makes the rules of a direction exactly the wanted ones, touching only those that differ. */
async function setRules (call: AwsCall, groupId: string, direction: Direction, current: IpPermission[] | undefined, wanted: Rule[]) {
  const now = inlineRules(current, groupId).flatMap(rule => atoms({ ...rule, ...(rule.description === '' && { description: undefined }) }, groupId))
  const then = wanted.flatMap(rule => atoms(rule, groupId))
  const missingFrom = (list: IpPermission[]) => (atom: IpPermission) => !list.some(other => JSON.stringify(other) === JSON.stringify(atom))
  await revoke(call, groupId, direction, now.filter(missingFrom(then)))
  await authorize(call, groupId, direction, then.filter(missingFrom(now)))
}

/** The program's own grouping of the rules stays where it comes to the same rules. */
function rulesAs (known: unknown, permissions: IpPermission[] | undefined, groupId: string): Rule[] {
  const actual = inlineRules(permissions, groupId)
  if (!Array.isArray(known)) return actual
  const set = (list: Rule[]) => list.flatMap(rule => atoms({ ...rule, description: rule.description || undefined }, groupId))
    .map(atom => JSON.stringify(atom)).sort().join()
  return set(known as Rule[]) === set(actual) ? known as Rule[] : actual
}

function state (call: AwsCall, group: SecurityGroup, known: Properties): Properties {
  const id = group.GroupId!
  return {
    arn: group.SecurityGroupArn ?? arn(call, `security-group/${id}`, group.OwnerId),
    description: group.Description,
    egress: rulesAs(known.egress, group.IpPermissionsEgress, id),
    ingress: rulesAs(known.ingress, group.IpPermissions, id),
    name: group.GroupName,
    ownerId: group.OwnerId,
    vpcId: group.VpcId,
    tags: tagMap(group.Tags)
  }
}

export const securityGroup = resource<SecurityGroupArgs>()({
  inputs: {
    description: may.text({ default: 'Managed by Pulumi', replaces: true }),
    egress: rules,
    ingress: rules,
    name: may.text({ replaces: true }),
    revokeRulesOnDelete: may.flag({ default: false }),
    vpcId: may.text({ computed: true, replaces: true })
  },
  outputs: ['arn', 'ownerId'],
  tagging,
  autoname: { property: 'name', maxLength: 255 },
  check: ({ name }) => name?.startsWith('sg-') ? [{ property: 'name', reason: 'must not begin with "sg-"' }] : [],
  async create (call, inputs) {
    const { GroupId: id = '' } = await ec2(call).send(new CreateSecurityGroupCommand({
      GroupName: inputs.name, Description: inputs.description, VpcId: inputs.vpcId, ...tagged('security-group', call.tags)
    }))
    call.created(id)
    const group = await until('the security group to show', async () => await describe(call, id), patience(call, 600))
    // AWS lets a new group reach everywhere; the provider takes that away unless the program says so.
    await setRules(call, id, 'egress', group.IpPermissionsEgress, inputs.egress ?? [])
    await setRules(call, id, 'ingress', group.IpPermissions, inputs.ingress ?? [])
    return id
  },
  async read (call, id, known) {
    const group = await describe(call, id)
    return group && state(call, group, known)
  },
  async update (call, id, news, _olds, changed) {
    const group = await describe(call, id)
    if (changed.has('egress')) await setRules(call, id, 'egress', group?.IpPermissionsEgress, news.egress ?? [])
    if (changed.has('ingress')) await setRules(call, id, 'ingress', group?.IpPermissions, news.ingress ?? [])
  },
  async delete (call, id, state) {
    if (state.revokeRulesOnDelete) {
      const group = await describe(call, id)
      await revoke(call, id, 'ingress', group?.IpPermissions)
      await revoke(call, id, 'egress', group?.IpPermissionsEgress)
    }
    await unlessGone(GONE, async () => await whileRefused(['DependencyViolation', 'InvalidGroup.InUse'], async () =>
      await ec2(call).send(new DeleteSecurityGroupCommand({ GroupId: id })), patience(call, 900)))
  }
})

/** Adopts the group that came with the VPC: its rules become exactly the program's, none unless given. Deleting lets go of it. */
export const defaultSecurityGroup = resource<DefaultSecurityGroupArgs>()({
  inputs: {
    egress: Type.Optional(Type.Array(ruleSchema, { set: true })),
    ingress: Type.Optional(Type.Array(ruleSchema, { set: true })),
    revokeRulesOnDelete: may.flag({ default: false }),
    vpcId: may.text({ computed: true, replaces: true })
  },
  outputs: ['arn', 'description', 'name', 'namePrefix', 'ownerId'],
  tagging,
  async create (call, inputs) {
    const { SecurityGroups = [] } = await ec2(call).send(new DescribeSecurityGroupsCommand({
      Filters: [filter('group-name', 'default'), ...(inputs.vpcId ? [filter('vpc-id', inputs.vpcId)] : [])]
    }))
    const group = SecurityGroups[0]
    if (!group?.GroupId) throw new Error(`VPC ${inputs.vpcId} has no default security group`)
    await setRules(call, group.GroupId, 'egress', group.IpPermissionsEgress, inputs.egress ?? [])
    await setRules(call, group.GroupId, 'ingress', group.IpPermissions, inputs.ingress ?? [])
    if (Object.keys(call.tags).length > 0) await tagging.set(call, group.GroupId, {}, call.tags)
    return group.GroupId
  },
  async read (call, id, known) {
    const group = await describe(call, id)
    return group && { ...state(call, group, known), namePrefix: '' }
  },
  async update (call, id, news) {
    const group = await describe(call, id)
    await setRules(call, id, 'egress', group?.IpPermissionsEgress, news.egress ?? [])
    await setRules(call, id, 'ingress', group?.IpPermissions, news.ingress ?? [])
  },
  delete: async () => {}
})
