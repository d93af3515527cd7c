import assert from 'node:assert/strict'
import * as pulumi from '@pulumi/pulumi'
import { exampleDisk, exampleRoom, EXAMPLE_BASELINE } from './example-room.ts'
import { cleanRoomProgram } from './program.ts'
import type { CleanRoomInput } from './room-input.ts'

interface Declared { type: string, name: string, inputs: Record<string, unknown> }

/** Runs the program against an engine that records, and that throws on a call nobody expects. */
async function declare (input: CleanRoomInput): Promise<{ declared: Declared[], outputs: Record<string, unknown>, calls: string[] }> {
  const declared: Declared[] = []
  const calls: string[] = []
  await pulumi.runtime.setMocks({
    newResource: ({ type, name, inputs }) => {
      declared.push({ type, name, inputs: inputs as Record<string, unknown> })
      const computed = { prefixListId: 'pl-s3', arn: `arn:${name}`, availabilityZone: 'eu-central-1a' }
      return { id: `${name}-id`, state: { ...computed, ...inputs } }
    },
    call: ({ token, inputs }) => {
      calls.push(token)
      if (token === 'aws:ssm/getParameter:getParameter') return { ...inputs, value: 'ami-from-parameter' }
      throw new Error(`the program may not call ${token}`)
    }
  })
  const outputs = await cleanRoomProgram(input)()
  const settled = await new Promise<Record<string, unknown>>(resolve => { pulumi.output(outputs).apply(resolve) })
  return { declared, outputs: settled, calls }
}

const withDisks = () => declare(exampleRoom({ volumes: [exampleDisk(0), exampleDisk(1)] }))
const ofType = ({ declared }: { declared: Declared[] }, type: string) => declared.filter(resource => resource.type === type)

/** What AWS has no tags for, and what isn't AWS's. */
const UNTAGGABLE = [
  'pulumi:providers:aws', 'aws:ec2/routeTableAssociation:RouteTableAssociation', 'aws:ec2/volumeAttachment:VolumeAttachment', 'aws:iam/rolePolicy:RolePolicy'
]

