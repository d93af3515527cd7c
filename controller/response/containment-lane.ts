/**
 * Containment of one instance as durable lanes: protect it, cut it off, take its surroundings away, prove it.
 *
 * The three begin side by side and each action is a step of its own, so that none waits for another and a
 * failed one loosens nothing. What AWS then shows decides what the lane reports; what it shows open, and
 * what failed for a while only, is done again in a further round.
 */
import type { ActionContext } from '../containment/actions/action.ts'
import { containmentState } from '../containment/outcome.ts'
import { keyOf, performAction, recordFailure } from '../containment/perform-action.ts'
import { planCutOff, planSurroundings, type ActionKind, type PlannedAction, type Rung } from '../containment/plan.ts'
import { proveContainment, type ContainmentProof } from '../containment/proof.ts'
import { plannedOf } from '../containment/undo-action.ts'
import { belongsToEngine, failureOf, pause, start, step, valueOf, workflow, type Workflow } from '../durable/durable.ts'
import { CleanroomError, isPassing } from '../incident/errors.ts'
import type { Containment, ContainmentAction, ContainmentPolicy } from '../incident/incident.ts'
import { readInstance } from '../triage/read-instance.ts'
import type { InstanceFacts, Surroundings } from '../triage/target-facts.ts'
import { actionContext, containmentClients, groupsOf, vpcOf } from './containment-context.ts'
import { claim, recordAction, recordNoOutcome, recordOutcome, recordPlan, recordSurroundings, sparingItsGroup, startRound, type Claim, type Turn } from './containment-record.ts'
import { endOfLiveCapture, type LiveCaptureInput } from './live-capture-lane.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY, WAIT } from './step-policies.ts'
import { trafficId, type TrafficInput } from './traffic-lane.ts'
import { surveyId, triageClients, type Survey, type TargetId } from './triage-lane.ts'

/** How often what is open or failed for a while is done again before the lane reports. */
const ROUNDS = 3
const GONE: readonly string[] = ['INSTANCE_TERMINATED', 'INSTANCE_NOT_FOUND']
/** What an approved rung does; it does not wait for the end of live capture. */
const OF_RUNG: Record<Rung, ActionKind> = {
  'network-acl': 'isolate-subnet', 'role-sessions': 'revoke-role-sessions', 'dns-firewall': 'block-dns', 'stop-instance': 'stop-instance'
}

export interface ContainmentInput {
  incidentId: string
  ticket: string
  target: TargetId
  policy: ContainmentPolicy
  /** Names this time among all containments of the instance in the incident. */
  occasion: string
  /** Approved for this time; those approved before are kept. */
  rungs: Rung[]
  /** Mode `ssm` ends, and what waited for the end of live capture is done. */
  captureEnded: boolean
  /** Somebody asked for it: an instance that was released is contained anew. */
  onWord: boolean
  /** The workflow in whose name the containment was claimed already. */
  claimedAs?: string
  /** Left out: read first. */
  facts?: InstanceFacts
  /** What triage made ready. */
  prepared?: ContainmentAction[]
}

/** A containment is found again by its occasion: starting it twice is starting it once. */
export function containmentId ({ incidentId, target, occasion }: Pick<ContainmentInput, 'incidentId' | 'target' | 'occasion'>): string {
  return `contain/${incidentId}/${target.instanceId}/${occasion}`
}

interface RoundInput extends Omit<ContainmentInput, 'facts' | 'prepared'> {
  facts: InstanceFacts
  generation: number
  round: number
  /** What was done so far, failed or not. */
  done: ContainmentAction[]
  /** Isolation groups by VPC, once they were made, also when making sure of them failed since. */
  groups: Record<string, string>
  removeUntracking: boolean
}
interface Surrounded { actions: ContainmentAction[], around: Surroundings }

