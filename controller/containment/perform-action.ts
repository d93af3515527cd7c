/**
 * One containment action, recorded: the state found before it, the change, the state read back after it.
 */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { attempt } from '../aws/aws-errors.ts'
import { controllerActor, type Custody } from '../incident/custody.ts'
import { codeOf, ERRORS, messageOf } from '../incident/errors.ts'
import type { ContainmentAction } from '../incident/incident.ts'
import type { ActionContext, State } from './actions/action.ts'
import { ACTIONS } from './actions/registry.ts'
import type { PlannedAction } from './plan.ts'

const ACTOR = controllerActor('contain')

/**
 * Which containment of the incident an action belongs to, and which attempt at it. A release ends a
 * generation: what is found before an action is recorded once per generation, because what a repetition
 * finds is our own doing. The occasion is in the key of results, so that doing it again is recorded again.
 */
export interface Occasion { generation: number, occasion: string }

/** Names an action within its incident. */
export function keyOf (instanceId: string, planned: Pick<PlannedAction, 'kind' | 'resource' | 'parameters'>): string {
  const { targetId, port } = planned.parameters
  return ['contain', instanceId, planned.kind, planned.resource, targetId, port].filter((part) => part !== undefined).join('/')
}

/** An action as it stands in the incident before it is done. */
export function plannedRecord (instanceId: string, planned: PlannedAction): ContainmentAction {
  return {
    key: keyOf(instanceId, planned), action: planned.kind, resource: planned.resource, change: planned.words, parameters: planned.parameters, state: 'planned'
  }
}

/**
 * Performs the action and answers what came of it; run again it changes nothing more.
 * @throws CleanroomError AWS_*; the intent stays recorded
 */
export async function performAction (custody: Custody, context: ActionContext, planned: PlannedAction, { generation, occasion }: Occasion): Promise<ContainmentAction> {
  const action = ACTIONS[planned.kind]
  const record = plannedRecord(context.instanceId, planned)
  const doing = `${planned.kind} on ${planned.resource}`
  const found = planned.before ?? await attempt(doing, () => action.observe(context, planned))
  const intent = await custody.append(context.incidentId, {
    key: intentKey(record.key, generation),
    actor: ACTOR,
    action: 'containment.intent',
    detail: { instanceId: context.instanceId, action: planned.kind, resource: planned.resource, parameters: planned.parameters, before: found }
  })
  const before = intent.detail.before as State
  const noteWidening = async (): Promise<boolean> => {
    const nonce = randomUUID()
    const entry = await custody.append(context.incidentId, {
      key: `${record.key}:widened/${generation}`,
      actor: ACTOR,
      action: 'containment.widening',
      detail: { instanceId: context.instanceId, resource: planned.resource, why: 'All traffic passes for a moment, so that open connections are no longer tracked; isolation follows at once.', nonce }
    })
    return entry.detail.nonce === nonce
  }
  let note: string | undefined
  const remark = (text: string): void => { note = text }
  const after = await attempt(doing, () => action.apply({ ...context, noteWidening, remark }, planned, before))
  const state = isDeepStrictEqual(before, after) ? 'unchanged' : 'done'
  const result = await custody.append(context.incidentId, {
    key: `${record.key}:result/${generation}.${occasion}`,
    actor: ACTOR,
    action: 'containment.result',
    detail: { instanceId: context.instanceId, action: planned.kind, resource: planned.resource, state, before, after, ...note !== undefined && { note } }
  })
  return { ...record, state, at: result.at, before, after, ...note !== undefined && { note } }
}

/** What stands in the record of an action that could not be done, with the state it had found, if it got so far. */
export async function recordFailure (
  custody: Custody, context: ActionContext, planned: PlannedAction, { generation, occasion }: Occasion, error: unknown
): Promise<ContainmentAction> {
  const record = plannedRecord(context.instanceId, planned)
  const failure = failureIn(error)
  const intent = await custody.find(context.incidentId, intentKey(record.key, generation))
  const entry = await custody.append(context.incidentId, {
    key: `${record.key}:failed/${generation}.${occasion}`,
    actor: ACTOR,
    action: 'containment.failed',
    detail: { instanceId: context.instanceId, action: planned.kind, resource: planned.resource, ...failure }
  })
  return { ...record, state: 'failed', at: entry.at, ...intent && { before: intent.detail.before }, error: failure }
}

/** What a record says of an error: what went wrong, and what a person can do about it. */
export function failureIn (error: unknown): NonNullable<ContainmentAction['error']> {
  const code = codeOf(error)
  return { code, message: messageOf(error), whatToDo: ERRORS[code].fix }
}

function intentKey (key: string, generation: number): string {
  return `${key}:intent/${generation}`
}
