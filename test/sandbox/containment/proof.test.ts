import assert from 'node:assert/strict'
import * as AutoScaling from '@aws-sdk/client-auto-scaling'
import * as EC2 from '@aws-sdk/client-ec2'
import * as Elb from '@aws-sdk/client-elastic-load-balancing-v2'
import * as IAM from '@aws-sdk/client-iam'
import type { ActionContext, State } from '../../../controller/containment/actions/action.ts'
import { ACTIONS } from '../../../controller/containment/actions/registry.ts'
import { sessionPolicyName } from '../../../controller/containment/actions/role-sessions.ts'
import { DEFAULT_CONTAINMENT_POLICY, planContainment, type PlannedAction, type Rung } from '../../../controller/containment/plan.ts'
import { proveContainment, type ContainmentProof, type ProofLimits, type ProofSubject } from '../../../controller/containment/proof.ts'
import { proveRelease } from '../../../controller/containment/release-proof.ts'
import type { ContainmentPolicy } from '../../../controller/incident/incident.ts'
import { readInstance } from '../../../controller/triage/read-instance.ts'
import { surveyInstance } from '../../../controller/triage/survey-instance.ts'
import { nextIncident, REGION, startActionWorld, type ActionWorld, type Machine, type Network } from '../action-world.ts'
import { autoScalingGroup, classicLoadBalancer, role, targetGroup } from '../fleet-fixtures.ts'

const IMPATIENT: ProofLimits = { checkMs: 10_000, allMs: 20_000, settleMs: [] }

interface Contained { subject: ProofSubject, context: ActionContext, done: Array<{ planned: PlannedAction, before: State, after: State }> }

