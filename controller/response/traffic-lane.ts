/**
 * Watches the flow logs of a contained instance, where there are any, and says whether its traffic stopped.
 *
 * Flow logs come minutes late, so this is a lane of its own that nothing waits for. It ends when the answer
 * is certain, when its time is over, or when the incident is being closed.
 */
import { lookForTraffic } from '../containment/watch-traffic.ts'
import { now, pause, start, step, valueOf, workflow, type Workflow } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import type { Traffic } from '../incident/incident.ts'
import type { InstanceFacts } from '../triage/target-facts.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY, WAIT } from './step-policies.ts'
import { surveyId, type Survey } from './triage-lane.ts'

export interface TrafficInput { incidentId: string, facts: InstanceFacts, accessKeyIds: string[] }

export function registerTraffic (parts: ResponseParts, survey: Survey): Workflow<[TrafficInput], void> {
  const { clients, custody, incidents } = parts
  return workflow('watch-traffic', async ({ incidentId, facts, accessKeyIds }: TrafficInput) => {
    const { instanceId } = facts
    const { flowLogs, ssmEndpoints } = valueOf(await (await start(survey, surveyId(incidentId, instanceId, '1'), { incidentId, facts, accessKeyIds })).outcome()).facts
    const logs = clients.logs(facts, 'acquire')
    const interfaces = facts.interfaces.map(({ interfaceId }) => interfaceId)
    const deadline = await now() + WAIT.trafficMs
    for (let asked = 0; ; asked++) {
      const over = await now() > deadline
      const ended = await step(`traffic.look/${asked}`, POLICY.poll, async () => {
        const { phase, targets } = await incidents.get(incidentId)
        const { containedAt, mode } = targets.find((target) => target.instanceId === instanceId)!.containment
        // Nothing may be recorded behind the manifest.
        if (containedAt === undefined || phase === 'closing' || phase === 'closed') return true
        const traffic = await lookForTraffic(logs, flowLogs, interfaces, new Date(containedAt), new Date(), {
          expected: mode === 'ssm' ? ssmEndpoints.flatMap(({ addresses }) => addresses) : []
        })
        const certain = traffic.state === 'stopped' || traffic.state === 'continues' || flowLogs.every(({ destination }) => destination !== 'cloud-watch-logs')
        await record(certain || over ? traffic : { ...traffic, state: 'watching' }, certain || over)
        return certain || over
      })
      if (ended) return
      await pause(Math.min(15_000 * 1.5 ** asked, 120_000))
    }

    async function record (traffic: Traffic, final: boolean): Promise<void> {
      if (final) {
        await custody.append(incidentId, { key: `traffic/${instanceId}`, actor: controllerActor('acquire'), action: 'containment.traffic', detail: { instanceId, ...traffic } })
      }
      await incidents.update(incidentId, ({ targets }) => {
        targets.find((target) => target.instanceId === instanceId)!.containment.traffic = traffic
      }, { type: 'containment.traffic', data: { instanceId, state: traffic.state } })
    }
  })
}
