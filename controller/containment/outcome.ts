/**
 * Whether what was done amounts to containment, and whether what was taken back amounts to release. Pure.
 */
import type { Containment, ContainmentAction, Proof } from '../incident/incident.ts'

type Unread = NonNullable<Containment['unread']>

/** What is missing in a plan when it could not be read; the rest only makes the proof or the preview poorer. */
const PLANNED_FROM: readonly string[] = ['autoScaling', 'targets', 'classicLoadBalancers', 'role', 'accessKeys']

/**
 * `contained` only when AWS itself shows it; `failed` when an interface is still open; else `partial`:
 * the instance is cut off, and something that was planned, or could not even be planned, is not done.
 */
export function containmentState (actions: ContainmentAction[], proof: Proof & { exposedInterfaces: string[] }, unread: Unread): Containment['state'] {
  const groupHasRules = proof.checks.some(({ name, ok }) => name === 'isolation-group-empty' && !ok)
  if (proof.exposedInterfaces.length > 0 || groupHasRules) return 'failed'
  const whole = proof.ok && actions.every(({ state }) => state !== 'failed') && unread.every(({ what }) => !PLANNED_FROM.includes(what))
  return whole ? 'contained' : 'partial'
}

/** The moment the last interface was cut off, ISO 8601, or undefined while one is open. */
export function cutOffAt (actions: ContainmentAction[]): string | undefined {
  const isolations = actions.filter(({ action }) => action === 'isolate-interface')
  if (isolations.length === 0 || isolations.some(({ state }) => state === 'failed' || state === 'planned')) return undefined
  return isolations.map(({ at }) => at!).sort().at(-1)
}

/** What keeps a host cut off for as long as it stands. */
const CUTS: readonly string[] = ['isolate-interface', 'isolate-subnet', 'block-dns']

function cutsStill ({ action, state, before }: ContainmentAction): boolean {
  return CUTS.includes(action) && before !== undefined && (state === 'done' || state === 'failed')
}

/** Whether something that release begins with still keeps the host from being reached, or an interface has none of its groups back. */
export function isCutOff (actions: ContainmentAction[]): boolean {
  return actions.some((each) => {
    if (cutsStill(each)) return true
    const { action, before, now } = each
    // Somebody else's quarantine, for example; an interface that is gone has no groups at all.
    const groupsIn = (of: unknown): string[] => (of as { securityGroupIds?: string[] } | undefined)?.securityGroupIds ?? []
    const groups = groupsIn(now)
    return action === 'isolate-interface' && before !== undefined && groups.length > 0 && !groups.some((group) => groupsIn(before).includes(group))
  })
}

/**
 * `released` when nothing of ours cuts the host off any more and nothing failed; what is gone, or was changed by
 * somebody else, is only noted.
 */
export function releaseState (actions: ContainmentAction[]): Containment['state'] {
  const left = actions.some((each) => cutsStill(each) || (each.before !== undefined && each.state !== 'undone' && each.error !== undefined))
  return left ? 'partial' : 'released'
}
