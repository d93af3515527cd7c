/**
 * Lists in pages: `{items, nextCursor}`, where the cursor is the id of the last item.
 */
import { Type, type TSchema } from 'typebox'
import type { Page, PageQuery } from './ports.ts'

const DEFAULT_LIMIT = 50
const MOST = 500

export const PAGE_QUERY = {
  cursor: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9._:/-]{1,255}$', description: '`nextCursor` of the page before' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST, description: `Items in the page; ${DEFAULT_LIMIT} by default` }))
}

export const PageQuerystring = Type.Object(PAGE_QUERY, { additionalProperties: false })

export function PageOf<T extends TSchema> (item: T) {
  return Type.Object({ items: Type.Array(item), nextCursor: Type.Optional(Type.String({ description: 'Absent on the last page' })) })
}

export function pageQuery ({ cursor, limit = DEFAULT_LIMIT }: { cursor?: string, limit?: number }): PageQuery {
  return { limit, ...cursor !== undefined && { cursor } }
}

/** One page of a list that is at hand whole. A cursor that is not in it (any more) begins from the start. */
export function pageOf<T> (all: T[], { cursor, limit }: PageQuery, idOf: (item: T) => string): Page<T> {
  const from = cursor === undefined ? 0 : all.findIndex((item) => idOf(item) === cursor) + 1
  const items = all.slice(from, from + limit)
  const last = items.at(-1)
  return { items, ...last !== undefined && from + limit < all.length && { nextCursor: idOf(last) } }
}
