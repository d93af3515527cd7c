/**
 * Proves containment from outside: everything is read back from AWS, nothing from our own record.
 *
 * Whether an interface is open is essential: if that can't be read, the proof fails as a whole and is tried again.
 * Everything else is a check of its own, read side by side; one that can't be read is a check that failed. What AWS
 * may show late (EC2 API Reference, "Eventual consistency") is looked at again before it counts as wrong.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { DescribeAutoScalingGroupsCommand, DescribeAutoScalingInstancesCommand } from '@aws-sdk/client-auto-scaling'
import {
  DescribeIamInstanceProfileAssociationsCommand, DescribeInstanceAttributeCommand, DescribeNetworkAclsCommand, paginateDescribeSecurityGroupRules,
  paginateDescribeSecurityGroups, type EC2Client, type Filter, type Instance, type SecurityGroupRule
} from '@aws-sdk/client-ec2'
import { GetAccessKeyLastUsedCommand, GetRoleCommand, GetRolePolicyCommand, paginateListAccessKeys } from '@aws-sdk/client-iam'
import { attempt, fromAws, isGone } from '../aws/aws-errors.ts'
import { filtersBy } from '../aws/filters.ts'
import { CleanroomError, codeOf, isPassing, type ErrorCode } from '../incident/errors.ts'
import type { Check, Proof } from '../incident/incident.ts'
import { TAG } from '../incident/tags.ts'
import { classicMemberships, targetMemberships } from '../triage/load-balancer-memberships.ts'
import { readInstance } from '../triage/read-instance.ts'
import { within, type Limited } from '../triage/sections.ts'
import { vpcIdsOf } from '../triage/target-facts.ts'
import type { ContainmentClients } from './actions/action.ts'
import { readSessionPolicy, sessionPolicyName, type SessionScope } from './actions/role-sessions.ts'
import { oursBy } from './actions/security-groups.ts'
import { planSurroundings, type PlannedAction } from './plan.ts'
import {
  aclFound, AUTO_SCALING_EXPECTED, autoScalingFound, blocksEverything, dnsFound, found, isolationChecks, metadataFound, SESSION_WORDS, sessionsFound, stopFound, tagsFound,
  volumesFound, type DnsRule, type Found, type IsolationSeen, type ProofSubject
} from './proof-findings.ts'

export type { ProofSubject } from './proof-findings.ts'

export interface ContainmentProof extends Proof {
  /** Interfaces that are attached and not isolated, for example one that was attached meanwhile. */
  exposedInterfaces: string[]
  /** Checks that failed because AWS did not tell, with the reason. */
  unreadable: Array<{ name: string, code: ErrorCode }>
}

export interface ProofLimits {
  /** Milliseconds for each check that is not essential, and for all looks at all of them. */
  checkMs: number
  allMs: number
  /** Milliseconds to wait before each further look at what AWS may show late. */
  settleMs: number[]
}

/** Together below what a step of containment may take. */
const LIMITS: ProofLimits = { checkMs: 15_000, allMs: 25_000, settleMs: [400, 1_200] }

const LEAST_MS = 2_000

/** A check of its own; one that needs to know the interfaces begins, and its time with it, once they are read. */
type Look = { name: string, expected: string } & (
  | { find: (limited: Limited) => Promise<Found> }
  | { findIn: (seen: IsolationSeen, limited: Limited) => Promise<Found> })
interface Looked {
  check: Check
  /** Set where AWS did not tell. */
  code?: ErrorCode
  /** Whether a later look may find it otherwise. */
  maySettle: boolean
}

/**
 * Asks AWS for every interface, group rule, association, membership and protection of the instance.
 * @throws CleanroomError AWS_*, TIMED_OUT when its interfaces or their rules can't be read
 */
