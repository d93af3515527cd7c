/** Names for resources the program did not name, kept from one update to the next. */
import { randomBytes } from 'node:crypto'
import type { ResourceType } from './resource-type.ts'
import type { Properties } from './schema.ts'

const RANDOM = /[-_][0-9a-f]{7}(\.fifo)?$/

export function autonamed (type: ResourceType, name: string, olds: Properties, news: Properties): Properties {
  const auto = type.autoname
  if (!auto || news[auto.property] !== undefined || news[`${auto.property}Prefix`] !== undefined) return news
  const former = olds[auto.property]
  if (typeof former === 'string' && wasAutonamed(type, name, former)) return { ...news, [auto.property]: former }
  const tail = `${auto.separator ?? '-'}${randomBytes(4).toString('hex').slice(0, 7)}${auto.suffix?.(news) ?? ''}`
  const head = `${auto.prefix ?? ''}${auto.lowercase ? name.toLowerCase() : name}`.slice(0, auto.maxLength - tail.length)
  return { ...news, [auto.property]: head + tail }
}

/** A name the program chose itself can't be given twice, so replacing must delete first. */
export function wasAutonamed (type: ResourceType, name: string, value: unknown): boolean {
  const auto = type.autoname
  if (!auto || typeof value !== 'string') return false
  const head = `${auto.prefix ?? ''}${auto.lowercase ? name.toLowerCase() : name}`
  return RANDOM.test(value) && value.startsWith(head.slice(0, auto.maxLength - 8 - (value.endsWith('.fifo') ? 5 : 0)))
}
