/**
 * What the incident says of one instance's containment: whose turn it is, the plan, each action, the outcome.
 *
 * One workflow at a time changes a containment. It claims it under the incident's lock, and the claim tells the
 * generation: a release ends one, and what is contained after it is contained anew.
 */
import { cutOffAt } from '../containment/outcome.ts'
import { keyOf, plannedRecord } from '../containment/perform-action.ts'
import { KINDS, offeredRungs, RUNGS, STAGES, type ActionKind, type PlannedAction, type Rung } from '../containment/plan.ts'
import type { ContainmentProof } from '../containment/proof.ts'
import { residualRisks } from '../containment/residual-risks.ts'
import { isRunning } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import type { Containment, ContainmentAction, ContainmentPolicy, Incident } from '../incident/incident.ts'
import type { InstanceFacts, Surroundings } from '../triage/target-facts.ts'
import { groupsOf } from './containment-context.ts'
import type { ResponseParts } from './parts.ts'
import type { TargetId } from './triage-lane.ts'

/** Whose containment it is, and which workflow changes it. */
export interface Turn { incidentId: string, target: TargetId, workflowId: string }

export type Claim =
  | { granted: true, generation: number, rungs: Rung[] }
  /** `released`: nobody asked to contain it again. `busy`: another workflow has its turn. */
  | { granted: false, why: 'released' | 'busy' }

async function change (
  { incidents }: Pick<ResponseParts, 'incidents'>, { incidentId, target }: Omit<Turn, 'workflowId'>,
  edit: (containment: Containment, incident: Incident) => void, type: string, data: Record<string, unknown> = {}
): Promise<void> {
  await incidents.update(incidentId, (incident) => {
    edit(incident.targets.find(({ instanceId }) => instanceId === target.instanceId)!.containment, incident)
  }, { type, data: { instanceId: target.instanceId, ...data } })
}

/**
 * Takes the turn, or says why not.
 * @param onWord somebody asked for it: a released instance is contained anew
 * @param claimedAs the workflow in whose name the turn was taken already
 */
export async function claim (parts: Pick<ResponseParts, 'incidents'>, turn: Turn, { onWord, claimedAs, rungs }: { onWord: boolean, claimedAs?: string, rungs: Rung[] }): Promise<Claim> {
  const { targets } = await parts.incidents.get(turn.incidentId)
  const holder = targets.find(({ instanceId }) => instanceId === turn.target.instanceId)!.containment.underway
  const mine = [undefined, turn.workflowId, claimedAs]
  if (!mine.includes(holder) && await isRunning(holder!)) return { granted: false, why: 'busy' }
  let answer: Claim = { granted: false, why: 'busy' }
  await change(parts, turn, (containment) => {
    const { underway, state, generation = 1, approvedRungs = [] } = containment
    if (underway !== holder && !mine.includes(underway)) return
    if (state === 'released' && !onWord) {
      answer = { granted: false, why: 'released' }
      return
    }
    const anew = state === 'released'
    // What one containment was, and what was approved for it, ended with its release.
    if (anew) Object.assign(containment, { actions: [], state: 'pending', residualRisks: [] })
    if (anew) for (const field of ['containedAt', 'release', 'traffic', 'proof', 'approvedRungs'] as const) delete containment[field]
    const approved = [...new Set([...anew ? [] : approvedRungs, ...rungs])]
    Object.assign(containment, { generation: anew ? generation + 1 : generation, underway: turn.workflowId })
    if (approved.length > 0) containment.approvedRungs = approved
    answer = { granted: true, generation: containment.generation!, rungs: RUNGS.filter((rung) => approved.includes(rung)) }
  }, 'containment.claimed')
  return answer
}

/** What a round starts from: the policy and the facts, and what the record knows of earlier ones. */
export interface Round {
  policy: ContainmentPolicy
  facts: InstanceFacts
  /** Isolation groups that are ready, and what could not be done before. */
  known: ContainmentAction[]
  /** The group that lets all traffic pass may still be there. */
  removeUntracking: boolean
}

/**
 * Facts and policy for a round: interfaces that are isolated already need no swap, a profile that containment took
 * away still tells the role, and a group that is ready is not emptied again while it may hold the way to Systems Manager.
 */
export async function startRound ({ incidents }: Pick<ResponseParts, 'incidents'>, { incidentId, target }: Turn, policy: ContainmentPolicy, found: InstanceFacts): Promise<Round> {
  const { actions } = (await incidents.get(incidentId)).targets.find(({ instanceId }) => instanceId === target.instanceId)!.containment
  const groups = groupsOf(actions, 'prepare-isolation-group')
  const isolated = found.interfaces.every(({ securityGroupIds, vpcId }) => securityGroupIds.length === 1 && securityGroupIds[0] === groups[vpcId ?? found.vpcId])
  const stateOf = (kind: ActionKind): Array<ContainmentAction['state']> => actions.filter(({ action }) => action === kind).map(({ state }) => state)
  return {
    policy: isolated ? { ...policy, trackedConnections: 'leave' } : policy,
    facts: withProfile(found, actions),
    known: actions.filter(({ action, state }) => state === 'failed' || (action === 'prepare-isolation-group' && state === 'done')),
    removeUntracking: stateOf('prepare-untracking-group').some((state) => state !== 'planned') && stateOf('remove-untracking-group').some((state) => state !== 'done' && state !== 'unchanged')
  }
}

