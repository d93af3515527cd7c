/**
 * The response to one incident, from opened to closed: the spine. One durable workflow per incident, with
 * the incident's id as its own, so that opening twice is opening once.
 *
 *   triage ──► contain ────────────────┐
 *        ├───► acquire disks ──────┐   │
 *        └───► prepare room ───► fill room ──► analyse ──► review ──► close
 *
 * Triage comes first, because what it reads is destroyed by what follows. Then containment, disks and room
 * are lanes of their own: none waits for another, and none undoes another when it fails. The phase the
 * incident shows is the earliest lane that is not done. A lane that can't go on waits for a person
 * (attention.ts); it never loosens containment and never drops evidence.
 */
import { cancel as cancelWorkflow, receive, start, step, workflow, type Outcome, type Running, type Workflow } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import type { ErrorCode } from '../incident/errors.ts'
import type { AnalysisRun, Phase, Plan, SnapshotRecord } from '../incident/incident.ts'
import type { InstanceFacts } from '../triage/target-facts.ts'
import type { InstanceDisks } from '../clean-room/device-names.ts'
import type { RoomOutputs } from '../clean-room/engine.ts'
import { registerAcquisition } from './acquisition-lane.ts'
import { analysisWorkflowId, registerAnalysis, type AnalysisInput } from './analysis-lane.ts'
import { guarded, insist } from './attention.ts'
import { registerClosure } from './closure-lane.ts'
import { registerContainment } from './containment-lane.ts'
import type { ResponseParts } from './parts.ts'
import { registerFillRoom, registerPrepareRoom } from './room-lane.ts'
import { POLICY, WAIT } from './step-policies.ts'
import { registerTriage, type TargetId } from './triage-lane.ts'

export const REVIEW_TOPIC = 'review'

/** What triage says of an instance that no retry can bring back. */
const LOST: readonly ErrorCode[] = ['INSTANCE_TERMINATED', 'INSTANCE_NOT_FOUND']

/** The analyst's word. `extend` keeps the room until `expiresAt`. */
export interface ReviewMessage { decision: 'close' | 'extend', by: string, at: string, comment: string, expiresAt?: string }

export interface Response {
  respond: Workflow<[string], void>
  analyse: Workflow<[AnalysisInput], AnalysisRun>
  /** Closes an incident whose response was cancelled. */
  cancel: Workflow<[string], void>
}

