import assert from 'node:assert/strict'
import { PLAIN_INSTANCE } from './facts-for-tests.ts'
import { awsError, fakeClients, filterOf, type Answer, type FakeClients } from './fake-clients.ts'
import { surveyInstance } from './survey-instance.ts'
import type { InstanceFacts, Read, Surroundings } from './target-facts.ts'

const ROLE_TRUST = JSON.stringify({ Statement: [{ Effect: 'Allow', Principal: { Service: ['ec2.amazonaws.com', 'ssm.amazonaws.com'] }, Action: 'sts:AssumeRole' }] })

const FACTS: InstanceFacts = {
  ...PLAIN_INSTANCE,
  instanceType: 'm5d.large',
  interfaces: [
    { interfaceId: 'eni-1', kind: 'interface', deviceIndex: 0, networkCardIndex: 0, subnetId: 'subnet-1', securityGroupIds: ['sg-web'], privateAddresses: ['10.0.0.5'], ipv6Addresses: ['2001:db8::5'], elasticAddresses: [] },
    { interfaceId: 'eni-2', kind: 'interface', deviceIndex: 1, networkCardIndex: 0, subnetId: 'subnet-2', securityGroupIds: ['sg-db'], privateAddresses: ['10.0.1.5'], ipv6Addresses: [], elasticAddresses: [] }
  ],
  instanceProfileArn: 'arn:aws:iam::123456789012:instance-profile/app/web'
}

/** An account in which the instance is alone and has nothing. */
const NOTHING: Record<string, Answer> = {
  DescribeAutoScalingInstances: () => ({ AutoScalingInstances: [] }),
  DescribeTargetGroups: () => ({ TargetGroups: [] }),
  DescribeLoadBalancers: () => ({ LoadBalancerDescriptions: [] }),
  GetInstanceProfile: () => ({ InstanceProfile: { Roles: [] } }),
  DescribeNetworkAcls: () => ({
    NetworkAcls: [{ Associations: ['1', '2'].map((n) => ({ NetworkAclAssociationId: `aclassoc-${n}`, NetworkAclId: 'acl-1', SubnetId: `subnet-${n}` })) }]
  }),
  DescribeNetworkInterfaces: () => ({ NetworkInterfaces: [] }),
  DescribeInstances: () => ({ Reservations: [] }),
  DescribeVpcEndpoints: () => ({ VpcEndpoints: [] }),
  DescribeFlowLogs: () => ({ FlowLogs: [] }),
  DescribeInstanceStatus: () => ({ InstanceStatuses: [] }),
  DescribeInstanceTypes: () => ({ InstanceTypes: [{ InstanceType: 'm5.large' }] })
}

const world = (answers: Record<string, Answer> = {}): FakeClients => fakeClients({ ...NOTHING, ...answers })

async function survey (answers: Record<string, Answer> = {}, options: Partial<Parameters<typeof surveyInstance>[2]> = {}, facts = FACTS): Promise<Read<Surroundings>> {
  return await surveyInstance(world(answers), facts, { accessKeyIds: [], ...options })
}

/** As flow logs name their fields. */
const format = (...fields: string[]): string => fields.map((field) => `\${${field}}`).join(' ')

const unreadOf = ({ facts }: Read<Surroundings>): string[][] => facts.unread.map(({ what, code }) => [what, code])

