/**
 * What people ask of a containment after the first, whoever takes the request.
 */
import type { ContainmentPolicy, Decision, Incident } from '../incident/incident.ts'
import type { Rung } from './plan.ts'

/** Which of the incident's instances; all of them when it is left out. */
export interface Whom { instanceIds?: string[] }

export interface ContainRequest extends Whom { comment: string, mode?: ContainmentPolicy['mode'] }

export interface ReleaseChoice extends Whom {
  /** The instance that Auto Scaling started in its place goes on beside it. */
  keepReplacement?: boolean
}
export interface ReleaseRequest extends ReleaseChoice { comment: string }

export interface EscalationChoice extends Whom { rungs: Rung[] }
export interface EscalationRequest extends EscalationChoice { comment: string }

export interface Approval { decisionId: string, approve: boolean, comment: string }

/** What was asked for and waits for a second person, with the incident that holds it. */
export interface Asked { decision: Decision, incident: Incident }
