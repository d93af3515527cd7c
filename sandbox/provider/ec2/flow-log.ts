import {
  CreateFlowLogsCommand, DeleteFlowLogsCommand, DescribeFlowLogsCommand, type DestinationFileFormat, type FlowLogsResourceType,
  type LogDestinationType, type TrafficType
} from '@aws-sdk/client-ec2'
import type { FlowLogArgs } from '@pulumi/aws/ec2/flowLog.js'
import { resource } from '../engine/resource-type.ts'
import { may } from '../engine/schema.ts'
import { unlessGone } from '../engine/wait.ts'
import { arn, ec2, tagged, tagging, tagMap } from './client.ts'

const GONE = ['InvalidFlowLogId.NotFound']

/** What can be watched: input name and AWS's kind. */
const SOURCES = {
  eniId: 'NetworkInterface', subnetId: 'Subnet', transitGatewayAttachmentId: 'TransitGatewayAttachment', transitGatewayId: 'TransitGateway', vpcId: 'VPC'
} as const
type Source = keyof typeof SOURCES

const PREFIXES: Record<string, Source> = { eni: 'eniId', subnet: 'subnetId', 'tgw-attach': 'transitGatewayAttachmentId', tgw: 'transitGatewayId', vpc: 'vpcId' }

export const flowLog = resource<FlowLogArgs>()({
  inputs: {
    deliverCrossAccountRole: may.text({ replaces: true }),
    destinationOptions: may.object({
      fileFormat: may.text({ default: 'plain-text', enum: ['plain-text', 'parquet'] }),
      hiveCompatiblePartitions: may.flag({ default: false }),
      perHourPartition: may.flag({ default: false })
    }, { replaces: true }),
    eniId: may.text({ replaces: true }),
    iamRoleArn: may.text({ replaces: true }),
    logDestination: may.text({ computed: true, replaces: true }),
    logDestinationType: may.text({ default: 'cloud-watch-logs', replaces: true, enum: ['cloud-watch-logs', 's3', 'kinesis-data-firehose'] }),
    logFormat: may.text({ computed: true, replaces: true }),
    maxAggregationInterval: may.number({ default: 600, replaces: true }),
    subnetId: may.text({ replaces: true }),
    trafficType: may.text({ replaces: true, enum: ['ACCEPT', 'REJECT', 'ALL'] }),
    transitGatewayAttachmentId: may.text({ replaces: true }),
    transitGatewayId: may.text({ replaces: true }),
    vpcId: may.text({ replaces: true })
  },
  outputs: ['arn'],
  tagging,
  check (inputs) {
    const given = Object.keys(SOURCES).filter(key => inputs[key] !== undefined)
    return given.length === 1 ? [] : [{ property: given[1] ?? 'vpcId', reason: `exactly one of ${Object.keys(SOURCES).join(', ')} must be given` }]
  },
  async create (call, inputs) {
    const source = (Object.keys(SOURCES) as Source[]).find(key => inputs[key] !== undefined)!
    const { FlowLogIds, Unsuccessful } = await ec2(call).send(new CreateFlowLogsCommand({
      ResourceIds: [inputs[source]!],
      ResourceType: SOURCES[source] as FlowLogsResourceType,
      TrafficType: inputs.trafficType as TrafficType | undefined,
      LogDestination: inputs.logDestination,
      LogDestinationType: inputs.logDestinationType as LogDestinationType,
      LogFormat: inputs.logFormat,
      DeliverLogsPermissionArn: inputs.iamRoleArn,
      DeliverCrossAccountRole: inputs.deliverCrossAccountRole,
      MaxAggregationInterval: inputs.maxAggregationInterval,
      ...(inputs.destinationOptions && {
        DestinationOptions: {
          FileFormat: inputs.destinationOptions.fileFormat as DestinationFileFormat,
          HiveCompatiblePartitions: inputs.destinationOptions.hiveCompatiblePartitions,
          PerHourPartition: inputs.destinationOptions.perHourPartition
        }
      }),
      ...tagged('vpc-flow-log', call.tags)
    }))
    const refused = Unsuccessful?.[0]?.Error
    if (refused) throw Object.assign(new Error(`${refused.Code}: ${refused.Message}`), { name: refused.Code })
    return FlowLogIds![0]!
  },
  async read (call, id) {
    const found = await unlessGone(GONE, async () => await ec2(call).send(new DescribeFlowLogsCommand({ FlowLogIds: [id] })))
    const log = found?.FlowLogs?.[0]
    if (!log) return undefined
    const source = PREFIXES[log.ResourceId!.slice(0, log.ResourceId!.lastIndexOf('-'))]
    const { FileFormat, HiveCompatiblePartitions, PerHourPartition } = log.DestinationOptions ?? {}
    return {
      arn: arn(call, `vpc-flow-log/${id}`),
      ...(source && { [source]: log.ResourceId }),
      trafficType: log.TrafficType,
      iamRoleArn: log.DeliverLogsPermissionArn,
      deliverCrossAccountRole: log.DeliverCrossAccountRole,
      logDestination: log.LogDestination ?? (log.LogGroupName && `arn:${call.partition}:logs:${call.region}:${call.accountId}:log-group:${log.LogGroupName}`),
      logDestinationType: log.LogDestinationType,
      logFormat: log.LogFormat,
      maxAggregationInterval: log.MaxAggregationInterval,
      ...(log.DestinationOptions && {
        destinationOptions: {
          fileFormat: FileFormat, hiveCompatiblePartitions: HiveCompatiblePartitions ?? false, perHourPartition: PerHourPartition ?? false
        }
      }),
      tags: tagMap(log.Tags)
    }
  },
  async delete (call, id) {
    await unlessGone(GONE, async () => await ec2(call).send(new DeleteFlowLogsCommand({ FlowLogIds: [id] })))
  }
})