describe('the survey of what surrounds an instance', () => {
  it('finds nothing where there is nothing, and says that all was read', async () => {
    const { facts } = await survey()
    assert.deepEqual(facts, {
      targets: [],
      classicLoadBalancers: [],
      subnets: ['1', '2'].map((n) => ({ subnetId: `subnet-${n}`, networkAclId: 'acl-1', associationId: `aclassoc-${n}`, neighbours: [] })),
      othersInVpc: [],
      ssmEndpoints: [],
      accessKeys: [],
      flowLogs: [],
      scheduledEvents: [],
      unread: []
    })
  })

  it('reads all parts side by side: each has sent its first call before any is answered', async () => {
    let go = (): void => {}
    const gate = new Promise<void>((resolve) => { go = resolve })
    const clients = fakeClients(Object.fromEntries(Object.entries(NOTHING).map(([name, answer]): [string, Answer] => [name, async (...args) => {
      await gate
      return await answer(...args)
    }])))
    const surveying = surveyInstance(clients, FACTS, { accessKeyIds: [] })
    await new Promise(setImmediate)
    assert.deepEqual([...new Set(clients.sent.map(({ name }) => name))].sort(), Object.keys(NOTHING).sort())
    go()
    await surveying
  })

  it('knows the Auto Scaling group with its limits, members and target groups', async () => {
    const { facts, sections } = await survey({
      DescribeAutoScalingInstances: () => ({ AutoScalingInstances: [{ AutoScalingGroupName: 'web', LifecycleState: 'InService' }] }),
      DescribeAutoScalingGroups: () => ({
        AutoScalingGroups: [{
          DesiredCapacity: 2,
          MinSize: 1,
          MaxSize: 4,
          Instances: [{ InstanceId: 'i-2' }, { InstanceId: 'i-1' }],
          VPCZoneIdentifier: 'subnet-2,subnet-1',
          TargetGroupARNs: ['arn:tg/b'],
          TrafficSources: [{ Type: 'elbv2', Identifier: 'arn:tg/a' }, { Type: 'elbv2', Identifier: 'arn:tg/b' }, { Type: 'elb', Identifier: 'old' }]
        }]
      })
    })
    assert.deepEqual(facts.autoScaling, {
      group: 'web', lifecycleState: 'InService', desiredCapacity: 2, minSize: 1, maxSize: 4, members: ['i-1', 'i-2'], subnetIds: ['subnet-1', 'subnet-2'], targetGroupArns: ['arn:tg/a', 'arn:tg/b']
    })
    assert.ok('data' in sections.autoScalingGroup!)
  })

  describe('of target groups', () => {
    const groups = (count: number, more: object = {}) => Array.from({ length: count }, (_, n) => ({ TargetGroupArn: `arn:tg/${n}`, TargetType: 'instance', VpcId: 'vpc-1', ...more }))

    it('finds registrations by id, by address and by IPv6 address, on every port', async () => {
      const registered: Record<string, object[]> = {
        'arn:tg/0': [{ Target: { Id: 'i-1', Port: 80 } }, { Target: { Id: 'i-1', Port: 81 } }, { Target: { Id: 'i-2', Port: 80 } }],
        'arn:tg/1': [{ Target: { Id: '10.0.1.5', Port: 443, AvailabilityZone: 'eu-central-1a' } }],
        'arn:tg/2': [{ Target: { Id: '2001:db8::5', Port: 443 } }],
        'arn:tg/3': [{ Target: { Id: 'i-1', Port: 80 }, TargetHealth: { State: 'draining' } }]
      }
      const { facts } = await survey({
        DescribeTargetGroups: () => ({ TargetGroups: groups(4) }),
        DescribeTargetHealth: ({ TargetGroupArn }) => ({ TargetHealthDescriptions: registered[TargetGroupArn as string] })
      })
      assert.deepEqual(facts.targets, [
        { targetGroupArn: 'arn:tg/0', targetId: 'i-1', port: 80 },
        { targetGroupArn: 'arn:tg/0', targetId: 'i-1', port: 81 },
        { targetGroupArn: 'arn:tg/1', targetId: '10.0.1.5', port: 443, availabilityZone: 'eu-central-1a' },
        { targetGroupArn: 'arn:tg/2', targetId: '2001:db8::5', port: 443 }
      ])
    })

    it('leaves groups of another VPC alone, where the same address is another machine', async () => {
      const { facts } = await survey({
        DescribeTargetGroups: () => ({ TargetGroups: groups(1, { VpcId: 'vpc-2', TargetType: 'ip' }) }),
        DescribeTargetHealth: () => ({ TargetHealthDescriptions: [{ Target: { Id: '10.0.0.5', Port: 80 } }] })
      })
      assert.deepEqual(facts.targets, [])
    })

    it('finds those in the VPC of a further interface', async () => {
      const elsewhere = { ...FACTS, interfaces: [FACTS.interfaces[0]!, { ...FACTS.interfaces[1]!, vpcId: 'vpc-2' }] }
      const { facts } = await survey({
        DescribeTargetGroups: () => ({ TargetGroups: [...groups(1, { VpcId: 'vpc-2', TargetType: 'ip' }), ...groups(1, { TargetGroupArn: 'arn:tg/far', VpcId: 'vpc-3', TargetType: 'ip' })] }),
        DescribeTargetHealth: () => ({ TargetHealthDescriptions: [{ Target: { Id: '10.0.1.5', Port: 80 } }] })
      }, {}, elsewhere)
      assert.deepEqual(facts.targets.map(({ targetGroupArn }) => targetGroupArn), ['arn:tg/0'])
      assert.deepEqual(facts.subnets.map(({ subnetId, vpcId }) => [subnetId, vpcId]), [['subnet-1', undefined], ['subnet-2', 'vpc-2']])
    })

    it('asks no more than 25 of them at once', async () => {
      let [now, most] = [0, 0]
      await survey({
        DescribeTargetGroups: () => ({ TargetGroups: groups(90) }),
        DescribeTargetHealth: async () => {
          most = Math.max(most, ++now)
          await new Promise(setImmediate)
          now--
          return { TargetHealthDescriptions: [] }
        }
      })
      assert.equal(most, 25)
    })

    it('passes over one that was deleted since it was listed', async () => {
      const result = await survey({
        DescribeTargetGroups: () => ({ TargetGroups: groups(2) }),
        DescribeTargetHealth: ({ TargetGroupArn }) => {
          if (TargetGroupArn === 'arn:tg/0') throw awsError('TargetGroupNotFoundException')
          return { TargetHealthDescriptions: [{ Target: { Id: 'i-1', Port: 80 } }] }
        }
      })
      assert.deepEqual(result.facts.targets.map(({ targetGroupArn }) => targetGroupArn), ['arn:tg/1'])
      assert.deepEqual(unreadOf(result), [])
    })

    it('keeps what was found when time is up, and says that there may be more', async () => {
      const result = await survey({
        DescribeTargetGroups: () => ({ TargetGroups: groups(2) }),
        DescribeTargetHealth: async ({ TargetGroupArn }) => TargetGroupArn === 'arn:tg/0'
          ? { TargetHealthDescriptions: [{ Target: { Id: 'i-1', Port: 80 } }] }
          : await new Promise(() => {})
      }, { limits: { targets: 30 } })
      assert.deepEqual(result.facts.targets.map(({ targetGroupArn }) => targetGroupArn), ['arn:tg/0'])
      assert.deepEqual(unreadOf(result), [['targets', 'TIMED_OUT']])
    })
  })

  it('finds the classic load balancers that have the instance', async () => {
    const { facts } = await survey({
      DescribeLoadBalancers: () => ({
        LoadBalancerDescriptions: [
          { LoadBalancerName: 'old-b', Instances: [{ InstanceId: 'i-1' }] },
          { LoadBalancerName: 'other', Instances: [{ InstanceId: 'i-2' }] },
          { LoadBalancerName: 'old-a', Instances: [{ InstanceId: 'i-2' }, { InstanceId: 'i-1' }] }
        ]
      })
    })
    assert.deepEqual(facts.classicLoadBalancers, ['old-a', 'old-b'])
  })

  describe('of the role', () => {
    const role = (more: object = {}) => ({ RoleName: 'web-role', Arn: 'arn:aws:iam::123456789012:role/web-role', RoleId: 'AROAWEB', Path: '/', AssumeRolePolicyDocument: encodeURIComponent(ROLE_TRUST), ...more })
    const answers: Record<string, Answer> = {
      GetInstanceProfile: () => ({ InstanceProfile: { Roles: [role()] } }),
      ListInstanceProfilesForRole: () => ({ InstanceProfiles: [{ Arn: 'arn:profile/web' }, { Arn: 'arn:profile/batch' }] }),
      DescribeInstances: (input) => ({
        Reservations: filterOf(input, 'iam-instance-profile.arn')?.join() === 'arn:profile/web,arn:profile/batch' && filterOf(input, 'instance-state-name')
          ? [{ Instances: [{ InstanceId: 'i-9' }, { InstanceId: 'i-1' }] }, { Instances: [{ InstanceId: 'i-8' }] }]
          : []
      })
    }

    it('tells who else has it: other instances of any of its profiles, other principals of its trust policy', async () => {
      const clients = world(answers)
      const { facts } = await surveyInstance(clients, FACTS, { accessKeyIds: [] })
      assert.deepEqual(facts.role, {
        roleName: 'web-role',
        roleArn: 'arn:aws:iam::123456789012:role/web-role',
        roleId: 'AROAWEB',
        serviceLinked: false,
        otherInstances: ['i-8', 'i-9'],
        otherPrincipals: ['ssm.amazonaws.com']
      })
      const states = clients.sent.filter(({ name }) => name === 'DescribeInstances').map(({ input }) => filterOf(input, 'instance-state-name'))
      assert.ok(states.every((values) => values && !values.includes('terminated')))
      assert.deepEqual(clients.sent.find(({ name }) => name === 'GetInstanceProfile')!.input, { InstanceProfileName: 'web' }, 'a profile has a path; IAM wants its name')
    })

    it('tells a role that AWS owns by its path', async () => {
      const { facts } = await survey({ ...answers, GetInstanceProfile: () => ({ InstanceProfile: { Roles: [role({ Path: '/aws-service-role/autoscaling.amazonaws.com/' })] } }) })
      assert.equal(facts.role!.serviceLinked, true)
    })

    it('knows the role also when it could not be told who else has it, and says so', async () => {
      const result = await survey({ ...answers, ListInstanceProfilesForRole: () => { throw awsError('AccessDenied') } })
      assert.deepEqual([result.facts.role!.roleName, result.facts.role!.otherInstances, result.facts.role!.otherPrincipals], ['web-role', [], ['ssm.amazonaws.com']])
      assert.deepEqual(unreadOf(result), [['role', 'AWS_ACCESS_DENIED']])
    })

    it('is absent without a profile, and asks nothing then', async () => {
      const { instanceProfileArn, ...without } = FACTS
      const { facts } = await survey({ GetInstanceProfile: () => { throw new Error('nobody asked') } }, {}, without)
      assert.ok(!('role' in facts))
      assert.deepEqual(facts.unread, [])
    })
  })

  describe('of who shares the network', () => {
    const interfaces = [
      { NetworkInterfaceId: 'eni-1', SubnetId: 'subnet-1', Attachment: { InstanceId: 'i-1' }, Status: 'in-use' },
      { NetworkInterfaceId: 'eni-5', SubnetId: 'subnet-1', Attachment: { InstanceId: 'i-5' }, InterfaceType: 'interface', Status: 'in-use' },
      { NetworkInterfaceId: 'eni-6', SubnetId: 'subnet-1', InterfaceType: 'nat_gateway', Description: 'Interface for NAT Gateway nat-1', Status: 'in-use' },
      { NetworkInterfaceId: 'eni-7', SubnetId: 'subnet-2', InterfaceType: 'lambda', Description: 'AWS Lambda VPC ENI-api\n\u001b[31m-1', Status: 'in-use' },
      { NetworkInterfaceId: 'eni-8', SubnetId: 'subnet-2', InterfaceType: 'interface', RequesterId: 'amazon-rds', Status: 'in-use' },
      { NetworkInterfaceId: 'eni-9', SubnetId: 'subnet-2', InterfaceType: 'interface', Status: 'available' }
    ]
    const answers: Record<string, Answer> = {
      DescribeNetworkInterfaces: () => ({ NetworkInterfaces: interfaces }),
      DescribeInstances: (input) => ({ Reservations: filterOf(input, 'vpc-id') ? [{ Instances: [{ InstanceId: 'i-5' }, { InstanceId: 'i-1' }, { InstanceId: 'i-4' }] }] : [] })
    }

    it('names the neighbours of each subnet, by whose they are, and nobody of its own', async () => {
      const { facts } = await survey(answers)
      assert.deepEqual(facts.subnets.map(({ neighbours }) => neighbours), [
        ['eni-5 of i-5', 'eni-6 (Interface for NAT Gateway nat-1)'],
        ['eni-7 (AWS Lambda VPC ENI-api [31m-1)', 'eni-8 (amazon-rds)', 'eni-9 (of nobody that EC2 names)']
      ])
    })

    it('names who asks the VPC\'s DNS: other instances, and what is in use and no instance, but no network device of AWS', async () => {
      const { facts } = await survey(answers)
      assert.deepEqual(facts.othersInVpc, ['i-4', 'i-5', 'eni-7 (AWS Lambda VPC ENI-api [31m-1)', 'eni-8 (amazon-rds)'])
    })

    it('gives no subnet when its neighbours or its network ACL are not known', async () => {
      const hidden = await survey({ ...answers, DescribeNetworkAcls: () => ({ NetworkAcls: [] }) })
      assert.deepEqual([hidden.facts.subnets, unreadOf(hidden)], [[], [['subnets', 'INTERNAL']]])
      const refused = await survey({ ...answers, DescribeNetworkInterfaces: () => { throw awsError('UnauthorizedOperation') } })
      assert.deepEqual([refused.facts.subnets, refused.facts.othersInVpc], [[], []])
      assert.deepEqual(unreadOf(refused), [['othersInVpc', 'AWS_ACCESS_DENIED'], ['subnets', 'AWS_ACCESS_DENIED']])
    })
  })

  describe('of endpoints of Systems Manager', () => {
    const endpoint = (service: string, State = 'available') => ({
      VpcEndpointId: `vpce-${service}`, ServiceName: `com.amazonaws.eu-central-1.${service}`, State, NetworkInterfaceIds: [`eni-${service}`]
    })
    const answers = (...endpoints: object[]): Record<string, Answer> => ({
      DescribeVpcEndpoints: () => ({ VpcEndpoints: endpoints }),
      DescribeNetworkInterfaces: (input) => ({
        NetworkInterfaces: filterOf(input, 'network-interface-id')?.map((NetworkInterfaceId) => ({
          NetworkInterfaceId, PrivateIpAddresses: [{ PrivateIpAddress: `10.0.0.${NetworkInterfaceId.length}` }], Ipv6Addresses: [{ Ipv6Address: `2001:db8::${NetworkInterfaceId.length}` }]
        })) ?? []
      })
    })

    it('gives the addresses of each, IPv4 and IPv6', async () => {
      const { facts } = await survey(answers(endpoint('ssm'), endpoint('ssmmessages'), endpoint('kms')))
      assert.deepEqual(facts.ssmEndpoints, [
        { endpointId: 'vpce-ssm', service: 'ssm', addresses: ['10.0.0.7', '2001:db8::7'] },
        { endpointId: 'vpce-ssmmessages', service: 'ssmmessages', addresses: ['10.0.0.15', '2001:db8::15'] }
      ])
    })

    it('gives none where the agent could not work through them', async () => {
      assert.deepEqual((await survey(answers(endpoint('ssm'), endpoint('ec2messages')))).facts.ssmEndpoints, [])
      assert.deepEqual((await survey(answers(endpoint('ssm'), endpoint('ssmmessages', 'pending')))).facts.ssmEndpoints, [])
    })
  })

  it('knows whose the access keys are that the request names, and names each that nobody knows', async () => {
    const result = await survey({
      GetAccessKeyLastUsed: ({ AccessKeyId }) => {
        if (AccessKeyId === 'AKIAUNKNOWN12345') throw awsError('AccessDenied', 'no such key of yours')
        return { UserName: 'mallory' }
      },
      ListAccessKeys: () => ({ AccessKeyMetadata: [{ AccessKeyId: 'AKIAMALLORY12345', Status: 'Active' }, { AccessKeyId: 'AKIASLEEPING1234', Status: 'Inactive' }] })
    }, { accessKeyIds: ['AKIASLEEPING1234', 'AKIAUNKNOWN12345', 'AKIAMALLORY12345'] })
    assert.deepEqual(result.facts.accessKeys, [
      { accessKeyId: 'AKIAMALLORY12345', userName: 'mallory', active: true },
      { accessKeyId: 'AKIASLEEPING1234', userName: 'mallory', active: false }
    ])
    assert.equal(result.facts.unread.length, 1)
    assert.match(result.facts.unread[0]!.message, /AKIAUNKNOWN12345/)
  })

  it('knows the flow logs that can show traffic going on', async () => {
    const clients = world({
      DescribeFlowLogs: () => ({
        FlowLogs: [
          { FlowLogId: 'fl-3', ResourceId: 'vpc-1', FlowLogStatus: 'ACTIVE', TrafficType: 'ALL', LogDestinationType: 's3', LogDestination: 'arn:aws:s3:::logs/vpc', LogFormat: format('interface-id', 'action'), MaxAggregationInterval: 60 },
          { FlowLogId: 'fl-1', ResourceId: 'eni-1', FlowLogStatus: 'ACTIVE', TrafficType: 'ACCEPT', LogDestinationType: 'cloud-watch-logs', LogGroupName: '/flows' },
          { FlowLogId: 'fl-2', ResourceId: 'subnet-1', FlowLogStatus: 'ACTIVE', TrafficType: 'ALL', LogDestinationType: 'cloud-watch-logs', LogDestination: 'arn:aws:logs:eu-central-1:123456789012:log-group:/more:*', LogFormat: format('end') },
          { FlowLogId: 'fl-4', ResourceId: 'eni-2', FlowLogStatus: 'ACTIVE', TrafficType: 'REJECT', LogDestinationType: 'cloud-watch-logs', LogGroupName: '/refused' },
          { FlowLogId: 'fl-5', ResourceId: 'eni-2', FlowLogStatus: 'INACTIVE', TrafficType: 'ALL', LogDestinationType: 'cloud-watch-logs', LogGroupName: '/gone' }
        ]
      })
    })
    const { facts } = await surveyInstance(clients, FACTS, { accessKeyIds: [] })
    assert.deepEqual(facts.flowLogs.map(({ format, ...rest }) => rest), [
      { flowLogId: 'fl-1', resourceId: 'eni-1', destination: 'cloud-watch-logs', destinationName: '/flows', aggregationSeconds: 600 },
      { flowLogId: 'fl-2', resourceId: 'subnet-1', destination: 'cloud-watch-logs', destinationName: '/more', aggregationSeconds: 600 },
      { flowLogId: 'fl-3', resourceId: 'vpc-1', destination: 's3', destinationName: 'arn:aws:s3:::logs/vpc', aggregationSeconds: 60 }
    ])
    assert.match(facts.flowLogs[0]!.format, /^\$\{version\} \$\{account-id\} \$\{interface-id\} .* \$\{action\} \$\{log-status\}$/)
    const asked = clients.sent.filter(({ name }) => name === 'DescribeFlowLogs').flatMap(({ input }) => filterOf(input, 'resource-id')!)
    assert.deepEqual(asked.sort(), ['eni-1', 'eni-2', 'subnet-1', 'subnet-2', 'vpc-1'])
  })

  it('tells scheduled events that are still to come, in words', async () => {
    const { facts } = await survey({
      DescribeInstanceStatus: () => ({
        InstanceStatuses: [{
          Events: [
            { Code: 'instance-retirement', Description: 'The instance is running on degraded hardware', NotBefore: new Date('2026-03-09T00:00:00Z') },
            { Code: 'system-reboot', Description: '[Completed] scheduled reboot', NotBefore: new Date('2026-02-09T00:00:00Z') }
          ]
        }]
      })
    })
    assert.deepEqual(facts.scheduledEvents, ['instance-retirement not before 2026-03-09T00:00:00.000Z: The instance is running on degraded hardware'])
  })

  it('knows the disks of the host, which EC2 tells by the instance\'s type alone', async () => {
    const { facts } = await survey({
      DescribeInstanceTypes: () => ({ InstanceTypes: [{ InstanceStorageInfo: { TotalSizeInGB: 75, Disks: [{ Count: 1, SizeInGB: 75 }] } }] })
    })
    assert.deepEqual(facts.instanceStore, { disks: 1, gib: 70 })
  })

  it('loses no other part to one that is refused, throttled or silent', async () => {
    const result = await survey({
      DescribeAutoScalingInstances: () => { throw awsError('AccessDenied', 'not allowed') },
      DescribeTargetGroups: () => { throw awsError('Throttling') },
      DescribeLoadBalancers: async () => await new Promise(() => {}),
      DescribeInstanceStatus: () => ({ InstanceStatuses: [{ Events: [{ Code: 'system-reboot', Description: 'soon' }] }] })
    }, { limits: { classicLoadBalancers: 20 } })
    assert.deepEqual(unreadOf(result), [['autoScaling', 'AWS_ACCESS_DENIED'], ['classicLoadBalancers', 'TIMED_OUT'], ['targets', 'AWS_THROTTLED']])
    assert.deepEqual(result.facts.scheduledEvents, ['system-reboot: soon'])
    assert.equal(result.facts.subnets.length, 2)
    assert.match(JSON.stringify(result.sections.autoScaling), /not allowed/)
  })

  it('does not change what it told once a part\'s time is up', async () => {
    let late = (_: object): void => {}
    const result = await survey({ DescribeLoadBalancers: async () => await new Promise((resolve) => { late = resolve }) }, { limits: { classicLoadBalancers: 20 } })
    const before = structuredClone(result)
    late({ LoadBalancerDescriptions: [{ LoadBalancerName: 'old', Instances: [{ InstanceId: 'i-1' }] }] })
    await new Promise(setImmediate)
    assert.deepEqual(result, before)
  })
})
