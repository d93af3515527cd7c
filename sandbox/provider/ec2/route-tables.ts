import {
  AssociateRouteTableCommand, CreateRouteTableCommand, DeleteRouteTableCommand, DescribeRouteTablesCommand, DisassociateRouteTableCommand,
  ReplaceRouteTableAssociationCommand, type RouteTable
} from '@aws-sdk/client-ec2'
import type { DefaultRouteTableArgs } from '@pulumi/aws/ec2/defaultRouteTable.js'
import type { MainRouteTableAssociationArgs } from '@pulumi/aws/ec2/mainRouteTableAssociation.js'
import type { RouteTableArgs } from '@pulumi/aws/ec2/routeTable.js'
import type { RouteTableAssociationArgs } from '@pulumi/aws/ec2/routeTableAssociation.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may, must, type Properties } from '../engine/schema.ts'
import { unlessGone, until, whileRefused } from '../engine/wait.ts'
import { arn, ec2, filter, patience, tagged, tagging, tagMap } from './client.ts'
import { describeRouteTable, inlineRoutes, ownRoutes, setInlineRoutes, TABLE_GONE } from './routes.ts'

function tableState (call: AwsCall, table: RouteTable): Properties {
  return {
    arn: arn(call, `route-table/${table.RouteTableId}`, table.OwnerId),
    ownerId: table.OwnerId,
    vpcId: table.VpcId,
    routes: ownRoutes(table.Routes),
    tags: tagMap(table.Tags)
  }
}

export const routeTable = resource<RouteTableArgs>()({
  inputs: {
    routes: inlineRoutes({ computed: true }),
    vpcId: must.text({ replaces: true })
  },
  outputs: ['arn', 'ownerId', 'propagatingVgws'],
  tagging,
  async create (call, inputs) {
    const { RouteTable } = await ec2(call).send(new CreateRouteTableCommand({ VpcId: inputs.vpcId, ...tagged('route-table', call.tags) }))
    const id = RouteTable!.RouteTableId!
    call.created(id)
    await until('the route table to show', async () => await describeRouteTable(call, id), patience(call, 300))
    await setInlineRoutes(call, id, [], inputs.routes ?? [])
    return id
  },
  async read (call, id) {
    const table = await describeRouteTable(call, id)
    return table && { ...tableState(call, table), propagatingVgws: (table.PropagatingVgws ?? []).map(({ GatewayId }) => GatewayId) }
  },
  async update (call, id, news) {
    const table = await describeRouteTable(call, id)
    await setInlineRoutes(call, id, ownRoutes(table?.Routes), news.routes ?? [])
  },
  async delete (call, id) {
    const table = await describeRouteTable(call, id)
    if (!table) return
    for (const { RouteTableAssociationId: AssociationId, Main } of table.Associations ?? []) {
      if (!Main && AssociationId) await disassociate(call, AssociationId)
    }
    await unlessGone(TABLE_GONE, async () => await whileRefused(['DependencyViolation'], async () =>
      await ec2(call).send(new DeleteRouteTableCommand({ RouteTableId: id })), patience(call, 300)))
  }
})

/** Adopts the table that came with the VPC: its routes become exactly the program's. Deleting lets go of it. */
export const defaultRouteTable = resource<DefaultRouteTableArgs>()({
  inputs: {
    defaultRouteTableId: must.text({ replaces: true }),
    routes: inlineRoutes({ computed: true })
  },
  outputs: ['arn', 'ownerId', 'vpcId'],
  tagging,
  async create (call, inputs) {
    const id = inputs.defaultRouteTableId
    const table = await describeRouteTable(call, id)
    if (!table) throw new Error(`there is no route table ${id}`)
    await setInlineRoutes(call, id, ownRoutes(table.Routes), inputs.routes ?? [])
    if (Object.keys(call.tags).length > 0) await tagging.set(call, id, {}, call.tags)
    return id
  },
  async read (call, id) {
    const table = await describeRouteTable(call, id)
    return table && { ...tableState(call, table), defaultRouteTableId: id }
  },
  async update (call, id, news) {
    const table = await describeRouteTable(call, id)
    await setInlineRoutes(call, id, ownRoutes(table?.Routes), news.routes ?? [])
  },
  delete: async () => {}
})

