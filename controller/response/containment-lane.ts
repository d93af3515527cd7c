/**
 * Containment of one instance as durable lanes: protect it, cut it off, take its surroundings away, prove it.
 *
 * The three begin side by side and each action is a step of its own, so that none waits for another and a
 * failed one loosens nothing. What AWS then shows decides what the lane reports; what it shows open, and
 * what failed for a while only, is done again in a further round.
 */
import type { ActionContext } from '../containment/actions/action.ts'
import { containmentState, cutOffAt } from '../containment/outcome.ts'
import { keyOf, performAction, plannedRecord, recordFailure, type Occasion } from '../containment/perform-action.ts'
import { KINDS, planCutOff, planSurroundings, offeredRungs, STAGES, type ActionKind, type PlannedAction, type Rung } from '../containment/plan.ts'
import { proveContainment, type ContainmentProof } from '../containment/proof.ts'
import { residualRisks } from '../containment/residual-risks.ts'
import { belongsToEngine, failureOf, start, step, valueOf, workflow, type Workflow } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import { CleanroomError } from '../incident/errors.ts'
import type { Containment, ContainmentAction, ContainmentPolicy, Incident } from '../incident/incident.ts'
import { readInstance } from '../triage/read-instance.ts'
import type { InstanceFacts, Surroundings } from '../triage/target-facts.ts'
import { actionContext, containmentClients, groupsOf, vpcOf } from './containment-context.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY } from './step-policies.ts'
import { surveyId, triageClients, type Survey, type TargetId } from './triage-lane.ts'

/** How often what is open or failed for a while is done again before the lane reports. */
const ROUNDS = 3
const GONE: readonly string[] = ['INSTANCE_TERMINATED', 'INSTANCE_NOT_FOUND']
/** Codes of failures that a further round may find gone. */
const PASSING: readonly string[] = ['AWS_THROTTLED', 'AWS_UNAVAILABLE', 'AWS_BUSY', 'TIMED_OUT', 'DATABASE_UNAVAILABLE']

export interface ContainmentInput extends Occasion {
  incidentId: string
  ticket: string
  target: TargetId
  policy: ContainmentPolicy
  /** Approved ones. */
  rungs: Rung[]
  /** Mode `ssm` ends, and what waited for the end of live capture is done. */
  captureEnded: boolean
  /** Left out: read first. */
  facts?: InstanceFacts
  /** What triage made ready. */
  prepared?: ContainmentAction[]
}

/** A containment is found again by its occasion: starting it twice is starting it once. */
export function containmentId ({ incidentId, target, generation, occasion }: Pick<ContainmentInput, 'incidentId' | 'target' | 'generation' | 'occasion'>): string {
  return `contain/${incidentId}/${target.instanceId}/${generation}.${occasion}`
}

interface RoundInput extends Omit<ContainmentInput, 'facts'> {
  facts: InstanceFacts
  round: number
  /** What need not be done again. */
  done: ContainmentAction[]
  /** Isolation groups by VPC, once they were made, also when making sure of them failed since. */
  groups: Record<string, string>
}
interface Surrounded { actions: ContainmentAction[], around: Surroundings }

export type Contain = Workflow<[ContainmentInput], Containment['state']>

