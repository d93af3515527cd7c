/**
 * What people can ask of a containment: once more, a further rung, release; and the second person's word.
 *
 * Nothing here changes AWS: a request is recorded, previewed from reads, and once it may be done a durable
 * lane does it. One change of an instance's containment runs at a time.
 */
import { ulid } from 'ulid'
import type { ActionContext } from '../containment/actions/action.ts'
import { canUndo, previewUndo, undoOrder } from '../containment/undo-action.ts'
import { offeredRungs, planSurroundings, type Rung } from '../containment/plan.ts'
import type { EscalationPreview, ReleasePreview } from '../containment/previews.ts'
import type { Approval, Asked, ContainRequest, EscalationChoice, EscalationRequest, ReleaseChoice, ReleaseRequest, Whom } from '../containment/requests.ts'
import { isRunning, start } from '../durable/durable.ts'
import { CleanroomError } from '../incident/errors.ts'
import type { ContainmentAction, Decision, Incident, Target } from '../incident/incident.ts'
import { readInstance } from '../triage/read-instance.ts'
import { surveyInstance } from '../triage/survey-instance.ts'
import { actionContext, vpcOf } from './containment-context.ts'
import { againId } from './contain-again-lane.ts'
import { withProfile } from './containment-record.ts'
import type { Asker } from './incident-service.ts'
import type { ResponseParts } from './parts.ts'
import { releaseId } from './release-lane.ts'
import type { Response } from './respond-to-incident.ts'
import { triageClients } from './triage-lane.ts'

export class ContainmentService {
  readonly #parts: ResponseParts
  readonly #response: Pick<Response, 'containAgain' | 'release'>

  constructor (parts: ResponseParts, response: Pick<Response, 'containAgain' | 'release'>) {
    this.#parts = parts
    this.#response = response
  }