export async function proveContainment (
  clients: ContainmentClients, subject: ProofSubject, now: Date, { checkMs, allMs, settleMs }: ProofLimits = LIMITS
): Promise<ContainmentProof> {
  const { instanceId } = subject.facts
  const looks = looksAt(clients, subject, now)
  const looked = new Map<string, Looked>()
  const end = Date.now() + allMs
  const lookAt = async (each: Look, seen: Promise<IsolationSeen>): Promise<void> => {
    const { name } = each
    const known = 'findIn' in each ? await seen : undefined
    // However long the essential reads took, a check has a moment.
    const limitMs = Math.min(checkMs, Math.max(LEAST_MS, end - Date.now()))
    looked.set(name, await look(each, () => within(limitMs, `reading ${name}`,
      async (limited) => 'findIn' in each ? await each.findIn(known!, limited) : await each.find(limited))))
  }
  const lookAll = async (some: Look[]): Promise<ReturnType<typeof isolationChecks>> => {
    const seen = readIsolation(clients.ec2, subject, now)
    await Promise.all([seen, ...some.map(async (each) => { await lookAt(each, seen) })])
    return isolationChecks(subject, await seen)
  }
  try {
    return await attempt(`proving the containment of ${instanceId}`, async () => {
      let isolation = await lookAll(looks)
      for (const waitMs of settleMs) {
        const again = looks.filter(({ name }) => looked.get(name)!.maySettle)
        const settled = again.length === 0 && isolation.checks.every(({ ok }) => ok)
        // An open interface is closed first and proved then.
        if (settled || isolation.exposedInterfaces.length > 0 || Date.now() + waitMs >= end) break
        await sleep(waitMs)
        isolation = await lookAll(again)
      }
      const others = looks.map(({ name }) => looked.get(name)!)
      const checks = [...isolation.checks, ...others.map(({ check }) => check)]
      return {
        ok: checks.every(({ ok }) => ok),
        at: now.toISOString(),
        checks,
        exposedInterfaces: isolation.exposedInterfaces,
        unreadable: others.flatMap(({ check: { name }, code }) => code === undefined ? [] : [{ name, code }])
      }
    })
  } catch (error) {
    const code = codeOf(error)
    if (code !== 'INSTANCE_NOT_FOUND' && code !== 'INSTANCE_TERMINATED') throw error
    // Nothing of it can be reached then, and nothing proved.
    const check = { name: 'instance-exists', ok: false, expected: 'EC2 knows it', observed: (error as Error).message }
    return { ok: false, at: now.toISOString(), checks: [check], exposedInterfaces: [], unreadable: [] }
  }
}

async function look ({ name, expected }: Look, find: () => Promise<Found>): Promise<Looked> {
  try {
    const { ok, observed } = await find()
    return { check: { name, ok, expected, observed }, maySettle: !ok }
  } catch (error) {
    const { code, message } = fromAws(error, `reading ${name}`)
    return { check: { name, ok: false, expected, observed: `not readable: ${code} (${message})` }, code, maySettle: isPassing(code) }
  }
}

/** Two rounds: the instance, its interfaces and our groups side by side; then the rules of all groups concerned. */
async function readIsolation (ec2: EC2Client, { incidentId, facts, isolationGroupId, otherIsolationGroups = {} }: ProofSubject, now: Date): Promise<IsolationSeen> {
  const relied = [...Object.values(otherIsolationGroups), ...isolationGroupId !== undefined ? [isolationGroupId] : []]
  const [{ facts: { interfaces }, sections }, ours, existing] = await Promise.all([
    readInstance({ ec2 }, facts, facts.instanceId, now), groupsBy(ec2, oursBy({ incidentId, instanceId: facts.instanceId })), existingGroups(ec2, relied)
  ])
  for (const name of ['networkInterfaces', 'branchInterfaces']) {
    const section = sections[name]
    if (section && 'error' in section) throw new CleanroomError(section.error.code as ErrorCode, section.error.message)
  }
  const groupIds = new Set([...interfaces.flatMap(({ securityGroupIds }) => securityGroupIds), ...ours, ...relied])
  return { instance: (sections.instance as { data: Instance }).data, interfaces, ours, existing, rules: await rulesOf(ec2, [...groupIds]) }
}

/** Those of the groups that EC2 knows; a group that is gone has no rules either. */
async function existingGroups (ec2: EC2Client, groupIds: string[]): Promise<string[]> {
  if (groupIds.length === 0) return []
  return await groupsBy(ec2, [{ Name: 'group-id', Values: groupIds }])
}

