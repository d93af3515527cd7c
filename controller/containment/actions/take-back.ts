/**
 * What taking a change back has to touch: only what still stands as the change left it. Pure.
 */
import { isDeepStrictEqual } from 'node:util'
import type { State, Undone } from './action.ts'

export type Fields<T> = Readonly<Record<string, T>>

export interface Difference<T> {
  /** Fields that stand as the action left them, with what was there before; undefined: the field was not there. */
  restore: Record<string, T | undefined>
  /** Fields that hold neither what the action left nor what was there before, sorted: somebody else's doing. */
  foreign: string[]
}

/** Compares field by field; a field that is missing is as good as any other value. */
export function takeBack<T> (before: Fields<T>, after: Fields<T>, now: Fields<T>): Difference<T> {
  const restore: Record<string, T | undefined> = {}
  const foreign: string[] = []
  for (const field of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) {
    if (isDeepStrictEqual(now[field], before[field])) continue
    if (isDeepStrictEqual(now[field], after[field])) restore[field] = before[field]
    else foreign.push(field)
  }
  return { restore, foreign }
}

/** The outcome of an undo, from the state read back; whether it is whole is not asked of anybody but AWS. */
export function undone (before: State, now: State, ...notes: Array<string | undefined>): Undone {
  const said = notes.filter((note) => note !== undefined)
  return { now, restored: isDeepStrictEqual(now, before), ...said.length > 0 && { note: said.join(' ') } }
}

/** Words for what somebody else changed since. */
export function leftAlone (fields: string[]): string | undefined {
  return fields.length > 0 ? `Changed by somebody since and left alone: ${fields.join(', ')}.` : undefined
}

export const INSTANCE_GONE = 'The instance is terminated; nothing is left of it to bring back.'
