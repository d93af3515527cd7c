import assert from 'node:assert/strict'
import * as EC2 from '@aws-sdk/client-ec2'
import type { ActionContext, Recorded, State } from '../../../controller/containment/actions/action.ts'
import { isolateSubnet } from '../../../controller/containment/actions/subnet.ts'
import type { PlannedAction } from '../../../controller/containment/plan.ts'
import { planned, startActionWorld, type ActionWorld, type Network } from '../action-world.ts'

describe('Cutting a subnet off', function () {
  this.timeout(60_000)

  let world: ActionWorld
  let ec2: EC2.EC2Client
  let network: Network
  let neighbour: string
  let context: ActionContext
  let former: string
  let action: PlannedAction
  let before_: { networkAclId: string }
  before(async () => {
    world = await startActionWorld()
    ec2 = world.clients.ec2
  })
  after(async () => { await world?.stop() })
  afterEach(async () => { await world.faults() })

  const describeAcls = async (): Promise<EC2.NetworkAcl[]> =>
    (await ec2.send(new EC2.DescribeNetworkAclsCommand({ Filters: [{ Name: 'vpc-id', Values: [network.vpcId] }] }))).NetworkAcls!
  const aclOf = async (subnetId: string): Promise<EC2.NetworkAcl> =>
    (await describeAcls()).find(({ Associations }) => Associations!.some(({ SubnetId }) => SubnetId === subnetId))!
  const associationOf = async (subnetId: string): Promise<string> =>
    (await aclOf(subnetId)).Associations!.find(({ SubnetId }) => SubnetId === subnetId)!.NetworkAclAssociationId!
  const give = async (subnetId: string, NetworkAclId: string): Promise<void> => {
    await ec2.send(new EC2.ReplaceNetworkAclAssociationCommand({ AssociationId: await associationOf(subnetId), NetworkAclId }))
  }
  const openEntry = async (NetworkAclId: string, Egress: boolean): Promise<void> => {
    await ec2.send(new EC2.CreateNetworkAclEntryCommand({ NetworkAclId, RuleNumber: 100, Protocol: '-1', RuleAction: 'allow', Egress, CidrBlock: '0.0.0.0/0' }))
  }
  const makeAcl = async (): Promise<string> => (await ec2.send(new EC2.CreateNetworkAclCommand({ VpcId: network.vpcId }))).NetworkAcl!.NetworkAclId!
  const defaultAcl = async (): Promise<string> => (await describeAcls()).find(({ IsDefault }) => IsDefault)!.NetworkAclId!

  beforeEach(async () => {
    network = await world.network()
    neighbour = await world.subnet(network.vpcId, '10.30.2.0/24')
    context = world.context('i-1')
    former = await makeAcl()
    await openEntry(former, true)
    await openEntry(former, false)
    await give(network.subnetId, former)
    before_ = { networkAclId: former }
    action = planned('isolate-subnet', network.subnetId, {
      vpcId: network.vpcId, associationId: await associationOf(network.subnetId), networkAclId: former
    })
  })

  const apply = async () => await isolateSubnet.apply(context, action, before_)

  it('gives it a network ACL that denies everything, both ways, and its neighbour keeps the one it has', async () => {
    assert.deepEqual(await isolateSubnet.observe(context, action), before_)
    const neighbours = await aclOf(neighbour)
    const after = await apply()
    const acl = await aclOf(network.subnetId)
    assert.deepEqual(after, { networkAclId: acl.NetworkAclId, denyAll: true, formerNetworkAclId: former })
    assert.deepEqual([...new Set(acl.Entries!.map(({ RuleAction }) => RuleAction))], ['deny'])
    assert.deepEqual(new Map(acl.Tags!.map(({ Key, Value }) => [Key, Value])).get('cleanroom:incident'), context.incidentId)
    assert.deepEqual(await aclOf(neighbour), neighbours)
    assert.deepEqual((await describeAcls()).find(({ NetworkAclId }) => NetworkAclId === former)!.Associations, [])
  })

  it('makes one network ACL, however often it is asked for', async () => {
    const first = await apply()
    const count = (await describeAcls()).length
    assert.deepEqual(await apply(), first)
    assert.equal((await describeAcls()).length, count)
  })

  it('uses the one of an attempt that was cut off, and takes away what was let through since', async () => {
    await world.faults([{ action: 'ReplaceNetworkAclAssociation', error: { code: 'UnauthorizedOperation', status: 403 } }])
    await assert.rejects(apply(), { name: 'UnauthorizedOperation' })
    await world.faults()
    const made = (await describeAcls()).find(({ Tags }) => Tags!.some(({ Value }) => Value === context.incidentId))!
    await openEntry(made.NetworkAclId!, false)
    assert.deepEqual(await apply(), { networkAclId: made.NetworkAclId, denyAll: true, formerNetworkAclId: former })
  })

  it('does not claim to deny everything once somebody lets something through, until it is done again', async () => {
    const after = await apply()
    await openEntry(after.networkAclId as string, false)
    assert.deepEqual(await isolateSubnet.observe(context, action), { networkAclId: after.networkAclId, formerNetworkAclId: former })
    assert.deepEqual(await apply(), after)
  })

  it('leaves a network ACL that the plan does not know', async () => {
    const other = await makeAcl()
    await give(network.subnetId, other)
    await assert.rejects(apply(), { code: 'CHANGED_MEANWHILE', message: new RegExp(other) })
    assert.equal((await aclOf(network.subnetId)).NetworkAclId, other)
  })

  it('does it also when the association has another id by now', async () => {
    const other = await makeAcl()
    await give(network.subnetId, other)
    await give(network.subnetId, former)
    assert.notEqual(await associationOf(network.subnetId), action.parameters.associationId)
    assert.equal((await apply()).denyAll, true)
  })

  it('is nothing to do for a subnet that is gone, and leaves nothing behind', async () => {
    await ec2.send(new EC2.DeleteSubnetCommand({ SubnetId: network.subnetId }))
    const count = (await describeAcls()).length
    assert.deepEqual(await apply(), { networkAclId: null })
    assert.equal((await describeAcls()).length, count)
  })

  it('is tried again while EC2 does not know the new network ACL yet', async () => {
    await world.faults([{ action: 'ReplaceNetworkAclAssociation', error: { code: 'InvalidNetworkAclID.NotFound' } }])
    await assert.rejects(apply(), { code: 'AWS_BUSY' })
    await world.faults()
    assert.equal((await apply()).denyAll, true)
  })

  it('does not take the one for another network ACL that the subnet had earlier', async () => {
    await world.faults([{ action: 'ReplaceNetworkAclAssociation', error: { code: 'UnauthorizedOperation', status: 403 } }])
    await assert.rejects(apply(), { name: 'UnauthorizedOperation' })
    await world.faults()
    const other = await makeAcl()
    await give(network.subnetId, other)
    const after = await isolateSubnet.apply(context, { ...action, parameters: { ...action.parameters, networkAclId: other } }, { networkAclId: other })
    assert.equal(after.formerNetworkAclId, other)
  })

  describe('for two targets of the incident', () => {
    let second: ActionContext
    let seen: PlannedAction
    let first: State
    beforeEach(async () => {
      first = await apply()
      second = { ...context, instanceId: 'i-2' }
      seen = { ...action, parameters: { ...action.parameters, networkAclId: first.networkAclId } }
    })

    it('is done once, and for the second it is done already', async () => {
      const before = await isolateSubnet.observe(second, seen)
      const count = (await describeAcls()).length
      for (const plan of [seen, action]) assert.deepEqual(await isolateSubnet.apply(second, plan, before), before)
      assert.deepEqual(before, first)
      assert.equal((await describeAcls()).length, count)
    })

    it('gives the original back, whichever is released first', async () => {
      const releases = [
        async () => await isolateSubnet.undo(context, action, { before: before_, after: first }),
        async () => await isolateSubnet.undo(second, seen, { before: { networkAclId: first.networkAclId }, after: first }),
        async () => await isolateSubnet.undo(second, action, { before: before_, after: first })
      ]
      for (const order of [releases, [...releases].reverse()]) {
        await apply().catch(async () => { await isolateSubnet.apply(context, seen, before_) })
        for (const release of order) assert.deepEqual(await release(), { now: before_, restored: true })
        assert.ok((await describeAcls()).every(({ Tags = [] }) => !Tags.some(({ Value }) => Value === context.incidentId)))
      }
    })

    it('is left to the other\'s release where it was found isolated', async () => {
      assert.deepEqual(await isolateSubnet.undo(second, seen, { before: first, after: first }), { now: first, restored: true })
      assert.equal((await aclOf(network.subnetId)).NetworkAclId, first.networkAclId)
    })

    it('is not taken for done by the one of another incident', async () => {
      const other = { ...context, incidentId: `${context.incidentId}-other` }
      const after = await isolateSubnet.apply(other, seen, { networkAclId: first.networkAclId })
      assert.notEqual(after.networkAclId, first.networkAclId)
      assert.equal(after.formerNetworkAclId, first.networkAclId)
    })
  })

  describe('taken back', () => {
    let recorded: Recorded
    let ours: string
    beforeEach(async () => {
      const after = await apply()
      ours = after.networkAclId as string
      recorded = { before: before_, after }
    })
    const exists = async (id: string): Promise<boolean> => (await describeAcls()).some(({ NetworkAclId }) => NetworkAclId === id)

    it('gives it the one that it had, and ours goes, also when that is repeated', async () => {
      for (let time = 1; time <= 2; time++) {
        assert.deepEqual(await isolateSubnet.undo(context, action, recorded), { now: before_, restored: true })
        assert.equal((await aclOf(network.subnetId)).NetworkAclId, former)
        assert.equal(await exists(ours), false)
      }
    })

    it('keeps denying everything when its own is gone, and says what a person can do', async () => {
      await ec2.send(new EC2.DeleteNetworkAclCommand({ NetworkAclId: former }))
      for (let time = 1; time <= 2; time++) {
        const undone = await isolateSubnet.undo(context, action, recorded)
        assert.deepEqual([undone.now, undone.restored], [recorded.after, false])
        assert.match(undone.note!, new RegExp(`${former} is gone; ${network.subnetId} keeps ${ours}.* Give the subnet the network ACL that it should have, then delete ${ours}`))
      }
      assert.equal((await aclOf(network.subnetId)).NetworkAclId, ours)
      assert.notEqual(ours, await defaultAcl())
    })

    it('leaves the one that somebody gave it since', async () => {
      const other = await makeAcl()
      await give(network.subnetId, other)
      const undone = await isolateSubnet.undo(context, action, recorded)
      assert.deepEqual([undone.now, undone.restored], [{ networkAclId: other }, false])
      assert.match(undone.note!, /Somebody gave/)
      assert.equal(await exists(ours), false)
    })

    it('keeps ours for another subnet that somebody gave it to', async () => {
      await give(neighbour, ours)
      const undone = await isolateSubnet.undo(context, action, recorded)
      assert.deepEqual([undone.now, undone.restored], [before_, true])
      assert.match(undone.note!, new RegExp(`${ours} is still in use`))
      assert.equal((await aclOf(neighbour)).NetworkAclId, ours)
    })

    it('says that the subnet is gone', async () => {
      await ec2.send(new EC2.DeleteSubnetCommand({ SubnetId: network.subnetId }))
      const undone = await isolateSubnet.undo(context, action, recorded)
      assert.deepEqual([undone.now, undone.restored], [{ networkAclId: null }, false])
      assert.match(undone.note!, /is gone/)
      assert.equal(await exists(ours), false)
    })
  })
})