export function registerContainment (parts: ResponseParts, survey: Survey): Contain {
  const protect = workflow('contain-protect', async (input: RoundInput) => {
    const plan = planCutOff(input.facts, input.policy).filter(({ stage }) => stage === 'mark' || stage === 'disarm')
    return await perform(parts, input, pending(input, plan), input.done)
  })

  /** The group first, then every interface side by side; the untracking group goes in any case. */
  const cutOff = workflow('contain-cut-off', async (input: RoundInput) => {
    const plan = planCutOff(input.facts, input.policy).filter(({ stage }) => stage === 'isolate')
    const of = (...kinds: ActionKind[]): PlannedAction[] => pending(input, plan.filter(({ kind }) => kinds.includes(kind)))
    const prepared = await perform(parts, input, of('prepare-isolation-group', 'prepare-untracking-group'), input.done)
    const ready = [...input.done, ...prepared]
    const isolated = await perform(parts, input, of('isolate-interface'), ready)
    const removed = await perform(parts, input, of('remove-untracking-group'), ready)
    return [...prepared, ...isolated, ...removed]
  })

  const surround = workflow('contain-surroundings', async (input: RoundInput): Promise<Surrounded> => {
    const { incidentId, facts, policy, occasion, round, rungs } = input
    const surveyed = await start(survey, surveyId(incidentId, facts.instanceId, round === 1 ? occasion : `${occasion}.${round}`), {
      incidentId, facts, accessKeyIds: policy.accessKeyIds
    })
    const around = valueOf(await surveyed.outcome()).facts
    const plan = planSurroundings(facts, around, policy, rungs)
    await step('contain.plan-surroundings', POLICY.record, () => recordPlan(parts, input, () => plan, around))
    const now = plan.filter(({ kind, after }) => kind !== 'allow-ssm-endpoints' && (input.captureEnded || after === undefined))
    return { actions: await perform(parts, input, pending(input, now), input.done), around }
  })

  /** A rule of the isolation group: only once every interface is in it, and never again after the capture. */
  const leaveSsmPath = async (input: RoundInput, around: Surroundings): Promise<ContainmentAction[]> => {
    if (input.captureEnded) return []
    const plan = planSurroundings(input.facts, around, input.policy).filter(({ kind }) => kind === 'allow-ssm-endpoints')
    return await perform(parts, input, pending(input, plan), input.done)
  }

  const rounds = async (input: ContainmentInput): Promise<Containment['state']> => {
    const { incidentId, target } = input
    const latest = new Map((input.prepared ?? []).map((action) => [action.key, action]))
    const keep = (results: ContainmentAction[]): void => { for (const result of results) latest.set(result.key, result) }
    let found = input.facts ?? await read(parts, input, 0)
    let facts = found
    let groups: Record<string, string> = {}
    let around = NOTHING_KNOWN
    let proof: ContainmentProof | undefined
    for (let round = 1; ; round++) {
      if (round > 1) found = await read(parts, input, round)
      const planned = await step(`contain.plan/${round}`, POLICY.record, () => planRound(parts, input, found))
      const { policy, prepared } = planned
      facts = planned.facts
      if (round === 1) keep(prepared.filter(({ key }) => !latest.has(key)))
      groups = { ...groups, ...groupsOf([...latest.values()], 'prepare-isolation-group') }
      const done = [...latest.values()].filter((action) => !isUndone(action, proof))
      const of: RoundInput = { ...input, facts, policy, round, done, groups }
      const id = (lane: string): string => `${lane}/${incidentId}/${facts.instanceId}/${input.generation}.${input.occasion}.${round}`
      const [cutting, protecting, surrounding] = [await start(cutOff, id('cut-off'), of), await start(protect, id('protect'), of), await start(surround, id('surround'), of)]
      for (const each of [cutting, protecting]) keep(valueOf(await each.outcome()))
      const surrounded = await surrounding.outcome()
      if (surrounded.ok) {
        around = surrounded.value.around
        keep(surrounded.value.actions)
      }
      keep(await leaveSsmPath({ ...of, done: [...latest.values()] }, around))
      proof = await step(`contain.prove/${round}`, POLICY.contain, () => prove(parts, input, facts, around, { ...groups, ...groupsOf([...latest.values()], 'prepare-isolation-group') }))
      if (round === ROUNDS || !goOn([...latest.values()], proof, around)) break
    }
    const actions = [...latest.values()]
    const failing = proof.checks.filter(({ ok }) => !ok)
    const state = containmentState(actions, proof, around.unread)
    await step('contain.outcome', POLICY.record, () => recordOutcome(parts, input, facts, around, state, actions, proof))
    if (state === 'failed') {
      throw new CleanroomError('CONTAINMENT_INCOMPLETE',
        `${target.instanceId} is not contained: ${failing.map(({ name, observed }) => `${name} (${observed})`).join('; ')}`,
        { extra: { incidentId, failed: actions.filter((each) => each.state === 'failed') } })
    }
    return state
  }

  return workflow('contain', async (input: ContainmentInput): Promise<Containment['state']> => {
    try {
      return await rounds(input)
    } catch (error) {
      if (belongsToEngine(error)) throw error
      const { code, message } = failureOf(error)
      const gone = GONE.includes(code)
      await step('contain.let-go', POLICY.record, () => letGo(parts, input, gone ? message : undefined))
      if (!gone) throw error
      return 'partial'
    }
  })
}

/** What is taken to be true of the surroundings while nobody could read them. */
const NOTHING_KNOWN: Surroundings = {
  targets: [],
  classicLoadBalancers: [],
  subnets: [],
  othersInVpc: [],
  ssmEndpoints: [],
  accessKeys: [],
  flowLogs: [],
  scheduledEvents: [],
  unread: (['autoScaling', 'targets', 'classicLoadBalancers', 'role', 'subnets'] as const).map((what) => ({
    what, code: 'TIMED_OUT', message: 'The surroundings could not be read in time.'
  }))
}

/** Planned actions that are not done yet. */
function pending ({ done, target }: RoundInput, plan: PlannedAction[]): PlannedAction[] {
  const settled = new Set(done.filter(({ state }) => state === 'done' || state === 'unchanged').map(({ key }) => key))
  return plan.filter((planned) => !settled.has(keyOf(target.instanceId, planned)))
}

