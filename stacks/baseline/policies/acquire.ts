/**
 * Acquisition: reads everything about a suspected machine, snapshots its disks, captures volatile data
 * through documents of our own, writes what it found to the vault. It deletes nothing, snapshots included.
 */
import { allow, ec2, inScope, ON_OURS, policy, TAGGED_OURS, type PolicyContext, type PolicyDocument } from './document.ts'
import { VOLUME_USE } from './keys.ts'
import { describeMachines, evidenceKeyForObjects, readAccessKeys, readCommands, readIdentities, readRecords } from './reads.ts'

export function acquirePolicy (ctx: PolicyContext): PolicyDocument {
  const { partition, accountId, names } = ctx
  const throughEc2 = { StringLike: { 'kms:ViaService': 'ec2.*.amazonaws.com' } }
  // The suspected disks may be encrypted under any key of the account.
  const keys = [`arn:${partition}:kms:*:${accountId}:key/*`]
  return policy(
    describeMachines(),
    readIdentities(),
    readAccessKeys(),
    // A dry run says which permissions containment lacks.
    allow('AskWhatContainmentMay', { Action: ['iam:SimulatePrincipalPolicy'], Resource: [names.roleArn('contain')] }),
    readRecords(),
    readCommands(),
    allow('SnapshotDisksOf', { Action: ['ec2:CreateSnapshot', 'ec2:CreateSnapshots'], Resource: ec2(ctx, 'instance', 'volume') }),
    allow('MakeSnapshots', {
      Action: ['ec2:CreateSnapshot', 'ec2:CreateSnapshots', 'ec2:CopySnapshot'], Resource: ec2(ctx, 'snapshot'), Condition: TAGGED_OURS
    }),
    allow('TagSnapshots', {
      Action: ['ec2:CreateTags'],
      Resource: ec2(ctx, 'snapshot'),
      Condition: { StringEquals: { 'ec2:CreateAction': ['CreateSnapshot', 'CreateSnapshots', 'CopySnapshot'] } }
    }),
    allow('NameSnapshots', {
      Action: ['ec2:CreateTags'],
      Resource: ec2(ctx, 'snapshot'),
      Condition: { ...ON_OURS, 'ForAllValues:StringEquals': { 'aws:TagKeys': ['Name'] }, Null: { 'aws:TagKeys': 'false' } }
    }),
    allow('KeepSnapshots', { Action: ['ec2:LockSnapshot', 'ec2:ModifySnapshotAttribute'], Resource: ec2(ctx, 'snapshot'), Condition: ON_OURS }),
    allow('ReadBlocks', {
      Action: ['ebs:ListSnapshotBlocks', 'ebs:ListChangedBlocks', 'ebs:GetSnapshotBlock'], Resource: ec2(ctx, 'snapshot'), Condition: ON_OURS
    }),
    allow('Console', { Action: ['ec2:GetConsoleOutput', 'ec2:GetConsoleScreenshot'], Resource: ec2(ctx, 'instance') }),
    allow('RunOwnDocuments', { Action: ['ssm:SendCommand'], Resource: [`arn:${partition}:ssm:*:${accountId}:document/${names.prefix}-*`] }),
    allow('RunOnMachines', { Action: ['ssm:SendCommand'], Resource: ec2(ctx, 'instance') }),
    allow('StopOwnCommands', { Action: ['ssm:CancelCommand'], Resource: ['*'] }),
    allow('WriteEvidence', {
      Action: ['s3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'], Resource: [`${names.evidenceBucketArn}/incidents/*`]
    }),
    evidenceKeyForObjects(ctx, 'kms:GenerateDataKey', 'kms:Decrypt'),
    allow('DiskKeys', { Action: VOLUME_USE, Resource: keys, Condition: throughEc2 }),
    allow('DiskKeyGrants', { Action: ['kms:CreateGrant'], Resource: keys, Condition: { ...throughEc2, Bool: { 'kms:GrantIsForAWSResource': 'true' } } }),
    inScope(ctx)
  )
}
