/**
 * scenario.yaml: which machines the sandbox's account has, what is on their disks, and what is to be found there.
 */
import { readFileSync, statSync } from 'node:fs'
import { isAbsolute, join, normalize } from 'node:path'
import { Type, type Static, type TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { parseDocument } from 'yaml'
import { FileAttributes, Filesystem, Partition } from '../disks/image-spec.ts'
import { ANYWHERE, groupNames, interfacesOf, zoneOf } from './interfaces.ts'

const Name = Type.String({ pattern: '^[a-z][a-z0-9-]{0,30}$' })
const strict = { additionalProperties: false }

export const ScenarioVolume = Type.Object({
  device: Type.String({ pattern: '^/dev/(xvd|sd)[a-z][a-z0-9]{0,2}$' }),
  sizeMiB: Type.Integer({ minimum: 8, maximum: 4096 }),
  filesystem: Filesystem,
  tree: Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })], { description: 'Directories of the scenario, later ones laid over earlier ones' }),
  encryption: Type.Optional(Type.Enum(['none', 'aws/ebs', 'cmk'], { description: 'Left out: none' })),
  partition: Type.Optional(Partition),
  label: Type.Optional(Type.String({ maxLength: 16 })),
  modified: Type.Optional(Type.String({ format: 'date-time', description: 'When files that `files` gives no time were last changed' })),
  files: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })], { description: 'YAML lists of file attributes' }))
}, strict)
export type ScenarioVolume = Static<typeof ScenarioVolume>

/** As many as EC2 lets an interface have (Amazon VPC User Guide, "Amazon VPC quotas", Security groups). */
const GroupNames = Type.Array(Name, { minItems: 1, maxItems: 5, uniqueItems: true })

export const ScenarioInterface = Type.Object({
  securityGroups: Type.Optional(GroupNames),
  subnet: Type.Optional(Type.String({ pattern: '^[a-h]$', description: 'Left out: a. Subnet b is in another zone than all others' })),
  ipv6: Type.Optional(Type.Boolean({ description: 'An address of the subnet\'s IPv6 range besides the IPv4 one' })),
  elasticIp: Type.Optional(Type.Boolean())
}, strict)
export type ScenarioInterface = Static<typeof ScenarioInterface>

export const ScenarioInstance = Type.Object({
  name: Name,
  type: Type.String({ pattern: '^[a-z0-9-]+\\.[a-z0-9-]+$' }),
  interfaces: Type.Optional(Type.Union([
    Type.Integer({ minimum: 1, maximum: 8 }), Type.Array(ScenarioInterface, { minItems: 1, maxItems: 8 })
  ], { description: 'How many, or each as it is, the primary one first' })),
  securityGroup: Type.Optional(Name),
  securityGroups: Type.Optional(GroupNames),
  autoScalingGroup: Type.Optional(Name),
  targetGroup: Type.Optional(Type.Union([Name, Type.Array(Name, { minItems: 1, uniqueItems: true })])),
  classicLoadBalancer: Type.Optional(Name),
  elasticIp: Type.Optional(Type.Boolean()),
  instanceProfile: Type.Optional(Type.String({ pattern: '^[\\w+=,.@-]{1,64}$' })),
  ssmAgent: Type.Optional(Type.Enum(['online', 'absent'])),
  userData: Type.Optional(Type.String()),
  volumes: Type.Array(ScenarioVolume, { minItems: 1, maxItems: 12 }),
  memory: Type.Optional(Type.String())
}, strict)
export type ScenarioInstance = Static<typeof ScenarioInstance>

/** What a security group lets in; it lets everything out, as a new one does. */
export const ScenarioGroup = Type.Object({
  name: Name,
  ingress: Type.Array(Type.Object({
    port: Type.Integer({ minimum: 1, maximum: 65_535, description: 'TCP' }),
    from: Type.String({ description: '`anywhere`, the name of a security group, or an IPv4 or IPv6 range' })
  }, strict))
}, strict)
export type ScenarioGroup = Static<typeof ScenarioGroup>

/** One thing that was planted: the rule that is to find it, and where. */
export const Expectation = Type.Object({
  instance: Name,
  device: Type.String(),
  rule: Type.String(),
  path: Type.String({ pattern: '^/' })
}, strict)
export type Expectation = Static<typeof Expectation>

export const Scenario = Type.Object({
  name: Name,
  description: Type.Optional(Type.String()),
  securityGroups: Type.Optional(Type.Array(ScenarioGroup, { description: 'Those that are named by instances alone are those of a web server' })),
  instances: Type.Array(ScenarioInstance, { minItems: 1 }),
  expect: Type.Optional(Type.Array(Expectation))
}, strict)
export type Scenario = Static<typeof Scenario>

/** A scenario file that can't be used; `violations` are all of them, each with its place. */
export class InvalidScenario extends Error {
  readonly violations: string[]

  constructor (file: string, violations: string[]) {
    super(`${file} is not a valid scenario:\n${violations.map((violation) => `  ${violation}`).join('\n')}`)
    this.name = 'InvalidScenario'
    this.violations = violations
  }
}

/**
 * Reads and checks `directory/scenario.yaml` with all that it names.
 * @throws InvalidScenario with every violation at once
 */
