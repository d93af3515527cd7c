/**
 * Closing as a durable lane of its own, because a cancelled workflow runs no further step, not even its
 * own clean-up: the room is destroyed, its absence proved, and the evidence sealed by a signed manifest.
 *
 * Containment and evidence stay. The room counts as gone only when AWS says so.
 */
import { proveAbsence } from '../clean-room/absence-proof.ts'
import { stackName } from '../clean-room/engine.ts'
import { cancel, step, workflow, type Workflow } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import { CleanroomError } from '../incident/errors.ts'
import { analysisWorkflowId } from './analysis-lane.ts'
import type { ResponseParts } from './parts.ts'
import { tell } from './room-lane.ts'
import { POLICY } from './step-policies.ts'

export interface ClosureInput { incidentId: string, why: 'reviewed' | 'cancelled', attempt: number }

const ACTOR = controllerActor('build')

export function registerClosure (parts: ResponseParts): Workflow<[ClosureInput], { manifestSha256: string }> {
  const { custody, evidence, incidents, manifests } = parts
  return workflow('close', async ({ incidentId, why, attempt }: ClosureInput) => {
    // Closing after a review and closing after a cancellation are different occasions in the ledger.
    const occasion = `${why}-${attempt}`
    await step('close.begin', POLICY.record, async () => {
      await custody.append(incidentId, { key: `close/${occasion}:intent`, actor: ACTOR, action: 'closure.intent', detail: { why, stack: stackName(incidentId) } })
      await incidents.moveTo(incidentId, 'closing', ({ cleanRoom }) => {
        if (cleanRoom.state !== 'destroyed') cleanRoom.state = 'destroying'
      })
    })
    await endAnalyses(parts, incidentId, occasion)
    await destroyRoom(parts, incidentId, occasion)

    const final = await step('close.record', POLICY.record, () => incidents.get(incidentId))
    await step('close.store-record', POLICY.store, async () => {
      const findings = await incidents.findings(incidentId)
      await evidence.put({
        incidentId,
        kind: 'record',
        artifactId: `incident-record-${occasion}`,
        filename: 'incident.json',
        body: JSON.stringify({ incident: final, findings }, null, 2),
        contentType: 'application/json',
        source: 'The incident as the controller holds it at closure',
        actor: ACTOR
      })
    })
    const manifest = await step('close.manifest', POLICY.store, () => manifests.seal(incidentId))
    await step('close.end', POLICY.record, async () => {
      await incidents.moveTo(incidentId, 'closed', (incident) => {
        incident.closedAt = new Date().toISOString()
        incident.manifest = { artifactId: manifest.id, sha256: manifest.sha256 }
        delete incident.problem
      })
    })
    return { manifestSha256: manifest.sha256 }
  })
}

/** Whatever still runs in the room ends before it does: nothing may be recorded behind the manifest. */
async function endAnalyses ({ custody, incidents }: ResponseParts, incidentId: string, occasion: string): Promise<void> {
  const running = await step('close.running-analyses', POLICY.record, async () =>
    (await incidents.get(incidentId)).analyses.filter(({ state }) => state === 'queued' || state === 'running').map(({ id }) => id))
  for (const runId of running) {
    await cancel(analysisWorkflowId(incidentId, runId))
    await step(`close.end-analysis/${runId}`, POLICY.record, async () => {
      await custody.append(incidentId, { key: `close/${occasion}:ended/${runId}`, actor: ACTOR, action: 'analysis.ended-by-closure', detail: { runId } })
      await incidents.update(incidentId, ({ analyses }) => {
        const run = analyses.find(({ id }) => id === runId)!
        Object.assign(run, { state: 'failed', endedAt: new Date().toISOString(), error: { code: 'CONFLICT', message: 'The incident was closed while it ran.' } })
      })
    })
  }
}

/**
 * Destroys the room from its state and proves over AWS that nothing of it is left.
 * @throws CleanroomError ROOM_STALLED with what remains; ENGINE_*, AWS_*
 */
async function destroyRoom ({ baseline, clients, custody, incidents, rooms }: ResponseParts, incidentId: string, occasion: string): Promise<void> {
  const destroyed = await step('close.destroy-room', POLICY.engine, async () =>
    await rooms.destroy(incidentId, (event) => { tell({ incidents }, incidentId, event) }))
  await step('close.prove-absence', POLICY.poll, async () => {
    const absence = await proveAbsence({ ec2: clients.ec2(baseline, 'build'), iam: clients.iam(baseline, 'build') }, incidentId)
    const remaining = destroyed.state === 'stalled' ? destroyed.remaining : []
    const gone = absence.ok && remaining.length === 0
    await custody.append(incidentId, { key: `close/${occasion}:absence`, actor: ACTOR, action: gone ? 'clean-room.absent' : 'clean-room.stalled', detail: { absence, remaining } })
    await incidents.update(incidentId, ({ cleanRoom }) => {
      cleanRoom.state = gone ? 'destroyed' : 'stalled'
      cleanRoom.absence = absence
      if (gone) delete cleanRoom.remaining
      else cleanRoom.remaining = [...remaining, ...absence.checks.filter(({ ok }) => !ok).map(({ observed }) => observed)]
    }, { type: gone ? 'room.destroyed' : 'room.stalled', data: { remaining } })
    if (!gone) {
      throw new CleanroomError('ROOM_STALLED', 'The room is not gone.', {
        extra: { remaining: [...remaining, ...absence.checks.filter(({ ok }) => !ok).map(({ name, observed }) => `${name}: ${observed}`)] }
      })
    }
  })
}
