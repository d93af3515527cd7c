/**
 * What calls answer whose effect a second person must approve.
 */
import { Type, type Static } from 'typebox'
import { Decision, Incident } from '../../incident/incident.ts'
import type { Asked } from '../../containment/requests.ts'

export const AwaitingApproval = Type.Object({
  awaiting: Type.Literal('approval'),
  decisionId: Type.String({ description: 'For POST /incidents/{id}/approvals' }),
  decision: Decision,
  incident: Incident
}, { description: 'Nothing was changed; a second person must approve' })

export function awaitingApproval ({ decision, incident }: Asked): Static<typeof AwaitingApproval> {
  return { awaiting: 'approval', decisionId: decision.id, decision, incident }
}
