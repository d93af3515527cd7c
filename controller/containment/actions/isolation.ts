/**
 * Cuts the instance off by security groups: every interface gets one group that has no rule at all.
 *
 * The group is made for this instance and incident and asserted empty by its id before use: a group of a known name
 * could hold rules that drift or an attacker put there. Interfaces are changed one by one, since
 * ModifyInstanceAttribute refuses an instance with more than one (Amazon EC2 API Reference,
 * "ModifyInstanceAttribute", Groups).
 */
import {
  CreateSecurityGroupCommand, DescribeNetworkInterfacesCommand, DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand, ModifyNetworkInterfaceAttributeCommand, RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand, type EC2Client, type SecurityGroupRule
} from '@aws-sdk/client-ec2'
import { awsCode } from '../../aws/aws-errors.ts'
import { CleanroomError } from '../../incident/errors.ts'
import { incidentTags, TAG } from '../../incident/tags.ts'
import type { Action, ActionContext } from './action.ts'

/** The rules of a group, by its id. */
export async function rulesOf (ec2: EC2Client, groupId: string): Promise<SecurityGroupRule[]> {
  const answer = await ec2.send(new DescribeSecurityGroupRulesCommand({ Filters: [{ Name: 'group-id', Values: [groupId] }] }))
  return answer.SecurityGroupRules ?? []
}

async function findGroup ({ clients: { ec2 }, incidentId, instanceId }: ActionContext, vpcId: string): Promise<string | undefined> {
  const answer = await ec2.send(new DescribeSecurityGroupsCommand({
    Filters: [
      { Name: 'vpc-id', Values: [vpcId] },
      { Name: `tag:${TAG.incident}`, Values: [incidentId] },
      { Name: `tag:${TAG.instance}`, Values: [instanceId] },
      { Name: `tag:${TAG.purpose}`, Values: ['isolation'] }
    ]
  }))
  return answer.SecurityGroups?.[0]?.GroupId
}

async function makeGroup (context: ActionContext, vpcId: string): Promise<string> {
  const { clients: { ec2 }, incidentId, instanceId } = context
  const name = `cleanroom-isolation-${incidentId}-${instanceId}`
  try {
    const made = await ec2.send(new CreateSecurityGroupCommand({
      GroupName: name,
      Description: `Isolation of ${instanceId} for incident ${incidentId}: no rules`,
      VpcId: vpcId,
      TagSpecifications: [{ ResourceType: 'security-group', Tags: incidentTags(incidentId, 'isolation', { [TAG.instance]: instanceId, Name: name }) }]
    }))
    return made.GroupId!
  } catch (error) {
    if (awsCode(error) !== 'InvalidGroup.Duplicate') throw error
    // One of an attempt that was cut off carries our tags; any other of this name is not ours.
    const found = await findGroup(context, vpcId)
    if (!found) throw new CleanroomError('ISOLATION_GROUP_NOT_EMPTY', `A group named ${name} exists in ${vpcId} and is not ours.`, { cause: error })
    return found
  }
}

/** A new group comes with a rule that lets everything out; a found one is only ours if it is empty then. */
async function empty (ec2: EC2Client, groupId: string): Promise<void> {
  const rules = await rulesOf(ec2, groupId)
  const ids = (egress: boolean): string[] => rules.filter(({ IsEgress }) => IsEgress === egress).map((rule) => rule.SecurityGroupRuleId!)
  if (ids(true).length > 0) await ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId: groupId, SecurityGroupRuleIds: ids(true) }))
  if (ids(false).length > 0) await ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId: groupId, SecurityGroupRuleIds: ids(false) }))
  const left = rules.length > 0 ? await rulesOf(ec2, groupId) : []
  if (left.length > 0) {
    throw new CleanroomError('ISOLATION_GROUP_NOT_EMPTY', `${groupId} still has ${left.length} rules.`, { extra: { groupId } })
  }
}

export const prepareIsolationGroup: Action = {
  observe: async (context, planned) => ({ groupId: await findGroup(context, planned.resource) ?? null }),
  apply: async (context, planned) => {
    const groupId = await findGroup(context, planned.resource) ?? await makeGroup(context, planned.resource)
    await empty(context.clients.ec2, groupId)
    return { groupId, rules: 0 }
  }
}

async function groupsOf (ec2: EC2Client, interfaceId: string): Promise<string[]> {
  const answer = await ec2.send(new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [interfaceId] }))
  return answer.NetworkInterfaces?.[0]?.Groups?.map(({ GroupId }) => GroupId!).sort() ?? []
}

export const isolateInterface: Action = {
  observe: async ({ clients: { ec2 } }, planned) => ({ securityGroupIds: await groupsOf(ec2, planned.resource) }),
  apply: async ({ clients: { ec2 }, isolationGroupId }, planned) => {
    if (!isolationGroupId) throw new CleanroomError('ISOLATION_GROUP_NOT_EMPTY', 'There is no empty group to isolate with; see prepare-isolation-group.')
    await ec2.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: planned.resource, Groups: [isolationGroupId] }))
    return { securityGroupIds: await groupsOf(ec2, planned.resource) }
  }
}
