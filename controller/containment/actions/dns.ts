/**
 * Answers no DNS query of the VPC: security groups do not filter those, so that data can leave in names that are asked for.
 *
 * A DNS Firewall rule group with one rule that blocks the domain list `*`, associated with the VPC before all others.
 * Everything is found again by its name, so that an attempt goes on where another was cut off; each creation has a
 * request id of its own, so that a repeated request makes nothing twice. Sources: Amazon Route 53 Developer Guide,
 * "Using DNS Firewall to filter outbound DNS traffic"; Amazon Route 53 API Reference, "AssociateFirewallRuleGroup".
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { awsCode, isGone } from '../../aws/aws-errors.ts'
import { EVERY_NAME, isEveryName, type FirewallDomainList, type FirewallRule, type FirewallRuleGroup, type FirewallRuleGroupAssociation, type FirewallStatus, type ResolverClient } from '../../aws/resolver-client.ts'
import { CleanroomError } from '../../incident/errors.ts'
import { incidentTags, TAG } from '../../incident/tags.ts'
import type { Action, ActionContext, State } from './action.ts'

/** API reference: "The allowed values for Priority are between 100 and 9900", which Resolver itself reserves; the lowest is asked first. */
const [FIRST_PRIORITY, LAST_PRIORITY] = [101, 9899]
const RULE_PRIORITY = 1

/** At most 64 characters of letters, digits, `-`, `_` and blanks: an incident's id has 26, an instance's 19. */
function nameOf ({ incidentId, instanceId }: ActionContext): string {
  return `cleanroom-${incidentId}-${instanceId}`
}

interface Found {
  list?: FirewallDomainList
  group?: FirewallRuleGroup
  association?: FirewallRuleGroupAssociation
  /** Associations of the VPC that are not ours. */
  others: FirewallRuleGroupAssociation[]
}

async function associations ({ clients: { resolver } }: ActionContext, VpcId: string): Promise<FirewallRuleGroupAssociation[]> {
  return await resolver.list('ListFirewallRuleGroupAssociations', { VpcId }, (page) => page.FirewallRuleGroupAssociations)
}

async function find (context: ActionContext, vpcId: string): Promise<Found> {
  const { resolver } = context.clients
  const name = nameOf(context)
  const [lists, groups, ofVpc] = await Promise.all([
    resolver.list('ListFirewallDomainLists', {}, (page) => page.FirewallDomainLists),
    resolver.list('ListFirewallRuleGroups', {}, (page) => page.FirewallRuleGroups),
    associations(context, vpcId)
  ])
  const [list, group, association] = [lists, groups, ofVpc].map((items) => items.find(({ Name }) => Name === name)) as
    [FirewallDomainList | undefined, FirewallRuleGroup | undefined, FirewallRuleGroupAssociation | undefined]
  return {
    ...list && { list },
    ...group && { group },
    ...association && { association },
    others: ofVpc.filter(({ Name }) => Name !== name)
  }
}

async function domainsOf (resolver: ResolverClient, FirewallDomainListId: string): Promise<string[]> {
  return await resolver.list('ListFirewallDomains', { FirewallDomainListId }, (page) => page.Domains)
}

async function rulesOf (resolver: ResolverClient, FirewallRuleGroupId: string): Promise<FirewallRule[]> {
  return await resolver.list('ListFirewallRules', { FirewallRuleGroupId }, (page) => page.FirewallRules)
}

function isBlock (rule: FirewallRule, listId: string): boolean {
  return rule.FirewallDomainListId === listId && rule.Action === 'BLOCK' && rule.BlockResponse === 'NODATA' && rule.Qtype === undefined
}

function areEveryName (domains: string[]): boolean {
  return domains.length === 1 && isEveryName(domains[0]!)
}

/** Blocked is what is associated whole, with the one rule that blocks every name and no other. */
async function stateOf ({ clients: { resolver } }: ActionContext, { list, group, association }: Found): Promise<State> {
  if (!list || !group || association?.Status !== 'COMPLETE') return { blocked: false }
  const [domains, rules] = await Promise.all([domainsOf(resolver, list.Id), rulesOf(resolver, group.Id)])
  return { blocked: areEveryName(domains) && rules.length === 1 && isBlock(rules[0]!, list.Id) }
}

