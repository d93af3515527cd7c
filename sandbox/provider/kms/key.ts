import {
  CreateKeyCommand, DescribeKeyCommand, DisableKeyCommand, DisableKeyRotationCommand, EnableKeyCommand, EnableKeyRotationCommand,
  GetKeyPolicyCommand, GetKeyRotationStatusCommand, ListResourceTagsCommand, PutKeyPolicyCommand, ScheduleKeyDeletionCommand,
  TagResourceCommand, UntagResourceCommand, UpdateKeyDescriptionCommand, type KeySpec, type KeyUsageType
} from '@aws-sdk/client-kms'
import type { KeyArgs } from '@pulumi/aws/kms/key.js'
import type { KeyPolicyArgs } from '@pulumi/aws/kms/keyPolicy.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may, must } from '../engine/schema.ts'
import { unlessGone, until, whileRefused } from '../engine/wait.ts'
import { GONE, kms } from './client.ts'

/** A key on its way to deletion is gone for a program. */
async function describe (call: AwsCall, KeyId: string) {
  const found = await unlessGone(GONE, async () => await kms(call).send(new DescribeKeyCommand({ KeyId })))
  const key = found?.KeyMetadata
  return key?.KeyState === 'PendingDeletion' || key?.KeyState === 'PendingReplicaDeletion' ? undefined : key
}

/** A principal that was just made is not known to KMS at once. */
async function withNewPrincipals<T> (act: () => Promise<T>): Promise<T> {
  return await whileRefused(['MalformedPolicyDocumentException'], act, { seconds: 120 })
}

async function rotation (call: AwsCall, KeyId: string) {
  return await unlessGone(['UnsupportedOperationException', 'AccessDeniedException'], async () =>
    await kms(call).send(new GetKeyRotationStatusCommand({ KeyId })))
}

async function setRotation (call: AwsCall, KeyId: string, enabled: boolean, RotationPeriodInDays?: number) {
  await kms(call).send(enabled ? new EnableKeyRotationCommand({ KeyId, RotationPeriodInDays }) : new DisableKeyRotationCommand({ KeyId }))
}

