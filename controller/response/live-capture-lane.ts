/**
 * Moves an instance whose isolation leaves a way to Systems Manager to full isolation when live capture ends:
 * when its acquisition has ended, however it ended, and after the capture's time in any case.
 */
import { now, pause, start, statusOf, step, workflow, type Workflow } from '../durable/durable.ts'
import type { ContainmentPolicy } from '../incident/incident.ts'
import { acquisitionId } from './acquisition-lane.ts'
import { containmentId, type Contain } from './containment-lane.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY, WAIT } from './step-policies.ts'
import type { TargetId } from './triage-lane.ts'

export interface LiveCaptureInput { incidentId: string, ticket: string, target: TargetId, policy: ContainmentPolicy }

export function registerLiveCaptureEnd ({ incidents, notifier }: ResponseParts, contain: Contain): Workflow<[LiveCaptureInput], void> {
  return workflow('end-live-capture', async ({ incidentId, ticket, target, policy }: LiveCaptureInput) => {
    const deadline = await now() + WAIT.liveCaptureMs
    const acquiring = acquisitionId(incidentId, target.instanceId, 1)
    for (let asked = 0; await now() < deadline; asked++) {
      if (await step(`live-capture.ended/${asked}`, POLICY.poll, async () => !['PENDING', 'ENQUEUED'].includes(await statusOf(acquiring) ?? ''))) break
      await pause(Math.min(WAIT.liveCapturePollMs * 1.3 ** asked, 30_000))
    }
    const input = { incidentId, ticket, target, policy, rungs: [], captureEnded: true, generation: 1, occasion: 'capture-ended' }
    const outcome = await (await start(contain, containmentId(input), input)).outcome()
    if (outcome.ok) return
    await step('live-capture.tell', POLICY.notify, async () => {
      await notifier.tell(await incidents.get(incidentId), {
        subject: `Incident ${incidentId}: ${target.instanceId} could not be moved to full isolation`, message: outcome.error.message, urgent: true
      })
    })
  })
}
