/**
 * Moves an instance whose isolation leaves a way to Systems Manager to full isolation when live capture ends: when
 * its acquisition has ended, however it ended, and after the capture's time in any case. A way that a person asked
 * for lasts for that time. It is begun before the way is opened, and does not give up.
 */
import { isRunning, now, pause, start, step, workflow, type Workflow } from '../durable/durable.ts'
import type { ContainmentPolicy } from '../incident/incident.ts'
import { acquisitionId } from './acquisition-lane.ts'
import { containmentId, type Contain } from './containment-lane.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY, WAIT } from './step-policies.ts'
import type { TargetId } from './triage-lane.ts'

export interface LiveCaptureInput { incidentId: string, ticket: string, target: TargetId, policy: ContainmentPolicy, occasion: string, onWord: boolean }

export function endOfLiveCapture ({ incidentId, target, occasion }: LiveCaptureInput): string {
  return `end-live-capture/${incidentId}/${target.instanceId}/${occasion}`
}

export function registerLiveCaptureEnd ({ incidents, notifier }: ResponseParts, contain: Contain): Workflow<[LiveCaptureInput], void> {
  return workflow('end-live-capture', async ({ incidentId, ticket, target, policy, occasion, onWord }: LiveCaptureInput) => {
    const deadline = await now() + WAIT.liveCaptureMs
    const acquiring = acquisitionId(incidentId, target.instanceId, 1)
    for (let asked = 0; await now() < deadline; asked++) {
      await pause(Math.min(WAIT.liveCapturePollMs * 1.3 ** asked, 30_000))
      if (!onWord && !await step(`live-capture.runs/${asked}`, POLICY.poll, () => isRunning(acquiring))) break
    }
    for (let attempt = 1; ; attempt++) {
      const input = { incidentId, ticket, target, policy, rungs: [], captureEnded: true, onWord: false, occasion: `${occasion}-capture-ended-${attempt}` }
      const needed = await step(`live-capture.needed/${attempt}`, POLICY.record, async () => {
        const { targets } = await incidents.get(incidentId)
        const { state, mode } = targets.find(({ instanceId }) => instanceId === target.instanceId)!.containment
        return state !== 'released' && mode === 'ssm'
      })
      if (!needed) return
      const outcome = await (await start(contain, containmentId(input), input)).outcome()
      if (outcome.ok) return
      await step(`live-capture.tell/${attempt}`, POLICY.notify, async () => {
        await notifier.tell(await incidents.get(incidentId), {
          subject: `Incident ${incidentId}: ${target.instanceId} is not fully isolated yet`,
          message: `Live capture has ended, and the way to Systems Manager could not be closed whole: ${outcome.error.message}\nIt is tried again.`,
          urgent: true
        })
      })
      await pause(Math.min(60_000 * 2 ** attempt, 60 * 60_000))
    }
  })
}
