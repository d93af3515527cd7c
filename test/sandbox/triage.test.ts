import assert from 'node:assert/strict'
import * as EC2 from '@aws-sdk/client-ec2'
import { RegisterTargetsCommand } from '@aws-sdk/client-elastic-load-balancing-v2'
import * as IAM from '@aws-sdk/client-iam'
import { isolateInterface, prepareIsolationGroup } from '../../controller/containment/actions/isolation.ts'
import { findLacking, permissionChecks } from '../../controller/containment/permissions.ts'
import { DEFAULT_CONTAINMENT_POLICY, planContainment, RUNGS } from '../../controller/containment/plan.ts'
import type { Plan } from '../../controller/incident/incident.ts'
import type { ResponseParts } from '../../controller/response/parts.ts'
import { planResponse } from '../../controller/response/plan-response.ts'
import { assembleDescription, describeRest } from '../../controller/triage/describe-instance.ts'
import { readInstance } from '../../controller/triage/read-instance.ts'
import { unreadable } from '../../controller/triage/sections.ts'
import { surveyInstance } from '../../controller/triage/survey-instance.ts'
import type { InstanceFacts, Read, Surroundings } from '../../controller/triage/target-facts.ts'
import { baselineNames } from '../../stacks/baseline/names.ts'
import { ROLE_POLICIES } from '../../stacks/baseline/policies/roles.ts'
import { EXAMPLE_BASELINE } from '../../stacks/clean-room/example-room.ts'
import { planned, REGION, startActionWorld, type ActionWorld, type LoggedCall, type Machine, type Network } from './action-world.ts'
import { autoScalingGroup, classicLoadBalancer, instanceProfile, role, targetGroup, type Role } from './fleet-fixtures.ts'

const SCOPE = { accountId: '123456789012', region: REGION }
const READS = /^(Describe|Get|List|Simulate)/

