import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { FirewallRuleGroupAssociation, ResolverClient } from '../../../controller/aws/resolver-client.ts'
import type { ActionContext } from '../../../controller/containment/actions/action.ts'
import { blockDnsWithin } from '../../../controller/containment/actions/dns.ts'
import type { PlannedAction } from '../../../controller/containment/plan.ts'
import { planned, startActionWorld, type ActionWorld } from '../action-world.ts'

const BLOCKED = { blocked: true }
const OPEN = { blocked: false }
const SERVICE = 'route53resolver'

describe('Blocking DNS', function () {
  this.timeout(60_000)

  const blockDns = blockDnsWithin({ waitMs: 10_000, pollMs: 100 })
  let world: ActionWorld
  let resolver: ResolverClient
  let vpcId: string
  let context: ActionContext
  let action: PlannedAction
  let remarks: string[]
  before(async () => {
    world = await startActionWorld()
    resolver = world.clients.resolver
  })
  after(async () => { await world?.stop() })
  afterEach(async () => { await world.faults() })
  beforeEach(async () => {
    ({ vpcId } = await world.network())
    remarks = []
    context = world.context('i-1', { remark: (text) => { remarks.push(text) } })
    action = planned('block-dns', vpcId)
  })

  const mine = ({ Name }: { Name: string }): boolean => Name === `cleanroom-${context.incidentId}-i-1`
  const associations = async (of: string): Promise<FirewallRuleGroupAssociation[]> =>
    (await resolver.call('ListFirewallRuleGroupAssociations', { VpcId: of })).FirewallRuleGroupAssociations ?? []
  const lists = async () => ((await resolver.call('ListFirewallDomainLists', {})).FirewallDomainLists ?? []).filter(mine)
  const groups = async () => ((await resolver.call('ListFirewallRuleGroups', {})).FirewallRuleGroups ?? []).filter(mine)
  const nothingLeft = async (): Promise<void> => {
    assert.deepEqual([await lists(), await groups(), (await associations(vpcId)).filter(mine)], [[], [], []])
  }
  const otherGroup = async (Priority: number): Promise<FirewallRuleGroupAssociation> => {
    const { FirewallRuleGroup } = await resolver.call('CreateFirewallRuleGroup', { CreatorRequestId: randomUUID(), Name: `company-${randomUUID()}` })
    return (await resolver.call('AssociateFirewallRuleGroup', {
      CreatorRequestId: randomUUID(), FirewallRuleGroupId: FirewallRuleGroup.Id, VpcId: vpcId, Priority, Name: 'company'
    })).FirewallRuleGroupAssociation
  }

  it('answers no query of the VPC, before all other rule groups are asked', async () => {
    assert.deepEqual(await blockDns.observe(context, action), OPEN)
    assert.deepEqual(await blockDns.apply(context, action, OPEN), BLOCKED)
    const [list, group, association] = [(await lists())[0]!, (await groups())[0]!, (await associations(vpcId))[0]!]
    assert.deepEqual((await resolver.call('ListFirewallDomains', { FirewallDomainListId: list.Id })).Domains, ['*.'])
    const { FirewallRules } = await resolver.call('ListFirewallRules', { FirewallRuleGroupId: group.Id })
    assert.deepEqual(FirewallRules!.map(({ Action, BlockResponse, FirewallDomainListId }) => [Action, BlockResponse, FirewallDomainListId]), [['BLOCK', 'NODATA', list.Id]])
    assert.deepEqual([association.FirewallRuleGroupId, association.VpcId, association.Status, association.Priority], [group.Id, vpcId, 'COMPLETE', 101])
    assert.deepEqual(remarks, [])
  })

  it('makes everything once, however often it is asked for', async () => {
    for (let time = 1; time <= 2; time++) assert.deepEqual(await blockDns.apply(context, action, OPEN), BLOCKED)
    assert.deepEqual([await lists(), await groups(), await associations(vpcId)].map(({ length }) => length), [1, 1, 1])
  })

  for (const cut of ['UpdateFirewallDomains', 'CreateFirewallRuleGroup', 'CreateFirewallRule', 'AssociateFirewallRuleGroup']) {
    it(`goes on where an attempt was cut off at ${cut}`, async () => {
      await world.faults([{ service: SERVICE, action: cut, error: { code: 'AccessDeniedException' } }])
      await assert.rejects(blockDns.apply(context, action, OPEN), { name: 'AccessDeniedException' })
      assert.deepEqual(await blockDns.observe(context, action), OPEN)
      await world.faults()
      assert.deepEqual(await blockDns.apply(context, action, OPEN), BLOCKED)
      assert.deepEqual([await lists(), await groups(), await associations(vpcId)].map(({ length }) => length), [1, 1, 1])
      await blockDns.undo(context, action, { before: OPEN, after: BLOCKED })
      await nothingLeft()
    })
  }

  it('takes the next free place behind others of the VPC, and says that those are asked first', async () => {
    const other = await otherGroup(101)
    assert.deepEqual(await blockDns.apply(context, action, OPEN), BLOCKED)
    assert.deepEqual((await associations(vpcId)).map(({ Priority }) => Priority).sort(), [101, 102])
    assert.match(remarks.join(), new RegExp(`${other.Id} comes first`))
  })

  it('does not claim to block once somebody lets names through, until it is done again', async () => {
    await blockDns.apply(context, action, OPEN)
    const [list, group] = [(await lists())[0]!, (await groups())[0]!]
    await resolver.call('UpdateFirewallDomains', { FirewallDomainListId: list.Id, Operation: 'REPLACE', Domains: ['example.com'] })
    assert.deepEqual(await blockDns.observe(context, action), OPEN)
    assert.deepEqual(await blockDns.apply(context, action, OPEN), BLOCKED)
    const allowed = await resolver.call('CreateFirewallDomainList', { CreatorRequestId: randomUUID(), Name: `allowed-${randomUUID()}` })
    await resolver.call('CreateFirewallRule', {
      CreatorRequestId: randomUUID(), FirewallRuleGroupId: group.Id, FirewallDomainListId: allowed.FirewallDomainList.Id, Name: 'allow', Priority: 2, Action: 'ALLOW'
    })
    assert.deepEqual(await blockDns.observe(context, action), OPEN)
    assert.deepEqual(await blockDns.apply(context, action, OPEN), BLOCKED)
  })

  describe('taken back', () => {
    const recorded = { before: OPEN, after: BLOCKED }
    beforeEach(async () => { await blockDns.apply(context, action, OPEN) })

    it('leaves nothing behind and others alone, also when that is repeated', async () => {
      const other = await otherGroup(300)
      for (let time = 1; time <= 2; time++) {
        assert.deepEqual(await blockDns.undo(context, action, recorded), { now: OPEN, restored: true })
        await nothingLeft()
      }
      assert.deepEqual((await associations(vpcId)).map(({ Id }) => Id), [other.Id])
    })

    it('goes on where an attempt was cut off', async () => {
      for (const cut of ['DeleteFirewallRule', 'DeleteFirewallRuleGroup', 'DeleteFirewallDomainList']) {
        await world.faults([{ service: SERVICE, action: cut, error: { code: 'AccessDeniedException' } }])
        await assert.rejects(blockDns.undo(context, action, recorded), { name: 'AccessDeniedException' })
        await world.faults()
      }
      assert.deepEqual(await blockDns.undo(context, action, recorded), { now: OPEN, restored: true })
      await nothingLeft()
    })

    it('leaves the rule group with another VPC that somebody gave it to, and says so', async () => {
      const elsewhere = (await world.network()).vpcId
      const group = (await groups())[0]!
      await resolver.call('AssociateFirewallRuleGroup', {
        CreatorRequestId: randomUUID(), FirewallRuleGroupId: group.Id, VpcId: elsewhere, Priority: 200, Name: 'copy'
      })
      const undone = await blockDns.undo(context, action, recorded)
      assert.deepEqual([undone.now, undone.restored], [OPEN, true])
      assert.match(undone.note!, new RegExp(`Somebody associated ${group.Id} with ${elsewhere}`))
      assert.equal((await associations(elsewhere)).length, 1)
    })

    it('can be blocked again', async () => {
      await blockDns.undo(context, action, recorded)
      assert.deepEqual(await blockDns.apply(context, action, OPEN), BLOCKED)
    })
  })

  it('is tried again while Resolver takes its time', async () => {
    await world.faults([{ service: SERVICE, action: 'GetFirewallDomainList', error: { code: 'ThrottlingException' } }])
    await assert.rejects(blockDns.apply(context, action, OPEN), { name: 'ThrottlingException' })
  })
})
