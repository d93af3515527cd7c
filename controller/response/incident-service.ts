/**
 * What people and programs can ask of incidents: the application side of the API, free of HTTP.
 */
import { createHash } from 'node:crypto'
import { ulid } from 'ulid'
import { packPackage } from '../analysis/package-archive.ts'
import { stackName } from '../clean-room/engine.ts'
import { DEFAULT_CONTAINMENT_POLICY } from '../containment/plan.ts'
import type { IncidentEvent, OpenedIncident } from '../database/incident-store.ts'
import { send, start, statusOf } from '../durable/durable.ts'
import { CleanroomError } from '../incident/errors.ts'
import type { AnalysisRun, Finding, Incident, Phase, Plan } from '../incident/incident.ts'
import type { OpenRequest } from '../incident/open-request.ts'
import { findInstance } from '../triage/describe-instance.ts'
import { analysisWorkflowId } from './analysis-lane.ts'
import { ATTENTION_TOPIC, type Retry } from './attention.ts'
import type { EventFeed } from './event-feed.ts'
import { planResponse, type ResponsePlan } from './plan-response.ts'
import type { ResponseParts } from './parts.ts'
import { REVIEW_TOPIC, type Response, type ReviewMessage } from './respond-to-incident.ts'
import type { TargetId } from './triage-lane.ts'

/** What is run on every incident's disks unless the request says otherwise. */
const DEFAULT_ANALYSES = ['disk-analysis']

export interface ResponseScope { accounts: string[], regions: string[], roomLifetimeHours: number }

/** Who asks: the subject of the token. */
export interface Asker { subject: string }

export class IncidentService {
  readonly #parts: ResponseParts
  readonly #response: Response
  readonly #feed: EventFeed
  readonly #scope: ResponseScope

  constructor (parts: ResponseParts, response: Response, feed: EventFeed, scope: ResponseScope) {
    this.#parts = parts
    this.#response = response
    this.#feed = feed
    this.#scope = scope
  }