async function groupsBy (ec2: EC2Client, Filters: Filter[]): Promise<string[]> {
  const ids: string[] = []
  for await (const page of paginateDescribeSecurityGroups({ client: ec2 }, { Filters })) ids.push(...page.SecurityGroups?.map(({ GroupId }) => GroupId!) ?? [])
  return ids.sort()
}

async function rulesOf (ec2: EC2Client, groupIds: string[]): Promise<Map<string, SecurityGroupRule[]>> {
  const rules = new Map<string, SecurityGroupRule[]>(groupIds.map((groupId) => [groupId, []]))
  for (const filter of filtersBy('group-id', groupIds)) {
    for await (const page of paginateDescribeSecurityGroupRules({ client: ec2 }, { Filters: [filter] })) {
      for (const rule of page.SecurityGroupRules ?? []) rules.get(rule.GroupId!)?.push(rule)
    }
  }
  return rules
}

function looksAt (clients: ContainmentClients, subject: ProofSubject, now: Date): Look[] {
  const { incidentId, facts: { instanceId, vpcId }, around, policy, rungs, mode } = subject
  const planned = planSurroundings(subject.facts, around, policy, rungs).filter(({ after }) => after === undefined || mode === 'full')
  const ofInstance = (name: string, expected: string, finds: (instance: Instance) => Found): Look =>
    ({ name, expected, findIn: async ({ instance }) => finds(instance) })
  return [
    ofInstance('tagged-quarantined', `${TAG.status}=quarantined, ${TAG.incident}=${incidentId}`, (instance) => tagsFound(instance, incidentId)),
    ...protections(clients, instanceId),
    ofInstance('volumes-kept', 'no volume is deleted on termination', volumesFound),
    autoScaling(clients, subject),
    {
      name: 'not-a-target',
      expected: 'in no target group, by its id or any of its addresses',
      findIn: async ({ interfaces }, limited) => {
        const addresses = interfaces.flatMap(({ privateAddresses, ipv6Addresses }) => [...privateAddresses, ...ipv6Addresses])
        const targets: string[] = []
        await targetMemberships(clients.elbv2, [instanceId, ...addresses], vpcIdsOf({ vpcId, interfaces }), ({ targetGroupArn, targetId, port }) => {
          targets.push(`${targetId}${port === undefined ? '' : `:${port}`} in ${targetGroupArn}`)
        }, limited)
        return found(targets.length === 0, targets.sort().join(', ') || 'in no target group')
      }
    },
    {
      name: 'not-in-classic-load-balancers',
      expected: 'in no classic load balancer',
      find: async (limited) => {
        const balancers = await classicMemberships(clients.elb, instanceId, limited)
        return found(balancers.length === 0, balancers.map(({ LoadBalancerName }) => LoadBalancerName).join(', ') || 'in no classic load balancer')
      }
    },
    ...policy.elasticIp === 'disassociate'
      ? [{
          name: 'no-elastic-ip',
          expected: 'no Elastic IP on any interface',
          findIn: async ({ interfaces }: IsolationSeen) => {
            const elastic = interfaces.flatMap(({ interfaceId, elasticAddresses }) => elasticAddresses.map(({ publicIp }) => `${publicIp} on ${interfaceId}`))
            return found(elastic.length === 0, elastic.join(', ') || 'no Elastic IP')
          }
        }]
      : [],
    ...policy.instanceProfile === 'remove' && mode === 'full' ? [instanceProfile(clients, instanceId)] : [],
    ...policy.sessions !== 'keep' && mode === 'full' ? sessions(clients, subject, planned, now) : [],
    ...policy.accessKeyIds.map((accessKeyId) => accessKey(clients, accessKeyId, around.accessKeys.find((key) => key.accessKeyId === accessKeyId)?.userName)),
    ...planned.filter(({ kind }) => kind === 'isolate-subnet').map(({ resource }) => subnet(clients, resource)),
    ...planned.filter(({ kind }) => kind === 'block-dns').map(({ resource }) => dns(clients, resource)),
    ...policy.metadata === 'disable' && mode === 'full' ? [ofInstance('metadata-off', 'disabled', metadataFound)] : [],
    ...planned.some(({ kind }) => kind === 'stop-instance') ? [ofInstance('instance-stopped', 'stopped', stopFound)] : []
  ]
}

