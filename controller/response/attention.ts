/**
 * What happens when a lane can't go on: the incident says so, people are told, and the lane waits for them.
 *
 * Waiting is durable and ends only by a person's word; a reminder is sent while nobody answers. Nothing
 * is undone meanwhile: the instance stays contained and evidence stays where it is.
 */
import { belongsToEngine, failureOf, receive, step, type Failure, type Running } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import { ERRORS } from '../incident/errors.ts'
import type { Phase } from '../incident/incident.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY, WAIT } from './step-policies.ts'

export const ATTENTION_TOPIC = 'attention'

/** A person's word to an incident that needs attention. */
export interface Retry { by: string, at: string }

/**
 * The value of a lane, however often a person has to have it run again.
 * `run` starts the lane's attempt of that number; `first` is attempt 1, already running.
 */
export async function insist<T> (
  parts: ResponseParts, incidentId: string, lane: string, phase: Phase, first: Running<T>, run: (attempt: number) => Promise<Running<T>>
): Promise<T> {
  let running = first
  for (let attempt = 1; ; attempt++) {
    const outcome = await running.outcome()
    if (outcome.ok) return outcome.value
    await step(`attention.raise/${lane}/${attempt}`, POLICY.notify, () => raiseAttention(parts, incidentId, lane, attempt, outcome.error))
    const { by } = await awaitRetry(parts, incidentId, `${lane}/${attempt}`)
    await step(`attention.clear/${lane}/${attempt}`, POLICY.record, async () => {
      await parts.custody.append(incidentId, { key: `attention/${lane}/${attempt}:retry`, actor: by, action: 'response.retry', detail: { lane, attempt: attempt + 1 } })
      await parts.incidents.moveTo(incidentId, phase, (incident) => { delete incident.problem })
    })
    running = await run(attempt + 1)
  }
}

/**
 * Runs the spine of a response so that nothing ends it silently: what no lane has answered for waits for a
 * person, too, and then the spine is walked again. Lanes that are done are found again by their ids.
 */
export async function guarded (parts: ResponseParts, incidentId: string, walk: () => Promise<void>): Promise<void> {
  for (let round = 1; ; round++) {
    try {
      await walk()
      return
    } catch (error) {
      if (belongsToEngine(error)) throw error
      const lane = `response ${round}`
      const failure = failureOf(error)
      await step(`attention.raise/${lane}`, POLICY.notify, () => raiseAttention(parts, incidentId, lane, round, failure)).catch((again: unknown) => {
        if (belongsToEngine(again)) throw again
      })
      await awaitRetry(parts, incidentId, lane)
      await step(`attention.clear/${lane}`, POLICY.record, async () => {
        await parts.incidents.update(incidentId, (incident) => { delete incident.problem })
      })
    }
  }
}

async function raiseAttention ({ custody, incidents, notifier }: ResponseParts, incidentId: string, lane: string, attempt: number, failure: Failure): Promise<void> {
  const { code, message, extra } = failure
  await custody.append(incidentId, {
    key: `attention/${lane}/${attempt}`,
    actor: controllerActor('controller'),
    action: 'response.needs-attention',
    detail: { lane, attempt, code, message }
  })
  const diagnostics = (extra.diagnostics ?? extra.remaining) as string[] | undefined
  const incident = await incidents.moveTo(incidentId, 'needs-attention', (changed) => {
    changed.problem = { code, message, step: lane, ...diagnostics && { diagnostics } }
    if (lane === 'room') changed.cleanRoom.state = 'failed'
  })
  await notifier.tell(incident, {
    subject: `Incident ${incidentId} needs attention: ${ERRORS[code].title}`,
    message: `${lane}: ${message}\n\nWhat to do: ${ERRORS[code].fix}\nThe instance stays contained and evidence is kept. Then POST /incidents/${incidentId}/retry.`,
    urgent: true
  })
}

async function awaitRetry ({ incidents, notifier }: ResponseParts, incidentId: string, name: string): Promise<Retry> {
  for (let reminder = 1; ; reminder++) {
    const answer = await receive<Retry>(ATTENTION_TOPIC, WAIT.attentionReminderMs)
    if (answer) return answer
    await step(`attention.remind/${name}/${reminder}`, POLICY.notify, async () => {
      const incident = await incidents.get(incidentId)
      await notifier.tell(incident, {
        subject: `Incident ${incidentId} still needs attention`,
        message: `${incident.problem?.step ?? 'The response'} has been waiting for ${reminder} h: ${incident.problem?.message ?? ''}`,
        urgent: true
      })
    })
  }
}
