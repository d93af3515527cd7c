/** Routes: as resources of their own, and inline in a route table. */
import { CreateRouteCommand, DeleteRouteCommand, DescribeRouteTablesCommand, ReplaceRouteCommand, type Route as AwsRoute } from '@aws-sdk/client-ec2'
import type { RouteArgs } from '@pulumi/aws/ec2/route.js'
import { Type } from 'typebox'
import type { AwsCall } from '../engine/aws-call.ts'
import { crc32 } from '../engine/crc32.ts'
import { resource, type Failure } from '../engine/resource-type.ts'
import { may, must, type Facts, type Properties } from '../engine/schema.ts'
import { unlessGone, until, whileRefused } from '../engine/wait.ts'
import { ec2, patience } from './client.ts'

export const TABLE_GONE = ['InvalidRouteTableID.NotFound']

export async function describeRouteTable (call: AwsCall, id: string) {
  const found = await unlessGone(TABLE_GONE, async () => await ec2(call).send(new DescribeRouteTablesCommand({ RouteTableIds: [id] })))
  return found?.RouteTables?.[0]
}

/** What a route leads to: input name and the member of AWS's request. */
const TARGETS = {
  carrierGatewayId: 'CarrierGatewayId',
  coreNetworkArn: 'CoreNetworkArn',
  egressOnlyGatewayId: 'EgressOnlyInternetGatewayId',
  gatewayId: 'GatewayId',
  localGatewayId: 'LocalGatewayId',
  natGatewayId: 'NatGatewayId',
  networkInterfaceId: 'NetworkInterfaceId',
  transitGatewayId: 'TransitGatewayId',
  vpcEndpointId: 'VpcEndpointId',
  vpcPeeringConnectionId: 'VpcPeeringConnectionId'
} as const

function targetOf (route: Properties): Record<string, string> {
  return Object.fromEntries(Object.entries(TARGETS).filter(([key]) => route[key]).map(([key, member]) => [member, String(route[key])]))
}

/** A gateway load balancer endpoint shows as a gateway. */
function targetInputs (route: AwsRoute): Properties {
  if (route.GatewayId?.startsWith('vpce-')) return { vpcEndpointId: route.GatewayId }
  return Object.fromEntries(Object.entries(TARGETS).filter(([key]) => key !== 'vpcEndpointId')
    .map(([key, member]) => [key, route[member as keyof AwsRoute]]).filter(([, value]) => value))
}

const inlineTargets = Object.fromEntries(Object.keys(TARGETS).map(key => [key, may.text()]))

/** One entry of a table's own `routes`. */
const inlineRoute = must.object({
  cidrBlock: may.text(), ipv6CidrBlock: may.text(), destinationPrefixListId: may.text(), ...inlineTargets
})

export function inlineRoutes (facts: Facts) {
  return Type.Optional(Type.Array(inlineRoute, { set: true, ...facts }))
}

function inlineDestination (route: Properties) {
  return {
    ...(route.cidrBlock ? { DestinationCidrBlock: String(route.cidrBlock) } : {}),
    ...(route.ipv6CidrBlock ? { DestinationIpv6CidrBlock: String(route.ipv6CidrBlock) } : {}),
    ...(route.destinationPrefixListId ? { DestinationPrefixListId: String(route.destinationPrefixListId) } : {})
  }
}

/** The routes a program can own: not the local ones, not propagated ones, not those of gateway endpoints. */
export function ownRoutes (routes: AwsRoute[] | undefined): Properties[] {
  return (routes ?? [])
    .filter(({ GatewayId, Origin, DestinationPrefixListId }) => GatewayId !== 'local' && Origin !== 'EnableVgwRoutePropagation' &&
      !(DestinationPrefixListId && GatewayId?.startsWith('vpce-')))
    .map(route => ({
      ...(route.DestinationCidrBlock && { cidrBlock: route.DestinationCidrBlock }),
      ...(route.DestinationIpv6CidrBlock && { ipv6CidrBlock: route.DestinationIpv6CidrBlock }),
      ...(route.DestinationPrefixListId && { destinationPrefixListId: route.DestinationPrefixListId }),
      ...targetInputs(route)
    }))
}

/** Brings a table's own routes from one list to another. */
export async function setInlineRoutes (call: AwsCall, RouteTableId: string, olds: Properties[], news: Properties[]): Promise<void> {
  const key = (route: Properties) => JSON.stringify(inlineDestination(route))
  const identity = (route: Properties) => key(route) + JSON.stringify(targetOf(route))
  for (const route of olds.filter(old => !news.some(fresh => key(fresh) === key(old)))) {
    await unlessGone(['InvalidRoute.NotFound'], async () =>
      await ec2(call).send(new DeleteRouteCommand({ RouteTableId, ...inlineDestination(route) })))
  }
  for (const route of news.filter(fresh => !olds.some(old => identity(old) === identity(fresh)))) {
    const request = { RouteTableId, ...inlineDestination(route), ...targetOf(route) }
    await ec2(call).send(olds.some(old => key(old) === key(route)) ? new ReplaceRouteCommand(request) : new CreateRouteCommand(request))
  }
}

