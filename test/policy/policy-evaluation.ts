/**
 * What IAM decides by one policy document. Pure.
 *
 * Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements: Condition operators".
 */
import type { PolicyDocument, Statement } from '../../stacks/baseline/policies/document.ts'

/** Condition keys with the values that a request brings. */
export type Context = Record<string, string | string[]>
export interface Request { action: string, resource: string, context?: Context }
export type Decision = 'allowed' | 'explicit deny' | 'implicit deny'

export function decide ({ Statement: statements }: PolicyDocument, request: Request): Decision {
  const about = statements.filter((statement) => concerns(statement, request))
  if (about.some(({ Effect }) => Effect === 'Deny')) return 'explicit deny'
  return about.some(({ Effect }) => Effect === 'Allow') ? 'allowed' : 'implicit deny'
}

function concerns ({ Action, NotAction, Resource, Condition = {} }: Statement, { action, resource, context = {} }: Request): boolean {
  const named = (patterns: string[]): boolean => patterns.some((pattern) => like(pattern.toLowerCase(), action.toLowerCase()))
  return (Action ? named(Action) : !named(NotAction!)) &&
    (Resource ?? ['*']).some((pattern) => like(pattern, resource)) &&
    Object.entries(Condition).every(([operator, keys]) => Object.entries(keys).every(([key, wanted]) => holds(operator, [wanted].flat(), context[key])))
}

type Test = (wanted: string[], found: string[]) => boolean

const equals: Test = (wanted, found) => found.some((value) => wanted.includes(value))
const resembles: Test = (wanted, found) => found.some((value) => wanted.some((pattern) => like(pattern, value)))

/** Of a key that the request lacks, only negations and `ForAllValues` hold. */
const OPERATORS: Record<string, { test: Test, whenAbsent: boolean }> = {
  StringEquals: { test: equals, whenAbsent: false },
  StringNotEquals: { test: (wanted, found) => !equals(wanted, found), whenAbsent: true },
  StringLike: { test: resembles, whenAbsent: false },
  ArnLike: { test: resembles, whenAbsent: false },
  Bool: { test: equals, whenAbsent: false },
  'ForAllValues:StringEquals': { test: (wanted, found) => found.every((value) => wanted.includes(value)), whenAbsent: true }
}

function holds (operator: string, wanted: string[], value: string | string[] | undefined): boolean {
  if (operator === 'Null') return wanted.includes(String(value === undefined))
  const known = OPERATORS[operator]
  if (!known) throw new Error(`${operator} is not known here`)
  return value === undefined ? known.whenAbsent : known.test(wanted, [value].flat())
}

function like (pattern: string, text: string): boolean {
  const expression = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')
  return new RegExp(`^${expression}$`, 's').test(text)
}
