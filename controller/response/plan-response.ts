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
