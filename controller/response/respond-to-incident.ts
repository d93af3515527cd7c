/**
 * The response to one incident, from opened to closed: the spine. One durable workflow per incident, with
 * the incident's id as its own, so that opening twice is opening once.
 *
 *   triage ──► contain ────────────────┐
 *        ├───► describe ───────────┐   │
 *        ├───► acquire disks ──────┤   │
 *        └───► prepare room ───► fill room ──► analyse ──► review ──► close
 *
 * Triage comes first and reads what cutting the instance off changes. Then containment, description, disks
 * and room are lanes of their own: none waits for another, and none undoes another when it fails. The phase
 * the incident shows is the earliest lane that is not done. A lane that can't go on waits for a person
 * (attention.ts); it never loosens containment and never drops evidence.
 */
import { cancel as cancelWorkflow, receive, start, step, workflow, type Outcome, type Running, type Workflow } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import type { ErrorCode } from '../incident/errors.ts'
import type { AnalysisRun, Phase, Plan, SnapshotRecord } from '../incident/incident.ts'
import type { InstanceDisks } from '../clean-room/device-names.ts'
import type { RoomOutputs } from '../clean-room/engine.ts'
import { acquisitionId, registerAcquisition } from './acquisition-lane.ts'
import { analysisWorkflowId, registerAnalysis, type AnalysisInput } from './analysis-lane.ts'
import { guarded, insist } from './attention.ts'
import { registerClosure } from './closure-lane.ts'
import { registerContainAgain, type AgainInput } from './contain-again-lane.ts'
import { containmentId, registerContainment, type Contain } from './containment-lane.ts'
import { registerLiveCaptureEnd } from './live-capture-lane.ts'
import type { ResponseParts } from './parts.ts'
import { registerRelease, type ReleaseInput } from './release-lane.ts'
import { registerFillRoom, registerPrepareRoom } from './room-lane.ts'
import { POLICY, WAIT } from './step-policies.ts'
import { registerTraffic } from './traffic-lane.ts'
import { idOf, registerDescription, registerSurvey, registerTriage, type TargetId, type Triaged } from './triage-lane.ts'

export const REVIEW_TOPIC = 'review'

/** What triage says of an instance that no retry can bring back. */
const LOST: readonly ErrorCode[] = ['INSTANCE_TERMINATED', 'INSTANCE_NOT_FOUND']

/** The analyst's word. `extend` keeps the room until `expiresAt`. */
export interface ReviewMessage { decision: 'close' | 'extend', by: string, at: string, comment: string, expiresAt?: string }

export interface Response {
  respond: Workflow<[string], void>
  analyse: Workflow<[AnalysisInput], AnalysisRun>
  containAgain: Workflow<[AgainInput], void>
  release: Workflow<[ReleaseInput], void>
  /** Closes an incident whose response was cancelled. */
  cancel: Workflow<[string], void>
}

