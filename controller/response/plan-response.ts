/**
 * The plan of a response, from reads alone: what would be changed, in which order, whom it would hit, what it
 * needs and which of that lacks.
 *
 * The containment in it is the same plan of the same facts as a response makes (containment/plan.ts). No call
 * of it changes anything, and none is tried with EC2's `DryRun`: IAM is asked instead.
 */
import { findLacking, permissionChecks, type Permissions } from '../containment/permissions.ts'
import { offeredRungs, planContainment, STAGES, type PlannedAction, type Rung } from '../containment/plan.ts'
import { residualRisks } from '../containment/residual-risks.ts'
import type { Plan, Target } from '../incident/incident.ts'
import { describeRest } from '../triage/describe-instance.ts'
import { readInstance } from '../triage/read-instance.ts'
import { unreadable, type Unreadable } from '../triage/sections.ts'
import { surveyInstance } from '../triage/survey-instance.ts'
import type { InstanceFacts, Surroundings } from '../triage/target-facts.ts'
import { estimate, type Estimate } from './estimate.ts'
import type { ResponseParts } from './parts.ts'
import { triageClients } from './triage-lane.ts'

export interface PlannedStep {
  order: number
  phase: string
  action: string
  resource: string
  /** What it changes, in words. */
  change: string
  /** IAM actions that it needs; of containment alone. */
  needs?: string[]
  /** The state that is there now, where it was read already. */
  before?: Record<string, unknown>
  /** What it waits for beyond its turn, in words. */
  after?: string
}

export interface PlannedTarget {
  instanceId: string
  accountId: string
  region: string
  state: string
  actions: PlannedStep[]
  /** What is not done by itself and could be, by a second person's approval. */
  rungs: Array<{ rung: Rung, resource: string, words: string, hits: string[] }>
  residualRisks: string[]
  /** What a person should know before saying yes, besides the risks that remain. */
  notes: string[]
  /** What could not be read, and why: most often a permission that lacks. */
  unreadable: Unreadable[]
  /** Whether the containing role may do what is planned. */
  permissions: Permissions
  estimate: Estimate
}

export interface ResponsePlan {
  dryRun: true
  plan: Plan
  targets: PlannedTarget[]
  cleanRoom: { region: string, instanceType: string, volumes: number, totalGiB: number }
}

/** @throws CleanroomError INSTANCE_NOT_FOUND, INSTANCE_TERMINATED, AWS_* when an instance itself can't be read */
export async function planResponse (
  parts: ResponseParts, targets: Array<Pick<Target, 'instanceId' | 'accountId' | 'region'>>, plan: Plan
): Promise<ResponsePlan> {
  const { baseline } = parts
  const planned = await Promise.all(targets.map(async (target) => await planTarget(parts, target, plan)))
  const volumes = planned.flatMap(({ facts }) => facts.volumes)
  return {
    dryRun: true,
    plan,
    targets: planned.map(({ target }) => target),
    cleanRoom: {
      region: baseline.region,
      instanceType: baseline.workstation.instanceTypes[0]!,
      volumes: volumes.length,
      totalGiB: volumes.reduce((sum, { sizeGiB }) => sum + sizeGiB, 0)
    }
  }
}

async function planTarget (
  { clients }: Pick<ResponseParts, 'clients'>, target: Pick<Target, 'instanceId' | 'accountId' | 'region'>, plan: Plan
): Promise<{ facts: InstanceFacts, target: PlannedTarget }> {
  const reading = triageClients(clients, target)
  const { containment: policy } = plan
  const core = await readInstance(reading, target, target.instanceId, new Date())
  const { facts } = core
  const [{ facts: around }, rest] = await Promise.all([
    surveyInstance(reading, facts, { accessKeyIds: policy.accessKeyIds }),
    // For what of the evidence can't be read.
    describeRest(reading, facts)
  ])
  const role = clients.roleArn(target.accountId, 'contain')
  const contained = planContainment(facts, around, policy)
  return {
    facts,
    target: {
      instanceId: facts.instanceId,
      accountId: facts.accountId,
      region: facts.region,
      state: facts.state,
      actions: plannedSteps(facts, around, plan),
      rungs: offeredRungs(facts, around, policy),
      residualRisks: residualRisks(facts, around, policy),
      notes: notes(around, plan),
      unreadable: [...unreadable(core.sections), ...around.unread, ...unreadable(rest)],
      permissions: await findLacking(reading.iam, role, permissionChecks(contained, facts, around, role)),
      estimate: estimate(facts, policy)
    }
  }
}

/** Every step of the response on one instance, in the order in which it is begun. Pure. */
export function plannedSteps (facts: InstanceFacts, around: Surroundings, plan: Plan): PlannedStep[] {
  const { instanceId } = facts
  const containment = planContainment(facts, around, plan.containment)
  const steps: Array<Omit<PlannedStep, 'order'>> = [
    { phase: 'triaging', action: 'describe', resource: instanceId, change: 'Nothing: everything AWS knows of the instance is stored as the first evidence' },
    ...STAGES.flatMap((stage) => containment.filter((planned) => planned.stage === stage).map(asStep)),
    ...facts.volumes.map(({ volumeId, sizeGiB, device }) => ({
      phase: 'acquiring',
      action: 'snapshot-volume',
      resource: volumeId,
      change: `A snapshot of ${device} (${sizeGiB > 0 ? `${sizeGiB} GiB` : 'size not known'}), crash-consistent with the others`
    })),
    { phase: 'preparing', action: 'create-clean-room', resource: instanceId, change: 'An isolated VPC with a workstation and a copy of every volume' },
    ...plan.analyses.map((script) => ({ phase: 'analysing', action: 'analyse', resource: script, change: 'Nothing outside the clean room' }))
  ]
  return steps.map((step, index) => ({ order: index + 1, ...step }))
}

const WAITS_FOR: Record<NonNullable<PlannedAction['after']>, string> = {
  'live-capture': 'The end of live capture through Systems Manager'
}

function asStep ({ kind, resource, words, needs, before, after }: PlannedAction): Omit<PlannedStep, 'order'> {
  return { phase: 'containing', action: kind, resource, change: words, needs, ...before && { before }, ...after && { after: WAITS_FOR[after] } }
}

/** What a person should know before saying yes, besides the risks that remain. Pure. */
export function notes ({ autoScaling, accessKeys }: Surroundings, { containment }: Plan): string[] {
  const inactive = accessKeys.filter(({ active }) => !active).map(({ accessKeyId }) => accessKeyId)
  return [
    ...containment.autoScaling === 'shrink' && autoScaling && autoScaling.desiredCapacity - 1 < autoScaling.minSize
      ? [`The Auto Scaling group ${autoScaling.group} wants ${autoScaling.desiredCapacity} instances and may not have fewer than ${autoScaling.minSize}, so it can't shrink.`]
      : [],
    ...inactive.length > 0 ? [`Inactive already: ${inactive.join(', ')}`] : []
  ]
}
