/**
 * Ports for tests of the edge: one incident, tokens that are the names of roles, and a record of what was asked.
 */
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { DEFAULT_CONTAINMENT_POLICY } from '../containment/plan.ts'
import { CleanroomError } from '../incident/errors.ts'
import type { AnalysisRun, Artifact, Decision, Finding, Incident, LedgerEntry } from '../incident/incident.ts'
import type { EscalationPreview, ReleasePreview } from '../containment/previews.ts'
import type { Asked } from '../containment/requests.ts'
import { ROLES, type AppPorts, type IncidentEvent, type Readiness, type Role } from './ports.ts'

export const INCIDENT_ID = '01jzxk3v5n8r9t2w4y6b8d0f2h'
const AT = '2026-01-02T03:04:05.000Z'

export const INCIDENT: Incident = {
  id: INCIDENT_ID,
  phase: 'in-review',
  phaseSince: AT,
  severity: 'high',
  reason: 'beaconing',
  ticket: 'SEC-7',
  openedBy: 'responder@example.org',
  openedAt: AT,
  targets: [],
  cleanRoom: { state: 'ready', stack: `clean-room-${INCIDENT_ID}`, region: 'eu-central-1', volumes: [] },
  analyses: [{ id: 'disk-analysis-1', script: 'disk-analysis', parameters: {}, state: 'succeeded', findings: 1, artifactIds: [] }],
  timings: {},
  plan: { containment: DEFAULT_CONTAINMENT_POLICY, analyses: ['disk-analysis'] },
  findingsSummary: { total: 1, bySeverity: { high: 1 } }
}

export const RELEASE_PREVIEW: ReleasePreview = {
  targets: [{
    instanceId: 'i-0123456789abcdef0',
    changes: [{ action: 'protect-from-termination', resource: 'i-0123456789abcdef0', effect: 'restores', before: { disableApiTermination: false }, now: { disableApiTermination: true } }]
  }]
}

export const ESCALATION_PREVIEW: EscalationPreview = {
  targets: [{
    instanceId: 'i-0123456789abcdef0',
    actions: [{ kind: 'isolate-subnet', resource: 'subnet-0123456789abcdef0', words: 'Give the subnet a network ACL that denies everything' }],
    hits: ['i-0fedcba9876543210']
  }]
}

export const DECISION: Decision = {
  id: '01jzxk4a0b1c2d3e4f5g6h7j8k',
  kind: 'release',
  instanceIds: ['i-0123456789abcdef0'],
  comment: 'a load test',
  requestedBy: 'analyst@example.org',
  requestedAt: AT,
  preview: RELEASE_PREVIEW,
  state: 'awaiting-approval'
}

export const ARTIFACT: Artifact = {
  id: 'metadata-i-0123456789abcdef0',
  kind: 'metadata',
  sha256: 'a'.repeat(64),
  size: 7,
  key: `incidents/${INCIDENT_ID}/metadata/metadata-i-0123456789abcdef0/i-0123456789abcdef0.json`,
  acquiredAt: AT,
  actor: 'cleanroom:acquire',
  source: 'EC2'
}

export const EVENTS: IncidentEvent[] = [3, 4, 8].map((seq) => ({ seq, at: AT, type: 'incident.phase', data: { to: `phase ${seq}` } }))

export interface Fakes {
  ports: AppPorts
  /** Every call of an incident port that changes something, with its arguments. */
  asked: Array<{ port: string, with: unknown[] }>
  /** What every incident port throws instead of an answer. */
  failWith: (error: unknown) => void
  readiness: Readiness[]
  log: string[]
}