describe('The proof of containment', function () {
  this.timeout(120_000)

  let world: ActionWorld
  let network: Network
  before(async () => {
    world = await startActionWorld()
    network = await world.network({ ipv6: true })
    await world.machine(network)
  })
  after(async () => { await world?.stop() })
  afterEach(async () => { await world.faults() })

  /** Triage and every planned action, without the engine. */
  const contain = async (machine: Machine, policy: Partial<ContainmentPolicy> = {}, rungs: Rung[] = []): Promise<Contained> => {
    const { clients } = world
    const whole = { ...DEFAULT_CONTAINMENT_POLICY, ...policy }
    const { facts } = await readInstance(clients, { accountId: '000000000000', region: REGION }, machine.instanceId, new Date())
    const { facts: around } = await surveyInstance(clients, facts, { accessKeyIds: whole.accessKeyIds })
    const context = world.context(machine.instanceId, { incidentId: nextIncident(), noteWidening: async () => true })
    const done: Contained['done'] = []
    for (const planned of planContainment(facts, around, whole, rungs)) {
      const before = planned.before ?? await ACTIONS[planned.kind].observe(context, planned)
      const after = await ACTIONS[planned.kind].apply(context, planned, before)
      if (planned.kind === 'prepare-isolation-group') context.isolationGroupId = after.groupId as string
      if (planned.kind === 'prepare-untracking-group') context.untrackingGroupId = after.groupId as string
      if (planned.kind === 'remove-untracking-group') delete context.untrackingGroupId
      done.push({ planned, before, after })
    }
    const subject: ProofSubject = { incidentId: context.incidentId, facts, around, policy: whole, rungs, mode: 'full', isolationGroupId: context.isolationGroupId! }
    return { subject, context, done }
  }
  const prove = async (subject: ProofSubject, limits = IMPATIENT): Promise<ContainmentProof> => await proveContainment(world.clients, subject, new Date(), limits)
  const failing = ({ checks }: ContainmentProof): string[] => checks.filter(({ ok }) => !ok).map(({ name }) => name)
  const ec2 = (): EC2.EC2Client => world.clients.ec2

  describe('of an instance with everything around it', () => {
    let machine: Machine
    let contained: Contained
    let app: Awaited<ReturnType<typeof role>>
    let group: string
    let targets: string
    let accessKeyId: string
    before(async () => {
      const { clients } = world
      app = await role(world)
      machine = await world.machine(network, { interfaces: 3, instanceProfile: app.profileName })
      const neighbour = await world.machine(network, { instanceProfile: app.profileName })
      targets = await targetGroup(world, network)
      const byAddress = await targetGroup(world, network, 'ip')
      await clients.elbv2.send(new Elb.RegisterTargetsCommand({ TargetGroupArn: targets, Targets: [{ Id: machine.instanceId }, { Id: neighbour.instanceId }] }))
      await clients.elbv2.send(new Elb.RegisterTargetsCommand({ TargetGroupArn: byAddress, Targets: [{ Id: machine.privateIp, Port: 80 }] }))
      await classicLoadBalancer(world, network, [machine.instanceId, neighbour.instanceId])
      group = await autoScalingGroup(world, network, [machine.instanceId, neighbour.instanceId])
      const address = await ec2().send(new EC2.AllocateAddressCommand({ Domain: 'vpc' }))
      await ec2().send(new EC2.AssociateAddressCommand({ AllocationId: address.AllocationId!, NetworkInterfaceId: machine.interfaceIds[1]! }))
      await clients.iam.send(new IAM.CreateUserCommand({ UserName: 'deploy' }))
      accessKeyId = (await clients.iam.send(new IAM.CreateAccessKeyCommand({ UserName: 'deploy' }))).AccessKey!.AccessKeyId!
      contained = await contain(machine, { accessKeyIds: [accessKeyId], metadata: 'disable' }, ['dns-firewall'])
    })

    it('has a check for everything that containment changed, and all of them hold', async () => {
      const proof = await prove(contained.subject)
      assert.deepEqual(failing(proof), [], JSON.stringify(proof.checks.filter(({ ok }) => !ok), null, 1))
      assert.equal(proof.ok, true)
      assert.deepEqual(proof.exposedInterfaces, [])
      const names = proof.checks.map(({ name }) => name)
      assert.equal(new Set(names).size, names.length)
      assert.deepEqual(names.sort(), [
        'instance-exists', 'isolation-group-empty', 'interfaces-found', ...machine.interfaceIds.map((id) => `interface-isolated ${id}`), 'untracking-group-closed',
        'tagged-quarantined', 'termination-protected', 'stop-protected', 'stops-on-shutdown', 'volumes-kept', 'not-in-auto-scaling', 'not-a-target',
        'not-in-classic-load-balancers', 'no-elastic-ip', 'no-instance-profile', `role-sessions-revoked ${app.roleName}`, `access-key-inactive ${accessKeyId}`,
        `dns-blocked ${network.vpcId}`, 'metadata-off'
      ].sort())
    })

    it('only reads, and asks for the instance and for all rules once', async () => {
      const calls = await world.callsDuring(async () => { await prove(contained.subject) })
      assert.deepEqual(calls.filter(({ action }) => !/^(Describe|Get|List)/.test(action)), [])
      assert.equal(calls.filter(({ action }) => action === 'DescribeInstances').length, 1)
      assert.equal(calls.filter(({ action }) => action === 'DescribeSecurityGroupRules').length, 1)
    })

    /** What somebody changes behind our back, what finds it, and how it is put right again. */
    const drift: Array<{ what: string, finds: () => string[], change: () => Promise<unknown>, back: () => Promise<unknown> }> = [
      {
        what: 'a rule in the isolation group',
        finds: () => ['isolation-group-empty', ...machine.interfaceIds.map((id) => `interface-isolated ${id}`)],
        change: async () => await ec2().send(new EC2.AuthorizeSecurityGroupIngressCommand({ GroupId: contained.context.isolationGroupId!, IpPermissions: [{ IpProtocol: '-1', Ipv6Ranges: [{ CidrIpv6: '::/0' }] }] })),
        back: async () => await ec2().send(new EC2.RevokeSecurityGroupIngressCommand({ GroupId: contained.context.isolationGroupId!, IpPermissions: [{ IpProtocol: '-1', Ipv6Ranges: [{ CidrIpv6: '::/0' }] }] }))
      },
      {
        what: 'termination protection',
        finds: () => ['termination-protected'],
        change: async () => await ec2().send(new EC2.ModifyInstanceAttributeCommand({ InstanceId: machine.instanceId, DisableApiTermination: { Value: false } })),
        back: async () => await ec2().send(new EC2.ModifyInstanceAttributeCommand({ InstanceId: machine.instanceId, DisableApiTermination: { Value: true } }))
      },
      {
        what: 'the shutdown behaviour',
        finds: () => ['stops-on-shutdown'],
        change: async () => await ec2().send(new EC2.ModifyInstanceAttributeCommand({ InstanceId: machine.instanceId, InstanceInitiatedShutdownBehavior: { Value: 'terminate' } })),
        back: async () => await ec2().send(new EC2.ModifyInstanceAttributeCommand({ InstanceId: machine.instanceId, InstanceInitiatedShutdownBehavior: { Value: 'stop' } }))
      },
      {
        what: 'a volume that goes with the instance',
        finds: () => ['volumes-kept'],
        change: async () => await ec2().send(new EC2.ModifyInstanceAttributeCommand({ InstanceId: machine.instanceId, BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { DeleteOnTermination: true } }] })),
        back: async () => await ec2().send(new EC2.ModifyInstanceAttributeCommand({ InstanceId: machine.instanceId, BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { DeleteOnTermination: false } }] }))
      },
      {
        what: 'the quarantine tag',
        finds: () => ['tagged-quarantined'],
        change: async () => await ec2().send(new EC2.CreateTagsCommand({ Resources: [machine.instanceId], Tags: [{ Key: 'cleanroom:status', Value: 'fine' }] })),
        back: async () => await ec2().send(new EC2.CreateTagsCommand({ Resources: [machine.instanceId], Tags: [{ Key: 'cleanroom:status', Value: 'quarantined' }] }))
      },
      {
        what: 'a registration with a target group',
        finds: () => ['not-a-target'],
        change: async () => await world.clients.elbv2.send(new Elb.RegisterTargetsCommand({ TargetGroupArn: targets, Targets: [{ Id: machine.instanceId }] })),
        back: async () => await world.clients.elbv2.send(new Elb.DeregisterTargetsCommand({ TargetGroupArn: targets, Targets: [{ Id: machine.instanceId }] }))
      },
      {
        what: 'an access key',
        finds: () => [`access-key-inactive ${accessKeyId}`],
        change: async () => await world.clients.iam.send(new IAM.UpdateAccessKeyCommand({ UserName: 'deploy', AccessKeyId: accessKeyId, Status: 'Active' })),
        back: async () => await world.clients.iam.send(new IAM.UpdateAccessKeyCommand({ UserName: 'deploy', AccessKeyId: accessKeyId, Status: 'Inactive' }))
      },
      {
        what: 'an instance profile',
        finds: () => ['no-instance-profile'],
        change: async () => await ec2().send(new EC2.AssociateIamInstanceProfileCommand({ InstanceId: machine.instanceId, IamInstanceProfile: { Name: app.profileName } })),
        back: async () => {
          const { IamInstanceProfileAssociations } = await ec2().send(new EC2.DescribeIamInstanceProfileAssociationsCommand({ Filters: [{ Name: 'instance-id', Values: [machine.instanceId] }] }))
          for (const { AssociationId } of IamInstanceProfileAssociations!) await ec2().send(new EC2.DisassociateIamInstanceProfileCommand({ AssociationId: AssociationId! }))
        }
      },
      {
        what: 'the metadata service',
        finds: () => ['metadata-off'],
        change: async () => await ec2().send(new EC2.ModifyInstanceMetadataOptionsCommand({ InstanceId: machine.instanceId, HttpEndpoint: 'enabled' })),
        back: async () => await ec2().send(new EC2.ModifyInstanceMetadataOptionsCommand({ InstanceId: machine.instanceId, HttpEndpoint: 'disabled' }))
      },
      {
        what: 'membership in the Auto Scaling group',
        finds: () => ['not-in-auto-scaling'],
        change: async () => await world.clients.autoScaling.send(new AutoScaling.AttachInstancesCommand({ AutoScalingGroupName: group, InstanceIds: [machine.instanceId] })),
        back: async () => await world.clients.autoScaling.send(new AutoScaling.DetachInstancesCommand({ AutoScalingGroupName: group, InstanceIds: [machine.instanceId], ShouldDecrementDesiredCapacity: true }))
      }
    ]
    for (const { what, finds, change, back } of drift) {
      it(`finds that somebody changed ${what}`, async () => {
        await change()
        const proof = await prove(contained.subject).finally(back)
        assert.deepEqual(failing(proof).sort(), finds().sort())
        assert.deepEqual(failing(await prove(contained.subject)), [])
      })
    }

    it('finds that the sessions\' policy was changed, and that it was taken away', async () => {
      const { context: { incidentId } } = contained
      const policy = { RoleName: app.roleName, PolicyName: sessionPolicyName({ incidentId, instanceId: machine.instanceId }) }
      const { PolicyDocument } = await world.clients.iam.send(new IAM.GetRolePolicyCommand(policy))
      const document = decodeURIComponent(PolicyDocument!)
      await world.clients.iam.send(new IAM.PutRolePolicyCommand({ ...policy, PolicyDocument: document.replace('["*"]', '["s3:GetObject"]') }))
      assert.deepEqual(failing(await prove(contained.subject)), [`role-sessions-revoked ${app.roleName}`])
      await world.clients.iam.send(new IAM.DeleteRolePolicyCommand(policy))
      assert.deepEqual(failing(await prove(contained.subject)), [`role-sessions-revoked ${app.roleName}`])
      await world.clients.iam.send(new IAM.PutRolePolicyCommand({ ...policy, PolicyDocument: document }))
      assert.deepEqual(failing(await prove(contained.subject)), [])
    })

    it('names an interface that was attached meanwhile as open', async () => {
      const Groups = [await world.securityGroup(network.vpcId, 'late')]
      const { NetworkInterface } = await ec2().send(new EC2.CreateNetworkInterfaceCommand({ SubnetId: network.subnetId, Groups }))
      const NetworkInterfaceId = NetworkInterface!.NetworkInterfaceId!
      const { AttachmentId } = await ec2().send(new EC2.AttachNetworkInterfaceCommand({ NetworkInterfaceId, InstanceId: machine.instanceId, DeviceIndex: 5 }))
      const proof = await prove(contained.subject)
      await ec2().send(new EC2.DetachNetworkInterfaceCommand({ AttachmentId: AttachmentId!, Force: true }))
      assert.deepEqual(proof.exposedInterfaces, [NetworkInterfaceId])
      assert.deepEqual(failing(proof), [`interface-isolated ${NetworkInterfaceId}`])
    })

    it('fails the checks that can\'t be read, says why, and keeps the others', async () => {
      await world.faults(['DescribeTargetGroups', 'DescribeAutoScalingInstances', 'GetRolePolicy'].map((action) => ({ action, error: { code: 'AccessDenied', status: 403 } })))
      const proof = await prove(contained.subject)
      assert.deepEqual(failing(proof), ['not-in-auto-scaling', 'not-a-target', `role-sessions-revoked ${app.roleName}`])
      for (const { ok, observed } of proof.checks) if (!ok) assert.match(observed, /not readable: AWS_ACCESS_DENIED/)
      assert.deepEqual(proof.unreadable, failing(proof).map((name) => ({ name, code: 'AWS_ACCESS_DENIED' })))
    })

    it('waits for no check beyond its time', async () => {
      await world.faults([{ action: 'DescribeTargetGroups', delayMs: 4_000 }])
      const began = Date.now()
      const proof = await prove(contained.subject, { checkMs: 500, allMs: 1_500, settleMs: [400, 400, 400, 400] })
      assert.deepEqual(proof.unreadable, [{ name: 'not-a-target', code: 'TIMED_OUT' }])
      assert.ok(Date.now() - began < 3_500, `${Date.now() - began} ms`)
    })

    it('fails as a whole while interfaces or rules can\'t be read, so that it is tried again', async () => {
      for (const action of ['DescribeInstances', 'DescribeNetworkInterfaces', 'DescribeSecurityGroups', 'DescribeSecurityGroupRules']) {
        await world.faults([{ service: 'ec2', action, error: { code: 'UnauthorizedOperation', status: 403 } }])
        await assert.rejects(prove(contained.subject), { code: 'AWS_ACCESS_DENIED' }, action)
      }
    })

    it('looks again at what AWS shows late', async () => {
      const late = { InstanceId: machine.instanceId, HttpEndpoint: 'disabled' as const }
      await ec2().send(new EC2.ModifyInstanceMetadataOptionsCommand({ ...late, HttpEndpoint: 'enabled' }))
      const proving = prove(contained.subject, { ...IMPATIENT, settleMs: [500, 1500, 3000] })
      await new Promise((resolve) => setTimeout(resolve, 300))
      await ec2().send(new EC2.ModifyInstanceMetadataOptionsCommand(late))
      assert.deepEqual(failing(await proving), [])
    })

    it('is taken back whole, field by field, and finds what release could not bring back', async () => {
      const { context, done } = contained
      const items = done.map(({ planned, before }) => ({ planned, before }))
      assert.equal((await proveRelease(context, items, new Date())).ok, false)
      for (const { planned, before, after } of [...done].reverse()) await ACTIONS[planned.kind].undo(context, planned, { before, after })
      const proof = await proveRelease(context, items, new Date())
      const names = proof.checks.filter(({ ok }) => !ok)
      assert.deepEqual(names, [], JSON.stringify(names))
      assert.deepEqual((await prove(contained.subject)).exposedInterfaces, machine.interfaceIds)
      await ec2().send(new EC2.ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: machine.interfaceIds[2]!, Groups: [await world.securityGroup(network.vpcId, 'another')] }))
      const after = await proveRelease(context, items, new Date())
      assert.deepEqual(after.checks.filter(({ ok }) => !ok).map(({ name }) => name), [`restored isolate-interface ${machine.interfaceIds[2]} securityGroupIds`])
    })
  })

  it('proves a subnet that was cut off, and finds an entry that lets traffic pass', async () => {
    const own = await world.subnet(network.vpcId, '10.30.7.0/24')
    const { subject } = await contain(await world.machine({ ...network, subnetId: own }))
    assert.deepEqual(failing(await prove(subject)), [])
    const { NetworkAcls } = await ec2().send(new EC2.DescribeNetworkAclsCommand({ Filters: [{ Name: 'association.subnet-id', Values: [own] }] }))
    await ec2().send(new EC2.CreateNetworkAclEntryCommand({
      NetworkAclId: NetworkAcls![0]!.NetworkAclId!, RuleNumber: 90, RuleAction: 'allow', Egress: true, Protocol: '-1', CidrBlock: '0.0.0.0/0'
    }))
    assert.deepEqual(failing(await prove(subject)), [`subnet-denies-all ${own}`])
  })

  it('finds that the isolation group was deleted, though what is gone has no rules', async () => {
    const machine = await world.machine(network)
    const { subject, context } = await contain(machine)
    await ec2().send(new EC2.ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: machine.interfaceIds[0]!, Groups: [await world.securityGroup(network.vpcId, 'meanwhile')] }))
    await ec2().send(new EC2.DeleteSecurityGroupCommand({ GroupId: context.isolationGroupId! }))
    const proof = await prove(subject)
    assert.deepEqual(failing(proof).sort(), [`interface-isolated ${machine.interfaceIds[0]}`, 'isolation-group-empty'])
    assert.match(proof.checks.find(({ name }) => name === 'isolation-group-empty')!.observed, /does not exist any more/)
  })

  it('asks for nothing that policy kept', async () => {
    const app = await role(world)
    const { subject } = await contain(await world.machine(network, { instanceProfile: app.profileName }), {
      instanceProfile: 'keep', sessions: 'keep', elasticIp: 'keep', networkAcl: 'never', trackedConnections: 'leave'
    })
    const proof = await prove(subject)
    assert.deepEqual(failing(proof), [])
    assert.deepEqual(proof.checks.filter(({ name }) => /profile|sessions|elastic|subnet|dns|metadata/.test(name)), [])
  })

  it('is one check, and no open interface, when the instance is terminated meanwhile', async () => {
    const machine = await world.machine(network)
    const { subject } = await contain(machine)
    await ec2().send(new EC2.ModifyInstanceAttributeCommand({ InstanceId: machine.instanceId, DisableApiTermination: { Value: false } }))
    await ec2().send(new EC2.TerminateInstancesCommand({ InstanceIds: [machine.instanceId] }))
    await EC2.waitUntilInstanceTerminated({ client: ec2(), minDelay: 1, maxDelay: 1, maxWaitTime: 30 }, { InstanceIds: [machine.instanceId] })
    const proof = await prove(subject)
    assert.deepEqual(failing(proof), ['instance-exists'])
    assert.deepEqual(proof.exposedInterfaces, [])
  })
})
