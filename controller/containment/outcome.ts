/**
 * Whether what was done amounts to containment. Pure.
 */
import type { Containment, ContainmentAction, Proof } from '../incident/incident.ts'

/**
 * `contained` only when AWS itself shows it; `failed` when an interface is still open; else `partial`:
 * the instance is cut off, and something that was planned could not be done.
 */
export function containmentState (actions: ContainmentAction[], proof: Proof & { exposedInterfaces: string[] }): Containment['state'] {
  const groupHasRules = proof.checks.some(({ name, ok }) => name === 'isolation-group-empty' && !ok)
  if (proof.exposedInterfaces.length > 0 || groupHasRules) return 'failed'
  return proof.ok && actions.every(({ state }) => state !== 'failed') ? 'contained' : 'partial'
}

/** The moment the last interface was cut off, ISO 8601, or undefined while one is open. */
export function cutOffAt (actions: ContainmentAction[]): string | undefined {
  const isolations = actions.filter(({ action }) => action === 'isolate-interface')
  if (isolations.length === 0 || isolations.some(({ state }) => state === 'failed')) return undefined
  return isolations.map(({ at }) => at!).sort().at(-1)
}
