import { DescribeKeyCommand } from '@aws-sdk/client-kms'
import type { GetAliasArgs } from '@pulumi/aws/kms/getAlias.js'
import type { GetKeyArgs } from '@pulumi/aws/kms/getKey.js'
import { Type } from 'typebox'
import { lookUp } from '../engine/function-type.ts'
import { may, must } from '../engine/schema.ts'
import { findAlias } from './alias.ts'
import { kms } from './client.ts'

export const getAlias = lookUp<GetAliasArgs>()({ name: must.text(), region: may.text() }, async (call, { name }) => {
  const alias = await findAlias(call, name)
  if (!alias) throw new Error(`reading KMS Alias (${name}): couldn't find resource`)
  // AWS's own aliases name no key until it is first used.
  const { KeyMetadata } = await kms(call).send(new DescribeKeyCommand({ KeyId: alias.TargetKeyId ?? name }))
  return {
    arn: alias.AliasArn, id: alias.AliasArn, name, region: call.region, targetKeyArn: KeyMetadata?.Arn, targetKeyId: KeyMetadata?.KeyId
  }
})

export const getKey = lookUp<GetKeyArgs>()({
  grantTokens: may.list(Type.String()), keyId: must.text(), region: may.text()
}, async (call, { keyId, grantTokens }) => {
  const { KeyMetadata: key } = await kms(call).send(new DescribeKeyCommand({ KeyId: keyId, GrantTokens: grantTokens }))
  return {
    ...(grantTokens && { grantTokens }),
    arn: key?.Arn,
    awsAccountId: key?.AWSAccountId,
    cloudHsmClusterId: key?.CloudHsmClusterId ?? '',
    creationDate: key?.CreationDate?.toISOString() ?? '',
    customKeyStoreId: key?.CustomKeyStoreId ?? '',
    customerMasterKeySpec: key?.KeySpec,
    deletionDate: key?.DeletionDate?.toISOString() ?? '',
    description: key?.Description ?? '',
    enabled: key?.Enabled ?? false,
    expirationModel: key?.ExpirationModel ?? '',
    id: key?.KeyId,
    keyId,
    keyManager: key?.KeyManager ?? '',
    keySpec: key?.KeySpec,
    keyState: key?.KeyState,
    keyUsage: key?.KeyUsage,
    multiRegion: key?.MultiRegion ?? false,
    multiRegionConfigurations: [],
    origin: key?.Origin ?? '',
    pendingDeletionWindowInDays: key?.PendingDeletionWindowInDays ?? 0,
    region: call.region,
    validTo: key?.ValidTo?.toISOString() ?? '',
    xksKeyConfigurations: []
  }
})
