/** getPolicyDocument: statements to IAM's JSON, in the wording the real provider gives. Touches no service. */
import type { GetPolicyDocumentArgs } from '@pulumi/aws/iam/getPolicyDocument.js'
import { Type, type Static } from 'typebox'
import { crc32 } from '../engine/crc32.ts'
import { lookUp } from '../engine/function-type.ts'
import { may, must } from '../engine/schema.ts'

const strings = may.list(Type.String())
const principalsSchema = may.list(must.object({ type: must.text(), identifiers: must.list(Type.String()) }))
const statementSchema = must.object({
  actions: strings,
  conditions: may.list(must.object({ test: must.text(), values: must.list(Type.String()), variable: must.text() })),
  effect: may.text({ enum: ['Allow', 'Deny'] }),
  notActions: strings,
  notPrincipals: principalsSchema,
  notResources: strings,
  principals: principalsSchema,
  resources: strings,
  sid: may.text()
})
type Statement = Static<typeof statementSchema>

/** One is written as text; several sorted, last first, as the provider does. */
function oneOrMany (values: string[]): string | string[] {
  return values.length === 1 ? values[0]! : values.toSorted((a, b) => a < b ? 1 : -1)
}

/** The provider's `&{name}` is IAM's `${name}`. */
function variables<T extends string[] | undefined> (values: T): T {
  return values?.map(value => value.replaceAll('&{', '${')) as T
}

function principalSet (principals: Statement['principals']): unknown {
  if (!principals?.length) return undefined
  const byType = new Map<string, string[]>()
  for (const { type, identifiers } of principals) byType.set(type, [...byType.get(type) ?? [], ...variables(identifiers)])
  if (byType.size === 1 && byType.get('*')?.join() === '*') return '*'
  return Object.fromEntries([...byType].map(([type, identifiers]) => [type, oneOrMany(identifiers)]))
}

function conditionSet (conditions: Statement['conditions']): unknown {
  if (!conditions?.length) return undefined
  const tests: Record<string, Record<string, string | string[]>> = {}
  for (const { test, variable, values } of conditions) {
    const before = tests[test]?.[variable]
    const merged = [...(before === undefined ? [] : [before].flat()), ...variables(values)]
    tests[test] = { ...tests[test], [variable]: merged.length === 1 ? merged[0]! : merged }
  }
  return tests
}

type Json = Record<string, unknown>

function statementJson (statement: Statement, version: string): Json {
  const sets = { Action: statement.actions, NotAction: statement.notActions, Resource: statement.resources, NotResource: statement.notResources }
  const lists = Object.fromEntries(Object.entries(sets).filter(([, values]) => values?.length)
    .map(([key, values]) => [key, oneOrMany(key.endsWith('Action') || version === '2008-10-17' ? values! : variables(values!))]))
  return withoutUndefined({
    Sid: statement.sid || undefined,
    Effect: statement.effect ?? 'Allow',
    Action: lists.Action,
    NotAction: lists.NotAction,
    Resource: lists.Resource,
    NotResource: lists.NotResource,
    Principal: principalSet(statement.principals),
    NotPrincipal: principalSet(statement.notPrincipals),
    Condition: conditionSet(statement.conditions)
  })
}

function withoutUndefined (object: Json): Json {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}

interface Policy { Version?: string, Id?: string, Statement: Json[] }

function parse (text: string): Policy {
  const policy = JSON.parse(text) as { Version?: string, Id?: string, Statement?: Json | Json[] }
  return { ...policy, Statement: [policy.Statement ?? []].flat() }
}

/** Statements with a Sid that is there already take its place; others are added. */
function merge (base: Policy, over: Policy): Policy {
  const statements = [...base.Statement]
  for (const statement of over.Statement) {
    const same = statement.Sid ? statements.findIndex(({ Sid }) => Sid === statement.Sid) : -1
    if (same >= 0) statements[same] = statement
    else statements.push(statement)
  }
  return { ...base, ...(over.Version && { Version: over.Version }), ...(over.Id && { Id: over.Id }), Statement: statements }
}

function refuseRepeatedSids (policy: Policy, where: string) {
  const seen = new Set<unknown>()
  for (const { Sid } of policy.Statement) {
    if (Sid && seen.has(Sid)) throw new Error(`duplicate Sid (${String(Sid)}) in ${where}`)
    seen.add(Sid)
  }
}

export const getPolicyDocument = lookUp<GetPolicyDocumentArgs>()({
  overrideJson: may.text(),
  overridePolicyDocuments: strings,
  policyId: may.text(),
  sourceJson: may.text(),
  sourcePolicyDocuments: strings,
  statements: may.list(statementSchema),
  version: may.text({ enum: ['2008-10-17', '2012-10-17'] })
}, async (_call, inputs) => {
  const version = inputs.version ?? '2012-10-17'
  const sources = [...(inputs.sourceJson ? [inputs.sourceJson] : []), ...inputs.sourcePolicyDocuments ?? []].filter(text => text !== '').map(parse)
  const merged = sources.reduce<Policy>((all, source) => ({ ...all, ...source, Statement: [...all.Statement, ...source.Statement] }), { Statement: [] })
  refuseRepeatedSids(merged, 'source policy documents')
  const own: Policy = {
    Version: version,
    ...(inputs.policyId && { Id: inputs.policyId }),
    Statement: (inputs.statements ?? []).map(statement => statementJson(statement, version))
  }
  refuseRepeatedSids(own, 'statements')
  const overrides = [...(inputs.overrideJson ? [inputs.overrideJson] : []), ...inputs.overridePolicyDocuments ?? []].filter(text => text !== '').map(parse)
  const { Version, Id, Statement: statements } = overrides.reduce(merge, merge(merged, own))
  const document = { Version, ...(Id && { Id }), ...(statements.length > 0 && { Statement: statements }) }
  const json = JSON.stringify(document, null, 2)
  return { ...inputs, version, id: String(crc32(json)), json, minifiedJson: JSON.stringify(document) }
})
