/**
 * The controller itself: it becomes a phase to act on machines, and by its own right only keeps the
 * books: messages in and out, evidence written and read, manifests signed, clean rooms' state.
 * It can neither delete evidence nor bypass its retention.
 */
import { ROLE_PATH } from '../names.ts'
import { allow, policy, type PolicyContext, type PolicyDocument } from './document.ts'
import { evidenceKeyForObjects, readEvidence } from './reads.ts'

const PHASES = ['contain', 'acquire', 'build', 'analyse', 'investigator'] as const

export function controllerPolicy (ctx: PolicyContext): PolicyDocument {
  const { names, partition, accounts } = ctx
  const objects = ['incidents', 'packages'].map(prefix => `${names.evidenceBucketArn}/${prefix}/*`)
  return policy(
    allow('BecomeAPhase', {
      Action: ['sts:AssumeRole'],
      Resource: [
        names.roleArn('controller'),
        ...accounts.flatMap(account => PHASES.map(phase => `arn:${partition}:iam::${account}:role${ROLE_PATH}${names.roleName(phase)}`))
      ]
    }),
    allow('ReadBaseline', { Action: ['ssm:GetParameter'], Resource: [names.parameterArn] }),
    allow('Intake', {
      Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl'],
      Resource: [names.intakeQueueArn]
    }),
    allow('IntakeRefusals', {
      Action: ['sqs:SendMessage', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl'],
      Resource: [names.deadLetterQueueArn]
    }),
    allow('Notify', { Action: ['sns:Publish'], Resource: [names.notificationTopicArn] }),
    allow('MessagesKey', {
      Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
      Resource: [ctx.messagesKeyArn],
      Condition: { StringLike: { 'kms:ViaService': 'sns.*.amazonaws.com' } }
    }),
    ...readEvidence(ctx),
    allow('WriteEvidence', {
      Action: [
        's3:PutObject', 's3:PutObjectRetention', 's3:PutObjectLegalHold', 's3:PutObjectTagging',
        's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'
      ],
      Resource: objects
    }),
    evidenceKeyForObjects(ctx, 'kms:GenerateDataKey', 'kms:Decrypt'),
    allow('Sign', { Action: ['kms:Sign', 'kms:Verify', 'kms:GetPublicKey', 'kms:DescribeKey'], Resource: [ctx.signingKeyArn] }),
    allow('ListState', { Action: ['s3:ListBucket', 's3:GetBucketLocation'], Resource: [names.stateBucketArn] }),
    // Pulumi removes its lock files and the state of a destroyed room; noncurrent versions stay.
    allow('State', { Action: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], Resource: [`${names.stateBucketArn}/*`] }),
    allow('StateKey', { Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:GenerateDataKey', 'kms:DescribeKey'], Resource: [ctx.stateKeyArn] })
  )
}
