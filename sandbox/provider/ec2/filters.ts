/** EC2's filters as the provider's functions take them. */
import { Type } from 'typebox'
import { may, must } from '../engine/schema.ts'

export const filterInputs = may.list(must.object({ name: must.text(), values: must.list(Type.String()) }))

export function filterRequest (filters: { name: string, values: string[] }[] | undefined, tags: Record<string, string> = {}) {
  return [
    ...(filters ?? []).map(({ name, values }) => ({ Name: name, Values: values })),
    ...Object.entries(tags).map(([key, value]) => ({ Name: `tag:${key}`, Values: [value] }))
  ]
}

/** A look-up must find exactly one thing. */
export function only<T> (what: string, found: T[]): T {
  if (found.length === 0) throw new Error(`no matching ${what} found`)
  if (found.length > 1) throw new Error(`multiple ${what}s matched; use additional constraints to reduce matches to a single one`)
  return found[0]!
}