/** The facts with the instance profile that the instance had before containment. */
export function withProfile (facts: InstanceFacts, actions: ContainmentAction[]): InstanceFacts {
  const before = actions.find(({ action }) => action === 'remove-instance-profile')?.before as { instanceProfileArn?: string | null } | undefined
  return facts.instanceProfileArn !== undefined || !before?.instanceProfileArn ? facts : { ...facts, instanceProfileArn: before.instanceProfileArn }
}

/** What would hit others that its Auto Scaling group starts. */
const SHARED: readonly ActionKind[] = ['isolate-subnet', 'block-dns']

/**
 * The plan without what only seems to hit nobody: once the instance has left its Auto Scaling group, AWS no longer tells
 * where that group starts others, so of what would hit them only what was planned before, or approved, stays planned.
 */
export async function sparingItsGroup (
  { incidents }: Pick<ResponseParts, 'incidents'>, { incidentId, target }: Turn, plan: PlannedAction[], around: Surroundings, approved: ActionKind[]
): Promise<PlannedAction[]> {
  const { actions } = (await incidents.get(incidentId)).targets.find(({ instanceId }) => instanceId === target.instanceId)!.containment
  const left = around.autoScaling === undefined && actions.some(({ action, state }) => action === 'leave-auto-scaling' && state !== 'planned')
  const known = new Set(actions.map(({ key }) => key))
  return plan.filter((each) => !left || !SHARED.includes(each.kind) || approved.includes(each.kind) || known.has(keyOf(target.instanceId, each)))
}

/** Adds what is planned and not known yet, in the plan's order. */
export async function recordPlan (parts: Pick<ResponseParts, 'incidents'>, turn: Turn, plan: PlannedAction[], prepared: ContainmentAction[] = []): Promise<void> {
  await change(parts, turn, ({ actions }) => {
    for (const each of plan.map((planned) => plannedRecord(turn.target.instanceId, planned))) {
      if (actions.every(({ key }) => key !== each.key)) actions.push(prepared.find(({ key }) => key === each.key) ?? each)
    }
    order(actions)
  }, 'containment.planned')
}

export async function recordSurroundings (parts: ResponseParts, turn: Turn, { unread }: Surroundings, mode: ContainmentPolicy['mode']): Promise<void> {
  await change(parts, turn, (containment) => { Object.assign(containment, { unread, mode }) }, 'containment.surveyed', { mode })
}

export async function recordAction (parts: ResponseParts, turn: Omit<Turn, 'workflowId'>, action: ContainmentAction): Promise<void> {
  await change(parts, turn, ({ actions }) => {
    const at = actions.findIndex(({ key }) => key === action.key)
    if (at === -1) actions.push(action)
    else actions[at] = action
    order(actions)
  }, 'containment.action', { action: action.action, resource: action.resource, state: action.state })
}

/** The plan's order: stage by stage, within one as they were planned. */
function order (actions: ContainmentAction[]): void {
  const stageOf = ({ action }: ContainmentAction): number => STAGES.indexOf(KINDS[action as ActionKind].stage)
  actions.sort((a, b) => stageOf(a) - stageOf(b))
}

export interface OutcomeOf {
  generation: number
  occasion: string
  facts: InstanceFacts
  around: Surroundings
  policy: ContainmentPolicy
  rungs: Rung[]
  captureEnded: boolean
  state: Containment['state']
  actions: ContainmentAction[]
  proof: ContainmentProof
}

export async function recordOutcome (parts: ResponseParts, turn: Turn, { generation, occasion, facts, around, policy, rungs, captureEnded, state, actions, proof }: OutcomeOf): Promise<void> {
  const { exposedInterfaces, unreadable, ...shown } = proof
  const at = cutOffAt(actions)
  await parts.custody.append(turn.incidentId, {
    key: `contain/${turn.target.instanceId}/outcome/${generation}.${occasion}`,
    actor: controllerActor('contain'),
    action: 'containment.proved',
    detail: { instanceId: turn.target.instanceId, state, proof: shown, exposedInterfaces }
  })
  await change(parts, turn, (containment, incident) => {
    Object.assign(containment, {
      state, proof: shown, residualRisks: residualRisks(facts, around, policy, rungs, captureEnded), rungs: offeredRungs(facts, around, policy).filter(({ rung }) => !rungs.includes(rung))
    })
    if (containment.underway === turn.workflowId) delete containment.underway
    if (!at) return
    containment.containedAt ??= at
    incident.timings['time-to-contain'] ??= Date.parse(at) - Date.parse(incident.openedAt)
  }, 'containment.proved', { state, ok: shown.ok })
}

/** A containment that ended without an outcome holds nobody up, and never counts as contained. */
export async function recordNoOutcome (parts: Pick<ResponseParts, 'incidents' | 'custody'>, turn: Turn, { generation, occasion, message, gone }: { generation: number, occasion: string, message: string, gone: boolean }): Promise<void> {
  await parts.custody.append(turn.incidentId, {
    key: `contain/${turn.target.instanceId}/outcome/${generation}.${occasion}`,
    actor: controllerActor('contain'),
    action: gone ? 'containment.instance-gone' : 'containment.not-proved',
    detail: { instanceId: turn.target.instanceId, message }
  })
  await change(parts, turn, (containment) => {
    if (containment.underway === turn.workflowId) delete containment.underway
    containment.state = containment.state === 'pending' && !gone ? 'failed' : 'partial'
    // Of an instance that is gone nothing can be reached any more, and nothing more be proved.
    if (gone) containment.proof = { ok: false, at: new Date().toISOString(), checks: [{ name: 'instance-exists', ok: false, expected: 'it exists', observed: message }] }
  }, 'containment.ended', { gone })
}
