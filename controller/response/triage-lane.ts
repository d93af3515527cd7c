/**
 * Triage: describe everything before any change, and make that description the first evidence.
 */
import { step, workflow, type Workflow } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import type { AwsClients } from '../aws/clients.ts'
import { describeInstance, type TriageClients } from '../triage/describe-instance.ts'
import type { InstanceFacts } from '../triage/target-facts.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY } from './step-policies.ts'

export interface TargetId { instanceId: string, accountId: string, region: string }

/** What describing an instance reads with: the role that changes nothing on it. */
export function triageClients (clients: AwsClients, target: TargetId): TriageClients {
  return {
    ec2: clients.ec2(target, 'acquire'),
    autoScaling: clients.autoScaling(target, 'acquire'),
    elb: clients.elb(target, 'acquire'),
    elbv2: clients.elbv2(target, 'acquire'),
    iam: clients.iam(target, 'acquire')
  }
}

export interface TriageInput { incidentId: string, target: TargetId, attempt: number }

/** @throws CleanroomError INSTANCE_NOT_FOUND, INSTANCE_TERMINATED, AWS_*, EVIDENCE_EXISTS */
export function registerTriage ({ clients, evidence }: ResponseParts): Workflow<[TriageInput], InstanceFacts> {
  return workflow('triage', async ({ incidentId, target, attempt }: TriageInput) => {
    const { instanceId } = target
    const description = await step(`triage.describe/${instanceId}`, POLICY.describe, async () => await describeInstance(triageClients(clients, target), target, instanceId, new Date()))
    await step(`triage.store/${instanceId}`, POLICY.store, async () => {
      await evidence.put({
        incidentId,
        kind: 'metadata',
        artifactId: attempt === 1 ? `metadata-${instanceId}` : `metadata-${instanceId}-${attempt}`,
        filename: `${instanceId}.json`,
        body: JSON.stringify(description, null, 2),
        contentType: 'application/json',
        source: `EC2, Auto Scaling, Elastic Load Balancing and IAM descriptions of ${instanceId}`,
        actor: controllerActor('acquire')
      })
    })
    return description.facts
  })
}
