import assert from 'node:assert/strict'
import * as EC2 from '@aws-sdk/client-ec2'
import type { ActionContext } from '../../../controller/containment/actions/action.ts'
import { stopInstanceWithin } from '../../../controller/containment/actions/stop.ts'
import { planned, startActionWorld, type ActionWorld } from '../action-world.ts'

const RUNNING = { state: 'running' }
const STOPPED = { state: 'stopped' }
const stopInstance = stopInstanceWithin({ waitMs: 12_000, pollMs: 200 })
const impatient = stopInstanceWithin({ waitMs: 0, pollMs: 0 })
const REFUSED = { code: 'UnauthorizedOperation', status: 403 }

describe('Stopping the instance', function () {
  this.timeout(60_000)

  let world: ActionWorld
  let ec2: EC2.EC2Client
  let context: ActionContext
  let instanceId: string
  before(async () => {
    world = await startActionWorld({ pending: 'instance=1' })
    ec2 = world.clients.ec2
  })
  after(async () => { await world?.stop() })
  afterEach(async () => { await world.faults() })
  beforeEach(async () => {
    ({ instanceId } = await world.machine(await world.network()))
    context = world.context(instanceId)
    await ec2.send(new EC2.ModifyInstanceAttributeCommand({ InstanceId: instanceId, DisableApiStop: { Value: true } }))
  })

  const stop = () => planned('stop-instance', instanceId)
  const isProtected = async (): Promise<boolean> =>
    (await ec2.send(new EC2.DescribeInstanceAttributeCommand({ InstanceId: instanceId, Attribute: 'disableApiStop' }))).DisableApiStop!.Value!
  const stateNow = async (): Promise<string> =>
    (await ec2.send(new EC2.DescribeInstancesCommand({ InstanceIds: [instanceId] }))).Reservations![0]!.Instances![0]!.State!.Name!

  it('lifts our own protection for the one call, and waits for the stop', async () => {
    assert.deepEqual(await stopInstance.observe(context, stop()), RUNNING)
    const calls = await world.callsDuring(async () => { assert.deepEqual(await stopInstance.apply(context, stop(), RUNNING), STOPPED) })
    const order = calls.map(({ action }) => action).filter((action) => action !== 'DescribeInstances')
    assert.deepEqual(order, ['ModifyInstanceAttribute', 'StopInstances', 'ModifyInstanceAttribute'])
    assert.equal(await isProtected(), true)
    assert.equal(await stateNow(), 'stopped')
  })

  it('does nothing to a stopped one but protect it', async () => {
    await stopInstance.apply(context, stop(), RUNNING)
    await ec2.send(new EC2.ModifyInstanceAttributeCommand({ InstanceId: instanceId, DisableApiStop: { Value: false } }))
    const calls = await world.callsDuring(async () => { assert.deepEqual(await stopInstance.apply(context, stop(), RUNNING), STOPPED) })
    assert.ok(!calls.some(({ action }) => action === 'StopInstances'))
    assert.equal(await isProtected(), true)
  })

  it('counts as done when EC2 takes longer than the wait', async () => {
    assert.deepEqual(await impatient.apply(context, stop(), RUNNING), STOPPED)
    assert.equal(await stateNow(), 'stopping')
    assert.deepEqual(await stopInstance.observe(context, stop()), STOPPED)
  })

  it('sets the protection again when EC2 refuses to stop it', async () => {
    await world.faults([{ action: 'StopInstances', error: REFUSED }])
    await assert.rejects(stopInstance.apply(context, stop(), RUNNING), { name: 'UnauthorizedOperation' })
    assert.equal(await isProtected(), true)
    assert.equal(await stateNow(), 'running')
  })

  it('stops one that knows no protection', async () => {
    await world.faults([{ action: 'ModifyInstanceAttribute', error: { code: 'UnsupportedOperation' } }])
    await ec2.send(new EC2.StopInstancesCommand({ InstanceIds: [instanceId] })).catch(() => undefined)
    await assert.rejects(stopInstance.apply(context, stop(), RUNNING), { name: 'OperationNotPermitted' }, 'this one was protected before')
    await world.faults()
    await ec2.send(new EC2.ModifyInstanceAttributeCommand({ InstanceId: instanceId, DisableApiStop: { Value: false } }))
    await world.faults([{ action: 'ModifyInstanceAttribute', error: { code: 'UnsupportedOperation' } }])
    assert.deepEqual(await stopInstance.apply(context, stop(), RUNNING), STOPPED)
  })

  it('is nothing to do for a terminated one', async () => {
    await ec2.send(new EC2.TerminateInstancesCommand({ InstanceIds: [instanceId] }))
    assert.deepEqual(await stopInstance.apply(context, stop(), RUNNING), { state: 'terminated' })
    assert.deepEqual(await stopInstance.observe({ ...context, instanceId: 'i-0123456789abcdef0' }, stop()), { state: 'terminated' })
  })

  describe('taken back', () => {
    const recorded = { before: RUNNING, after: STOPPED }

    it('starts it, also while it is still stopping, and leaves the protection', async () => {
      await impatient.apply(context, stop(), RUNNING)
      const undone = await stopInstance.undo(context, stop(), recorded)
      assert.deepEqual([undone.now, undone.restored], [RUNNING, true])
      assert.match(undone.note!, /memory .* is lost/)
      assert.equal(await stateNow(), 'running')
      assert.equal(await isProtected(), true)
      assert.deepEqual(await stopInstance.undo(context, stop(), recorded), { now: RUNNING, restored: true })
    })

    it('waits for the next attempt when the stop takes too long', async () => {
      await impatient.apply(context, stop(), RUNNING)
      await assert.rejects(impatient.undo(context, stop(), recorded), { code: 'AWS_BUSY' })
    })

    it('leaves one stopped that was stopped before', async () => {
      await stopInstance.apply(context, stop(), RUNNING)
      assert.deepEqual(await stopInstance.undo(context, stop(), { before: STOPPED, after: STOPPED }), { now: STOPPED, restored: true })
    })

    it('says that it is terminated', async () => {
      await stopInstance.apply(context, stop(), RUNNING)
      await ec2.send(new EC2.TerminateInstancesCommand({ InstanceIds: [instanceId] }))
      const undone = await stopInstance.undo(context, stop(), recorded)
      assert.deepEqual([undone.now, undone.restored], [{ state: 'terminated' }, false])
      assert.match(undone.note!, /terminated/)
    })
  })
})
