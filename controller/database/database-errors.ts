/**
 * How PostgreSQL and its driver say that the database is away, as against a mistake in what it was asked.
 */
import { CleanroomError, codeOf } from '../incident/errors.ts'

/**
 * SQLSTATE classes (PostgreSQL, "Error Codes"): connection exception, insufficient resources, operator
 * intervention but for a query that somebody cancelled; and the driver's words, where it gives no code.
 */
const AWAY = /^((08|53)...|57P..)$/
const AWAY_IN_WORDS = /Connection terminated|exceeded when trying to connect|is not queryable/
/** A connection that Node could not make, or lost. Of the database only when nothing else was asked. */
const NO_CONNECTION = /^(ECONN[A-Z]+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/
/** Class 40: the transaction was undone for the sake of another one and may be run again. */
const UNDONE = /^40...$/
/** A connection that stood and was cut, by the server, an operator or the network. */
const CUT = /^(57P0[125]|08006|ECONNRESET|EPIPE)$/

/** Whether the same work may succeed when it is done again, because the database was away or in the way. */
export function mayBeRepeated (error: unknown): boolean {
  return isAway(error) || UNDONE.test(codeIn(error))
}

/** Whether a connection was lost under a query, so that another connection may answer it at once. */
export function wasCut (error: unknown): boolean {
  return CUT.test(codeIn(error)) || /Connection terminated unexpectedly|is not queryable/.test(wordsOf(error))
}

/** What a query threw: DATABASE_UNAVAILABLE when the database is away, else as it is. */
export function fromDatabase (error: unknown): unknown {
  if (codeOf(error) !== 'INTERNAL' || !isAway(error)) return error
  const code = codeIn(error)
  return new CleanroomError('DATABASE_UNAVAILABLE', `PostgreSQL is not available${code === '' ? '' : ` (${code})`}.`, { cause: error })
}

function isAway (error: unknown): boolean {
  const code = codeIn(error)
  return AWAY.test(code) || NO_CONNECTION.test(code) || AWAY_IN_WORDS.test(wordsOf(error))
}

function codeIn (error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? '')
}

function wordsOf (error: unknown): string {
  return error instanceof Error ? error.message : ''
}