export type Contain = Workflow<[ContainmentInput], Containment['state']>
/** Lanes that a containment leaves behind; registered beside it. */
export interface Followers { endLiveCapture: Workflow<[LiveCaptureInput], void>, watchTraffic: Workflow<[TrafficInput], void> }

export function registerContainment (parts: ResponseParts, survey: Survey, followers: () => Followers): Contain {
  const protect = workflow('contain-protect', async (input: RoundInput) => {
    const plan = planCutOff(input.facts, input.policy).filter(({ stage }) => stage === 'mark' || stage === 'disarm')
    return await perform(parts, input, pending(input, plan, ['mark', 'disarm']), input.done)
  })

  /** The groups first, then every interface side by side; the untracking groups go in any case. */
  const cutOff = workflow('contain-cut-off', async (input: RoundInput) => {
    const plan = planCutOff(input.facts, input.policy, { removeUntracking: input.removeUntracking }).filter(({ stage }) => stage === 'isolate')
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
    const approved = rungs.map((rung) => OF_RUNG[rung])
    const plan = await step('contain.plan-surroundings', POLICY.record, async () => {
      const sparing = await sparingItsGroup(parts, turnOf(input), planSurroundings(facts, around, policy, rungs), around, approved)
      await recordPlan(parts, turnOf(input), sparing)
      await recordSurroundings(parts, turnOf(input), around, modeOf(policy, around, input.captureEnded))
      return sparing
    })
    const now = plan.filter(({ kind, after }) => kind !== 'allow-ssm-endpoints' && (input.captureEnded || after === undefined || approved.includes(kind)))
    return { actions: await perform(parts, input, pending(input, now, ['divert', 'revoke']), input.done), around }
  })

  /** A rule of the isolation group, so it comes after all interfaces; never again after the capture. */
  const leaveSsmPath = async (input: RoundInput, around: Surroundings): Promise<ContainmentAction[]> => {
    if (modeOf(input.policy, around, input.captureEnded) !== 'ssm') return []
    // In force from before the path is open: whatever happens next, it ends.
    const { incidentId, ticket, target, policy, occasion } = input
    const ending: LiveCaptureInput = { incidentId, ticket, target, policy, occasion, onWord: input.onWord }
    await start(followers().endLiveCapture, endOfLiveCapture(ending), ending)
    const plan = planSurroundings(input.facts, around, policy).filter(({ kind }) => kind === 'allow-ssm-endpoints')
    return await perform(parts, input, pending(input, plan), input.done)
  }

  const rounds = async (input: ContainmentInput, generation: number): Promise<Containment['state']> => {
    const { incidentId, target, occasion, captureEnded, rungs, prepared = [] } = input
    const turn = turnOf(input)
    const latest = new Map(prepared.map((action) => [action.key, action]))
    const keep = (results: ContainmentAction[]): void => { for (const result of results) latest.set(result.key, result) }
    let found = input.facts ?? await read(parts, input, 0)
    let groups: Record<string, string> = {}
    let around = NOTHING_KNOWN
    let proof: ContainmentProof | undefined
    for (let round = 1; ; round++) {
      if (round > 1) found = await read(parts, input, round)
      const begun = await step(`contain.plan/${round}`, POLICY.record, async () => {
        const beginning = await startRound(parts, turn, input.policy, found)
        await recordPlan(parts, turn, planCutOff(beginning.facts, beginning.policy), prepared)
        return beginning
      })
      const { facts, policy } = begun
      if (round === 1) keep(begun.known.filter(({ key }) => !latest.has(key)))
      groups = { ...groups, ...groupsOf([...latest.values()], 'prepare-isolation-group') }
      const done = [...latest.values()].filter((action) => !isUndone(action, proof))
      const of: RoundInput = { ...input, facts, policy, generation, round, done, groups, removeUntracking: begun.removeUntracking || fails(proof, 'untracking-group-closed') }
      const id = (lane: string): string => `${lane}/${incidentId}/${facts.instanceId}/${occasion}.${round}`
      const [cutting, protecting, surrounding] = [await start(cutOff, id('cut-off'), of), await start(protect, id('protect'), of), await start(surround, id('surround'), of)]
      for (const each of [cutting, protecting]) keep(valueOf(await each.outcome()))
      const surrounded = await surrounding.outcome()
      if (surrounded.ok) {
        around = surrounded.value.around
        keep(surrounded.value.actions)
      }
      keep(await leaveSsmPath({ ...of, done: [...latest.values()] }, around))
      groups = { ...groups, ...groupsOf([...latest.values()], 'prepare-isolation-group') }
      proof = await step(`contain.prove/${round}`, POLICY.contain, () => prove(parts, of, around, groups))
      if (round < ROUNDS && goOn([...latest.values()], proof, around)) continue

      const [actions, seen, last] = [[...latest.values()], around, proof]
      const state = containmentState(actions, last, seen.unread)
      await step('contain.outcome', POLICY.record, () => recordOutcome(parts, turn, {
        generation, occasion, facts, around: seen, policy: input.policy, rungs, captureEnded, state, actions, proof: last
      }))
      await start(followers().watchTraffic, trafficId(incidentId, target.instanceId, generation), { incidentId, facts, generation, flowLogs: seen.flowLogs, ssmEndpoints: seen.ssmEndpoints })
      if (state === 'failed') {
        const failing = last.checks.filter(({ ok }) => !ok)
        throw new CleanroomError('CONTAINMENT_INCOMPLETE',
          `${target.instanceId} is not contained: ${failing.map(({ name, observed }) => `${name} (${observed})`).join('; ')}`,
          { extra: { incidentId, failed: actions.filter((each) => each.state === 'failed') } })
      }
      return state
    }
  }

  return workflow('contain', async (input: ContainmentInput): Promise<Containment['state']> => {
    const turn = turnOf(input)
    let claimed: Claim
    for (let asked = 0; ; asked++) {
      claimed = await step(`contain.claim/${asked}`, POLICY.record, () => claim(parts, turn, input))
      if (claimed.granted) break
      if (claimed.why === 'released') return 'released'
      await pause(Math.min(WAIT.turnPollMs * 1.3 ** asked, 10_000))
    }
    const { generation, rungs } = claimed
    try {
      return await rounds({ ...input, rungs }, generation)
    } catch (error) {
      if (belongsToEngine(error)) throw error
      const { code, message } = failureOf(error)
      const gone = GONE.includes(code)
      if (code !== 'CONTAINMENT_INCOMPLETE') {
        await step('contain.no-outcome', POLICY.record, () => recordNoOutcome(parts, turn, { generation, occasion: input.occasion, message, gone }))
      }
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

function turnOf (input: Pick<ContainmentInput, 'incidentId' | 'target' | 'occasion'>): Turn {
  return { incidentId: input.incidentId, target: input.target, workflowId: containmentId(input) }
}

/**
 * Planned actions that are not done yet. Of the stages that are the caller's alone, also what failed before and is
 * planned no more, because AWS carried it out late: doing it again finds it done.
 */
function pending ({ done, target }: RoundInput, plan: PlannedAction[], stages: string[] = []): PlannedAction[] {
  const settled = new Set(done.filter(({ state }) => state === 'done' || state === 'unchanged').map(({ key }) => key))
  const planned = new Set(plan.map((each) => keyOf(target.instanceId, each)))
  const failed = done.filter(({ key, state, before }) => state === 'failed' && before !== undefined && !planned.has(key))
    .map((action) => plannedOf(action)).filter(({ stage, kind }) => stages.includes(stage) && kind !== 'close-ssm-path')
  return [...plan.filter((each) => !settled.has(keyOf(target.instanceId, each))), ...failed]
}

/** Whether the proof showed that what an action had done stands no more. */
function isUndone ({ action, resource }: ContainmentAction, proof: ContainmentProof | undefined): boolean {
  if (action === 'isolate-interface') return proof !== undefined && notIsolated(proof).includes(resource)
  if (action === 'remove-untracking-group') return fails(proof, 'untracking-group-closed')
  return fails(proof, 'isolation-group-empty') && (action === 'prepare-isolation-group' || action === 'allow-ssm-endpoints')
}

function fails (proof: ContainmentProof | undefined, check: string): boolean {
  return proof?.checks.some(({ name, ok }) => name === check && !ok) ?? false
}

/** Interfaces that are open, or cut off by another group than the isolation group: AWS may carry a call out late. */
function notIsolated ({ exposedInterfaces, checks }: ContainmentProof): string[] {
  const misplaced = checks.filter(({ name, ok }) => !ok && name.startsWith('interface-isolated ')).map(({ name }) => name.split(' ')[1]!)
  return [...new Set([...exposedInterfaces, ...misplaced])]
}

function goOn (actions: ContainmentAction[], proof: ContainmentProof, { unread }: Surroundings): boolean {
  if (fails(proof, 'instance-exists')) return false
  const codes = [...actions.map(({ error }) => error?.code), ...unread.map(({ code }) => code), ...proof.unreadable.map(({ code }) => code)]
  return notIsolated(proof).length > 0 || fails(proof, 'untracking-group-closed') || codes.some(isPassing)
}

/** The mode that is in force: without endpoints in the VPC there is no way to Systems Manager to leave. */
function modeOf ({ mode }: ContainmentPolicy, { ssmEndpoints }: Surroundings, captureEnded: boolean): ContainmentPolicy['mode'] {
  return mode === 'ssm' && !captureEnded && ssmEndpoints.length > 0 ? 'ssm' : 'full'
}

async function read ({ clients }: ResponseParts, { target }: ContainmentInput, round: number): Promise<InstanceFacts> {
  return await step(`contain.read/${round}`, POLICY.describe, async () =>
    (await readInstance(triageClients(clients, target), target, target.instanceId, new Date())).facts)
}

/** Runs the actions side by side, each in a step of its own; a failure is a result. */
async function perform (parts: ResponseParts, input: RoundInput, planned: PlannedAction[], done: ContainmentAction[]): Promise<ContainmentAction[]> {
  const { clients, custody } = parts
  const occasion = { generation: input.generation, occasion: `${input.occasion}.${input.round}` }
  const contextOf = (each: PlannedAction): ActionContext => actionContext(clients, input, done, vpcOf(each, input.facts.vpcId), input.groups)
  const settled = await Promise.allSettled(planned.map(async (each) =>
    await step(`contain.${each.kind}/${each.resource}`, POLICY.contain, async () => {
      const performed = await performAction(custody, contextOf(each), each, occasion)
      await recordAction(parts, input, performed)
      return performed
    })))
  const results: ContainmentAction[] = []
  for (const [index, outcome] of settled.entries()) {
    const each = planned[index]!
    results.push(outcome.status === 'fulfilled'
      ? outcome.value
      : await step(`contain.failed/${each.kind}/${each.resource}`, POLICY.record, async () => {
        const failed = await recordFailure(custody, contextOf(each), each, occasion, outcome.reason)
        await recordAction(parts, input, failed)
        return failed
      }))
  }
  return results
}

async function prove ({ clients }: ResponseParts, { incidentId, target, policy, rungs, captureEnded, facts }: RoundInput, around: Surroundings, groups: Record<string, string>): Promise<ContainmentProof> {
  const { [facts.vpcId]: isolationGroupId, ...otherIsolationGroups } = groups
  return await proveContainment(containmentClients(clients, target), {
    incidentId, facts, around, policy, rungs, mode: modeOf(policy, around, captureEnded), otherIsolationGroups, ...isolationGroupId !== undefined && { isolationGroupId }
  }, new Date())
}
