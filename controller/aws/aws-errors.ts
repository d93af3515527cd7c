/**
 * What AWS's error codes mean to the response: which are worth a retry, which a person must mend.
 */
import { CleanroomError, type ErrorCode } from '../incident/errors.ts'

/** What Node and the SDK call a connection that failed, a request that took too long, one that was given up. */
const NO_ANSWER = ['Error', 'TimeoutError', 'AbortError']

/** AWS's name of an error, for example `InvalidInstanceID.NotFound`, or undefined for anything else. */
export function awsCode (error: unknown): string | undefined {
  const candidate = error as { name?: unknown, Code?: unknown, $metadata?: unknown } | null
  // The SDK counts its attempts in $metadata also where AWS never answered.
  if (!candidate?.$metadata || NO_ANSWER.includes(String(candidate.name))) return undefined
  return typeof candidate.Code === 'string' ? candidate.Code : typeof candidate.name === 'string' ? candidate.name : undefined
}

/** Whether AWS says that the thing does not exist (any more), in any service's words. */
export function isGone (error: unknown): boolean {
  const code = awsCode(error)
  return code !== undefined && /NotFound|NoSuch|NotExist|^InvalidInstanceID\.NotFound$/i.test(code)
}

/** EC2 API Reference "Error codes", and the common errors of the other services. */
const MEANING: Array<[pattern: RegExp, code: ErrorCode]> = [
  [/^(UnauthorizedOperation|AccessDenied|AccessDeniedException|AuthFailure|Client\.UnauthorizedOperation)$/, 'AWS_ACCESS_DENIED'],
  [/^(RequestLimitExceeded|Throttling|ThrottlingException|TooManyRequestsException|SlowDown|PriorRequestNotComplete)$/, 'AWS_THROTTLED'],
  [/^(ResourceContention|ScalingActivityInProgress|ConcurrentModification|IncorrectState)$/, 'AWS_BUSY'],
  [/^(InternalError|InternalFailure|ServiceUnavailable|Unavailable|RequestTimeout|RequestTimeoutException)$/, 'AWS_UNAVAILABLE']
]

/** Any error thrown by an AWS call as one of the closed list; errors of our own pass unchanged. */
export function fromAws (error: unknown, doing: string): CleanroomError {
  if (error instanceof CleanroomError) return error
  const aws = awsCode(error)
  const { $metadata, message, code } = error as { $metadata?: { httpStatusCode?: number, requestId?: string }, message?: string, code?: string }
  const status = $metadata?.httpStatusCode
  const known = MEANING.find(([pattern]) => aws !== undefined && pattern.test(aws))?.[1]
  const unreachable = aws === undefined && (/^E[A-Z]+$/.test(code ?? '') || /^(TimeoutError|AbortError)$/.test((error as Error).name))
  const meaning: ErrorCode = known ?? (unreachable || (status ?? 0) >= 500 ? 'AWS_UNAVAILABLE' : aws ? 'AWS_ERROR' : 'INTERNAL')
  return new CleanroomError(meaning, `${doing}: ${aws ? `${aws}: ` : ''}${message ?? 'no message'}`, {
    cause: error,
    extra: { ...aws && { awsCode: aws }, ...$metadata?.requestId && { awsRequestId: $metadata.requestId } }
  })
}

/** EC2 API Reference, "Eventual consistency": what was just made may be unknown to the next call for a moment. */
const NOT_YET_KNOWN = /^Invalid(Group|SecurityGroupID|NetworkAclID)\.NotFound$/

/** Whether EC2 does not know a security group or network ACL (yet, where it was made just now). */
export function isUnknownToEc2 (error: unknown): boolean {
  return NOT_YET_KNOWN.test(awsCode(error) ?? '')
}

/**
 * The answer of a call on a group or network ACL that we made or hold.
 * @throws CleanroomError AWS_BUSY where EC2 does not know it yet; else what the call threw
 */
export async function onceKnown<T> (id: string, call: Promise<T>): Promise<T> {
  return await call.catch((error: unknown) => {
    if (!isUnknownToEc2(error)) throw error
    throw new CleanroomError('AWS_BUSY', `EC2 does not know ${id} yet, or somebody deleted it.`, { cause: error, extra: { awsCode: awsCode(error) } })
  })
}

/** Runs an AWS call; `doing` says in words what failed. @throws CleanroomError */
export async function attempt<T> (doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw fromAws(error, doing)
  }
}
