/** People who look and change nothing. */
import { allow, inScope, policy, type PolicyContext, type PolicyDocument } from './document.ts'
import { describeMachines, evidenceKeyForObjects, readCommands, readEvidence, readIdentities, readRecords } from './reads.ts'

export function investigatorPolicy (ctx: PolicyContext): PolicyDocument {
  return policy(
    describeMachines(),
    readIdentities(),
    readRecords(),
    readCommands(),
    ...readEvidence(ctx),
    evidenceKeyForObjects(ctx, 'kms:Decrypt'),
    allow('VerifySignatures', { Action: ['kms:GetPublicKey', 'kms:Verify', 'kms:DescribeKey'], Resource: [ctx.signingKeyArn] }),
    allow('ReadBaseline', { Action: ['ssm:GetParameter'], Resource: [ctx.names.parameterArn] }),
    allow('FindByTag', { Action: ['tag:GetResources'], Resource: ['*'] }),
    inScope(ctx)
  )
}
