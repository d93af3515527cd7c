/** Are these inputs ones the type knows and AWS could take? Everything wrong is reported at once. */
import { Type, type TObject } from 'typebox'
import { Value } from 'typebox/value'
import { autonamed } from './autoname.ts'
import type { Failure, ResourceType } from './resource-type.ts'
import { isRecord, may, must, UNKNOWN, view, type Properties, type SchemaView } from './schema.ts'

const schemas = new WeakMap<ResourceType, TObject>()

/** All inputs of a type, with those that every type of its kind has. */
export function inputSchema (type: ResourceType): TObject {
  let schema = schemas.get(type)
  if (!schema) {
    schema = must.object({
      ...type.inputs,
      ...(!type.global && { region: may.text({ computed: true, replaces: true }) }),
      ...(type.tagging && { tags: may.map() })
    })
    schemas.set(type, schema)
  }
  return schema
}

export function checkInputs (
  token: string, type: ResourceType, name: string, olds: Properties, news: Properties
): { inputs: Properties, failures: Failure[] } {
  const schema = inputSchema(type)
  const named = autonamed(type, name, olds, withoutNulls(news))
  const inputs = Value.Convert(schema, Value.Default(schema, policiesAsText(view(schema), named))) as Properties
  const failures = schemaFailures(schema, inputs, `${token}`)
  return { inputs, failures: failures.length > 0 ? failures : type.check?.(inputs) ?? [] }
}

/** A schema's complaints about a value, but for what is not known yet. `about` names the type for the person who reads it. */
export function schemaFailures (schema: TObject, value: Properties, about: string): Failure[] {
  const failures = new Map<string, Failure>()
  for (const error of Value.Errors(schema, value)) {
    const path = error.instancePath.split('/').slice(1)
    if (at(value, path) === UNKNOWN) continue
    const missing = error.keyword === 'required' ? error.params.requiredProperties : []
    const complaints = missing.length > 0
      ? missing.map(key => ({ property: [...path, key].join('.'), reason: 'Missing required argument' }))
      : error.keyword === 'additionalProperties'
        ? error.params.additionalProperties.map(key => ({ property: [...path, String(key)].join('.'), reason: `the sandbox's aws provider does not know the input "${String(key)}" of ${about}` }))
        : error.keyword === 'boolean' ? [] : [{ property: path.join('.'), reason: expectation(error) }]
    for (const complaint of complaints) {
      if (!failures.has(complaint.property)) failures.set(complaint.property, complaint)
    }
  }
  return [...failures.values()]
}

function expectation (error: { message: string, params: object }): string {
  const { allowedValues } = error.params as { allowedValues?: unknown[] }
  return allowedValues ? `expected one of ${allowedValues.join(', ')}` : error.message
}

function at (value: unknown, path: string[]): unknown {
  return path.reduce<unknown>((inner, key) => inner === UNKNOWN ? UNKNOWN : (inner as Properties | undefined)?.[key], value)
}

/** Unset properties of nested objects arrive as null. */
export function withoutNulls<T> (value: T): T {
  if (Array.isArray(value)) return value.map(withoutNulls) as T
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== null && item !== undefined)
    .map(([key, item]) => [key, withoutNulls(item)])) as T
}

/** The SDK takes policies as objects too; AWS takes text. */
function policiesAsText (schema: SchemaView, value: unknown): unknown {
  if (schema.json && (isRecord(value) || Array.isArray(value))) return JSON.stringify(value)
  if (Array.isArray(value) && schema.items) return value.map(item => policiesAsText(schema.items!, item))
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) =>
    [key, schema.properties?.[key] ? policiesAsText(schema.properties[key], item) : item]))
}

/** No inputs at all, for functions that take none. */
export const nothing = Type.Object({}, { additionalProperties: false })