type Destination = { destinationCidrBlock?: string, destinationIpv6CidrBlock?: string, destinationPrefixListId?: string }

function destination (inputs: Destination) {
  return {
    ...(inputs.destinationCidrBlock && { DestinationCidrBlock: inputs.destinationCidrBlock }),
    ...(inputs.destinationIpv6CidrBlock && { DestinationIpv6CidrBlock: inputs.destinationIpv6CidrBlock }),
    ...(inputs.destinationPrefixListId && { DestinationPrefixListId: inputs.destinationPrefixListId })
  }
}

async function findRoute (call: AwsCall, routeTableId: string, of: Destination) {
  const table = await describeRouteTable(call, routeTableId)
  return table?.Routes?.find(route => of.destinationCidrBlock
    ? route.DestinationCidrBlock === of.destinationCidrBlock
    : of.destinationIpv6CidrBlock
      ? route.DestinationIpv6CidrBlock === of.destinationIpv6CidrBlock
      : route.DestinationPrefixListId === of.destinationPrefixListId)
}

/** Exactly one of these. */
function exactlyOne (inputs: Properties, keys: string[]): Failure[] {
  const given = keys.filter(key => inputs[key] !== undefined)
  return given.length === 1 ? [] : [{ property: given[1] ?? keys[0]!, reason: `exactly one of ${keys.join(', ')} must be given` }]
}

/** The id the real provider gives: the table and a CRC-32 of the destination. */
function routeId (routeTableId: string, of: Destination): string {
  const text = of.destinationCidrBlock ?? of.destinationIpv6CidrBlock ?? of.destinationPrefixListId ?? ''
  return `r-${routeTableId}${crc32(text)}`
}

const DESTINATIONS = ['destinationCidrBlock', 'destinationIpv6CidrBlock', 'destinationPrefixListId']

export const route = resource<RouteArgs>()({
  inputs: {
    destinationCidrBlock: may.text({ replaces: true }),
    destinationIpv6CidrBlock: may.text({ replaces: true }),
    destinationPrefixListId: may.text({ replaces: true }),
    routeTableId: must.text({ replaces: true }),
    carrierGatewayId: may.text(),
    coreNetworkArn: may.text(),
    egressOnlyGatewayId: may.text(),
    gatewayId: may.text(),
    localGatewayId: may.text(),
    natGatewayId: may.text(),
    networkInterfaceId: may.text({ computed: true }),
    transitGatewayId: may.text(),
    vpcEndpointId: may.text(),
    vpcPeeringConnectionId: may.text()
  },
  outputs: ['instanceId', 'instanceOwnerId', 'origin', 'state'],
  check: inputs => [...exactlyOne(inputs, DESTINATIONS), ...exactlyOne(inputs, Object.keys(TARGETS))],
  async create (call, inputs) {
    await ec2(call).send(new CreateRouteCommand({ RouteTableId: inputs.routeTableId, ...destination(inputs), ...targetOf(inputs) }))
    call.created(routeId(inputs.routeTableId, inputs))
    await until('the route to show', async () => await findRoute(call, inputs.routeTableId, inputs), patience(call, 300))
    return routeId(inputs.routeTableId, inputs)
  },
  async read (call, id, known) {
    // An import names the route as TABLE_DESTINATION.
    const [table, to] = known.routeTableId ? [] : id.split('_')
    const routeTableId = known.routeTableId ?? table!
    const of: Destination = to === undefined
      ? known
      : to.startsWith('pl-')
        ? { destinationPrefixListId: to }
        : to.includes(':') ? { destinationIpv6CidrBlock: to } : { destinationCidrBlock: to }
    const found = await findRoute(call, routeTableId, of)
    if (!found) return undefined
    return {
      ...Object.fromEntries(Object.keys(TARGETS).map(key => [key, undefined])),
      ...targetInputs(found),
      id: routeId(routeTableId, of),
      routeTableId,
      destinationCidrBlock: found.DestinationCidrBlock,
      destinationIpv6CidrBlock: found.DestinationIpv6CidrBlock,
      destinationPrefixListId: found.DestinationPrefixListId,
      networkInterfaceId: found.NetworkInterfaceId ?? '',
      instanceId: found.InstanceId ?? '',
      instanceOwnerId: found.InstanceOwnerId ?? '',
      origin: found.Origin ?? '',
      state: found.State ?? ''
    }
  },
  async update (call, _id, news, olds) {
    const target = Object.fromEntries(Object.keys(TARGETS).filter(key => news[key as keyof typeof TARGETS] !== olds[key] || olds[key])
      .map(key => [key, (news as Properties)[key]]))
    await ec2(call).send(new ReplaceRouteCommand({ RouteTableId: news.routeTableId, ...destination(news), ...targetOf(target) }))
  },
  async delete (call, _id, state) {
    await unlessGone(['InvalidRoute.NotFound', ...TABLE_GONE], async () => await whileRefused(['InvalidParameterException'], async () =>
      await ec2(call).send(new DeleteRouteCommand({ RouteTableId: state.routeTableId!, ...destination(state) })), patience(call, 300)))
  }
})
