/**
 * The incident: what the controller knows, says and stores about one suspected compromise.
 *
 * The schemas here are the single source of the types, of what the database document holds and of
 * what the HTTP API answers. Times are ISO 8601 in UTC; durations are milliseconds.
 */
import { Type, type Static } from 'typebox'

const Timestamp = Type.String({ format: 'date-time', description: 'ISO 8601, UTC' })

export const PHASES = [
  'received', 'triaging', 'containing', 'acquiring', 'preparing', 'analysing', 'in-review', 'closing', 'closed',
  'needs-attention'
] as const
export const Phase = Type.Enum(PHASES)
export type Phase = Static<typeof Phase>

export const Severity = Type.Enum(['low', 'medium', 'high', 'critical'])
export type Severity = Static<typeof Severity>

/** One check of a proof: what AWS was asked, what was expected, what it answered. */
export const Check = Type.Object({
  name: Type.String(),
  ok: Type.Boolean(),
  expected: Type.String(),
  observed: Type.String()
})
export type Check = Static<typeof Check>

export const Proof = Type.Object({ ok: Type.Boolean(), at: Timestamp, checks: Type.Array(Check) })
export type Proof = Static<typeof Proof>

export const ActionState = Type.Enum(['planned', 'done', 'unchanged', 'failed', 'undone'])
export type ActionState = Static<typeof ActionState>

/** One containment action on one resource, with the state it found and the state it left. */
export const ContainmentAction = Type.Object({
  key: Type.String({ description: 'Tells it apart from the other actions of its incident' }),
  action: Type.String({ description: 'Kind of action, for example isolate-interface' }),
  resource: Type.String({ description: 'The AWS resource it changes' }),
  state: ActionState,
  at: Type.Optional(Timestamp),
  before: Type.Optional(Type.Unknown()),
  after: Type.Optional(Type.Unknown()),
  error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() }))
})
export type ContainmentAction = Static<typeof ContainmentAction>

export const Containment = Type.Object({
  state: Type.Enum(['pending', 'contained', 'partial', 'failed', 'released']),
  containedAt: Type.Optional(Timestamp),
  actions: Type.Array(ContainmentAction),
  proof: Type.Optional(Proof),
  residualRisks: Type.Array(Type.String())
})
export type Containment = Static<typeof Containment>

export const SnapshotRecord = Type.Object({
  snapshotId: Type.String(),
  volumeId: Type.String(),
  device: Type.String(),
  sizeGiB: Type.Integer(),
  state: Type.Enum(['pending', 'completed', 'error']),
  progress: Type.Integer({ minimum: 0, maximum: 100, description: 'Per cent, as EC2 reports it' })
})
export type SnapshotRecord = Static<typeof SnapshotRecord>

export const Acquisition = Type.Object({
  snapshots: Type.Array(SnapshotRecord),
  memory: Type.Object({
    state: Type.Enum(['not-requested', 'pending', 'captured', 'not-possible', 'failed']),
    reason: Type.Optional(Type.String())
  })
})
export type Acquisition = Static<typeof Acquisition>

export const Target = Type.Object({
  instanceId: Type.String(),
  accountId: Type.String(),
  region: Type.String(),
  containment: Containment,
  acquisition: Acquisition
})
export type Target = Static<typeof Target>

export const RoomVolume = Type.Object({
  volumeId: Type.String(),
  snapshotId: Type.String(),
  device: Type.String(),
  instanceId: Type.String({ description: 'The suspected instance whose disk this is a copy of' }),
  sourceVolumeId: Type.String()
})
export type RoomVolume = Static<typeof RoomVolume>

export const CleanRoom = Type.Object({
  state: Type.Enum(['absent', 'creating', 'ready', 'failed', 'destroying', 'destroyed', 'stalled']),
  stack: Type.String(),
  region: Type.String(),
  vpcId: Type.Optional(Type.String()),
  workstationId: Type.Optional(Type.String()),
  volumes: Type.Array(RoomVolume),
  proof: Type.Optional(Proof),
  absence: Type.Optional(Proof),
  remaining: Type.Optional(Type.Array(Type.String(), { description: 'What a stalled destroy left behind' })),
  expiresAt: Type.Optional(Timestamp),
  costPerDayUsd: Type.Optional(Type.Number())
})
export type CleanRoom = Static<typeof CleanRoom>

export const AnalysisRun = Type.Object({
  id: Type.String(),
  script: Type.String(),
  parameters: Type.Record(Type.String(), Type.Unknown()),
  packageSha256: Type.Optional(Type.String()),
  state: Type.Enum(['queued', 'running', 'succeeded', 'failed', 'timed-out']),
  startedAt: Type.Optional(Timestamp),
  endedAt: Type.Optional(Timestamp),
  findings: Type.Integer({ minimum: 0 }),
  artifactIds: Type.Array(Type.String()),
  error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() }))
})
export type AnalysisRun = Static<typeof AnalysisRun>

