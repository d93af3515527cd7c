import {
  AssociateKmsKeyCommand, CloudWatchLogsClient, CreateLogGroupCommand, DeleteLogGroupCommand, DeleteRetentionPolicyCommand,
  DescribeLogGroupsCommand, DisassociateKmsKeyCommand, ListTagsForResourceCommand, PutRetentionPolicyCommand, TagResourceCommand,
  UntagResourceCommand, type LogGroup, type LogGroupClass
} from '@aws-sdk/client-cloudwatch-logs'
import type { LogGroupArgs } from '@pulumi/aws/cloudwatch/logGroup.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may } from '../engine/schema.ts'
import { unlessGone } from '../engine/wait.ts'

const GONE = ['ResourceNotFoundException']

function logs (call: AwsCall): CloudWatchLogsClient {
  return call.client('logs', CloudWatchLogsClient)
}

async function describe (call: AwsCall, name: string): Promise<LogGroup | undefined> {
  const { logGroups = [] } = await logs(call).send(new DescribeLogGroupsCommand({ logGroupNamePrefix: name }))
  return logGroups.find(({ logGroupName }) => logGroupName === name)
}

async function setRetention (call: AwsCall, logGroupName: string, retentionInDays: number | undefined) {
  await (retentionInDays
    ? logs(call).send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays }))
    : logs(call).send(new DeleteRetentionPolicyCommand({ logGroupName })))
}

export const logGroup = resource<LogGroupArgs>()({
  inputs: {
    kmsKeyId: may.text(),
    logGroupClass: may.text({ computed: true, replaces: true, enum: ['STANDARD', 'INFREQUENT_ACCESS', 'DELIVERY'] }),
    name: may.text({ replaces: true }),
    retentionInDays: may.number({ default: 0 }),
    skipDestroy: may.flag({ default: false })
  },
  outputs: ['arn'],
  autoname: { property: 'name', maxLength: 512 },
  tagging: {
    set: async (call, _id, { arn }, tags) => { await logs(call).send(new TagResourceCommand({ resourceArn: arn as string, tags })) },
    unset: async (call, _id, { arn }, keys) => { await logs(call).send(new UntagResourceCommand({ resourceArn: arn as string, tagKeys: keys })) }
  },
  async create (call, { name, kmsKeyId, logGroupClass, retentionInDays }) {
    await logs(call).send(new CreateLogGroupCommand({
      logGroupName: name,
      kmsKeyId,
      logGroupClass: logGroupClass as LogGroupClass | undefined,
      ...(Object.keys(call.tags).length > 0 && { tags: call.tags })
    }))
    call.created(name!)
    if (retentionInDays) await setRetention(call, name!, retentionInDays)
    return name!
  },
  async read (call, id) {
    const group = await describe(call, id)
    if (!group) return undefined
    const arn = group.arn!.replace(/:\*$/, '')
    const { tags = {} } = await logs(call).send(new ListTagsForResourceCommand({ resourceArn: arn }))
    return {
      arn,
      kmsKeyId: group.kmsKeyId,
      logGroupClass: group.logGroupClass ?? 'STANDARD',
      name: group.logGroupName,
      retentionInDays: group.retentionInDays ?? 0,
      tags
    }
  },
  async update (call, id, news, _olds, changed) {
    if (changed.has('retentionInDays')) await setRetention(call, id, news.retentionInDays)
    if (changed.has('kmsKeyId')) {
      await (news.kmsKeyId
        ? logs(call).send(new AssociateKmsKeyCommand({ logGroupName: id, kmsKeyId: news.kmsKeyId }))
        : logs(call).send(new DisassociateKmsKeyCommand({ logGroupName: id })))
    }
  },
  async delete (call, id, { skipDestroy }) {
    if (skipDestroy) return
    await unlessGone(GONE, async () => await logs(call).send(new DeleteLogGroupCommand({ logGroupName: id })))
  }
})
