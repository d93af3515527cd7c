import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AttachInstancesCommand, AutoScalingClient, DetachInstancesCommand, ResumeProcessesCommand, SetInstanceProtectionCommand, SuspendProcessesCommand,
  UpdateAutoScalingGroupCommand
} from '@aws-sdk/client-auto-scaling'
import * as EC2 from '@aws-sdk/client-ec2'
import {
  DeregisterInstancesFromLoadBalancerCommand, ElasticLoadBalancingClient, RegisterInstancesWithLoadBalancerCommand
} from '@aws-sdk/client-elastic-load-balancing'
import { DeregisterTargetsCommand, ElasticLoadBalancingV2Client, RegisterTargetsCommand } from '@aws-sdk/client-elastic-load-balancing-v2'
import {
  CreateAccessKeyCommand, CreateUserCommand, DeleteRolePolicyCommand, IAMClient, PutRolePolicyCommand, UpdateAccessKeyCommand
} from '@aws-sdk/client-iam'
import { ResolverClient, type FirewallRuleGroupAssociation } from '../../controller/aws/resolver-client.ts'
import { CloudWitness } from '../../sandbox/demo/cloud-witness.ts'
import { differences, type Portrait } from '../../sandbox/demo/portrait.ts'
import { startEmulator, type Emulator } from '../../sandbox/emulator-process.ts'
import { loadScenario, type LoadedInstance } from '../../sandbox/scenario.ts'

const REGION = 'eu-central-1'
const SCENARIO = join(import.meta.dirname, '../../sandbox/scenarios/entangled')

interface World {
  api1: LoadedInstance
  ec2: EC2.EC2Client
  autoScaling: AutoScalingClient
  elb: ElasticLoadBalancingClient
  elbv2: ElasticLoadBalancingV2Client
  iam: IAMClient
  resolver: ResolverClient
  accessKeyId: string
}

/** Something that AWS lets somebody do to an instance, and how it is taken back. */
interface Change {
  what: string
  seenIn: Array<keyof Portrait>
  make: (world: World) => Promise<unknown>
  takeBack: (world: World) => Promise<unknown>
}

const attribute = (value: Partial<EC2.ModifyInstanceAttributeRequest>) => async ({ ec2, api1 }: World): Promise<unknown> =>
  await ec2.send(new EC2.ModifyInstanceAttributeCommand({ InstanceId: api1.instanceId, ...value }))
const groups = (index: number, pick: (interfaces: LoadedInstance['interfaces']) => string[]) => async ({ ec2, api1 }: World): Promise<unknown> =>
  await ec2.send(new EC2.ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: api1.interfaceIds[index]!, Groups: pick(api1.interfaces) }))
const targets = (index: number): Pick<Change, 'make' | 'takeBack'> => ({
  make: async ({ elbv2, api1 }) => await elbv2.send(new DeregisterTargetsCommand({ TargetGroupArn: api1.targetGroupArns[index]!, Targets: [{ Id: api1.instanceId }] })),
  takeBack: async ({ elbv2, api1 }) => await elbv2.send(new RegisterTargetsCommand({ TargetGroupArn: api1.targetGroupArns[index]!, Targets: [{ Id: api1.instanceId }] }))
})
const capacity = (values: { DesiredCapacity?: number, MinSize?: number, MaxSize?: number }) => async ({ autoScaling, api1 }: World): Promise<unknown> =>
  await autoScaling.send(new UpdateAutoScalingGroupCommand({ AutoScalingGroupName: api1.autoScalingGroup!, ...values }))
const metadata = (values: Partial<EC2.ModifyInstanceMetadataOptionsRequest>) => async ({ ec2, api1 }: World): Promise<unknown> =>
  await ec2.send(new EC2.ModifyInstanceMetadataOptionsCommand({ InstanceId: api1.instanceId, ...values }))

