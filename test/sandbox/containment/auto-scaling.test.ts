import assert from 'node:assert/strict'
import * as AutoScaling from '@aws-sdk/client-auto-scaling'
import * as EC2 from '@aws-sdk/client-ec2'
import type { ActionContext } from '../../../controller/containment/actions/action.ts'
import { leaveAutoScaling, REPLACING_PROCESSES } from '../../../controller/containment/actions/auto-scaling.ts'
import type { Leaving } from '../../../controller/containment/actions/auto-scaling-group.ts'
import { planned, startActionWorld, type ActionWorld, type Network } from '../action-world.ts'
import { autoScalingGroup, classicLoadBalancer, describeGroup, instanceStates, Rehearsal, targetGroup, targetsOf, type GroupOptions } from '../fleet-fixtures.ts'

/** Each change takes effect, and the client is told of an error of the server. */
const LOST = ['DetachInstances', 'AttachInstances', 'EnterStandby', 'ExitStandby', 'SuspendProcesses', 'ResumeProcesses', 'SetInstanceProtection']
  .map((action) => ({ action, when: 'after', times: 1, error: { code: 'ServiceUnavailable', status: 503 } }))

describe('Auto Scaling lets go of the instance and takes it back', function () {
  this.timeout(60_000)

  let world: ActionWorld
  let autoScaling: AutoScaling.AutoScalingClient
  let ec2: EC2.EC2Client
  let network: Network
  let suspect: string
  let others: string[]
  let name: string
  before(async () => {
    world = await startActionWorld()
    ;({ autoScaling, ec2 } = world.clients)
    network = await world.network()
  })
  after(async () => { await world?.stop() })
  afterEach(async () => { await world.faults() })

  /** A group of three, with the suspected instance in it. */
  const makeGroup = async (options: GroupOptions = {}): Promise<void> => {
    const machines = await Promise.all([1, 2, 3].map(async () => await world.machine(network)))
    ;[suspect, ...others] = machines.map(({ instanceId }) => instanceId) as [string, ...string[]]
    name = await autoScalingGroup(world, network, [suspect, ...others], options)
  }
  const leave = (how: Leaving, instanceId = suspect): Rehearsal =>
    new Rehearsal(leaveAutoScaling, world.context(instanceId), planned('leave-auto-scaling', name, { instanceId, how }))

  /** Members by lifecycle state, other than the three of before. */
  const newcomers = async (): Promise<string[]> =>
    (await describeGroup(world, name)).Instances!.map(({ InstanceId }) => InstanceId!).filter((id) => id !== suspect && !others.includes(id))
  const memberState = async (instanceId = suspect): Promise<string | undefined> =>
    (await describeGroup(world, name)).Instances!.find(({ InstanceId }) => InstanceId === instanceId)?.LifecycleState
  const update = async (change: Partial<AutoScaling.UpdateAutoScalingGroupType>): Promise<void> => {
    await autoScaling.send(new AutoScaling.UpdateAutoScalingGroupCommand({ AutoScalingGroupName: name, ...change }))
  }
  const settled = async (): Promise<void> => {
    for (let tries = 0; tries < 60; tries++) {
      const { Instances = [] } = await describeGroup(world, name)
      if (Instances.every(({ LifecycleState }) => LifecycleState === 'InService' || LifecycleState === 'Standby')) return
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
    assert.fail('the group did not settle')
  }
  /** Everything about the group that release promises to bring back. */
  const picture = async (): Promise<unknown> => {
    const { DesiredCapacity, MinSize, MaxSize, Instances, SuspendedProcesses, TargetGroupARNs, LoadBalancerNames } = await describeGroup(world, name)
    return {
      DesiredCapacity,
      MinSize,
      MaxSize,
      TargetGroupARNs,
      LoadBalancerNames,
      processes: SuspendedProcesses!.map(({ ProcessName }) => ProcessName).sort(),
      members: Instances!.map(({ InstanceId, LifecycleState, ProtectedFromScaleIn }) => `${InstanceId} ${LifecycleState} ${ProtectedFromScaleIn}`).sort()
    }
  }

  describe('by detaching it, with a replacement', () => {
    it('keeps the service\'s capacity; release brings the instance back and detaches the replacement, which runs on', async () => {
      await makeGroup()
      const before = await picture()
      const rehearsal = leave('replace')
      assert.deepEqual(await rehearsal.apply(), { member: false })
      assert.deepEqual(rehearsal.before, {
        member: true, group: name, standby: false, protectedFromScaleIn: false, desiredCapacity: 3, members: [suspect, ...others].sort()
      })
      assert.deepEqual(await rehearsal.repeat(), { member: false })
      await settled()
      const replacements = await newcomers()
      assert.equal(replacements.length, 1)
      assert.equal((await describeGroup(world, name)).DesiredCapacity, 3)
      assert.deepEqual(await rehearsal.observe(), rehearsal.after, 'what the group does on its own is not the action\'s state')
      const { note } = await rehearsal.undoWhole()
      assert.match(note!, new RegExp(`${replacements[0]} had been started in its stead; it was detached from ${name} and runs on`))
      assert.deepEqual(await picture(), before)
      assert.deepEqual(await instanceStates(world, [suspect, ...others, ...replacements]), Array(4).fill('running'))
    })

    it('keeps the replacement when asked to, and says what is otherwise', async () => {
      await makeGroup()
      const rehearsal = leave('replace')
      await rehearsal.apply()
      await settled()
      const [replacement] = await newcomers()
      const { restored, note } = await rehearsal.undo({ keepReplacement: true })
      assert.equal(restored, false)
      assert.match(note!, new RegExp(`desired capacity is 4 and was 3; ${replacement} came. Nothing of that was changed`))
      assert.equal(await memberState(), 'InService')
      assert.equal(await memberState(replacement), 'InService')
    })

    it('makes room in a full group before it attaches', async () => {
      await makeGroup({ maxSize: 3 })
      const before = await picture()
      const rehearsal = leave('replace')
      await rehearsal.apply()
      await settled()
      await rehearsal.undoWhole()
      assert.deepEqual(await picture(), before)
    })

    it('says what to do about a group without any room', async () => {
      await makeGroup({ minSize: 3, maxSize: 3 })
      const rehearsal = leave('replace')
      await rehearsal.apply()
      await settled()
      const calls = await world.callsDuring(async () => {
        const { restored, note } = await rehearsal.undo()
        assert.equal(restored, false)
        assert.match(note!, /can neither grow nor shrink.*Raise its maximum by one/)
      })
      assert.deepEqual(calls.filter(({ action }) => !action.startsWith('Describe')), [])
    })

    it('only attaches to a group that somebody scaled since', async () => {
      await makeGroup()
      const rehearsal = leave('replace')
      await rehearsal.apply()
      await settled()
      await update({ DesiredCapacity: 4 })
      await settled()
      const added = await newcomers()
      assert.equal(added.length, 2)
      const { restored, note } = await rehearsal.undo()
      assert.equal(restored, false)
      assert.match(note!, /desired capacity is 5 and was 3/)
      assert.deepEqual((await newcomers()).sort(), added.sort())
      assert.equal(await memberState(), 'InService')
    })

    it('tells replacements of other contained members apart, so that a whole fleet comes back', async () => {
      await makeGroup()
      const before = await picture()
      const [one, two] = [leave('replace', suspect), leave('replace', others[0]!)]
      await ec2.send(new EC2.CreateTagsCommand({ Resources: [suspect, others[0]!], Tags: [{ Key: 'cleanroom:status', Value: 'quarantined' }] }))
      one.before = await one.observe()
      two.before = await two.observe()
      await one.repeat()
      await two.repeat()
      await settled()
      assert.equal((await newcomers()).length, 2)
      await one.undo()
      await two.undoWhole()
      assert.deepEqual(await picture(), before)
    })

    it('goes on where it was cut off, in either direction', async () => {
      await makeGroup()
      const before = await picture()
      const rehearsal = leave('replace')
      await world.faults([{ action: 'DetachInstances', error: { code: 'AccessDenied', status: 403 } }])
      await assert.rejects(rehearsal.apply())
      await world.faults()
      await rehearsal.repeat()
      await settled()
      await world.faults([{ action: 'DetachInstances', error: { code: 'AccessDenied', status: 403 } }])
      await assert.rejects(rehearsal.undo())
      assert.equal(await memberState(), 'InService', 'attached, and the replacement still there')
      assert.equal((await newcomers()).length, 1)
      await world.faults()
      await rehearsal.undoWhole()
      assert.deepEqual(await picture(), before)
    })

    it('is done once when AWS\'s answers are lost and the calls sent again', async () => {
      for (const how of ['replace', 'shrink', 'standby', 'suspend'] as const) {
        await world.faults()
        await makeGroup({ protectNew: true })
        const before = await picture()
        const rehearsal = leave(how)
        await world.faults(LOST)
        await rehearsal.apply()
        await settled()
        await world.faults(LOST)
        await rehearsal.undoWhole()
        assert.deepEqual(await picture(), before, how)
      }
    })

    it('takes nothing back that it did not do', async () => {
      await makeGroup()
      const rehearsal = leave('replace')
      rehearsal.before = await rehearsal.observe()
      rehearsal.after = rehearsal.before // it was refused
      await update({ DesiredCapacity: 4 })
      await settled()
      const added = await newcomers()
      const { note } = await rehearsal.undo()
      assert.match(note!, /desired capacity is 4 and was 3/)
      assert.deepEqual(await newcomers(), added)
    })

    it('gives back scale-in protection, which detaching takes away', async () => {
      await makeGroup()
      await autoScaling.send(new AutoScaling.SetInstanceProtectionCommand({ AutoScalingGroupName: name, InstanceIds: [suspect], ProtectedFromScaleIn: true }))
      const before = await picture()
      const rehearsal = leave('replace')
      await rehearsal.apply()
      await settled()
      await rehearsal.undoWhole()
      assert.deepEqual(await picture(), before)
    })

    it('takes the protection off that the group gives to whoever is attached', async () => {
      await makeGroup({ protectNew: true })
      await autoScaling.send(new AutoScaling.SetInstanceProtectionCommand({ AutoScalingGroupName: name, InstanceIds: [suspect], ProtectedFromScaleIn: false }))
      const before = await picture()
      const rehearsal = leave('replace')
      await rehearsal.apply()
      await settled()
      await rehearsal.undoWhole()
      assert.deepEqual(await picture(), before)
    })

    it('takes it out of the group\'s target groups and balancers, and release brings it back into them', async () => {
      const [arn, balancer] = [await targetGroup(world, network), await classicLoadBalancer(world, network)]
      await makeGroup({ targetGroupArns: [arn], classicLoadBalancers: [balancer] })
      const before = await targetsOf(world, arn)
      assert.equal(before.length, 3)
      const rehearsal = leave('replace')
      await rehearsal.apply()
      assert.ok((await targetsOf(world, arn)).every((target) => !target.startsWith(suspect)))
      await settled()
      await rehearsal.undoWhole()
      assert.deepEqual(await targetsOf(world, arn), before)
    })

    it('brings back to standby one that was on standby', async () => {
      await makeGroup()
      await autoScaling.send(new AutoScaling.EnterStandbyCommand({ AutoScalingGroupName: name, InstanceIds: [suspect], ShouldDecrementDesiredCapacity: true }))
      const before = await picture()
      const rehearsal = leave('replace')
      assert.deepEqual(await rehearsal.apply(), { member: false })
      assert.deepEqual(await newcomers(), [], 'one on standby is not replaced')
      assert.equal((await describeGroup(world, name)).DesiredCapacity, 2)
      await rehearsal.undoWhole()
      assert.deepEqual(await picture(), before)
    })

    it('ends in a note when the group, or the instance, is gone', async () => {
      await makeGroup()
      const rehearsal = leave('replace')
      await rehearsal.apply()
      await settled()
      await ec2.send(new EC2.StopInstancesCommand({ InstanceIds: [suspect] }))
      await EC2.waitUntilInstanceStopped({ client: ec2, minDelay: 1, maxDelay: 1, maxWaitTime: 30 }, { InstanceIds: [suspect] })
      assert.match((await rehearsal.undo()).note!, /this one is stopped. Start it, then attach it/)
      await ec2.send(new EC2.TerminateInstancesCommand({ InstanceIds: [suspect] }))
      assert.match((await rehearsal.undo()).note!, /terminated/)
      await autoScaling.send(new AutoScaling.DeleteAutoScalingGroupCommand({ AutoScalingGroupName: name, ForceDelete: true }))
      const { now, restored, note } = await rehearsal.undo()
      assert.deepEqual([now, restored], [{ member: false, groupDeleted: true }, false])
      assert.match(note!, /was deleted/)
      assert.deepEqual(await rehearsal.repeat(), now)
    })

    it('leaves it in another group that somebody put it into', async () => {
      await makeGroup()
      const rehearsal = leave('replace')
      await rehearsal.apply()
      const other = await autoScalingGroup(world, network, [suspect])
      const { restored, note } = await rehearsal.undo()
      assert.deepEqual([restored, note], [false, `Somebody put the instance into the Auto Scaling group ${other}; it was left there.`])
      await assert.rejects(rehearsal.repeat(), { code: 'AWS_BUSY', message: new RegExp(`moved from ${name} to ${other}`) })
    })

    it('has nothing to do for one that is in no group any more', async () => {
      await makeGroup()
      await autoScaling.send(new AutoScaling.DetachInstancesCommand({ AutoScalingGroupName: name, InstanceIds: [suspect], ShouldDecrementDesiredCapacity: true }))
      const rehearsal = leave('replace')
      assert.deepEqual(await rehearsal.apply(), { member: false })
      assert.deepEqual(rehearsal.before, { member: false })
      await rehearsal.undoWhole()
      assert.equal(await memberState(), undefined)
    })
  })

  describe('by detaching it, without a replacement', () => {
    it('shrinks the group by one and grows it again', async () => {
      await makeGroup()
      const before = await picture()
      const rehearsal = leave('shrink')
      await rehearsal.apply()
      assert.equal((await describeGroup(world, name)).DesiredCapacity, 2)
      assert.deepEqual(await newcomers(), [])
      await rehearsal.undoWhole()
      assert.deepEqual(await picture(), before)
    })

    it('says what to do about a group that is as small as it may be', async () => {
      await makeGroup({ minSize: 3 })
      await assert.rejects(leave('shrink').apply(), { code: 'AWS_ERROR', message: /can't shrink below its minimum of 3. Contain with autoScaling "replace" or "standby"/ })
      assert.equal(await memberState(), 'InService')
    })

    it('says what to do about a group that is full by now', async () => {
      await makeGroup({ maxSize: 3 })
      const rehearsal = leave('shrink')
      await rehearsal.apply()
      await update({ DesiredCapacity: 3 })
      await settled()
      const { restored, note } = await rehearsal.undo()
      assert.equal(restored, false)
      assert.match(note!, /is full.*Raise its maximum or detach a member, then attach/)
    })
  })

  describe('by putting it on standby', () => {
    it('keeps it a member out of service; release returns it and detaches the replacement', async () => {
      await makeGroup()
      const before = await picture()
      const rehearsal = leave('standby')
      assert.deepEqual(await rehearsal.apply(), { member: true, group: name, standby: true, protectedFromScaleIn: false })
      assert.deepEqual(await rehearsal.repeat(), rehearsal.after)
      await settled()
      const replacements = await newcomers()
      assert.equal(replacements.length, 1)
      const { note } = await rehearsal.undoWhole()
      assert.match(note!, new RegExp(replacements[0]!))
      assert.deepEqual(await picture(), before)
      assert.deepEqual(await instanceStates(world, replacements), ['running'])
    })

    it('leaves one on standby that was there before', async () => {
      await makeGroup()
      await autoScaling.send(new AutoScaling.EnterStandbyCommand({ AutoScalingGroupName: name, InstanceIds: [suspect], ShouldDecrementDesiredCapacity: true }))
      const before = await picture()
      const rehearsal = leave('standby')
      await rehearsal.apply()
      assert.deepEqual(rehearsal.before, rehearsal.after)
      await rehearsal.undoWhole()
      assert.deepEqual(await picture(), before)
    })
  })

  describe('by suspending what would end it', () => {
    const suspended = async (): Promise<string[]> => (await describeGroup(world, name)).SuspendedProcesses!.map(({ ProcessName }) => ProcessName!).sort()

    it('leaves it in service, protected; release resumes that and no more', async () => {
      await makeGroup()
      await autoScaling.send(new AutoScaling.SuspendProcessesCommand({ AutoScalingGroupName: name, ScalingProcesses: ['AZRebalance', 'ScheduledActions'] }))
      const before = await picture()
      const rehearsal = leave('suspend')
      assert.deepEqual(await rehearsal.apply(), {
        member: true, group: name, protectedFromScaleIn: true, suspendedProcesses: ['AZRebalance', 'InstanceRefresh', 'ReplaceUnhealthy', 'ScheduledActions']
      })
      assert.deepEqual(await rehearsal.repeat(), rehearsal.after)
      assert.equal(await memberState(), 'InService')
      await rehearsal.undoWhole()
      assert.deepEqual(await picture(), before)
      assert.deepEqual(await suspended(), ['AZRebalance', 'ScheduledActions'])
    })

    it('does not let the group end, at release, what isolation made unhealthy', async () => {
      await makeGroup()
      const rehearsal = leave('suspend')
      await rehearsal.apply()
      await autoScaling.send(new AutoScaling.SetInstanceHealthCommand({ InstanceId: suspect, HealthStatus: 'Unhealthy', ShouldRespectGracePeriod: false }))
      const calls = await world.callsDuring(async () => { await rehearsal.undoWhole() })
      const changes = calls.map(({ action }) => action).filter((action) => /^(SetInstanceHealth|Resume)/.test(action))
      assert.deepEqual(changes, ['SetInstanceHealth', 'ResumeProcesses'])
      assert.equal((await describeGroup(world, name)).Instances!.find(({ InstanceId }) => InstanceId === suspect)!.HealthStatus, 'Healthy')
      assert.deepEqual(await instanceStates(world, [suspect]), ['running'])
    })

    it('keeps processes suspended for another contained member', async () => {
      await makeGroup()
      const rehearsal = leave('suspend')
      await rehearsal.apply()
      await ec2.send(new EC2.CreateTagsCommand({ Resources: [others[0]!], Tags: [{ Key: 'cleanroom:status', Value: 'quarantined' }] }))
      const { restored, note } = await rehearsal.undo()
      assert.equal(restored, false)
      assert.match(note!, new RegExp(`stay suspended for ${others[0]}`))
      assert.deepEqual(await suspended(), [...REPLACING_PROCESSES])
    })

    it('tells of two contained members what stays suspended, whichever is released last, and lets neither be ended by it', async () => {
      await makeGroup()
      const tag = async (instanceId: string): Promise<void> => {
        await ec2.send(new EC2.CreateTagsCommand({ Resources: [instanceId], Tags: [{ Key: 'cleanroom:status', Value: 'quarantined' }] }))
      }
      const untag = async (instanceId: string): Promise<void> => {
        await ec2.send(new EC2.DeleteTagsCommand({ Resources: [instanceId], Tags: [{ Key: 'cleanroom:status' }] }))
      }
      const [first, second] = [leave('suspend'), leave('suspend', others[0]!)]
      await first.apply()
      await tag(suspect)
      await second.apply()
      await tag(others[0]!)
      await autoScaling.send(new AutoScaling.SetInstanceHealthCommand({ InstanceId: suspect, HealthStatus: 'Unhealthy', ShouldRespectGracePeriod: false }))
      assert.match((await first.undo()).note!, new RegExp(`stay suspended for ${others[0]}, contained as well; resume them when it is released`))
      assert.equal((await describeGroup(world, name)).Instances!.find(({ InstanceId }) => InstanceId === suspect)!.HealthStatus, 'Healthy')
      await untag(suspect)
      const last = await second.undoWhole()
      assert.match(last.note!, /AZRebalance, InstanceRefresh, ReplaceUnhealthy of .* had been suspended before this instance was contained and stay so\. AWS does not say for whom/)
      assert.deepEqual(await suspended(), [...REPLACING_PROCESSES])
    })

    it('resumes for both when the later of two contained members is released first', async () => {
      await makeGroup()
      const [first, second] = [leave('suspend'), leave('suspend', others[0]!)]
      await first.apply()
      await second.apply()
      await ec2.send(new EC2.CreateTagsCommand({ Resources: [suspect], Tags: [{ Key: 'cleanroom:status', Value: 'quarantined' }] }))
      assert.match((await second.undo()).note!, new RegExp(`stay so, also for ${suspect}, contained as well`))
      await first.undo()
      assert.deepEqual(await suspended(), [])
    })

    it('resumes what is still suspended when the instance was taken out meanwhile', async () => {
      await makeGroup()
      const rehearsal = leave('suspend')
      await rehearsal.apply()
      await autoScaling.send(new AutoScaling.DetachInstancesCommand({ AutoScalingGroupName: name, InstanceIds: [suspect], ShouldDecrementDesiredCapacity: true }))
      await autoScaling.send(new AutoScaling.ResumeProcessesCommand({ AutoScalingGroupName: name, ScalingProcesses: ['AZRebalance'] }))
      const { restored, note } = await rehearsal.undo()
      assert.equal(restored, false)
      assert.match(note!, /Somebody took the instance out/)
      assert.deepEqual(await suspended(), [])
    })
  })

  describe('when the group is at work on it', () => {
    /** Clients whose AWS says that the instance is in this state of the lifecycle. */
    const saying = (lifecycleState: AutoScaling.LifecycleState): ActionContext['clients'] => {
      const clients = world.clientsWith({})
      clients.autoScaling.middlewareStack.add((next) => async (args) => {
        const answered = await next(args)
        const { AutoScalingInstances = [] } = answered.output as Partial<AutoScaling.AutoScalingInstancesType>
        for (const each of AutoScalingInstances) if (each.InstanceId === suspect) each.LifecycleState = lifecycleState
        return answered
      }, { step: 'initialize' })
      return clients
    }
    const stranger = (lifecycleState: AutoScaling.LifecycleState, how: Leaving): Rehearsal =>
      new Rehearsal(leaveAutoScaling, world.context(suspect, { clients: saying(lifecycleState) }), planned('leave-auto-scaling', name, { instanceId: suspect, how }))

    const ways: Array<{ state: AutoScaling.LifecycleState, code: string, message: RegExp }> = [
      { state: 'Terminating:Wait', code: 'AWS_ERROR', message: /Auto Scaling is terminating .*Take snapshots first.*RecordLifecycleActionHeartbeat/ },
      { state: 'Terminating', code: 'AWS_ERROR', message: /Take snapshots first. It is a matter of minutes/ },
      { state: 'Warmed:Stopped', code: 'AWS_ERROR', message: /warm pool .*Take snapshots first/ },
      { state: 'Pending:Wait', code: 'AWS_BUSY', message: /can leave once it is in service/ }
    ]
    for (const { state, code, message } of ways) {
      it(`changes nothing of one that is ${state}, and says what to do`, async () => {
        await makeGroup()
        for (const how of ['replace', 'shrink', 'standby'] as const) {
          const calls = await world.callsDuring(async () => { await assert.rejects(stranger(state, how).apply(), { code, message }) })
          assert.deepEqual(calls.filter(({ action }) => !action.startsWith('Describe')), [])
        }
      })
    }

    it('suspends what would end one that is starting, and is tried again', async () => {
      await makeGroup()
      await assert.rejects(stranger('Pending:Wait', 'suspend').apply(), { code: 'AWS_BUSY' })
      assert.deepEqual((await describeGroup(world, name)).SuspendedProcesses!.map(({ ProcessName }) => ProcessName).sort(), [...REPLACING_PROCESSES])
    })

    it('holds for one that a lifecycle hook keeps from its end', async () => {
      await makeGroup()
      await autoScaling.send(new AutoScaling.PutLifecycleHookCommand({
        AutoScalingGroupName: name, LifecycleHookName: 'drain', LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING', DefaultResult: 'CONTINUE'
      }))
      await autoScaling.send(new AutoScaling.TerminateInstanceInAutoScalingGroupCommand({ InstanceId: suspect, ShouldDecrementDesiredCapacity: true }))
      assert.equal(await memberState(), 'Terminating:Wait')
      await assert.rejects(leave('replace').apply(), { code: 'AWS_ERROR', message: /RecordLifecycleActionHeartbeat/ })
      assert.equal(await memberState(), 'Terminating:Wait')
    })

    it('takes one that is detaching for gone', async () => {
      await makeGroup()
      assert.deepEqual(await stranger('Detaching', 'replace').apply(), { member: false })
    })

    it('waits at release until one that is detaching is out', async () => {
      await makeGroup()
      const rehearsal = stranger('Detaching', 'replace')
      rehearsal.before = await leave('replace').observe()
      rehearsal.after = { member: false }
      await assert.rejects(rehearsal.undo(), { code: 'AWS_BUSY', message: /still Detaching/ })
    })
  })
})

describe('Auto Scaling whose instances take their time', function () {
  this.timeout(60_000)

  let world: ActionWorld
  before(async () => { world = await startActionWorld({ pending: 'instance=4' }) })
  after(async () => { await world?.stop() })

  it('keeps release waiting for a replacement that is starting, unless that is to be kept', async () => {
    const network = await world.network()
    const machines = await Promise.all([1, 2].map(async () => await world.machine(network)))
    const [suspect, other] = machines.map(({ instanceId }) => instanceId) as [string, string]
    const name = await autoScalingGroup(world, network, [suspect, other])
    const rehearse = (): Rehearsal => new Rehearsal(leaveAutoScaling, world.context(suspect), planned('leave-auto-scaling', name, { instanceId: suspect, how: 'replace' }))
    const first = rehearse()
    await first.apply()
    const calls = await world.callsDuring(async () => { await assert.rejects(first.undo(), { code: 'AWS_BUSY', message: /still starting a replacement/ }) })
    assert.deepEqual(calls.filter(({ action }) => !action.startsWith('Describe')), [])
    await EC2.waitUntilInstanceRunning({ client: world.clients.ec2, minDelay: 1, maxDelay: 1, maxWaitTime: 30 }, { InstanceIds: (await describeGroup(world, name)).Instances!.map(({ InstanceId }) => InstanceId!) })
    await first.undoWhole()
    const second = rehearse()
    await second.apply()
    assert.match((await second.undo({ keepReplacement: true })).note!, /Nothing of that was changed/)
    assert.equal((await describeGroup(world, name)).Instances!.length, 3)
  })
})
