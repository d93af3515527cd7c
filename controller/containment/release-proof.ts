/**
 * Proves release from outside: what containment had changed is read back from AWS and compared, field by field, with
 * the state that was recorded before the change.
 */
import { isDeepStrictEqual } from 'node:util'
import { fromAws } from '../aws/aws-errors.ts'
import type { Check, Proof } from '../incident/incident.ts'
import type { ActionContext, State } from './actions/action.ts'
import { ACTIONS } from './actions/registry.ts'
import type { ActionKind, PlannedAction } from './plan.ts'

/** An action that release took back, with the state before it. */
export interface ReleasedAction { planned: PlannedAction, before: State }

/**
 * Steps of isolation itself, on groups that containment made: an earlier step of it left what they found. Released, there
 * is no such group, or it lets nothing pass.
 */
const LEFT_BEHIND: Partial<Record<ActionKind, State>> = {
  'prepare-isolation-group': { groupId: null },
  'prepare-untracking-group': { groupId: null },
  'remove-untracking-group': { groupId: null },
  'allow-ssm-endpoints': { addresses: [] },
  'close-ssm-path': { addresses: [] }
}

/** Never fails: what can't be read is a check that failed. */
export async function proveRelease (context: ActionContext, items: ReleasedAction[], now: Date): Promise<Proof> {
  const checks = (await Promise.all(items.map(async ({ planned, before }) => {
    const name = nameOf(planned)
    const left = LEFT_BEHIND[planned.kind]
    try {
      const state = await ACTIONS[planned.kind].observe(context, planned)
      return compareStates(name, left ?? before, left ? only(state, Object.keys(left)) : state)
    } catch (error) {
      const { code, message } = fromAws(error, `reading ${planned.resource}`)
      return [{ name, ok: false, expected: inWords(left ?? before), observed: `not readable: ${code} (${message})` }]
    }
  }))).flat()
  return { ok: checks.every(({ ok }) => ok), at: now.toISOString(), checks }
}

function nameOf ({ kind, resource, parameters }: PlannedAction): string {
  const { targetId, port } = parameters as { targetId?: string, port?: number }
  const target = targetId === undefined ? '' : ` ${targetId}${port === undefined ? '' : `:${port}`}`
  return `restored ${kind} ${resource}${target}`
}

function only (state: State, fields: string[]): State {
  return Object.fromEntries(fields.map((field) => [field, state[field]]))
}

/** One check for each field, those of objects within included; a field that only one of the states has is a difference. Pure. */
export function compareStates (name: string, before: State, now: State): Check[] {
  const [was, is] = [fieldsOf(before), fieldsOf(now)]
  const fields = [...new Set([...was.keys(), ...is.keys()])].sort()
  if (fields.length === 0) return [{ name, ok: true, expected: NOTHING, observed: NOTHING }]
  return fields.map((field) => ({
    name: `${name} ${field}`,
    ok: was.has(field) === is.has(field) && isDeepStrictEqual(was.get(field), is.get(field)),
    expected: was.has(field) ? inWords(was.get(field)) : NOTHING,
    observed: is.has(field) ? inWords(is.get(field)) : NOTHING
  }))
}

const NOTHING = 'nothing'

/** Leaves by their path, as `deleteOnTermination./dev/xvda`. A list is one leaf, in the order of its state. */
function fieldsOf (state: State, path = ''): Map<string, unknown> {
  return new Map(Object.entries(state).filter(([, value]) => value !== undefined).flatMap(([field, value]) =>
    isRecord(value) ? [...fieldsOf(value, `${path}${field}.`)] : [[`${path}${field}`, value] as const]))
}

function isRecord (value: unknown): value is State {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function inWords (value: unknown): string {
  if (value === null) return 'none'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(inWords).join(', ')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
