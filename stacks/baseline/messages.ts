/**
 * Messages in: the intake topic feeds a queue, and what can't be read ends in the dead-letter queue.
 * Messages out: the notification topic, which also hears when somebody breaks the glass.
 */
import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { BaselineNames } from './names.ts'
import { deadLetterQueuePolicy, intakeQueuePolicy, intakeTopicPolicy, notificationTopicPolicy } from './policies/intake.ts'
import type { PolicyContext, PolicyDocument } from './policies/document.ts'
import { tags } from './tags.ts'

const FOURTEEN_DAYS_S = 14 * 24 * 3600

interface MessagesArgs {
  names: BaselineNames
  key: aws.kms.Key
  ctx: pulumi.Output<PolicyContext>
  emails: string[]
}

export class Messages extends pulumi.ComponentResource {
  readonly topic: aws.sns.Topic
  readonly queue: aws.sqs.Queue
  readonly deadLetterQueue: aws.sqs.Queue
  readonly notifications: aws.sns.Topic

  constructor (name: string, { names, key, ctx, emails }: MessagesArgs, opts?: pulumi.ComponentResourceOptions) {
    super('cleanroom:baseline:Messages', name, {}, opts)
    const parent = { parent: this }
    const json = (make: (known: PolicyContext) => PolicyDocument): pulumi.Output<string> => ctx.apply(known => JSON.stringify(make(known)))

    this.deadLetterQueue = new aws.sqs.Queue(`${name}-dead-letter`, {
      name: names.deadLetterQueue,
      messageRetentionSeconds: FOURTEEN_DAYS_S,
      sqsManagedSseEnabled: true,
      redriveAllowPolicy: JSON.stringify({ redrivePermission: 'byQueue', sourceQueueArns: [names.intakeQueueArn] }),
      tags: tags('intake-dead-letter')
    }, parent)
    this.queue = new aws.sqs.Queue(`${name}-intake`, {
      name: names.intake,
      messageRetentionSeconds: FOURTEEN_DAYS_S,
      visibilityTimeoutSeconds: 60,
      receiveWaitTimeSeconds: 20,
      sqsManagedSseEnabled: true,
      redrivePolicy: this.deadLetterQueue.arn.apply(deadLetterTargetArn => JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 5 })),
      tags: tags('intake')
    }, parent)
    this.topic = new aws.sns.Topic(`${name}-intake`, { name: names.intake, kmsMasterKeyId: key.arn, tags: tags('intake') }, parent)
    this.notifications = new aws.sns.Topic(`${name}-notifications`, {
      name: names.notifications, kmsMasterKeyId: key.arn, tags: tags('notifications')
    }, parent)

    /* eslint-disable no-new */
    new aws.sqs.QueuePolicy(`${name}-dead-letter`, { queueUrl: this.deadLetterQueue.url, policy: json(deadLetterQueuePolicy) }, parent)
    const mayWrite = new aws.sqs.QueuePolicy(`${name}-intake`, { queueUrl: this.queue.url, policy: json(intakeQueuePolicy) }, parent)
    new aws.sns.TopicPolicy(`${name}-intake`, { arn: this.topic.arn, policy: json(intakeTopicPolicy) }, parent)
    const mayAnnounce = new aws.sns.TopicPolicy(`${name}-notifications`, { arn: this.notifications.arn, policy: json(notificationTopicPolicy) }, parent)
    new aws.sns.TopicSubscription(`${name}-intake`, {
      topic: this.topic.arn, protocol: 'sqs', endpoint: this.queue.arn, rawMessageDelivery: true
    }, { ...parent, dependsOn: [mayWrite] })
    for (const email of emails) {
      new aws.sns.TopicSubscription(`${name}-notifications-${email}`, { topic: this.notifications.arn, protocol: 'email', endpoint: email }, parent)
    }

    // Needs CloudTrail management events in the Region, as every rule on API calls does.
    const glassBroken = new aws.cloudwatch.EventRule(`${name}-break-glass`, {
      name: `${names.prefix}-break-glass`,
      description: 'Somebody becomes the break-glass role',
      eventPattern: JSON.stringify({
        source: ['aws.sts'],
        'detail-type': ['AWS API Call via CloudTrail'],
        detail: { eventName: ['AssumeRole'], requestParameters: { roleArn: [names.roleArn('breakGlass')] } }
      }),
      tags: tags('break-glass-alarm')
    }, parent)
    new aws.cloudwatch.EventTarget(`${name}-break-glass`, {
      rule: glassBroken.name, targetId: 'notifications', arn: this.notifications.arn
    }, { ...parent, dependsOn: [mayAnnounce] })
    /* eslint-enable no-new */
    this.registerOutputs({})
  }
}