export const key = resource<KeyArgs>()({
  inputs: {
    bypassPolicyLockoutSafetyCheck: may.flag({ default: false }),
    customKeyStoreId: may.text({ replaces: true }),
    customerMasterKeySpec: may.text({ default: 'SYMMETRIC_DEFAULT', replaces: true }),
    deletionWindowInDays: may.number({ minimum: 7, maximum: 30 }),
    description: may.text({ computed: true }),
    enableKeyRotation: may.flag({ default: false }),
    isEnabled: may.flag({ default: true }),
    keyUsage: may.text({ default: 'ENCRYPT_DECRYPT', replaces: true, enum: ['ENCRYPT_DECRYPT', 'SIGN_VERIFY', 'GENERATE_VERIFY_MAC', 'KEY_AGREEMENT'] }),
    multiRegion: may.flag({ computed: true, replaces: true }),
    policy: may.json({ computed: true }),
    rotationPeriodInDays: may.number({ computed: true, minimum: 90, maximum: 2560 })
  },
  outputs: ['arn', 'keyId'],
  tagging: {
    async set (call, id, _state, tags) {
      await kms(call).send(new TagResourceCommand({ KeyId: id, Tags: Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })) }))
    },
    async unset (call, id, _state, keys) {
      await kms(call).send(new UntagResourceCommand({ KeyId: id, TagKeys: keys }))
    }
  },
  async create (call, inputs) {
    const { KeyMetadata } = await withNewPrincipals(async () => await kms(call).send(new CreateKeyCommand({
      BypassPolicyLockoutSafetyCheck: inputs.bypassPolicyLockoutSafetyCheck,
      CustomKeyStoreId: inputs.customKeyStoreId,
      Description: inputs.description,
      KeySpec: inputs.customerMasterKeySpec as KeySpec,
      KeyUsage: inputs.keyUsage as KeyUsageType,
      MultiRegion: inputs.multiRegion,
      Policy: inputs.policy,
      Tags: Object.entries(call.tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue }))
    })))
    const id = KeyMetadata!.KeyId!
    call.created(id)
    await until('the key to show', async () => await describe(call, id), { seconds: 120 })
    if (inputs.enableKeyRotation) await setRotation(call, id, true, inputs.rotationPeriodInDays)
    if (inputs.isEnabled === false) await kms(call).send(new DisableKeyCommand({ KeyId: id }))
    return id
  },
  async read (call, id) {
    const key = await describe(call, id)
    if (!key) return undefined
    const [policy, rotated, tags] = await Promise.all([
      kms(call).send(new GetKeyPolicyCommand({ KeyId: id, PolicyName: 'default' })),
      key.KeySpec === 'SYMMETRIC_DEFAULT' ? rotation(call, id) : undefined,
      kms(call).send(new ListResourceTagsCommand({ KeyId: id }))
    ])
    return {
      arn: key.Arn,
      customKeyStoreId: key.CustomKeyStoreId,
      customerMasterKeySpec: key.KeySpec,
      description: key.Description ?? '',
      enableKeyRotation: rotated?.KeyRotationEnabled ?? false,
      isEnabled: key.Enabled,
      keyId: key.KeyId,
      keyUsage: key.KeyUsage,
      multiRegion: key.MultiRegion ?? false,
      policy: policy.Policy,
      rotationPeriodInDays: rotated?.RotationPeriodInDays ?? 0,
      tags: Object.fromEntries((tags.Tags ?? []).map(({ TagKey = '', TagValue = '' }) => [TagKey, TagValue]))
    }
  },
  async update (call, KeyId, news, _olds, changed) {
    // A disabled key takes no other change.
    if (changed.has('isEnabled') && news.isEnabled) await kms(call).send(new EnableKeyCommand({ KeyId }))
    if (changed.has('enableKeyRotation') || (changed.has('rotationPeriodInDays') && news.enableKeyRotation)) {
      await setRotation(call, KeyId, news.enableKeyRotation === true, news.rotationPeriodInDays || undefined)
    }
    if (changed.has('description')) await kms(call).send(new UpdateKeyDescriptionCommand({ KeyId, Description: news.description ?? '' }))
    if (changed.has('policy')) {
      await withNewPrincipals(async () => await kms(call).send(new PutKeyPolicyCommand({
        KeyId, PolicyName: 'default', Policy: news.policy, BypassPolicyLockoutSafetyCheck: news.bypassPolicyLockoutSafetyCheck
      })))
    }
    if (changed.has('isEnabled') && !news.isEnabled) await kms(call).send(new DisableKeyCommand({ KeyId }))
  },
  async delete (call, KeyId, { deletionWindowInDays }) {
    // KMSInvalidStateException: it is pending deletion already.
    await unlessGone([...GONE, 'KMSInvalidStateException'], async () =>
      await kms(call).send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: deletionWindowInDays })))
  }
})

/** What AWS gives a key that is made without a policy. */
function defaultPolicy (call: AwsCall): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Id: 'key-default-1',
    Statement: [{
      Sid: 'Enable IAM User Permissions', Effect: 'Allow', Principal: { AWS: `arn:${call.partition}:iam::${call.accountId}:root` }, Action: 'kms:*', Resource: '*'
    }]
  })
}

async function putPolicy (call: AwsCall, KeyId: string, Policy: string, BypassPolicyLockoutSafetyCheck?: boolean) {
  await withNewPrincipals(async () =>
    await kms(call).send(new PutKeyPolicyCommand({ KeyId, PolicyName: 'default', Policy, BypassPolicyLockoutSafetyCheck })))
}

export const keyPolicy = resource<KeyPolicyArgs>()({
  inputs: { bypassPolicyLockoutSafetyCheck: may.flag(), keyId: must.text({ replaces: true }), policy: must.json() },
  outputs: [],
  async create (call, { keyId, policy, bypassPolicyLockoutSafetyCheck }) {
    await putPolicy(call, keyId, policy, bypassPolicyLockoutSafetyCheck)
    return keyId
  },
  async read (call, id) {
    if (!await describe(call, id)) return undefined
    const { Policy } = await kms(call).send(new GetKeyPolicyCommand({ KeyId: id, PolicyName: 'default' }))
    return { keyId: id, policy: Policy }
  },
  async update (call, id, { policy, bypassPolicyLockoutSafetyCheck }) {
    await putPolicy(call, id, policy, bypassPolicyLockoutSafetyCheck)
  },
  async delete (call, id) {
    if (await describe(call, id)) await putPolicy(call, id, defaultPolicy(call))
  }
})
