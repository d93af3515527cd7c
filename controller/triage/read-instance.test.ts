import assert from 'node:assert/strict'
import { awsError, fakeClients, filterOf, type Answer, type FakeClients } from './fake-clients.ts'
import { readInstance } from './read-instance.ts'
import { unreadable } from './sections.ts'
import type { InstanceFacts, Read } from './target-facts.ts'

const NOW = new Date('2026-03-01T10:00:00Z')
const SCOPE = { accountId: '123456789012', region: 'eu-central-1' }

const INSTANCE = {
  InstanceId: 'i-1',
  State: { Name: 'running' },
  VpcId: 'vpc-1',
  SubnetId: 'subnet-1',
  Placement: { AvailabilityZone: 'eu-central-1a' },
  InstanceType: 'm5.large',
  Architecture: 'arm64',
  IamInstanceProfile: { Arn: 'arn:aws:iam::123456789012:instance-profile/web' },
  Tags: [{ Key: 'Name', Value: 'web1' }],
  BlockDeviceMappings: [
    { DeviceName: '/dev/xvda', Ebs: { VolumeId: 'vol-1', DeleteOnTermination: true } },
    { DeviceName: '/dev/xvdf', Ebs: { VolumeId: 'vol-2', DeleteOnTermination: false } }
  ],
  NetworkInterfaces: [
    { NetworkInterfaceId: 'eni-1', SubnetId: 'subnet-1', InterfaceType: 'interface', Attachment: { DeviceIndex: 0, NetworkCardIndex: 0 }, Groups: [{ GroupId: 'sg-web' }], PrivateIpAddresses: [{ PrivateIpAddress: '10.0.0.5', Association: { PublicIp: '198.51.100.7', IpOwnerId: '123456789012' } }] },
    { NetworkInterfaceId: 'eni-2', SubnetId: 'subnet-2', InterfaceType: 'efa', Attachment: { DeviceIndex: 1, NetworkCardIndex: 0 }, Groups: [{ GroupId: 'sg-db' }], PrivateIpAddresses: [] }
  ]
}

const INTERFACES = [
  {
    NetworkInterfaceId: 'eni-2',
    SubnetId: 'subnet-2',
    InterfaceType: 'efa',
    Attachment: { DeviceIndex: 1, NetworkCardIndex: 0 },
    Groups: [{ GroupId: 'sg-db' }],
    PrivateIpAddresses: [
      { PrivateIpAddress: '10.0.1.5' },
      { PrivateIpAddress: '10.0.1.6', Association: { AllocationId: 'eipalloc-2', AssociationId: 'eipassoc-2', PublicIp: '198.51.100.8', IpOwnerId: '123456789012' } }
    ],
    Ipv6Addresses: [{ Ipv6Address: '2001:db8::5' }]
  },
  {
    NetworkInterfaceId: 'eni-1',
    SubnetId: 'subnet-1',
    InterfaceType: 'interface',
    Attachment: { DeviceIndex: 0, NetworkCardIndex: 0 },
    Groups: [{ GroupId: 'sg-web' }, { GroupId: 'sg-ssh' }],
    PrivateIpAddresses: [{ PrivateIpAddress: '10.0.0.5', Association: { PublicIp: '198.51.100.7', IpOwnerId: 'amazon' } }]
  }
]

const VOLUMES = [
  { VolumeId: 'vol-2', Size: 20, Encrypted: true, KmsKeyId: 'arn:key', Attachments: [{ InstanceId: 'i-1', Device: '/dev/xvdf', DeleteOnTermination: false }] },
  { VolumeId: 'vol-1', Size: 8, Attachments: [{ InstanceId: 'i-1', Device: '/dev/xvda', DeleteOnTermination: true }] }
]

function world (answers: Record<string, Answer> = {}): FakeClients {
  return fakeClients({
    DescribeInstances: () => ({ Reservations: [{ Instances: [INSTANCE] }] }),
    DescribeNetworkInterfaces: () => ({ NetworkInterfaces: INTERFACES }),
    DescribeVolumes: () => ({ Volumes: VOLUMES }),
    ...answers
  })
}

const read = async (clients: FakeClients, limits?: Parameters<typeof readInstance>[4]): Promise<Read<InstanceFacts>> =>
  await readInstance(clients, SCOPE, 'i-1', NOW, limits)

