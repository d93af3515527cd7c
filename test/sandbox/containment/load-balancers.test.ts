import assert from 'node:assert/strict'
import * as EC2 from '@aws-sdk/client-ec2'
import * as Classic from '@aws-sdk/client-elastic-load-balancing'
import * as Elb from '@aws-sdk/client-elastic-load-balancing-v2'
import { leaveClassicLoadBalancer } from '../../../controller/containment/actions/classic-load-balancers.ts'
import { leaveTargetGroup } from '../../../controller/containment/actions/target-groups.ts'
import { planned, startActionWorld, type ActionWorld, type Machine, type Network } from '../action-world.ts'
import { classicLoadBalancer, Rehearsal, targetGroup, targetsOf } from '../fleet-fixtures.ts'

describe('Registrations with load balancers', function () {
  this.timeout(60_000)

  let world: ActionWorld
  let network: Network
  let machine: Machine
  let neighbour: Machine
  before(async () => {
    world = await startActionWorld()
    network = await world.network()
    neighbour = await world.machine(network)
  })
  after(async () => { await world?.stop() })
  beforeEach(async () => { machine = await world.machine(network) })
  afterEach(async () => { await world.faults() })

  const terminate = async (): Promise<void> => {
    await world.clients.ec2.send(new EC2.TerminateInstancesCommand({ InstanceIds: [machine.instanceId] }))
    await EC2.waitUntilInstanceTerminated({ client: world.clients.ec2, minDelay: 1, maxDelay: 1, maxWaitTime: 30 }, { InstanceIds: [machine.instanceId] })
  }

  describe('leave-target-group', () => {
    let arn: string
    beforeEach(async () => { arn = await targetGroup(world, network) })
    const register = async (...Targets: Elb.TargetDescription[]): Promise<void> => {
      await world.clients.elbv2.send(new Elb.RegisterTargetsCommand({ TargetGroupArn: arn, Targets }))
    }
    const leave = (targetId = machine.instanceId, port = 80): Rehearsal =>
      new Rehearsal(leaveTargetGroup, world.context(machine.instanceId), planned('leave-target-group', arn, { targetId, port }))

    it('deregisters the instance, not its neighbour, and registers it again', async () => {
      await register({ Id: machine.instanceId }, { Id: neighbour.instanceId })
      const rehearsal = leave()
      assert.deepEqual(await rehearsal.apply(), { registered: false })
      assert.deepEqual(rehearsal.before, { registered: true })
      assert.deepEqual(await rehearsal.repeat(), { registered: false })
      assert.deepEqual(await targetsOf(world, arn), [`${neighbour.instanceId}:80`])
      await rehearsal.undoWhole()
      assert.deepEqual(await targetsOf(world, arn), [`${machine.instanceId}:80`, `${neighbour.instanceId}:80`].sort())
    })

    it('keeps apart the ports under which one instance is registered', async () => {
      await register({ Id: machine.instanceId, Port: 8080 }, { Id: machine.instanceId, Port: 8443 })
      const [first, second] = [leave(machine.instanceId, 8080), leave(machine.instanceId, 8443)]
      await first.apply()
      assert.deepEqual(await targetsOf(world, arn), [`${machine.instanceId}:8443`])
      await second.apply()
      assert.deepEqual(await targetsOf(world, arn), [])
      await second.undoWhole()
      await first.undoWhole()
      assert.deepEqual(await targetsOf(world, arn), [`${machine.instanceId}:8080`, `${machine.instanceId}:8443`])
    })

    it('deregisters an address', async () => {
      arn = await targetGroup(world, network, 'ip')
      await register({ Id: machine.privateIp, Port: 80 })
      const rehearsal = leave(machine.privateIp)
      await rehearsal.apply()
      assert.deepEqual(await targetsOf(world, arn), [])
      await rehearsal.undoWhole()
      assert.deepEqual(await targetsOf(world, arn), [`${machine.privateIp}:80`])
    })

    it('takes not being registered for done, and registers nobody who was not', async () => {
      const rehearsal = leave()
      const calls = await world.callsDuring(async () => { await rehearsal.apply() })
      assert.deepEqual([rehearsal.before, rehearsal.after], [{ registered: false }, { registered: false }])
      assert.deepEqual(calls.map(({ action }) => action), ['DescribeTargetHealth', 'DescribeTargetHealth'])
      await rehearsal.undoWhole()
    })

    it('registers again what another action deregistered, if triage had seen it registered', async () => {
      const rehearsal = leave()
      rehearsal.before = { registered: true }
      await rehearsal.repeat()
      await rehearsal.undoWhole()
      assert.deepEqual(await targetsOf(world, arn), [`${machine.instanceId}:80`])
    })

    it('ends in a note when the target group is gone', async () => {
      await register({ Id: machine.instanceId })
      const rehearsal = leave()
      await rehearsal.apply()
      const { LoadBalancers } = await world.clients.elbv2.send(new Elb.DescribeLoadBalancersCommand({}))
      const { TargetGroups } = await world.clients.elbv2.send(new Elb.DescribeTargetGroupsCommand({ TargetGroupArns: [arn] }))
      const balancer = LoadBalancers!.find(({ LoadBalancerArn }) => TargetGroups![0]!.LoadBalancerArns!.includes(LoadBalancerArn!))!
      await world.clients.elbv2.send(new Elb.DeleteLoadBalancerCommand({ LoadBalancerArn: balancer.LoadBalancerArn! }))
      await world.clients.elbv2.send(new Elb.DeleteTargetGroupCommand({ TargetGroupArn: arn }))
      assert.deepEqual(await rehearsal.undo(), { now: { registered: null }, restored: false, note: 'The target group was deleted.' })
      assert.deepEqual(await rehearsal.repeat(), { registered: null })
    })

    it('ends in a note when the instance can\'t be registered any more', async () => {
      await register({ Id: machine.instanceId })
      const rehearsal = leave()
      await rehearsal.apply()
      await terminate()
      const { restored, now, note } = await rehearsal.undo()
      assert.deepEqual([restored, now], [false, { registered: false }])
      assert.match(note!, /takes i-\w+ no more/)
    })

    it('leaves it registered when deregistering is refused', async () => {
      await register({ Id: machine.instanceId })
      await world.faults([{ action: 'DeregisterTargets', error: { code: 'AccessDenied', status: 403 } }])
      await assert.rejects(leave().apply())
      assert.deepEqual(await targetsOf(world, arn), [`${machine.instanceId}:80`])
    })
  })

  describe('leave-classic-load-balancer', () => {
    const leave = (name: string): Rehearsal =>
      new Rehearsal(leaveClassicLoadBalancer, world.context(machine.instanceId), planned('leave-classic-load-balancer', name))
    const registered = async (name: string): Promise<string[]> => {
      const answer = await world.clients.elb.send(new Classic.DescribeLoadBalancersCommand({ LoadBalancerNames: [name] }))
      return answer.LoadBalancerDescriptions![0]!.Instances!.map(({ InstanceId }) => InstanceId!).sort()
    }

    it('deregisters the instance, not its neighbour, and registers it again', async () => {
      const name = await classicLoadBalancer(world, network, [machine.instanceId, neighbour.instanceId])
      const rehearsal = leave(name)
      assert.deepEqual(await rehearsal.apply(), { registered: false })
      assert.deepEqual(await rehearsal.repeat(), { registered: false })
      assert.deepEqual(await registered(name), [neighbour.instanceId])
      await rehearsal.undoWhole()
      assert.deepEqual(await registered(name), [machine.instanceId, neighbour.instanceId].sort())
    })

    it('takes not being registered for done, and registers nobody who was not', async () => {
      const rehearsal = leave(await classicLoadBalancer(world, network))
      assert.deepEqual(await rehearsal.apply(), { registered: false })
      await rehearsal.undoWhole()
    })

    it('ends in a note when the load balancer is gone', async () => {
      const name = await classicLoadBalancer(world, network, [machine.instanceId])
      const rehearsal = leave(name)
      await rehearsal.apply()
      await world.clients.elb.send(new Classic.DeleteLoadBalancerCommand({ LoadBalancerName: name }))
      assert.deepEqual(await rehearsal.undo(), { now: { registered: null }, restored: false, note: 'The load balancer was deleted.' })
    })

    it('says plainly when EC2 has forgotten the instance', async () => {
      const name = await classicLoadBalancer(world, network, [machine.instanceId])
      const rehearsal = leave(name)
      await rehearsal.apply()
      await world.faults([{ action: 'RegisterInstancesWithLoadBalancer', error: { code: 'InvalidInstance', status: 400 } }])
      const { restored, note } = await rehearsal.undo()
      assert.deepEqual([restored, note], [false, 'The instance is terminated; nothing is left of it to bring back.'])
    })
  })
})
