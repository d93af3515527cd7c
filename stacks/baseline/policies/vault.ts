/**
 * The evidence vault's own policy: what nobody may do there, whatever their role allows.
 *
 * Object Lock keeps an object's version; these rules keep the lock. A bucket policy can't bind the
 * account's root user, who may always remove it: for that the organisation needs an SCP.
 */
import { ROLE_PATH } from '../names.ts'
import { deny, allow, policy, tlsOnly, type PolicyContext, type PolicyDocument } from './document.ts'

export function vaultPolicy (ctx: PolicyContext): PolicyDocument {
  const { partition, accountId, region, names, evidenceKeyArn } = ctx
  const bucket = names.evidenceBucketArn
  const objects = [`${bucket}/*`]
  const breakGlass = { 'aws:PrincipalArn': names.roleArn('breakGlass') }
  const responders = { 'aws:PrincipalArn': `arn:${partition}:iam::${accountId}:role${ROLE_PATH}*` }
  const delivery = {
    StringEquals: { 'aws:SourceAccount': accountId },
    ArnLike: { 'aws:SourceArn': `arn:${partition}:logs:${region}:${accountId}:*` }
  }
  return policy(
    tlsOnly('s3:*', [bucket, ...objects]),
    // An upload that says nothing is encrypted under the evidence key by default; one that asks for
    // anything else is refused. `aws:kms` without a key id would mean the account's aws/s3 key.
    deny('OtherEncryption', {
      Principal: '*',
      Action: ['s3:PutObject'],
      Resource: objects,
      Condition: { Null: { 's3:x-amz-server-side-encryption': 'false' }, StringNotEquals: { 's3:x-amz-server-side-encryption': 'aws:kms' } }
    }),
    deny('OtherKey', {
      Principal: '*',
      Action: ['s3:PutObject'],
      Resource: objects,
      Condition: {
        Null: { 's3:x-amz-server-side-encryption-aws-kms-key-id': 'false' },
        StringNotEquals: { 's3:x-amz-server-side-encryption-aws-kms-key-id': evidenceKeyArn }
      }
    }),
    deny('UnnamedKey', {
      Principal: '*',
      Action: ['s3:PutObject'],
      Resource: objects,
      Condition: {
        Null: { 's3:x-amz-server-side-encryption': 'false', 's3:x-amz-server-side-encryption-aws-kms-key-id': 'true' }
      }
    }),
    deny('RetentionBypass', {
      Principal: '*',
      Action: ['s3:BypassGovernanceRetention'],
      Resource: objects,
      Condition: { ArnNotLike: breakGlass }
    }),
    deny('DeletionByResponders', {
      Principal: '*',
      Action: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
      Resource: objects,
      Condition: { ArnLike: responders, ArnNotLike: breakGlass }
    }),
    deny('ReconfigurationByResponders', {
      Principal: '*',
      Action: [
        's3:DeleteBucket', 's3:DeleteBucketPolicy', 's3:PutBucketAcl', 's3:PutBucketObjectLockConfiguration',
        's3:PutBucketOwnershipControls', 's3:PutBucketPolicy', 's3:PutBucketPublicAccessBlock', 's3:PutBucketVersioning',
        's3:PutEncryptionConfiguration', 's3:PutLifecycleConfiguration', 's3:PutReplicationConfiguration'
      ],
      Resource: [bucket],
      Condition: { ArnLike: responders }
    }),
    // VPC User Guide, "Publish flow logs to Amazon S3".
    allow('FlowLogDelivery', {
      Principal: { Service: 'delivery.logs.amazonaws.com' },
      Action: ['s3:PutObject'],
      Resource: [`${bucket}/incidents/*/flow-logs/*`],
      Condition: { ...delivery, StringEquals: { ...delivery.StringEquals, 's3:x-amz-acl': 'bucket-owner-full-control' } }
    }),
    allow('FlowLogDeliveryCheck', {
      Principal: { Service: 'delivery.logs.amazonaws.com' },
      Action: ['s3:GetBucketAcl', 's3:ListBucket'],
      Resource: [bucket],
      Condition: delivery
    })
  )
}

/** The clean rooms' Pulumi state: private and over TLS. */
export function stateBucketPolicy ({ names }: PolicyContext): PolicyDocument {
  return policy(tlsOnly('s3:*', [names.stateBucketArn, `${names.stateBucketArn}/*`]))
}
