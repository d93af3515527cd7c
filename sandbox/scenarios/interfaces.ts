/**
 * What a scenario leaves out of its machines' interfaces, groups and subnets, filled in. Pure.
 */
import type { Scenario, ScenarioGroup, ScenarioInstance, ScenarioInterface } from './scenario-file.ts'

export const ANYWHERE = 'anywhere'
const BASTION = 'bastion'
const DEFAULT_GROUP = 'app'
/** A range for documentation (RFC 5737): whence administrators come. */
const OFFICE = '203.0.113.0/24'
/** Application Load Balancers ask for subnets in two zones; `a` is the machines' own. */
export const BALANCER_SUBNETS = ['a', 'b'] as const

export type WholeInterface = Required<ScenarioInterface>

/** All interfaces of the machine, the primary one first. */
export function interfacesOf (instance: ScenarioInstance): WholeInterface[] {
  const { interfaces = 1, elasticIp = false, securityGroup, autoScalingGroup } = instance
  const securityGroups = instance.securityGroups ?? [securityGroup ?? autoScalingGroup ?? DEFAULT_GROUP]
  const given = typeof interfaces === 'number' ? Array.from({ length: interfaces }, (): ScenarioInterface => ({})) : interfaces
  return given.map((each, index) => ({ securityGroups, subnet: 'a', ipv6: false, elasticIp: index === 0 && elasticIp, ...each }))
}

/** The zone's letter: of all subnets one is in another zone than the rest. */
export function zoneOf (subnet: string): 'a' | 'b' {
  return subnet === 'b' ? 'b' : 'a'
}

/** Every subnet that the scenario needs, sorted. */
export function subnetsOf ({ instances }: Pick<Scenario, 'instances'>): string[] {
  return [...new Set([...BALANCER_SUBNETS, ...instances.flatMap(interfacesOf).map(({ subnet }) => subnet)])].sort()
}

/** Names of all security groups, the bastion's too, which is there whether anyone says so. */
export function groupNames ({ instances, securityGroups = [] }: Pick<Scenario, 'instances' | 'securityGroups'>): string[] {
  return [...new Set([BASTION, ...securityGroups.map(({ name }) => name), ...instances.flatMap(interfacesOf).flatMap((each) => each.securityGroups)])].sort()
}

/** Every security group with its rules; one that the scenario only names is that of a web server. */
export function groupsOf (scenario: Pick<Scenario, 'instances' | 'securityGroups'>): ScenarioGroup[] {
  return groupNames(scenario).map((name) => scenario.securityGroups?.find((group) => group.name === name) ?? {
    name,
    ingress: name === BASTION
      ? [{ port: 22, from: OFFICE }]
      : [{ port: 80, from: ANYWHERE }, { port: 443, from: ANYWHERE }, { port: 22, from: BASTION }]
  })
}