describe('reading an instance', () => {
  it('takes one round: every call is sent before any is answered', async () => {
    const sent: string[] = []
    let answer = (): void => {}
    const answered = new Promise<void>((resolve) => { answer = resolve })
    const waiting = (name: string, reply: object): Answer => async () => {
      sent.push(name)
      await answered
      return reply
    }
    const clients = world({
      DescribeInstances: waiting('instance', { Reservations: [{ Instances: [INSTANCE] }] }),
      DescribeNetworkInterfaces: waiting('interfaces', { NetworkInterfaces: INTERFACES }),
      DescribeVolumes: waiting('volumes', { Volumes: VOLUMES })
    })
    const reading = read(clients)
    await new Promise(setImmediate)
    assert.deepEqual(sent.sort(), ['instance', 'interfaces', 'volumes'])
    answer()
    await reading
    assert.equal(clients.sent.length, 3)
  })

  it('knows every interface with its addresses, and only Elastic IPs as addresses that can be taken off', async () => {
    const { facts } = await read(world())
    assert.deepEqual(facts.interfaces, [
      { interfaceId: 'eni-1', kind: 'interface', deviceIndex: 0, networkCardIndex: 0, subnetId: 'subnet-1', securityGroupIds: ['sg-web', 'sg-ssh'], privateAddresses: ['10.0.0.5'], ipv6Addresses: [], elasticAddresses: [] },
      {
        interfaceId: 'eni-2',
        kind: 'efa',
        deviceIndex: 1,
        networkCardIndex: 0,
        subnetId: 'subnet-2',
        securityGroupIds: ['sg-db'],
        privateAddresses: ['10.0.1.5', '10.0.1.6'],
        ipv6Addresses: ['2001:db8::5'],
        elasticAddresses: [{ allocationId: 'eipalloc-2', associationId: 'eipassoc-2', publicIp: '198.51.100.8', privateAddress: '10.0.1.6' }]
      }
    ])
  })

  it('knows its volumes, whether it is a Spot instance, and keeps AWS\'s own answers', async () => {
    const { facts, sections } = await read(world({
      DescribeInstances: () => ({ Reservations: [{ Instances: [{ ...INSTANCE, InstanceLifecycle: 'spot', Platform: 'windows' }] }] })
    }))
    assert.deepEqual(facts.volumes, [
      { volumeId: 'vol-1', device: '/dev/xvda', sizeGiB: 8, encrypted: false, deleteOnTermination: true },
      { volumeId: 'vol-2', device: '/dev/xvdf', sizeGiB: 20, encrypted: true, kmsKeyId: 'arn:key', deleteOnTermination: false }
    ])
    assert.deepEqual([facts.spot, facts.platform, facts.architecture, facts.tags], [true, 'windows', 'arm64', { Name: 'web1' }])
    assert.deepEqual(sections.networkInterfaces, { data: INTERFACES })
    assert.deepEqual(sections.volumes, { data: VOLUMES })
    assert.deepEqual(sections.readAt, { data: NOW.toISOString() })
    assert.equal((await read(world())).facts.spot, false)
  })

  it('isolates no fewer interfaces when they can\'t be described: the instance\'s own answer names them', async () => {
    const { facts, sections } = await read(world({ DescribeNetworkInterfaces: () => { throw awsError('UnauthorizedOperation') } }))
    assert.deepEqual(facts.interfaces.map(({ interfaceId, securityGroupIds, subnetId }) => [interfaceId, securityGroupIds, subnetId]),
      [['eni-1', ['sg-web'], 'subnet-1'], ['eni-2', ['sg-db'], 'subnet-2']])
    // Without its allocation an address can't be told from one that AWS lends.
    assert.deepEqual(facts.interfaces.flatMap(({ elasticAddresses }) => elasticAddresses), [])
    assert.deepEqual(unreadable(sections).map(({ what, code }) => [what, code]), [['networkInterfaces', 'AWS_ACCESS_DENIED']])
  })

  it('adds an interface that only the instance\'s own answer has yet', async () => {
    const { facts } = await read(world({ DescribeNetworkInterfaces: () => ({ NetworkInterfaces: INTERFACES.slice(1) }) }))
    assert.deepEqual(facts.interfaces.map(({ interfaceId }) => interfaceId), ['eni-1', 'eni-2'])
  })

  it('knows which disks would die with the instance even when volumes can\'t be described', async () => {
    const { facts, sections } = await read(world({ DescribeVolumes: () => { throw awsError('RequestLimitExceeded') } }))
    assert.deepEqual(facts.volumes.map(({ volumeId, device, deleteOnTermination }) => [volumeId, device, deleteOnTermination]),
      [['vol-1', '/dev/xvda', true], ['vol-2', '/dev/xvdf', false]])
    assert.deepEqual(unreadable(sections).map(({ what, code }) => [what, code]), [['volumes', 'AWS_THROTTLED']])
  })

  it('does not wait for volumes that are not told in time', async () => {
    let aborted = false
    const { facts, sections } = await read(world({
      DescribeVolumes: async (_, { abortSignal }) => await new Promise((_resolve, reject) => {
        abortSignal!.addEventListener('abort', () => { aborted = true; reject(new Error('aborted')) })
      })
    }), { interfacesMs: 5000, volumesMs: 20, branchesMs: 20 })
    assert.equal(facts.volumes.length, 2)
    assert.deepEqual(unreadable(sections).map(({ what, code }) => [what, code]), [['volumes', 'TIMED_OUT']])
    assert.ok(aborted, 'a call whose answer nobody waits for is ended')
  })

  it('fails when the instance itself can\'t be read, is gone or is ending', async () => {
    await assert.rejects(read(world({ DescribeInstances: () => { throw awsError('UnauthorizedOperation') } })), { code: 'AWS_ACCESS_DENIED' })
    await assert.rejects(read(world({ DescribeInstances: () => { throw awsError('InvalidInstanceID.NotFound') } })), { code: 'INSTANCE_NOT_FOUND' })
    for (const Name of ['terminated', 'shutting-down']) {
      await assert.rejects(read(world({ DescribeInstances: () => ({ Reservations: [{ Instances: [{ ...INSTANCE, State: { Name } }] }] }) })), { code: 'INSTANCE_TERMINATED' })
    }
  })

  describe('with a trunk interface', () => {
    const trunk = { ...INTERFACES[1]!, InterfaceType: 'trunk' }
    const branch = (id: string, group: string) => ({ NetworkInterfaceId: id, SubnetId: 'subnet-3', InterfaceType: 'branch', Groups: [{ GroupId: group }], PrivateIpAddresses: [{ PrivateIpAddress: '10.0.3.9' }] })
    const answers: Record<string, Answer> = {
      DescribeNetworkInterfaces: (input) => ({
        NetworkInterfaces: filterOf(input, 'attachment.instance-id')
          ? [trunk, INTERFACES[0]]
          : [branch('eni-b2', 'sg-pod'), branch('eni-b1', 'sg-pod')].filter(({ NetworkInterfaceId }) => filterOf(input, 'network-interface-id')!.includes(NetworkInterfaceId))
      }),
      DescribeTrunkInterfaceAssociations: () => ({
        InterfaceAssociations: [
          { TrunkInterfaceId: 'eni-1', BranchInterfaceId: 'eni-b1' },
          { TrunkInterfaceId: 'eni-of-another', BranchInterfaceId: 'eni-b9' },
          { TrunkInterfaceId: 'eni-1', BranchInterfaceId: 'eni-b2' },
          { TrunkInterfaceId: 'eni-1', BranchInterfaceId: 'eni-b-gone' }
        ]
      })
    }

    it('knows the branches of its own trunk, after the interfaces that are attached', async () => {
      const { facts, sections } = await read(world(answers))
      assert.deepEqual(facts.interfaces.map(({ interfaceId, kind, securityGroupIds }) => [interfaceId, kind, securityGroupIds]), [
        ['eni-1', 'trunk', ['sg-web', 'sg-ssh']], ['eni-2', 'efa', ['sg-db']], ['eni-b1', 'branch', ['sg-pod']], ['eni-b2', 'branch', ['sg-pod']]
      ])
      assert.deepEqual(unreadable(sections), [])
    })

    it('says when the branches could not be read, and goes on with the rest', async () => {
      const { facts, sections } = await read(world({ ...answers, DescribeTrunkInterfaceAssociations: () => { throw awsError('UnauthorizedOperation') } }))
      assert.deepEqual(facts.interfaces.map(({ interfaceId }) => interfaceId), ['eni-1', 'eni-2'])
      assert.deepEqual(unreadable(sections).map(({ what, code }) => [what, code]), [['branchInterfaces', 'AWS_ACCESS_DENIED']])
    })

    it('asks for no branches where there is no trunk', async () => {
      const clients = world()
      await read(clients)
      assert.ok(clients.sent.every(({ name }) => name !== 'DescribeTrunkInterfaceAssociations'))
    })
  })
})
