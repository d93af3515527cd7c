/**
 * Which phase may follow which: the table that the store's conditional update and the API's 409 both read.
 */
import type { Phase } from './incident.ts'

/** The life cycle, after NIST SP 800-61: detection, containment, acquisition, analysis, review, closure. */
export const NEXT_PHASES = {
  received: ['triaging', 'needs-attention', 'closing'],
  triaging: ['containing', 'needs-attention', 'closing'],
  containing: ['acquiring', 'needs-attention', 'closing'],
  acquiring: ['preparing', 'needs-attention', 'closing'],
  preparing: ['analysing', 'needs-attention', 'closing'],
  analysing: ['in-review', 'needs-attention', 'closing'],
  'in-review': ['analysing', 'closing', 'needs-attention'],
  closing: ['closed', 'needs-attention'],
  closed: [],
  'needs-attention': ['triaging', 'containing', 'acquiring', 'preparing', 'analysing', 'in-review', 'closing']
} satisfies Record<Phase, Phase[]>

/** Whether an incident in `from` may move to `to`; staying is always allowed. */
export function canMove (from: Phase, to: Phase): boolean {
  return from === to || (NEXT_PHASES[from] as Phase[]).includes(to)
}

/** Whether the incident still holds its instances: a second incident on one of them joins it. */
export function isOpen (phase: Phase): boolean {
  return phase !== 'closed'
}
