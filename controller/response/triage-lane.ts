/**
 * Triage in three lanes, so that none holds containment up: what cutting the instance off needs, beside
 * which the isolation group is made ready; what surrounds the instance; and the rest, for the evidence.
 *
 * Everything that containment changes is read before it is changed, and all of it becomes the first evidence.
 */
import { performAction } from '../containment/perform-action.ts'
import { preparations, type PlannedAction } from '../containment/plan.ts'
import { undoAction } from '../containment/undo-action.ts'
import { start, step, valueOf, workflow, type Workflow } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import type { AwsClients } from '../aws/clients.ts'
import type { ContainmentAction, ContainmentPolicy } from '../incident/incident.ts'
import { assembleDescription, describeRest, type TriageClients } from '../triage/describe-instance.ts'
import { readInstance } from '../triage/read-instance.ts'
import { surveyInstance } from '../triage/survey-instance.ts'
import type { InstanceFacts, Read, Surroundings } from '../triage/target-facts.ts'
import { actionContext } from './containment-context.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY } from './step-policies.ts'

export interface TargetId { instanceId: string, accountId: string, region: string, vpcId?: string }

/** What tells a target apart, of a record that has more of it. */
export function idOf ({ instanceId, accountId, region, vpcId }: TargetId): TargetId {
  return { instanceId, accountId, region, ...vpcId !== undefined && { vpcId } }
}

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

export interface TriageInput { incidentId: string, ticket: string, target: TargetId, policy: ContainmentPolicy, attempt: number }
export interface Triaged extends Read<InstanceFacts> {
  /** What isolation needs, as far as it is ready. */
  prepared: ContainmentAction[]
}

/** @throws CleanroomError INSTANCE_NOT_FOUND, INSTANCE_TERMINATED, AWS_* */
export function registerTriage (parts: ResponseParts): Workflow<[TriageInput], Triaged> {
  return workflow('triage', async (input: TriageInput) => {
    const { target, policy, attempt } = input
    // The first containment of the incident; a later one makes its preparations itself.
    const ready = target.vpcId !== undefined && attempt === 1 ? preparations(target.vpcId, policy) : []
    const [read, ...prepared] = await Promise.all([
      settled(step(`triage.read/${target.instanceId}`, POLICY.describe, () => readInstance(triageClients(parts.clients, target), target, target.instanceId, new Date()))),
      ...ready.map((planned) => settled(step(`triage.${planned.kind}/${target.instanceId}`, POLICY.contain, () => prepare(parts, input, planned))))
    ])
    const made = prepared.flatMap((each) => 'value' in each && each.value ? [each.value] : [])
    if ('error' in read) {
      // Nobody will use these groups: the instance is gone, or the next attempt makes its own.
      for (const action of made) {
        await settled(step(`triage.take-back/${action.action}`, POLICY.contain, () => takeBack(parts, input, action)))
      }
      throw read.error
    }
    return { ...read.value, prepared: made }
  })
}

/** A preparation that fails is made again, and recorded, by the containment lane. */
async function prepare ({ clients, custody }: ResponseParts, { incidentId, ticket, target }: TriageInput, planned: PlannedAction): Promise<ContainmentAction> {
  const context = actionContext(clients, { incidentId, ticket, target }, [], target.vpcId)
  return await performAction(custody, context, planned, { generation: 1, occasion: 'triage' })
}

async function takeBack ({ clients, custody }: ResponseParts, { incidentId, ticket, target }: TriageInput, action: ContainmentAction): Promise<void> {
  await undoAction(custody, actionContext(clients, { incidentId, ticket, target }, [action], target.vpcId), action, 'triage', {})
}

async function settled<T> (work: Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await work }
  } catch (error) {
    return { error }
  }
}

export interface SurveyInput { incidentId: string, facts: InstanceFacts, accessKeyIds: string[] }
export type Survey = Workflow<[SurveyInput], Read<Surroundings>>

/** Found again by its id: the containment and the evidence take the same one. */
export function surveyId (incidentId: string, instanceId: string, occasion: string): string {
  return `survey/${incidentId}/${instanceId}/${occasion}`
}

export function registerSurvey ({ clients }: ResponseParts): Survey {
  return workflow('survey', async ({ facts, accessKeyIds }: SurveyInput) =>
    await step(`survey/${facts.instanceId}`, POLICY.describe, () => surveyInstance(triageClients(clients, facts), facts, { accessKeyIds })))
}

export interface DescriptionInput extends SurveyInput { sections: Read<InstanceFacts>['sections'], attempt: number }

/** @throws CleanroomError AWS_*, EVIDENCE_EXISTS */
export function registerDescription ({ clients, evidence }: ResponseParts, survey: Survey): Workflow<[DescriptionInput], void> {
  return workflow('describe', async ({ incidentId, facts, sections, accessKeyIds, attempt }: DescriptionInput) => {
    const { instanceId } = facts
    const rest = await step(`describe.read/${instanceId}`, POLICY.describe, async () => ({
      at: new Date().toISOString(), sections: await describeRest(triageClients(clients, facts), facts)
    }))
    const surveyed = valueOf(await (await start(survey, surveyId(incidentId, instanceId, String(attempt)), { incidentId, facts, accessKeyIds })).outcome())
    await step(`describe.store/${instanceId}`, POLICY.store, async () => {
      const description = assembleDescription(new Date(rest.at), { facts, sections }, surveyed, rest.sections)
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
  })
}
