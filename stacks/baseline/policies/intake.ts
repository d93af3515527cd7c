/** Who may put something into the intake, and who may announce something. */
import { accountRoot, allow, policy, tlsOnly, type PolicyContext, type PolicyDocument } from './document.ts'

/** Topics: this account and the accounts in scope, and EventBridge rules of this account. */
export function intakeTopicPolicy (ctx: PolicyContext): PolicyDocument {
  return topicPolicy(ctx, ctx.names.intakeTopicArn, ctx.accounts.map(account => accountRoot({ ...ctx, accountId: account })))
}

export function notificationTopicPolicy (ctx: PolicyContext): PolicyDocument {
  return topicPolicy(ctx, ctx.names.notificationTopicArn, [accountRoot(ctx)])
}

function topicPolicy (ctx: PolicyContext, topicArn: string, publishers: string[]): PolicyDocument {
  return policy(
    allow('Publishers', { Principal: { AWS: publishers }, Action: ['sns:Publish'], Resource: [topicArn] }),
    allow('EventBridge', {
      Principal: { Service: 'events.amazonaws.com' },
      Action: ['sns:Publish'],
      Resource: [topicArn],
      Condition: { ArnLike: { 'aws:SourceArn': eventRules(ctx) } }
    }),
    tlsOnly('sns:Publish', [topicArn])
  )
}

/** The intake queue hears its topic and this account's EventBridge rules of ours, nobody else. */
export function intakeQueuePolicy (ctx: PolicyContext): PolicyDocument {
  const { names } = ctx
  return policy(
    allow('Topic', {
      Principal: { Service: 'sns.amazonaws.com' },
      Action: ['sqs:SendMessage'],
      Resource: [names.intakeQueueArn],
      Condition: { ArnEquals: { 'aws:SourceArn': names.intakeTopicArn } }
    }),
    allow('EventBridge', {
      Principal: { Service: 'events.amazonaws.com' },
      Action: ['sqs:SendMessage'],
      Resource: [names.intakeQueueArn],
      Condition: { ArnLike: { 'aws:SourceArn': eventRules(ctx) } }
    }),
    tlsOnly('sqs:*', [names.intakeQueueArn])
  )
}

export function deadLetterQueuePolicy ({ names }: PolicyContext): PolicyDocument {
  return policy(tlsOnly('sqs:*', [names.deadLetterQueueArn]))
}

const eventRules = ({ partition, accountId, names }: PolicyContext): string => `arn:${partition}:events:*:${accountId}:rule/${names.prefix}-*`