/** Polls until it is so. @throws CleanroomError AWS_BUSY after the wait; the next attempt goes on */
async function until (so: () => Promise<boolean>, what: string, { waitMs, pollMs }: Patience): Promise<void> {
  const end = Date.now() + waitMs
  while (!await so()) {
    if (Date.now() >= end) throw new CleanroomError('AWS_BUSY', `${what} is still under way.`)
    await sleep(pollMs)
  }
}

export interface Patience { waitMs: number, pollMs: number }

export function blockDnsWithin (patience: Patience): Action {
  const observe: Action['observe'] = async (context, { resource }) => await stateOf(context, await find(context, resource))
  return {
    observe,
    apply: async (context, planned) => {
      const found = await find(context, planned.resource)
      const [listId, groupId] = await Promise.all([everyName(context, found.list, patience), ruleGroup(context, found.group)])
      await blockAll(context, groupId, listId)
      await associate(context, planned.resource, groupId, found, patience)
      return await observe(context, planned)
    },
    undo: async (context, planned) => {
      const found = await find(context, planned.resource)
      await disassociate(context, planned.resource, found, patience)
      const left = await remove(context, found, patience)
      const now = await observe(context, planned)
      return { now, restored: now.blocked === false, ...left !== undefined && { note: left } }
    }
  }
}

export const blockDns = blockDnsWithin({ waitMs: 20_000, pollMs: 1_000 })

/** What every creation is sent with. */
function creation (context: ActionContext): { CreatorRequestId: string, Name: string, Tags: Array<{ Key: string, Value: string }> } {
  return { CreatorRequestId: randomUUID(), Name: nameOf(context), Tags: incidentTags(context.incidentId, 'isolation', { [TAG.instance]: context.instanceId }) }
}

