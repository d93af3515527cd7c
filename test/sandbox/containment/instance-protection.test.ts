import assert from 'node:assert/strict'
import * as EC2 from '@aws-sdk/client-ec2'
import type { Action } from '../../../controller/containment/actions/action.ts'
import { keepVolumes, protectFromStop, protectFromTermination, stopOnShutdown } from '../../../controller/containment/actions/instance-protection.ts'
import { restrictMetadata } from '../../../controller/containment/actions/metadata.ts'
import { tagQuarantined } from '../../../controller/containment/actions/tags.ts'
import type { ActionKind } from '../../../controller/containment/plan.ts'
import { planned, startActionWorld, type ActionWorld, type Network } from '../action-world.ts'
import { instanceStates, Rehearsal } from '../fleet-fixtures.ts'

describe('Protection of the instance itself', function () {
  this.timeout(60_000)

  let world: ActionWorld
  let ec2: EC2.EC2Client
  let network: Network
  let instanceId: string
  before(async () => {
    world = await startActionWorld()
    ec2 = world.clients.ec2
    network = await world.network()
  })
  after(async () => { await world?.stop() })
  beforeEach(async () => { ({ instanceId } = await world.machine(network)) })
  afterEach(async () => { await world.faults() })

  const on = (action: Action, kind: ActionKind, parameters: Record<string, unknown> = {}): Rehearsal =>
    new Rehearsal(action, world.context(instanceId), planned(kind, instanceId, parameters))
  const terminate = async (): Promise<void> => {
    await ec2.send(new EC2.ModifyInstanceAttributeCommand({ InstanceId: instanceId, DisableApiTermination: { Value: false } }))
    await ec2.send(new EC2.TerminateInstancesCommand({ InstanceIds: [instanceId] }))
    await EC2.waitUntilInstanceTerminated({ client: ec2, minDelay: 1, maxDelay: 1, maxWaitTime: 30 }, { InstanceIds: [instanceId] })
  }

  const protections: Array<{ action: Action, kind: ActionKind, before: Record<string, unknown>, after: Record<string, unknown> }> = [
    { action: protectFromTermination, kind: 'protect-from-termination', before: { disableApiTermination: false }, after: { disableApiTermination: true } },
    { action: protectFromStop, kind: 'protect-from-stop', before: { disableApiStop: false }, after: { disableApiStop: true } },
    { action: stopOnShutdown, kind: 'stop-on-shutdown', before: { instanceInitiatedShutdownBehavior: 'terminate' }, after: { instanceInitiatedShutdownBehavior: 'stop' } }
  ]
  for (const { action, kind, before, after } of protections) {
    describe(kind, () => {
      let rehearsal: Rehearsal
      beforeEach(async () => {
        if (kind === 'stop-on-shutdown') {
          await ec2.send(new EC2.ModifyInstanceAttributeCommand({ InstanceId: instanceId, InstanceInitiatedShutdownBehavior: { Value: 'terminate' } }))
        }
        rehearsal = on(action, kind)
      })

      it('is set, stays so when done again, and is as before after release', async () => {
        assert.deepEqual(await rehearsal.apply(), after)
        assert.deepEqual(rehearsal.before, before)
        assert.deepEqual(await rehearsal.repeat(), after)
        await rehearsal.undoWhole()
      })

      it('stays set after release where it was set before', async () => {
        await action.apply(rehearsal.context, rehearsal.planned, {})
        await rehearsal.apply()
        assert.deepEqual(rehearsal.before, after)
        await rehearsal.undoWhole()
      })

      // To be terminated, one must have lost this protection.
      if (kind !== 'protect-from-termination') {
        it('ends in a note when the instance is gone', async () => {
          await rehearsal.apply()
          await terminate()
          const { restored, note } = await rehearsal.undo()
          assert.deepEqual([restored, note], [false, 'The instance is terminated; nothing is left of it to bring back.'])
        })
      }

      it('changes nothing when it is refused', async () => {
        await world.faults([{ action: 'ModifyInstanceAttribute', error: { code: 'UnauthorizedOperation', status: 403 } }])
        await assert.rejects(rehearsal.apply(), { name: 'UnauthorizedOperation' })
        assert.deepEqual(await rehearsal.observe(), before)
      })
    })
  }

  it('is there when AWS never answers though it made the change', async () => {
    const patient = world.clientsWith({ maxAttempts: 1 })
    const blind: Rehearsal[] = [
      ...protections.map(({ action, kind }) => on(action, kind)), on(keepVolumes, 'keep-volumes', { devices: ['/dev/xvda'] }),
      on(tagQuarantined, 'tag-quarantined'), on(restrictMetadata, 'restrict-metadata')
    ].map(({ action, context, planned }) => new Rehearsal(action, { ...context, clients: patient }, planned))
    for (const rehearsal of blind) rehearsal.before = await rehearsal.observe()
    await world.faults(['ModifyInstanceAttribute', 'CreateTags', 'ModifyInstanceMetadataOptions'].map((action) =>
      ({ action, when: 'after', error: { code: 'InternalError', status: 500 } })))
    for (const rehearsal of blind) assert.deepEqual(await rehearsal.repeat(), await rehearsal.observe())
    await world.faults()
    for (const rehearsal of blind) await rehearsal.undoWhole()
  })

  it('says what is left where EC2 does not know the protection', async () => {
    await world.faults([{ action: 'ModifyInstanceAttribute', error: { code: 'UnsupportedOperation', status: 400, message: 'not for Spot' } }])
    await assert.rejects(on(protectFromTermination, 'protect-from-termination').apply(), { code: 'AWS_ERROR', message: /whoever may terminate it still can.*snapshots/ })
  })

  it('really keeps the instance from being terminated, until release', async () => {
    const rehearsal = on(protectFromTermination, 'protect-from-termination')
    await rehearsal.apply()
    await assert.rejects(ec2.send(new EC2.TerminateInstancesCommand({ InstanceIds: [instanceId] })), { name: 'OperationNotPermitted' })
    await rehearsal.undoWhole()
    await ec2.send(new EC2.TerminateInstancesCommand({ InstanceIds: [instanceId] }))
    assert.notEqual((await instanceStates(world, [instanceId]))[0], 'running')
  })

  describe('keep-volumes', () => {
    /** A second volume, deleted with the instance, too. */
    const attach = async (device: string, deleted: boolean): Promise<string> => {
      const { VolumeId } = await ec2.send(new EC2.CreateVolumeCommand({ AvailabilityZone: 'eu-central-1a', Size: 1 }))
      await EC2.waitUntilVolumeAvailable({ client: ec2, minDelay: 1, maxDelay: 1, maxWaitTime: 30 }, { VolumeIds: [VolumeId!] })
      await ec2.send(new EC2.AttachVolumeCommand({ VolumeId: VolumeId!, InstanceId: instanceId, Device: device }))
      await EC2.waitUntilVolumeInUse({ client: ec2, minDelay: 1, maxDelay: 1, maxWaitTime: 30 }, { VolumeIds: [VolumeId!] })
      await setDeletion(device, deleted)
      return VolumeId!
    }
    const setDeletion = async (DeviceName: string, DeleteOnTermination: boolean): Promise<void> => {
      await ec2.send(new EC2.ModifyInstanceAttributeCommand({ InstanceId: instanceId, BlockDeviceMappings: [{ DeviceName, Ebs: { DeleteOnTermination } }] }))
    }
    const detach = async (VolumeId: string): Promise<void> => {
      await ec2.send(new EC2.DetachVolumeCommand({ VolumeId, InstanceId: instanceId }))
      await EC2.waitUntilVolumeAvailable({ client: ec2, minDelay: 1, maxDelay: 1, maxWaitTime: 30 }, { VolumeIds: [VolumeId] })
    }
    const keep = (...devices: string[]): Rehearsal => on(keepVolumes, 'keep-volumes', { devices })

    it('keeps the planned volumes alone, and gives back what was before', async () => {
      await attach('/dev/sdf', true)
      await attach('/dev/sdg', false)
      const rehearsal = keep('/dev/sdf', '/dev/xvda')
      assert.deepEqual(await rehearsal.apply(), { deleteOnTermination: { '/dev/xvda': false, '/dev/sdf': false } })
      assert.deepEqual(rehearsal.before, { deleteOnTermination: { '/dev/xvda': true, '/dev/sdf': true } })
      assert.deepEqual(await rehearsal.repeat(), rehearsal.after)
      await rehearsal.undoWhole()
    })

    it('keeps the others when a volume was detached since the plan was made', async () => {
      await detach(await attach('/dev/sdf', true))
      assert.deepEqual(await keep('/dev/sdf', '/dev/xvda').apply(), { deleteOnTermination: { '/dev/xvda': false } })
    })

    it('goes on where it was: one volume was changed already', async () => {
      await attach('/dev/sdf', true)
      const rehearsal = keep('/dev/sdf', '/dev/xvda')
      rehearsal.before = await rehearsal.observe()
      await setDeletion('/dev/sdf', false)
      assert.deepEqual(await rehearsal.repeat(), { deleteOnTermination: { '/dev/xvda': false, '/dev/sdf': false } })
      await setDeletion('/dev/sdf', true)
      await rehearsal.undoWhole()
    })

    it('tells of a volume that was detached since, and brings the rest back', async () => {
      const volume = await attach('/dev/sdf', true)
      const rehearsal = keep('/dev/sdf', '/dev/xvda')
      await rehearsal.apply()
      await detach(volume)
      const { restored, now, note } = await rehearsal.undo()
      assert.deepEqual([restored, now], [false, { deleteOnTermination: { '/dev/xvda': true } }])
      assert.match(note!, /\/dev\/sdf/)
    })
  })

  describe('tag-quarantined', () => {
    const tagsNow = async (): Promise<Record<string, string>> => {
      const { Tags } = await ec2.send(new EC2.DescribeTagsCommand({ Filters: [{ Name: 'resource-id', Values: [instanceId] }] }))
      return Object.fromEntries(Tags!.map(({ Key, Value }) => [Key!, Value!]))
    }
    const tag = async (Tags: Record<string, string>): Promise<void> => {
      await ec2.send(new EC2.CreateTagsCommand({ Resources: [instanceId], Tags: Object.entries(Tags).map(([Key, Value]) => ({ Key, Value })) }))
    }

    it('says the incident and its ticket, and leaves every other tag alone', async () => {
      await tag({ Name: 'web-1' })
      const rehearsal = on(tagQuarantined, 'tag-quarantined')
      await rehearsal.apply()
      const own = { 'cleanroom:status': 'quarantined', 'cleanroom:ticket': 'SEC-1', 'cleanroom:incident': rehearsal.context.incidentId }
      assert.deepEqual(rehearsal.after, { tags: own })
      assert.deepEqual(await tagsNow(), { Name: 'web-1', ...own })
      assert.deepEqual(await rehearsal.repeat(), { tags: own })
      await rehearsal.undoWhole()
      assert.deepEqual(await tagsNow(), { Name: 'web-1' })
    })

    it('brings back the values of an earlier incident, and takes away what was not there', async () => {
      await tag({ 'cleanroom:status': 'released', 'cleanroom:incident': 'inc-old' })
      const rehearsal = on(tagQuarantined, 'tag-quarantined')
      await rehearsal.apply()
      await rehearsal.undoWhole()
      assert.deepEqual(await tagsNow(), { 'cleanroom:status': 'released', 'cleanroom:incident': 'inc-old' })
    })

    it('leaves alone what somebody else wrote since', async () => {
      const rehearsal = on(tagQuarantined, 'tag-quarantined')
      await rehearsal.apply()
      await tag({ 'cleanroom:ticket': 'SEC-99' })
      const { restored, note } = await rehearsal.undo()
      assert.deepEqual([restored, note], [false, 'Changed by somebody since and left alone: cleanroom:ticket.'])
      assert.deepEqual(await tagsNow(), { 'cleanroom:ticket': 'SEC-99' })
    })

    it('goes on where an undo was cut off', async () => {
      const rehearsal = on(tagQuarantined, 'tag-quarantined')
      await rehearsal.apply()
      await ec2.send(new EC2.DeleteTagsCommand({ Resources: [instanceId], Tags: [{ Key: 'cleanroom:status' }] }))
      await rehearsal.undoWhole()
    })
  })

  describe('restrict-metadata', () => {
    const modify = async (options: Partial<EC2.ModifyInstanceMetadataOptionsRequest>): Promise<void> => {
      await ec2.send(new EC2.ModifyInstanceMetadataOptionsCommand({ InstanceId: instanceId, ...options }))
    }

    it('switches the service off and nothing else, and brings every option back', async () => {
      await modify({ HttpTokens: 'required', HttpPutResponseHopLimit: 2, InstanceMetadataTags: 'enabled' })
      const rehearsal = on(restrictMetadata, 'restrict-metadata')
      await rehearsal.apply()
      assert.deepEqual(rehearsal.after, { ...rehearsal.before, httpEndpoint: 'disabled' })
      assert.deepEqual([rehearsal.before.httpEndpoint, rehearsal.before.httpTokens, rehearsal.before.httpPutResponseHopLimit], ['enabled', 'required', 2])
      assert.deepEqual(await rehearsal.repeat(), rehearsal.after)
      await rehearsal.undoWhole()
    })

    it('stays off where it was off before', async () => {
      await modify({ HttpEndpoint: 'disabled' })
      const rehearsal = on(restrictMetadata, 'restrict-metadata')
      await rehearsal.apply()
      await rehearsal.undoWhole()
      assert.equal((await rehearsal.observe()).httpEndpoint, 'disabled')
    })

    it('leaves alone what somebody else hardened since', async () => {
      const rehearsal = on(restrictMetadata, 'restrict-metadata')
      await modify({ HttpTokens: 'optional' })
      await rehearsal.apply()
      await modify({ HttpTokens: 'required' })
      const { restored, now, note } = await rehearsal.undo()
      assert.deepEqual([restored, note], [false, 'Changed by somebody since and left alone: httpTokens.'])
      assert.deepEqual(now, { ...rehearsal.before, httpTokens: 'required' })
    })

    it('ends in a note when the instance is gone', async () => {
      const rehearsal = on(restrictMetadata, 'restrict-metadata')
      await rehearsal.apply()
      await terminate()
      const { restored, now, note } = await rehearsal.undo()
      assert.deepEqual([restored, now], [false, {}])
      assert.match(note!, /terminated/)
    })
  })
})
