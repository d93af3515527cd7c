/**
 * Security groups that containment makes for one instance and incident: made, found again by tags, emptied, deleted.
 *
 * Rules are revoked by their ids, never by ranges: a group in a VPC with IPv6 has other rules than one without, and
 * somebody may have added any (Amazon VPC User Guide, "Default security groups" and "Security group rules").
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateSecurityGroupCommand, DeleteSecurityGroupCommand, DescribeSecurityGroupsCommand, paginateDescribeNetworkInterfaces,
  paginateDescribeSecurityGroupRules, RevokeSecurityGroupEgressCommand, RevokeSecurityGroupIngressCommand,
  type EC2Client, type Filter, type SecurityGroup, type SecurityGroupRule
} from '@aws-sdk/client-ec2'
import { awsCode, isGone, isUnknownToEc2 } from '../../aws/aws-errors.ts'
import { CleanroomError } from '../../incident/errors.ts'
import { incidentTags, TAG } from '../../incident/tags.ts'
import type { ActionContext } from './action.ts'
import { changeAndReadBack, isUnanswered } from './read-back.ts'

/** EC2 is eventually consistent: what was just changed may read as before for a moment (EC2 API Reference, "Eventual consistency"). */
const WAITS_MS = [250, 500, 1000]

/** The rules of a group, by its id; none of a group that does not exist. */
export async function rulesOf (ec2: EC2Client, groupId: string): Promise<SecurityGroupRule[]> {
  const rules: SecurityGroupRule[] = []
  for await (const page of paginateDescribeSecurityGroupRules({ client: ec2 }, { Filters: [{ Name: 'group-id', Values: [groupId] }] })) {
    rules.push(...page.SecurityGroupRules ?? [])
  }
  return rules
}

/** The group's id and number of rules, as the state of an action. */
export async function groupState (ec2: EC2Client, groupId: string | undefined): Promise<{ groupId: string, rules: number } | { groupId: null }> {
  return groupId === undefined ? { groupId: null } : { groupId, rules: (await rulesOf(ec2, groupId)).length }
}

/** Filters that only what containment made for this instance and incident passes, in whatever VPC. */
export function oursBy ({ incidentId, instanceId }: Pick<ActionContext, 'incidentId' | 'instanceId'>): Filter[] {
  return Object.entries({ [TAG.incident]: incidentId, [TAG.instance]: instanceId, [TAG.purpose]: 'isolation' }).map(([key, value]) => ({ Name: `tag:${key}`, Values: [value] }))
}

/** The group of this name that was made for the instance and incident. */
export async function findGroup (context: ActionContext, vpcId: string, name: string): Promise<string | undefined> {
  const answer = await context.clients.ec2.send(new DescribeSecurityGroupsCommand({
    Filters: [
      { Name: 'vpc-id', Values: [vpcId] },
      { Name: 'group-name', Values: [name] },
      ...oursBy(context)
    ]
  }))
  return answer.SecurityGroups?.[0]?.GroupId
}

/** Whether a group is one that containment made for this instance and incident. */
export function isOurs ({ incidentId, instanceId }: ActionContext, { Tags = [] }: SecurityGroup): boolean {
  const tags = new Map(Tags.map(({ Key, Value }) => [Key, Value]))
  return tags.get(TAG.incident) === incidentId && tags.get(TAG.instance) === instanceId && tags.get(TAG.purpose) === 'isolation'
}

/** Whether a group was made just now; `perhaps` when it was there, but an unanswered try of the same call may have made it. */
export type Fresh = boolean | 'perhaps'

/**
 * Makes the group, or finds the one that an earlier attempt made: making it first saves the look for it.
 * @throws CleanroomError ISOLATION_GROUP_NOT_EMPTY when somebody else's group has the name; AWS_BUSY while EC2 has one of the name and does not show it
 */
export async function makeGroup (
  context: ActionContext, vpcId: string, { name, description }: { name: string, description: string }
): Promise<{ groupId: string, fresh: Fresh }> {
  const { clients: { ec2 }, incidentId, instanceId } = context
  try {
    const made = await ec2.send(new CreateSecurityGroupCommand({
      GroupName: name,
      Description: description,
      VpcId: vpcId,
      TagSpecifications: [{ ResourceType: 'security-group', Tags: incidentTags(incidentId, 'isolation', { [TAG.instance]: instanceId, Name: name }) }]
    }))
    return { groupId: made.GroupId!, fresh: true }
  } catch (error) {
    if (isUnanswered(error)) {
      const made = await findGroup(context, vpcId, name).catch(() => undefined)
      if (made !== undefined) return { groupId: made, fresh: true }
    }
    if (awsCode(error) !== 'InvalidGroup.Duplicate') throw error
    const found = await findGroup(context, vpcId, name)
    if (found !== undefined) return { groupId: found, fresh: attemptsOf(error) > 1 ? 'perhaps' : false }
    if (!await isNameTaken(ec2, vpcId, name)) throw new CleanroomError('AWS_BUSY', `EC2 has a group named ${name} in ${vpcId} and does not show it yet, or not any more.`, { cause: error })
    throw new CleanroomError('ISOLATION_GROUP_NOT_EMPTY', `A group named ${name} exists in ${vpcId} and is not ours.`, { cause: error })
  }
}

