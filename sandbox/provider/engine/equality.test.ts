import { deepEqual, equal, notDeepEqual } from 'node:assert/strict'
import { changes, projectInputs, same, standingInputs } from './equality.ts'
import { may, must, UNKNOWN, view, type Properties } from './schema.ts'

const schema = view(must.object({
  name: must.text({ replaces: true }),
  description: may.text({ default: 'Managed' }),
  groups: may.set(must.text(), { computed: true }),
  order: may.list(must.text()),
  policy: may.json(),
  disk: may.object({ size: may.number({ computed: true }), encrypted: may.flag({ computed: true, replaces: true }) }, { computed: true }),
  rules: may.set(must.object({ port: must.number(), label: may.text({ computed: true }) })),
  enabled: may.flag({ default: false })
}))
const of = (property: string) => schema.properties![property]

function policy (action: unknown, resource: unknown = '*', condition?: unknown) {
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: action, Resource: resource, ...(condition ? { Condition: condition } : {}) }] })
}

describe('whether two values mean the same', () => {
  const alike: [string, string, unknown, unknown][] = [
    ['a set in another order', 'groups', ['a', 'b'], ['b', 'a']],
    ['an empty list and none', 'order', [], undefined],
    ['JSON with its keys in another order', 'policy', '{"a":1,"b":2}', '{ "b": 2, "a": 1 }'],
    ['one action and a list of it', 'policy', policy('s3:Get'), policy(['s3:Get'])],
    ['actions in another order', 'policy', policy(['s3:Get', 's3:Put']), policy(['s3:Put', 's3:Get'])],
    ['condition values in another order', 'policy', policy('x', '*', { StringLike: { k: ['a', 'b'] } }), policy('x', '*', { StringLike: { k: ['b', 'a'] } })],
    ['a lone statement and a list of it', 'policy', '{"Version":"1","Statement":{"Effect":"Deny"}}', '{"Version":"1","Statement":[{"Effect":"Deny"}]}'],
    ['rules in another order', 'rules', [{ port: 1 }, { port: 2 }], [{ port: 2 }, { port: 1 }]]
  ]
  for (const [what, property, a, b] of alike) it(`${what}: same`, () => { equal(same(of(property), a, b), true) })

  const different: [string, string, unknown, unknown][] = [
    ['a list in another order', 'order', ['a', 'b'], ['b', 'a']],
    ['another action', 'policy', policy('s3:Get'), policy('s3:Put')],
    ['another condition', 'policy', policy('x', '*', { Bool: { k: 'true' } }), policy('x', '*', { Bool: { k: 'false' } })],
    ['statements in another order', 'policy', '{"Statement":[{"Sid":"a"},{"Sid":"b"}]}', '{"Statement":[{"Sid":"b"},{"Sid":"a"}]}'],
    ['false and true', 'enabled', false, true]
  ]
  for (const [what, property, a, b] of different) it(`${what}: different`, () => { equal(same(of(property), a, b), false) })
})

describe('what a change of inputs does', () => {
  it('updates in place or replaces, property by property', () => {
    deepEqual(changes(schema, { name: 'a', description: 'x', disk: { size: 1, encrypted: false } }, { name: 'b', description: 'y', disk: { size: 2, encrypted: true } }), [
      { path: 'name', replaces: true, kind: 'update' },
      { path: 'description', replaces: false, kind: 'update' },
      { path: 'disk.size', replaces: false, kind: 'update' },
      { path: 'disk.encrypted', replaces: true, kind: 'update' }
    ])
  })

  it('is nothing where the program leaves to AWS what AWS may choose', () => {
    deepEqual(changes(schema, { name: 'a', groups: ['x'], disk: { size: 1 } }, { name: 'a' }), [])
  })

  it('is nothing where the program says aloud what is so already', () => {
    const state = { name: 'a', description: 'Managed', groups: ['x', 'y'], disk: { size: 1, encrypted: true }, rules: [{ port: 1, label: 'one' }] }
    const said = { name: 'a', description: 'Managed', groups: ['y', 'x'], disk: { encrypted: true }, rules: [{ port: 1 }], enabled: false }
    const told = (olds: Properties, news: Properties) => changes(schema, standingInputs(schema, state, olds, news), news).map(({ path }) => path)
    deepEqual(told({ name: 'a', disk: { size: 1 } }, { ...said, disk: { size: 1, encrypted: true } }), [])
    deepEqual(told({}, said), [])
    deepEqual(told({ name: 'a' }, { ...said, disk: { encrypted: false }, groups: ['z'] }), ['groups', 'disk.encrypted'])
  })

  it('counts a value that is not known yet as changed', () => {
    deepEqual(changes(schema, { name: 'a' }, { name: UNKNOWN }).map(({ path }) => path), ['name'])
  })
})

describe('inputs from what AWS has', () => {
  it('are the program\'s own where nothing drifted', () => {
    const inputs = { name: 'a', description: 'x', groups: ['b', 'a'], policy: policy('s3:Get'), disk: { size: 1 }, rules: [{ port: 2 }, { port: 1 }] }
    const actual = {
      name: 'a',
      description: 'x',
      groups: ['a', 'b'],
      policy: policy(['s3:Get']),
      disk: { size: 1, encrypted: true },
      rules: [{ port: 1, label: 'one' }, { port: 2, label: 'two' }],
      enabled: false
    }
    deepEqual(projectInputs(schema, actual, inputs), inputs)
  })

  it('show drift of what the program gave, and of what it did not', () => {
    const drifted = projectInputs(schema, { name: 'a', description: 'y', enabled: true, rules: [{ port: 3, label: 'z' }] }, { name: 'a', description: 'x', rules: [{ port: 1 }] })
    equal(drifted.description, 'y')
    equal(drifted.enabled, true)
    notDeepEqual(drifted.rules, [{ port: 1 }])
  })

  it('leave out what is at its default or was left to AWS', () => {
    deepEqual(projectInputs(schema, { name: 'a', description: 'Managed', groups: ['default'], enabled: false }, {}), { name: 'a' })
  })

  it('keep what AWS can\'t tell, and drop what AWS says is gone', () => {
    deepEqual(projectInputs(schema, { name: 'a', description: undefined }, { name: 'a', description: 'x', order: ['kept'] }), { name: 'a', order: ['kept'] })
  })
})
