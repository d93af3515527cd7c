/**
 * For the day when the controller is down, or evidence must go by order of a court: people with a
 * second factor contain by hand, read everything, and alone may bypass GOVERNANCE retention.
 * COMPLIANCE retention binds them as well. Becoming this role is announced on the notification topic.
 */
import { allow, ec2, ON_OURS, policy, type PolicyContext, type PolicyDocument } from './document.ts'
import { containPolicy } from './contain.ts'
import { evidenceKeyForObjects, readEvidence } from './reads.ts'

export function breakGlassPolicy (ctx: PolicyContext): PolicyDocument {
  const objects = [`${ctx.names.evidenceBucketArn}/*`]
  return policy(
    ...containPolicy(ctx).Statement,
    ...readEvidence(ctx),
    allow('EndRetention', {
      Action: ['s3:PutObjectRetention', 's3:PutObjectLegalHold', 's3:BypassGovernanceRetention', 's3:DeleteObject', 's3:DeleteObjectVersion'],
      Resource: objects
    }),
    allow('EndSnapshots', { Action: ['ec2:UnlockSnapshot', 'ec2:DeleteSnapshot'], Resource: ec2(ctx, 'snapshot'), Condition: ON_OURS }),
    evidenceKeyForObjects(ctx, 'kms:Decrypt'),
    allow('ReadBaseline', { Action: ['ssm:GetParameter'], Resource: [ctx.names.parameterArn] })
  )
}
