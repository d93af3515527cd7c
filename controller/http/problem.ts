/**
 * Every error as an RFC 9457 problem document: a stable code, what went wrong, what to do about it.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { codeOf, ERRORS, messageOf, retryAfter, type CleanroomError, type ErrorCode } from '../incident/errors.ts'
import { invalidFields, type FieldProblem } from './validation.ts'

export interface ProblemDocument {
  type: string
  title: string
  status: number
  detail: string
  instance: string
  code: ErrorCode
  fix: string
  requestId: string
  errors?: FieldProblem[]
  [member: string]: unknown
}

/** What is said of an error; what is not said, the list of errors says by the code. */
export type Told = Pick<ProblemDocument, 'code' | 'detail'> & Partial<Pick<ProblemDocument, 'status' | 'title' | 'fix' | 'errors'>>

/** A request that the edge itself refuses, with its own words. */
export class Refusal extends Error {
  readonly told: Told

  constructor (told: Told) {
    super(told.detail)
    this.name = 'Refusal'
    this.told = told
  }
}

/** Refuses a request for fields that only together are not valid, all at once. @throws Refusal */
export function refuse (errors: FieldProblem[]): void {
  if (errors.length > 0) throw new Refusal({ code: 'INVALID_REQUEST', detail: summary(errors), errors })
}

function summary (errors: FieldProblem[]): string {
  return errors.length === 1 ? `${errors[0]!.path} ${errors[0]!.message}.` : `${errors.length} fields are not valid.`
}

/** What the HTTP framework refuses before a route is reached, by its code. */
const REFUSALS: Record<string, Told> = {
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'INVALID_REQUEST', detail: 'The body is not JSON.', fix: 'Send a JSON object.' },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: 'INVALID_REQUEST', detail: 'The body is empty.', fix: 'Send a JSON object, or no Content-Type.' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: { code: 'INVALID_REQUEST', detail: 'The body is not as long as Content-Length says.', fix: 'Send the body whole.' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { code: 'INVALID_REQUEST', status: 415, title: 'Unsupported media type', detail: 'The body is not of the type application/json.', fix: 'Send JSON with Content-Type: application/json.' },
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'INVALID_REQUEST', status: 413, title: 'Body too large', detail: 'The body is larger than any valid request.', fix: 'Send less.' },
  FST_ERR_BAD_URL: { code: 'INVALID_REQUEST', detail: 'The path is not a valid URL.', fix: 'Encode the path by RFC 3986.' },
  FST_ERR_ASYNC_CONSTRAINT: { code: 'INVALID_REQUEST', detail: 'The request can\'t be routed.', fix: 'Read /openapi.json.' }
}

export function problemDocument (error: unknown, request: Pick<FastifyRequest, 'id' | 'url'>): ProblemDocument {
  const { fix, status, title, ...told } = toldOf(error)
  const kind = ERRORS[told.code]
  return {
    ...told,
    type: `urn:cleanroom:problem:${told.code}`,
    title: title ?? kind.title,
    status: status ?? kind.status,
    detail: told.detail,
    instance: request.url,
    code: told.code,
    fix: fix ?? kind.fix,
    requestId: request.id
  }
}

function toldOf (error: unknown): Told & Record<string, unknown> {
  if (error instanceof Refusal) return error.told
  const { code, validation, validationContext, statusCode } = error as { code?: unknown, validation?: unknown, validationContext?: string, statusCode?: unknown }
  if (validation) {
    const errors = invalidFields(validation, validationContext ?? 'body')
    return { code: 'INVALID_REQUEST', detail: summary(errors), errors }
  }
  const refusal = typeof code === 'string' ? REFUSALS[code] : undefined
  if (refusal) return refusal
  // Broken JSON that the parser refuses for what it tries, for example a member `__proto__`.
  if (error instanceof SyntaxError && statusCode === 400) return REFUSALS.FST_ERR_CTP_INVALID_JSON_BODY!
  const known = codeOf(error)
  // What nobody foresaw is for the log: its words may hold anything.
  if (known === 'INTERNAL') return { code: 'INTERNAL', detail: 'The request could not be answered. Nothing more is known to be said safely.' }
  const { tokenPresented, ...extra } = (error as Partial<CleanroomError>).extra ?? {}
  return { ...extra, code: known, detail: messageOf(error), status: undefined, title: undefined, fix: undefined }
}

/** Answers with a problem document; logs what is ours to mend. */
export function sendProblem (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemDocument(error, request)
  if (problem.status >= 500) request.log.error({ err: error, code: problem.code }, 'request failed')
  else request.log.info({ code: problem.code, detail: problem.detail }, 'request refused')
  if (problem.code === 'UNAUTHENTICATED') reply.header('www-authenticate', challenge(error, problem.detail))
  const seconds = retryAfter(problem.code)
  if (seconds !== undefined) reply.header('retry-after', seconds)
  return reply.code(problem.status).type('application/problem+json').send(problem)
}

/** RFC 6750, section 3: without a token the challenge says nothing of an error. */
function challenge (error: unknown, detail: string): string {
  const presented = (error as Partial<CleanroomError>).extra?.tokenPresented === true
  return `Bearer realm="cleanroom"${presented ? `, error="invalid_token", error_description="${detail.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '\'')}"` : ''}`
}