function protections ({ ec2 }: ContainmentClients, InstanceId: string): Look[] {
  const onOff = (value: boolean | undefined): string => value === true ? 'on' : 'off'
  return [
    {
      name: 'termination-protected',
      expected: 'on',
      find: async (limited) => {
        const { DisableApiTermination } = await ec2.send(new DescribeInstanceAttributeCommand({ InstanceId, Attribute: 'disableApiTermination' }), limited)
        return found(DisableApiTermination?.Value === true, onOff(DisableApiTermination?.Value))
      }
    },
    {
      name: 'stop-protected',
      expected: 'on',
      find: async (limited) => {
        const { DisableApiStop } = await ec2.send(new DescribeInstanceAttributeCommand({ InstanceId, Attribute: 'disableApiStop' }), limited)
        return found(DisableApiStop?.Value === true, onOff(DisableApiStop?.Value))
      }
    },
    {
      name: 'stops-on-shutdown',
      expected: 'stop',
      find: async (limited) => {
        const answer = await ec2.send(new DescribeInstanceAttributeCommand({ InstanceId, Attribute: 'instanceInitiatedShutdownBehavior' }), limited)
        const behaviour = answer.InstanceInitiatedShutdownBehavior?.Value ?? 'not told'
        return found(behaviour === 'stop', behaviour)
      }
    }
  ]
}

function autoScaling ({ autoScaling }: ContainmentClients, { facts: { instanceId }, policy }: ProofSubject): Look {
  const how = policy.autoScaling
  return {
    name: 'not-in-auto-scaling',
    expected: AUTO_SCALING_EXPECTED[how],
    find: async (limited) => {
      const { AutoScalingInstances = [] } = await autoScaling.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] }), limited)
      const own = AutoScalingInstances[0]
      if (!own) return autoScalingFound(how, undefined)
      const group = own.AutoScalingGroupName!
      const suspended = how !== 'suspend'
        ? []
        : (await autoScaling.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [group] }), limited)).AutoScalingGroups?.[0]?.SuspendedProcesses ?? []
      return autoScalingFound(how, {
        group,
        lifecycleState: own.LifecycleState!,
        protectedFromScaleIn: own.ProtectedFromScaleIn ?? false,
        suspendedProcesses: suspended.map(({ ProcessName }) => ProcessName!)
      })
    }
  }
}

function instanceProfile ({ ec2 }: ContainmentClients, instanceId: string): Look {
  return {
    name: 'no-instance-profile',
    expected: 'no instance profile',
    find: async (limited) => {
      const { IamInstanceProfileAssociations = [] } = await ec2.send(new DescribeIamInstanceProfileAssociationsCommand({
        Filters: [{ Name: 'instance-id', Values: [instanceId] }, { Name: 'state', Values: ['associating', 'associated'] }]
      }), limited)
      return found(IamInstanceProfileAssociations.length === 0, IamInstanceProfileAssociations.map(({ IamInstanceProfile }) => IamInstanceProfile?.Arn).join(', ') || 'no instance profile')
    }
  }
}

/** One check; none for an instance without a role, or with one whose policies only AWS changes. */
function sessions ({ iam }: ContainmentClients, { incidentId, facts: { instanceId }, around }: ProofSubject, planned: PlannedAction[], now: Date): Look[] {
  const revocation = planned.find(({ kind }) => kind === 'revoke-role-sessions')
  if (!revocation) {
    const unread = around.unread.find(({ what }) => what === 'role')
    if (!unread || around.role) return []
    return [{ name: 'role-sessions-revoked', expected: SESSION_WORDS.instance, find: async () => { throw new CleanroomError(unread.code as ErrorCode, unread.message) } }]
  }
  const { resource: RoleName, parameters } = revocation
  const wanted = parameters.scope as SessionScope
  return [{
    name: `role-sessions-revoked ${RoleName}`,
    expected: SESSION_WORDS[wanted],
    find: async (limited) => {
      try {
        const { PolicyDocument = '' } = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: sessionPolicyName({ incidentId, instanceId }) }), limited)
        return sessionsFound({ wanted, revocation: readSessionPolicy(PolicyDocument, parameters.roleId as string, instanceId), now })
      } catch (error) {
        if (!isGone(error)) throw error
      }
      try {
        await iam.send(new GetRoleCommand({ RoleName }), limited)
        return found(false, 'there is no policy that revokes sessions')
      } catch (error) {
        if (!isGone(error)) throw error
        return found(true, 'the role is deleted, and its sessions are worth nothing')
      }
    }
  }]
}

