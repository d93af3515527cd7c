/**
 * Which permissions the containing role lacks for a plan, without trying: IAM simulates its policies.
 *
 * What is asked is what the calls of each action are authorised on (Service Authorization Reference), with
 * the context that they will have: tags of what is made, tags of what was made. The simulator knows the role's
 * policies, its boundary and the organisation's policies; it knows no resource-based policies and no tags but
 * those it is told (IAM API Reference, "SimulatePrincipalPolicy").
 */
import {
  paginateSimulatePrincipalPolicy, type ContextEntry, type EvaluationResult, type IAMClient, type PolicyEvaluationDecisionType, type ResourceSpecificResult
} from '@aws-sdk/client-iam'
import { fromAws } from '../aws/aws-errors.ts'
import { TAG } from '../incident/tags.ts'
import { within, type Limited } from '../triage/sections.ts'
import type { InstanceFacts, Surroundings } from '../triage/target-facts.ts'
import type { ActionKind, PlannedAction } from './plan.ts'

/** Values of context keys, as IAM's conditions see them. */
export type Context = Record<string, string | string[]>

/** One question to IAM: may the role do `action` on `resource`? */
export interface PermissionCheck { action: string, resource: string, context: Context, neededFor: ActionKind[] }

export interface LackingPermission {
  /** IAM action, for example `ec2:ModifyNetworkInterfaceAttribute`. */
  action: string
  /** ARN; `*` in it stands for what is not made yet. */
  resource: string
  neededFor: ActionKind[]
  /** `explicitDeny`: a statement denies it; `implicitDeny`: none allows it. */
  decision: Exclude<PolicyEvaluationDecisionType, 'allowed'>
  /** What stands in the way besides the role's own policies, where IAM says so. */
  because?: string
}

export type Permissions =
  | { checked: true, role: string, lacking: LackingPermission[] }
  /** Nothing is known of what lacks. */
  | { checked: false, role: string, why: string }

interface Asked { action?: string, resources: string[], context?: Context }
interface Subject { facts: InstanceFacts, around: Surroundings, arn: (service: string, rest: string, where?: { global: true }) => string }
type Question = (planned: PlannedAction, subject: Subject) => Asked[]

const MADE: Context = { [`aws:ResourceTag/${TAG.managed}`]: 'true', [`ec2:ResourceTag/${TAG.managed}`]: 'true' }
const MAKING: Context = {
  [`aws:RequestTag/${TAG.managed}`]: 'true',
  [`aws:RequestTag/${TAG.purpose}`]: 'isolation',
  'aws:TagKeys': [TAG.managed, TAG.incident, TAG.purpose, TAG.instance, 'Name']
}

const ec2 = ({ arn }: Subject, type: string, id = '*'): string => arn('ec2', `${type}/${id}`)

const onInstance: Question = (_, subject) => [{ resources: [ec2(subject, 'instance', subject.facts.instanceId)], context: tagsOf(subject.facts) }]
const onOurGroup: Question = (_, subject) => [{ resources: [ec2(subject, 'security-group')], context: MADE }]

/** What is made in the VPC, tagged in the same call, which is a permission of its own. */
function making (type: string, createAction: string): Question {
  return (_, subject) => [
    { resources: [ec2(subject, 'vpc', subject.facts.vpcId), ec2(subject, type)], context: MAKING },
    { action: 'ec2:CreateTags', resources: [ec2(subject, type)], context: { ...MAKING, 'ec2:CreateAction': createAction } }
  ]
}

const ofAutoScalingGroup: Question = ({ resource }, { arn }) => [{ resources: [arn('autoscaling', `autoScalingGroup:*:autoScalingGroupName/${resource}`)] }]

const onOurs = (type: string): Question => (_, { arn }) => [{ resources: [arn('route53resolver', `${type}/*`)], context: MADE }]
const makingOurs = (type: string): Question => (_, { arn }) => [
  { resources: [arn('route53resolver', `${type}/*`)], context: MAKING },
  { action: 'route53resolver:TagResource', resources: [arn('route53resolver', `${type}/*`)], context: MAKING }
]