/** Registers all workflows of the response; call once, before the durable engine is launched. */
export function registerResponse (parts: ResponseParts): Response {
  const triage = registerTriage(parts)
  const contain = registerContainment(parts)
  const acquire = registerAcquisition(parts)
  const prepareRoom = registerPrepareRoom(parts)
  const fillRoom = registerFillRoom(parts)
  const analyse = registerAnalysis(parts)
  const close = registerClosure(parts)

  const respond = workflow('respond-to-incident', async (incidentId: string): Promise<void> => {
    await guarded(parts, incidentId, () => spine(incidentId))
  })

  const spine = async (incidentId: string): Promise<void> => {
    const { targets, ticket, plan, cleanRoom, phase } = await step('incident.read', POLICY.record, () => parts.incidents.get(incidentId))
    if (phase === 'closed') return
    const enter = async (next: Phase): Promise<void> => {
      await step(`phase/${next}`, POLICY.record, async () => { await parts.incidents.moveTo(incidentId, next) })
    }

    await enter('triaging')
    const triageOf = ({ instanceId, accountId, region }: TargetId) => (attempt: number) =>
      start(triage, `triage/${incidentId}/${instanceId}/${attempt}`, { incidentId, target: { instanceId, accountId, region }, attempt })
    const triaging: Array<Running<InstanceFacts>> = []
    for (const target of targets) triaging.push(await triageOf(target)(1))
    const outcomes: Array<Outcome<InstanceFacts>> = []
    for (const each of triaging) outcomes.push(await each.outcome())

    await enter('containing')
    const expiresAt = cleanRoom.expiresAt!
    const policy = plan.containment
    const lane = {
      contain: (of: InstanceFacts) => (attempt: number) =>
        start(contain, `contain/${incidentId}/${of.instanceId}/${attempt}`, { incidentId, ticket, facts: of, policy, attempt }),
      acquire: (of: InstanceFacts) => (attempt: number) =>
        start(acquire, `acquire/${incidentId}/${of.instanceId}/${attempt}`, { incidentId, facts: of, attempt }),
      prepareRoom: (attempt: number) => start(prepareRoom, `prepare-room/${incidentId}/${attempt}`, { incidentId, expiresAt, attempt }),
      fillRoom: (disks: InstanceDisks[]) => (attempt: number) => start(fillRoom, `fill-room/${incidentId}/${attempt}`, { incidentId, expiresAt, attempt }, disks),
      close: (attempt: number) => start(close, `close/${incidentId}/${attempt}`, { incidentId, why: 'reviewed' as const, attempt })
    }
    const lanes: Array<{ facts: InstanceFacts, containing: Running<string>, acquiring: Running<SnapshotRecord[]> }> = []
    const begin = async (facts: InstanceFacts): Promise<void> => {
      lanes.push({ facts, containing: await lane.contain(facts)(1), acquiring: await lane.acquire(facts)(1) })
    }
    // Whoever can be contained is, before anybody is waited for.
    for (const outcome of outcomes) if (outcome.ok) await begin(outcome.value)
    const preparing: Running<RoomOutputs> = await lane.prepareRoom(1)
    const gone = (outcome: Outcome<InstanceFacts>): boolean => !outcome.ok && LOST.includes(outcome.error.code)
    for (const [index, target] of targets.entries()) {
      const outcome = outcomes[index]!
      if (outcome.ok) continue
      if (gone(outcome) && !outcomes.every(gone)) await recordLost(parts, incidentId, target.instanceId, outcome.error.message)
      else await begin(await insist(parts, incidentId, `triage ${target.instanceId}`, 'triaging', triaging[index]!, triageOf(target)))
    }
    await enter('containing')

    for (const { facts, containing } of lanes) {
      await insist(parts, incidentId, `contain ${facts.instanceId}`, 'containing', containing, lane.contain(facts))
    }
    await enter('acquiring')
    const disks: InstanceDisks[] = []
    for (const { facts, acquiring } of lanes) {
      const snapshots = await insist(parts, incidentId, `acquire ${facts.instanceId}`, 'acquiring', acquiring, lane.acquire(facts))
      disks.push({ instanceId: facts.instanceId, snapshots })
    }
    await enter('preparing')
    await insist(parts, incidentId, 'room', 'preparing', preparing, lane.prepareRoom)
    await insist(parts, incidentId, 'room disks', 'preparing', await lane.fillRoom(disks)(1), lane.fillRoom(disks))

    await enter('analysing')
    await analyseAll(incidentId, plan)

    await enter('in-review')
    await review(parts, incidentId)
    await insist(parts, incidentId, 'close', 'closing', await lane.close(1), lane.close)
  }

  /** Every planned package, one after the other; a failed one is a result and holds none up. */
  async function analyseAll (incidentId: string, plan: Plan): Promise<void> {
    for (const script of plan.analyses) {
      const runId = `${script}-1`
      const running = await start(analyse, analysisWorkflowId(incidentId, runId), { incidentId, runId, script, parameters: {} })
      await running.outcome()
    }
  }

  const cancel = workflow('cancel-incident', async (incidentId: string): Promise<void> => {
    // First, so that a controller that dies here stops the response when it takes this up again.
    await cancelWorkflow(incidentId)
    const run = (attempt: number) => start(close, `close-cancelled/${incidentId}/${attempt}`, { incidentId, why: 'cancelled' as const, attempt })
    await guarded(parts, incidentId, async () => { await insist(parts, incidentId, 'close', 'closing', await run(1), run) })
  })

  return { respond, analyse, cancel }
}

/** Says of one instance among several that it was gone before it could be contained; the others go on. */
async function recordLost ({ custody, incidents }: ResponseParts, incidentId: string, instanceId: string, message: string): Promise<void> {
  await step(`target.lost/${instanceId}`, POLICY.record, async () => {
    await custody.append(incidentId, { key: `lost/${instanceId}`, actor: controllerActor('acquire'), action: 'triage.instance-gone', detail: { instanceId, message } })
    await incidents.update(incidentId, ({ targets }) => {
      targets.find((target) => target.instanceId === instanceId)!.containment.state = 'failed'
    }, { type: 'triage.instance-gone', data: { instanceId } })
  })
}

/** Waits for the analyst to close. Nobody answering is told, never taken for a yes. */
async function review ({ custody, incidents, notifier }: ResponseParts, incidentId: string): Promise<void> {
  await step('review.announce', POLICY.notify, async () => {
    const incident = await incidents.get(incidentId)
    await notifier.tell(incident, {
      subject: `Incident ${incidentId} is ready for review`,
      message: `${incident.findingsSummary.total} findings. Review them, then POST /incidents/${incidentId}/review.`,
      urgent: false
    })
  })
  for (let round = 1; ; round++) {
    const message = await receive<ReviewMessage>(REVIEW_TOPIC, WAIT.reviewReminderMs)
    const closed = await step(`review.take/${round}`, POLICY.notify, async () => {
      if (message === null) {
        await notifier.tell(await incidents.get(incidentId), {
          subject: `Incident ${incidentId} still waits for review`,
          message: `Nobody has reviewed it for ${round} days; the clean room stays until someone does.`,
          urgent: true
        })
        return false
      }
      const { decision, by, at, comment, expiresAt } = message
      await custody.append(incidentId, { key: `review/${round}`, actor: by, action: 'review.decision', detail: { decision, comment, ...expiresAt && { expiresAt } } })
      await incidents.update(incidentId, (incident) => {
        incident.review = { decision, by, at, comment }
        if (decision === 'extend' && expiresAt) incident.cleanRoom.expiresAt = expiresAt
      }, { type: 'review.decision', data: { decision, by } })
      return decision === 'close'
    })
    if (closed) return
  }
}
