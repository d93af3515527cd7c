/**
 * The plan of a response, from reads alone: what would be changed, in which order, and what it needs.
 */
import { planContainment, STAGES, type PlannedAction } from '../containment/plan.ts'
import { residualRisks } from '../containment/residual-risks.ts'
import type { Plan, Target } from '../incident/incident.ts'
import { describeInstance } from '../triage/describe-instance.ts'
import type { InstanceFacts, Section } from '../triage/target-facts.ts'
import type { ResponseParts } from './parts.ts'
import { triageClients } from './triage-lane.ts'

export interface PlannedStep { order: number, phase: string, action: string, resource: string, change: string }

export interface ResponsePlan {
  dryRun: true
  plan: Plan
  targets: Array<{
    instanceId: string
    accountId: string
    region: string
    state: string
    actions: PlannedStep[]
    residualRisks: string[]
    /** What could not be read, and why: most often a permission that lacks. */
    unreadable: Array<{ what: string, code: string, message: string }>
  }>
  cleanRoom: { region: string, instanceType: string, volumes: number, totalGiB: number }
}

export async function planResponse (
  { baseline, clients }: ResponseParts, targets: Array<Pick<Target, 'instanceId' | 'accountId' | 'region'>>, plan: Plan
): Promise<ResponsePlan> {
  const described = await Promise.all(targets.map(async (target) => await describeInstance(triageClients(clients, target), target, target.instanceId, new Date())))
  const volumes = described.flatMap(({ facts }) => facts.volumes)
  return {
    dryRun: true,
    plan,
    targets: described.map(({ facts, sections }) => ({
      instanceId: facts.instanceId,
      accountId: facts.accountId,
      region: facts.region,
      state: facts.state,
      actions: plannedSteps(facts, plan),
      residualRisks: residualRisks(facts),
      unreadable: unreadable(sections)
    })),
    cleanRoom: {
      region: baseline.region,
      instanceType: baseline.workstation.instanceTypes[0]!,
      volumes: volumes.length,
      totalGiB: volumes.reduce((sum, { sizeGiB }) => sum + sizeGiB, 0)
    }
  }
}

/** Every step of the response on one instance, in the order in which it is begun. Pure. */
export function plannedSteps (facts: InstanceFacts, plan: Plan): PlannedStep[] {
  const { instanceId } = facts
  const containment = planContainment(facts, plan.containment)
  const steps: Array<Omit<PlannedStep, 'order'>> = [
    { phase: 'triaging', action: 'describe', resource: instanceId, change: 'Nothing: everything AWS knows of the instance is stored as the first evidence' },
    ...STAGES.flatMap((stage) => containment.filter((planned) => planned.stage === stage).map(asStep)),
    ...facts.volumes.map(({ volumeId, sizeGiB, device }) => ({
      phase: 'acquiring', action: 'snapshot-volume', resource: volumeId, change: `A snapshot of ${device} (${sizeGiB} GiB), crash-consistent with the others`
    })),
    { phase: 'preparing', action: 'create-clean-room', resource: instanceId, change: 'An isolated VPC with a workstation and a copy of every volume' },
    ...plan.analyses.map((script) => ({ phase: 'analysing', action: 'analyse', resource: script, change: 'Nothing outside the clean room' }))
  ]
  return steps.map((step, index) => ({ order: index + 1, ...step }))
}

function asStep ({ kind, resource, words }: PlannedAction): Omit<PlannedStep, 'order'> {
  return { phase: 'containing', action: kind, resource, change: words }
}

function unreadable (sections: Record<string, Section>): Array<{ what: string, code: string, message: string }> {
  return Object.entries(sections).flatMap(([what, section]) => 'error' in section ? [{ what, ...section.error }] : [])
}
