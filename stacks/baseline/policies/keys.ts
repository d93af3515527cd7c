/**
 * Who may use which key. The account administers keys, which is not the right to use them: that needs
 * a statement here AND the role's own policy. Roles are named by condition, so that a key that
 * outlives its roles (a kept evidence key) still knows them when they are made again.
 */
import { ROLE_PATH, ROOM_PATH, type KeyName } from '../names.ts'
import { accountRoot, allow, deny, onlyRoles, policy, type PolicyContext, type PolicyDocument, type Statement } from './document.ts'

/** AWS KMS Developer Guide, "Key administrators"; no Encrypt, Decrypt, Sign or CreateGrant. */
function administration (ctx: PolicyContext): Statement[] {
  return [
    allow('Administration', {
      Principal: { AWS: accountRoot(ctx) },
      Action: [
        'kms:Describe*', 'kms:Get*', 'kms:List*', 'kms:PutKeyPolicy', 'kms:EnableKey', 'kms:DisableKey', 'kms:EnableKeyRotation',
        'kms:UpdateKeyDescription', 'kms:CreateAlias', 'kms:UpdateAlias', 'kms:DeleteAlias', 'kms:RevokeGrant', 'kms:TagResource',
        'kms:UntagResource', 'kms:ScheduleKeyDeletion', 'kms:CancelKeyDeletion'
      ],
      Resource: ['*']
    }),
    deny('AdministrationByResponders', {
      Principal: { AWS: '*' },
      Action: ['kms:PutKeyPolicy', 'kms:DisableKey', 'kms:ScheduleKeyDeletion', 'kms:DeleteAlias', 'kms:UpdateAlias', 'kms:DisableKeyRotation'],
      Resource: ['*'],
      Condition: { ArnLike: { 'aws:PrincipalArn': `arn:${ctx.partition}:iam::${ctx.accountId}:role${ROLE_PATH}*` } }
    })
  ]
}

const OBJECT_USE = ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:DescribeKey']
/** EBS User Guide, "Requirements for Amazon EBS encryption". */
export const VOLUME_USE = ['kms:Decrypt', 'kms:DescribeKey', 'kms:GenerateDataKeyWithoutPlaintext', 'kms:ReEncryptFrom', 'kms:ReEncryptTo']

/** Use through one AWS service, by these roles. */
function through (ctx: PolicyContext, sid: string, service: string, roleArns: string[], actions: string[], more = {}): Statement {
  const roles = onlyRoles(ctx, roleArns)
  return allow(sid, {
    ...roles,
    Action: actions,
    Resource: ['*'],
    Condition: { ...roles.Condition, StringLike: { 'kms:ViaService': `${service}.*.amazonaws.com` }, ...more }
  })
}

/** Objects of the vault, disks of the clean rooms, flow logs delivered to the vault. */
export function evidenceKeyPolicy (ctx: PolicyContext): PolicyDocument {
  const { names, partition, accountId } = ctx
  const rooms = `arn:${partition}:iam::${accountId}:role${ROOM_PATH}*`
  const disks = [names.roleArn('acquire'), names.roleArn('build')]
  return policy(
    ...administration(ctx),
    through(ctx, 'Objects', 's3', [...['controller', 'acquire', 'breakGlass'].map(role => names.roleArn(role as 'controller')), rooms], OBJECT_USE),
    through(ctx, 'ReadObjects', 's3', [names.roleArn('investigator'), names.roleArn('analyse')], ['kms:Decrypt', 'kms:DescribeKey']),
    through(ctx, 'Disks', 'ec2', disks, VOLUME_USE),
    through(ctx, 'DisksInUse', 'ec2', disks, ['kms:CreateGrant'], { Bool: { 'kms:GrantIsForAWSResource': 'true' } }),
    allow('FlowLogDelivery', {
      Principal: { Service: 'delivery.logs.amazonaws.com' },
      Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
      Resource: ['*'],
      Condition: { StringEquals: { 'aws:SourceAccount': accountId } }
    })
  )
}

/** Only the controller signs; who may read the case may verify. */
export function signingKeyPolicy (ctx: PolicyContext): PolicyDocument {
  const roles = (...names: Array<'controller' | 'investigator' | 'breakGlass'>) => onlyRoles(ctx, names.map(ctx.names.roleArn))
  return policy(
    ...administration(ctx),
    allow('Sign', { ...roles('controller'), Action: ['kms:Sign'], Resource: ['*'] }),
    allow('Verify', { ...roles('controller', 'investigator', 'breakGlass'), Action: ['kms:GetPublicKey', 'kms:Verify', 'kms:DescribeKey'], Resource: ['*'] })
  )
}

/** Pulumi's secrets and the bucket they lie in. */
export function stateKeyPolicy (ctx: PolicyContext): PolicyDocument {
  const roles = onlyRoles(ctx, [ctx.names.roleArn('controller')])
  return policy(
    ...administration(ctx),
    allow('State', { ...roles, Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:GenerateDataKey', 'kms:DescribeKey'], Resource: ['*'] })
  )
}

/** Topics: EventBridge, the controller, and whoever the intake hears. */
export function messagesKeyPolicy (ctx: PolicyContext): PolicyDocument {
  const use = ['kms:Decrypt', 'kms:GenerateDataKey']
  return policy(
    ...administration(ctx),
    allow('EventBridge', {
      Principal: { Service: 'events.amazonaws.com' },
      Action: use,
      Resource: ['*'],
      Condition: { StringEquals: { 'aws:SourceAccount': ctx.accountId } }
    }),
    through(ctx, 'Controller', 'sns', [ctx.names.roleArn('controller')], use),
    // Whoever may publish to the intake topic, by its policy, must be able to use its key.
    allow('Intake', {
      Principal: { AWS: ctx.accounts.map(account => `arn:${ctx.partition}:iam::${account}:root`) },
      Action: use,
      Resource: ['*'],
      Condition: { StringLike: { 'kms:ViaService': 'sns.*.amazonaws.com' } }
    })
  )
}

export const KEY_POLICIES: Record<KeyName, (ctx: PolicyContext) => PolicyDocument> = {
  evidence: evidenceKeyPolicy, signing: signingKeyPolicy, state: stateKeyPolicy, messages: messagesKeyPolicy
}