async function disassociate (call: AwsCall, AssociationId: string): Promise<void> {
  await unlessGone(['InvalidAssociationID.NotFound'], async () =>
    await ec2(call).send(new DisassociateRouteTableCommand({ AssociationId })))
}

async function association (call: AwsCall, id: string) {
  const found = await unlessGone(['InvalidAssociationID.NotFound'], async () => await ec2(call).send(new DescribeRouteTablesCommand({
    Filters: [filter('association.route-table-association-id', id)]
  })))
  return found?.RouteTables?.flatMap(({ Associations }) => Associations ?? []).find(({ RouteTableAssociationId }) => RouteTableAssociationId === id)
}

export const routeTableAssociation = resource<RouteTableAssociationArgs>()({
  inputs: {
    gatewayId: may.text({ replaces: true }),
    routeTableId: must.text(),
    subnetId: may.text({ replaces: true })
  },
  outputs: [],
  check: ({ gatewayId, subnetId }) => (gatewayId === undefined) === (subnetId === undefined)
    ? [{ property: 'subnetId', reason: 'exactly one of gatewayId, subnetId must be given' }]
    : [],
  async create (call, inputs) {
    const { AssociationId } = await ec2(call).send(new AssociateRouteTableCommand({
      RouteTableId: inputs.routeTableId, SubnetId: inputs.subnetId, GatewayId: inputs.gatewayId
    }))
    return AssociationId!
  },
  async read (call, id) {
    // An import names it as SUBNET/TABLE.
    const [holder, tableId] = id.split('/')
    const found = tableId
      ? (await describeRouteTable(call, tableId))?.Associations?.find(({ SubnetId, GatewayId }) => (SubnetId ?? GatewayId) === holder)
      : await association(call, id)
    return found && { id: found.RouteTableAssociationId, routeTableId: found.RouteTableId, subnetId: found.SubnetId, gatewayId: found.GatewayId }
  },
  // AWS gives the association another id when its table is replaced, which an update can't report: so replace.
  replacesOn: () => ['routeTableId'],
  deleteBeforeReplace: true,
  async delete (call, id) {
    await disassociate(call, id)
  }
})

async function mainAssociation (call: AwsCall, vpcId: string) {
  const { RouteTables = [] } = await ec2(call).send(new DescribeRouteTablesCommand({
    Filters: [filter('vpc-id', vpcId), filter('association.main', 'true')]
  }))
  return RouteTables.flatMap(({ Associations }) => Associations ?? []).find(({ Main }) => Main)
}

/** Makes a table the VPC's main one, and the original again when deleted. */
export const mainRouteTableAssociation = resource<MainRouteTableAssociationArgs>()({
  inputs: { routeTableId: must.text({ replaces: true }), vpcId: must.text({ replaces: true }) },
  outputs: ['originalRouteTableId'],
  deleteBeforeReplace: true,
  async create (call, inputs) {
    const current = await mainAssociation(call, inputs.vpcId)
    if (!current) throw new Error(`VPC ${inputs.vpcId} has no main route table`)
    const { NewAssociationId } = await ec2(call).send(new ReplaceRouteTableAssociationCommand({
      AssociationId: current.RouteTableAssociationId, RouteTableId: inputs.routeTableId
    }))
    return { id: NewAssociationId!, known: { originalRouteTableId: current.RouteTableId } }
  },
  async read (call, id, known) {
    const found = await association(call, id)
    if (!found) return undefined
    return { routeTableId: found.RouteTableId, vpcId: known.vpcId, originalRouteTableId: known.originalRouteTableId }
  },
  async delete (call, id, state) {
    const original = state.originalRouteTableId
    if (typeof original !== 'string') return
    await unlessGone(['InvalidAssociationID.NotFound'], async () =>
      await ec2(call).send(new ReplaceRouteTableAssociationCommand({ AssociationId: id, RouteTableId: original })))
  }
})