/** Whether the proof showed that what an action had done stands no more: an interface is open, or the group has rules. */
function isUndone ({ action, resource }: ContainmentAction, proof: ContainmentProof | undefined): boolean {
  if (!proof) return false
  if (action === 'isolate-interface') return notIsolated(proof).includes(resource)
  const rules = proof.checks.some(({ name, ok }) => name === 'isolation-group-empty' && !ok)
  return rules && (action === 'prepare-isolation-group' || action === 'allow-ssm-endpoints')
}

/** Interfaces that are open, or cut off by another group than the isolation group: AWS may carry a call out late. */
function notIsolated ({ exposedInterfaces, checks }: ContainmentProof): string[] {
  const misplaced = checks.filter(({ name, ok }) => !ok && name.startsWith('interface-isolated ')).map(({ name }) => name.split(' ')[1]!)
  return [...new Set([...exposedInterfaces, ...misplaced])]
}

function goOn (actions: ContainmentAction[], proof: ContainmentProof, { unread }: Surroundings): boolean {
  if (proof.checks.some(({ name, ok }) => name === 'instance-exists' && !ok)) return false
  const passing = [...actions.map(({ error }) => error?.code), ...unread.map(({ code }) => code), ...proof.unreadable.map(({ code }) => code)]
  return notIsolated(proof).length > 0 || passing.some((code) => PASSING.includes(code ?? ''))
}

async function read ({ clients }: ResponseParts, { target }: ContainmentInput, round: number): Promise<InstanceFacts> {
  return await step(`contain.read/${round}`, POLICY.describe, async () =>
    (await readInstance(triageClients(clients, target), target, target.instanceId, new Date())).facts)
}

/** Runs the actions side by side, each in a step of its own; a failure is a result. */
async function perform (parts: ResponseParts, input: RoundInput, planned: PlannedAction[], done: ContainmentAction[]): Promise<ContainmentAction[]> {
  const { clients, custody } = parts
  const { generation, round } = input
  const occasion = { generation, occasion: `${input.occasion}.${round}` }
  const contextOf = (each: PlannedAction): ActionContext => actionContext(clients, input, done, vpcOf(each, input.facts.vpcId), input.groups)
  const settled = await Promise.allSettled(planned.map(async (each) =>
    await step(`contain.${each.kind}/${each.resource}`, POLICY.contain, async () => {
      const performed = await performAction(custody, contextOf(each), each, occasion)
      await put(parts, input, performed)
      return performed
    })))
  const results: ContainmentAction[] = []
  for (const [index, outcome] of settled.entries()) {
    const each = planned[index]!
    results.push(outcome.status === 'fulfilled'
      ? outcome.value
      : await step(`contain.failed/${each.kind}/${each.resource}`, POLICY.record, async () => {
        const failed = await recordFailure(custody, contextOf(each), each, occasion, outcome.reason)
        await put(parts, input, failed)
        return failed
      }))
  }
  return results
}

async function prove (
  { clients }: ResponseParts, { target, policy, rungs, incidentId, captureEnded }: ContainmentInput, facts: InstanceFacts, around: Surroundings, groups: Record<string, string>
): Promise<ContainmentProof> {
  const { [facts.vpcId]: isolationGroupId, ...otherIsolationGroups } = groups
  return await proveContainment(containmentClients(clients, target), {
    incidentId, facts, around, policy, rungs, mode: modeOf(policy, around, captureEnded), otherIsolationGroups, ...isolationGroupId !== undefined && { isolationGroupId }
  }, new Date())
}

async function change (
  { incidents }: ResponseParts, { incidentId, target }: Pick<ContainmentInput, 'incidentId' | 'target'>,
  edit: (containment: Containment, incident: Incident) => void, type: string, data: Record<string, unknown>
): Promise<void> {
  await incidents.update(incidentId, (incident) => {
    edit(incident.targets.find(({ instanceId }) => instanceId === target.instanceId)!.containment, incident)
  }, { type, data: { instanceId: target.instanceId, ...data } })
}

