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
  change: Type.Optional(Type.String({ description: 'What it changes, in words' })),
  parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  state: ActionState,
  at: Type.Optional(Timestamp),
  before: Type.Optional(Type.Unknown()),
  after: Type.Optional(Type.Unknown()),
  error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String(), whatToDo: Type.Optional(Type.String()) })),
  now: Type.Optional(Type.Unknown({ description: 'What release left standing there' })),
  note: Type.Optional(Type.String({ description: 'What a person should know of it: what it could not do whole, what release could not bring back' }))
})
export type ContainmentAction = Static<typeof ContainmentAction>

/** Whether traffic of the instance was still seen after it was cut off, as its flow logs say. */
export const Traffic = Type.Object({
  state: Type.Enum(['watching', 'stopped', 'continues', 'not-known']),
  detail: Type.String(),
  checkedAt: Timestamp,
  lastAcceptedAt: Type.Optional(Timestamp)
})
export type Traffic = Static<typeof Traffic>

export const Containment = Type.Object({
  state: Type.Enum(['pending', 'contained', 'partial', 'failed', 'released']),
  mode: Type.Optional(Type.Enum(['full', 'ssm'], { description: 'ssm: a way to the endpoints of Systems Manager is left for live capture' })),
  generation: Type.Optional(Type.Integer({ minimum: 1, description: 'Counts containments; a release ends one' })),
  approvedRungs: Type.Optional(Type.Array(Type.String(), { description: 'Further rungs that a second person approved for this containment' })),
  underway: Type.Optional(Type.String({ description: 'Id of the workflow that is changing the containment now' })),
  containedAt: Type.Optional(Timestamp),
  actions: Type.Array(ContainmentAction),
  unread: Type.Optional(Type.Array(Type.Object({ what: Type.String(), code: Type.String(), message: Type.String() }), { description: 'What AWS did not tell, so that nothing could be planned for it' })),
  proof: Type.Optional(Proof),
  residualRisks: Type.Array(Type.String()),
  rungs: Type.Optional(Type.Array(Type.Object({
    rung: Type.String(), resource: Type.String(), words: Type.String(), hits: Type.Array(Type.String())
  }), { description: 'What could be done further, and whom it would hit' })),
  traffic: Type.Optional(Traffic),
  release: Type.Optional(Type.Object({ at: Timestamp, decisionId: Type.String(), requestedBy: Type.String(), approvedBy: Type.String(), proof: Proof }))
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
  vpcId: Type.Optional(Type.String()),
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

/** How an instance is contained. Nothing in it hits anybody else, and everything in it can be undone. */
export const ContainmentPolicy = Type.Object({
  mode: Type.Enum(['full', 'ssm'], { description: '`ssm` leaves a way to the endpoints of Systems Manager until live capture ends' }),
  autoScaling: Type.Enum(['replace', 'shrink', 'standby', 'suspend'], {
    description: 'Detach and let the group start a replacement (default) or shrink; put on standby; or suspend the processes that would replace it'
  }),
  trackedConnections: Type.Enum(['swap', 'leave'], { description: '`swap` gives each interface for a moment a group that ends connection tracking' }),
  elasticIp: Type.Enum(['disassociate', 'keep']),
  instanceProfile: Type.Enum(['remove', 'keep']),
  sessions: Type.Enum(['instance', 'keep'], { description: '`instance` denies the sessions that the instance\'s own credentials began before now' }),
  accessKeyIds: Type.Array(Type.String({ pattern: '^AKIA[A-Z0-9]{12,124}$' }), { maxItems: 20, uniqueItems: true, description: 'Access keys of users to deactivate' }),
  networkAcl: Type.Enum(['when-alone', 'never'], { description: '`when-alone` denies everything for subnets in which nobody else is' }),
  metadata: Type.Enum(['keep', 'disable'], { description: 'The instance metadata service' }),
  dnsFirewall: Type.Enum(['when-alone', 'never'], { description: '`when-alone` answers no DNS query in a VPC in which nobody else is' })
}, { additionalProperties: false })
export type ContainmentPolicy = Static<typeof ContainmentPolicy>

/** What a request may change of the plan that policy gives it. */
export const PlanOverrides = Type.Object({
  containment: Type.Optional(Type.Partial(ContainmentPolicy, { additionalProperties: false })),
  analyses: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z][a-z0-9-]*$' }), { description: 'Analysis packages to run, in order' }))
}, { additionalProperties: false })
export type PlanOverrides = Static<typeof PlanOverrides>

/** The plan an incident follows. */
export const Plan = Type.Object({
  containment: ContainmentPolicy,
  analyses: Type.Array(Type.String())
})
export type Plan = Static<typeof Plan>

/** Something that one person asks for and another must approve before it is done. */
export const Decision = Type.Object({
  id: Type.String(),
  kind: Type.Enum(['release', 'escalate']),
  instanceIds: Type.Array(Type.String()),
  parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: '`rungs` of an escalation, `keepReplacement` of a release' })),
  generations: Type.Optional(Type.Record(Type.String(), Type.Integer(), { description: 'Of each instance\'s containment, when it was asked for' })),
  comment: Type.String(),
  requestedBy: Type.String(),
  requestedAt: Timestamp,
  preview: Type.Unknown({ description: 'What it would change, as it was when it was asked for' }),
  state: Type.Enum(['awaiting-approval', 'refused', 'approved', 'done', 'failed']),
  decidedBy: Type.Optional(Type.String()),
  decidedAt: Type.Optional(Timestamp),
  decisionComment: Type.Optional(Type.String()),
  error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() }))
})
export type Decision = Static<typeof Decision>

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
  decisions: Type.Optional(Type.Array(Decision)),
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