/** What each IAM action is authorised on, and with which context. */
const QUESTIONS: Record<string, Question> = {
  // Tagging what is made is asked with its making.
  'ec2:CreateTags': ({ kind }, subject) => kind !== 'tag-quarantined'
    ? []
    : [{
        resources: [ec2(subject, 'instance', subject.facts.instanceId)],
        context: { ...tagsOf(subject.facts), [`aws:RequestTag/${TAG.status}`]: 'quarantined', 'aws:TagKeys': [TAG.status, TAG.ticket, TAG.incident] }
      }],
  'ec2:ModifyInstanceAttribute': onInstance,
  'ec2:ModifyInstanceMetadataOptions': onInstance,
  'ec2:DisassociateIamInstanceProfile': onInstance,
  'ec2:StopInstances': onInstance,
  'ec2:CreateSecurityGroup': making('security-group', 'CreateSecurityGroup'),
  'ec2:AuthorizeSecurityGroupIngress': onOurGroup,
  'ec2:AuthorizeSecurityGroupEgress': onOurGroup,
  'ec2:RevokeSecurityGroupIngress': onOurGroup,
  'ec2:RevokeSecurityGroupEgress': onOurGroup,
  'ec2:DeleteSecurityGroup': onOurGroup,
  'ec2:ModifyNetworkInterfaceAttribute': ({ resource }, subject) => [
    { resources: [ec2(subject, 'network-interface', resource)] },
    { resources: [ec2(subject, 'security-group')], context: MADE }
  ],
  'ec2:CreateNetworkAcl': making('network-acl', 'CreateNetworkAcl'),
  'ec2:ReplaceNetworkAclAssociation': ({ resource, parameters }, subject) => [
    { resources: [ec2(subject, 'subnet', resource), ec2(subject, 'network-acl', parameters.networkAclId as string)] },
    { resources: [ec2(subject, 'network-acl')], context: MADE }
  ],
  'ec2:DisassociateAddress': ({ resource, parameters }, subject) => [
    { resources: [ec2(subject, 'elastic-ip', resource), ec2(subject, 'network-interface', parameters.interfaceId as string)] }
  ],
  'autoscaling:DetachInstances': ofAutoScalingGroup,
  'autoscaling:EnterStandby': ofAutoScalingGroup,
  'autoscaling:SetInstanceProtection': ofAutoScalingGroup,
  'autoscaling:SuspendProcesses': ofAutoScalingGroup,
  'elasticloadbalancing:DeregisterTargets': ({ resource }) => [{ resources: [resource] }],
  'elasticloadbalancing:DeregisterInstancesFromLoadBalancer': ({ resource }, { arn }) => [{ resources: [arn('elasticloadbalancing', `loadbalancer/${resource}`)] }],
  'iam:PutRolePolicy': ({ resource }, { around, arn }) => [{ resources: [around.role?.roleArn ?? arn('iam', `role/${resource}`, { global: true })] }],
  // IAM tells a key's user by name, without the path.
  'iam:UpdateAccessKey': ({ parameters }, { arn }) => [{ resources: [arn('iam', `user/${parameters.userName as string | undefined ?? '*'}`, { global: true })] }],
  'route53resolver:CreateFirewallDomainList': makingOurs('firewall-domain-list'),
  'route53resolver:UpdateFirewallDomains': onOurs('firewall-domain-list'),
  'route53resolver:CreateFirewallRuleGroup': makingOurs('firewall-rule-group'),
  'route53resolver:CreateFirewallRule': onOurs('firewall-rule-group'),
  'route53resolver:AssociateFirewallRuleGroup': makingOurs('firewall-rule-group-association')
}

/** Whether it is known what an IAM action is authorised on. */
export function canAsk (action: string): boolean {
  return action in QUESTIONS
}

/** What a plan needs, each permission once. Pure. `role` tells the partition. */
export function permissionChecks (planned: PlannedAction[], facts: InstanceFacts, around: Surroundings, role: string): PermissionCheck[] {
  const { accountId, region } = facts
  const partition = role.split(':')[1]!
  const subject: Subject = {
    facts,
    around,
    arn: (service, rest, where) => `arn:${partition}:${service}:${where?.global ? '' : region}:${accountId}:${rest}`
  }
  const checks = new Map<string, PermissionCheck>()
  for (const each of planned) {
    for (const need of each.needs) {
      const asked = QUESTIONS[need]?.(each, subject) ?? [{ resources: ['*'] }]
      for (const { action = need, resources, context = {} } of asked) {
        for (const resource of resources) {
          const check: PermissionCheck = { action, resource, context: { 'aws:RequestedRegion': region, ...context }, neededFor: [each.kind] }
          const key = JSON.stringify([action, resource, check.context])
          const known = checks.get(key)
          if (!known) checks.set(key, check)
          else if (!known.neededFor.includes(each.kind)) known.neededFor.push(each.kind)
        }
      }
    }
  }
  return [...checks.values()]
}

/** Tags of ours that the instance carries: what policies ask for. */
function tagsOf ({ tags }: InstanceFacts): Context {
  return Object.fromEntries(Object.entries(tags).filter(([key, value]) => key.startsWith('cleanroom:') && value !== '')
    .flatMap(([key, value]) => [[`aws:ResourceTag/${key}`, value], [`ec2:ResourceTag/${key}`, value]]))
}

/** One call: every action on every resource, in one context. */
interface Batch { actions: string[], resources: string[], context: Context }

