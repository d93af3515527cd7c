import assert from 'node:assert/strict'
import * as EC2 from '@aws-sdk/client-ec2'
import type { ActionContext } from '../../../controller/containment/actions/action.ts'
import { prepareIsolationGroup } from '../../../controller/containment/actions/isolation.ts'
import { rulesOf } from '../../../controller/containment/actions/security-groups.ts'
import { allowSsmEndpoints, closeSsmPath } from '../../../controller/containment/actions/ssm-path.ts'
import { planned, startActionWorld, type ActionWorld, type Network } from '../action-world.ts'

const ADDRESSES = ['10.30.1.20', '10.30.2.20', 'fd00:ec2:0:0::20']
const OPEN = { addresses: ['10.30.1.20', '10.30.2.20', 'fd00:ec2::20'] }
const CLOSED = { addresses: [] }

describe('The way to Systems Manager', function () {
  this.timeout(60_000)

  let world: ActionWorld
  let ec2: EC2.EC2Client
  let network: Network
  let context: ActionContext
  before(async () => {
    world = await startActionWorld()
    ec2 = world.clients.ec2
    network = await world.network()
  })
  after(async () => { await world?.stop() })
  beforeEach(async () => {
    context = world.context('i-1')
    const { groupId } = await prepareIsolationGroup.apply(context, planned('prepare-isolation-group', network.vpcId), {})
    context.isolationGroupId = groupId as string
  })
  afterEach(async () => { await world.faults() })

  const allow = () => planned('allow-ssm-endpoints', network.vpcId, { addresses: ADDRESSES })
  const close = () => planned('close-ssm-path', network.vpcId, { addresses: ADDRESSES })
  const rules = async (): Promise<string[]> => (await rulesOf(ec2, context.isolationGroupId!))
    .map(({ IsEgress, IpProtocol, FromPort, ToPort, CidrIpv4, CidrIpv6 }) => `${IsEgress ? 'out' : 'in'} ${IpProtocol} ${FromPort}-${ToPort} ${CidrIpv4 ?? CidrIpv6}`).sort()
  const onlyWay = ['out tcp 443-443 10.30.1.20/32', 'out tcp 443-443 10.30.2.20/32', 'out tcp 443-443 fd00:ec2::20/128']
  const letIn = async (): Promise<void> => {
    await ec2.send(new EC2.AuthorizeSecurityGroupIngressCommand({
      GroupId: context.isolationGroupId!, IpPermissions: [{ IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '0.0.0.0/0' }] }]
    }))
  }

  it('leads to each address of the endpoints, by HTTPS, and nowhere else', async () => {
    assert.deepEqual(await allowSsmEndpoints.observe(context, allow()), CLOSED)
    assert.deepEqual(await allowSsmEndpoints.apply(context, allow(), CLOSED), OPEN)
    assert.deepEqual((await rules()).map((rule) => rule.replace('fd00:ec2:0:0::20', 'fd00:ec2::20')), onlyWay)
  })

  it('is opened once, however often it is asked for', async () => {
    for (let time = 1; time <= 2; time++) assert.deepEqual(await allowSsmEndpoints.apply(context, allow(), CLOSED), OPEN)
    assert.equal((await rules()).length, 3)
  })

  it('is completed when an attempt was cut off, and closes what else was opened', async () => {
    await allowSsmEndpoints.apply(context, planned('allow-ssm-endpoints', network.vpcId, { addresses: ['10.30.1.20', '10.30.9.9'] }), CLOSED)
    await letIn()
    assert.deepEqual(await allowSsmEndpoints.apply(context, allow(), CLOSED), OPEN)
  })

  it('does not hide what somebody else opened', async () => {
    await letIn()
    assert.deepEqual(await allowSsmEndpoints.observe(context, allow()), { addresses: ['in from 0.0.0.0/0, tcp 22-22'] })
  })

  it('needs the group', async () => {
    await assert.rejects(allowSsmEndpoints.apply(world.context('i-2'), allow(), CLOSED), { code: 'ISOLATION_GROUP_NOT_EMPTY' })
  })

  it('is closed for good, with all that was added to it, also when it is closed already', async () => {
    await allowSsmEndpoints.apply(context, allow(), CLOSED)
    await letIn()
    for (let time = 1; time <= 2; time++) assert.deepEqual(await closeSsmPath.apply(context, close(), OPEN), CLOSED)
    assert.deepEqual(await rules(), [])
    assert.deepEqual(await closeSsmPath.undo(context, close(), { before: OPEN, after: CLOSED }), { now: CLOSED, restored: true })
    assert.deepEqual(await rules(), [])
  })

  it('is closed without the record of the group, and where there is none', async () => {
    await allowSsmEndpoints.apply(context, allow(), CLOSED)
    const { isolationGroupId: _, ...without } = context
    assert.deepEqual(await closeSsmPath.apply(without, close(), OPEN), CLOSED)
    assert.deepEqual(await rules(), [])
    assert.deepEqual(await closeSsmPath.apply(world.context('i-3'), close(), OPEN), CLOSED)
  })

  it('stays as it is when AWS refuses to close it, and says so', async () => {
    await allowSsmEndpoints.apply(context, allow(), CLOSED)
    await world.faults([{ action: 'RevokeSecurityGroupEgress', error: { code: 'UnauthorizedOperation', status: 403 } }])
    await assert.rejects(closeSsmPath.apply(context, close(), OPEN), { name: 'UnauthorizedOperation' })
  })

  it('goes with release, also when the group is gone', async () => {
    await allowSsmEndpoints.apply(context, allow(), CLOSED)
    for (let time = 1; time <= 2; time++) {
      assert.deepEqual(await allowSsmEndpoints.undo(context, allow(), { before: CLOSED, after: OPEN }), { now: CLOSED, restored: true })
      assert.deepEqual(await rules(), [])
    }
    await ec2.send(new EC2.DeleteSecurityGroupCommand({ GroupId: context.isolationGroupId! }))
    assert.deepEqual(await allowSsmEndpoints.undo(context, allow(), { before: CLOSED, after: OPEN }), { now: CLOSED, restored: true })
  })
})
