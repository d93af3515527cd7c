/**
 * Release of contained instances after a false alarm: what containment did is taken back, in the plan's
 * order backwards, from the state that was recorded before; then AWS is asked whether that state is back.
 *
 * It needs two people (incident-service.ts). An action that can't be taken back stays as it is, is named,
 * and holds no other up; nothing is made more open than it was before the incident.
 */
import type { ActionContext } from '../containment/actions/action.ts'
import { isCutOff, releaseState } from '../containment/outcome.ts'
import { proveRelease } from '../containment/release-proof.ts'
import { plannedOf, recordUndoFailure, undoAction, undoOrder } from '../containment/undo-action.ts'
import { belongsToEngine, failureOf, step, workflow, type Workflow } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import type { Containment, ContainmentAction, Decision, Proof, Target } from '../incident/incident.ts'
import { actionContext, vpcOf } from './containment-context.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY } from './step-policies.ts'

/** What hands the instance to something that checks its health. */
const RETURNS_TO_SERVICE: readonly string[] = ['leave-auto-scaling', 'leave-target-group', 'leave-classic-load-balancer']

interface Released { state: Containment['state'], notes: string[] }

export interface ReleaseInput { incidentId: string, decisionId: string }

export function releaseId (incidentId: string, decisionId: string): string {
  return `release/${incidentId}/${decisionId}`
}

export function registerRelease (parts: ResponseParts): Workflow<[ReleaseInput], void> {
  const { incidents, manifests } = parts
  return workflow('release', async ({ incidentId, decisionId }: ReleaseInput) => {
    const { ticket, targets, decision, closed } = await step('release.read', POLICY.record, async () => {
      const incident = await incidents.get(incidentId)
      const decided = incident.decisions!.find(({ id }) => id === decisionId)!
      return {
        ticket: incident.ticket,
        decision: decided,
        closed: incident.phase === 'closed',
        targets: incident.targets.filter(({ instanceId }) => decided.instanceIds.includes(instanceId))
      }
    })
    try {
      const states: Released[] = []
      for (const target of targets) {
        try {
          states.push(await releaseTarget(parts, { incidentId, ticket, decision }, target))
        } catch (error) {
          if (belongsToEngine(error)) throw error
          const { message } = failureOf(error)
          await step(`release.broken/${target.instanceId}`, POLICY.record, () => broken(parts, incidentId, target.instanceId))
          states.push({ state: 'partial', notes: [`${target.instanceId}: ${message}`] })
        }
      }
      const notes = states.flatMap((each) => each.notes)
      // What was sealed at closure stays valid; the seal is set again behind the release.
      if (closed) await step('release.seal', POLICY.store, async () => { await manifests.seal(incidentId) })
      await step('release.end', POLICY.notify, () => end(parts, incidentId, decision, notes, states.every(({ state }) => state === 'released') ? undefined : PARTIAL))
    } catch (error) {
      if (belongsToEngine(error)) throw error
      const { code, message } = failureOf(error)
      await step('release.failed', POLICY.notify, () => end(parts, incidentId, decision, [], { code, message }))
    }
  })
}

const PARTIAL = { code: 'AWS_ERROR', message: 'Not everything could be taken back; see the notes and errors of the actions. Ask for release again once the cause is mended.' }