/** A finding of an analysis package, as it stands in the package's findings.json. */
export const Finding = Type.Object({
  id: Type.String(),
  rule: Type.String({ description: 'Stable name of what was detected, for example web-shell' }),
  title: Type.String(),
  severity: Type.Enum(['info', 'low', 'medium', 'high', 'critical']),
  confidence: Type.Enum(['low', 'medium', 'high']),
  reason: Type.String({ description: 'Why this severity and confidence' }),
  instanceId: Type.Optional(Type.String()),
  volumeId: Type.Optional(Type.String({ description: 'The suspected instance\'s own volume' })),
  path: Type.Optional(Type.String()),
  offset: Type.Optional(Type.Integer()),
  sha256: Type.Optional(Type.String()),
  at: Type.Optional(Timestamp),
  technique: Type.Optional(Type.String({ description: 'MITRE ATT&CK technique id' })),
  evidence: Type.Optional(Type.String({ description: 'An excerpt, with control characters escaped' })),
  nextStep: Type.Optional(Type.String()),
  analysisId: Type.Optional(Type.String()),
  artifactId: Type.Optional(Type.String())
})
export type Finding = Static<typeof Finding>

export const FindingsSummary = Type.Object({
  total: Type.Integer(),
  bySeverity: Type.Record(Type.String(), Type.Integer())
})
export type FindingsSummary = Static<typeof FindingsSummary>

/** What a request may change of the plan that policy gives it. */
export const PlanOverrides = Type.Object({
  containment: Type.Optional(Type.Object({
    replaceInAutoScaling: Type.Optional(Type.Boolean({ description: 'Whether the Auto Scaling group starts a replacement (default) or shrinks by one' }))
  }, { additionalProperties: false })),
  analyses: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z][a-z0-9-]*$' }), { description: 'Analysis packages to run, in order' }))
}, { additionalProperties: false })
export type PlanOverrides = Static<typeof PlanOverrides>

/** The plan an incident follows. */
export const Plan = Type.Object({
  containment: Type.Object({ replaceInAutoScaling: Type.Boolean() }),
  analyses: Type.Array(Type.String())
})
export type Plan = Static<typeof Plan>

export const Problem = Type.Object({
  code: Type.String(),
  message: Type.String(),
  step: Type.Optional(Type.String()),
  diagnostics: Type.Optional(Type.Array(Type.String()))
})
export type Problem = Static<typeof Problem>

export const Incident = Type.Object({
  id: Type.String(),
  phase: Phase,
  phaseSince: Timestamp,
  severity: Severity,
  reason: Type.String(),
  ticket: Type.String(),
  openedBy: Type.String(),
  openedAt: Timestamp,
  closedAt: Type.Optional(Timestamp),
  targets: Type.Array(Target),
  cleanRoom: CleanRoom,
  analyses: Type.Array(AnalysisRun),
  timings: Type.Record(Type.String(), Type.Number(), { description: 'Milliseconds spent in each phase and lane' }),
  plan: Plan,
  findingsSummary: FindingsSummary,
  problem: Type.Optional(Problem),
  review: Type.Optional(Type.Object({
    decision: Type.String(), by: Type.String(), at: Timestamp, comment: Type.String()
  })),
  manifest: Type.Optional(Type.Object({ artifactId: Type.String(), sha256: Type.String() }))
})
export type Incident = Static<typeof Incident>

/** A piece of evidence in the vault. `sha256` is lower-case hex of the stored bytes, `size` is in bytes. */
export const Artifact = Type.Object({
  id: Type.String(),
  kind: Type.String(),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  size: Type.Integer(),
  key: Type.String(),
  versionId: Type.Optional(Type.String()),
  acquiredAt: Timestamp,
  actor: Type.String(),
  source: Type.String()
})
export type Artifact = Static<typeof Artifact>

/** One link of the chain of custody. `hash` covers every other field, `prevHash` is the link before. */
export const LedgerEntry = Type.Object({
  seq: Type.Integer({ minimum: 1 }),
  at: Timestamp,
  actor: Type.String(),
  action: Type.String(),
  artifactId: Type.Optional(Type.String()),
  sha256: Type.Optional(Type.String()),
  detail: Type.Record(Type.String(), Type.Unknown()),
  prevHash: Type.String(),
  hash: Type.String()
})
export type LedgerEntry = Static<typeof LedgerEntry>