/** How often the SDK sent the call. */
function attemptsOf (error: unknown): number {
  return (error as { $metadata?: { attempts?: number } }).$metadata?.attempts ?? 1
}

async function isNameTaken (ec2: EC2Client, vpcId: string, name: string): Promise<boolean> {
  const answer = await ec2.send(new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'vpc-id', Values: [vpcId] }, { Name: 'group-name', Values: [name] }] }))
  return (answer.SecurityGroups ?? []).length > 0
}

/**
 * Revokes every rule and asserts that none is left, by the group's id.
 * @param fresh the group was made just now: AWS gives every new one a rule for egress, so an answer without any is one
 *   from before it was made (Amazon VPC User Guide, "Security group rules")
 * @throws CleanroomError ISOLATION_GROUP_NOT_EMPTY when rules stay or come again; AWS_BUSY while EC2 does not know a fresh group
 */
export async function emptyGroup (ec2: EC2Client, groupId: string, { fresh = false }: { fresh?: Fresh } = {}): Promise<void> {
  let revoked = fresh === false
  let known = true
  let rules = await rulesOf(ec2, groupId)
  for (const waitMs of [...WAITS_MS, 0]) {
    if (rules.length > 0) {
      const found = rules
      rules = await changeAndReadBack(async () => { known = await revoke(ec2, groupId, found) }, () => rulesOf(ec2, groupId), (left) => left.length === 0)
      // What a group has that EC2 does not know yet was not revoked, whatever is shown of it.
      revoked = known || fresh === false
    }
    if (rules.length === 0 && revoked) return
    await sleep(waitMs)
    rules = await rulesOf(ec2, groupId)
  }
  if (fresh !== false && (!known || (rules.length === 0 && fresh === true))) throw new CleanroomError('AWS_BUSY', `EC2 does not show ${groupId} and its rules yet.`, { extra: { groupId } })
  if (rules.length > 0) throw new CleanroomError('ISOLATION_GROUP_NOT_EMPTY', `${groupId} still has ${rules.length} rules.`, { extra: { groupId } })
}

/** Revokes these rules; what somebody else revoked meanwhile is left for the next reading. Answers whether EC2 knows the group. */
export async function revoke (ec2: EC2Client, GroupId: string, rules: SecurityGroupRule[]): Promise<boolean> {
  const ids = (egress: boolean): string[] => rules.filter(({ IsEgress }) => IsEgress === egress).map((rule) => rule.SecurityGroupRuleId!)
  const [outward, inward] = [ids(true), ids(false)]
  const results = await Promise.allSettled([
    ...outward.length > 0 ? [ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId, SecurityGroupRuleIds: outward }))] : [],
    ...inward.length > 0 ? [ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId, SecurityGroupRuleIds: inward }))] : []
  ])
  const errors: unknown[] = results.flatMap((result) => result.status === 'rejected' ? [result.reason as unknown] : [])
  for (const error of errors) if (!isGone(error)) throw error
  return !errors.some(isUnknownToEc2)
}

/** Deletes the group; `false` when something still uses it, also after the moment in which EC2 may not know better. */
export async function deleteGroup (ec2: EC2Client, groupId: string): Promise<boolean> {
  for (const waitMs of [0, ...WAITS_MS]) {
    if (waitMs > 0) await sleep(waitMs)
    try {
      await ec2.send(new DeleteSecurityGroupCommand({ GroupId: groupId }))
      return true
    } catch (error) {
      if (isGone(error) || (isUnanswered(error) && !await exists(ec2, groupId))) return true
      if (awsCode(error) !== 'DependencyViolation') throw error
    }
  }
  return false
}

export async function exists (ec2: EC2Client, groupId: string): Promise<boolean> {
  const answer = await ec2.send(new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'group-id', Values: [groupId] }] }))
  return (answer.SecurityGroups ?? []).length > 0
}

/** What keeps a group from being deleted, for a person. */
export async function usersOf (ec2: EC2Client, groupId: string): Promise<string> {
  const interfaces: string[] = []
  for await (const page of paginateDescribeNetworkInterfaces({ client: ec2 }, { Filters: [{ Name: 'group-id', Values: [groupId] }] })) {
    interfaces.push(...page.NetworkInterfaces?.map(({ NetworkInterfaceId }) => NetworkInterfaceId!) ?? [])
  }
  return interfaces.length > 0 ? interfaces.sort().join(', ') : 'a rule of another group'
}