const CHANGES: Change[] = [
  { what: 'termination protection', seenIn: ['own'], make: attribute({ DisableApiTermination: { Value: true } }), takeBack: attribute({ DisableApiTermination: { Value: false } }) },
  { what: 'stop protection', seenIn: ['own'], make: attribute({ DisableApiStop: { Value: true } }), takeBack: attribute({ DisableApiStop: { Value: false } }) },
  {
    what: 'shutdown behaviour',
    seenIn: ['own'],
    make: attribute({ InstanceInitiatedShutdownBehavior: { Value: 'terminate' } }),
    takeBack: attribute({ InstanceInitiatedShutdownBehavior: { Value: 'stop' } })
  },
  {
    what: 'a volume\'s fate at termination',
    seenIn: ['own'],
    make: attribute({ BlockDeviceMappings: [{ DeviceName: '/dev/xvdf', Ebs: { DeleteOnTermination: false } }] }),
    takeBack: attribute({ BlockDeviceMappings: [{ DeviceName: '/dev/xvdf', Ebs: { DeleteOnTermination: true } }] })
  },
  { what: 'the groups of the first interface', seenIn: ['own'], make: groups(0, ([first]) => first!.securityGroupIds.slice(1)), takeBack: groups(0, ([first]) => first!.securityGroupIds) },
  { what: 'the groups of the last interface', seenIn: ['own'], make: groups(2, ([first]) => first!.securityGroupIds), takeBack: groups(2, ([, , last]) => last!.securityGroupIds) },
  {
    what: 'the Elastic IP',
    seenIn: ['own'],
    make: async ({ ec2, api1 }) => {
      const { Addresses } = await ec2.send(new EC2.DescribeAddressesCommand({ AllocationIds: api1.elasticIpAllocationIds }))
      await ec2.send(new EC2.DisassociateAddressCommand({ AssociationId: Addresses![0]!.AssociationId! }))
    },
    takeBack: async ({ ec2, api1 }) => await ec2.send(new EC2.AssociateAddressCommand({
      AllocationId: api1.elasticIpAllocationIds[0]!, NetworkInterfaceId: api1.interfaceIds[0]!
    }))
  },
  {
    what: 'the IPv6 address',
    seenIn: ['own'],
    make: async ({ ec2, api1 }) => await ec2.send(new EC2.UnassignIpv6AddressesCommand({ NetworkInterfaceId: api1.interfaceIds[1]!, Ipv6Addresses: api1.interfaces[1]!.ipv6Addresses })),
    takeBack: async ({ ec2, api1 }) => await ec2.send(new EC2.AssignIpv6AddressesCommand({ NetworkInterfaceId: api1.interfaceIds[1]!, Ipv6Addresses: api1.interfaces[1]!.ipv6Addresses }))
  },
  {
    what: 'the instance profile',
    seenIn: ['own', 'shared'],
    make: async ({ ec2, api1 }) => {
      const { IamInstanceProfileAssociations } = await ec2.send(new EC2.DescribeIamInstanceProfileAssociationsCommand({
        Filters: [{ Name: 'instance-id', Values: [api1.instanceId] }, { Name: 'state', Values: ['associated'] }]
      }))
      await ec2.send(new EC2.DisassociateIamInstanceProfileCommand({ AssociationId: IamInstanceProfileAssociations![0]!.AssociationId! }))
    },
    takeBack: async ({ ec2, api1 }) => await ec2.send(new EC2.AssociateIamInstanceProfileCommand({ InstanceId: api1.instanceId, IamInstanceProfile: { Name: api1.instanceProfile! } }))
  },
  { what: 'the metadata service', seenIn: ['own'], make: metadata({ HttpEndpoint: 'disabled' }), takeBack: metadata({ HttpEndpoint: 'enabled' }) },
  {
    what: 'a tag',
    seenIn: ['own'],
    make: async ({ ec2, api1 }) => await ec2.send(new EC2.CreateTagsCommand({ Resources: [api1.instanceId], Tags: [{ Key: 'cleanroom:status', Value: 'quarantined' }] })),
    takeBack: async ({ ec2, api1 }) => await ec2.send(new EC2.DeleteTagsCommand({ Resources: [api1.instanceId], Tags: [{ Key: 'cleanroom:status' }] }))
  },
  { what: 'a registration in the first target group', seenIn: ['own'], ...targets(0) },
  { what: 'a registration in the second target group', seenIn: ['own'], ...targets(1) },
  {
    what: 'the registration in the classic load balancer',
    seenIn: ['own'],
    make: async ({ elb, api1 }) => await elb.send(new DeregisterInstancesFromLoadBalancerCommand({ LoadBalancerName: api1.classicLoadBalancer!, Instances: [{ InstanceId: api1.instanceId }] })),
    takeBack: async ({ elb, api1 }) => await elb.send(new RegisterInstancesWithLoadBalancerCommand({ LoadBalancerName: api1.classicLoadBalancer!, Instances: [{ InstanceId: api1.instanceId }] }))
  },
  {
    what: 'the protection from scale-in',
    seenIn: ['own', 'shared'],
    make: async ({ autoScaling, api1 }) => await autoScaling.send(new SetInstanceProtectionCommand({
      AutoScalingGroupName: api1.autoScalingGroup!, InstanceIds: [api1.instanceId], ProtectedFromScaleIn: true
    })),
    takeBack: async ({ autoScaling, api1 }) => await autoScaling.send(new SetInstanceProtectionCommand({
      AutoScalingGroupName: api1.autoScalingGroup!, InstanceIds: [api1.instanceId], ProtectedFromScaleIn: false
    }))
  },
  {
    what: 'the membership in the Auto Scaling group',
    seenIn: ['own', 'shared'],
    make: async ({ autoScaling, api1 }) => await autoScaling.send(new DetachInstancesCommand({
      AutoScalingGroupName: api1.autoScalingGroup!, InstanceIds: [api1.instanceId], ShouldDecrementDesiredCapacity: true
    })),
    takeBack: async ({ autoScaling, api1 }) => await autoScaling.send(new AttachInstancesCommand({ AutoScalingGroupName: api1.autoScalingGroup!, InstanceIds: [api1.instanceId] }))
  },
  { what: 'the group\'s limits', seenIn: ['shared'], make: capacity({ MinSize: 0, MaxSize: 9 }), takeBack: capacity({ MinSize: 1, MaxSize: 4 }) },
  {
    what: 'a suspended process',
    seenIn: ['shared'],
    make: async ({ autoScaling, api1 }) => await autoScaling.send(new SuspendProcessesCommand({ AutoScalingGroupName: api1.autoScalingGroup!, ScalingProcesses: ['ReplaceUnhealthy'] })),
    takeBack: async ({ autoScaling, api1 }) => await autoScaling.send(new ResumeProcessesCommand({ AutoScalingGroupName: api1.autoScalingGroup!, ScalingProcesses: ['ReplaceUnhealthy'] }))
  },
  {
    what: 'a policy of the role',
    seenIn: ['shared'],
    make: async ({ iam, api1 }) => await iam.send(new PutRolePolicyCommand({
      RoleName: api1.roleName!, PolicyName: 'more', PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: '*', Resource: '*' }] })
    })),
    takeBack: async ({ iam, api1 }) => await iam.send(new DeleteRolePolicyCommand({ RoleName: api1.roleName!, PolicyName: 'more' }))
  },
  {
    what: 'a DNS firewall of the VPC',
    seenIn: ['shared'],
    make: async ({ resolver, api1 }) => {
      const { FirewallRuleGroup } = await resolver.call('CreateFirewallRuleGroup', { CreatorRequestId: 'group', Name: 'block' })
      await resolver.call('AssociateFirewallRuleGroup', {
        CreatorRequestId: 'association', FirewallRuleGroupId: FirewallRuleGroup.Id, VpcId: api1.vpcId, Priority: 101, Name: 'block'
      })
    },
    takeBack: async ({ resolver, api1 }) => {
      const standing = async (): Promise<FirewallRuleGroupAssociation[]> =>
        (await resolver.call('ListFirewallRuleGroupAssociations', { VpcId: api1.vpcId })).FirewallRuleGroupAssociations ?? []
      const [association] = await standing()
      await resolver.call('DisassociateFirewallRuleGroup', { FirewallRuleGroupAssociationId: association!.Id })
      while ((await standing()).length > 0) await sleep(100)
    }
  },
  {
    what: 'the state of a user\'s access key',
    seenIn: ['own'],
    make: async ({ iam, accessKeyId }) => await iam.send(new UpdateAccessKeyCommand({ UserName: 'deployer', AccessKeyId: accessKeyId, Status: 'Inactive' })),
    takeBack: async ({ iam, accessKeyId }) => await iam.send(new UpdateAccessKeyCommand({ UserName: 'deployer', AccessKeyId: accessKeyId, Status: 'Active' }))
  }
]

