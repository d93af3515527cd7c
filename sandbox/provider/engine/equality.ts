/** When two values of a property mean the same to AWS, and what a read-back value looks like beside the program's own. */
import { hasUnknown, isRecord, type Properties, type SchemaView } from './schema.ts'

/** Same value, as the schema understands it: sets without order, JSON by meaning, empty as absent. */
export function same (schema: SchemaView | undefined, a: unknown, b: unknown): boolean {
  return canonical(schema, a) === canonical(schema, b)
}

function canonical (schema: SchemaView | undefined, value: unknown): string {
  return stable(normal(schema, value))
}

function normal (schema: SchemaView | undefined, value: unknown): unknown {
  if (value === undefined || value === null) return undefined
  if (schema?.json && typeof value === 'string') return normalPolicy(value)
  if (Array.isArray(value)) {
    if (value.length === 0) return undefined
    const items = value.map(item => normal(schema?.items, item))
    return schema?.set ? [...new Set(items.map(stable))].sort() : items
  }
  if (isRecord(value)) {
    const entries = Object.entries(value).map(([key, item]) => [key, normal(schema?.properties?.[key], item)] as const)
      .filter(([, item]) => item !== undefined)
    return entries.length === 0 ? undefined : Object.fromEntries(entries)
  }
  return value
}

/** Statement members whose lists have no order, and where one string is a list of one. */
const POLICY_SETS = new Set(['Action', 'NotAction', 'Resource', 'NotResource', 'AWS', 'Service', 'Federated', 'CanonicalUser'])

function normalPolicy (text: string): unknown {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return text
  }
  if (!isRecord(document) || !('Statement' in document)) return document
  const statements = Array.isArray(document.Statement) ? document.Statement : [document.Statement]
  return { ...document, Statement: statements.map(statement => normalStatement(statement)) }
}

function normalStatement (value: unknown, inCondition = false): unknown {
  if (Array.isArray(value)) return value.map(item => normalStatement(item, inCondition))
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => {
    const condition = inCondition || key === 'Condition'
    const isSet = POLICY_SETS.has(key) || (inCondition && !isRecord(item))
    if (!isSet || isRecord(item)) return [key, normalStatement(item, condition)]
    const list = (Array.isArray(item) ? item : [item]).map(String)
    return [key, [...new Set(list)].sort()]
  }))
}

function stable (value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => isRecord(item)
    ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => a < b ? -1 : 1))
    : item) ?? ''
}

/**
 * The inputs that would have led to what AWS has now. Where that means the same as the program's input, the program's
 * own wording stays; what the program left to AWS or to a default stays out.
 */
export function projectInputs (schema: SchemaView, actual: Properties, former: Properties): Properties {
  const inputs: Properties = {}
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const value = key in actual ? project(property, actual[key], former[key]) : former[key]
    if (value === undefined) continue
    if (former[key] === undefined && (property.computed || same(property, value, property.default) || isUnset(value))) continue
    inputs[key] = value
  }
  return inputs
}

function isUnset (value: unknown): boolean {
  return value === false || value === '' || value === 0 || same(undefined, value, undefined)
}

function project (schema: SchemaView, actual: unknown, former: unknown): unknown {
  if (same(schema, actual, former) && former !== undefined) return former
  if (isRecord(actual) && schema.properties) {
    const projected = projectInputs(schema, actual, isRecord(former) ? former : {})
    return former !== undefined && same(schema, projected, former) ? former : projected
  }
  if (Array.isArray(actual) && schema.items?.properties) {
    const remaining = Array.isArray(former) ? [...former] as unknown[] : []
    const items = actual.map(item => {
      const match = remaining.findIndex(candidate => same(schema.items, project(schema.items!, item, candidate), candidate))
      const beside = match >= 0 ? remaining.splice(match, 1)[0] : schema.set ? undefined : remaining[0]
      return project(schema.items!, item, beside)
    })
    return former !== undefined && same(schema, items, former) ? former : items
  }
  return actual
}

/**
 * The inputs a resource has, for comparison with new ones: what the program gave, and where it gave nothing what AWS
 * has. So saying aloud what is so already is no change, nor is adopting a resource that is as the program says.
 */
export function standingInputs (schema: SchemaView, state: Properties, olds: Properties, news: Properties): Properties {
  const standing = { ...olds }
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const [before, after, actual] = [olds[key], news[key], state[key]]
    if (property.properties && isRecord(before) && isRecord(after) && isRecord(actual)) {
      standing[key] = standingInputs(property, actual, before, after)
    } else if (before === undefined && after !== undefined) {
      standing[key] = actual === undefined
        ? property.default
        : same(property, project(property, actual, after), after) ? after : actual
    }
  }
  return standing
}

export interface Change { path: string, replaces: boolean, kind: 'add' | 'delete' | 'update' }

/** What differs between two sets of inputs; `undefined` for something AWS may choose is no difference. */
export function changes (schema: SchemaView, olds: Properties, news: Properties, prefix = '', outer = false): Change[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, property]) => {
    const before = olds[key]
    const after = news[key]
    const path = prefix + key
    const replaces = outer || property.replaces === true
    if (hasUnknown(after) ? false : same(property, before, after)) return []
    if (after === undefined && property.computed) return []
    if (property.properties && isRecord(before) && isRecord(after)) return changes(property, before, after, `${path}.`, replaces)
    return [{ path, replaces, kind: before === undefined ? 'add' as const : after === undefined ? 'delete' as const : 'update' as const }]
  })
}
