import {
  CreateQueueCommand, DeleteQueueCommand, GetQueueAttributesCommand, ListQueueTagsCommand, SQSClient, SetQueueAttributesCommand,
  TagQueueCommand, UntagQueueCommand, type QueueAttributeName
} from '@aws-sdk/client-sqs'
import type { QueueArgs } from '@pulumi/aws/sqs/queue.js'
import type { QueuePolicyArgs } from '@pulumi/aws/sqs/queuePolicy.js'
import type { RedrivePolicyArgs } from '@pulumi/aws/sqs/redrivePolicy.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource, type ResourceType } from '../engine/resource-type.ts'
import { may, must, type Properties } from '../engine/schema.ts'
import { unlessGone, whileRefused } from '../engine/wait.ts'

const GONE = ['QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue']

function sqs (call: AwsCall): SQSClient {
  return call.client('sqs', SQSClient)
}

type Kind = 'text' | 'number' | 'flag'

/** Input name, AWS's attribute and how its text reads. */
const ATTRIBUTES: Record<string, readonly [QueueAttributeName, Kind]> = {
  contentBasedDeduplication: ['ContentBasedDeduplication', 'flag'],
  deduplicationScope: ['DeduplicationScope', 'text'],
  delaySeconds: ['DelaySeconds', 'number'],
  fifoQueue: ['FifoQueue', 'flag'],
  fifoThroughputLimit: ['FifoThroughputLimit', 'text'],
  kmsDataKeyReusePeriodSeconds: ['KmsDataKeyReusePeriodSeconds', 'number'],
  kmsMasterKeyId: ['KmsMasterKeyId', 'text'],
  maxMessageSize: ['MaximumMessageSize', 'number'],
  messageRetentionSeconds: ['MessageRetentionPeriod', 'number'],
  policy: ['Policy', 'text'],
  receiveWaitTimeSeconds: ['ReceiveMessageWaitTimeSeconds', 'number'],
  redriveAllowPolicy: ['RedriveAllowPolicy', 'text'],
  redrivePolicy: ['RedrivePolicy', 'text'],
  sqsManagedSseEnabled: ['SqsManagedSseEnabled', 'flag'],
  visibilityTimeoutSeconds: ['VisibilityTimeout', 'number']
}

const READ: Record<Kind, (text: string) => unknown> = { text: text => text, number: Number, flag: text => text.toLowerCase() === 'true' }

function toAttributes (inputs: Properties, keys: Iterable<string>): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (const key of keys) {
    const [name, kind] = ATTRIBUTES[key] ?? []
    const value = inputs[key]
    // Only FIFO queues take FIFO attributes at all; an unset text is cleared with an empty one.
    if (!name || (value === false && kind === 'flag' && key !== 'sqsManagedSseEnabled' && key !== 'contentBasedDeduplication')) continue
    if (value !== undefined) attributes[name] = String(value)
    else if (kind === 'text') attributes[name] = ''
  }
  return attributes
}

async function attributes (call: AwsCall, QueueUrl: string) {
  const found = await unlessGone(GONE, async () => await sqs(call).send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] })))
  return found?.Attributes as Record<string, string> | undefined
}

async function setAttributes (call: AwsCall, QueueUrl: string, Attributes: Record<string, string>) {
  if (Object.keys(Attributes).length > 0) await sqs(call).send(new SetQueueAttributesCommand({ QueueUrl, Attributes }))
}

