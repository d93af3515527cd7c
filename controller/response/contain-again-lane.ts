/**
 * Containment on a person's word: once more, after a release, in the other mode, or with further rungs that a
 * second person approved.
 */
import type { Rung } from '../containment/plan.ts'
import { start, step, workflow, type Running, type Workflow } from '../durable/durable.ts'
import type { Containment, ContainmentPolicy } from '../incident/incident.ts'
import { containmentId, type Contain } from './containment-lane.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY } from './step-policies.ts'
import { idOf } from './triage-lane.ts'

export interface AgainInput {
  incidentId: string
  instanceIds: string[]
  /** Names this time among the incident's containments. */
  occasion: string
  mode?: ContainmentPolicy['mode']
  rungs: Rung[]
  decisionId?: string
}

export function againId (incidentId: string, occasion: string): string {
  return `contain-again/${incidentId}/${occasion}`
}

export function registerContainAgain ({ incidents, notifier }: ResponseParts, contain: Contain): Workflow<[AgainInput], void> {
  return workflow('contain-again', async ({ incidentId, instanceIds, occasion, mode, rungs, decisionId }: AgainInput) => {
    const { ticket, plan, targets } = await step('again.read', POLICY.record, () => incidents.get(incidentId))
    const running: Array<Running<Containment['state']>> = []
    for (const target of targets.filter(({ instanceId }) => instanceIds.includes(instanceId))) {
      const { containment } = target
      const input = {
        incidentId,
        ticket,
        target: idOf(target),
        policy: { ...plan.containment, ...mode && { mode } },
        rungs,
        captureEnded: mode === 'full' || (mode === undefined && containment.state !== 'released' && containment.mode === 'full'),
        onWord: true,
        claimedAs: againId(incidentId, occasion),
        occasion
      }
      running.push(await start(contain, containmentId(input), input))
    }
    const failures: string[] = []
    for (const each of running) {
      const outcome = await each.outcome()
      if (!outcome.ok) failures.push(outcome.error.message)
    }
    await step('again.end', POLICY.notify, async () => {
      const incident = await incidents.update(incidentId, ({ decisions = [], targets: changed }) => {
        for (const { containment } of changed) if (containment.underway === againId(incidentId, occasion)) delete containment.underway
        const decision = decisions.find(({ id }) => id === decisionId)
        if (!decision) return
        decision.state = failures.length > 0 ? 'failed' : 'done'
        if (failures.length > 0) decision.error = { code: 'CONTAINMENT_INCOMPLETE', message: failures.join('; ') }
      }, { type: 'containment.again', data: { occasion, ok: failures.length === 0 } })
      if (failures.length === 0) return
      await notifier.tell(incident, { subject: `Incident ${incidentId}: containment is not complete`, message: failures.join('\n'), urgent: true })
    })
  })
}
