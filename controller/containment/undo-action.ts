/**
 * Taking one containment action back, recorded: what stood there, what was brought back, what could not be.
 */
import { isDeepStrictEqual } from 'node:util'
import { attempt } from '../aws/aws-errors.ts'
import { controllerActor, type Custody } from '../incident/custody.ts'
import { codeOf, messageOf } from '../incident/errors.ts'
import type { ContainmentAction } from '../incident/incident.ts'
import type { ActionContext, Recorded, State } from './actions/action.ts'
import { ACTIONS } from './actions/registry.ts'
import { failureIn } from './perform-action.ts'
import type { UndoPreview } from './previews.ts'
import { KINDS, type ActionKind, type PlannedAction } from './plan.ts'

const ACTOR = controllerActor('contain')

/** The plan of an action as its record has it. */
export function plannedOf (action: ContainmentAction, more: Record<string, unknown> = {}): PlannedAction {
  const kind = action.action as ActionKind
  const { stage, needs } = KINDS[kind]
  return { kind, stage, resource: action.resource, words: action.change ?? '', needs: [...needs], parameters: { ...action.parameters, ...more } }
}

/** They only close what another action opened. */
const NOTHING_TO_UNDO: readonly string[] = ['remove-untracking-group', 'close-ssm-path']

/**
 * Whether there is anything of an action to take back: it was begun, and it changed something or may have. What read
 * back as unchanged may have: AWS can show a change late.
 */
export function canUndo ({ action, state, before }: ContainmentAction): boolean {
  return before !== undefined && ['done', 'unchanged', 'failed'].includes(state) && !NOTHING_TO_UNDO.includes(action)
}

/** Actions in the order in which release takes them back: the plan's, backwards. */
export function undoOrder (actions: ContainmentAction[]): ContainmentAction[] {
  return actions.filter(canUndo).reverse()
}

/** What release would do to one action's resource, from reads alone. */
export async function previewUndo (context: ActionContext, action: ContainmentAction): Promise<UndoPreview> {
  const planned = plannedOf(action)
  const preview = { action: action.action, resource: action.resource, before: action.before }
  try {
    const now = await attempt(`reading ${action.resource}`, () => ACTIONS[planned.kind].observe(context, planned))
    const effect = isDeepStrictEqual(now, action.before) ? 'nothing-to-do' : action.state !== 'done' || isDeepStrictEqual(now, action.after) ? 'restores' : 'changed-since'
    return { ...preview, effect, now }
  } catch (error) {
    return { ...preview, effect: 'not-readable', error: { code: codeOf(error), message: messageOf(error) } }
  }
}

/**
 * Takes the action back and answers its new record: `undone`, or as it was with a note that says why not.
 * @throws CleanroomError AWS_*
 */
export async function undoAction (
  custody: Custody, context: ActionContext, action: ContainmentAction, occasion: string, parameters: Record<string, unknown>
): Promise<ContainmentAction> {
  const planned = plannedOf(action, parameters)
  const doing = `taking back ${action.action} on ${action.resource}`
  const about = { instanceId: context.instanceId, action: action.action, resource: action.resource }
  await custody.append(context.incidentId, {
    key: `${action.key}:undo-intent/${occasion}`, actor: ACTOR, action: 'release.intent', detail: { ...about, before: action.before, after: action.after ?? null }
  })
  const { after, undone } = await attempt(doing, async () => {
    // Of an action that failed, or showed no change, nobody knows how far it got: what stands there now counts as its doing.
    const after = action.state === 'done' ? action.after as State : await ACTIONS[planned.kind].observe(context, planned)
    return { after, undone: await ACTIONS[planned.kind].undo(context, planned, { before: action.before, after } as Recorded) }
  })
  const { now, restored, note } = undone
  // Gone, or changed by somebody else: nothing of ours is left to take back.
  const left = !restored && isDeepStrictEqual(now, after)
  await custody.append(context.incidentId, {
    key: `${action.key}:undone/${occasion}`, actor: ACTOR, action: 'release.result', detail: { ...about, restored, now, ...note !== undefined && { note } }
  })
  const { note: _note, error: _error, now: _now, ...rest } = action
  return { ...rest, now, ...!left && { state: 'undone' as const }, ...note !== undefined && { note } }
}

/** The record of an action that could not be taken back. */
export async function recordUndoFailure (custody: Custody, context: ActionContext, action: ContainmentAction, occasion: string, error: unknown): Promise<ContainmentAction> {
  const failure = failureIn(error)
  await custody.append(context.incidentId, {
    key: `${action.key}:undo-failed/${occasion}`,
    actor: ACTOR,
    action: 'release.failed',
    detail: { instanceId: context.instanceId, action: action.action, resource: action.resource, ...failure }
  })
  return { ...action, error: failure }
}