async function releaseTarget (parts: ResponseParts, { incidentId, ticket, decision }: { incidentId: string, ticket: string, decision: Decision }, target: Target): Promise<Released> {
  const { clients, custody } = parts
  const { instanceId, containment } = target
  const contextOf = (action: ContainmentAction): ActionContext => actionContext(clients, { incidentId, ticket, target }, containment.actions, vpcOf(action, target.vpcId))
  const parameters = decision.parameters ?? {}
  const latest = new Map(containment.actions.map((action) => [action.key, action]))
  const undone = undoOrder(containment.actions)
  for (const action of undone) {
    let result: ContainmentAction
    const why = whyLeft(action, [...latest.values()])
    if (why !== undefined) {
      latest.set(action.key, { ...action, note: why })
      await step(`release.left/${action.action}/${action.resource}`, POLICY.record, () => put(parts, incidentId, instanceId, latest.get(action.key)!))
      continue
    }
    try {
      result = await step(`release.${action.action}/${action.resource}`, POLICY.contain, async () => await undoAction(custody, contextOf(action), action, decision.id, parameters))
    } catch (error) {
      if (belongsToEngine(error)) throw error
      result = await step(`release.failed/${action.action}/${action.resource}`, POLICY.record, async () => await recordUndoFailure(custody, contextOf(action), action, decision.id, error))
    }
    latest.set(result.key, result)
    await step(`release.record/${action.action}/${action.resource}`, POLICY.record, () => put(parts, incidentId, instanceId, result))
  }
  const context = actionContext(clients, { incidentId, ticket, target }, containment.actions, target.vpcId)
  const results = undone.map(({ key }) => latest.get(key)!)
  const proof: Proof = await step(`release.prove/${instanceId}`, POLICY.contain, async () => await proveRelease(context, undone.map((action) => ({
    planned: plannedOf(action), before: action.before as Record<string, unknown>
  })), new Date()))
  const state = releaseState([...latest.values()])
  await step(`release.outcome/${instanceId}`, POLICY.record, async () => {
    await custody.append(incidentId, {
      key: `release/${instanceId}/outcome/${decision.id}`,
      actor: controllerActor('contain'),
      action: 'containment.released',
      detail: { instanceId, state, proof, decisionId: decision.id }
    })
    await parts.incidents.update(incidentId, ({ targets }) => {
      const changed = targets.find((each) => each.instanceId === instanceId)!.containment
      changed.state = state
      changed.release = { at: new Date().toISOString(), decisionId: decision.id, requestedBy: decision.requestedBy, approvedBy: decision.decidedBy!, proof }
    }, { type: 'containment.released', data: { instanceId, state, ok: proof.ok } })
  })
  return { state, notes: results.flatMap(({ action, resource, note, error }) => note ?? error ? [`${action} on ${resource}: ${note ?? error!.message}`] : []) }
}

/** What was taken back stays so; nobody could say whether all of it is. */
async function broken ({ incidents }: ResponseParts, incidentId: string, instanceId: string): Promise<void> {
  await incidents.update(incidentId, ({ targets }) => {
    targets.find((each) => each.instanceId === instanceId)!.containment.state = 'partial'
  }, { type: 'containment.released', data: { instanceId, state: 'partial', ok: false } })
}

/** Why an action must not be taken back while others could not be. */
function whyLeft ({ action }: ContainmentAction, latest: ContainmentAction[]): string | undefined {
  // A load balancer would find it unhealthy, and Auto Scaling would terminate it.
  if (RETURNS_TO_SERVICE.includes(action) && isCutOff(latest)) return 'Left as it is: the instance is still cut off.'
  // What opens access is permitted on machines in quarantine alone; a second release needs the tag.
  if (action === 'tag-quarantined' && latest.some(({ error, state, before }) => before !== undefined && error !== undefined && state !== 'undone')) return 'Left as it is: something else could not be taken back yet.'
  return undefined
}

async function put ({ incidents }: ResponseParts, incidentId: string, instanceId: string, action: ContainmentAction): Promise<void> {
  await incidents.update(incidentId, ({ targets }) => {
    const { actions } = targets.find((each) => each.instanceId === instanceId)!.containment
    actions[actions.findIndex(({ key }) => key === action.key)] = action
  }, { type: 'containment.action', data: { instanceId, action: action.action, resource: action.resource, state: action.state } })
}

async function end ({ incidents, notifier }: ResponseParts, incidentId: string, decision: Decision, notes: string[], error?: { code: string, message: string }): Promise<void> {
  const incident = await incidents.update(incidentId, ({ targets, decisions }) => {
    const decided = decisions!.find(({ id }) => id === decision.id)!
    decided.state = error ? 'failed' : 'done'
    if (error) decided.error = error
    for (const { containment } of targets) if (containment.underway === releaseId(incidentId, decision.id)) delete containment.underway
  }, { type: 'decision.done', data: { decisionId: decision.id, kind: decision.kind, ok: error === undefined } })
  await notifier.tell(incident, {
    subject: `Incident ${incidentId}: release ${error ? 'is not complete' : 'is done'}`,
    message: [`${decision.instanceIds.join(', ')}: ${error?.message ?? 'released.'}`, ...notes.length > 0 ? notes : error ? [] : ['Everything containment had changed is as it was before.']].join('\n'),
    urgent: error !== undefined || notes.length > 0
  })
}