/** Registers all workflows of the response; call once, before the durable engine is launched. */
export function registerResponse (parts: ResponseParts): Response {
  const triage = registerTriage(parts)
  const survey = registerSurvey(parts)
  const describe = registerDescription(parts, survey)
  const watchTraffic = registerTraffic(parts)
  const contain: Contain = registerContainment(parts, survey, () => ({ endLiveCapture, watchTraffic }))
  const containAgain = registerContainAgain(parts, contain)
  const release = registerRelease(parts)
  const endLiveCapture = registerLiveCaptureEnd(parts, contain)
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
    const policy = plan.containment
    const triageOf = (target: TargetId) => (attempt: number) =>
      start(triage, `triage/${incidentId}/${target.instanceId}/${attempt}`, { incidentId, ticket, target, policy, attempt })
    const triaging: Array<Running<Triaged>> = []
    for (const target of targets) triaging.push(await triageOf(idOf(target))(1))
    const outcomes: Array<Outcome<Triaged>> = []
    for (const each of triaging) outcomes.push(await each.outcome())

    await enter('containing')
    const expiresAt = cleanRoom.expiresAt!
    const { accessKeyIds } = policy
    const lane = {
      contain: ({ facts, prepared }: Triaged) => (attempt: number) => {
        const input = { incidentId, ticket, target: idOf(facts), policy, rungs: [], captureEnded: false, onWord: false, occasion: String(attempt), ...attempt === 1 && { facts, prepared } }
        return start(contain, containmentId(input), input)
      },
      describe: ({ facts, sections }: Triaged) => (attempt: number) =>
        start(describe, `describe/${incidentId}/${facts.instanceId}/${attempt}`, { incidentId, facts, sections, accessKeyIds, attempt }),
      acquire: ({ facts }: Triaged) => (attempt: number) =>
        start(acquire, acquisitionId(incidentId, facts.instanceId, attempt), { incidentId, facts, attempt }),
      prepareRoom: (attempt: number) => start(prepareRoom, `prepare-room/${incidentId}/${attempt}`, { incidentId, expiresAt, attempt }),
      fillRoom: (disks: InstanceDisks[]) => (attempt: number) => start(fillRoom, `fill-room/${incidentId}/${attempt}`, { incidentId, expiresAt, attempt }, disks),
      close: (attempt: number) => start(close, `close/${incidentId}/${attempt}`, { incidentId, why: 'reviewed' as const, attempt })
    }
    const lanes: Array<{ triaged: Triaged, containing: Running<string>, describing: Running<void>, acquiring: Running<SnapshotRecord[]> }> = []
    const begin = async (triaged: Triaged): Promise<void> => {
      lanes.push({
        triaged, containing: await lane.contain(triaged)(1), describing: await lane.describe(triaged)(1), acquiring: await lane.acquire(triaged)(1)
      })
    }
    // Whoever can be contained is, before anybody is waited for.
    for (const outcome of outcomes) if (outcome.ok) await begin(outcome.value)
    const preparing: Running<RoomOutputs> = await lane.prepareRoom(1)
    const gone = (outcome: Outcome<Triaged>): boolean => !outcome.ok && LOST.includes(outcome.error.code)
    for (const [index, target] of targets.entries()) {
      const outcome = outcomes[index]!
      if (outcome.ok) continue
      if (gone(outcome) && !outcomes.every(gone)) await recordLost(parts, incidentId, target.instanceId, outcome.error.message)
      else await begin(await insist(parts, incidentId, `triage ${target.instanceId}`, 'triaging', triaging[index]!, triageOf(idOf(target))))
    }
    await enter('containing')

    for (const { triaged, containing } of lanes) {
      await insist(parts, incidentId, `contain ${triaged.facts.instanceId}`, 'containing', containing, lane.contain(triaged))
    }
    await enter('acquiring')
    const disks: InstanceDisks[] = []
    for (const { triaged, describing, acquiring } of lanes) {
      const { instanceId } = triaged.facts
      await insist(parts, incidentId, `describe ${instanceId}`, 'acquiring', describing, lane.describe(triaged))
      const snapshots = await insist(parts, incidentId, `acquire ${instanceId}`, 'acquiring', acquiring, lane.acquire(triaged))
      disks.push({ instanceId, snapshots })
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
    await finishContainment(incidentId)
    const run = (attempt: number) => start(close, `close-cancelled/${incidentId}/${attempt}`, { incidentId, why: 'cancelled' as const, attempt })
    await guarded(parts, incidentId, async () => { await insist(parts, incidentId, 'close', 'closing', await run(1), run) })
  })

  /** Giving an incident up never leaves an instance half cut off, or a way to Systems Manager open. */
  async function finishContainment (incidentId: string): Promise<void> {
    const { targets, ticket, plan } = await step('cancel.read', POLICY.record, () => parts.incidents.get(incidentId))
    const running: Array<Running<string>> = []
    for (const target of targets.filter(({ containment: { state, mode } }) => state === 'pending' || state === 'failed' || mode === 'ssm')) {
      const input = { incidentId, ticket, target: idOf(target), policy: plan.containment, rungs: [], captureEnded: true, onWord: false, occasion: 'cancelled' }
      running.push(await start(contain, containmentId(input), input))
    }
    for (const each of running) await each.outcome()
    await step('cancel.watching-ends', POLICY.record, async () => {
      await parts.incidents.update(incidentId, (incident) => {
        for (const { containment: { traffic } } of incident.targets) {
          if (traffic?.state === 'watching') Object.assign(traffic, { state: 'not-known', detail: 'The incident was cancelled before its flow logs said anything.' })
        }
      })
    })
  }

  return { respond, analyse, containAgain, release, cancel }
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
