import type { LogGroupArgs } from '@pulumi/aws/cloudwatch/logGroup.js'
import type { AwsCall, ClientOptions } from '../engine/aws-call.ts'
import { JsonService } from '../engine/json-service.ts'
import { resource, type Tags } from '../engine/resource-type.ts'
import { may } from '../engine/schema.ts'
import { unlessGone } from '../engine/wait.ts'

const GONE = ['ResourceNotFoundException']

class CloudWatchLogs extends JsonService {
  constructor (options: ClientOptions) {
    super(options, { name: 'logs', target: 'Logs_20140328' })
  }
}

function logs (call: AwsCall): CloudWatchLogs {
  return call.client('logs', CloudWatchLogs)
}

interface Group { logGroupName: string, arn: string, retentionInDays?: number, kmsKeyId?: string, logGroupClass?: string }

async function describe (call: AwsCall, name: string): Promise<Group | undefined> {
  const { logGroups = [] } = await logs(call).call('DescribeLogGroups', { logGroupNamePrefix: name }) as { logGroups?: Group[] }
  return logGroups.find(({ logGroupName }) => logGroupName === name)
}

async function setRetention (call: AwsCall, logGroupName: string, retentionInDays: number | undefined) {
  await (retentionInDays
    ? logs(call).call('PutRetentionPolicy', { logGroupName, retentionInDays })
    : logs(call).call('DeleteRetentionPolicy', { logGroupName }))
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
    set: async (call, _id, { arn }, tags) => { await logs(call).call('TagResource', { resourceArn: arn, tags }) },
    unset: async (call, _id, { arn }, keys) => { await logs(call).call('UntagResource', { resourceArn: arn, tagKeys: keys }) }
  },
  async create (call, { name, kmsKeyId, logGroupClass, retentionInDays }) {
    await logs(call).call('CreateLogGroup', {
      logGroupName: name, kmsKeyId, logGroupClass, ...(Object.keys(call.tags).length > 0 && { tags: call.tags })
    })
    call.created(name!)
    if (retentionInDays) await setRetention(call, name!, retentionInDays)
    return name!
  },
  async read (call, id) {
    const group = await describe(call, id)
    if (!group) return undefined
    const arn = group.arn.replace(/:\*$/, '')
    const { tags = {} } = await logs(call).call('ListTagsForResource', { resourceArn: arn }) as { tags?: Tags }
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
        ? logs(call).call('AssociateKmsKey', { logGroupName: id, kmsKeyId: news.kmsKeyId })
        : logs(call).call('DisassociateKmsKey', { logGroupName: id }))
    }
  },
  async delete (call, id, { skipDestroy }) {
    if (skipDestroy) return
    await unlessGone(GONE, async () => await logs(call).call('DeleteLogGroup', { logGroupName: id }))
  }
})
