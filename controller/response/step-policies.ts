/**
 * How long each kind of step may take and how often it is tried: the one table of limits, in milliseconds.
 *
 * Only steps whose adapter is idempotent have more than one attempt; only transient errors are tried again.
 */
import type { StepPolicy } from '../durable/durable.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

export const POLICY = {
  /** A change of our own record in PostgreSQL. */
  record: { timeoutMs: 30 * SECOND, attempts: 12, pauseMs: 200 },
  describe: { timeoutMs: 60 * SECOND, attempts: 5, pauseMs: 500 },
  store: { timeoutMs: 5 * MINUTE, attempts: 5, pauseMs: 500 },
  /** Above what the client itself tries with its own time-outs (aws/clients.ts). */
  contain: { timeoutMs: 40 * SECOND, attempts: 4, pauseMs: 250 },
  snapshot: { timeoutMs: 2 * MINUTE, attempts: 5, pauseMs: 500 },
  poll: { timeoutMs: 60 * SECOND, attempts: 5, pauseMs: 500 },
  /** The engine has limits of its own; this one only catches an engine that ignores them. */
  engine: { timeoutMs: 45 * MINUTE, attempts: 1, pauseMs: SECOND },
  command: { timeoutMs: 60 * SECOND, attempts: 5, pauseMs: 500 },
  notify: { timeoutMs: 20 * SECOND, attempts: 3, pauseMs: SECOND }
} as const satisfies Record<string, StepPolicy>

/** How long a wait of the workflow lasts before it becomes an outcome of its own. */
export const WAIT = {
  /** How long flow logs are asked, and live capture may keep its way to Systems Manager. */
  trafficMs: 20 * MINUTE,
  liveCaptureMs: 60 * MINUTE,
  liveCapturePollMs: 2 * SECOND,
  turnPollMs: SECOND,
  workstationOnlineMs: 10 * MINUTE,
  workstationPollMs: 2 * SECOND,
  reviewReminderMs: 24 * 60 * MINUTE,
  attentionReminderMs: 60 * MINUTE
} as const