  /**
   * Contains once more: what was changed by somebody, what is new, what failed, or all of it after a release.
   * @throws CleanroomError CONFLICT before the first containment or after closure, CONTAINMENT_UNDERWAY, NOT_FOUND
   */
  async contain (id: string, { instanceIds, mode, comment }: ContainRequest, asker: Asker): Promise<Incident> {
    const occasion = ulid().toLowerCase()
    const incident = await this.#claim(id, instanceIds, againId(id, occasion), ({ phase }) => {
      if (phase === 'closing' || phase === 'closed') throw new CleanroomError('CONFLICT', `Incident ${id} is ${phase}; open a new one to contain the instance.`, { extra: { phase } })
    })
    const targets = chosen(incident, instanceIds).map(({ instanceId }) => instanceId)
    await this.#parts.custody.append(id, { key: `contain-again/${occasion}`, actor: asker.subject, action: 'containment.asked', detail: { instanceIds: targets, comment, ...mode && { mode } } })
    await start(this.#response.containAgain, againId(id, occasion), { incidentId: id, instanceIds: targets, occasion, rungs: [], ...mode && { mode } })
    return incident
  }

  /** Whom further rungs would hit, from reads alone. */
  async previewEscalation (id: string, { instanceIds, rungs }: EscalationChoice): Promise<EscalationPreview> {
    const incident = await this.#parts.incidents.get(id)
    return {
      targets: await Promise.all(chosen(incident, instanceIds).map(async (target) => {
        const clients = triageClients(this.#parts.clients, target)
        const facts = withProfile((await readInstance(clients, target, target.instanceId, new Date())).facts, target.containment.actions)
        const { facts: around } = await surveyInstance(clients, facts, { accessKeyIds: [] })
        const policy = incident.plan.containment
        const without = new Set(planSurroundings(facts, around, policy).map(({ kind, resource, words }) => `${kind} ${resource} ${words}`))
        return {
          instanceId: target.instanceId,
          actions: planSurroundings(facts, around, policy, rungs)
            .filter(({ kind, resource, words }) => !without.has(`${kind} ${resource} ${words}`))
            .map(({ kind, resource, words }) => ({ kind, resource, words })),
          hits: [...new Set(offeredRungs(facts, around, policy).filter(({ rung }) => rungs.includes(rung)).flatMap(({ hits }) => hits))].sort()
        }
      }))
    }
  }

  /**
   * Asks for further rungs, which a second person must approve.
   * @throws CleanroomError NOT_CONTAINED, CONTAINMENT_UNDERWAY, CONFLICT
   */
  async escalate (id: string, request: EscalationRequest, asker: Asker): Promise<Asked> {
    const preview = await this.previewEscalation(id, request)
    return await this.#ask(id, 'escalate', request, { rungs: request.rungs }, preview, asker)
  }

  /** What release would take back, from reads alone. @throws CleanroomError NOT_CONTAINED */
  async previewRelease (id: string, { instanceIds }: ReleaseChoice): Promise<ReleasePreview> {
    const incident = await this.#parts.incidents.get(id)
    const targets = chosen(incident, instanceIds).filter(isContained)
    if (targets.length === 0) throw new CleanroomError('NOT_CONTAINED', `No instance of incident ${id} is contained.`)
    return {
      targets: await Promise.all(targets.map(async (target) => {
        const { actions } = target.containment
        const contextOf = (action: ContainmentAction): ActionContext =>
          actionContext(this.#parts.clients, { incidentId: id, ticket: incident.ticket, target }, actions, vpcOf(action, target.vpcId))
        return {
          instanceId: target.instanceId,
          changes: await Promise.all(undoOrder(target.containment.actions).map(async (action) => await previewUndo(contextOf(action), action)))
        }
      }))
    }
  }

  /**
   * Asks for the release of contained instances, which a second person must approve.
   * @throws CleanroomError NOT_CONTAINED, CONTAINMENT_UNDERWAY, HELD_BY_ANOTHER_INCIDENT
   */
  async release (id: string, request: ReleaseRequest, asker: Asker): Promise<Asked> {
    const preview = await this.previewRelease(id, request)
    const { keepReplacement } = request
    return await this.#ask(id, 'release', { ...request, instanceIds: preview.targets.map(({ instanceId }) => instanceId) },
      keepReplacement === undefined ? {} : { keepReplacement }, preview, asker)
  }

  async #ask (id: string, kind: Decision['kind'], { instanceIds, comment }: Whom & { comment: string }, parameters: Record<string, unknown>, preview: unknown, asker: Asker): Promise<Asked> {
    const incident = await this.#parts.incidents.get(id)
    const targets = chosen(incident, instanceIds)
    if (kind === 'escalate' && ['closing', 'closed'].includes(incident.phase)) throw new CleanroomError('CONFLICT', `Incident ${id} is ${incident.phase}.`, { extra: { phase: incident.phase } })
    if (kind === 'escalate' && !targets.every(isContained)) throw new CleanroomError('NOT_CONTAINED', 'Further rungs come after the first containment.')
    await this.#requireFree(id, targets)
    const decision: Decision = {
      id: ulid().toLowerCase(),
      kind,
      instanceIds: targets.map(({ instanceId }) => instanceId),
      parameters,
      generations: Object.fromEntries(targets.map(({ instanceId, containment }) => [instanceId, containment.generation!])),
      comment,
      requestedBy: asker.subject,
      requestedAt: new Date().toISOString(),
      preview,
      state: 'awaiting-approval'
    }
    await this.#parts.custody.append(id, {
      key: `decision/${decision.id}:asked`, actor: asker.subject, action: 'decision.asked', detail: { decisionId: decision.id, kind, instanceIds: decision.instanceIds, parameters, comment, preview }
    })
    const stored = await this.#parts.incidents.update(id, (changed) => { (changed.decisions ??= []).push(decision) }, { type: 'decision.asked', data: { decisionId: decision.id, kind } })
    await this.#parts.notifier.tell(stored, {
      subject: `Incident ${id}: approval wanted for ${kind}`,
      message: `${asker.subject} asks to ${kind} ${decision.instanceIds.join(', ')}: ${comment}\nSomebody else decides: POST /incidents/${id}/approvals {"decisionId": "${decision.id}", "approve": true, "comment": "…"}`,
      urgent: true
    })
    return { decision, incident: stored }
  }

  /**
   * The second person's word. Approving twice is approving once.
   * @throws CleanroomError NOT_FOUND, SAME_PERSON, DECISION_MADE, CONTAINMENT_UNDERWAY, HELD_BY_ANOTHER_INCIDENT
   */
  async approve (id: string, { decisionId, approve, comment }: Approval, asker: Asker): Promise<Incident> {
    const known = decisionOf(await this.#parts.incidents.get(id), decisionId)
    if (known.requestedBy === asker.subject) throw new CleanroomError('SAME_PERSON', `${asker.subject} asked for it; somebody else must decide.`)
    const repeated = known.decidedBy === asker.subject && (known.state === 'refused') === !approve
    if (known.state !== 'awaiting-approval' && !repeated) {
      throw new CleanroomError('DECISION_MADE', `Decision ${decisionId} is ${known.state}, by ${known.decidedBy!}.`, { extra: { state: known.state } })
    }
    // Under the incident's lock: of two answers at once the second finds the decision made.
    const decide = (incident: Incident): void => {
      const decision = decisionOf(incident, decisionId)
      if (decision.state !== 'awaiting-approval') throw new CleanroomError('DECISION_MADE', `Decision ${decisionId} was made meanwhile.`)
      Object.assign(decision, { state: approve ? 'approved' : 'refused', decidedBy: asker.subject, decidedAt: new Date().toISOString(), decisionComment: comment })
    }
    if (!repeated && approve) {
      await this.#requireAsItWas(id, known)
      await this.#claim(id, known.instanceIds, workflowOf(id, known), decide)
    } else if (!repeated) {
      await this.#parts.incidents.update(id, decide, { type: 'decision.refused', data: { decisionId } })
    }
    const decided = decisionOf(await this.#parts.incidents.get(id), decisionId)
    if (decided.state === 'refused') await this.#recordDecision(id, decided)
    else await this.#carryOut(id, decided)
    return await this.#parts.incidents.get(id)
  }

  /** What is approved must still be what was asked for. @throws CleanroomError CONFLICT */
  async #requireAsItWas (id: string, { kind, generations = {}, instanceIds, parameters, preview }: Decision): Promise<void> {
    const { targets, phase } = await this.#parts.incidents.get(id)
    const changed = targets.find(({ instanceId, containment }) => instanceIds.includes(instanceId) && containment.generation !== generations[instanceId])
    if (changed) throw new CleanroomError('CONFLICT', `${changed.instanceId} was released or contained anew since this was asked for; ask again.`)
    if (kind === 'release') return
    if (phase === 'closing' || phase === 'closed') throw new CleanroomError('CONFLICT', `Incident ${id} is ${phase}.`, { extra: { phase } })
    const known = new Set((preview as EscalationPreview).targets.flatMap(({ hits }) => hits))
    const now = await this.previewEscalation(id, { instanceIds, rungs: parameters!.rungs as Rung[] })
    const strangers = now.targets.flatMap(({ hits }) => hits).filter((hit) => !known.has(hit))
    if (strangers.length > 0) throw new CleanroomError('CONFLICT', `It would hit ${strangers.join(', ')} now, too; ask again.`, { extra: { hits: strangers } })
  }

  async #recordDecision (id: string, { id: decisionId, kind, state, decidedBy, decisionComment }: Decision): Promise<void> {
    await this.#parts.custody.append(id, {
      key: `decision/${decisionId}:decided`,
      actor: decidedBy!,
      action: state === 'refused' ? 'decision.refused' : 'decision.approved',
      detail: { decisionId, kind, comment: decisionComment }
    })
  }

  /** Takes up every approved decision that a controller died before it could start. */
  async takeUp (): Promise<void> {
    for (const { id, decisions = [] } of await this.#parts.incidents.withApprovedDecisions()) {
      for (const decision of decisions) if (decision.state === 'approved') await this.#carryOut(id, decision)
    }
  }

  async #carryOut (id: string, decision: Decision): Promise<void> {
    await this.#recordDecision(id, decision)
    const { id: decisionId, instanceIds } = decision
    if (decision.kind === 'release') await start(this.#response.release, workflowOf(id, decision), { incidentId: id, decisionId })
    else await start(this.#response.containAgain, workflowOf(id, decision), { incidentId: id, instanceIds, occasion: decisionId, rungs: decision.parameters!.rungs as Rung[], decisionId })
  }

  /** Marks the instances as being changed by a workflow, or refuses: all of them or none. */
  async #claim (id: string, instanceIds: string[] | undefined, workflowId: string, check: (incident: Incident) => void): Promise<Incident> {
    const incident = await this.#parts.incidents.get(id)
    await this.#requireFree(id, chosen(incident, instanceIds))
    return await this.#parts.incidents.update(id, (changed) => {
      check(changed)
      const stale = new Map(incident.targets.map(({ instanceId, containment }) => [instanceId, containment.underway]))
      for (const { instanceId, containment } of chosen(changed, instanceIds)) {
        if (containment.underway !== undefined && containment.underway !== stale.get(instanceId)) throw underway(instanceId)
        containment.underway = workflowId
      }
    }, { type: 'containment.claimed', data: { instanceIds: chosen(incident, instanceIds).map(({ instanceId }) => instanceId) } })
  }

  /** @throws CleanroomError CONTAINMENT_UNDERWAY, HELD_BY_ANOTHER_INCIDENT */
  async #requireFree (id: string, targets: Target[]): Promise<void> {
    for (const target of targets) {
      const { instanceId, containment } = target
      // One whose workflow has ended, however, holds nobody up.
      const running = containment.underway !== undefined && await isRunning(containment.underway)
      // Before its first containment an instance is the response's own.
      if (running || containment.generation === undefined) throw underway(instanceId)
      const holder = await this.#parts.incidents.laterHolderOf(id, target)
      if (holder !== undefined) {
        throw new CleanroomError('HELD_BY_ANOTHER_INCIDENT', `${instanceId} is contained by incident ${holder}, too.`, { extra: { incidentId: holder } })
      }
    }
  }
}