describe('Triage of a machine with much around it', function () {
  this.timeout(120_000)

  let world: ActionWorld
  let network: Network
  let machine: Machine
  let neighbour: Machine
  let second: { subnetId: string, neighbourId: string }
  let app: Role
  let allocationId: string
  let secondaryAddress: string
  let target: { byId: string, byAddress: string }
  let group: string
  let balancer: string
  let accessKeyId: string
  let flowLogId: string

  before(async () => {
    world = await startActionWorld()
    const { ec2, iam, elbv2 } = world.clients
    network = await world.network({ ipv6: true })
    app = await role(world)
    machine = await world.machine(network, { interfaces: 2, instanceProfile: app.profileName })
    // The same role by another profile.
    const another = `${app.profileName}-too`
    await instanceProfile(iam, another, app.roleName)
    neighbour = await world.machine(network, { instanceProfile: another })

    const subnetId = await world.subnet(network.vpcId, '10.30.2.0/24')
    const far = await world.machine({ vpcId: network.vpcId, subnetId })
    second = { subnetId, neighbourId: far.instanceId }

    const assigned = await ec2.send(new EC2.AssignPrivateIpAddressesCommand({ NetworkInterfaceId: machine.interfaceIds[1]!, SecondaryPrivateIpAddressCount: 1 }))
    secondaryAddress = assigned.AssignedPrivateIpAddresses![0]!.PrivateIpAddress!
    const address = await ec2.send(new EC2.AllocateAddressCommand({ Domain: 'vpc' }))
    allocationId = address.AllocationId!
    await ec2.send(new EC2.AssociateAddressCommand({ AllocationId: allocationId, NetworkInterfaceId: machine.interfaceIds[1]!, PrivateIpAddress: secondaryAddress }))

    target = { byId: await targetGroup(world, network), byAddress: await targetGroup(world, network, 'ip') }
    await elbv2.send(new RegisterTargetsCommand({ TargetGroupArn: target.byId, Targets: [{ Id: machine.instanceId, Port: 8080 }] }))
    await elbv2.send(new RegisterTargetsCommand({ TargetGroupArn: target.byAddress, Targets: [{ Id: secondaryAddress, Port: 9090 }, { Id: '10.30.1.250', Port: 9090 }] }))
    balancer = await classicLoadBalancer(world, network, [machine.instanceId])
    group = await autoScalingGroup(world, network, [machine.instanceId, neighbour.instanceId])

    await iam.send(new IAM.CreateUserCommand({ UserName: 'mallory' }))
    accessKeyId = (await iam.send(new IAM.CreateAccessKeyCommand({ UserName: 'mallory' }))).AccessKey!.AccessKeyId!
    const logs = await ec2.send(new EC2.CreateFlowLogsCommand({
      ResourceIds: [network.vpcId],
      ResourceType: 'VPC',
      TrafficType: 'ALL',
      LogGroupName: '/flows',
      DeliverLogsPermissionArn: `arn:aws:iam::${SCOPE.accountId}:role/${app.roleName}`
    }))
    flowLogId = logs.FlowLogIds![0]!
    await ec2.send(new EC2.ModifyVpcAttributeCommand({ VpcId: network.vpcId, EnableDnsHostnames: { Value: true } }))
    for (const service of ['ssm', 'ssmmessages']) {
      await ec2.send(new EC2.CreateVpcEndpointCommand({ VpcId: network.vpcId, ServiceName: `com.amazonaws.${REGION}.${service}`, VpcEndpointType: 'Interface', SubnetIds: [subnetId] }))
    }
  })
  after(async () => { await world?.stop() })
  afterEach(async () => { await world.faults() })

  const read = async (): Promise<Read<InstanceFacts>> => await readInstance(world.clients, SCOPE, machine.instanceId, new Date())
  const survey = async (facts: InstanceFacts, accessKeyIds: string[] = []): Promise<Read<Surroundings>> =>
    await surveyInstance(world.clients, facts, { accessKeyIds })

  it('knows from one round of reads what cutting off needs', async () => {
    let facts: InstanceFacts | undefined
    const calls = await world.callsDuring(async () => { facts = (await read()).facts })
    assert.deepEqual(calls.map(({ action }) => action).sort(), ['DescribeInstances', 'DescribeNetworkInterfaces', 'DescribeVolumes'])
    assert.deepEqual(facts!.interfaces.map(({ interfaceId, deviceIndex, kind, subnetId }) => [interfaceId, deviceIndex, kind, subnetId]),
      machine.interfaceIds.map((id, index) => [id, index, 'interface', network.subnetId]))
    const [, data] = facts!.interfaces
    assert.ok(data!.privateAddresses.includes(secondaryAddress))
    assert.deepEqual(data!.elasticAddresses.map(({ allocationId, privateAddress }) => [allocationId, privateAddress]), [[allocationId, secondaryAddress]])
    assert.deepEqual(facts!.interfaces[0]!.elasticAddresses, [])
    assert.deepEqual([facts!.vpcId, facts!.instanceProfileArn, facts!.spot], [network.vpcId, app.profileArn, false])
    assert.deepEqual(facts!.volumes.map(({ device, sizeGiB, deleteOnTermination }) => [device, sizeGiB, deleteOnTermination]), [['/dev/xvda', 1, true]])
  })

  it('knows everything around it, and that nothing remained unread', async () => {
    const { facts } = await read()
    const { facts: around } = await survey(facts, [accessKeyId])
    assert.deepEqual(around.unread, [])
    assert.deepEqual(around.autoScaling && [around.autoScaling.group, around.autoScaling.lifecycleState, around.autoScaling.members],
      [group, 'InService', [machine.instanceId, neighbour.instanceId].sort()])
    assert.deepEqual(around.targets.map(({ targetGroupArn, targetId, port }) => [targetGroupArn, targetId, port]).sort(),
      [[target.byId, machine.instanceId, 8080], [target.byAddress, secondaryAddress, 9090]].sort())
    assert.deepEqual(around.classicLoadBalancers, [balancer])
    assert.deepEqual(around.role && [around.role.roleName, around.role.roleId, around.role.serviceLinked, around.role.otherInstances, around.role.otherPrincipals],
      [app.roleName, app.roleId, false, [neighbour.instanceId], []])
    assert.equal(around.subnets.length, 1)
    assert.ok(around.subnets[0]!.neighbours.includes(`${neighbour.interfaceIds[0]} of ${neighbour.instanceId}`))
    assert.match(around.subnets[0]!.associationId, /^aclassoc-/)
    assert.match(around.subnets[0]!.networkAclId, /^acl-/)
    assert.deepEqual(around.othersInVpc.filter((name) => name.startsWith('i-')), [neighbour.instanceId, second.neighbourId].sort())
    assert.deepEqual(around.ssmEndpoints.map(({ service, addresses }) => [service, addresses.every((address) => address.startsWith('10.30.2.')), addresses.length]).sort(),
      [['ssm', true, 1], ['ssmmessages', true, 1]])
    assert.deepEqual(around.accessKeys, [{ accessKeyId, userName: 'mallory', active: true }])
    assert.deepEqual(around.flowLogs.map(({ flowLogId, resourceId, destinationName }) => [flowLogId, resourceId, destinationName]), [[flowLogId, network.vpcId, '/flows']])
  })

  it('knows an interface that hangs on a trunk of its own', async () => {
    const { ec2 } = world.clients
    const small = await world.machine(network)
    const make = async (InterfaceType: 'trunk' | 'branch'): Promise<string> =>
      (await ec2.send(new EC2.CreateNetworkInterfaceCommand({ SubnetId: network.subnetId, InterfaceType: InterfaceType as never }))).NetworkInterface!.NetworkInterfaceId!
    const [trunk, branch, loose] = [await make('trunk'), await make('branch'), await make('branch')]
    await ec2.send(new EC2.AttachNetworkInterfaceCommand({ NetworkInterfaceId: trunk, InstanceId: small.instanceId, DeviceIndex: 1 }))
    await ec2.send(new EC2.AssociateTrunkInterfaceCommand({ TrunkInterfaceId: trunk, BranchInterfaceId: branch, VlanId: 7 }))
    const { facts, sections } = await readInstance(world.clients, SCOPE, small.instanceId, new Date())
    assert.deepEqual(unreadable(sections), [])
    assert.deepEqual(facts.interfaces.map(({ interfaceId, kind }) => [interfaceId, kind]), [[small.interfaceIds[0], 'interface'], [trunk, 'trunk'], [branch, 'branch']])
    assert.ok(facts.interfaces.every(({ interfaceId }) => interfaceId !== loose))
  })

  it('names an access key that the account does not have', async () => {
    const { facts } = await read()
    const { facts: around } = await survey(facts, ['AKIAIOSFODNN7EXAMPLE'])
    assert.deepEqual(around.unread.map(({ what }) => what), ['accessKeys'])
    assert.match(around.unread[0]!.message, /AKIAIOSFODNN7EXAMPLE/)
  })

  it('loses one part of the surroundings to a refusal, and the response none of the others', async () => {
    const { facts } = await read()
    await world.faults([{ service: 'iam', action: 'GetInstanceProfile', error: { code: 'AccessDenied', status: 403 } }])
    const { facts: around } = await survey(facts)
    assert.deepEqual(around.unread.map(({ what, code }) => [what, code]), [['role', 'AWS_ACCESS_DENIED']])
    assert.equal(around.role, undefined)
    assert.equal(around.targets.length, 2)
  })

  it('makes of it a description in which no section is lost or in error', async () => {
    const core = await read()
    const [around, rest] = await Promise.all([survey(core.facts), describeRest(world.clients, core.facts)])
    const description = assembleDescription(new Date('2026-03-01T10:00:00Z'), core, around, rest)
    assert.deepEqual(unreadable(description.sections), [])
    const names = [core.sections, around.sections, rest].flatMap((sections) => Object.keys(sections))
    assert.equal(new Set(names).size, names.length, 'two sections have one name')
    assert.deepEqual(Object.keys(description.sections).sort(), names.sort())
    for (const name of ['instance', 'networkInterfaces', 'securityGroupRules', 'routeTables', 'image', 'userData', 'instanceProfile', 'autoScalingGroup', 'targetGroups', 'networkAcls']) {
      assert.ok('data' in description.sections[name]!, name)
    }
    assert.equal(description.describedAt, '2026-03-01T10:00:00.000Z')
    assert.doesNotThrow(() => JSON.stringify(description))
  })

  describe('told as a plan', () => {
    const names = baselineNames('cleanroom', { partition: 'aws', ...SCOPE }, '/cleanroom/baseline')
    const context = {
      partition: 'aws',
      ...SCOPE,
      names,
      evidenceKeyArn: 'arn:aws:kms:::key/e',
      signingKeyArn: 'arn:aws:kms:::key/s',
      stateKeyArn: 'arn:aws:kms:::key/t',
      messagesKeyArn: 'arn:aws:kms:::key/m',
      accounts: [SCOPE.accountId],
      regions: [REGION]
    }
    const plan: Plan = { containment: { ...DEFAULT_CONTAINMENT_POLICY, mode: 'ssm', metadata: 'disable' }, analyses: ['disk-analysis'] }
    const roleArn = names.roleArn('contain')
    const grant = async (policy: object): Promise<void> => {
      await world.clients.iam.send(new IAM.PutRolePolicyCommand({ RoleName: names.roleName('contain'), PolicyName: 'contain', PolicyDocument: JSON.stringify(policy) }))
    }
    before(async () => {
      await world.clients.iam.send(new IAM.CreateRoleCommand({ RoleName: names.roleName('contain'), Path: '/cleanroom/', AssumeRolePolicyDocument: '{"Version":"2012-10-17","Statement":[]}' }))
    })
    beforeEach(async () => { await grant(ROLE_POLICIES.contain.policy(context)) })

    const parts = (): ResponseParts => {
      const { ec2, autoScaling, elb, elbv2, iam } = world.clients
      return {
        baseline: EXAMPLE_BASELINE,
        clients: { ec2: () => ec2, autoScaling: () => autoScaling, elb: () => elb, elbv2: () => elbv2, iam: () => iam, roleArn: () => roleArn }
      } as unknown as ResponseParts
    }
    const dryRun = async () => (await planResponse(parts(), [{ ...SCOPE, instanceId: machine.instanceId }], plan)).targets[0]!

    it('changes nothing and tries nothing: every call of it reads', async () => {
      const calls = await world.callsDuring(dryRun)
      assert.ok(calls.length > 20)
      assert.deepEqual([...new Set(calls.map(({ action }) => action))].filter((action) => !READS.test(action)), [])
      assert.deepEqual(calls.filter(({ error }) => error === 'DryRunOperation'), [])
    })

    it('tells the containment that the same facts give, whom further rungs would hit, and nothing unread', async () => {
      const told = await dryRun()
      const { facts } = await read()
      const { facts: around } = await survey(facts)
      assert.deepEqual(told.actions.filter(({ phase }) => phase === 'containing').map(({ action, resource, change }) => [action, resource, change]),
        planContainment(facts, around, plan.containment).map(({ kind, resource, words }) => [kind, resource, words]))
      assert.deepEqual(told.unreadable, [])
      assert.deepEqual(told.rungs.find(({ rung }) => rung === 'role-sessions')!.hits, [neighbour.instanceId])
      assert.ok(told.rungs.find(({ rung }) => rung === 'network-acl')!.hits.some((words) => words.endsWith(neighbour.instanceId)))
    })

    it('finds that the baseline\'s own role lacks nothing, whatever the plan', async () => {
      const { facts } = await read()
      const { facts: around } = await survey(facts, [accessKeyId])
      for (const autoScaling of ['replace', 'shrink', 'standby', 'suspend'] as const) {
        const all = planContainment(facts, around, { ...plan.containment, autoScaling, accessKeyIds: [accessKeyId] }, [...RUNGS])
        const permissions = await findLacking(world.clients.iam, roleArn, permissionChecks(all, facts, around, roleArn))
        assert.deepEqual(permissions, { checked: true, role: roleArn, lacking: [] })
      }
    })

    it('names each permission that the role lacks, and what it is needed for', async () => {
      const whole = ROLE_POLICIES.contain.policy(context)
      await grant({ ...whole, Statement: whole.Statement.filter(({ Sid }) => Sid !== 'LeaveTargetGroups') })
      const { permissions } = await dryRun()
      assert.ok(permissions.checked)
      assert.deepEqual(permissions.lacking.map(({ action, resource, decision }) => [action, resource, decision]).sort(),
        [target.byId, target.byAddress].map((arn) => ['elasticloadbalancing:DeregisterTargets', arn, 'implicitDeny']).sort())
      assert.deepEqual(permissions.lacking[0]!.neededFor, ['leave-target-group'])
    })

    it('sees a deny that a condition brings about: nothing is allowed outside the Regions in scope', async () => {
      await grant(ROLE_POLICIES.contain.policy({ ...context, regions: ['us-east-1'] }))
      const { permissions } = await dryRun()
      assert.ok(permissions.checked)
      assert.ok(permissions.lacking.some(({ action, decision }) => action === 'ec2:ModifyNetworkInterfaceAttribute' && decision === 'explicitDeny'))
    })

    it('says that nothing is known where IAM may not be asked', async () => {
      await world.faults([{ service: 'iam', action: 'SimulatePrincipalPolicy', error: { code: 'AccessDenied', status: 403 } }])
      const { permissions, actions } = await dryRun()
      assert.equal(permissions.checked, false)
      assert.ok(!permissions.checked && /AccessDenied/.test(permissions.why))
      assert.ok(actions.length > 10)
    })

    it('estimates the time to cut off by the calls that isolation really makes one after another', async () => {
      const { estimate } = await dryRun()
      const other = await world.machine(network)
      const context = world.context(other.instanceId)
      let calls: LoggedCall[] = await world.callsDuring(async () => {
        const { groupId } = await prepareIsolationGroup.apply(context, planned('prepare-isolation-group', network.vpcId), { groupId: null })
        await isolateInterface.apply({ ...context, isolationGroupId: groupId as string }, planned('isolate-interface', other.interfaceIds[0]!, { untrack: false }), {})
      })
      const isolated = calls.findIndex(({ action }) => action === 'ModifyNetworkInterfaceAttribute')
      calls = calls.slice(0, isolated + 1)
      const told = estimate.sequentialCalls.map((words) => words.split(':')[0]!).filter((name, index, all) => name !== 'ModifyNetworkInterfaceAttribute' || index === all.length - 1)
      assert.deepEqual(['DescribeInstances', ...calls.map(({ action }) => action)], told)
    })
  })
})
