import {
  AuthorizeSecurityGroupEgressCommand, AuthorizeSecurityGroupIngressCommand, DescribeSecurityGroupRulesCommand,
  ModifySecurityGroupRulesCommand, RevokeSecurityGroupEgressCommand, RevokeSecurityGroupIngressCommand, type IpPermission,
  type SecurityGroupRule
} from '@aws-sdk/client-ec2'
import type { SecurityGroupEgressRuleArgs } from '@pulumi/aws/vpc/securityGroupEgressRule.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource, type InputsOf } from '../engine/resource-type.ts'
import { may, must, type Properties } from '../engine/schema.ts'
import { unlessGone } from '../engine/wait.ts'
import { arn, ec2, filter, tagged, tagging, tagMap } from './client.ts'

const GONE = ['InvalidSecurityGroupRuleId.NotFound', 'InvalidGroup.NotFound']
const SOURCES = ['cidrIpv4', 'cidrIpv6', 'prefixListId', 'referencedSecurityGroupId']
const PROTOCOLS: Record<string, string> = { all: '-1', 6: 'tcp', 17: 'udp', 1: 'icmp', 58: 'icmpv6' }

const inputs = {
  cidrIpv4: may.text(),
  cidrIpv6: may.text(),
  description: may.text(),
  fromPort: may.number(),
  ipProtocol: must.text(),
  prefixListId: may.text(),
  referencedSecurityGroupId: may.text(),
  securityGroupId: must.text({ replaces: true }),
  toPort: may.number()
}
type Inputs = InputsOf<typeof inputs>

function protocol (name: string): string {
  return PROTOCOLS[name] ?? name
}

function permission (rule: Inputs): IpPermission {
  const { description: Description } = rule
  const [owner, group] = rule.referencedSecurityGroupId?.split('/') ?? []
  return {
    IpProtocol: protocol(rule.ipProtocol),
    FromPort: rule.fromPort,
    ToPort: rule.toPort,
    ...(rule.cidrIpv4 && { IpRanges: [{ CidrIp: rule.cidrIpv4, Description }] }),
    ...(rule.cidrIpv6 && { Ipv6Ranges: [{ CidrIpv6: rule.cidrIpv6, Description }] }),
    ...(rule.prefixListId && { PrefixListIds: [{ PrefixListId: rule.prefixListId, Description }] }),
    ...(owner && { UserIdGroupPairs: [{ Description, ...(group ? { UserId: owner, GroupId: group } : { GroupId: owner }) }] })
  }
}

async function describe (call: AwsCall, id: string): Promise<SecurityGroupRule | undefined> {
  const found = await unlessGone(GONE, async () =>
    await ec2(call).send(new DescribeSecurityGroupRulesCommand({ Filters: [filter('security-group-rule-id', id)] })))
  return found?.SecurityGroupRules?.find(({ SecurityGroupRuleId }) => SecurityGroupRuleId === id)
}

/** The two directions differ only in the calls that make and remove a rule. */
function ruleType (direction: 'ingress' | 'egress') {
  return resource<SecurityGroupEgressRuleArgs>()({
    inputs,
    outputs: ['arn', 'securityGroupRuleId'],
    tagging,
    check (rule) {
      const given = SOURCES.filter(key => rule[key] !== undefined)
      return given.length === 1 ? [] : [{ property: given[1] ?? 'cidrIpv4', reason: `exactly one of ${SOURCES.join(', ')} must be given` }]
    },
    // AWS changes the address of a rule in place, not which kind of peer it names.
    replacesOn: (olds, news) => SOURCES.filter(key => (olds[key] === undefined) !== (news[key] === undefined)),
    async create (call, rule) {
      const request = { GroupId: rule.securityGroupId, IpPermissions: [permission(rule)], ...tagged('security-group-rule', call.tags) }
      const { SecurityGroupRules } = direction === 'ingress'
        ? await ec2(call).send(new AuthorizeSecurityGroupIngressCommand(request))
        : await ec2(call).send(new AuthorizeSecurityGroupEgressCommand(request))
      return SecurityGroupRules![0]!.SecurityGroupRuleId!
    },
    async read (call, id, known) {
      const rule = await describe(call, id)
      return rule && ruleState(call, id, rule, known)
    },
    async update (call, id, rule) {
      const [, group] = rule.referencedSecurityGroupId?.split('/') ?? []
      await ec2(call).send(new ModifySecurityGroupRulesCommand({
        GroupId: rule.securityGroupId,
        SecurityGroupRules: [{
          SecurityGroupRuleId: id,
          SecurityGroupRule: {
            IpProtocol: protocol(rule.ipProtocol),
            FromPort: rule.fromPort,
            ToPort: rule.toPort,
            CidrIpv4: rule.cidrIpv4,
            CidrIpv6: rule.cidrIpv6,
            PrefixListId: rule.prefixListId,
            ReferencedGroupId: group ?? rule.referencedSecurityGroupId,
            Description: rule.description
          }
        }]
      }))
    },
    async delete (call, id, state) {
      const request = { GroupId: state.securityGroupId, SecurityGroupRuleIds: [id] }
      await unlessGone([...GONE, 'InvalidPermission.NotFound'], async () => direction === 'ingress'
        ? await ec2(call).send(new RevokeSecurityGroupIngressCommand(request))
        : await ec2(call).send(new RevokeSecurityGroupEgressCommand(request)))
    }
  })
}

function ruleState (call: AwsCall, id: string, rule: SecurityGroupRule, known: Properties): Properties {
  const { GroupId = '', UserId } = rule.ReferencedGroupInfo ?? {}
  const ipProtocol = rule.IpProtocol ?? ''
  const wording = typeof known.ipProtocol === 'string' && protocol(known.ipProtocol) === ipProtocol ? known.ipProtocol : ipProtocol
  const port = (value: number | undefined, former: unknown) => ipProtocol === '-1' ? former : value
  return {
    arn: arn(call, `security-group-rule/${id}`, rule.GroupOwnerId),
    securityGroupRuleId: id,
    securityGroupId: rule.GroupId,
    cidrIpv4: rule.CidrIpv4,
    cidrIpv6: rule.CidrIpv6,
    prefixListId: rule.PrefixListId,
    referencedSecurityGroupId: GroupId === '' ? undefined : UserId && UserId !== call.accountId ? `${UserId}/${GroupId}` : GroupId,
    description: rule.Description === '' ? undefined : rule.Description,
    fromPort: port(rule.FromPort, known.fromPort),
    toPort: port(rule.ToPort, known.toPort),
    ipProtocol: wording,
    tags: tagMap(rule.Tags)
  }
}

export const securityGroupIngressRule = ruleType('ingress')
export const securityGroupEgressRule = ruleType('egress')