async function put (parts: ResponseParts, input: RoundInput, action: ContainmentAction): Promise<void> {
  await change(parts, input, ({ actions }) => {
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

/** The mode that is in force: without endpoints in the VPC there is no way to Systems Manager to leave. */
function modeOf ({ mode }: ContainmentPolicy, { ssmEndpoints }: Surroundings, captureEnded: boolean): ContainmentPolicy['mode'] {
  return mode === 'ssm' && !captureEnded && ssmEndpoints.length > 0 ? 'ssm' : 'full'
}

/**
 * Records the plan of a round; answers the policy and the facts it is made from, and the isolation groups that
 * were made before: none is emptied again while it may hold the way to Systems Manager. Interfaces that are
 * isolated already need no swap, and a profile that containment took away still tells the role.
 */
async function planRound (
  parts: ResponseParts, input: ContainmentInput, found: InstanceFacts
): Promise<{ policy: ContainmentPolicy, facts: InstanceFacts, prepared: ContainmentAction[] }> {
  let { policy } = input
  let facts = found
  let prepared: ContainmentAction[] = []
  await recordPlan(parts, input, ({ actions }) => {
    prepared = actions.filter(({ action, state }) => action === 'prepare-isolation-group' && state === 'done')
    const groups = groupsOf(actions, 'prepare-isolation-group')
    const isolated = found.interfaces.every(({ securityGroupIds, vpcId }) => securityGroupIds.length === 1 && securityGroupIds[0] === groups[vpcId ?? found.vpcId])
    if (isolated) policy = { ...policy, trackedConnections: 'leave' }
    facts = withProfile(found, actions)
    return planCutOff(facts, policy)
  })
  return { policy, facts, prepared }
}

/** The facts with the instance profile that the instance had before containment. */
export function withProfile (facts: InstanceFacts, actions: ContainmentAction[]): InstanceFacts {
  const before = actions.find(({ action }) => action === 'remove-instance-profile')?.before as { instanceProfileArn?: string | null } | undefined
  return facts.instanceProfileArn !== undefined || !before?.instanceProfileArn ? facts : { ...facts, instanceProfileArn: before.instanceProfileArn }
}

async function recordPlan (parts: ResponseParts, input: ContainmentInput, planOf: (containment: Containment) => PlannedAction[], around?: Surroundings): Promise<void> {
  const { target, policy, generation, prepared = [] } = input
  await change(parts, input, (containment) => {
    // After a release the instance is contained anew, from the state it is in then.
    if (containment.generation !== generation) Object.assign(containment, { generation, actions: [], state: 'pending' })
    containment.underway = containmentId(input)
    for (const each of planOf(containment).map((planned) => plannedRecord(target.instanceId, planned))) {
      if (containment.actions.every(({ key }) => key !== each.key)) containment.actions.push(prepared.find(({ key }) => key === each.key) ?? each)
    }
    order(containment.actions)
    if (!around) return
    containment.unread = around.unread
    containment.mode = modeOf(policy, around, input.captureEnded)
  }, 'containment.planned', {})
}

/** A containment that ended without an outcome holds nobody up; of an instance that is gone the record says so. */
async function letGo (parts: ResponseParts, input: ContainmentInput, gone: string | undefined): Promise<void> {
  const { incidentId, target, generation, occasion } = input
  const proof = { ok: false, at: new Date().toISOString(), checks: [{ name: 'instance-exists', ok: false, expected: 'it exists', observed: gone ?? '' }] }
  if (gone !== undefined) {
    await parts.custody.append(incidentId, {
      key: `contain/${target.instanceId}/outcome/${generation}.${occasion}`,
      actor: controllerActor('contain'),
      action: 'containment.instance-gone',
      detail: { instanceId: target.instanceId, message: gone }
    })
  }
  await change(parts, input, (containment) => {
    if (containment.underway === containmentId(input)) delete containment.underway
    // Nothing of it can be reached any more, and nothing more be proved.
    if (gone !== undefined) Object.assign(containment, { state: 'partial', proof })
  }, 'containment.ended', { ...gone !== undefined && { gone } })
}

async function recordOutcome (
  parts: ResponseParts, input: ContainmentInput, facts: InstanceFacts, around: Surroundings,
  state: Containment['state'], actions: ContainmentAction[], { exposedInterfaces, unreadable, ...proof }: ContainmentProof
): Promise<void> {
  const { incidentId, target, generation, occasion, policy } = input
  const at = cutOffAt(actions)
  await parts.custody.append(incidentId, {
    key: `contain/${target.instanceId}/outcome/${generation}.${occasion}`,
    actor: controllerActor('contain'),
    action: 'containment.proved',
    detail: { instanceId: target.instanceId, state, proof, exposedInterfaces }
  })
  await change(parts, input, (containment, incident) => {
    containment.state = state
    containment.proof = proof
    containment.residualRisks = residualRisks(facts, around, policy, input.rungs)
    containment.rungs = offeredRungs(facts, around, policy)
    delete containment.underway
    if (!at) return
    containment.containedAt ??= at
    incident.timings['time-to-contain'] ??= Date.parse(at) - Date.parse(incident.openedAt)
  }, 'containment.proved', { state, ok: proof.ok })
}
