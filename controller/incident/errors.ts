/**
 * The closed list of what can go wrong, with the words and the status a caller sees.
 *
 * Branch on `code`, never on the class: an error that the durable engine replays keeps `name` and
 * `code` and nothing else. Every code stands in docs/failure-modes.md; a test keeps the two equal.
 */
interface ErrorKind {
  status: number
  title: string
  /** What a person can do about it. */
  fix: string
  /** Seconds after which the same request may succeed, for what passes by itself (RFC 9110, section 10.2.3). */
  retryAfterSeconds?: number
}

export const ERRORS = {
  INVALID_REQUEST: { status: 400, title: 'The request is not valid', fix: 'Correct the fields named in `errors`.' },
  UNAUTHENTICATED: { status: 401, title: 'No valid token', fix: 'Send a current token as `Authorization: Bearer …`.' },
  FORBIDDEN: { status: 403, title: 'Your role may not do this', fix: 'Ask someone with one of the roles in `requires`.' },
  IDENTITY_UNAVAILABLE: { status: 503, title: 'The identity provider does not answer', fix: 'Check CLEANROOM_OIDC_ISSUER and the way to it, then send the request again.', retryAfterSeconds: 5 },
  NOT_FOUND: { status: 404, title: 'No such thing', fix: 'Check the id; list what exists with GET /incidents.' },
  INSTANCE_NOT_FOUND: { status: 404, title: 'The instance does not exist in this account and Region', fix: 'Check the instance id, `accountId` and `region`.' },
  INSTANCE_TERMINATED: { status: 409, title: 'The instance is already terminated', fix: 'Nothing can be contained; look for snapshots or images of its volumes.' },
  ACCOUNT_NOT_ALLOWED: { status: 403, title: 'The account is not in scope', fix: 'Deploy stacks/member-account there and add the account to the allow-list.' },
  REGION_NOT_ALLOWED: { status: 403, title: 'The Region is not in scope', fix: 'Add the Region to the allow-list, or correct `region`.' },
  IDEMPOTENCY_KEY_REUSED: { status: 409, title: 'The idempotency key was used for another request', fix: 'Use a new key for a new request.' },
  CONFLICT: { status: 409, title: 'Not possible in the incident\'s present phase', fix: 'Look at `phase` and at what it allows.' },
  SAME_PERSON: { status: 403, title: 'A second person must approve', fix: 'Ask someone else with the approver role.' },
  NOT_CONTAINED: { status: 409, title: 'Nothing here is contained', fix: 'Look at `containment.state` of the targets; only what is contained can be released or taken further.' },
  DECISION_MADE: { status: 409, title: 'The decision is made already', fix: 'Look at it among the incident\'s `decisions`; ask anew if it must be another.' },
  CONTAINMENT_UNDERWAY: { status: 409, title: 'The containment is being changed now', fix: 'Follow the incident and send the request again when `containment.underway` is gone.' },
  HELD_BY_ANOTHER_INCIDENT: { status: 409, title: 'Another incident contains the instance', fix: 'Decide in the incident that `incidentId` names.' },
  CHANGED_MEANWHILE: { status: 409, title: 'Somebody changed the resource meanwhile', fix: 'Look at who changed it and why, then contain again: the plan is made from what is there now.' },
  CONTAINMENT_INCOMPLETE: { status: 500, title: 'An interface of the instance is still open', fix: 'See the failed checks in containment.proof and `whatToDo` of the failed actions; mend that and contain again.' },
  AWS_ACCESS_DENIED: { status: 502, title: 'AWS refused the controller\'s role', fix: 'Grant the action named in the detail to the role named there.' },
  AWS_THROTTLED: { status: 503, title: 'AWS is throttling', fix: 'Wait; the step is retried by itself.', retryAfterSeconds: 5 },
  AWS_BUSY: { status: 503, title: 'AWS is still changing the resource', fix: 'Wait; the step is retried by itself.', retryAfterSeconds: 5 },
  AWS_UNAVAILABLE: { status: 503, title: 'AWS did not answer', fix: 'Check the network path and the AWS health page, then retry.', retryAfterSeconds: 10 },
  AWS_ERROR: { status: 502, title: 'AWS refused the call', fix: 'Read the AWS code and message in the detail.' },
  DATABASE_UNAVAILABLE: { status: 503, title: 'The database does not answer', fix: 'Wait and send the request again; the controller connects by itself.', retryAfterSeconds: 2 },
  BASELINE_MISSING: { status: 503, title: 'The baseline is not set up here', fix: 'Run `pulumi up` in this account and Region, or set CLEANROOM_BASELINE_PARAMETER.' },
  ISOLATION_GROUP_NOT_EMPTY: { status: 500, title: 'The isolation group holds rules', fix: 'Somebody changed it; remove its rules and retry.' },
  SNAPSHOT_FAILED: { status: 500, title: 'A snapshot ended in error', fix: 'Check the volume and its KMS key, then retry.' },
  ENGINE_FAILED: { status: 500, title: 'Pulumi could not finish', fix: 'Read the diagnostics, mend the cause, then retry.' },
  ENGINE_UNAVAILABLE: { status: 503, title: 'The Pulumi command line is not usable', fix: 'Put `pulumi` on PATH or set CLEANROOM_PULUMI_HOME.' },
  ROOM_STALLED: { status: 500, title: 'The clean room could not be removed whole', fix: 'Remove what `remaining` names, or retry.' },
  ROOM_NOT_ISOLATED: { status: 500, title: 'The clean room is not isolated', fix: 'See the failed checks in cleanRoom.proof; evidence was not attached.' },
  WORKSTATION_OFFLINE: { status: 500, title: 'The workstation did not answer', fix: 'Check the SSM endpoints and the image, then retry.' },
  ANALYSIS_FAILED: { status: 500, title: 'An analysis package failed', fix: 'Read its log among the evidence; other packages are not affected.' },
  EVIDENCE_EXISTS: { status: 409, title: 'Evidence is written once', fix: 'This key holds other bytes; nothing was overwritten.' },
  EVIDENCE_ALTERED: { status: 500, title: 'Evidence does not match its recorded hash', fix: 'Keep everything as it is and tell the investigator.' },
  TIMED_OUT: { status: 504, title: 'A step took longer than its limit', fix: 'Look at the step in the ledger, then retry.' },
  INTERNAL: { status: 500, title: 'Something unexpected went wrong', fix: 'Give the request id to whoever runs Cleanroom.' }
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERRORS

/** Failures that may be gone when the same is tried again. */
const PASSING: readonly string[] = ['AWS_THROTTLED', 'AWS_UNAVAILABLE', 'AWS_BUSY', 'TIMED_OUT', 'DATABASE_UNAVAILABLE'] satisfies ErrorCode[]

export function isPassing (code: string | undefined): boolean {
  return code !== undefined && PASSING.includes(code)
}

/** An error with a code of the closed list; `detail` is safe to show, `extra` are problem-document members. */
export class CleanroomError extends Error {
  readonly code: ErrorCode
  readonly extra: Record<string, unknown>

  constructor (code: ErrorCode, detail: string, options: { cause?: unknown, extra?: Record<string, unknown> } = {}) {
    super(detail, { cause: options.cause })
    this.name = 'CleanroomError'
    this.code = code
    this.extra = options.extra ?? {}
  }
}

/** The code of any thrown value: its own when it is one of ours (also after a replay), else INTERNAL. */
export function codeOf (error: unknown): ErrorCode {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && code in ERRORS ? code as ErrorCode : 'INTERNAL'
}

/** Seconds after which the same request may succeed, or undefined when waiting alone does not help. */
export function retryAfter (code: ErrorCode): number | undefined {
  return (ERRORS[code] as ErrorKind).retryAfterSeconds
}

/** The words of any thrown value. */
export function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String((error as { message?: unknown } | null)?.message ?? error)
}