describe('The clean room\'s stack', () => {
  it('has no kind of resource that leads out of the room', async () => {
    const types = new Set((await withDisks()).declared.map(({ type }) => type))
    assert.deepEqual([...types].filter(type => !type.startsWith('cleanroom:')).sort(), [
      'aws:ebs/volume:Volume',
      'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup',
      'aws:ec2/flowLog:FlowLog',
      'aws:ec2/instance:Instance',
      'aws:ec2/routeTable:RouteTable',
      'aws:ec2/routeTableAssociation:RouteTableAssociation',
      'aws:ec2/securityGroup:SecurityGroup',
      'aws:ec2/subnet:Subnet',
      'aws:ec2/volumeAttachment:VolumeAttachment',
      'aws:ec2/vpc:Vpc',
      'aws:ec2/vpcEndpoint:VpcEndpoint',
      'aws:iam/instanceProfile:InstanceProfile',
      'aws:iam/role:Role',
      'aws:iam/rolePolicy:RolePolicy',
      'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule',
      'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule',
      'pulumi:providers:aws'
    ])
  })

  it('puts no route into its route table', async () => {
    for (const { inputs } of ofType(await withDisks(), 'aws:ec2/routeTable:RouteTable')) assert.equal(inputs.routes, undefined)
  })

  it('tags everything that takes tags, in the creating call', async () => {
    for (const { type, name, inputs } of (await withDisks()).declared) {
      if (type.startsWith('cleanroom:') || UNTAGGABLE.includes(type)) continue
      const tags = inputs.tags as Record<string, string> | undefined
      assert.equal(tags?.['cleanroom:managed'], 'true', name)
      assert.equal(tags['cleanroom:incident'], 'inc-1', name)
      assert.equal(tags['cleanroom:purpose'], 'clean-room', name)
      assert.match(tags.Name ?? '', /^clean-room-inc-1-/, name)
    }
  })

  it('acts by the build role in the baseline\'s account and Region, whoever the process is', async () => {
    const [provider] = ofType(await withDisks(), 'pulumi:providers:aws')
    assert.equal(provider?.inputs.region, 'eu-central-1')
    assert.deepEqual(JSON.parse(provider.inputs.allowedAccountIds as string), ['123456789012'])
    assert.deepEqual(JSON.parse(provider.inputs.assumeRoles as string), [{ roleArn: EXAMPLE_BASELINE.roles.build, sessionName: 'cleanroom-inc-1' }])
  })

  it('opens no way into the workstation and one out: 443 to the endpoints and S3', async () => {
    const room = await withDisks()
    const rules = [...ofType(room, 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule'), ...ofType(room, 'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule')]
    assert.deepEqual(rules.map(({ type, inputs }) => [
      type.includes('Ingress') ? 'in' : 'out', inputs.securityGroupId, inputs.ipProtocol, inputs.fromPort, inputs.toPort, inputs.referencedSecurityGroupId ?? inputs.prefixListId
    ].join(' ')).sort(), [
      'in network-endpoint-group-id tcp 443 443 network-workstation-group-id',
      'out network-workstation-group-id tcp 443 443 network-endpoint-group-id',
      'out network-workstation-group-id tcp 443 443 pl-s3'
    ])
    for (const { name, inputs } of [...ofType(room, 'aws:ec2/securityGroup:SecurityGroup'), ...ofType(room, 'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup')]) {
      assert.deepEqual([inputs.ingress, inputs.egress], [undefined, undefined], name)
    }
  })

  it('gives the workstation no public address and no key pair, and its metadata only to IMDSv2 on the machine itself', async () => {
    const room = await withDisks()
    const [workstation, ...more] = ofType(room, 'aws:ec2/instance:Instance')
    assert.equal(more.length, 0)
    assert.equal(workstation?.inputs.associatePublicIpAddress, false)
    assert.equal(workstation.inputs.keyName, undefined)
    assert.deepEqual(workstation.inputs.vpcSecurityGroupIds, ['network-workstation-group-id'])
    assert.deepEqual(workstation.inputs.metadataOptions, {
      httpEndpoint: 'enabled', httpTokens: 'required', httpPutResponseHopLimit: 1, instanceMetadataTags: 'disabled'
    })
    for (const { inputs } of ofType(room, 'aws:ec2/subnet:Subnet')) assert.equal(inputs.mapPublicIpOnLaunch, false)
  })

  it('encrypts every disk with the evidence key', async () => {
    const room = await withDisks()
    const root = ofType(room, 'aws:ec2/instance:Instance')[0]?.inputs.rootBlockDevice as Record<string, unknown>
    const disks = [root, ...ofType(room, 'aws:ebs/volume:Volume').map(({ inputs }) => inputs)]
    assert.equal(disks.length, 4)
    for (const { encrypted, kmsKeyId } of disks) assert.deepEqual([encrypted, kmsKeyId], [true, EXAMPLE_BASELINE.evidenceKeyArn])
  })

  it('bounds the workstation\'s role and lets only EC2 hand it out', async () => {
    const [role] = ofType(await withDisks(), 'aws:iam/role:Role')
    assert.equal(role?.inputs.path, '/cleanroom/rooms/')
    assert.equal(role.inputs.permissionsBoundary, EXAMPLE_BASELINE.workstation.boundaryArn)
    assert.deepEqual(JSON.parse(role.inputs.assumeRolePolicy as string).Statement, [
      { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }
    ])
  })

  it('names no other incident in any policy', async () => {
    const policies = (await withDisks()).declared.flatMap(({ inputs }) => typeof inputs.policy === 'string' ? [inputs.policy] : [])
    assert.equal(policies.length, 5)
    for (const policy of policies) {
      assert.match(policy, /inc-1/)
      assert.doesNotMatch(policy, /incidents\/\*/)
    }
  })

  it('sends flow logs of all traffic to this incident\'s evidence', async () => {
    const [log] = ofType(await withDisks(), 'aws:ec2/flowLog:FlowLog')
    assert.equal(log?.inputs.logDestination, 'arn:aws:s3:::evidence/incidents/inc-1/flow-logs/')
    assert.equal(log.inputs.trafficType, 'ALL')
  })

  it('attaches a copy of each disk under the name it was given, and says which is which', async () => {
    const room = await withDisks()
    assert.deepEqual(ofType(room, 'aws:ec2/volumeAttachment:VolumeAttachment').map(({ inputs }) => [inputs.deviceName, inputs.volumeId]), [
      ['/dev/sdz', 'workstation-scratch-id'], ['/dev/sdf', 'volumes-copy-snap-0-id'], ['/dev/sdg', 'volumes-copy-snap-1-id']
    ])
    assert.deepEqual(room.outputs.volumes, [
      { volumeId: 'volumes-copy-snap-0-id', snapshotId: 'snap-0', device: '/dev/sdf', instanceId: 'i-suspect', sourceVolumeId: 'vol-0' },
      { volumeId: 'volumes-copy-snap-1-id', snapshotId: 'snap-1', device: '/dev/sdg', instanceId: 'i-suspect', sourceVolumeId: 'vol-1' }
    ])
  })

  it('declares the same room with and without disks, so that adding them touches nothing else', async () => {
    const [empty, full] = [await declare(exampleRoom()), await withDisks()]
    const added = full.declared.filter(({ name }) => !empty.declared.some(resource => resource.name === name)).map(({ name }) => name)
    assert.deepEqual(added.sort(), [
      'volumes-copy-snap-0', 'volumes-copy-snap-0-attachment', 'volumes-copy-snap-1', 'volumes-copy-snap-1-attachment'
    ])
    for (const { name, inputs } of empty.declared) {
      assert.deepEqual(full.declared.find(resource => resource.name === name)?.inputs, inputs, name)
    }
  })

  it('takes the image by id, or from the parameter that holds it', async () => {
    const byId = await withDisks()
    assert.deepEqual([byId.calls, ofType(byId, 'aws:ec2/instance:Instance')[0]?.inputs.ami], [[], 'ami-12345678'])
    const baseline = { ...EXAMPLE_BASELINE, workstation: { ...EXAMPLE_BASELINE.workstation, image: '/cleanroom/workstation/image' } }
    const byParameter = await declare(exampleRoom({ baseline }))
    assert.equal(ofType(byParameter, 'aws:ec2/instance:Instance')[0]?.inputs.ami, 'ami-from-parameter')
  })
})
