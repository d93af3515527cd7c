import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { checkInputs } from './check.ts'
import { resource, type ResourceType } from './resource-type.ts'
import { may, must, UNKNOWN, type Properties } from './schema.ts'

interface DeviceArgs { name: unknown, size: unknown, policy: unknown, zone: unknown, options: unknown, ports: unknown }

const calls = { create: async () => 'id', read: async () => ({}), delete: async () => {} }

const device: ResourceType = resource<DeviceArgs>()({
  inputs: {
    name: may.text({ replaces: true }),
    size: may.number({ default: 8 }),
    policy: may.json(),
    zone: must.text({ enum: ['a', 'b'] }),
    options: may.object({ tokens: must.text(), hops: may.number({ default: 1 }) }),
    ports: may.list(must.object({ from: must.number() }))
  },
  outputs: ['arn'],
  autoname: { property: 'name', maxLength: 20 },
  ...calls
})

function check (news: Properties, olds: Properties = {}) {
  return checkInputs('aws:test/device:Device', device, 'web', olds, news)
}

describe('what the provider accepts', () => {
  it('refuses an input it does not know, by its name', () => {
    const { failures } = check({ zone: 'a', colour: 'red' })
    deepEqual(failures.map(({ property }) => property), ['colour'])
    match(failures[0]!.reason, /does not know the input "colour" of aws:test\/device:Device/)
  })

  it('refuses an unknown input inside objects and lists as well', () => {
    const { failures } = check({ zone: 'a', options: { tokens: 'required', speed: 1 }, ports: [{ from: 1 }, { from: 2, until: 3 }] })
    deepEqual(failures.map(({ property }) => property).sort(), ['options.speed', 'ports.1.until'])
  })

  it('reports everything that is wrong at once', () => {
    const { failures } = check({ size: 'large', options: {}, colour: 'red' })
    deepEqual(failures.map(({ property }) => property).sort(), ['colour', 'options.tokens', 'size', 'zone'])
  })

  it('names the values that an input may have', () => {
    const { failures } = check({ zone: 'z' })
    equal(failures[0]!.property, 'zone')
    match(failures[0]!.reason, /a, b/)
  })

  it('fills defaults in, nested ones too', () => {
    const { inputs } = check({ zone: 'a', options: { tokens: 'required' } })
    equal(inputs.size, 8)
    deepEqual(inputs.options, { tokens: 'required', hops: 1 })
  })

  it('takes text for numbers, objects for JSON and null for nothing', () => {
    const { inputs, failures } = check({ zone: 'a', size: '12', policy: { Version: '2012-10-17' }, ports: null })
    deepEqual(failures, [])
    equal(inputs.size, 12)
    equal(inputs.policy, '{"Version":"2012-10-17"}')
    ok(!('ports' in inputs))
  })

  it('accepts what is not known yet wherever a value may stand', () => {
    for (const news of [
      { zone: UNKNOWN }, { zone: 'a', size: UNKNOWN }, { zone: 'a', options: UNKNOWN }, { zone: 'a', options: { tokens: UNKNOWN } },
      { zone: 'a', ports: UNKNOWN }, { zone: 'a', ports: [{ from: UNKNOWN }] }, { zone: 'a', policy: UNKNOWN }
    ]) {
      deepEqual(check(news).failures, [], JSON.stringify(news))
    }
  })

  it('names what the program left unnamed, and keeps that name', () => {
    const first = check({ zone: 'a' }).inputs.name
    match(String(first), /^web-[0-9a-f]{7}$/)
    equal(check({ zone: 'b' }, { name: first }).inputs.name, first)
    equal(check({ zone: 'b', name: 'mine' }, { name: first }).inputs.name, 'mine')
  })
})
