/** Diff, create, read, update and delete for every resource type alike. */
import { wasAutonamed } from './autoname.ts'
import type { AwsCall } from './aws-call.ts'
import { inputSchema } from './check.ts'
import { changes, projectInputs, same, standingInputs, type Change } from './equality.ts'
import type { ResourceType, Tags } from './resource-type.ts'
import { hasUnknown, isRecord, UNKNOWN, view, type Properties } from './schema.ts'
import { until } from './wait.ts'

export interface Diff { changes: Change[], deleteBeforeReplace: boolean }

export interface TagRules { defaultTags: Tags, ignoredTag (key: string): boolean }

export function diff (
  type: ResourceType, name: string, region: string, rules: TagRules, state: Properties, olds: Properties, news: Properties
): Diff {
  const schema = view(inputSchema(type))
  const found = changes(schema, standingInputs(schema, state, olds, news), news)
  const also = type.replacesOn?.(olds, news) ?? []
  const all = found.map(change => ({ ...change, replaces: change.replaces || (!type.update && change.path.split('.')[0] !== 'tags') || also.includes(change.path) }))
  // A provider that moved to another Region takes its resources with it.
  if (!type.global && state.region !== undefined && state.region !== (news.region ?? region) && !all.some(({ path }) => path === 'region')) {
    all.push({ path: 'region', replaces: true, kind: 'update' })
  }
  if (type.tagging && !all.some(({ path }) => path === 'tags') && !hasUnknown(news.tags) &&
    !same(undefined, state.tagsAll, allTags(rules, news.tags))) {
    all.push({ path: 'tagsAll', replaces: false, kind: 'update' })
  }
  const property = type.autoname?.property
  const keepsChosenName = property !== undefined && news[property] !== undefined && news[property] === olds[property] &&
    !wasAutonamed(type, name, news[property])
  return { changes: all, deleteBeforeReplace: type.deleteBeforeReplace === true || keepsChosenName }
}

export function allTags (rules: TagRules, own: unknown): Tags {
  return { ...rules.defaultTags, ...(isRecord(own) ? own as Tags : {}) }
}

/** What is known of a resource before it exists. */
export function previewOutputs (type: ResourceType, inputs: Properties, rules: TagRules): Properties {
  const outputs: Properties = { ...inputs }
  const unknown = [
    ...type.outputs,
    ...Object.entries(view(inputSchema(type)).properties ?? {}).filter(([, property]) => property.computed).map(([key]) => key)
  ]
  for (const key of unknown) outputs[key] ??= UNKNOWN
  if (type.tagging) outputs.tagsAll = hasUnknown(inputs.tags) ? UNKNOWN : allTags(rules, inputs.tags)
  return outputs
}

/** A resource that AWS has, but that did not get as far as it should. */
export class PartialFailure extends Error {
  readonly id: string
  readonly properties: Properties
  constructor (id: string, properties: Properties, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.id = id
    this.properties = properties
  }
}

export async function create (type: ResourceType, call: AwsCall, inputs: Properties, rules: TagRules) {
  let id: string | undefined
  try {
    const result = await type.create({ ...call, created: made => { id = made } }, inputs)
    const made = typeof result === 'string' ? result : result.id
    id = made
    const known = typeof result === 'string' ? inputs : { ...inputs, ...result.known }
    // A new resource may not show at once everywhere.
    const state = await until('the new resource to show', async () => await readState(type, call, made, known, rules), { seconds: 60 })
    return { id, state }
  } catch (error) {
    if (id === undefined) throw error
    throw new PartialFailure(id, { ...inputs, ...(!type.global && { region: call.region }), ...(type.tagging && { tagsAll: call.tags }) }, error)
  }
}

/** The resource as AWS has it, in the program's own wording where that means the same. */
export async function readState (
  type: ResourceType, call: AwsCall, id: string, known: Properties, rules: TagRules
): Promise<Properties | undefined> {
  const actual = await type.read(call, id, known)
  if (!actual) return undefined
  const state: Properties = { ...known, ...actual }
  const properties = view(inputSchema(type)).properties ?? {}
  for (const key of Object.keys(actual)) {
    if (known[key] !== undefined && properties[key] && same(properties[key], known[key], actual[key])) state[key] = known[key]
  }
  if (!type.global) state.region = call.region
  if (type.tagging) {
    const tags = Object.fromEntries(Object.entries(isRecord(actual.tags) ? actual.tags as Tags : {}).filter(([key]) => !rules.ignoredTag(key)))
    const own = isRecord(known.tags) ? known.tags : {}
    state.tagsAll = tags
    state.tags = Object.fromEntries(Object.entries(tags).filter(([key, value]) => key in own || rules.defaultTags[key] !== value))
  }
  return state
}

/** Inputs for what was read, so that drift shows in the next diff. */
export function inputsFrom (type: ResourceType, state: Properties, former: Properties): Properties {
  return projectInputs(view(inputSchema(type)), state, former)
}

export async function update (
  type: ResourceType, call: AwsCall, id: string, state: Properties, olds: Properties, news: Properties, rules: TagRules
): Promise<Properties> {
  const schema = view(inputSchema(type))
  const changed = new Set(changes(schema, standingInputs(schema, state, olds, news), news).map(({ path }) => path.split('.')[0]!))
  changed.delete('tags')
  if (type.tagging) await updateTags(type, call, id, state)
  if (changed.size > 0) await type.update?.(call, id, { ...unchosen(type, state, news), ...news }, olds, changed)
  const { region: _, ...known } = news
  const now = await readState(type, call, id, { ...computed(type, state), ...known }, rules)
  if (!now) throw new Error(`${id} is gone; run a refresh`)
  return now
}

/** What AWS chose and the program leaves alone still holds for an update. */
function unchosen (type: ResourceType, state: Properties, news: Properties): Properties {
  const properties = view(inputSchema(type)).properties ?? {}
  return Object.fromEntries(Object.entries(properties)
    .filter(([key, property]) => property.computed && news[key] === undefined && state[key] !== undefined)
    .map(([key]) => [key, state[key]]))
}

function computed (type: ResourceType, state: Properties): Properties {
  return Object.fromEntries(type.outputs.filter(key => state[key] !== undefined).map(key => [key, state[key]]))
}

async function updateTags (type: ResourceType, call: AwsCall, id: string, state: Properties): Promise<void> {
  const before = isRecord(state.tagsAll) ? state.tagsAll as Tags : {}
  const removed = Object.keys(before).filter(key => !(key in call.tags))
  const set = Object.fromEntries(Object.entries(call.tags).filter(([key, value]) => before[key] !== value))
  if (removed.length > 0) await type.tagging!.unset(call, id, state, removed)
  if (Object.keys(set).length > 0) await type.tagging!.set(call, id, state, set)
}
