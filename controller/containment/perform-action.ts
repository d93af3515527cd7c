/**
 * One containment action, recorded: the state found before it, the change, the state read back after it.
 */
import { isDeepStrictEqual } from 'node:util'
import { attempt } from '../aws/aws-errors.ts'
import { controllerActor, type Custody } from '../incident/custody.ts'
import { codeOf, messageOf } from '../incident/errors.ts'
import type { ContainmentAction } from '../incident/incident.ts'
import type { ActionContext, State } from './actions/action.ts'
import { ACTIONS } from './actions/registry.ts'
import type { PlannedAction } from './plan.ts'

const ACTOR = controllerActor('contain')

/** Names an action within its incident. */
export function keyOf (instanceId: string, planned: PlannedAction): string {
  const { targetId, port } = planned.parameters
  return ['contain', instanceId, planned.kind, planned.resource, targetId, port].filter((part) => part !== undefined).join('/')
}

/**
 * Performs the action and answers what came of it; run again it changes nothing more.
 * The state before is the one recorded first: what a repetition finds is our own doing. `occasion` names
 * the attempt, so that doing it once more, after somebody undid it, is recorded once more.
 * @throws CleanroomError AWS_*; the intent stays recorded
 */
export async function performAction (custody: Custody, context: ActionContext, planned: PlannedAction, occasion: string): Promise<ContainmentAction> {
  const action = ACTIONS[planned.kind]
  const key = keyOf(context.instanceId, planned)
  const doing = `${planned.kind} on ${planned.resource}`
  const found = planned.before ?? await attempt(doing, () => action.observe(context, planned))
  const intent = await custody.append(context.incidentId, {
    key: `${key}:intent`,
    actor: ACTOR,
    action: 'containment.intent',
    detail: { instanceId: context.instanceId, action: planned.kind, resource: planned.resource, parameters: planned.parameters, before: found }
  })
  const before = intent.detail.before as State
  const after = await attempt(doing, () => action.apply(context, planned, before))
  const state = isDeepStrictEqual(before, after) ? 'unchanged' : 'done'
  const result = await custody.append(context.incidentId, {
    key: `${key}:result/${occasion}`,
    actor: ACTOR,
    action: 'containment.result',
    detail: { instanceId: context.instanceId, action: planned.kind, resource: planned.resource, state, before, after }
  })
  return { key, action: planned.kind, resource: planned.resource, state, at: result.at, before, after }
}

/** What stands in the record of an action that could not be done. */
export async function recordFailure (custody: Custody, context: ActionContext, planned: PlannedAction, occasion: string, error: unknown): Promise<ContainmentAction> {
  const key = keyOf(context.instanceId, planned)
  const failure = { code: codeOf(error), message: messageOf(error) }
  const entry = await custody.append(context.incidentId, {
    key: `${key}:failed/${occasion}`,
    actor: ACTOR,
    action: 'containment.failed',
    detail: { instanceId: context.instanceId, action: planned.kind, resource: planned.resource, ...failure }
  })
  return { key, action: planned.kind, resource: planned.resource, state: 'failed', at: entry.at, error: failure }
}
