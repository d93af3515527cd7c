import assert from 'node:assert/strict'
import * as EC2 from '@aws-sdk/client-ec2'
import { disassociateAddress } from '../../../controller/containment/actions/address.ts'
import type { ActionContext, Recorded } from '../../../controller/containment/actions/action.ts'
import type { PlannedAction } from '../../../controller/containment/plan.ts'
import { planned, startActionWorld, type ActionWorld, type Machine, type Network } from '../action-world.ts'

const OFF = { associated: false }

describe('Taking an Elastic IP off', function () {
  this.timeout(60_000)

  let world: ActionWorld
  let ec2: EC2.EC2Client
  let network: Network
  let machine: Machine
  let context: ActionContext
  let allocationId: string
  let action: PlannedAction
  let recorded: Recorded
  before(async () => {
    world = await startActionWorld()
    ec2 = world.clients.ec2
    network = await world.network()
  })
  after(async () => { await world?.stop() })
  afterEach(async () => { await world.faults() })

  const associate = async (interfaceId: string): Promise<string> =>
    (await ec2.send(new EC2.AssociateAddressCommand({ AllocationId: allocationId, NetworkInterfaceId: interfaceId, AllowReassociation: true }))).AssociationId!

  beforeEach(async () => {
    machine = await world.machine(network, { interfaces: 2 })
    context = world.context(machine.instanceId)
    const address = await ec2.send(new EC2.AllocateAddressCommand({ Domain: 'vpc' }))
    allocationId = address.AllocationId!
    const associationId = await associate(machine.interfaceIds[0]!)
    action = planned('disassociate-address', allocationId, {
      interfaceId: machine.interfaceIds[0], privateAddress: machine.privateIp, publicIp: address.PublicIp, associationId
    })
    recorded = { before: { associated: true, interfaceId: machine.interfaceIds[0], privateAddress: machine.privateIp }, after: OFF }
  })

  const note = async (): Promise<string> => {
    const found = await disassociateAddress.observe(context, action)
    const undone = await disassociateAddress.undo(context, action, recorded)
    assert.equal(undone.restored, false)
    assert.deepEqual(undone.now, found, 'nothing was changed')
    return undone.note!
  }

  it('leaves it allocated, and is done once, however often it is asked for', async () => {
    assert.deepEqual(await disassociateAddress.observe(context, action), recorded.before)
    for (let time = 1; time <= 2; time++) assert.deepEqual(await disassociateAddress.apply(context, action, recorded.before), OFF)
    assert.equal((await ec2.send(new EC2.DescribeAddressesCommand({ AllocationIds: [allocationId] }))).Addresses!.length, 1)
  })

  it('takes it off again when it was given back to the same interface meanwhile', async () => {
    await ec2.send(new EC2.DisassociateAddressCommand({ AssociationId: action.parameters.associationId as string }))
    await associate(machine.interfaceIds[0]!)
    assert.deepEqual(await disassociateAddress.apply(context, action, recorded.before), OFF)
  })

  it('leaves it with whom it was given to meanwhile', async () => {
    const other = await world.machine(network)
    await associate(other.interfaceIds[0]!)
    const after = await disassociateAddress.apply(context, action, recorded.before)
    assert.deepEqual(after, { associated: true, interfaceId: other.interfaceIds[0], privateAddress: other.privateIp })
  })

  it('is done when the address was released', async () => {
    await disassociateAddress.apply(context, action, recorded.before)
    await ec2.send(new EC2.ReleaseAddressCommand({ AllocationId: allocationId }))
    assert.deepEqual(await disassociateAddress.apply(context, action, recorded.before), { associated: false, released: true })
  })

  it('is done though AWS never says so', async () => {
    await world.faults([{ action: 'DisassociateAddress', when: 'after', error: { code: 'InternalError', status: 500 } }])
    assert.deepEqual(await disassociateAddress.apply(context, action, recorded.before), OFF)
  })

  it('says what AWS refuses', async () => {
    await world.faults([{ action: 'DisassociateAddress', error: { code: 'UnauthorizedOperation', status: 403 } }])
    await assert.rejects(disassociateAddress.apply(context, action, recorded.before), { name: 'UnauthorizedOperation' })
    assert.deepEqual(await disassociateAddress.observe(context, action), recorded.before)
  })

  describe('taken back', () => {
    beforeEach(async () => { await disassociateAddress.apply(context, action, recorded.before) })

    it('gives it to the same address of the same interface, also when that is repeated', async () => {
      for (let time = 1; time <= 2; time++) {
        assert.deepEqual(await disassociateAddress.undo(context, action, recorded), { now: recorded.before, restored: true })
        assert.deepEqual(await disassociateAddress.observe(context, action), recorded.before)
      }
    })

    it('leaves it with whom it was given to since', async () => {
      const other = await world.machine(network)
      await associate(other.interfaceIds[0]!)
      assert.match(await note(), new RegExp(`Somebody associated .* with ${other.interfaceIds[0]!} since`))
    })

    it('says that it was released', async () => {
      await ec2.send(new EC2.ReleaseAddressCommand({ AllocationId: allocationId }))
      assert.match(await note(), /was released; allocate another/)
    })

    it('says that the interface is gone', async () => {
      await ec2.send(new EC2.TerminateInstancesCommand({ InstanceIds: [machine.instanceId] }))
      assert.match(await note(), new RegExp(`${machine.interfaceIds[0]!} .* is gone`))
    })

    it('takes no address away from the interface that it got since', async () => {
      await world.faults([{ action: 'AssociateAddress', error: { code: 'Resource.AlreadyAssociated' } }])
      assert.match(await note(), /got another association since/)
    })

    it('says what AWS refuses', async () => {
      await world.faults([{ action: 'AssociateAddress', error: { code: 'UnauthorizedOperation', status: 403 } }])
      await assert.rejects(disassociateAddress.undo(context, action, recorded), { name: 'UnauthorizedOperation' })
    })
  })
})