describe('the witness\'s portrait of an instance', function () {
  this.timeout(120_000)
  let directory: string
  let emulator: Emulator
  let witness: CloudWitness
  let world: World
  let neighbour: LoadedInstance
  let lone1: LoadedInstance

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cleanroom-portrait-'))
    emulator = await startEmulator({ stateDir: directory })
    const { endpoint } = emulator
    const { api1, api2, lone1: alone } = await loadScenario(SCENARIO, { endpoint, region: REGION })
    neighbour = api2!
    lone1 = alone!
    const config = { endpoint, region: REGION, credentials: { accessKeyId: 'owner', secretAccessKey: 'owner' } }
    const iam = new IAMClient(config)
    await iam.send(new CreateUserCommand({ UserName: 'deployer' }))
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'deployer' }))
    world = {
      api1: api1!,
      ec2: new EC2.EC2Client(config),
      autoScaling: new AutoScalingClient(config),
      elb: new ElasticLoadBalancingClient(config),
      elbv2: new ElasticLoadBalancingV2Client(config),
      iam,
      resolver: new ResolverClient(config),
      accessKeyId: AccessKey!.AccessKeyId!
    }
    witness = new CloudWitness(endpoint, REGION)
  })

  after(async () => {
    for (const client of [world?.ec2, world?.autoScaling, world?.elb, world?.elbv2, world?.iam]) client?.destroy()
    await emulator?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  const portrait = async (): Promise<Portrait> => await witness.portrait(world.api1.instanceId, { accessKeyIds: [world.accessKeyId] })

  it('is the same each time nothing happened', async () => {
    assert.deepEqual(await portrait(), await portrait())
  })

  it('has all that the scenario gave the instance', async () => {
    const { own, shared } = await portrait()
    const text = JSON.stringify(own)
    const { instanceId, volumeIds, interfaces, targetGroupArns, elasticIp, elasticIpAllocationIds, classicLoadBalancer, autoScalingGroup, instanceProfile } = world.api1
    const given = [
      instanceId, ...volumeIds, ...targetGroupArns, elasticIp!, ...elasticIpAllocationIds, classicLoadBalancer!, autoScalingGroup!, `:instance-profile/${instanceProfile!}`,
      ...interfaces.flatMap(({ interfaceId, subnetId, securityGroupIds, ipv6Addresses }) => [interfaceId, subnetId, ...securityGroupIds, ...ipv6Addresses])
    ]
    assert.deepEqual(given.filter((each) => !text.includes(each)), [])
    assert.equal((own.interfaces as unknown[]).length, 3)
    assert.match(JSON.stringify(shared.roles), /application-assets/)
  })

  for (const { what, seenIn, make, takeBack } of CHANGES) {
    it(`shows a change of ${what}, and that it was taken back`, async () => {
      const before = await portrait()
      await make(world)
      const changed = await portrait()
      assert.deepEqual((['own', 'shared'] as const).filter((part) => differences(before[part], changed[part]).length > 0), seenIn)
      await takeBack(world)
      assert.deepEqual(await portrait(), before)
    })
  }

  it('of a neighbour is, in what is its own, the same whatever happens to what it shares', async () => {
    const before = await witness.portrait(neighbour.instanceId)
    const made = CHANGES.filter(({ what }) => /policy of the role|membership|suspended|second target group|classic/.test(what))
    assert.equal(made.length, 5)
    for (const { make } of made) await make(world)
    const now = await witness.portrait(neighbour.instanceId)
    for (const { takeBack } of made.reverse()) await takeBack(world)
    assert.deepEqual(now.own, before.own)
    assert.notDeepEqual(now.shared, before.shared)
  })

  it('shows another network ACL of a subnet, and a group and an ACL of Cleanroom\'s in the VPC', async () => {
    const { ec2 } = world
    const before = await witness.portrait(lone1.instanceId)
    const Tags = [{ Key: 'cleanroom:managed', Value: 'true' }]
    const { NetworkAcl } = await ec2.send(new EC2.CreateNetworkAclCommand({ VpcId: lone1.vpcId, TagSpecifications: [{ ResourceType: 'network-acl', Tags }] }))
    const { GroupId } = await ec2.send(new EC2.CreateSecurityGroupCommand({
      VpcId: lone1.vpcId, GroupName: 'isolation', Description: 'isolation', TagSpecifications: [{ ResourceType: 'security-group', Tags }]
    }))
    const made = await witness.portrait(lone1.instanceId)
    assert.deepEqual(made.own, before.own)
    assert.deepEqual(differences(before.shared, made.shared).map((each) => each.split('.')[0]).sort(), ['networkAcls', 'securityGroups'])

    const standing = await ec2.send(new EC2.DescribeNetworkAclsCommand({ Filters: [{ Name: 'association.subnet-id', Values: [lone1.subnetId] }] }))
    const { NetworkAclAssociationId } = standing.NetworkAcls![0]!.Associations!.find(({ SubnetId }) => SubnetId === lone1.subnetId)!
    const replaced = await ec2.send(new EC2.ReplaceNetworkAclAssociationCommand({ AssociationId: NetworkAclAssociationId!, NetworkAclId: NetworkAcl!.NetworkAclId! }))
    assert.match(differences(before.own, (await witness.portrait(lone1.instanceId)).own).join('; '), new RegExp(`subnets.*${NetworkAcl!.NetworkAclId!}`))

    await ec2.send(new EC2.ReplaceNetworkAclAssociationCommand({ AssociationId: replaced.NewAssociationId!, NetworkAclId: standing.NetworkAcls![0]!.NetworkAclId! }))
    await ec2.send(new EC2.DeleteNetworkAclCommand({ NetworkAclId: NetworkAcl!.NetworkAclId! }))
    await ec2.send(new EC2.DeleteSecurityGroupCommand({ GroupId: GroupId! }))
    assert.deepEqual(await witness.portrait(lone1.instanceId), before)
  })
})
