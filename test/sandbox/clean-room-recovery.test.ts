import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import * as EC2 from '@aws-sdk/client-ec2'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { proveAbsence } from '../../controller/clean-room/absence-proof.ts'
import type { RoomEvent, RoomOutputs } from '../../controller/clean-room/engine.ts'
import { proveIsolation } from '../../controller/clean-room/isolation-proof.ts'
import { findRoom } from '../../controller/clean-room/recovery.ts'
import { REPOSITORY } from '../../sandbox/toolchain/paths.mjs'
import { startRoomWorld, statesAt, type RoomWorld } from './room-world.ts'

const EXPIRES = '2030-01-01T00:00:00.000Z'

/** Who dies: the controller alone, its engine living on; or both, as when the machine goes down. */
const DEATHS = ['the controller', 'the controller and its engine'] as const

/** What a call takes while a process is to be killed in the middle of it. */
const CALL_MS = 3000

describe('A room whose building or destruction is interrupted', function () {
  this.timeout(600_000)

  let world: RoomWorld
  before(async () => { world = await startRoomWorld() })
  after(async () => { await world?.stop() })

  for (const [index, death] of DEATHS.entries()) {
    describe(`by the death of ${death}`, () => {
      const request = (name: string) => ({ incidentId: `inc-${name}-${index}`, disks: [], expiresAt: EXPIRES })

      for (const [type, idOf] of [
        ['aws:ec2/vpc:Vpc', (room: RoomOutputs) => room.vpcId],
        ['aws:ec2/instance:Instance', (room: RoomOutputs) => room.workstationId]
      ] as const) {
        it(`comes up once, and whole, when its ${type.split(':').at(-1)} was being made`, async () => {
          const wanted = request(`up-${type.split(':').at(-1)?.toLowerCase()}`)
          await interrupt('up', wanted, death, event => event.type === 'started' && event.resource?.startsWith(type) === true)
          const made = await appears(wanted.incidentId, type)
          const room = await world.rooms.up(wanted)
          await assertOneRoom(wanted.incidentId, room)
          // An engine that lived on wrote it down; what a dead one never wrote down was removed and made again.
          if (death === 'the controller') assert.equal(idOf(room), made)
          else assert.notEqual(idOf(room), made)
          assert.deepEqual(await world.rooms.destroy(wanted.incidentId), { state: 'absent' })
        })
      }

      it('leaves nothing behind when it is destroyed instead', async () => {
        const wanted = request('down')
        await interrupt('up', wanted, death, ({ type, resource }) => type === 'started' && resource?.startsWith('aws:ec2/instance:Instance') === true)
        assert.deepEqual(await world.rooms.destroy(wanted.incidentId), { state: 'absent' })
        await assertNothing(wanted.incidentId)
      })

      it('is destroyed whole when its destruction was interrupted', async () => {
        const wanted = request('destroy')
        await world.rooms.up(wanted)
        await interrupt('destroy', wanted, death, ({ type, op, resource }) => type === 'done' && op === 'delete' && resource?.startsWith('aws:ec2/instance:Instance') === true)
        assert.deepEqual(await world.rooms.destroy(wanted.incidentId), { state: 'absent' })
        await assertNothing(wanted.incidentId)
      })
    })
  }

  describe('by somebody\'s hand', () => {
    const wanted = { incidentId: 'inc-hand', disks: [], expiresAt: EXPIRES }

    it('gets back what was deleted, and keeps the rest', async () => {
      const before = await world.rooms.up(wanted)
      await world.cloud.ec2.send(new EC2.TerminateInstancesCommand({ InstanceIds: [before.workstationId] }))
      await EC2.waitUntilInstanceTerminated({ client: world.cloud.ec2, minDelay: 1, maxDelay: 1, maxWaitTime: 60 }, { InstanceIds: [before.workstationId] })
      const after = await world.rooms.up(wanted)
      assert.notEqual(after.workstationId, before.workstationId)
      assert.equal(after.vpcId, before.vpcId)
      await assertOneRoom(wanted.incidentId, after)
    })

    it('is destroyed whole although something of it is gone already', async () => {
      const { workstationId } = (await world.rooms.outputs(wanted.incidentId))!
      await world.cloud.ec2.send(new EC2.TerminateInstancesCommand({ InstanceIds: [workstationId] }))
      assert.deepEqual(await world.rooms.destroy(wanted.incidentId), { state: 'absent' })
      await assertNothing(wanted.incidentId)
    })
  })

  it('comes up although its engine died while it made the stack', async () => {
    const lock = { pid: 1, username: 'gone', hostname: 'gone', timestamp: new Date().toISOString() }
    const states = statesAt(world.endpoint)
    await states.send(new PutObjectCommand({
      Bucket: world.baseline.stateBucket, Key: '.pulumi/locks/organization/clean-room/clean-room-inc-init/0.json', Body: JSON.stringify(lock)
    }))
    states.destroy()
    await assertOneRoom('inc-init', await world.rooms.up({ incidentId: 'inc-init', disks: [], expiresAt: EXPIRES }))
    assert.deepEqual(await world.rooms.destroy('inc-init'), { state: 'absent' })
  })

  it('never takes what carries the incident\'s name but is not the room\'s', async () => {
    const { ec2 } = world.cloud
    const tag = (Key: string, Value: string) => ({ Key: `cleanroom:${Key}`, Value })
    const { GroupId } = await ec2.send(new EC2.CreateSecurityGroupCommand({
      GroupName: 'isolation',
      Description: 'Containment of the suspected instance',
      TagSpecifications: [{ ResourceType: 'security-group', Tags: [tag('managed', 'true'), tag('incident', 'inc-contained'), tag('purpose', 'isolation')] }]
    }))
    await world.rooms.up({ incidentId: 'inc-contained', disks: [], expiresAt: EXPIRES })
    assert.deepEqual(await world.rooms.destroy('inc-contained'), { state: 'absent' })
    const { SecurityGroups } = await ec2.send(new EC2.DescribeSecurityGroupsCommand({ GroupIds: [GroupId!] }))
    assert.equal(SecurityGroups?.length, 1)
  })

  /** Runs the operation in a process of its own and kills that at the first event that `moment` accepts. */
  async function interrupt (what: 'up' | 'destroy', request: object & { incidentId: string }, death: typeof DEATHS[number], moment: (event: RoomEvent) => boolean): Promise<void> {
    const { endpoint, stateDir, baseline } = world
    await slowDown(['CreateVpc', 'RunInstances', 'TerminateInstances'])
    const child = spawn(process.execPath, [
      '--import=tsx', join(import.meta.dirname, 'room-builder.ts'), what, JSON.stringify({ world: { endpoint, stateDir, baseline }, request })
    ], { cwd: REPOSITORY, stdio: ['ignore', 'pipe', 'inherit'] })
    const gone = new Promise(resolve => { child.once('exit', resolve) })
    let killed = false
    for await (const line of createInterface({ input: child.stdout })) {
      if (killed || !moment(JSON.parse(line) as RoomEvent)) continue
      killed = true
      // The engine tells before it asks AWS; by now it has asked, and AWS is at it.
      await sleep(CALL_MS / 2)
      const engine = Number(await readFile(join(stateDir, 'rooms', `clean-room-${request.incidentId}`, 'engine.pid'), 'utf8'))
      child.kill('SIGKILL')
      if (death === 'the controller and its engine') process.kill(engine, 'SIGKILL')
    }
    await gone
    await slowDown([])
    assert.equal(killed, true, 'the moment never came')
  }

  async function slowDown (actions: string[]): Promise<void> {
    const rules = actions.map(action => ({ service: 'ec2', action, delayMs: CALL_MS }))
    const answer = await fetch(`${world.endpoint}/_sandbox/faults`, { method: 'PUT', body: JSON.stringify(rules), headers: { 'content-type': 'application/json' } })
    assert.equal(answer.ok, true, await answer.text())
  }

  /** Waits until AWS has made the thing that was asked for; answers its id. */
  async function appears (incidentId: string, type: string): Promise<string> {
    for (let tries = 0; tries < 100; tries += 1) {
      const found = (await findRoom(world.cloud, incidentId)).find(resource => resource.type === type)
      if (found) return found.id
      await sleep(100)
    }
    assert.fail(`AWS never made ${type}`)
  }

  async function assertOneRoom (incidentId: string, room: RoomOutputs): Promise<void> {
    const found = await findRoom(world.cloud, incidentId)
    const idsOf = (type: string) => found.filter(resource => resource.type === type).map(({ id }) => id)
    assert.deepEqual(idsOf('aws:ec2/vpc:Vpc'), [room.vpcId])
    assert.deepEqual(idsOf('aws:ec2/instance:Instance'), [room.workstationId])
    assert.deepEqual(idsOf('aws:ebs/volume:Volume'), [room.scratchVolumeId])
    const proof = await proveIsolation(world.cloud, { incidentId, baseline: world.baseline, ...room })
    assert.deepEqual(proof.checks.filter(({ ok }) => !ok), [])
  }

  async function assertNothing (incidentId: string): Promise<void> {
    assert.deepEqual((await proveAbsence(world.cloud, incidentId)).checks.filter(({ ok }) => !ok), [])
    assert.equal(await world.rooms.outputs(incidentId), undefined)
  }
})
