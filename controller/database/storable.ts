/**
 * What PostgreSQL's jsonb takes of a value.
 */

/**
 * The value as the database gives it back, since that is what will be hashed again: plain JSON, without
 * the NUL and the lone surrogates that PostgreSQL's jsonb refuses (a suspect machine's output may hold any).
 */
export function storable<T> (value: T): T {
  return JSON.parse(JSON.stringify(value), (_, member: unknown) => {
    if (typeof member === 'string') return printable(member)
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member
    return Object.fromEntries(Object.entries(member).map(([name, inner]: [string, unknown]) => [printable(name), inner]))
  }) as T
}

function printable (text: string): string {
  return text.replaceAll(/[\0\p{Surrogate}]/gu, '\ufffd')
}
