/**
 * Durable execution: the one module that knows DBOS.
 *
 * A workflow is a function whose steps are checkpointed in PostgreSQL: after a kill it goes on behind
 * the last step that ended. Between steps a workflow must be deterministic. Lanes that run side by
 * side are child workflows, started in a fixed order, because steps are numbered as they start.
 *
 * A failure travels as a value (`Outcome`), live and replayed alike: DBOS gives a replayed error
 * back as a plain Error, and a workflow that throws is never recovered.
 */
import { DBOS } from '@dbos-inc/dbos-sdk'
import { mayBeRepeated } from '../database/database-errors.ts'
import { CleanroomError, codeOf, isPassing, messageOf, type ErrorCode } from '../incident/errors.ts'

export interface Failure { code: ErrorCode, message: string, extra: Record<string, unknown> }
export type Outcome<T> = { ok: true, value: T } | { ok: false, error: Failure }

/** How often and how long a step is tried. Times are in milliseconds. */
export interface StepPolicy {
  timeoutMs: number
  attempts: number
  /** First pause between attempts; it doubles each time. */
  pauseMs: number
}

export interface Running<T> {
  id: string
  outcome: () => Promise<Outcome<T>>
}

export type Workflow<A extends unknown[], T> = (...args: A) => Promise<Outcome<T>>

function isTransient (error: unknown, { code }: Failure): boolean {
  return isPassing(code) || mayBeRepeated(error)
}

export function failureOf (error: unknown): Failure {
  return {
    code: codeOf(error),
    message: messageOf(error),
    extra: error instanceof CleanroomError ? error.extra : {}
  }
}

export function raise (failure: Failure): never {
  throw new CleanroomError(failure.code, failure.message, { extra: failure.extra })
}

/** The value of an outcome. @throws CleanroomError the failure it carries */
export function valueOf<T> (outcome: Outcome<T>): T {
  return outcome.ok ? outcome.value : raise(outcome.error)
}

export function belongsToEngine (error: unknown): boolean {
  return error instanceof Error && 'dbosErrorCode' in error
}

/** Registers a workflow under a stable name; every registration must come before `launch`. */
export function workflow<A extends unknown[], T> (name: string, body: (...args: A) => Promise<T>): Workflow<A, T> {
  return DBOS.registerWorkflow(async (...args: A): Promise<Outcome<T>> => {
    try {
      return { ok: true, value: await body(...args) }
    } catch (error) {
      if (belongsToEngine(error)) throw error
      return { ok: false, error: failureOf(error) }
    }
  }, { name, maxRecoveryAttempts: 100 })
}

/** Starts a workflow, or finds the one already started under this id. */
export async function start<A extends unknown[], T> (target: Workflow<A, T>, id: string, ...args: A): Promise<Running<T>> {
  const handle = await DBOS.startWorkflow(target, { workflowID: id })(...args)
  return { id, outcome: () => handle.getResult({ pollingIntervalMs: 100 }) }
}

/**
 * One checkpointed step, tried again while its error is transient.
 * @throws CleanroomError what the step threw last
 */
export async function step<T> (name: string, policy: StepPolicy, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const outcome = await DBOS.runStep(async (): Promise<Outcome<T>> => {
    const signal = AbortSignal.timeout(policy.timeoutMs)
    try {
      return { ok: true, value: await bounded(run(signal), signal, name, policy.timeoutMs) }
    } catch (error) {
      const failure = failureOf(error)
      const { currentAttempt, maxAttempts } = DBOS.stepStatus ?? {}
      if (isTransient(error, failure) && (currentAttempt ?? 1) < (maxAttempts ?? 1)) throw error
      return { ok: false, error: failure }
    }
  }, {
    name,
    retriesAllowed: policy.attempts > 1,
    maxAttempts: policy.attempts,
    intervalSeconds: policy.pauseMs / 1000,
    backoffRate: 2
  })
  return valueOf(outcome)
}

/** Ends the wait for work that overran its limit; the work itself is told by the signal. */
async function bounded<T> (work: Promise<T>, signal: AbortSignal, name: string, timeoutMs: number): Promise<T> {
  let overrun: (() => void) | undefined
  const limit = new Promise<never>((_resolve, reject) => {
    overrun = () => { reject(new CleanroomError('TIMED_OUT', `${name} took longer than ${timeoutMs / 1000} s`)) }
    signal.addEventListener('abort', overrun, { once: true })
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    if (overrun) signal.removeEventListener('abort', overrun)
  }
}

/** The time of this moment of the workflow, the same when replayed. Epoch milliseconds. */
export const now = (): Promise<number> => DBOS.now()

/** A pause that survives a restart. */
export const pause = (ms: number): Promise<void> => DBOS.sleep(ms)

/** The next message of a topic to this workflow, or null when none came in time. */
export function receive<T> (topic: string, timeoutMs: number): Promise<T | null> {
  return DBOS.recv<T>(topic, { timeoutSeconds: timeoutMs / 1000 })
}

/** Sends a message to a workflow, once per key. */
export function send<T> (workflowId: string, topic: string, message: T, key: string): Promise<void> {
  return DBOS.send(workflowId, message, topic, key)
}

/** Stops a workflow and all it started at their next step; what they did stays done. */
export async function cancel (workflowId: string): Promise<void> {
  await DBOS.cancelWorkflow(workflowId, { cancelChildren: true })
}

/** The status of a workflow that another process or an earlier life of this one started. */
export async function statusOf (workflowId: string): Promise<string | undefined> {
  return (await DBOS.getWorkflowStatus(workflowId))?.status
}

/** Whether a workflow was started and has not ended. */
export async function isRunning (workflowId: string): Promise<boolean> {
  return ['PENDING', 'ENQUEUED', 'DELAYED'].includes(await statusOf(workflowId) ?? '')
}

export interface DurableLog {
  info: (entry: unknown) => void
  debug: (entry: unknown) => void
  warn: (entry: unknown) => void
  error: (entry: unknown) => void
}

/**
 * Connects to PostgreSQL and takes up every workflow that was running when the last process ended.
 * `version` changes only when the order of steps does; incidents in flight belong to their version.
 */
export async function launch (options: { databaseUrl: string, version: string, log: DurableLog }): Promise<void> {
  DBOS.setConfig({
    name: 'cleanroom',
    systemDatabaseUrl: options.databaseUrl,
    systemDatabaseSchemaName: 'durable',
    systemDatabasePoolSize: 20,
    applicationVersion: options.version,
    logger: options.log
  })
  await DBOS.launch()
}

/** Stops taking up work; what runs is taken up by the next process. */
export async function shutdown (): Promise<void> {
  await DBOS.shutdown()
}
