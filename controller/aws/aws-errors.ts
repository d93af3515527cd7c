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

/** Runs an AWS call; `doing` says in words what failed. @throws CleanroomError */
export async function attempt<T> (doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw fromAws(error, doing)
  }
}
