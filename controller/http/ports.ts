/**
 * What the HTTP edge asks of the rest of the controller, and nothing more.
 *
 * Every port may throw a CleanroomError; its code decides the status and the words the caller gets.
 */
import type { FastifyBaseLogger } from 'fastify'
import type { Registry } from 'prom-client'
import type { EscalationPreview, ReleasePreview } from '../containment/previews.ts'
import type { Approval, Asked, ContainRequest, EscalationChoice, EscalationRequest, ReleaseChoice, ReleaseRequest } from '../containment/requests.ts'
import type { AnalysisRun, Artifact, Finding, Incident, LedgerEntry, Phase } from '../incident/incident.ts'
import type { OpenRequest } from '../incident/open-request.ts'

export const ROLES = ['responder', 'analyst', 'approver', 'admin'] as const
export type Role = typeof ROLES[number]

/** The person or program behind a request, as its token says. */
export interface Caller {
  /** Stable and unique at the issuer: what the ledger records. */
  subject: string
  name: string
  roles: Role[]
}

export interface Page<T> { items: T[], nextCursor?: string }
export interface PageQuery { cursor?: string, limit: number }

export interface ReviewRequest {
  decision: 'close' | 'extend'
  comment: string
  /** ISO 8601; when the room's time is to end, for `extend`. */
  expiresAt?: string
}

export interface AnalysisRequest { script: string, parameters?: Record<string, unknown> }

export interface IncidentEvent { seq: number, at: string, type: string, data: Record<string, unknown> }

export interface IncidentPort {
  open: (request: OpenRequest, caller: Caller) => Promise<{ incident: Incident, created: boolean }>
  /** The plan alone, from reads; answered as it is. */
  plan: (request: OpenRequest, caller: Caller) => Promise<object>
  /** @throws CleanroomError NOT_FOUND */
  get: (id: string) => Promise<Incident>
  list: (query: PageQuery & { phase?: Phase }) => Promise<Page<Incident>>
  /** Findings in a stable order; their ids are unique within the incident. */
  findings: (id: string) => Promise<Finding[]>
  review: (id: string, request: ReviewRequest, caller: Caller) => Promise<Incident>
  startAnalysis: (id: string, request: AnalysisRequest, caller: Caller) => Promise<AnalysisRun>
  retry: (id: string, caller: Caller) => Promise<Incident>
  cancel: (id: string, caller: Caller) => Promise<Incident>
  /** Stored events with `seq` above `afterSeq` (0: from the first), then live ones, until the signal aborts. */
  events: (id: string, afterSeq: number, signal: AbortSignal) => AsyncIterable<IncidentEvent>
}

/** Implemented by ContainmentService. */
export interface ContainmentPort {
  /** Contains once more, also after a release. @throws CleanroomError CONFLICT, CONTAINMENT_UNDERWAY, HELD_BY_ANOTHER_INCIDENT */
  contain: (id: string, request: ContainRequest, caller: Caller) => Promise<Incident>
  /** What further rungs would change and whom they would hit, from reads. */
  previewEscalation: (id: string, choice: EscalationChoice, caller: Caller) => Promise<EscalationPreview>
  /** Records the wish and touches nothing. @throws CleanroomError NOT_CONTAINED, CONTAINMENT_UNDERWAY */
  escalate: (id: string, request: EscalationRequest, caller: Caller) => Promise<Asked>
  /** What release would take back, against what stands there today, from reads. @throws CleanroomError NOT_CONTAINED */
  previewRelease: (id: string, choice: ReleaseChoice, caller: Caller) => Promise<ReleasePreview>
  /** Records the wish and touches nothing. @throws CleanroomError NOT_CONTAINED, CONTAINMENT_UNDERWAY, HELD_BY_ANOTHER_INCIDENT */
  release: (id: string, request: ReleaseRequest, caller: Caller) => Promise<Asked>
  /** The second person's word; a yes starts what was asked for. @throws CleanroomError NOT_FOUND, SAME_PERSON, DECISION_MADE, CONTAINMENT_UNDERWAY */
  approve: (id: string, approval: Approval, caller: Caller) => Promise<Incident>
}

/** Implemented by EvidenceStore. */
export interface EvidencePort {
  list: (incidentId: string, query: PageQuery) => Promise<Page<Artifact>>
  /** @throws CleanroomError NOT_FOUND */
  get: (incidentId: string, artifactId: string) => Promise<Artifact>
  /** A link for reading the stored bytes that soon expires. */
  url: (artifact: Artifact) => Promise<string>
}

/** Implemented by CustodyStore. */
export interface LedgerPort {
  /** Entries with `seq` above `after`, oldest first. */
  list: (incidentId: string, query: { after?: number, limit?: number }) => Promise<LedgerEntry[]>
}

export interface IdentityPort {
  /** @throws CleanroomError UNAUTHENTICATED; any other error means that the issuer could not be asked */
  verify: (token: string) => Promise<Caller>
}

/** One thing the controller can't work without. */
export interface Readiness { name: string, ok: boolean, detail: string }

export interface AppPorts {
  incidents: IncidentPort
  containment: ContainmentPort
  evidence: EvidencePort
  ledger: LedgerPort
  identity: IdentityPort
  health: { ready: () => Promise<Readiness[]> }
  /** The edge adds its own request metrics to it. */
  metrics: Registry
  logger: FastifyBaseLogger
}