  /**
   * Opens an incident and starts the response; the same request, or an open incident on the instance,
   * gives the same incident. Nothing is stored or touched when the request can't be met.
   * @throws CleanroomError INSTANCE_NOT_FOUND, INSTANCE_TERMINATED, ACCOUNT_NOT_ALLOWED, REGION_NOT_ALLOWED, CONFLICT, IDEMPOTENCY_KEY_REUSED, AWS_*
   */
  async open (request: OpenRequest, asker: Asker): Promise<OpenedIncident> {
    const targets = await this.#resolve(request)
    const opened = await this.#parts.incidents.open(this.#newIncident(request, targets, asker), {
      ...request.idempotencyKey !== undefined && { key: request.idempotencyKey },
      requestHash: createHash('sha256').update(JSON.stringify([targets, request.reason, request.severity, request.ticket, request.plan])).digest('hex')
    })
    // Also for an incident that was there: a controller that died in between left it unstarted.
    await this.#begin(opened.incident)
    return opened
  }

  async #begin ({ id, openedBy, reason, severity, ticket, targets }: Incident): Promise<void> {
    await this.#parts.custody.append(id, {
      key: 'incident.opened',
      actor: openedBy,
      action: 'incident.opened',
      detail: { reason, severity, ticket, targets: targets.map(({ instanceId, accountId, region }) => ({ instanceId, accountId, region })) }
    })
    await start(this.#response.respond, id, id)
  }

  /** Starts every response that a controller stored and died before it could start. */
  async takeUp (): Promise<void> {
    let cursor: string | undefined
    do {
      const page = await this.#parts.incidents.list({ phase: 'received', limit: 100, ...cursor !== undefined && { cursor } })
      for (const incident of page.items) await this.#begin(incident)
      cursor = page.nextCursor
    } while (cursor !== undefined)
  }

  /** The whole plan for a request, from reads alone. */
  async plan (request: OpenRequest): Promise<ResponsePlan> {
    const targets = await this.#resolve(request)
    return await planResponse(this.#parts, targets, this.#planOf(request))
  }

  get (id: string): Promise<Incident> {
    return this.#parts.incidents.get(id)
  }

  list (query: { phase?: Phase, cursor?: string, limit: number }): Promise<{ items: Incident[], nextCursor?: string }> {
    return this.#parts.incidents.list(query)
  }

  events (id: string, afterSeq: number, signal: AbortSignal): AsyncIterable<IncidentEvent> {
    return this.#feed.of(id, afterSeq, signal)
  }

  async findings (id: string): Promise<Finding[]> {
    await this.get(id)
    return await this.#parts.incidents.findings(id)
  }

  /**
   * The analyst's decision. `extend` without a time gives the room its whole lifetime again, from now.
   * @throws CleanroomError CONFLICT outside the review, INVALID_REQUEST for a time that has passed
   */
  async review (id: string, decision: { decision: 'close' | 'extend', comment: string, expiresAt?: string }, asker: Asker): Promise<Incident> {
    const incident = await this.get(id)
    if (incident.phase !== 'in-review') {
      throw new CleanroomError('CONFLICT', `Incident ${id} is ${incident.phase}; it can be reviewed once it is in-review.`, { extra: { phase: incident.phase } })
    }
    const now = Date.now()
    const expiresAt = decision.expiresAt ?? new Date(now + this.#scope.roomLifetimeHours * 3_600_000).toISOString()
    if (Date.parse(expiresAt) <= now) throw new CleanroomError('INVALID_REQUEST', `expiresAt ${expiresAt} is not in the future.`)
    const message: ReviewMessage = {
      decision: decision.decision,
      comment: decision.comment,
      by: asker.subject,
      at: new Date(now).toISOString(),
      ...decision.decision === 'extend' && { expiresAt }
    }
    await send(id, REVIEW_TOPIC, message, `review/${id}/${incident.phaseSince}/${message.decision}/${message.decision === 'close' ? '' : expiresAt}`)
    return incident
  }

  /** Has the lane that needs attention run again. @throws CleanroomError CONFLICT when none does */
  async retry (id: string, asker: Asker): Promise<Incident> {
    const incident = await this.get(id)
    if (incident.phase !== 'needs-attention') {
      throw new CleanroomError('CONFLICT', `Incident ${id} is ${incident.phase}; only one that needs attention can be retried.`, { extra: { phase: incident.phase } })
    }
    const message: Retry = { by: asker.subject, at: new Date().toISOString() }
    const driver = await statusOf(cancellationOf(id)) ? cancellationOf(id) : id
    await send(driver, ATTENTION_TOPIC, message, `retry/${id}/${incident.phaseSince}`)
    return incident
  }

  /** Gives the incident up: the room is torn down; containment and evidence stay. */
  async cancel (id: string, asker: Asker): Promise<Incident> {
    const incident = await this.get(id)
    if (['closing', 'closed'].includes(incident.phase)) {
      throw new CleanroomError('CONFLICT', `Incident ${id} is ${incident.phase} already.`, { extra: { phase: incident.phase } })
    }
    await this.#parts.custody.append(id, { key: 'incident.cancelled', actor: asker.subject, action: 'incident.cancelled', detail: { phase: incident.phase } })
    await start(this.#response.cancel, cancellationOf(id), id)
    return await this.get(id)
  }

  /**
   * Runs one more analysis in the room.
   * @throws CleanroomError NOT_FOUND for an unknown package, CONFLICT while there is no room to run it in
   */
  async startAnalysis (id: string, request: { script: string, parameters?: Record<string, unknown> }, asker: Asker): Promise<AnalysisRun> {
    const { phase, cleanRoom } = await this.get(id)
    if (phase !== 'in-review' || cleanRoom.state !== 'ready') {
      throw new CleanroomError('CONFLICT', `Incident ${id} is ${phase} and its room ${cleanRoom.state}; analyses run while it is in-review.`, { extra: { phase } })
    }
    await packPackage(this.#parts.scriptsDirectory, request.script)
    const runId = `${request.script}-${ulid().toLowerCase()}`
    const run: AnalysisRun = { id: runId, script: request.script, parameters: request.parameters ?? {}, state: 'queued', findings: 0, artifactIds: [] }
    await this.#parts.incidents.putAnalysis(id, run)
    await this.#parts.custody.append(id, { key: `analyse/${runId}:asked`, actor: asker.subject, action: 'analysis.asked', detail: { runId, script: request.script, parameters: run.parameters } })
    await start(this.#response.analyse, analysisWorkflowId(id, runId), { incidentId: id, runId, script: run.script, parameters: run.parameters })
    return run
  }

  /** Checks every instance against the scope and against AWS before anything is stored. */
  async #resolve (request: OpenRequest): Promise<TargetId[]> {
    const { baseline, clients } = this.#parts
    const accountId = request.accountId ?? baseline.accountId
    const region = request.region ?? baseline.region
    if (!this.#scope.accounts.includes(accountId)) throw new CleanroomError('ACCOUNT_NOT_ALLOWED', `Account ${accountId} is not among the accounts this controller responds in.`)
    if (!this.#scope.regions.includes(region)) throw new CleanroomError('REGION_NOT_ALLOWED', `Region ${region} is not among the Regions this controller responds in.`)
    const ec2 = clients.ec2({ accountId, region }, 'acquire')
    clients.warm({ accountId, region }, 'contain')
    const instanceIds = [...new Set(request.instanceIds)].sort()
    const found = await Promise.all(instanceIds.map((instanceId) => findInstance(ec2, instanceId)))
    return found.map(({ InstanceId, VpcId }) => ({ instanceId: InstanceId!, accountId, region, ...VpcId !== undefined && { vpcId: VpcId } }))
  }

  #planOf ({ plan }: OpenRequest): Plan {
    return {
      containment: { ...DEFAULT_CONTAINMENT_POLICY, ...plan?.containment },
      analyses: plan?.analyses ?? DEFAULT_ANALYSES
    }
  }

  #newIncident (request: OpenRequest, targets: TargetId[], asker: Asker): Incident {
    const id = ulid().toLowerCase()
    const now = new Date()
    return {
      id,
      phase: 'received',
      phaseSince: now.toISOString(),
      severity: request.severity ?? 'high',
      reason: request.reason,
      ticket: request.ticket ?? id,
      openedBy: asker.subject,
      openedAt: now.toISOString(),
      targets: targets.map((target) => ({
        ...target,
        containment: { state: 'pending', actions: [], residualRisks: [] },
        acquisition: { snapshots: [], memory: { state: 'not-requested', reason: 'Memory capture is not part of this plan.' } }
      })),
      cleanRoom: {
        state: 'absent',
        stack: stackName(id),
        region: this.#parts.baseline.region,
        volumes: [],
        expiresAt: new Date(now.getTime() + this.#scope.roomLifetimeHours * 3_600_000).toISOString()
      },
      analyses: [],
      timings: {},
      plan: this.#planOf(request),
      findingsSummary: { total: 0, bySeverity: {} }
    }
  }
}

/** The workflow that closes a cancelled incident. */
function cancellationOf (incidentId: string): string {
  return `cancel/${incidentId}`
}
