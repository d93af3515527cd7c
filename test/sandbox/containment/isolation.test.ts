import assert from 'node:assert/strict'
import * as EC2 from '@aws-sdk/client-ec2'
import type { ActionContext } from '../../../controller/containment/actions/action.ts'
import { isolateInterface, isolateInterfaceWithin, isolationGroupName, prepareIsolationGroup } from '../../../controller/containment/actions/isolation.ts'
import { emptyGroup, rulesOf } from '../../../controller/containment/actions/security-groups.ts'
import { prepareUntrackingGroup, removeUntrackingGroup, untrackingGroupName } from '../../../controller/containment/actions/untracking.ts'
import { planned, startActionWorld, type ActionWorld, type LoggedCall, type Machine, type Network } from '../action-world.ts'

const REFUSED = { code: 'UnauthorizedOperation', status: 403 }
/** AWS does what it is asked and never says so. */
const UNANSWERED = { when: 'after', error: { code: 'InternalError', status: 500 } }
const MODIFY = 'ModifyNetworkInterfaceAttribute'

describe('Isolation by security groups', function () {
  this.timeout(60_000)

  let world: ActionWorld
  let ec2: EC2.EC2Client
  before(async () => {
    world = await startActionWorld()
    ec2 = world.clients.ec2
  })
  after(async () => { await world?.stop() })
  afterEach(async () => { await world.faults() })

  const named = (calls: LoggedCall[]): string[] => calls.map(({ action }) => action)

  describe('The isolation group', () => {
    let network: Network
    before(async () => { network = await world.network({ ipv6: true }) })
    const prepare = () => planned('prepare-isolation-group', network.vpcId)

    it('comes to be in four calls, without a rule of either direction', async () => {
      const context = world.context('i-1')
      let after: Record<string, unknown> = {}
      const calls = await world.callsDuring(async () => { after = await prepareIsolationGroup.apply(context, prepare(), {}) })
      assert.deepEqual(named(calls), ['CreateSecurityGroup', 'DescribeSecurityGroupRules', 'RevokeSecurityGroupEgress', 'DescribeSecurityGroupRules'])
      assert.equal(after.rules, 0)
      assert.deepEqual(await rulesOf(ec2, after.groupId as string), [])
      assert.deepEqual(await prepareIsolationGroup.observe(context, prepare()), after)
    })

    it('says whose it is', async () => {
      const context = world.context('i-2')
      const { groupId } = await prepareIsolationGroup.apply(context, prepare(), {})
      const { SecurityGroups } = await ec2.send(new EC2.DescribeSecurityGroupsCommand({ GroupIds: [groupId as string] }))
      assert.deepEqual(Object.fromEntries(SecurityGroups![0]!.Tags!.map(({ Key, Value }) => [Key, Value])), {
        'cleanroom:managed': 'true',
        'cleanroom:incident': context.incidentId,
        'cleanroom:purpose': 'isolation',
        'cleanroom:instance': 'i-2',
        Name: isolationGroupName(context)
      })
    })

    it('is made once, however often it is asked for, and loses what was added meanwhile', async () => {
      const context = world.context('i-3')
      const first = await prepareIsolationGroup.apply(context, prepare(), {})
      const permissions = [{ IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '0.0.0.0/0' }], Ipv6Ranges: [{ CidrIpv6: '::/0' }] }]
      await ec2.send(new EC2.AuthorizeSecurityGroupIngressCommand({ GroupId: first.groupId as string, IpPermissions: permissions }))
      await ec2.send(new EC2.AuthorizeSecurityGroupEgressCommand({ GroupId: first.groupId as string, IpPermissions: permissions }))
      assert.deepEqual(await prepareIsolationGroup.apply(context, prepare(), {}), first)
      assert.deepEqual(await rulesOf(ec2, first.groupId as string), [])
    })

    it('is finished by the next attempt when one was cut off after it was made', async () => {
      const context = world.context('i-4')
      await world.faults([{ action: 'DescribeSecurityGroupRules', error: REFUSED }])
      await assert.rejects(prepareIsolationGroup.apply(context, prepare(), {}), { name: 'UnauthorizedOperation' })
      await world.faults()
      const after = await prepareIsolationGroup.apply(context, prepare(), {})
      assert.deepEqual(await rulesOf(ec2, after.groupId as string), [])
    })

    it('is not taken for somebody else\'s of the same name', async () => {
      const context = world.context('i-5')
      await world.securityGroup(network.vpcId, isolationGroupName(context))
      await assert.rejects(prepareIsolationGroup.apply(context, prepare(), {}), { code: 'ISOLATION_GROUP_NOT_EMPTY', message: /is not ours/ })
    })

    it('comes to be, and goes, though AWS never answers what changes it', async () => {
      const context = world.context('i-9')
      await world.faults(['CreateSecurityGroup', 'RevokeSecurityGroupEgress', 'DeleteSecurityGroup'].map((action) => ({ action, ...UNANSWERED })))
      const after = await prepareIsolationGroup.apply(context, prepare(), {})
      assert.deepEqual(await rulesOf(ec2, after.groupId as string), [])
      assert.deepEqual(await prepareIsolationGroup.undo(context, prepare(), { before: { groupId: null }, after }), { now: { groupId: null }, restored: true })
      assert.deepEqual(await prepareIsolationGroup.observe(context, prepare()), { groupId: null })
    })

    it('is not taken for made when AWS neither answers nor makes it', async () => {
      await world.faults([{ action: 'CreateSecurityGroup', error: UNANSWERED.error }])
      await assert.rejects(prepareIsolationGroup.apply(world.context('i-10'), prepare(), {}), { name: 'InternalError' })
    })

    it('is tried again while EC2 shows or knows nothing of a new one', async () => {
      const unseen = [
        [{ action: 'RevokeSecurityGroupEgress', error: { code: 'InvalidGroup.NotFound' } }],
        [{ action: 'CreateSecurityGroup', error: { code: 'InvalidGroup.Duplicate' } }]
      ]
      for (const [n, faults] of unseen.entries()) {
        await world.faults(faults)
        await assert.rejects(prepareIsolationGroup.apply(world.context(`i-11${n}`), prepare(), {}), { code: 'AWS_BUSY' })
      }
    })

    it('is not taken for empty while a new one shows no rule at all, but is when an earlier attempt emptied it', async () => {
      const GroupId = await world.securityGroup(network.vpcId, `unseen-${Math.random()}`)
      await emptyGroup(ec2, GroupId)
      await assert.rejects(emptyGroup(ec2, GroupId, { fresh: true }), { code: 'AWS_BUSY' })
      await emptyGroup(ec2, GroupId, { fresh: 'perhaps' })
      await emptyGroup(ec2, GroupId)
    })

    it('is made anew when somebody deleted it', async () => {
      const context = world.context('i-12')
      const first = await prepareIsolationGroup.apply(context, prepare(), {})
      await ec2.send(new EC2.DeleteSecurityGroupCommand({ GroupId: first.groupId as string }))
      assert.deepEqual(await prepareIsolationGroup.observe(context, prepare()), { groupId: null })
      const second = await prepareIsolationGroup.apply(context, prepare(), first)
      assert.notEqual(second.groupId, first.groupId)
      assert.deepEqual(await prepareIsolationGroup.observe(context, prepare()), second)
    })

    it('is refused while a rule stays', async () => {
      const context = world.context('i-6')
      await world.faults([{ action: 'RevokeSecurityGroupEgress', error: { code: 'InvalidSecurityGroupRuleId.NotFound' } }])
      await assert.rejects(prepareIsolationGroup.apply(context, prepare(), {}), { code: 'ISOLATION_GROUP_NOT_EMPTY', message: /still has 2 rules|still has 1 rules/ })
    })

    it('goes with release, also when it is gone already', async () => {
      const context = world.context('i-7')
      const before = await prepareIsolationGroup.observe(context, prepare())
      assert.deepEqual(before, { groupId: null })
      const after = await prepareIsolationGroup.apply(context, prepare(), before)
      for (let time = 1; time <= 2; time++) {
        assert.deepEqual(await prepareIsolationGroup.undo(context, prepare(), { before, after }), { now: before, restored: true })
        assert.deepEqual(await prepareIsolationGroup.observe(context, prepare()), before)
      }
    })

    it('stays at release while something uses it, and the note says what', async () => {
      const context = world.context('i-8')
      const after = await prepareIsolationGroup.apply(context, prepare(), {})
      const user = await world.machine(network, { groups: [after.groupId as string] })
      const undone = await prepareIsolationGroup.undo(context, prepare(), { before: { groupId: null }, after })
      assert.deepEqual([undone.now, undone.restored], [after, false])
      assert.match(undone.note!, new RegExp(`${String(after.groupId)} is still used by ${user.interfaceIds[0]!}`))
    })
  })

  describe('The group that ends tracking', () => {
    let network: Network
    before(async () => { network = await world.network({ ipv6: true }) })
    const prepare = () => planned('prepare-untracking-group', network.vpcId)
    const remove = () => planned('remove-untracking-group', network.vpcId)
    const rules = async (groupId: unknown): Promise<string[]> => (await rulesOf(ec2, groupId as string))
      .map(({ IsEgress, IpProtocol, CidrIpv4, CidrIpv6 }) => `${IsEgress ? 'out' : 'in'} ${IpProtocol} ${CidrIpv4 ?? CidrIpv6}`).sort()
    const EVERYTHING = ['in -1 0.0.0.0/0', 'in -1 ::/0', 'out -1 0.0.0.0/0', 'out -1 ::/0']

    it('lets all protocols pass, both ways, by IPv4 and IPv6, however often it is made', async () => {
      const context = world.context('i-1')
      const first = await prepareUntrackingGroup.apply(context, prepare(), {})
      assert.deepEqual(await rules(first.groupId), EVERYTHING)
      assert.equal(first.rules, 4)
      assert.deepEqual(await prepareUntrackingGroup.apply(context, prepare(), {}), first)
      assert.deepEqual(await prepareUntrackingGroup.observe(context, prepare()), first)
    })

    it('is told apart from the isolation group', async () => {
      const context = world.context('i-2')
      const isolation = await prepareIsolationGroup.apply(context, planned('prepare-isolation-group', network.vpcId), {})
      const untracking = await prepareUntrackingGroup.apply(context, prepare(), {})
      assert.notEqual(isolation.groupId, untracking.groupId)
      assert.deepEqual(await prepareIsolationGroup.observe(context, planned('prepare-isolation-group', network.vpcId)), isolation)
      assert.deepEqual(await rulesOf(ec2, isolation.groupId as string), [])
    })

    it('is removed, once and for all, also when the record of it was lost', async () => {
      const context = world.context('i-3')
      await prepareUntrackingGroup.apply(context, prepare(), {})
      assert.deepEqual(await removeUntrackingGroup.apply(context, remove(), {}), { groupId: null })
      assert.deepEqual(await removeUntrackingGroup.apply(context, remove(), {}), { groupId: null })
      assert.deepEqual(await removeUntrackingGroup.observe(context, remove()), { groupId: null })
    })

    it('loses its rules before anything else, and stays empty while it is in use', async () => {
      const context = world.context('i-4')
      const { groupId } = await prepareUntrackingGroup.apply(context, prepare(), {})
      await world.machine(network, { groups: [groupId as string] })
      const calls = await world.callsDuring(async () => {
        assert.deepEqual(await removeUntrackingGroup.apply({ ...context, untrackingGroupId: groupId as string }, remove(), {}), { groupId, rules: 0 })
      })
      const order = named(calls)
      assert.ok(order.indexOf('DeleteSecurityGroup') > Math.max(order.indexOf('RevokeSecurityGroupIngress'), order.indexOf('RevokeSecurityGroupEgress')))
      assert.deepEqual(await rules(groupId), [])
      assert.deepEqual(await removeUntrackingGroup.observe(context, remove()), { groupId, rules: 0 })
    })

    it('is deleted when its rules can\'t be revoked, and fails when neither can be done', async () => {
      const context = world.context('i-5')
      const first = await prepareUntrackingGroup.apply(context, prepare(), {})
      await world.faults([{ action: 'RevokeSecurityGroupIngress', error: REFUSED }])
      assert.deepEqual(await removeUntrackingGroup.apply(context, remove(), {}), { groupId: null })
      const second = await prepareUntrackingGroup.apply(context, prepare(), {})
      assert.notEqual(second.groupId, first.groupId)
      await world.faults([{ action: 'RevokeSecurityGroupIngress', error: REFUSED }, { action: 'DeleteSecurityGroup', error: { code: 'DependencyViolation' } }])
      await assert.rejects(removeUntrackingGroup.apply(context, remove(), {}), { name: 'UnauthorizedOperation' })
    })

    it('comes and goes though AWS never answers what changes it', async () => {
      const context = world.context('i-9')
      const actions = ['CreateSecurityGroup', 'AuthorizeSecurityGroupIngress', 'AuthorizeSecurityGroupEgress', 'RevokeSecurityGroupIngress', 'RevokeSecurityGroupEgress', 'DeleteSecurityGroup']
      await world.faults(actions.map((action) => ({ action, ...UNANSWERED })))
      const after = await prepareUntrackingGroup.apply(context, prepare(), {})
      assert.deepEqual(await rules(after.groupId), EVERYTHING)
      assert.deepEqual(await removeUntrackingGroup.apply(context, remove(), {}), { groupId: null })
    })

    it('goes at release when it was not removed before, and the removal leaves nothing to take back', async () => {
      const context = world.context('i-6')
      const after = await prepareUntrackingGroup.apply(context, prepare(), {})
      const recorded = { before: { groupId: null }, after }
      for (let time = 1; time <= 2; time++) {
        assert.deepEqual(await prepareUntrackingGroup.undo(context, prepare(), recorded), { now: { groupId: null }, restored: true })
      }
      assert.deepEqual(await removeUntrackingGroup.undo(context, remove(), { before: after, after: { groupId: null } }), { now: { groupId: null }, restored: true })
      assert.deepEqual(await prepareUntrackingGroup.observe(context, prepare()), { groupId: null })
    })

    it('stays at release while something uses it, without rules, and the note says what', async () => {
      const context = world.context('i-8')
      const after = await prepareUntrackingGroup.apply(context, prepare(), {})
      const user = await world.machine(network, { groups: [after.groupId as string] })
      const undone = await prepareUntrackingGroup.undo(context, prepare(), { before: { groupId: null }, after })
      assert.deepEqual([undone.now, undone.restored], [{ groupId: after.groupId, rules: 0 }, false])
      assert.match(undone.note!, new RegExp(`is still used by ${user.interfaceIds[0]!}`))
    })

    it('has the name that others look for', async () => {
      const context = world.context('i-7')
      const { groupId } = await prepareUntrackingGroup.apply(context, prepare(), {})
      const { SecurityGroups } = await ec2.send(new EC2.DescribeSecurityGroupsCommand({ GroupIds: [groupId as string] }))
      assert.equal(SecurityGroups![0]!.GroupName, untrackingGroupName(context))
    })
  })

  describe('An interface', () => {
    let network: Network
    let machine: Machine
    let groups: string[]
    let context: ActionContext
    let widenings: number
    let remarks: string[]
    before(async () => { network = await world.network() })
    beforeEach(async () => {
      groups = await Promise.all(['web', 'administration'].map(async (name) => await world.securityGroup(network.vpcId, `${name}-${Math.random()}`)))
      machine = await world.machine(network, { groups, interfaces: 2 })
      widenings = 0
      remarks = []
      context = world.context(machine.instanceId, { noteWidening: async () => ++widenings === 1, remark: (text) => { remarks.push(text) } })
      const isolation = await prepareIsolationGroup.apply(context, planned('prepare-isolation-group', network.vpcId), {})
      const untracking = await prepareUntrackingGroup.apply(context, planned('prepare-untracking-group', network.vpcId), {})
      context = { ...context, isolationGroupId: isolation.groupId as string, untrackingGroupId: untracking.groupId as string }
    })

    const isolate = (untrack = false) => planned('isolate-interface', machine.interfaceIds[1]!, { untrack })
    const formerly = () => ({ securityGroupIds: [...groups].sort() })
    const isolated = () => ({ securityGroupIds: [context.isolationGroupId!] })
    /** The groups that an interface was put into, in the order in which the client asked for it. */
    const putInto = (client: EC2.EC2Client): string[][] => {
      const asked: string[][] = []
      client.middlewareStack.add((next, { commandName }) => async (args) => {
        if (commandName === `${MODIFY}Command`) asked.push((args.input as EC2.ModifyNetworkInterfaceAttributeRequest).Groups!)
        return await next(args)
      }, { step: 'initialize', name: 'putInto', override: true })
      return asked
    }
    const closed = async (): Promise<boolean> => (await rulesOf(ec2, context.untrackingGroupId!)).length === 0

    it('gets the group without rules for all it had, and the others keep theirs', async () => {
      assert.deepEqual(await isolateInterface.observe(context, isolate()), formerly())
      assert.deepEqual(await isolateInterface.apply(context, isolate(), formerly()), isolated())
      assert.deepEqual(await isolateInterface.apply(context, isolate(), formerly()), isolated())
      assert.deepEqual(await isolateInterface.observe(context, isolate()), isolated())
      assert.deepEqual(await world.groupsOf(machine.interfaceIds[0]!), formerly().securityGroupIds)
    })

    it('is not touched without a group to isolate with', async () => {
      const { isolationGroupId: _, ...without } = context
      await assert.rejects(isolateInterface.apply(without, isolate(true), formerly()), { code: 'ISOLATION_GROUP_NOT_EMPTY' })
      assert.deepEqual(await isolateInterface.observe(context, isolate()), formerly())
    })

    it('says what AWS refuses', async () => {
      await world.faults([{ action: MODIFY, error: { code: 'OperationNotPermitted', message: 'requester-managed' } }])
      await assert.rejects(isolateInterface.apply(context, isolate(true), formerly()), { name: 'OperationNotPermitted' })
      assert.deepEqual(await isolateInterface.observe(context, isolate()), formerly())
    })

    it('is none to isolate when it is gone', async () => {
      await ec2.send(new EC2.TerminateInstancesCommand({ InstanceIds: [machine.instanceId] }))
      const { Attachment } = (await ec2.send(new EC2.DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [machine.interfaceIds[1]!] }))
        .catch(() => undefined))?.NetworkInterfaces?.[0] ?? {}
      assert.equal(Attachment, undefined)
      await ec2.send(new EC2.DeleteNetworkInterfaceCommand({ NetworkInterfaceId: machine.interfaceIds[1]! })).catch(() => undefined)
      assert.deepEqual(await isolateInterface.observe(context, isolate()), { gone: true })
      assert.deepEqual(await isolateInterface.apply(context, isolate(true), formerly()), { gone: true })
      assert.equal(await closed(), false, 'the other interfaces still need the group')
    })

    describe('going through the group that ends tracking', () => {
      it('is in it for nothing but the moment between two calls', async () => {
        const asked = putInto(ec2)
        const calls = await world.callsDuring(async () => {
          assert.deepEqual(await isolateInterface.apply(context, isolate(true), formerly()), isolated())
        })
        assert.deepEqual(named(calls), [MODIFY, MODIFY, 'DescribeNetworkInterfaces'])
        assert.deepEqual(asked, [[context.untrackingGroupId], [context.isolationGroupId]])
        assert.equal(widenings, 1)
        assert.deepEqual(remarks, [])
      })

      const straight: Array<[string, () => Partial<ActionContext> | undefined, () => Record<string, unknown>]> = [
        ['was noted before, as after a crash', () => ({ noteWidening: async () => false }), formerly],
        ['can\'t be noted', () => { const { noteWidening: _, ...rest } = context; return { ...rest, noteWidening: undefined as never } }, formerly],
        ['has no group to go through', () => ({ untrackingGroupId: undefined as never }), formerly],
        ['is isolated already', () => ({}), () => isolated()]
      ]
      for (const [when, otherwise, found] of straight) {
        it(`goes straight to isolation when that ${when}`, async () => {
          const asked = putInto(ec2)
          assert.deepEqual(await isolateInterface.apply({ ...context, ...otherwise() }, isolate(true), found()), isolated())
          assert.deepEqual(asked, [[context.isolationGroupId]])
          assert.equal(remarks.length, when === 'is isolated already' ? 0 : 1, 'a person should know that connections may be tracked')
        })
      }

      it('goes straight to isolation when policy says so', async () => {
        const asked = putInto(ec2)
        assert.deepEqual(await isolateInterface.apply(context, isolate(false), formerly()), isolated())
        assert.deepEqual([asked, widenings, remarks], [[[context.isolationGroupId]], 0, []])
      })

      it('stays where it was when the widening can\'t be recorded', async () => {
        const lost = new Error('the database is gone')
        await assert.rejects(isolateInterface.apply({ ...context, noteWidening: async () => { throw lost } }, isolate(true), formerly()), lost)
        assert.deepEqual(await isolateInterface.observe(context, isolate()), formerly())
      })

      it('is isolated all the same when the first step is refused', async () => {
        await world.faults([{ action: MODIFY, times: 1, error: REFUSED }])
        const calls = await world.callsDuring(async () => {
          assert.deepEqual(await isolateInterface.apply(context, isolate(true), formerly()), isolated())
        })
        assert.deepEqual(calls.map(({ action, status }) => [action, status]), [[MODIFY, 403], [MODIFY, 200], ['DescribeNetworkInterfaces', 200]])
        assert.match(remarks.join(), /may go on/)
        assert.equal(await closed(), false)
      })

      it('is isolated all the same when the first step times out, and finds a group without rules when AWS carries it out late', async () => {
        await world.faults([{ action: MODIFY, times: 1, delayMs: 4_000 }])
        const started = Date.now()
        const after = await isolateInterfaceWithin({ stepLimitMs: 1_500 }).apply(context, isolate(true), formerly())
        assert.deepEqual(after, isolated())
        assert.ok(Date.now() - started < 4_000, 'isolation does not wait for the first step')
        assert.equal(await closed(), true)
        await new Promise((resolve) => { setTimeout(resolve, started + 4_500 - Date.now()) })
        assert.deepEqual(await world.groupsOf(machine.interfaceIds[1]!), [context.untrackingGroupId])
        assert.equal(await closed(), true)
      })

      it('is put back when the first step is carried out after the second, before that is read', async () => {
        await world.faults([{ action: MODIFY, times: 1, delayMs: 2_000 }, { action: 'DescribeSecurityGroupRules', times: 1, delayMs: 2_500 }])
        assert.deepEqual(await isolateInterfaceWithin({ stepLimitMs: 1_500 }).apply(context, isolate(true), formerly()), isolated())
        assert.deepEqual(await world.groupsOf(machine.interfaceIds[1]!), isolated().securityGroupIds)
      })

      it('finds a group without rules when the second step is refused', async () => {
        await world.faults([{ action: MODIFY, after: 1, error: REFUSED }])
        await assert.rejects(isolateInterface.apply(context, isolate(true), formerly()), { name: 'UnauthorizedOperation' })
        assert.deepEqual(await world.groupsOf(machine.interfaceIds[1]!), [context.untrackingGroupId])
        assert.equal(await closed(), true)
        await world.faults()
        assert.deepEqual(await isolateInterface.apply(context, isolate(true), formerly()), isolated())
      })

      it('finds a group without rules when the second step times out', async () => {
        await world.faults([{ action: MODIFY, after: 1, delayMs: 4_000 }])
        await assert.rejects(isolateInterfaceWithin({ stepLimitMs: 1_500 }).apply(context, isolate(true), formerly()), { name: 'TimeoutError' })
        assert.equal(await closed(), true)
      })

      for (const untrack of [true, false]) {
        it(`is isolated though AWS never answers what puts it there${untrack ? ', by way of a group that has no rules by then' : ''}`, async () => {
          await world.faults([{ action: MODIFY, ...UNANSWERED }])
          assert.deepEqual(await isolateInterface.apply(context, isolate(untrack), formerly()), isolated())
          assert.equal(await closed(), untrack)
          assert.deepEqual(await isolateInterface.undo(context, isolate(), { before: formerly(), after: isolated() }), { now: formerly(), restored: true })
        })
      }

      const UNCLOSABLE = { action: 'DescribeSecurityGroupRules', error: { code: 'RequestLimitExceeded', status: 503 } }

      it('is tried in turn until something closes the interface, though everything is throttled at first', async () => {
        await world.faults([{ action: MODIFY, after: 1, times: 6, error: UNCLOSABLE.error }, { ...UNCLOSABLE, times: 6 }])
        const asked = putInto(ec2)
        await isolateInterface.apply(context, isolate(true), formerly()).catch((error: unknown) => {
          assert.equal((error as Error).name, 'RequestLimitExceeded')
        })
        await world.faults()
        const left = await world.groupsOf(machine.interfaceIds[1]!)
        assert.ok(await closed() || !left.includes(context.untrackingGroupId!), left.join())
        assert.ok(asked.length > 2, 'one round is not enough here')
      })

      it('is isolated in the same step when nothing else can be done and AWS isolates at last', async () => {
        // The first step, then two rounds without their putting back: the interface can't be read.
        await world.faults([{ action: MODIFY, after: 1, times: 6, error: UNCLOSABLE.error }, UNCLOSABLE, { action: 'DescribeNetworkInterfaces', times: 6, error: UNCLOSABLE.error }])
        assert.deepEqual(await isolateInterface.apply(context, isolate(true), formerly()), isolated())
      })

      it('has its own groups again when it can neither be isolated nor the group be closed', async () => {
        await world.faults([{ action: MODIFY, after: 1, times: 1, error: REFUSED }, UNCLOSABLE])
        const asked = putInto(ec2)
        await assert.rejects(isolateInterface.apply(context, isolate(true), formerly()), { name: 'UnauthorizedOperation' })
        assert.deepEqual(asked, [[context.untrackingGroupId], [context.isolationGroupId], formerly().securityGroupIds])
        assert.deepEqual(await isolateInterface.observe(context, isolate()), formerly())
      })

      it('is not let out by the last resort when an earlier attempt isolated it', async () => {
        await isolateInterface.apply(context, isolate(true), formerly())
        await world.faults([{ action: MODIFY, times: 1, error: REFUSED }, UNCLOSABLE])
        const asked = putInto(ec2)
        assert.deepEqual(await isolateInterface.apply(context, isolate(true), formerly()), isolated())
        assert.deepEqual(asked, [[context.isolationGroupId], [context.isolationGroupId]])
      })

      it('says why the second step failed when nothing could be done in the time', async () => {
        await world.faults([{ action: MODIFY, after: 1, error: REFUSED }, UNCLOSABLE])
        const started = Date.now()
        await assert.rejects(isolateInterfaceWithin({ stepLimitMs: 1_500, swapLimitMs: 3_000 }).apply(context, isolate(true), formerly()), { name: 'UnauthorizedOperation' })
        assert.ok(Date.now() - started < 4_500)
      })

      it('is tried again when EC2 does not know the isolation group yet', async () => {
        await world.faults([{ action: MODIFY, error: { code: 'InvalidGroup.NotFound' } }])
        for (const untrack of [true, false]) await assert.rejects(isolateInterface.apply(context, isolate(untrack), formerly()), { code: 'AWS_BUSY' })
      })
    })

    describe('at release', () => {
      const recorded = () => ({ before: formerly(), after: isolated() })
      beforeEach(async () => { await isolateInterface.apply(context, isolate(), formerly()) })

      it('has its groups again, also when release is repeated', async () => {
        for (let time = 1; time <= 2; time++) {
          assert.deepEqual(await isolateInterface.undo(context, isolate(), recorded()), { now: formerly(), restored: true })
          assert.deepEqual(await isolateInterface.observe(context, isolate()), formerly())
        }
      })

      it('gets the groups that are left', async () => {
        await ec2.send(new EC2.ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: machine.interfaceIds[0]!, Groups: [groups[0]!] }))
        await ec2.send(new EC2.DeleteSecurityGroupCommand({ GroupId: groups[1]! }))
        const undone = await isolateInterface.undo(context, isolate(), recorded())
        assert.deepEqual([undone.now, undone.restored], [{ securityGroupIds: [groups[0]] }, false])
        assert.match(undone.note!, new RegExp(`${groups[1]!} no longer exists`))
      })

      it('stays isolated when none is left', async () => {
        await ec2.send(new EC2.ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: machine.interfaceIds[0]!, Groups: [context.isolationGroupId!] }))
        for (const GroupId of groups) await ec2.send(new EC2.DeleteSecurityGroupCommand({ GroupId }))
        const undone = await isolateInterface.undo(context, isolate(), recorded())
        assert.deepEqual([undone.now, undone.restored], [isolated(), false])
        assert.match(undone.note!, /stays isolated until somebody gives it groups/)
        assert.deepEqual(await isolateInterface.observe(context, isolate()), isolated())
      })

      it('keeps what somebody else gave it since', async () => {
        const other = await world.securityGroup(network.vpcId, `other-${Math.random()}`)
        await ec2.send(new EC2.ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: machine.interfaceIds[1]!, Groups: [other, context.isolationGroupId!] }))
        const undone = await isolateInterface.undo(context, isolate(), recorded())
        assert.deepEqual([undone.now, undone.restored], [{ securityGroupIds: [other, context.isolationGroupId!].sort() }, false])
        assert.match(undone.note!, new RegExp(`Somebody gave .* ${other}`))
      })

      it('has its groups again from the group that ended tracking, too', async () => {
        await ec2.send(new EC2.ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: machine.interfaceIds[1]!, Groups: [context.untrackingGroupId!] }))
        const { untrackingGroupId: _, ...later } = context
        assert.deepEqual(await isolateInterface.undo(later, isolate(), recorded()), { now: formerly(), restored: true })
      })

      it('is told when it is gone', async () => {
        await ec2.send(new EC2.TerminateInstancesCommand({ InstanceIds: [machine.instanceId] }))
        await ec2.send(new EC2.DeleteNetworkInterfaceCommand({ NetworkInterfaceId: machine.interfaceIds[1]! })).catch(() => undefined)
        const undone = await isolateInterface.undo(context, isolate(), recorded())
        assert.deepEqual([undone.now, undone.restored], [{ gone: true }, false])
        assert.match(undone.note!, /is gone/)
      })
    })
  })
})