function underway (instanceId: string): CleanroomError {
  return new CleanroomError('CONTAINMENT_UNDERWAY', `The containment of ${instanceId} is being changed now.`)
}

/** Whether something is left to take back, also after a release that could not do all of it. */
function isContained ({ containment: { state, actions } }: Target): boolean {
  return state !== 'pending' && actions.some(canUndo)
}

function workflowOf (id: string, { id: decisionId, kind }: Decision): string {
  return kind === 'release' ? releaseId(id, decisionId) : againId(id, decisionId)
}

function decisionOf ({ id, decisions = [] }: Incident, decisionId: string): Decision {
  const found = decisions.find((decision) => decision.id === decisionId)
  if (!found) throw new CleanroomError('NOT_FOUND', `Incident ${id} has no decision ${decisionId}.`)
  return found
}

/** The named instances, or all. @throws CleanroomError NOT_FOUND for one that the incident does not have */
function chosen ({ id, targets }: Incident, instanceIds: string[] | undefined): Target[] {
  const unknown = instanceIds?.find((instanceId) => targets.every((target) => target.instanceId !== instanceId))
  if (unknown !== undefined) throw new CleanroomError('NOT_FOUND', `Incident ${id} has no instance ${unknown}.`)
  return targets.filter(({ instanceId }) => instanceIds?.includes(instanceId) ?? true)
}
