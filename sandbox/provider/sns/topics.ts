import {
  CreateTopicCommand, DeleteTopicCommand, GetSubscriptionAttributesCommand, GetTopicAttributesCommand, ListTagsForResourceCommand, SNSClient,
  SetSubscriptionAttributesCommand, SetTopicAttributesCommand, SubscribeCommand, TagResourceCommand, UnsubscribeCommand, UntagResourceCommand
} from '@aws-sdk/client-sns'
import type { TopicArgs } from '@pulumi/aws/sns/topic.js'
import type { TopicPolicyArgs } from '@pulumi/aws/sns/topicPolicy.js'
import type { TopicSubscriptionArgs } from '@pulumi/aws/sns/topicSubscription.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may, must } from '../engine/schema.ts'
import { unlessGone } from '../engine/wait.ts'

const GONE = ['NotFound', 'NotFoundException']

function sns (call: AwsCall): SNSClient {
  return call.client('sns', SNSClient)
}

async function topicAttributes (call: AwsCall, TopicArn: string) {
  const found = await unlessGone(GONE, async () => await sns(call).send(new GetTopicAttributesCommand({ TopicArn })))
  return found?.Attributes
}

/** Input name and AWS's attribute, for what is set and read as it is. */
const TOPIC_ATTRIBUTES: Record<string, string> = {
  archivePolicy: 'ArchivePolicy',
  contentBasedDeduplication: 'ContentBasedDeduplication',
  deliveryPolicy: 'DeliveryPolicy',
  displayName: 'DisplayName',
  fifoThroughputScope: 'FifoThroughputScope',
  kmsMasterKeyId: 'KmsMasterKeyId',
  policy: 'Policy',
  signatureVersion: 'SignatureVersion',
  tracingConfig: 'TracingConfig'
}

/** What a topic gets that is made without a policy; deleting a topic policy brings it back. */
function defaultPolicy (topicArn: string, accountId: string): string {
  return JSON.stringify({
    Version: '2008-10-17',
    Id: '__default_policy_ID',
    Statement: [{
      Sid: '__default_statement_ID',
      Effect: 'Allow',
      Principal: { AWS: '*' },
      Action: [
        'SNS:GetTopicAttributes', 'SNS:SetTopicAttributes', 'SNS:AddPermission', 'SNS:RemovePermission', 'SNS:DeleteTopic', 'SNS:Subscribe',
        'SNS:ListSubscriptionsByTopic', 'SNS:Publish'
      ],
      Resource: topicArn,
      Condition: { StringEquals: { 'AWS:SourceOwner': accountId } }
    }]
  })
}

export const topic = resource<TopicArgs>()({
  inputs: {
    archivePolicy: may.json(),
    contentBasedDeduplication: may.flag({ default: false }),
    deliveryPolicy: may.json(),
    displayName: may.text(),
    fifoThroughputScope: may.text({ computed: true }),
    fifoTopic: may.flag({ default: false, replaces: true }),
    kmsMasterKeyId: may.text(),
    name: may.text({ replaces: true }),
    policy: may.json({ computed: true }),
    signatureVersion: may.number({ computed: true, minimum: 1, maximum: 2 }),
    tracingConfig: may.text({ computed: true, enum: ['Active', 'PassThrough'] })
  },
  outputs: ['arn', 'beginningArchiveTime', 'owner'],
  autoname: { property: 'name', maxLength: 256, suffix: inputs => inputs.fifoTopic === true ? '.fifo' : '' },
  tagging: {
    async set (call, id, _state, tags) {
      await sns(call).send(new TagResourceCommand({ ResourceArn: id, Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) }))
    },
    unset: async (call, id, _state, keys) => { await sns(call).send(new UntagResourceCommand({ ResourceArn: id, TagKeys: keys })) }
  },
  async create (call, inputs) {
    const Attributes = Object.fromEntries(Object.entries(TOPIC_ATTRIBUTES)
      .map(([key, name]) => [name, inputs[key as keyof typeof inputs]] as const)
      .filter(([name, value]) => value !== undefined && !(name === 'ContentBasedDeduplication' && !inputs.fifoTopic))
      .map(([name, value]) => [name, String(value)]))
    const { TopicArn } = await sns(call).send(new CreateTopicCommand({
      Name: inputs.name,
      Attributes: { ...Attributes, ...(inputs.fifoTopic && { FifoTopic: 'true' }) },
      Tags: Object.entries(call.tags).map(([Key, Value]) => ({ Key, Value }))
    }))
    return TopicArn!
  },
  async read (call, id) {
    const found = await topicAttributes(call, id)
    if (!found) return undefined
    const { Tags = [] } = await sns(call).send(new ListTagsForResourceCommand({ ResourceArn: id }))
    return {
      archivePolicy: found.ArchivePolicy || undefined,
      arn: id,
      beginningArchiveTime: found.BeginningArchiveTime ?? '',
      contentBasedDeduplication: found.ContentBasedDeduplication === 'true',
      deliveryPolicy: found.DeliveryPolicy || undefined,
      displayName: found.DisplayName || undefined,
      fifoThroughputScope: found.FifoThroughputScope ?? '',
      fifoTopic: found.FifoTopic === 'true',
      kmsMasterKeyId: found.KmsMasterKeyId || undefined,
      name: id.split(':').at(-1),
      owner: found.Owner,
      policy: found.Policy,
      signatureVersion: Number(found.SignatureVersion ?? 0),
      tracingConfig: found.TracingConfig ?? '',
      tags: Object.fromEntries(Tags.map(({ Key = '', Value = '' }) => [Key, Value]))
    }
  },
  async update (call, id, news, _olds, changed) {
    for (const [key, AttributeName] of Object.entries(TOPIC_ATTRIBUTES)) {
      if (!changed.has(key)) continue
      await sns(call).send(new SetTopicAttributesCommand({
        TopicArn: id, AttributeName, AttributeValue: String(news[key as keyof typeof news] ?? '')
      }))
    }
  },
  async delete (call, id) {
    await unlessGone(GONE, async () => await sns(call).send(new DeleteTopicCommand({ TopicArn: id })))
  }
})

