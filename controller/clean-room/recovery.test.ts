import assert from 'node:assert/strict'
import { compare, readState, type RoomResource, type StateResource } from './recovery.ts'
import { ROOM_RESOURCES } from './room-resources.ts'

const VPC = 'aws:ec2/vpc:Vpc'
const INSTANCE = 'aws:ec2/instance:Instance'
const ATTACHMENT = 'aws:ec2/volumeAttachment:VolumeAttachment'
const ROOT_DISK = 'root disk of the workstation'
const DEFAULT_GROUP = 'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup'

const inState = (type: string, id: string, outputs = {}): StateResource => ({ urn: `urn:${type}:${id}`, type, id, outputs })
const inAws = (type: string, id: string): RoomResource => ({ type, id })
const difference = (resources: StateResource[], found: RoomResource[]) => compare({ resources, pending: [] }, found)

describe('Comparing a stack\'s state with AWS', () => {
  it('finds nothing to do where both know the same', () => {
    assert.deepEqual(difference([inState(VPC, 'vpc-1')], [inAws(VPC, 'vpc-1')]), { orphans: [], lost: [] })
  })

  it('calls an orphan what AWS made and the state never learnt', () => {
    assert.deepEqual(difference([], [inAws(VPC, 'vpc-1')]).orphans, [inAws(VPC, 'vpc-1')])
  })

  it('calls lost what the state knows and AWS has no more', () => {
    assert.deepEqual(difference([inState(VPC, 'vpc-1')], []).lost, [inAws(VPC, 'vpc-1')])
  })

  it('knows an attachment by its volume and instance, for AWS has no id for it', () => {
    const attachment = inState(ATTACHMENT, 'vai-123', { volumeId: 'vol-1', instanceId: 'i-1' })
    assert.deepEqual(difference([attachment], [inAws(ATTACHMENT, 'vol-1:i-1')]), { orphans: [], lost: [] })
  })

  it('leaves a workstation\'s root disk to its workstation, and takes it when that is gone', () => {
    assert.deepEqual(difference([inState(INSTANCE, 'i-1')], [inAws(INSTANCE, 'i-1'), inAws(ROOT_DISK, 'vol-1')]).orphans, [])
    assert.deepEqual(difference([], [inAws(INSTANCE, 'i-1'), inAws(ROOT_DISK, 'vol-1')]).orphans, [inAws(INSTANCE, 'i-1')])
    assert.deepEqual(difference([], [inAws(ROOT_DISK, 'vol-1')]).orphans, [inAws(ROOT_DISK, 'vol-1')])
  })

  it('never takes a VPC\'s default group for an orphan', () => {
    assert.deepEqual(difference([inState(VPC, 'vpc-1')], [inAws(VPC, 'vpc-1'), inAws(DEFAULT_GROUP, 'sg-1')]).orphans, [])
  })

  it('pays no attention to what is no part of AWS', () => {
    assert.deepEqual(difference([inState('pulumi:providers:aws', 'p-1'), inState('cleanroom:room:IsolatedNetwork', '')], []), { orphans: [], lost: [] })
  })

  it('reads an export of a stack that never was brought up', () => {
    assert.deepEqual(readState({ version: 3, deployment: undefined }), { resources: [], pending: [] })
  })
})

describe('The table of a room\'s resources', () => {
  it('removes everything before what it stands on', () => {
    const order = ROOM_RESOURCES.map(({ type }) => type.split(':').at(-1)!)
    for (const [first, then] of [
      ['VolumeAttachment', 'Volume'], ['VolumeAttachment', 'Instance'], ['Instance', 'SecurityGroup'], ['Instance', 'Subnet'], ['Instance', 'InstanceProfile'],
      ['VpcEndpoint', 'SecurityGroup'], ['VpcEndpoint', 'RouteTable'], ['VpcEndpoint', 'Subnet'], ['SecurityGroupIngressRule', 'SecurityGroup'],
      ['SecurityGroupEgressRule', 'SecurityGroup'], ['RouteTableAssociation', 'RouteTable'], ['RouteTableAssociation', 'Subnet'], ['RouteTable', 'Vpc'], ['Subnet', 'Vpc'],
      ['SecurityGroup', 'Vpc'], ['FlowLog', 'Vpc'], ['InstanceProfile', 'Role'], ['RolePolicy', 'Role']
    ] as const) {
      assert.ok(order.includes(first) && order.indexOf(first) < order.indexOf(then), `${first} before ${then}`)
    }
  })

  it('names each kind once', () => {
    assert.equal(new Set(ROOM_RESOURCES.map(({ type }) => type)).size, ROOM_RESOURCES.length)
  })
})
