/**
 * Watches the flow logs of a contained instance, where there are any, and says whether its traffic stopped.
 *
 * Flow logs come minutes late, so this is a lane of its own that nothing waits for. Traffic that goes on is said at
 * once; that it stopped is said, and watched on until the time is over or the incident is being closed.
 */
import { lookForTraffic } from '../containment/watch-traffic.ts'
import { now, pause, step, workflow, type Workflow } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import type { Traffic } from '../incident/incident.ts'
import type { InstanceFacts, Surroundings } from '../triage/target-facts.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY, WAIT } from './step-policies.ts'

export interface TrafficInput extends Pick<Surroundings, 'flowLogs' | 'ssmEndpoints'> { incidentId: string, facts: InstanceFacts, generation: number }

export function trafficId (incidentId: string, instanceId: string, generation: number): string {
  return `watch-traffic/${incidentId}/${instanceId}/${generation}`
}

export function registerTraffic ({ clients, custody, incidents }: ResponseParts): Workflow<[TrafficInput], void> {
  return workflow('watch-traffic', async ({ incidentId, facts, generation, flowLogs, ssmEndpoints }: TrafficInput) => {
    const { instanceId } = facts
    const logs = clients.logs(facts, 'acquire')
    const interfaces = facts.interfaces.map(({ interfaceId }) => interfaceId)
    const readable = flowLogs.some(({ destination }) => destination === 'cloud-watch-logs')
    const deadline = await now() + WAIT.trafficMs
    for (let asked = 0; ; asked++) {
      const over = !readable || await now() > deadline
      const ended = await step(`traffic.look/${asked}`, POLICY.poll, async () => {
        const { phase, targets } = await incidents.get(incidentId)
        const { containedAt, mode, generation: present } = targets.find((target) => target.instanceId === instanceId)!.containment
        // Nothing may be recorded behind the manifest, and nothing of a containment that was released.
        if (containedAt === undefined || present !== generation || phase === 'closing' || phase === 'closed') return true
        const traffic = await lookForTraffic(logs, flowLogs, interfaces, new Date(containedAt), new Date(), {
          expected: mode === 'ssm' ? ssmEndpoints.flatMap(({ addresses }) => addresses) : []
        })
        const final = over || traffic.state === 'continues'
        await record(final || traffic.state === 'stopped' ? traffic : { ...traffic, state: 'watching' }, final)
        return final
      })
      if (ended) return
      await pause(Math.min(15_000 * 1.5 ** asked, 120_000))
    }

    async function record (traffic: Traffic, final: boolean): Promise<void> {
      if (final) {
        await custody.append(incidentId, { key: `traffic/${instanceId}/${generation}`, actor: controllerActor('acquire'), action: 'containment.traffic', detail: { instanceId, ...traffic } })
      }
      await incidents.update(incidentId, ({ targets }) => {
        targets.find((target) => target.instanceId === instanceId)!.containment.traffic = traffic
      }, { type: 'containment.traffic', data: { instanceId, state: traffic.state } })
    }
  })
}
