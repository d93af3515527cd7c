/**
 * Acquisition of one instance's disks as a durable lane: one snapshot set, waited for as long as it takes.
 */
import { pollInterval, refreshSnapshots, startSnapshots } from '../acquisition/snapshots.ts'
import { pause, step, workflow, type Workflow } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import type { SnapshotRecord } from '../incident/incident.ts'
import type { InstanceFacts } from '../triage/target-facts.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY } from './step-policies.ts'

export interface AcquisitionInput { incidentId: string, facts: InstanceFacts, attempt: number }

export function acquisitionId (incidentId: string, instanceId: string, attempt: number): string {
  return `acquire/${incidentId}/${instanceId}/${attempt}`
}

export function registerAcquisition (parts: ResponseParts): Workflow<[AcquisitionInput], SnapshotRecord[]> {
  const { clients, custody, incidents } = parts
  return workflow('acquire', async ({ incidentId, facts, attempt }: AcquisitionInput) => {
    const { instanceId } = facts
    const ec2 = clients.ec2(facts, 'acquire')
    const show = async (records: SnapshotRecord[]): Promise<void> => {
      await incidents.update(incidentId, (incident) => {
        incident.targets.find((target) => target.instanceId === instanceId)!.acquisition.snapshots = records
      }, {
        type: 'acquisition.progress',
        data: { instanceId, snapshots: records.map(({ snapshotId, state, progress }) => ({ snapshotId, state, progress })) }
      })
    }
    let records = await step(`acquire.snapshots/${instanceId}`, POLICY.snapshot, async () => {
      const started = await startSnapshots(ec2, custody, incidentId, facts, attempt)
      await show(started)
      return started
    })
    // No limit on the whole: a large volume's first snapshot takes hours, and nothing waits for it in vain.
    for (let asked = 0; records.some(({ state }) => state !== 'completed'); asked++) {
      await pause(pollInterval(asked))
      const known = records
      records = await step(`acquire.progress/${instanceId}/${asked}`, POLICY.poll, async () => {
        const now = await refreshSnapshots(ec2, incidentId, instanceId, known)
        if (JSON.stringify(now) !== JSON.stringify(known)) await show(now)
        return now
      })
    }
    await step(`acquire.completed/${instanceId}`, POLICY.record, async () => {
      await custody.append(incidentId, {
        key: `acquire/${instanceId}/completed/${attempt}`,
        actor: controllerActor('acquire'),
        action: 'acquisition.snapshots-completed',
        detail: { instanceId, snapshots: records.map(({ snapshotId, volumeId }) => ({ snapshotId, volumeId })) }
      })
    })
    return records
  })
}
