/**
 * How a resource's inputs are described: TypeBox schemas with the few facts that Pulumi needs on top
 * (does a change replace the resource, may AWS choose the value, does order matter).
 */
import { Type, type TOptional, type TProperties, type TSchema } from 'typebox'

// A type, not an interface: TypeBox wants options with an implicit index signature.
export type Facts = {
  /** A change needs a new resource. */
  replaces?: boolean
  /** AWS fills the value in when the program leaves it out; leaving it out is then no change. */
  computed?: boolean
  /** Order and repetition mean nothing. */
  set?: boolean
  /** JSON text compared by meaning; objects are accepted and turned into text. */
  json?: boolean
  default?: unknown
  enum?: readonly string[]
  minimum?: number
  maximum?: number
  pattern?: string
}

/** Inputs the program must give. */
export const must = {
  text: (facts: Facts = {}) => Type.String(facts),
  number: (facts: Facts = {}) => Type.Number(facts),
  flag: (facts: Facts = {}) => Type.Boolean(facts),
  json: (facts: Facts = {}) => Type.String({ json: true, ...facts }),
  list: <T extends TSchema>(of: T, facts: Facts = {}) => Type.Array(of, facts),
  set: <T extends TSchema>(of: T, facts: Facts = {}) => Type.Array(of, { set: true, ...facts }),
  map: (facts: Facts = {}) => Type.Record(Type.String(), Type.String(), facts),
  object: <P extends TProperties>(of: P, facts: Facts = {}) => Type.Object(of, { additionalProperties: false, ...facts })
}

/** Inputs the program may leave out. */
export const may = {
  text: (facts?: Facts) => Type.Optional(must.text(facts)),
  number: (facts?: Facts) => Type.Optional(must.number(facts)),
  flag: (facts?: Facts) => Type.Optional(must.flag(facts)),
  json: (facts?: Facts) => Type.Optional(must.json(facts)),
  list: <T extends TSchema>(of: T, facts?: Facts) => Type.Optional(must.list(of, facts)),
  set: <T extends TSchema>(of: T, facts?: Facts) => Type.Optional(must.set(of, facts)),
  map: (facts?: Facts) => Type.Optional(must.map(facts)),
  object: <P extends TProperties>(of: P, facts?: Facts): TOptional<ReturnType<typeof must.object<P>>> => Type.Optional(must.object(of, facts))
}

export type Properties = Record<string, unknown>

export function isRecord (value: unknown): value is Properties {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What the engine sends for a value that is not known until something else has been made. */
export const UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9'

export function hasUnknown (value: unknown): boolean {
  if (value === UNKNOWN) return true
  if (Array.isArray(value)) return value.some(hasUnknown)
  return isRecord(value) && Object.values(value).some(hasUnknown)
}

/** Facts and structure of a schema, read without caring which TypeBox kind made it. */
export interface SchemaView extends Facts {
  type?: string
  properties?: Record<string, SchemaView>
  required?: string[]
  items?: SchemaView
}

export function view (schema: TSchema): SchemaView {
  return schema as SchemaView
}