/** The list's status; undefined of one that is gone. */
async function statusOf (resolver: ResolverClient, FirewallDomainListId: string): Promise<FirewallStatus | undefined> {
  try {
    return (await resolver.call('GetFirewallDomainList', { FirewallDomainListId })).FirewallDomainList.Status
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** Waits until the list is in no passing state; answers the one it is in. Resolver refuses any change of it before. */
async function settled (resolver: ResolverClient, listId: string, patience: Patience): Promise<FirewallStatus | undefined> {
  let status: FirewallStatus | undefined
  await until(async () => {
    status = await statusOf(resolver, listId)
    return status === undefined || !/ING$/.test(status)
  }, `The change of the domain list ${listId}`, patience)
  return status
}

/** The domain list that names every name, without any change of it under way. */
async function everyName (context: ActionContext, found: FirewallDomainList | undefined, patience: Patience): Promise<string> {
  const { resolver } = context.clients
  const Id = found !== undefined && await settled(resolver, found.Id, patience) !== undefined
    ? found.Id
    : (await resolver.call('CreateFirewallDomainList', creation(context))).FirewallDomainList.Id
  if (!areEveryName(await domainsOf(resolver, Id))) {
    await resolver.call('UpdateFirewallDomains', { FirewallDomainListId: Id, Operation: 'REPLACE', Domains: [EVERY_NAME] })
    await settled(resolver, Id, patience)
  }
  return Id
}

async function ruleGroup (context: ActionContext, found: FirewallRuleGroup | undefined): Promise<string> {
  return (found ?? (await context.clients.resolver.call('CreateFirewallRuleGroup', creation(context))).FirewallRuleGroup).Id
}

/** One rule in the group, ours: any other could let names through before it. */
async function blockAll (context: ActionContext, FirewallRuleGroupId: string, FirewallDomainListId: string): Promise<void> {
  const { resolver } = context.clients
  const rules = await rulesOf(resolver, FirewallRuleGroupId)
  await deleteRules(resolver, rules.filter((rule) => !isBlock(rule, FirewallDomainListId)))
  if (rules.some((rule) => isBlock(rule, FirewallDomainListId))) return
  const { Tags: _, ...untagged } = creation(context)
  await resolver.call('CreateFirewallRule', {
    ...untagged, FirewallRuleGroupId, FirewallDomainListId, Priority: RULE_PRIORITY, Action: 'BLOCK', BlockResponse: 'NODATA'
  })
}

async function deleteRules (resolver: ResolverClient, rules: FirewallRule[]): Promise<void> {
  await Promise.all(rules.map(async ({ FirewallRuleGroupId, FirewallDomainListId, Qtype }) => {
    await unlessGone(resolver.call('DeleteFirewallRule', { FirewallRuleGroupId, FirewallDomainListId, ...Qtype !== undefined && { Qtype } }))
  }))
}

async function unlessGone (call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => { if (!isGone(error)) throw error })
}

async function associate (context: ActionContext, VpcId: string, FirewallRuleGroupId: string, found: Found, patience: Patience): Promise<void> {
  const mine = async (): Promise<FirewallRuleGroupAssociation | undefined> =>
    (await associations(context, VpcId)).find(({ Name }) => Name === nameOf(context))
  let association = found.association
  if (association?.Status === 'DELETING') {
    await until(async () => await mine() === undefined, `The removal of ${association!.Id}`, patience)
    association = undefined
  }
  association ??= (await context.clients.resolver.call('AssociateFirewallRuleGroup', {
    ...creation(context), FirewallRuleGroupId, VpcId, Priority: freePriority(found.others)
  })).FirewallRuleGroupAssociation
  await until(async () => (await mine())?.Status === 'COMPLETE', `The association ${association.Id}`, patience)
  const first = found.others.filter(({ Priority }) => Priority < association.Priority).map(({ Id }) => Id).sort()
  if (first.length > 0) context.remark?.(`${first.join(', ')} comes first in the VPC: what its rules allow is still answered.`)
}

/** The lowest that is free: no two associations of a VPC may have the same. */
function freePriority (others: FirewallRuleGroupAssociation[]): number {
  const taken = new Set(others.map(({ Priority }) => Priority))
  for (let priority = FIRST_PRIORITY; priority <= LAST_PRIORITY; priority++) if (!taken.has(priority)) return priority
  throw new CleanroomError('AWS_ERROR', 'Every priority of the VPC is taken by another DNS Firewall rule group.')
}

async function disassociate (context: ActionContext, vpcId: string, { association }: Found, patience: Patience): Promise<void> {
  if (association === undefined) return
  if (association.Status !== 'DELETING') {
    await unlessGone(context.clients.resolver.call('DisassociateFirewallRuleGroup', { FirewallRuleGroupAssociationId: association.Id }))
  }
  await until(async () => !(await associations(context, vpcId)).some(({ Id }) => Id === association.Id), `The removal of ${association.Id}`, patience)
}

/** Deletes the rules, the group and the list; what somebody else uses stays, and is told. */
async function remove ({ clients: { resolver } }: ActionContext, { list, group }: Found, patience: Patience): Promise<string | undefined> {
  if (group) {
    const elsewhere = await resolver.list('ListFirewallRuleGroupAssociations', { FirewallRuleGroupId: group.Id }, (page) => page.FirewallRuleGroupAssociations)
    if (elsewhere.length > 0) {
      return `Somebody associated ${group.Id} with ${elsewhere.map(({ VpcId }) => VpcId).sort().join(', ')}; it was left there. Delete it when nothing uses it any more.`
    }
    await deleteRules(resolver, await rulesOf(resolver, group.Id))
    await unlessGone(resolver.call('DeleteFirewallRuleGroup', { FirewallRuleGroupId: group.Id }))
  }
  if (list === undefined || await settled(resolver, list.Id, patience) === undefined) return undefined
  try {
    await unlessGone(resolver.call('DeleteFirewallDomainList', { FirewallDomainListId: list.Id }))
  } catch (error) {
    if (awsCode(error) !== 'ConflictException') throw error
    return `${list.Id} is used by a rule of another group; delete it when nothing uses it any more.`
  }
  await settled(resolver, list.Id, patience)
  return undefined
}