export function readScenario (directory: string): Scenario {
  const file = join(directory, 'scenario.yaml')
  const document = readYaml(file)
  const violations = [...shapeViolations(Scenario, document)]
  if (violations.length > 0) throw new InvalidScenario(file, violations)
  const scenario = document as Scenario
  violations.push(...nameViolations(scenario), ...networkViolations(scenario), ...fileViolations(directory, scenario), ...expectationViolations(scenario))
  if (violations.length > 0) throw new InvalidScenario(file, violations)
  return scenario
}

/** The attribute table of a volume, all its files one after the other. */
export function readAttributes (directory: string, { files }: ScenarioVolume): FileAttributes[] {
  return several(files).flatMap((name) => {
    const file = join(directory, name)
    const document = readYaml(file)
    const violations = shapeViolations(Type.Array(FileAttributes), document)
    if (violations.length > 0) throw new InvalidScenario(file, violations)
    return document as FileAttributes[]
  })
}

export function several (value: string | string[] | undefined): string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

function readYaml (file: string): unknown {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    throw new InvalidScenario(file, ['the file does not exist or cannot be read'])
  }
  const document = parseDocument(text)
  if (document.errors.length > 0) throw new InvalidScenario(file, document.errors.map(({ message }) => message))
  return document.toJS()
}

function shapeViolations (schema: TSchema, value: unknown): string[] {
  const violations = new Map<string, string>()
  const add = (path: string, message: string): void => {
    const place = path.split('/').slice(1).map((part) => /^\d+$/.test(part) ? `[${part}]` : `.${part}`).join('').replace(/^\./, '')
    // A choice of types complains once for each; the first says enough.
    if (!violations.has(place)) violations.set(place, `${place || 'the document'}: ${message}`)
  }
  const errors = Value.Errors(schema, value)
  // What is wrong inside a value is about the type that it was meant to be: the other types of the choice say nothing.
  const isWrongInside = (path: string): boolean => errors.some(({ instancePath }) => instancePath.startsWith(`${path}/`))
  for (const error of errors) {
    if (error.keyword === 'boolean') continue
    if ((error.keyword === 'type' || error.keyword === 'anyOf') && isWrongInside(error.instancePath)) continue
    if (error.keyword === 'additionalProperties') {
      for (const key of error.params.additionalProperties) add(`${error.instancePath}/${key}`, 'unknown key')
    } else if (error.keyword === 'enum') {
      add(error.instancePath, `must be one of ${error.params.allowedValues.join(', ')}`)
    } else {
      add(error.instancePath, error.message)
    }
  }
  return [...violations.values()]
}

function nameViolations ({ instances }: Scenario): string[] {
  return instances.flatMap((instance, index) => {
    const devices = instance.volumes.map(({ device }) => device)
    return [
      ...instances.findIndex(({ name }) => name === instance.name) < index ? [`instances[${index}].name: "${instance.name}" is taken`] : [],
      ...devices.flatMap((device, at) => devices.indexOf(device) < at ? [`instances[${index}].volumes[${at}].device: ${device} is taken`] : [])
    ]
  })
}

function networkViolations ({ instances, securityGroups = [] }: Scenario): string[] {
  const groups = groupNames({ instances, securityGroups })
  const known = (from: string): boolean => from === ANYWHERE || from.includes('/') || groups.includes(from)
  return [
    ...securityGroups.flatMap(({ name, ingress }, index) => [
      ...securityGroups.findIndex((other) => other.name === name) < index ? [`securityGroups[${index}].name: "${name}" is taken`] : [],
      ...ingress.flatMap(({ from }, at) => known(from) ? [] : [`securityGroups[${index}].ingress[${at}].from: there is no security group "${from}"`])
    ]),
    ...instances.flatMap((instance, index) => [
      ...instance.securityGroup && instance.securityGroups ? [`instances[${index}].securityGroup: is there with securityGroups; one of them says enough`] : [],
      // Amazon EC2 User Guide, "Network interfaces": all of an instance are in its zone.
      ...new Set(interfacesOf(instance).map(({ subnet }) => zoneOf(subnet))).size > 1 ? [`instances[${index}].interfaces: subnet b is in another zone than the others`] : []
    ])
  ]
}

function fileViolations (directory: string, { instances }: Scenario): string[] {
  const check = (place: string, name: string, kind: 'isDirectory' | 'isFile'): string[] => {
    if (isAbsolute(name) || normalize(name).startsWith('..')) return [`${place}: "${name}" is not below the scenario's directory`]
    const found = statSync(join(directory, name), { throwIfNoEntry: false })
    return found?.[kind]() ? [] : [`${place}: there is no ${kind === 'isFile' ? 'file' : 'directory'} "${name}"`]
  }
  return instances.flatMap((instance, index) => [
    ...several(instance.memory).flatMap((name) => check(`instances[${index}].memory`, name, 'isFile')),
    ...instance.volumes.flatMap((volume, at) => [
      ...several(volume.tree).flatMap((name) => check(`instances[${index}].volumes[${at}].tree`, name, 'isDirectory')),
      ...several(volume.files).flatMap((name) => check(`instances[${index}].volumes[${at}].files`, name, 'isFile'))
    ])
  ])
}

function expectationViolations ({ instances, expect = [] }: Scenario): string[] {
  return expect.flatMap(({ instance, device }, index) => {
    const volumes = instances.find(({ name }) => name === instance)?.volumes
    if (!volumes) return [`expect[${index}].instance: there is no instance "${instance}"`]
    return volumes.some((volume) => volume.device === device) ? [] : [`expect[${index}].device: "${instance}" has no ${device}`]
  })
}