function accessKey ({ iam }: ContainmentClients, accessKeyId: string, knownUser: string | undefined): Look {
  return {
    name: `access-key-inactive ${accessKeyId}`,
    expected: 'Inactive, or deleted',
    find: async (limited) => {
      const UserName = knownUser ?? (await iam.send(new GetAccessKeyLastUsedCommand({ AccessKeyId: accessKeyId }), limited)).UserName
      if (!UserName) return found(false, 'IAM names no user who has it')
      try {
        for await (const page of paginateListAccessKeys({ client: iam }, { UserName }, limited)) {
          const key = page.AccessKeyMetadata?.find(({ AccessKeyId }) => AccessKeyId === accessKeyId)
          if (key) return found(key.Status === 'Inactive', `${key.Status}, of ${UserName}`)
        }
        return found(true, `deleted; ${UserName} has no such key`)
      } catch (error) {
        if (!isGone(error)) throw error
        return found(true, `deleted with its user ${UserName}`)
      }
    }
  }
}

function subnet ({ ec2 }: ContainmentClients, subnetId: string): Look {
  return {
    name: `subnet-denies-all ${subnetId}`,
    expected: 'a network ACL that denies everything',
    find: async (limited) => {
      const answer = await ec2.send(new DescribeNetworkAclsCommand({ Filters: [{ Name: 'association.subnet-id', Values: [subnetId] }] }), limited)
      return aclFound(answer.NetworkAcls?.find(({ Associations = [] }) => Associations.some(({ SubnetId }) => SubnetId === subnetId)))
    }
  }
}

function dns (clients: ContainmentClients, vpcId: string): Look {
  return { name: `dns-blocked ${vpcId}`, expected: 'DNS Firewall blocks every domain', find: async () => dnsFound(await dnsRules(clients, vpcId)) }
}

/** In the order in which Resolver asks them: by the priority of the group's association, then by the rule's own. */
async function dnsRules ({ resolver }: ContainmentClients, VpcId: string): Promise<DnsRule[]> {
  const associations = await resolver.list('ListFirewallRuleGroupAssociations', { VpcId }, (page) => page.FirewallRuleGroupAssociations)
  const inForce = associations.filter(({ Status }) => Status === 'COMPLETE').sort((a, b) => a.Priority - b.Priority)
  const rules: DnsRule[] = []
  let unread: unknown
  // The domains of AWS's own lists are nobody's to read; that they are blocked opens nothing.
  const domainsOf = async (FirewallDomainListId: string): Promise<string[]> => {
    try {
      return await resolver.list('ListFirewallDomains', { FirewallDomainListId }, (page) => page.Domains)
    } catch (error) {
      unread = error
      return []
    }
  }
  for (const { FirewallRuleGroupId } of inForce) {
    const own = await resolver.list('ListFirewallRules', { FirewallRuleGroupId }, (page) => page.FirewallRules)
    for (const { Name, Action, Qtype, FirewallDomainListId } of own.sort((a, b) => a.Priority - b.Priority)) {
      const domains = Action === 'BLOCK' ? await domainsOf(FirewallDomainListId) : []
      const rule = { Name, Action, ...Qtype !== undefined && { Qtype }, group: FirewallRuleGroupId, domains }
      rules.push(rule)
      // What is asked later no longer matters.
      if (blocksEverything(rule)) return rules
    }
  }
  if (unread !== undefined) throw unread
  return rules
}
