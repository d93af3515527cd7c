/**
 * The clean room as two durable lanes: what needs no snapshot comes up at once, the disk copies follow.
 *
 * Between the two stands the proof of isolation: evidence is only attached to a room that AWS shows closed.
 */
import { isOnline } from '../analysis/run-package.ts'
import type { RoomDisk } from '../../stacks/clean-room/room-input.ts'
import { assignDevices, type InstanceDisks } from '../clean-room/device-names.ts'
import { proveIsolation } from '../clean-room/isolation-proof.ts'
import { stackName, type RoomEvent, type RoomOutputs } from '../clean-room/engine.ts'
import { now, pause, step, workflow, type Workflow } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import { CleanroomError } from '../incident/errors.ts'
import type { CleanRoom } from '../incident/incident.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY, WAIT } from './step-policies.ts'

export interface RoomInput { incidentId: string, expiresAt: string, attempt: number }

const ACTOR = controllerActor('build')

export function registerPrepareRoom (parts: ResponseParts): Workflow<[RoomInput], RoomOutputs> {
  return workflow('prepare-room', async (input: RoomInput) => await up(parts, input, 'shell', []))
}

export function registerFillRoom (parts: ResponseParts): Workflow<[RoomInput, InstanceDisks[]], RoomOutputs> {
  const { clients, baseline } = parts
  return workflow('fill-room', async (input: RoomInput, disks: InstanceDisks[]) => {
    const outputs = await up(parts, input, 'volumes', assignDevices(disks))
    const ssm = clients.ssm(baseline, 'analyse')
    const deadline = await now() + WAIT.workstationOnlineMs
    for (let asked = 0; ; asked++) {
      if (await step(`room.workstation-online/${asked}`, POLICY.poll, () => isOnline(ssm, outputs.workstationId))) break
      if (await now() > deadline) {
        throw new CleanroomError('WORKSTATION_OFFLINE', `${outputs.workstationId} did not reach Systems Manager within ${WAIT.workstationOnlineMs / 60_000} minutes.`)
      }
      await pause(WAIT.workstationPollMs)
    }
    await step('room.ready', POLICY.record, async () => {
      await update(parts, input.incidentId, (room) => { room.state = 'ready' }, 'room.ready', { workstationId: outputs.workstationId })
    })
    return outputs
  })
}

/** One run of the engine, then the proof; both lanes are this, with and without disks. */
async function up (parts: ResponseParts, { incidentId, expiresAt, attempt }: RoomInput, what: 'shell' | 'volumes', disks: RoomDisk[]): Promise<RoomOutputs> {
  const { baseline, clients, custody, incidents, rooms } = parts
  await step(`room.intent/${what}`, POLICY.record, async () => {
    await custody.append(incidentId, {
      key: `room/${what}/${attempt}:intent`,
      actor: ACTOR,
      action: 'clean-room.intent',
      detail: { stack: stackName(incidentId), what, disks }
    })
    await update(parts, incidentId, (room) => { room.state = 'creating' }, 'room.creating', { what })
  })
  const outputs = await step(`room.up/${what}`, POLICY.engine, async () =>
    await rooms.up({ incidentId, disks, expiresAt }, (event) => { tell(parts, incidentId, event) }))
  await step(`room.prove/${what}`, POLICY.poll, async () => {
    const proof = await proveIsolation({ ec2: clients.ec2(baseline, 'build'), iam: clients.iam(baseline, 'build') }, {
      incidentId, baseline, vpcId: outputs.vpcId, workstationId: outputs.workstationId, workstationRoleName: outputs.workstationRoleName
    })
    await custody.append(incidentId, { key: `room/${what}/${attempt}:proof`, actor: ACTOR, action: 'clean-room.proved', detail: { what, proof } })
    await incidents.update(incidentId, ({ cleanRoom }) => {
      Object.assign(cleanRoom, {
        vpcId: outputs.vpcId, workstationId: outputs.workstationId, volumes: outputs.volumes, proof
      } satisfies Partial<CleanRoom>)
    }, { type: 'room.proved', data: { what, ok: proof.ok } })
    if (!proof.ok) {
      const failed = proof.checks.filter(({ ok }) => !ok)
      throw new CleanroomError('ROOM_NOT_ISOLATED', failed.map(({ name, observed }) => `${name}: ${observed}`).join('; '), { extra: { checks: failed } })
    }
  })
  return outputs
}

async function update ({ incidents }: ResponseParts, incidentId: string, edit: (room: CleanRoom) => void, type: string, data: Record<string, unknown>): Promise<void> {
  await incidents.update(incidentId, ({ cleanRoom }) => { edit(cleanRoom) }, { type, data })
}

/** Progress is told where it can be: losing a line of it must not fail the room. */
export function tell ({ incidents }: Pick<ResponseParts, 'incidents'>, incidentId: string, event: RoomEvent): void {
  incidents.addEvent(incidentId, { type: 'room.progress', data: { ...event } }).catch(() => {})
}