async function setPolicy (call: AwsCall, TopicArn: string, policy: string) {
  await sns(call).send(new SetTopicAttributesCommand({ TopicArn, AttributeName: 'Policy', AttributeValue: policy }))
}

export const topicPolicy = resource<TopicPolicyArgs>()({
  inputs: { arn: must.text({ replaces: true }), policy: must.json() },
  outputs: ['owner'],
  async create (call, { arn, policy }) {
    await setPolicy(call, arn, policy)
    return arn
  },
  async read (call, id) {
    const found = await topicAttributes(call, id)
    return found && { arn: id, owner: found.Owner, policy: found.Policy }
  },
  update: async (call, id, { policy }) => { await setPolicy(call, id, policy) },
  async delete (call, id) {
    await unlessGone(GONE, async () => { await setPolicy(call, id, defaultPolicy(id, call.accountId)) })
  }
})

const SUBSCRIPTION_ATTRIBUTES: Record<string, string> = {
  deliveryPolicy: 'DeliveryPolicy',
  filterPolicy: 'FilterPolicy',
  filterPolicyScope: 'FilterPolicyScope',
  rawMessageDelivery: 'RawMessageDelivery',
  redrivePolicy: 'RedrivePolicy',
  replayPolicy: 'ReplayPolicy',
  subscriptionRoleArn: 'SubscriptionRoleArn'
}

export const topicSubscription = resource<TopicSubscriptionArgs>()({
  inputs: {
    confirmationTimeoutInMinutes: may.number({ default: 1 }),
    deliveryPolicy: may.json(),
    endpoint: must.text({ replaces: true }),
    endpointAutoConfirms: may.flag({ default: false }),
    filterPolicy: may.json(),
    filterPolicyScope: may.text({ computed: true, enum: ['MessageAttributes', 'MessageBody'] }),
    protocol: must.text({ replaces: true, enum: ['application', 'email', 'email-json', 'firehose', 'http', 'https', 'lambda', 'sms', 'sqs'] }),
    rawMessageDelivery: may.flag({ default: false }),
    redrivePolicy: may.json(),
    replayPolicy: may.json(),
    subscriptionRoleArn: may.text(),
    topic: must.text({ replaces: true })
  },
  outputs: ['arn', 'confirmationWasAuthenticated', 'ownerId', 'pendingConfirmation'],
  async create (call, inputs) {
    const Attributes = Object.fromEntries(Object.entries(SUBSCRIPTION_ATTRIBUTES)
      .map(([key, name]) => [name, inputs[key as keyof typeof inputs]] as const)
      .filter(([, value]) => value !== undefined && value !== false).map(([name, value]) => [name, String(value)]))
    const { SubscriptionArn } = await sns(call).send(new SubscribeCommand({
      TopicArn: inputs.topic, Protocol: inputs.protocol, Endpoint: inputs.endpoint, Attributes, ReturnSubscriptionArn: true
    }))
    return SubscriptionArn!
  },
  async read (call, id) {
    const result = await unlessGone(GONE, async () => await sns(call).send(new GetSubscriptionAttributesCommand({ SubscriptionArn: id })))
    const found = result?.Attributes
    return found && {
      arn: id,
      confirmationWasAuthenticated: found.ConfirmationWasAuthenticated === 'true',
      deliveryPolicy: found.DeliveryPolicy || undefined,
      endpoint: found.Endpoint,
      filterPolicy: found.FilterPolicy || undefined,
      filterPolicyScope: found.FilterPolicyScope ?? '',
      ownerId: found.Owner,
      pendingConfirmation: found.PendingConfirmation === 'true',
      protocol: found.Protocol,
      rawMessageDelivery: found.RawMessageDelivery === 'true',
      redrivePolicy: found.RedrivePolicy || undefined,
      replayPolicy: found.ReplayPolicy || undefined,
      subscriptionRoleArn: found.SubscriptionRoleArn || undefined,
      topic: found.TopicArn
    }
  },
  async update (call, id, news, _olds, changed) {
    for (const [key, AttributeName] of Object.entries(SUBSCRIPTION_ATTRIBUTES)) {
      if (!changed.has(key)) continue
      await sns(call).send(new SetSubscriptionAttributesCommand({
        SubscriptionArn: id, AttributeName, AttributeValue: String(news[key as keyof typeof news] ?? (key === 'filterPolicy' ? '{}' : ''))
      }))
    }
  },
  async delete (call, id) {
    await unlessGone(GONE, async () => await sns(call).send(new UnsubscribeCommand({ SubscriptionArn: id })))
  }
})