export function fakePorts (): Fakes {
  const asked: Fakes['asked'] = []
  const log: string[] = []
  const readiness: Readiness[] = [{ name: 'database', ok: true, detail: 'answers' }]
  let failure: unknown
  const answer = <T>(port: string, value: T, args: unknown[] = []): T => {
    // Also values that are no errors: somebody else's code may throw any.

    if (failure !== undefined) throw failure
    if (args.length > 0) asked.push({ port, with: args })
    return value
  }
  const known = (id: string): void => {
    if (id !== INCIDENT_ID) throw new CleanroomError('NOT_FOUND', `There is no incident ${id}.`)
  }
  const changed = (port: string) => async (id: string, ...args: unknown[]): Promise<Incident> => {
    known(id)
    return answer(port, INCIDENT, [id, ...args])
  }
  const wished = (port: string) => async (id: string, ...args: unknown[]): Promise<Asked> => {
    known(id)
    return answer(port, { decision: DECISION, incident: INCIDENT }, [id, ...args])
  }
  const previewed = <T>(port: string, preview: T) => async (id: string, ...args: unknown[]): Promise<T> => {
    known(id)
    return answer(port, preview, [id, ...args])
  }
  const finding = (number: number): Finding => ({ id: `finding-${number}`, rule: 'web-shell', title: 'A web shell', severity: 'high', confidence: 'high', reason: 'It runs what it is sent' })
  const entry = (seq: number): LedgerEntry => ({ seq, at: AT, actor: 'cleanroom:contain', action: 'contain.intent', detail: {}, prevHash: 'b'.repeat(64), hash: 'c'.repeat(64) })
  return {
    asked,
    readiness,
    log,
    failWith: (error) => { failure = error },
    ports: {
      incidents: {
        open: async (...args) => answer('open', { incident: INCIDENT, created: true }, args),
        plan: async (...args) => answer('plan', { dryRun: true, targets: [] }, args),
        get: async (id) => {
          known(id)
          return answer('get', INCIDENT)
        },
        list: async ({ cursor, limit }) => answer('list', { items: cursor === undefined ? [INCIDENT] : [], ...limit === 1 && { nextCursor: INCIDENT_ID } }),
        findings: async (id) => {
          known(id)
          return answer('findings', [1, 2, 3].map(finding))
        },
        review: changed('review'),
        retry: changed('retry'),
        cancel: changed('cancel'),
        startAnalysis: async (id, ...args) => {
          known(id)
          return answer<AnalysisRun>('startAnalysis', INCIDENT.analyses[0]!, [id, ...args])
        },
        async * events (_, afterSeq, signal) {
          for (const event of EVENTS) if (event.seq > afterSeq) yield event
          if (!signal.aborted) await new Promise((resolve) => { signal.addEventListener('abort', resolve) })
        }
      },
      containment: {
        contain: changed('contain'),
        previewEscalation: previewed('previewEscalation', ESCALATION_PREVIEW),
        escalate: wished('escalate'),
        previewRelease: previewed('previewRelease', RELEASE_PREVIEW),
        release: wished('release'),
        approve: changed('approve')
      },
      evidence: {
        list: async () => answer('evidence', { items: [ARTIFACT] }),
        get: async (_, id) => {
          if (id !== ARTIFACT.id) throw new CleanroomError('NOT_FOUND', `Incident ${INCIDENT_ID} has no artefact ${id}.`)
          return answer('artifact', ARTIFACT)
        },
        url: async ({ key }) => answer('url', `https://vault.example.org/${key}?signature`)
      },
      ledger: { list: async (_, { after = 0, limit }) => answer('ledger', [1, 2, 3, 4].filter((seq) => seq > after).slice(0, limit).map(entry)) },
      identity: {
        verify: async (token) => {
          if (token === 'none') return { subject: 'nobody', name: 'Nobody', roles: [] }
          if (!ROLES.includes(token as Role)) throw new CleanroomError('UNAUTHENTICATED', 'The token has expired.', { extra: { tokenPresented: true } })
          return { subject: `${token}@example.org`, name: token, roles: [token as Role] }
        }
      },
      health: { ready: async () => readiness },
      metrics: new Registry(),
      logger: pino({ level: 'debug' }, { write: (line: string) => { log.push(line) } })
    }
  }
}