export const queue = resource<QueueArgs>()({
  inputs: {
    contentBasedDeduplication: may.flag({ default: false }),
    deduplicationScope: may.text({ computed: true, enum: ['messageGroup', 'queue'] }),
    delaySeconds: may.number({ default: 0, minimum: 0, maximum: 900 }),
    fifoQueue: may.flag({ default: false, replaces: true }),
    fifoThroughputLimit: may.text({ computed: true, enum: ['perQueue', 'perMessageGroupId'] }),
    kmsDataKeyReusePeriodSeconds: may.number({ computed: true, minimum: 60, maximum: 86400 }),
    kmsMasterKeyId: may.text(),
    maxMessageSize: may.number({ computed: true, minimum: 1024, maximum: 1048576 }),
    messageRetentionSeconds: may.number({ default: 345600, minimum: 60, maximum: 1209600 }),
    name: may.text({ replaces: true }),
    policy: may.json({ computed: true }),
    receiveWaitTimeSeconds: may.number({ default: 0, minimum: 0, maximum: 20 }),
    redriveAllowPolicy: may.json({ computed: true }),
    redrivePolicy: may.json({ computed: true }),
    sqsManagedSseEnabled: may.flag({ computed: true }),
    visibilityTimeoutSeconds: may.number({ default: 30, minimum: 0, maximum: 43200 })
  },
  outputs: ['arn', 'url'],
  autoname: { property: 'name', maxLength: 80, suffix: inputs => inputs.fifoQueue === true ? '.fifo' : '' },
  check: ({ kmsMasterKeyId, sqsManagedSseEnabled }) => kmsMasterKeyId && sqsManagedSseEnabled
    ? [{ property: 'sqsManagedSseEnabled', reason: 'conflicts with kmsMasterKeyId' }]
    : [],
  tagging: {
    set: async (call, id, _state, tags) => { await sqs(call).send(new TagQueueCommand({ QueueUrl: id, Tags: tags })) },
    unset: async (call, id, _state, keys) => { await sqs(call).send(new UntagQueueCommand({ QueueUrl: id, TagKeys: keys })) }
  },
  async create (call, inputs) {
    const given = Object.keys(inputs).filter(key => inputs[key as keyof typeof inputs] !== undefined)
    const { QueueUrl } = await whileRefused(['QueueDeletedRecently', 'AWS.SimpleQueueService.QueueDeletedRecently'], async () =>
      await sqs(call).send(new CreateQueueCommand({
        QueueName: inputs.name,
        Attributes: toAttributes(inputs, given.filter(key => !(key === 'contentBasedDeduplication' && !inputs.fifoQueue))),
        tags: call.tags
      })), { seconds: 70 })
    return QueueUrl!
  },
  async read (call, id) {
    const found = await attributes(call, id)
    if (!found) return undefined
    const { Tags = {} } = await sqs(call).send(new ListQueueTagsCommand({ QueueUrl: id }))
    const defaults: Properties = { contentBasedDeduplication: false, fifoQueue: false, sqsManagedSseEnabled: false, kmsMasterKeyId: undefined }
    return {
      ...defaults,
      ...Object.fromEntries(Object.entries(ATTRIBUTES).filter(([, [name]]) => found[name] !== undefined && found[name] !== '')
        .map(([key, [name, kind]]) => [key, READ[kind](found[name]!)])),
      arn: found.QueueArn,
      name: found.QueueArn?.split(':').at(-1),
      url: id,
      tags: Tags
    }
  },
  async update (call, id, news, _olds, changed) {
    await setAttributes(call, id, toAttributes(news, changed))
  },
  async delete (call, id) {
    await unlessGone(GONE, async () => await sqs(call).send(new DeleteQueueCommand({ QueueUrl: id })))
  }
})

/** One attribute of a queue as a resource of its own. */
function queueAttribute<Args> (property: keyof Args & ('policy' | 'redrivePolicy'), attribute: QueueAttributeName): ResourceType {
  const put = async (call: AwsCall, id: string, value: unknown) => { await setAttributes(call, id, { [attribute]: String(value) }) }
  return {
    inputs: { queueUrl: must.text({ replaces: true }), [property]: must.json() },
    outputs: [],
    async create (call, inputs) {
      await put(call, String(inputs.queueUrl), inputs[property])
      return String(inputs.queueUrl)
    },
    async read (call, id) {
      const found = await attributes(call, id)
      return found?.[attribute] ? { queueUrl: id, [property]: found[attribute] } : undefined
    },
    update: async (call, id, news) => { await put(call, id, news[property]) },
    async delete (call, id) {
      await unlessGone(GONE, async () => { await put(call, id, '') })
    }
  }
}

export const queuePolicy = queueAttribute<QueuePolicyArgs>('policy', 'Policy')
export const redrivePolicy = queueAttribute<RedrivePolicyArgs>('redrivePolicy', 'RedrivePolicy')