/** Milliseconds for all calls together. */
const LIMIT_MS = 20_000
/** IAM's request rate is shared by the whole account. */
const CALLS_AT_ONCE = 4

/**
 * Asks IAM which of the checks the role fails. Never throws: what could not be asked is said.
 * @param iam with `iam:SimulatePrincipalPolicy`; `role` is the ARN of the role whose policies are simulated
 */
export async function findLacking (iam: IAMClient, role: string, checks: PermissionCheck[], limitMs = LIMIT_MS): Promise<Permissions> {
  try {
    const decisions = await within(limitMs, 'simulating the policies of the role', async (limited) => await decide(iam, role, inBatches(checks), limited))
    return {
      checked: true,
      role,
      lacking: checks.flatMap(({ action, resource, context, neededFor }) => {
        const found = decisions.get(keyOf(action, resource, context))
        if (found?.decision === 'allowed') return []
        return [{ action, resource, neededFor, decision: found?.decision ?? 'implicitDeny', ...found?.because && { because: found.because } }]
      })
    }
  } catch (error) {
    return { checked: false, role, why: fromAws(error, 'asking IAM which permissions lack').message }
  }
}

/** As few calls as can be: actions of one service that are asked of the same resources in the same context go together. */
function inBatches (checks: PermissionCheck[]): Batch[] {
  const byAction = new Map<string, Batch>()
  for (const { action, resource, context } of checks) {
    const key = JSON.stringify([action, context])
    const batch = byAction.get(key) ?? { actions: [action], resources: [], context }
    batch.resources.push(resource)
    byAction.set(key, batch)
  }
  const batches = new Map<string, Batch>()
  for (const { actions, resources, context } of byAction.values()) {
    const key = JSON.stringify([actions[0]!.split(':')[0], [...resources].sort(), context])
    const known = batches.get(key)
    if (known) known.actions.push(...actions)
    else batches.set(key, { actions, resources, context })
  }
  return [...batches.values()]
}

interface Decision { decision: PolicyEvaluationDecisionType, because?: string }

function keyOf (action: string, resource: string, context: Context): string {
  return JSON.stringify([action.toLowerCase(), resource, context])
}

async function decide (iam: IAMClient, role: string, batches: Batch[], limited: Limited): Promise<Map<string, Decision>> {
  const decisions = new Map<string, Decision>()
  const waiting = [...batches]
  const askOneAfterAnother = async (): Promise<void> => {
    for (let batch = waiting.shift(); batch; batch = waiting.shift()) {
      const { actions, resources, context } = batch
      try {
        for (const result of await simulate(iam, role, batch, limited)) {
          for (const resource of resources) {
            const specific = result.ResourceSpecificResults?.find(({ EvalResourceName }) => EvalResourceName === resource)
            decisions.set(keyOf(result.EvalActionName!, resource, context), decisionOf(result, specific))
          }
        }
      } catch (error) {
        // IAM: "Actions: […] require different authorization information"; which ones do is written nowhere.
        if (actions.length === 1 || !/different authorization information/i.test((error as Error).message)) throw error
        waiting.push(...actions.map((action) => ({ actions: [action], resources, context })))
      }
    }
  }
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, askOneAfterAnother))
  return decisions
}

async function simulate (iam: IAMClient, role: string, { actions, resources, context }: Batch, limited: Limited): Promise<EvaluationResult[]> {
  const results: EvaluationResult[] = []
  for await (const page of paginateSimulatePrincipalPolicy({ client: iam }, {
    PolicySourceArn: role,
    ActionNames: actions,
    ResourceArns: resources,
    ContextEntries: Object.entries(context).map(([ContextKeyName, value]): ContextEntry => ({
      ContextKeyName, ContextKeyType: Array.isArray(value) ? 'stringList' : 'string', ContextKeyValues: [value].flat()
    }))
  }, limited)) results.push(...page.EvaluationResults ?? [])
  return results
}

/** The decision on one resource; on all of them, where IAM tells no single ones. */
function decisionOf (result: EvaluationResult, specific: ResourceSpecificResult | undefined): Decision {
  const { MissingContextValues: missing = [], PermissionsBoundaryDecisionDetail } = specific ?? result
  const because = [
    ...result.OrganizationsDecisionDetail?.AllowedByOrganizations === false ? ['a policy of the organisation does not allow it'] : [],
    ...PermissionsBoundaryDecisionDetail?.AllowedByPermissionsBoundary === false ? ['the role\'s permissions boundary does not allow it'] : [],
    ...missing.length > 0 ? [`not known here, and asked for by a policy: ${missing.join(', ')}`] : []
  ].join('; ')
  return { decision: specific?.EvalResourceDecision ?? result.EvalDecision!, ...because && { because } }
}
