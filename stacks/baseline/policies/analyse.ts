/** Analysis: our one document, on clean-room machines only, and the results. */
import { allow, ec2, inScope, policy, type PolicyContext, type PolicyDocument } from './document.ts'
import { evidenceKeyForObjects, readCommands } from './reads.ts'

export function analysePolicy (ctx: PolicyContext): PolicyDocument {
  const { partition, accountId, names } = ctx
  return policy(
    allow('RunPackage', { Action: ['ssm:SendCommand'], Resource: [`arn:${partition}:ssm:*:${accountId}:document/${names.runPackage}`] }),
    allow('OnWorkstations', {
      Action: ['ssm:SendCommand'],
      Resource: ec2(ctx, 'instance'),
      Condition: { StringEquals: { 'ssm:resourceTag/cleanroom:managed': 'true' } }
    }),
    allow('StopOwnCommands', { Action: ['ssm:CancelCommand'], Resource: ['*'] }),
    readCommands(),
    allow('FindWorkstation', { Action: ['ec2:DescribeInstances', 'ec2:DescribeInstanceStatus', 'ec2:DescribeVolumes'], Resource: ['*'] }),
    allow('ReadResults', {
      Action: ['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectAttributes'],
      Resource: [`${names.evidenceBucketArn}/incidents/*/analysis/*`]
    }),
    evidenceKeyForObjects(ctx, 'kms:Decrypt'),
    inScope(ctx)
  )
}
